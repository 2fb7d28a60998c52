/** Constructors of pure values that fold constants, so that semantics can be written without looking at operands. */
import type { BinaryOp, UnaryOp, Value, Width } from './ir.js';

export const mask = (width: Width): number => (width === 8 ? 0xff : width === 16 ? 0xffff : -1);

/** Canonical form of an int32 at a width: zero-extended for 8 and 16 bits. */
export const canonical = (width: Width, value: number): number => value & mask(width);

export const constant = (width: Width, value: number): Value => ({
  op: 'const',
  width,
  value: canonical(width, value),
});

const toSigned = (width: Width, value: number): number =>
  width === 8 ? (value << 24) >> 24 : width === 16 ? (value << 16) >> 16 : value;

/**
 * The high 32 bits of an unsigned product. The double product is within 2^11 of the true one, so after the low half is taken away the quotient by 2^32
 * is within 2^-21 of the integer that it must be.
 */
export function mulHighU(a: number, b: number): number {
  return (((a >>> 0) * (b >>> 0) - (Math.imul(a, b) >>> 0)) * 2.3283064365386963e-10 + 0.5) | 0;
}
export function mulHighS(a: number, b: number): number {
  return Math.floor((a * b - (Math.imul(a, b) >>> 0)) * 2.3283064365386963e-10 + 0.5) | 0;
}

/**
 * The low 32 bits of the unsigned quotient (high:low) / divisor of int32 values. A double quotient below 2^32 is within 2^-20 of the true one, so its integer part is
 * right unless it lies nearer to an integer; then the division goes by two digits of 16 bits, each partial dividend below 2^48.
 */
export function divideLong(high: number, low: number, divisor: number): number {
  const l = low >>> 0;
  const d = divisor >>> 0;
  if (high === 0) return ((l / d) >>> 0) | 0;
  const h = high >>> 0;
  const near = (h * 4294967296 + l) / d;
  const quotient = near >>> 0;
  const rest = near - quotient;
  if (rest > NEAR_INTEGER && rest < 1 - NEAR_INTEGER) return quotient | 0;
  const upper = h * 0x10000 + (l >>> 16);
  const first = Math.floor(upper / d);
  return (first * 0x10000 + Math.floor(((upper - first * d) * 0x10000 + (l & 0xffff)) / d)) | 0;
}
const NEAR_INTEGER = 2 ** -19;
/** The quotient of int32 values; 0 for a divisor of 0. */
export const divideS = (a: number, b: number): number => (a / b) | 0;

/** What each binary operation computes on canonical operands; the evaluator's definition and the folder's. */
export function evaluateBinary(op: BinaryOp, width: Width, a: number, b: number): number {
  switch (op) {
    case 'add':
      return canonical(width, a + b);
    case 'sub':
      return canonical(width, a - b);
    case 'mul':
      return canonical(width, Math.imul(a, b));
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    case 'shl':
      return canonical(width, a << b);
    case 'shrU':
      return canonical(width, a >>> b);
    case 'shrS':
      return canonical(width, toSigned(width, a) >> b);
    case 'eq':
      return a === b ? 1 : 0;
    case 'ne':
      return a !== b ? 1 : 0;
    case 'ltU':
      return a >>> 0 < b >>> 0 ? 1 : 0;
    case 'leU':
      return a >>> 0 <= b >>> 0 ? 1 : 0;
    case 'ltS':
      return a < b ? 1 : 0;
    case 'leS':
      return a <= b ? 1 : 0;
    case 'mulHighU':
      return mulHighU(a, b);
    case 'mulHighS':
      return mulHighS(a, b);
    case 'mulOverflows':
      return Math.imul(a, b) !== a * b ? 1 : 0;
    case 'divS':
      return divideS(a, b);
  }
}
export function evaluateUnary(op: UnaryOp, width: Width, a: number): number {
  switch (op) {
    case 'not':
      return canonical(width, ~a);
    case 'neg':
      return canonical(width, -a);
    case 'clz':
      return Math.clz32(a);
    case 'isZero':
      return a === 0 ? 1 : 0;
  }
}

const isConst = (v: Value, value: number): boolean => v.op === 'const' && v.value === value;
const NEUTRAL_RIGHT: Partial<Record<BinaryOp, number>> = {
  add: 0,
  sub: 0,
  or: 0,
  xor: 0,
  shl: 0,
  shrU: 0,
  shrS: 0,
};

const COMPARISONS = new Set<BinaryOp>(['eq', 'ne', 'ltU', 'ltS', 'leU', 'leS', 'mulOverflows']);

export function binary(op: BinaryOp, width: Width, left: Value, right: Value): Value {
  if (left.op === 'const' && right.op === 'const') {
    return constant(COMPARISONS.has(op) ? 32 : width, evaluateBinary(op, width, left.value, right.value));
  }
  const neutral = NEUTRAL_RIGHT[op];
  if (neutral !== undefined && isConst(right, neutral)) return left;
  if ((op === 'add' || op === 'or') && isConst(left, 0)) return right;
  if (
    op === 'add' &&
    right.op === 'const' &&
    left.op === 'add' &&
    left.right.op === 'const' &&
    left.width === width
  ) {
    return binary('add', width, left.left, constant(width, left.right.value + right.value));
  }
  return { op, width: COMPARISONS.has(op) ? 32 : width, left, right };
}
export function unary(op: UnaryOp, width: Width, value: Value): Value {
  if (value.op === 'const')
    return constant(op === 'isZero' || op === 'clz' ? 32 : width, evaluateUnary(op, width, value.value));
  return { op, width: op === 'isZero' || op === 'clz' ? 32 : width, value };
}
export function zeroExtend(width: Width, value: Value): Value {
  if (value.width === width) return value;
  if (value.op === 'const') return constant(width, value.value);
  return { op: 'zeroExtend', width, value };
}
export function signExtend(width: Width, value: Value): Value {
  if (value.width === width) return value;
  if (value.op === 'const') return constant(width, toSigned(value.width, value.value));
  return { op: 'signExtend', width, value };
}
export function truncate(width: Width, value: Value): Value {
  if (value.width === width) return value;
  if (value.op === 'const') return constant(width, value.value);
  return { op: 'truncate', width, value };
}
export function select(condition: Value, then: Value, otherwise: Value): Value {
  if (condition.op === 'const') return condition.value !== 0 ? then : otherwise;
  return { op: 'select', width: then.width, condition, then, else: otherwise };
}
