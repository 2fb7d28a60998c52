/** Add, multiply, divide, square root and remainder of finite unpacked numbers, unrounded: 64 exact bits, then guard and sticky bits. */
import { FINITE, normalize, type Num, shiftRightJam, ZERO } from './number.js';

/** Is |a| < |b|? Both finite and normalised. */
export function magnitudeLess(a: Num, b: Num): boolean {
  if (a.exponent !== b.exponent) return a.exponent < b.exponent;
  if (a.high !== b.high) return a.high >>> 0 < b.high >>> 0;
  return a.low >>> 0 < b.low >>> 0;
}

export function magnitudeEqual(a: Num, b: Num): boolean {
  return a.exponent === b.exponent && a.high === b.high && a.low === b.low;
}

/** out = a + (flip ? -b : b), a and b FINITE and distinct from out. An exact 0 has kind ZERO and its sign is the caller's business. */
export function addNumbers(out: Num, a: Num, b: Num, flip: number): void {
  const signA = a.sign;
  const signB = b.sign ^ flip;
  const swap = magnitudeLess(a, b);
  const big = swap ? b : a;
  const small = swap ? a : b;
  out.copy(small);
  out.extra = 0;
  out.denormal = false;
  if (big.exponent !== small.exponent) shiftRightJam(out, big.exponent - small.exponent);
  out.kind = FINITE;
  out.exponent = big.exponent;
  out.sign = swap ? signB : signA;
  if (signA === signB) addSignificand(out, big);
  else subtractFrom(out, big);
}

function addSignificand(out: Num, big: Num): void {
  const low = (out.low >>> 0) + (big.low >>> 0);
  const high = (out.high >>> 0) + (big.high >>> 0) + (low > 0xffffffff ? 1 : 0);
  out.low = low | 0;
  out.high = high | 0;
  if (high <= 0xffffffff) return;
  shiftRightJam(out, 1);
  out.high |= -0x80000000;
  out.exponent++;
}

function subtractFrom(out: Num, big: Num): void {
  const low = (big.low >>> 0) - (out.low >>> 0) - (out.extra !== 0 ? 1 : 0);
  out.extra = -out.extra | 0;
  out.high = (big.high - out.high - (low < 0 ? 1 : 0)) | 0;
  out.low = low | 0;
  if ((out.high | out.low | out.extra) === 0) out.kind = ZERO;
  else normalize(out);
}

/** High 32 bits of the unsigned 64-bit product. */
function multiplyHigh(a: number, b: number): number {
  const al = a & 0xffff,
    ah = a >>> 16,
    bl = b & 0xffff,
    bh = b >>> 16;
  const middle = ah * bl + ((al * bl) >>> 16);
  const other = al * bh + (middle & 0xffff);
  return (ah * bh + (middle >>> 16) + (other >>> 16)) >>> 0;
}

/** out = a × b, FINITE. */
export function multiplyNumbers(out: Num, a: Num, b: Num): void {
  const w0 = Math.imul(a.low, b.low);
  let sum = multiplyHigh(a.low, b.low) + (Math.imul(a.low, b.high) >>> 0) + (Math.imul(a.high, b.low) >>> 0);
  const w1 = sum | 0;
  sum = Math.floor(sum / 0x100000000) + multiplyHigh(a.low, b.high) + multiplyHigh(a.high, b.low);
  sum += Math.imul(a.high, b.high) >>> 0;
  const low = sum | 0;
  const high = (Math.floor(sum / 0x100000000) + multiplyHigh(a.high, b.high)) | 0;
  const exponent = a.exponent + b.exponent + 1;
  out.set(FINITE, a.sign ^ b.sign, exponent, high, low);
  out.extra = w1 | (w0 !== 0 ? 1 : 0);
  if (high >= 0) {
    out.high = (high << 1) | (low >>> 31);
    out.low = (low << 1) | (w1 >>> 31);
    out.extra = (w1 << 1) | (w0 !== 0 ? 1 : 0);
    out.exponent = exponent - 1;
  }
}

/** out = a / b, FINITE: restoring division, one bit at a time. */
export function divideNumbers(out: Num, a: Num, b: Num): void {
  const bh = b.high >>> 0,
    bl = b.low >>> 0;
  let rh = a.high >>> 0,
    rl = a.low >>> 0;
  let exponent = a.exponent - b.exponent;
  let carry = 0;
  if (rh < bh || (rh === bh && rl < bl)) {
    exponent--;
    carry = rh >>> 31;
    rh = ((rh << 1) | (rl >>> 31)) >>> 0;
    rl = (rl << 1) >>> 0;
  }
  let qh = 0,
    ql = 0;
  for (let i = 0; i < 64; i++) {
    qh = (qh << 1) | (ql >>> 31);
    ql <<= 1;
    if (carry !== 0 || rh > bh || (rh === bh && rl >= bl)) {
      ql |= 1;
      rh = (rh - bh - (rl < bl ? 1 : 0)) >>> 0;
      rl = (rl - bl) >>> 0;
    }
    carry = rh >>> 31;
    rh = ((rh << 1) | (rl >>> 31)) >>> 0;
    rl = (rl << 1) >>> 0;
  }
  out.set(FINITE, a.sign ^ b.sign, exponent, qh, ql);
  out.extra = remainderBits(carry, rh, rl, bh, bl);
}

/** Guard and sticky bits from twice the remainder against the divisor. */
function remainderBits(carry: number, rh: number, rl: number, bh: number, bl: number): number {
  if (carry !== 0 || rh > bh || (rh === bh && rl > bl)) return -0x7fffffff;
  if (rh === bh && rl === bl) return -0x80000000;
  return rh !== 0 || rl !== 0 ? 1 : 0;
}

export function toBigInt(high: number, low: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** Largest integer whose square is at most n, for n below 2^1000. */
export function integerSquareRoot(n: bigint): bigint {
  if (n === 0n) return 0n;
  let x = BigInt(Math.floor(Math.sqrt(Number(n)))) + 1n;
  for (;;) {
    const y = (x + n / x) >> 1n;
    if (y === x || y === x + 1n || y === x - 1n) {
      x = y;
      break;
    }
    x = y;
  }
  while (x * x > n) x--;
  while ((x + 1n) * (x + 1n) <= n) x++;
  return x;
}

/** out = √a, a FINITE and positive. */
export function squareRoot(out: Num, a: Num): void {
  const n = toBigInt(a.high, a.low) << (a.exponent & 1 ? 64n : 63n);
  const root = integerSquareRoot(n);
  const rest = n - root * root;
  out.set(FINITE, 0, a.exponent >> 1, Number((root >> 32n) & 0xffffffffn), Number(root & 0xffffffffn));
  // (root + 1/2)² is never an integer, so a remainder above root means more than a half.
  if (rest !== 0n) out.extra = rest > root ? -0x7fffffff : 1;
}
