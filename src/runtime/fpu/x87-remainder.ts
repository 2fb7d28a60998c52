/** x87 FPREM, FPREM1, FRNDINT, FSCALE and FXTRACT (SDM vol. 1, 8.3.5; vol. 2 for the tables of special operands). */
import { checkWaiting, type Helper, isEmpty, notePointers, physical } from './access.js';
import {
  clearC1,
  isSpecial,
  noteRounding,
  packRegister,
  propagateNan,
  propagateNan1,
  raise,
  roundingMode,
  setIndefinite,
  setInfinity,
  setZero,
  stackFault,
  unpackRegister,
} from './float80.js';
import { fromInt32, roundToInteger } from './formats.js';
import { addNumbers } from './kernels.js';
import {
  DE,
  EXTENDED,
  FINITE,
  finish,
  IE,
  INFINITY,
  normalize,
  Num,
  OE,
  PE,
  rounding,
  TRUNCATE,
  UE,
  ZE,
  ZERO,
} from './number.js';
import { type Fpu, STATUS } from './state.js';
import { push, underflowInto } from './x87-load-store.js';

const dividend = new Num();
const divisor = new Num();
const result = new Num();

/** Low bits of the quotient of the last reduction. */
let quotient = 0;

/**
 * result = the remainder of |a| by |b| × 2^(D - steps), D = difference of the exponents ≥ steps ≥ 0, by restoring division.
 * Exact: kind ZERO or a normalised FINITE.
 */
function reduce(out: Num, a: Num, b: Num, steps: number): void {
  const bh = b.high >>> 0, bl = b.low >>> 0; // prettier-ignore
  let rh = a.high >>> 0, rl = a.low >>> 0, carry = 0; // prettier-ignore
  quotient = 0;
  for (let i = steps; ; i--) {
    quotient <<= 1;
    if (carry !== 0 || rh > bh || (rh === bh && rl >= bl)) {
      quotient |= 1;
      rh = (rh - bh - (rl < bl ? 1 : 0)) >>> 0;
      rl = (rl - bl) >>> 0;
    }
    if (i === 0) break;
    carry = rh >>> 31;
    rh = ((rh << 1) | (rl >>> 31)) >>> 0;
    rl = (rl << 1) >>> 0;
  }
  out.set(FINITE, a.sign, a.exponent - steps, rh, rl);
}

/** FPREM1: the nearest quotient. `out` holds an unnormalised remainder r < b at b's exponent; r becomes r - b where that is nearer. */
function roundQuotient(out: Num, b: Num): void {
  const low = out.low << 1;
  const high = (out.high << 1) | (out.low >>> 31);
  const above = out.high < 0 || high >>> 0 > b.high >>> 0 || (high === b.high && low >>> 0 > b.low >>> 0);
  const half = out.high >= 0 && high === b.high && low === b.low;
  if (!above && !(half && quotient & 1)) return;
  out.high = (b.high - out.high - (b.low >>> 0 < out.low >>> 0 ? 1 : 0)) | 0;
  out.low = (b.low - out.low) | 0;
  out.sign ^= 1;
  quotient++;
}

function settle(out: Num, sign: number): void {
  if ((out.high | out.low) === 0) setZero(out, sign);
  else normalize(out);
}

/** Remainder of finite operands; C2 says that the reduction is incomplete. */
function remainder(fpu: Fpu, a: Num, b: Num, nearest: boolean): void {
  const difference = a.exponent - b.exponent;
  quotient = 0;
  if (difference >= 64) {
    reduce(result, a, b, partialSteps(difference));
    settle(result, a.sign);
    setQuotient(fpu, 0, STATUS.C2);
    return;
  }
  if (difference < -1 || (difference < 0 && !nearest)) result.copy(a);
  else if (difference < 0) nearestBelow(a, b);
  else {
    reduce(result, a, b, difference);
    if (nearest) roundQuotient(result, b);
    settle(result, a.sign);
  }
  setQuotient(fpu, quotient, 0);
}

