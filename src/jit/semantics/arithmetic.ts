/** Semantics: two-operand arithmetic and logic, increment, multiply, divide, BCD (SDM vol. 1, 7.3). */
import type { Builder } from '../builder.js';
import { FlagKind, type Value, type Width } from '../ir.js';
import { EFLAGS, EAX, EDX } from '../../runtime/state.js';

type Combine = (b: Builder, left: Value, right: Value) => Value;

function arithmetic(kind: FlagKind, combine: Combine, writes: boolean, exact = true) {
  return (b: Builder): void => {
    const left = b.let(writes ? b.readForWrite(0) : b.read(0));
    const right = b.let(b.read(1, b.width(0)));
    const result = b.let(combine(b, left, right));
    if (writes) b.write(0, result);
    b.setFlags(kind, result, left, right, exact);
  };
}
function logic(combine: Combine, writes: boolean) {
  return (b: Builder): void => {
    const left = writes ? b.readForWrite(0) : b.read(0);
    const right = b.read(1, b.width(0));
    const result = b.let(combine(b, left, right));
    if (writes) b.write(0, result);
    b.setResultFlags(result);
  };
}
const withCarry = (b: Builder, width: Width): Value => b.let(b.truncate(width, b.carry()));

function step(kind: typeof FlagKind.INC | typeof FlagKind.DEC) {
  return (b: Builder): void => {
    const value = b.readForWrite(0);
    const one = b.constant(value.width, 1);
    const carry = b.let(b.carry());
    const result = b.let(kind === FlagKind.INC ? b.add(value, one) : b.sub(value, one));
    b.write(0, result);
    b.setFlags(kind, result, carry);
  };
}

/** CF and OF when the high half says the product did not fit; the other flags are undefined. */
function multiplyFlags(b: Builder, low: Value, overflowed: Value): void {
  b.setResultFlags(low, b.select(overflowed, b.constant(32, EFLAGS.CF | EFLAGS.OF), b.constant(32, 0)));
}

function multiplyByte(b: Builder, signed: boolean): void {
  const extend = (v: Value): Value => (signed ? b.signExtend(32, v) : b.zeroExtend(32, v));
  const product = b.let(b.binary('mul', extend(b.gpr(EAX, 8)), extend(b.read(0))));
  const low = b.let(b.truncate(8, product));
  b.setGpr(EAX, 16, b.truncate(16, product));
  multiplyFlags(b, low, b.let(b.binary('ne', extend(low), product)));
}
function multiplyWord(b: Builder, signed: boolean): void {
  const extend = (v: Value): Value => (signed ? b.signExtend(32, v) : b.zeroExtend(32, v));
  const product = b.let(b.binary('mul', extend(b.gpr(EAX, 16)), extend(b.read(0))));
  const low = b.let(b.truncate(16, product));
  b.setGpr(EAX, 16, low);
  b.setGpr(EDX, 16, b.truncate(16, b.shift('shrU', product, 16)));
  multiplyFlags(b, low, b.let(b.binary('ne', extend(low), product)));
}
function multiplyDouble(b: Builder, signed: boolean): void {
  const left = b.let(b.gpr(EAX));
  const right = b.let(b.read(0));
  const low = b.let(b.binary('mul', left, right));
  const high = b.let(b.binary(signed ? 'mulHighS' : 'mulHighU', left, right));
  b.setGpr(EAX, 32, low);
  b.setGpr(EDX, 32, high);
  multiplyFlags(b, low, b.let(b.binary('ne', high, signed ? b.shift('shrS', low, 31) : b.constant(32, 0))));
}
function multiply(b: Builder, signed: boolean): void {
  const width = b.width(0);
  if (width === 8) multiplyByte(b, signed);
  else if (width === 16) multiplyWord(b, signed);
  else multiplyDouble(b, signed);
}

/** Two- and three-operand IMUL. */
function multiplyTruncated(b: Builder): void {
  const first = b.operandCount === 3 ? 1 : 0;
  const left = b.let(b.read(first));
  const right = b.let(b.read(first + 1, b.width(0)));
  if (b.width(0) === 32) {
    const result = b.let(b.binary('mul', left, right));
    b.write(0, result);
    multiplyFlags(b, result, b.let(b.binary('mulOverflows', left, right)));
  } else {
    const product = b.let(b.binary('mul', b.signExtend(32, left), b.signExtend(32, right)));
    const result = b.let(b.truncate(16, product));
    b.write(0, result);
    multiplyFlags(b, result, b.let(b.binary('ne', b.signExtend(32, result), product)));
  }
}

