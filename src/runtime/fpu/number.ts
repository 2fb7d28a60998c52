/** An unpacked binary floating-point number and its rounding: the core under x87 and SSE arithmetic. */

export const ZERO = 0,
  FINITE = 1,
  INFINITY = 2,
  QNAN = 3,
  SNAN = 4;
/** x87 encodings that no instruction produces: unnormals, pseudo-infinities, pseudo-NaNs (SDM vol. 1, 8.2.2). */
export const UNSUPPORTED = 5;

/** Exception flags, in the positions of the status word and MXCSR. */
export const IE = 1,
  DE = 2,
  ZE = 4,
  OE = 8,
  UE = 16,
  PE = 32;

/** Rounding control: to nearest even, down, up, toward zero. */
export const NEAREST = 0,
  DOWN = 1,
  UP = 2,
  TRUNCATE = 3;

/** Value of FINITE: (-1)^sign × high:low.extra / 2^63 × 2^exponent, high:low normalised (bit 63 set) unless said otherwise. */
export class Num {
  kind = ZERO;
  sign = 0;
  exponent = 0;
  high = 0;
  low = 0;
  /** 32 bits below the significand; bit 0 is sticky. */
  extra = 0;
  /** Came from a denormal encoding. */
  denormal = false;

  copy(from: Num): void {
    this.kind = from.kind;
    this.sign = from.sign;
    this.exponent = from.exponent;
    this.high = from.high;
    this.low = from.low;
    this.extra = from.extra;
    this.denormal = from.denormal;
  }

  set(kind: number, sign: number, exponent: number, high: number, low: number): void {
    this.kind = kind;
    this.sign = sign;
    this.exponent = exponent;
    this.high = high | 0;
    this.low = low | 0;
    this.extra = 0;
    this.denormal = false;
  }
}

/** Shifts high:low:extra right by n ≥ 0, keeping lost bits in the sticky bit. */
export function shiftRightJam(v: Num, n: number): void {
  if (n >= 96) {
    v.extra = (v.high | v.low | v.extra) !== 0 ? 1 : 0;
    v.high = 0;
    v.low = 0;
    return;
  }
  while (n >= 32) {
    v.extra = v.low | (v.extra !== 0 ? 1 : 0);
    v.low = v.high;
    v.high = 0;
    n -= 32;
  }
  if (n === 0) return;
  const up = 32 - n;
  const lost = v.extra << up !== 0 ? 1 : 0;
  v.extra = (v.extra >>> n) | (v.low << up) | lost;
  v.low = (v.low >>> n) | (v.high << up);
  v.high = v.high >>> n;
}

/** Shifts left until bit 63 is set; high:low:extra must not be 0. */
export function normalize(v: Num): void {
  while (v.high === 0) {
    v.high = v.low;
    v.low = v.extra;
    v.extra = 0;
    v.exponent -= 32;
  }
  const n = Math.clz32(v.high);
  if (n === 0) return;
  const down = 32 - n;
  v.high = (v.high << n) | (v.low >>> down);
  v.low = (v.low << n) | (v.extra >>> down);
  v.extra <<= n;
  v.exponent -= n;
}

/** What the last rounding did. */
export const rounding = { inexact: false, up: false };

function roundsUp(discarded: number, odd: number, sign: number, mode: number): boolean {
  if (discarded === 0 || mode === TRUNCATE) return false;
  if (mode === NEAREST) return discarded < 0 && (discarded !== -0x80000000 || odd !== 0);
  return (mode === DOWN) === (sign !== 0);
}

/** Rounds high:low.extra at `bits` (1-64) bits from the top of the 64-bit container; a carry out renormalises. */
export function roundAt(v: Num, bits: number, mode: number): void {
  if (bits > 32) roundInLow(v, 64 - bits, mode);
  else roundInHigh(v, 32 - bits, mode);
  v.extra = 0;
}

function roundInLow(v: Num, drop: number, mode: number): void {
  let discarded = v.extra;
  if (drop !== 0) {
    const up = 32 - drop;
    discarded = (v.low << up) | (v.extra >>> drop) | (v.extra << up !== 0 ? 1 : 0);
    v.low &= -1 << drop;
  }
  const unit = 1 << drop;
  rounding.inexact = discarded !== 0;
  rounding.up = roundsUp(discarded, v.low & unit, v.sign, mode);
  if (!rounding.up) return;
  v.low = (v.low + unit) | 0;
  if (v.low === 0) incrementHigh(v, 1);
}

