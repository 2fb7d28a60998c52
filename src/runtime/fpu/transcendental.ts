/**
 * x87 FSIN, FCOS, FSINCOS, FPTAN, FPATAN, F2XM1, FYL2X, FYL2XP1 (SDM vol. 1, 8.3.7-10; vol. 2 for special operands).
 * Results are within 0.51 ulp of the exact value; silicon promises 1 ulp, so the last bit may differ from a given processor's.
 */
import { checkWaiting, type Helper, isEmpty, notePointers, physical, pop } from './access.js';
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
import {
  arcTangent,
  circular,
  exponential1m,
  FRACTION,
  LN2,
  logarithm,
  logarithm1p,
  ONE,
  PI,
  sineCosine,
} from './fixed-point.js';
import { divideNumbers, magnitudeLess, multiplyNumbers, toBigInt } from './kernels.js';
import { DE, EXTENDED, FINITE, finish, IE, INFINITY, Num, PE, rounding, ZE, ZERO } from './number.js';
import { type Fpu, STATUS } from './state.js';
import { push, underflowInto } from './x87-load-store.js';

const x = new Num();
const y = new Num();
const result = new Num();
const second = new Num();

/** Below 2^LINEAR the first term of a series is the whole result. */
const LINEAR = -70;

/** Significand and exponent as fixed point; exponent ≥ -190. */
function toFixed(v: Num): bigint {
  const shift = BigInt(v.exponent - 63) + FRACTION;
  const significand = toBigInt(v.high, v.low);
  const magnitude = shift >= 0n ? significand << shift : significand >> -shift;
  return v.sign ? -magnitude : magnitude;
}

function bitLength(n: bigint): number {
  const text = n.toString(16);
  return 4 * text.length - (Math.clz32(parseInt(text[0]!, 16)) - 28);
}

/** out = n × 2^-FRACTION × 2^scale, known to be inexact. */
function fromFixed(out: Num, n: bigint, scale: number): void {
  const magnitude = n < 0n ? -n : n;
  const length = bitLength(magnitude);
  const shift = BigInt(length - 96);
  const top = shift >= 0n ? magnitude >> shift : magnitude << -shift;
  const word = (i: bigint): number => Number((top >> i) & 0xffffffffn);
  out.set(FINITE, n < 0n ? 1 : 0, length - 1 - Number(FRACTION) + scale, word(64n), word(32n));
  out.extra = word(0n) | 1;
}

function nudge(out: Num, outward: boolean): void {
  if (outward) out.extra |= 1;
  else {
    out.extra = -1;
    if (out.low === 0) out.high = (out.high - 1) | 0;
    out.low = (out.low - 1) | 0;
    if (out.high >= 0) {
      out.high = -1;
      out.low = -1;
      out.exponent--;
    }
  }
}

/** Rounds to 64 bits whatever the precision control says. */
function finishResult(fpu: Fpu, out: Num): void {
  if (out.kind !== FINITE) return;
  const flags = finish(out, EXTENDED, 64, roundingMode(fpu), fpu.control);
  if (rounding.inexact) noteRounding(fpu);
  raise(fpu, flags);
}

function tooLarge(v: Num): boolean {
  return v.kind === FINITE && v.exponent >= 63;
}

/** sin, cos and tan of a FINITE x. */
function sine(out: Num): void {
  if (x.exponent < LINEAR) {
    out.copy(x);
    nudge(out, false);
  } else fromFixed(out, circular.sine, 0);
}
function cosine(out: Num): void {
  if (x.exponent < LINEAR) {
    out.set(FINITE, 0, 0, -0x80000000, 0);
    nudge(out, false);
  } else fromFixed(out, circular.cosine, 0);
}
function tangent(out: Num): void {
  if (x.exponent < LINEAR) {
    out.copy(x);
    nudge(out, true);
  } else fromFixed(out, (circular.sine << FRACTION) / circular.cosine, 0);
}
function setOne(out: Num): void {
  out.set(FINITE, 0, 0, -0x80000000, 0);
}

/** Handles NaN, infinity and zero operands of the circular functions; true if `result` (and `second`) still have to be computed. */
function circularOperand(fpu: Fpu): boolean {
  if (x.kind > INFINITY) raiseSpecial(fpu, propagateNan1(result, x));
  else if (x.kind === INFINITY) {
    setIndefinite(result);
    raiseSpecial(fpu, IE);
  } else {
    stopped = raise(fpu, x.denormal ? DE : 0) !== 0;
    return true;
  }
  second.copy(result);
  return false;
}