/** How far one incomplete pass reduces the exponent: between 32 and 63. */
function partialSteps(difference: number): number {
  return (difference & 31) | 32;
}

/** FPREM1 of a dividend with half the divisor's exponent: |a| < |b|, and the quotient is 1 where |a| > |b| / 2. */
function nearestBelow(a: Num, b: Num): void {
  const above = a.high !== b.high ? a.high >>> 0 > b.high >>> 0 : a.low >>> 0 > b.low >>> 0;
  if (!above) {
    result.copy(a);
    return;
  }
  addNumbers(result, a, b, a.sign ^ b.sign ^ 1);
  quotient = 1;
}

function setQuotient(fpu: Fpu, q: number, c2: number): void {
  const bits = (q & 4 ? STATUS.C0 : 0) | (q & 2 ? STATUS.C3 : 0) | (q & 1 ? STATUS.C1 : 0) | c2;
  fpu.status = (fpu.status & ~STATUS.CONDITIONS) | bits;
}

/** True if the result is in `result`; false if an unmasked exception stops the instruction. */
function computeRemainder(fpu: Fpu, a: Num, b: Num, nearest: boolean): boolean {
  if (isSpecial(a, b)) return raise(fpu, propagateNan(result, a, b)) === 0;
  if (a.kind === INFINITY || b.kind === ZERO) {
    setIndefinite(result);
    return raise(fpu, IE) === 0;
  }
  if (raise(fpu, a.denormal || b.denormal ? DE : 0)) return false;
  if (a.kind === ZERO || b.kind === INFINITY) {
    result.copy(a);
    setQuotient(fpu, 0, 0);
  } else remainder(fpu, a, b, nearest);
  if (result.kind === FINITE) raise(fpu, finish(result, EXTENDED, 64, TRUNCATE, fpu.control));
  return true;
}

function prem(nearest: boolean): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    notePointers(cpu, address, info);
    const fpu = cpu.fpu;
    const other = physical(fpu, 1);
    fpu.status &= ~(STATUS.C1 | STATUS.C2);
    if (isEmpty(fpu, fpu.top) || isEmpty(fpu, other)) {
      underflowInto(fpu, fpu.top);
      return;
    }
    unpackRegister(fpu, fpu.top, dividend);
    unpackRegister(fpu, other, divisor);
    if (computeRemainder(fpu, dividend, divisor, nearest)) packRegister(fpu, fpu.top, result);
  };
}

/** One-operand instructions: `compute` leaves `result` and returns false when an unmasked exception stops it. */
function unary(compute: (fpu: Fpu, a: Num) => boolean): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    notePointers(cpu, address, info);
    const fpu = cpu.fpu;
    if (isEmpty(fpu, fpu.top)) {
      underflowInto(fpu, fpu.top);
      return;
    }
    clearC1(fpu);
    unpackRegister(fpu, fpu.top, dividend);
    if (compute(fpu, dividend)) packRegister(fpu, fpu.top, result);
  };
}

function roundToIntegral(fpu: Fpu, a: Num): boolean {
  if (a.kind > INFINITY) return raise(fpu, propagateNan1(result, a)) === 0;
  if (raise(fpu, a.denormal ? DE : 0)) return false;
  result.copy(a);
  if (a.kind !== FINITE || a.exponent >= 63) return true;
  const flags = roundToInteger(result, roundingMode(fpu));
  result.exponent = 63;
  settle(result, a.sign);
  if (flags) noteRounding(fpu);
  raise(fpu, flags);
  return true;
}

/** The scale as a number, clamped where every result overflows or underflows anyway. */
function scaleOf(b: Num): number {
  if (b.kind === ZERO || b.exponent < 0) return 0;
  const magnitude = b.exponent > 16 ? 0x20000 : b.high >>> (31 - b.exponent);
  return b.sign ? -magnitude : magnitude;
}

