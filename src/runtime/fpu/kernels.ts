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

/** Remainder of the last `quotientDigit`, below the divisor: low word, high word. */
const rest = new Uint32Array(2);

/** floor(rest × 2^32 / b) for b normalised and rest < b; leaves the new rest (Knuth, algorithm D). */
function quotientDigit(bh: number, bl: number): number {
  const restHigh = rest[1]!, restLow = rest[0]!; // prettier-ignore
  let q = Math.floor((restHigh * 0x100000000 + restLow) / bh);
  if (q > 0xffffffff) q = 0xffffffff;
  const middle = multiplyHigh(q, bl) + (Math.imul(q, bh) >>> 0);
  let low = -(Math.imul(q, bl) >>> 0);
  let high = restLow - (middle % 0x100000000);
  let top = restHigh - multiplyHigh(q, bh) - (middle > 0xffffffff ? 1 : 0);
  // The estimate is off by a few at most: bring the rest into [0, b).
  for (;;) {
    if (low < 0) {
      low += 0x100000000;
      high--;
    } else if (low > 0xffffffff) {
      low -= 0x100000000;
      high++;
    }
    if (high < 0) {
      high += 0x100000000;
      top--;
    } else if (high > 0xffffffff) {
      high -= 0x100000000;
      top++;
    }
    if (top < 0) {
      q--;
      low += bl;
      high += bh;
    } else if (top > 0 || high > bh || (high === bh && low >= bl)) {
      q++;
      low -= bl;
      high -= bh;
    } else break;
  }
  rest[1] = high;
  rest[0] = low;
  return q;
}

/** out = a / b, FINITE. */
export function divideNumbers(out: Num, a: Num, b: Num): void {
  const bh = b.high >>> 0, bl = b.low >>> 0; // prettier-ignore
  const ah = a.high >>> 0, al = a.low >>> 0; // prettier-ignore
  const exponent = a.exponent - b.exponent;
  const sign = a.sign ^ b.sign;
  const below = ah < bh || (ah === bh && al < bl);
  rest[1] = below ? ah : ah - bh - (al < bl ? 1 : 0);
  rest[0] = below ? al : al - bl;
  const high = quotientDigit(bh, bl);
  const low = quotientDigit(bh, bl);
  if (below) {
    out.set(FINITE, sign, exponent - 1, high, low);
    out.extra = remainderBits(rest[1]!, rest[0]!, bh, bl);
  } else {
    out.set(FINITE, sign, exponent, (high >>> 1) | -0x80000000, (low >>> 1) | (high << 31));
    out.extra = (low << 31) | ((rest[1]! | rest[0]!) !== 0 ? 1 : 0);
  }
}

/** Guard and sticky bits: the rest against half the divisor. */
function remainderBits(rh: number, rl: number, bh: number, bl: number): number {
  if (rh === 0 && rl === 0) return 0;
  const twice = 2 * rh + (rl >>> 31) - bh;
  const twiceLow = ((rl << 1) >>> 0) - bl;
  if (twice > 0 || (twice === 0 && twiceLow > 0)) return -0x7fffffff;
  return twice === 0 && twiceLow === 0 ? -0x80000000 : 1;
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