/** An unmasked exception forbids storing results. */
let stopped = false;
function raiseSpecial(fpu: Fpu, flags: number): void {
  stopped = raise(fpu, flags) !== 0;
}

type Function1 = (out: Num) => void;

function evaluate(fpu: Fpu, function_: Function1, out: Num, atZero: Function1): void {
  if (x.kind === ZERO) atZero(out);
  else {
    function_(out);
    finishResult(fpu, out);
  }
}
const keepZero: Function1 = (out) => out.copy(x);

/** FSIN, FCOS: C2 says that the operand is out of range and unchanged. */
function circular1(function_: Function1, atZero: Function1): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    notePointers(cpu, address, info);
    const fpu = cpu.fpu;
    fpu.status &= ~(STATUS.C1 | STATUS.C2);
    if (isEmpty(fpu, fpu.top)) {
      underflowInto(fpu, fpu.top);
      return;
    }
    unpackRegister(fpu, fpu.top, x);
    if (outOfRange(fpu)) return;
    if (circularOperand(fpu) && !stopped) {
      if (x.kind === FINITE && x.exponent >= LINEAR) sineCosine(toFixed(x));
      evaluate(fpu, function_, result, atZero);
    }
    if (!stopped) packRegister(fpu, fpu.top, result);
  };
}

function outOfRange(fpu: Fpu): boolean {
  if (!tooLarge(x)) return false;
  fpu.status |= STATUS.C2;
  return true;
}

/** FSINCOS and FPTAN replace ST(0) by `function_` and push `pushed`. */
function circular2(function_: Function1, pushed: Function1): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    notePointers(cpu, address, info);
    const fpu = cpu.fpu;
    fpu.status &= ~(STATUS.C1 | STATUS.C2);
    if (isEmpty(fpu, fpu.top)) stackFault2(fpu, false);
    else if (!isEmpty(fpu, physical(fpu, 7))) stackFault2(fpu, true);
    else {
      unpackRegister(fpu, fpu.top, x);
      if (!outOfRange(fpu)) compute2(fpu, function_, pushed);
    }
  };
}

function compute2(fpu: Fpu, function_: Function1, pushed: Function1): void {
  if (circularOperand(fpu) && !stopped) {
    if (x.kind === FINITE && x.exponent >= LINEAR) sineCosine(toFixed(x));
    evaluate(fpu, function_, result, keepZero);
    if (pushed === setOne) setOne(second);
    else evaluate(fpu, pushed, second, setOne);
  }
  if (stopped) return;
  packRegister(fpu, fpu.top, result);
  push(fpu, second);
}

/** Masked: both results become the indefinite. */
function stackFault2(fpu: Fpu, overflow: boolean): void {
  if (!stackFault(fpu, overflow)) return;
  setIndefinite(result);
  packRegister(fpu, fpu.top, result);
  push(fpu, result);
}

/** 2^x - 1; outside [-1, 1], where the result is undefined, x stays (as silicon has it). */
function f2xm1Value(fpu: Fpu): void {
  result.copy(x);
  if (x.kind === INFINITY && x.sign) result.set(FINITE, 1, 0, -0x80000000, 0);
  if (x.kind !== FINITE) return;
  if (x.exponent >= 0) {
    if (isOne(x) && x.sign) result.exponent = -1;
    raise(fpu, PE);
    return;
  }
  if (x.exponent < LINEAR)
    fromFixed(result, (x.sign ? -LN2 : LN2) * toBigInt(x.high, x.low), x.exponent - 63);
  else fromFixed(result, exponential1m((toFixed(x) * LN2) >> FRACTION), 0);
  finishResult(fpu, result);
}

const f2xm1: Helper = (cpu, address, info) => {
  checkWaiting(cpu);
  notePointers(cpu, address, info);
  const fpu = cpu.fpu;
  if (isEmpty(fpu, fpu.top)) {
    underflowInto(fpu, fpu.top);
    return;
  }
  clearC1(fpu);
  unpackRegister(fpu, fpu.top, x);
  if (x.kind > INFINITY) raiseSpecial(fpu, propagateNan1(result, x));
  else {
    raiseSpecial(fpu, x.denormal ? DE : 0);
    if (!stopped) f2xm1Value(fpu);
  }
  if (!stopped) packRegister(fpu, fpu.top, result);
};