function scaleByInfinity(fpu: Fpu, a: Num, b: Num): boolean {
  if (a.kind === (b.sign ? INFINITY : ZERO)) {
    setIndefinite(result);
    return raise(fpu, IE) === 0;
  }
  if (raise(fpu, a.denormal ? DE : 0)) return false;
  if (b.sign) setZero(result, a.sign);
  else setInfinity(result, a.sign);
  return true;
}

function scale(fpu: Fpu, a: Num, b: Num): boolean {
  clearC1(fpu);
  if (isSpecial(a, b)) return raise(fpu, propagateNan(result, a, b)) === 0;
  if (b.kind === INFINITY) return scaleByInfinity(fpu, a, b);
  if (raise(fpu, a.denormal || b.denormal ? DE : 0)) return false;
  result.copy(a);
  if (a.kind !== FINITE) return true;
  result.exponent += scaleOf(b);
  const flags = finish(result, EXTENDED, 64, roundingMode(fpu), fpu.control);
  if (rounding.inexact) noteRounding(fpu);
  if (raise(fpu, flags) & (OE | UE)) clampMassive(fpu, result);
  return true;
}

/** Even the adjusted exponent of an unmasked overflow or underflow may be out of range (SDM vol. 1, 8.5.4). */
function clampMassive(fpu: Fpu, v: Num): void {
  if (v.exponent > EXTENDED.maximum) {
    setInfinity(v, v.sign);
    fpu.status |= STATUS.C1;
  } else if (v.exponent < EXTENDED.minimum) setZero(v, v.sign);
  else return;
  raise(fpu, PE);
}

const fscale: Helper = (cpu, address, info) => {
  checkWaiting(cpu);
  notePointers(cpu, address, info);
  const fpu = cpu.fpu;
  const other = physical(fpu, 1);
  if (isEmpty(fpu, fpu.top) || isEmpty(fpu, other)) {
    underflowInto(fpu, fpu.top);
    return;
  }
  unpackRegister(fpu, fpu.top, dividend);
  unpackRegister(fpu, other, divisor);
  if (scale(fpu, dividend, divisor)) packRegister(fpu, fpu.top, result);
};

/** Both results of FXTRACT become the indefinite after a masked stack fault. */
function extractFault(fpu: Fpu, overflow: boolean): void {
  if (!stackFault(fpu, overflow)) return;
  setIndefinite(result);
  packRegister(fpu, fpu.top, result);
  push(fpu, result);
}

/** Exponent to `divisor`, significand to `result`. */
function extract(fpu: Fpu, a: Num): boolean {
  if (a.kind > INFINITY) {
    const flags = propagateNan1(result, a);
    divisor.copy(result);
    return raise(fpu, flags) === 0;
  }
  result.copy(a);
  if (a.kind === FINITE) {
    fromInt32(divisor, a.exponent);
    result.exponent = 0;
    return raise(fpu, a.denormal ? DE : 0) === 0;
  }
  setInfinity(divisor, a.kind === ZERO ? 1 : 0);
  return raise(fpu, a.kind === ZERO ? ZE : 0) === 0;
}

const fxtract: Helper = (cpu, address, info) => {
  checkWaiting(cpu);
  notePointers(cpu, address, info);
  const fpu = cpu.fpu;
  if (isEmpty(fpu, fpu.top)) extractFault(fpu, false);
  else if (!isEmpty(fpu, physical(fpu, 7))) extractFault(fpu, true);
  else {
    clearC1(fpu);
    unpackRegister(fpu, fpu.top, dividend);
    if (!extract(fpu, dividend)) return;
    packRegister(fpu, fpu.top, divisor);
    push(fpu, result);
  }
};

export const X87_REMAINDER: Record<string, Helper> = {
  FPREM: prem(false),
  FPREM1: prem(true),
  FRNDINT: unary(roundToIntegral),
  FSCALE: fscale,
  FXTRACT: fxtract,
};
