/** Transcendental functions on fixed-point BigInts: more than 120 correct bits, so that rounding to 64 is right but for rare ties. */
import { integerSquareRoot } from './kernels.js';

/** Fraction bits of every fixed-point value here. */
export const FRACTION = 256n;
export const ONE = 1n << FRACTION;

function product(a: bigint, b: bigint): bigint {
  return (a * b) >> FRACTION;
}

/** x + σ x³/3 + x⁵/5 + …: atan for σ = -1, atanh for σ = 1. */
function oddSeries(x: bigint, alternate: boolean): bigint {
  const square = product(x, x);
  let sum = 0n;
  let power = x;
  for (let n = 1n; power !== 0n && power !== -1n; n += 2n) {
    sum += alternate && n & 2n ? -power / n : power / n;
    power = product(power, square);
  }
  return sum;
}

/** π by Machin's formula, with `FRACTION` fraction bits. */
export const PI = 16n * oddSeries(ONE / 5n, true) - 4n * oddSeries(ONE / 239n, true);
/** ln 2 = 2 atanh(1/3). */
export const LN2 = 2n * oddSeries(ONE / 3n, false);

/** ln x for x in (0.7, 1.42). */
export function logarithm(x: bigint): bigint {
  return 2n * oddSeries(((x - ONE) << FRACTION) / (x + ONE), false);
}

/** ln(1 + x) for |x| < 0.42, without losing the low bits of a small x. */
export function logarithm1p(x: bigint): bigint {
  return 2n * oddSeries((x << FRACTION) / (x + 2n * ONE), false);
}

/** e^x - 1 for |x| < 1. */
export function exponential1m(x: bigint): bigint {
  let sum = 0n;
  let term = x;
  for (let n = 2n; term !== 0n && term !== -1n; n++) {
    sum += term;
    term = product(term, x) / n;
  }
  return sum;
}

/** atan x for 0 ≤ x ≤ 1: two halvings of the angle, then the series. */
export function arcTangent(x: bigint): bigint {
  let t = x;
  for (let i = 0; i < 2; i++) {
    const root = integerSquareRoot((ONE + product(t, t)) << FRACTION);
    t = (t << FRACTION) / (ONE + root);
  }
  return 4n * oddSeries(t, true);
}

/** x - x³/3! + … or 1 - x²/2! + … */
function circularSeries(first: bigint, square: bigint, start: bigint): bigint {
  let sum = 0n;
  let term = first;
  for (let n = start; term !== 0n && term !== -1n; n += 2n) {
    sum += term;
    term = -product(term, square) / (n * (n + 1n));
  }
  return sum;
}

/** What `sineCosine` found. */
export const circular = { sine: 0n, cosine: 0n };

/** The x87 reduces angles with a π of 66 bits (SDM vol. 1, 8.3.8). */
const REDUCTION_PI = (0xc90fdaa22168c234cn >> 2n) << (FRACTION - 64n);

/** Any angle: reduced by multiples of π/2 to ±π/4. */
export function sineCosine(x: bigint): void {
  const half = REDUCTION_PI >> 1n;
  const quadrant = (2n * x + half) / (2n * half) - (2n * x + half < 0n ? 1n : 0n);
  const r = x - quadrant * half;
  const square = product(r, r);
  const sine = circularSeries(r, square, 2n);
  const cosine = circularSeries(ONE, square, 1n);
  const turned = (quadrant & 1n) !== 0n;
  circular.sine = turned ? cosine : sine;
  circular.cosine = turned ? sine : cosine;
  if (quadrant & 2n) circular.sine = -circular.sine;
  if ((quadrant + 1n) & 2n) circular.cosine = -circular.cosine;
}