/** Two operands y = ST(1), x = ST(0): the result replaces ST(1) and the stack pops. */
function binary(value: (fpu: Fpu) => void): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    notePointers(cpu, address, info);
    const fpu = cpu.fpu;
    const other = physical(fpu, 1);
    if (isEmpty(fpu, fpu.top) || isEmpty(fpu, other)) {
      if (underflowInto(fpu, other)) pop(fpu);
      return;
    }
    clearC1(fpu);
    unpackRegister(fpu, fpu.top, x);
    unpackRegister(fpu, other, y);
    if (isSpecial(x, y)) raiseSpecial(fpu, propagateNan(result, x, y));
    else {
      stopped = false;
      value(fpu);
    }
    if (stopped) return;
    packRegister(fpu, other, result);
    pop(fpu);
  };
}

function invalid(fpu: Fpu): void {
  setIndefinite(result);
  raiseSpecial(fpu, IE);
}

/** DE of either operand; true if it is unmasked. */
function denormalStops(fpu: Fpu): boolean {
  raiseSpecial(fpu, x.denormal || y.denormal ? DE : 0);
  return stopped;
}

/** A multiple of π/4 with the sign of y. */
function setAngle(fpu: Fpu, quarters: bigint): void {
  fromFixed(result, (PI * quarters) >> 2n, 0);
  result.sign = y.sign;
  finishResult(fpu, result);
}

function arcTangentValue(fpu: Fpu): void {
  if (denormalStops(fpu)) return;
  if (y.kind === INFINITY) setAngle(fpu, x.kind !== INFINITY ? 2n : x.sign ? 3n : 1n);
  else if (y.kind === ZERO || x.kind === INFINITY) {
    if (x.sign) setAngle(fpu, 4n);
    else setZero(result, y.sign);
  } else if (x.kind === ZERO) setAngle(fpu, 2n);
  else {
    finiteArcTangent();
    finishResult(fpu, result);
  }
}

/** atan2 of finite nonzero operands. */
function finiteArcTangent(): void {
  const steep = magnitudeLess(x, y);
  const sign = y.sign;
  divideNumbers(result, steep ? x : y, steep ? y : x);
  if (!steep && !x.sign && result.exponent < LINEAR) {
    nudgeQuotient();
    result.sign = sign;
    return;
  }
  let angle = result.exponent < LINEAR ? 0n : arcTangent(quotientFixed(steep));
  if (steep) angle = x.sign ? (PI >> 1n) + angle : (PI >> 1n) - angle;
  else if (x.sign) angle = PI - angle;
  fromFixed(result, angle, 0);
  result.sign = sign;
}

/** atan q < q: an exact quotient has to be stepped down to be inexact. */
function nudgeQuotient(): void {
  if (result.extra === 0) nudge(result, false);
}

function quotientFixed(steep: boolean): bigint {
  const numerator = steep ? x : y;
  const denominator = steep ? y : x;
  const shift = BigInt(numerator.exponent - denominator.exponent) + FRACTION;
  return (toBigInt(numerator.high, numerator.low) << shift) / toBigInt(denominator.high, denominator.low);
}

/** out = y × (n × 2^-FRACTION × 2^scale) / ln 2 with both signs. */
function timesY(fpu: Fpu, n: bigint, scale: number): void {
  const logarithm2 = (n << FRACTION) / LN2;
  fromFixed(result, logarithm2 * toBigInt(y.high, y.low), scale + y.exponent - 63);
  result.sign ^= y.sign;
  finishResult(fpu, result);
}

function isOne(v: Num): boolean {
  return v.kind === FINITE && v.exponent === 0 && v.high === -0x80000000 && v.low === 0;
}

/** y × log2 x. */
function yLog2x(fpu: Fpu): void {
  if (x.kind === ZERO) logarithmOfZero(fpu);
  else if (x.sign) invalid(fpu);
  else if (x.kind === INFINITY) infiniteLogarithm(fpu, 0);
  else if (isOne(x)) {
    if (y.kind === INFINITY) invalid(fpu);
    else if (!denormalStops(fpu)) setZero(result, y.sign);
  } else if (!denormalStops(fpu)) finiteLogarithm(fpu);
}

