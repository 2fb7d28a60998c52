/** Addition, subtraction, multiplication, division and comparison with zeros and infinities: what x87 and SSE have in common (SDM vol. 1, 4.8.3). */
import { setIndefinite, setInfinity, setZero } from './float80.js';
import { addNumbers, divideNumbers, magnitudeEqual, magnitudeLess, multiplyNumbers } from './kernels.js';
import { DOWN, FINITE, IE, INFINITY, type Num, ZE, ZERO } from './number.js';
import { STATUS } from './state.js';

/** out = a op b for operands that are no NaNs; a FINITE result is unrounded. Returns IE, ZE or 0. */
export type Operation = (out: Num, a: Num, b: Num, mode: number) => number;

export function invalid(out: Num): number {
  setIndefinite(out);
  return IE;
}

function addSigned(out: Num, a: Num, b: Num, flip: number, mode: number): number {
  if (a.kind === FINITE && b.kind === FINITE) {
    addNumbers(out, a, b, flip);
    if (out.kind === ZERO) setZero(out, mode === DOWN ? 1 : 0);
    return 0;
  }
  const signB = b.sign ^ flip;
  if (a.kind === INFINITY && b.kind === INFINITY && a.sign !== signB) return invalid(out);
  if (a.kind === ZERO && b.kind === ZERO) {
    setZero(out, a.sign === signB ? a.sign : mode === DOWN ? 1 : 0);
    return 0;
  }
  if (a.kind === INFINITY || b.kind === ZERO) out.copy(a);
  else {
    out.copy(b);
    out.sign = signB;
  }
  return 0;
}

export const add: Operation = (out, a, b, mode) => addSigned(out, a, b, 0, mode);
export const subtract: Operation = (out, a, b, mode) => addSigned(out, a, b, 1, mode);
export const subtractReversed: Operation = (out, a, b, mode) => addSigned(out, b, a, 1, mode);

export const multiply: Operation = (out, a, b) => {
  if (a.kind === FINITE && b.kind === FINITE) {
    multiplyNumbers(out, a, b);
    return 0;
  }
  const sign = a.sign ^ b.sign;
  if (a.kind === INFINITY || b.kind === INFINITY) {
    if (a.kind === ZERO || b.kind === ZERO) return invalid(out);
    setInfinity(out, sign);
  } else setZero(out, sign);
  return 0;
};

export const divide: Operation = (out, a, b) => {
  if (a.kind === FINITE && b.kind === FINITE) {
    divideNumbers(out, a, b);
    return 0;
  }
  if (a.kind === b.kind) return invalid(out);
  const sign = a.sign ^ b.sign;
  if (a.kind === ZERO || b.kind === INFINITY) {
    setZero(out, sign);
    return 0;
  }
  setInfinity(out, sign);
  return b.kind === ZERO && a.kind === FINITE ? ZE : 0;
};
export const divideReversed: Operation = (out, a, b, mode) => divide(out, b, a, mode);

/** Outcomes, as the C3 C2 C0 bits they set; ZF PF CF are the same bits elsewhere. */
export const GREATER = 0;
export const LESS = STATUS.C0;
export const EQUAL = STATUS.C3;
export const UNORDERED = STATUS.C3 | STATUS.C2 | STATUS.C0;

/** Orders two numbers that are no NaNs. */
export function order(a: Num, b: Num): number {
  if (a.kind === ZERO && b.kind === ZERO) return EQUAL;
  const signA = a.kind === ZERO ? 1 - b.sign : a.sign;
  const signB = b.kind === ZERO ? 1 - a.sign : b.sign;
  if (signA !== signB) return signA ? LESS : GREATER;
  if (sameMagnitude(a, b)) return EQUAL;
  return lessMagnitude(a, b) !== (signA !== 0) ? LESS : GREATER;
}

function sameMagnitude(a: Num, b: Num): boolean {
  return a.kind === b.kind && (a.kind === INFINITY || magnitudeEqual(a, b));
}

function lessMagnitude(a: Num, b: Num): boolean {
  if (a.kind !== FINITE || b.kind !== FINITE) return b.kind === INFINITY || a.kind === ZERO;
  return magnitudeLess(a, b);
}