/** EDX:EAX / divisor. The helper raises #DE, and divides dividends that do not fit in 32 bits if they are signed. */
function divideDouble(b: Builder, signed: boolean): void {
  const divisor = b.let(b.read(0));
  const low = b.let(b.gpr(EAX));
  const high = b.let(b.gpr(EDX));
  const one = b.constant(32, 1);
  const rare = signed
    ? b.or(b.binary('ne', high, b.shift('shrS', low, 31)), b.binary('leU', b.add(divisor, one), one))
    : b.binary('leU', divisor, high);
  b.rarely(
    rare,
    () => b.helper(signed ? 'idiv32' : 'div32', divisor),
    () => {
      const quotient = b.let(signed ? b.binary('divS', low, divisor) : b.divideLong(high, low, divisor));
      b.setGpr(EDX, 32, b.sub(low, b.binary('mul', quotient, divisor)));
      b.setGpr(EAX, 32, quotient);
    },
  );
}
function divide(signed: boolean) {
  return (b: Builder): void => {
    const width = b.width(0);
    if (width === 32) return divideDouble(b, signed);
    const divisor = b.read(0);
    b.helper(
      `${signed ? 'idiv' : 'div'}${width}`,
      signed ? b.signExtend(32, divisor) : b.zeroExtend(32, divisor),
    );
  };
}

export const ARITHMETIC = {
  ADD: arithmetic(FlagKind.ADD, (b, x, y) => b.add(x, y), true),
  ADC: arithmetic(FlagKind.ADD, (b, x, y) => b.add(b.add(x, y), withCarry(b, x.width)), true, false),
  SUB: arithmetic(FlagKind.SUB, (b, x, y) => b.sub(x, y), true),
  SBB: arithmetic(FlagKind.SUB, (b, x, y) => b.sub(b.sub(x, y), withCarry(b, x.width)), true, false),
  CMP: arithmetic(FlagKind.SUB, (b, x, y) => b.sub(x, y), false),
  AND: logic((b, x, y) => b.and(x, y), true),
  OR: logic((b, x, y) => b.or(x, y), true),
  XOR: logic((b, x, y) => b.xor(x, y), true),
  TEST: logic((b, x, y) => b.and(x, y), false),
  INC: step(FlagKind.INC),
  DEC: step(FlagKind.DEC),
  NOT: (b: Builder): void => b.write(0, b.not(b.readForWrite(0))),
  NEG: (b: Builder): void => {
    const value = b.let(b.readForWrite(0));
    const result = b.let(b.neg(value));
    b.write(0, result);
    b.setFlags(FlagKind.SUB, result, b.constant(value.width, 0), value);
  },
  MUL: (b: Builder): void => multiply(b, false),
  IMUL: (b: Builder): void => (b.operandCount === 1 ? multiply(b, true) : multiplyTruncated(b)),
  DIV: divide(false),
  IDIV: divide(true),
  XADD: (b: Builder): void => {
    const old = b.let(b.readForWrite(0));
    const added = b.let(b.read(1));
    const result = b.let(b.add(old, added));
    b.write(1, old);
    b.write(0, result);
    b.setFlags(FlagKind.ADD, result, old, added);
  },
  CMPXCHG: (b: Builder): void => {
    const old = b.let(b.readForWrite(0));
    const accumulator = b.let(b.gpr(EAX, old.width));
    const difference = b.let(b.sub(accumulator, old));
    b.when(
      b.isZero(difference),
      () => b.write(0, b.read(1)),
      () => {
        b.write(0, old);
        b.setGpr(EAX, old.width, old);
      },
    );
    b.setFlags(FlagKind.SUB, difference, accumulator, old);
  },
  CMPXCHG8B: (b: Builder): void => b.helper('cmpxchg8b', b.wholeLinear(0, true)),
  DAA: (b: Builder): void => b.helper('daa'),
  DAS: (b: Builder): void => b.helper('das'),
  AAA: (b: Builder): void => b.helper('aaa'),
  AAS: (b: Builder): void => b.helper('aas'),
  AAM: (b: Builder): void => b.helper('aam', b.read(0, 32)),
  AAD: (b: Builder): void => b.helper('aad', b.read(0, 32)),
} as const;