function logarithmOfZero(fpu: Fpu): void {
  if (y.kind === ZERO) {
    invalid(fpu);
    return;
  }
  raiseSpecial(fpu, y.kind === INFINITY ? 0 : ZE);
  setInfinity(result, y.sign ^ 1);
}

/** log2 = ±∞ times y. */
function infiniteLogarithm(fpu: Fpu, sign: number): void {
  if (y.kind === ZERO) invalid(fpu);
  else if (!denormalStops(fpu)) setInfinity(result, y.sign ^ sign);
}

function finiteLogarithm(fpu: Fpu): void {
  const negative = x.exponent < 0 ? 1 : 0;
  if (y.kind !== FINITE) {
    result.copy(y);
    result.sign ^= negative;
    return;
  }
  // x = m × 2^e with m in [0.707, 1.414): no cancellation between ln m and e ln 2.
  const large = x.high >>> 0 > 0xb504f333;
  const exponent = large ? x.exponent + 1 : x.exponent;
  const m = toBigInt(x.high, x.low) << (FRACTION - (large ? 64n : 63n));
  if (m === ONE) exactPower(fpu, exponent);
  else timesY(fpu, logarithm(m) + BigInt(exponent) * LN2, 0);
}

/** x is a power of two: y × exponent is a product like any other, but silicon reports it as inexact always. */
function exactPower(fpu: Fpu, exponent: number): void {
  const magnitude = Math.abs(exponent);
  const shift = Math.clz32(magnitude);
  second.set(FINITE, exponent < 0 ? 1 : 0, 31 - shift, magnitude << shift, 0);
  multiplyNumbers(result, y, second);
  finishResult(fpu, result);
  raise(fpu, PE);
}

/** y × log2(1 + x), specified for |x| < 1 - √½. */
function yLog2xPlus1(fpu: Fpu): void {
  if (x.kind === INFINITY) {
    if (x.sign) invalid(fpu);
    else infiniteLogarithm(fpu, 0);
  } else if (x.kind === ZERO) {
    if (y.kind === INFINITY) invalid(fpu);
    else if (!denormalStops(fpu)) setZero(result, x.sign ^ y.sign);
  } else if (!denormalStops(fpu)) finiteLogarithm1p(fpu);
}

function finiteLogarithm1p(fpu: Fpu): void {
  if (y.kind !== FINITE) {
    result.copy(y);
    result.sign ^= x.sign;
  } else if (x.exponent < LINEAR) {
    const significand = toBigInt(x.high, x.low) << 64n;
    timesY(fpu, x.sign ? -significand : significand, x.exponent - 127 + Number(FRACTION));
  } else if (x.exponent < -1) timesY(fpu, logarithm1p(toFixed(x)), 0);
  else outOfRangeLogarithm(fpu);
}

/** Outside its domain FYL2XP1 is undefined; silicon still gives y × log2(1 + x) where that exists, else x. */
function outOfRangeLogarithm(fpu: Fpu): void {
  if (x.sign && x.exponent >= 0) {
    result.copy(x);
    raise(fpu, PE);
    return;
  }
  if (x.exponent > 128) {
    finiteLogarithm(fpu);
    return;
  }
  const sum = toFixed(x) + ONE;
  const exponent = bitLength(sum) - Number(FRACTION);
  timesY(fpu, logarithmOfAny(sum, exponent), 0);
}

/** ln of a fixed-point number in [2^(exponent - 1), 2^exponent). */
function logarithmOfAny(sum: bigint, exponent: number): bigint {
  const m = sum >> BigInt(exponent);
  return m * 10n > ONE * 7n + (ONE >> 4n)
    ? logarithm(m) + BigInt(exponent) * LN2
    : logarithm(m << 1n) + BigInt(exponent - 1) * LN2;
}

export const X87_TRANSCENDENTAL: Record<string, Helper> = {
  FSIN: circular1(sine, keepZero),
  FCOS: circular1(cosine, setOne),
  FSINCOS: circular2(sine, cosine),
  FPTAN: circular2(tangent, setOne),
  FPATAN: binary(arcTangentValue),
  F2XM1: f2xm1,
  FYL2X: binary(yLog2x),
  FYL2XP1: binary(yLog2xPlus1),
};