function roundInHigh(v: Num, drop: number, mode: number): void {
  let discarded = v.low | (v.extra !== 0 ? 1 : 0);
  if (drop !== 0) {
    const up = 32 - drop;
    discarded = (v.high << up) | (v.low >>> drop) | ((v.low << up) | v.extra ? 1 : 0);
    v.high &= -1 << drop;
  }
  const unit = 1 << drop;
  v.low = 0;
  rounding.inexact = discarded !== 0;
  rounding.up = roundsUp(discarded, v.high & unit, v.sign, mode);
  if (rounding.up) incrementHigh(v, unit);
}

function incrementHigh(v: Num, unit: number): void {
  const before = v.high;
  v.high = (v.high + unit) | 0;
  if (before < 0 && v.high >= 0) {
    v.high = -0x80000000;
    v.exponent++;
  }
}

/** A binary interchange format: precision and exponent range of its normal numbers. */
export class Format {
  readonly bits: number;
  readonly minimum: number;
  readonly maximum: number;
  /** What unmasked overflow and underflow subtract from or add to the exponent (SDM vol. 1, 8.5.4-5). */
  readonly adjust: number;
  constructor(bits: number, minimum: number, maximum: number, adjust: number) {
    this.bits = bits;
    this.minimum = minimum;
    this.maximum = maximum;
    this.adjust = adjust;
  }
}
export const SINGLE = new Format(24, -126, 127, 192);
export const DOUBLE = new Format(53, -1022, 1023, 1536);
export const EXTENDED = new Format(64, -16382, 16383, 24576);

const probe = new Num();

/** Tininess is detected after rounding with unbounded exponent (SDM vol. 1, 4.9.1.5). */
export function isTiny(v: Num, format: Format, bits: number, mode: number): boolean {
  if (v.exponent < format.minimum - 1) return true;
  probe.copy(v);
  roundAt(probe, bits, mode);
  return probe.exponent < format.minimum;
}

/**
 * Rounds a normalised FINITE `v` to `format` with `bits` of precision. `masks` are exception masks (bit set: masked).
 * Afterwards `v` is FINITE (denormal: exponent = format.minimum and bit 63 clear), ZERO or INFINITY; returns OE, UE, PE.
 */
export function finish(v: Num, format: Format, bits: number, mode: number, masks: number): number {
  if (v.exponent < format.minimum) return finishSmall(v, format, bits, mode, masks);
  roundAt(v, bits, mode);
  if (v.exponent > format.maximum) return overflow(v, format, bits, mode, masks);
  return rounding.inexact ? PE : 0;
}

function finishSmall(v: Num, format: Format, bits: number, mode: number, masks: number): number {
  const tiny = isTiny(v, format, bits, mode);
  if (tiny && !(masks & UE)) {
    roundAt(v, bits, mode);
    v.exponent += format.adjust;
    return rounding.inexact ? UE | PE : UE;
  }
  shiftRightJam(v, format.minimum - v.exponent);
  v.exponent = format.minimum;
  roundAt(v, bits, mode);
  if ((v.high | v.low) === 0) v.kind = ZERO;
  if (!rounding.inexact) return 0;
  return tiny ? UE | PE : PE;
}

function overflow(v: Num, format: Format, bits: number, mode: number, masks: number): number {
  if (!(masks & OE)) {
    v.exponent -= format.adjust;
    return rounding.inexact ? OE | PE : OE;
  }
  const toInfinity = mode === NEAREST || (mode !== TRUNCATE && (mode === DOWN) === (v.sign !== 0));
  rounding.up = toInfinity;
  rounding.inexact = true;
  if (toInfinity) v.set(INFINITY, v.sign, 0, -0x80000000, 0);
  else setLargest(v, format, bits);
  return OE | PE;
}

function setLargest(v: Num, format: Format, bits: number): void {
  const high = bits >= 32 ? -1 : -1 << (32 - bits);
  const low = bits > 32 ? -1 << (64 - bits) : 0;
  v.set(FINITE, v.sign, format.maximum, high, low);
}
