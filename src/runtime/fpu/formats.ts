/** Unpacked numbers from and to the memory formats: single, double and integers (SDM vol. 1, 4.2). */
import {
  DOUBLE,
  FINITE,
  type Format,
  IE,
  INFINITY,
  normalize,
  Num,
  PE,
  QNAN,
  rounding,
  shiftRightJam,
  roundAt,
  SINGLE,
  SNAN,
  ZERO,
  finish,
} from './number.js';

export function fromSingle(v: Num, bits: number): void {
  fromFields(v, bits >>> 31, (bits >>> 23) & 0xff, 0xff, 127, (bits << 8) & 0x7fffff00, 0);
}

export function fromDouble(v: Num, high: number, low: number): void {
  const fraction = ((high & 0xfffff) << 11) | (low >>> 21);
  fromFields(v, high >>> 31, (high >>> 20) & 0x7ff, 0x7ff, 1023, fraction, low << 11);
}

/** `high:low` is the fraction below bit 63. */
function fromFields(
  v: Num,
  sign: number,
  exponent: number,
  top: number,
  bias: number,
  high: number,
  low: number,
): void {
  v.sign = sign;
  v.extra = 0;
  v.denormal = false;
  v.high = high | -0x80000000;
  v.low = low;
  v.exponent = exponent - bias;
  v.kind = FINITE;
  if (exponent === top) {
    if ((high | low) === 0) v.kind = INFINITY;
    else v.kind = high & 0x40000000 ? QNAN : SNAN;
  } else if (exponent === 0) {
    v.high = high;
    v.exponent = 1 - bias;
    if ((high | low) === 0) v.kind = ZERO;
    else {
      v.denormal = true;
      normalize(v);
    }
  }
}

/** The 32 bits of a number rounded to SINGLE, or of an infinity, zero or quiet NaN. */
export function singleBits(v: Num): number {
  const sign = v.sign << 31;
  if (v.kind === ZERO) return sign;
  if (v.kind !== FINITE) return sign | 0x7f800000 | ((v.high & 0x7fffffff) >>> 8);
  const exponent = v.high < 0 ? v.exponent + 127 : 0;
  return sign | (exponent << 23) | ((v.high & 0x7fffffff) >>> 8);
}

export function doubleHighBits(v: Num): number {
  const sign = v.sign << 31;
  if (v.kind === ZERO) return sign;
  const fraction = (v.high & 0x7fffffff) >>> 11;
  if (v.kind !== FINITE) return sign | 0x7ff00000 | fraction;
  const exponent = v.high < 0 ? v.exponent + 1023 : 0;
  return sign | (exponent << 20) | fraction;
}

export function doubleLowBits(v: Num): number {
  return v.kind === ZERO ? 0 : (v.low >>> 11) | (v.high << 21);
}

/** Rounds v to single or double in place (NaNs are made quiet); returns the exception flags. */
export function roundToFormat(v: Num, format: Format, mode: number, masks: number): number {
  rounding.up = false;
  if (v.kind === FINITE) return finish(v, format, format.bits, mode, masks);
  if (v.kind < QNAN) return 0;
  const flags = v.kind === QNAN ? 0 : IE;
  v.kind = QNAN;
  v.high = (v.high | 0x40000000) & (format === SINGLE ? -0x100 : -1);
  v.low = format === DOUBLE ? v.low & -0x800 : 0;
  return flags;
}

export function fromInt32(v: Num, value: number): void {
  fromInt64(v, value >> 31, value);
}

export function fromInt64(v: Num, high: number, low: number): void {
  const sign = high >>> 31;
  v.set(FINITE, sign, 63, sign ? ~high + (low === 0 ? 1 : 0) : high, sign ? -low : low);
  if ((v.high | v.low) === 0) v.kind = ZERO;
  else normalize(v);
}

/** Rounds |v| to an integer in v.high:v.low (v.exponent is meaningless then). Returns PE, 0, or -1 if it needs more than 64 bits. */
export function roundToInteger(v: Num, mode: number): number {
  rounding.up = false;
  rounding.inexact = false;
  if (v.kind === ZERO) {
    v.high = v.low = 0;
    return 0;
  }
  if (v.kind !== FINITE || v.exponent > 63) return -1;
  shiftRightJam(v, 63 - v.exponent);
  v.exponent = 0;
  roundAt(v, 64, mode);
  if (v.exponent !== 0) return -1;
  return rounding.inexact ? PE : 0;
}

/** Rounds v to a two's complement integer of 16, 32 or 64 bits in v.high:v.low; returns PE, 0, or IE with the integer indefinite there. */
export function toInteger(v: Num, width: number, mode: number): number {
  const flags = roundToInteger(v, mode);
  if (flags >= 0 && fitsInteger(v, width)) {
    if (v.sign) {
      v.high = (~v.high + (v.low === 0 ? 1 : 0)) | 0;
      v.low = -v.low | 0;
    }
    return flags;
  }
  rounding.up = false;
  v.high = width === 64 ? -0x80000000 : -1;
  v.low = width === 64 ? 0 : -1 << (width - 1);
  return IE;
}

/** Is the magnitude high:low at most 2^(width-1), or below it for positive numbers? */
function fitsInteger(v: Num, width: number): boolean {
  if (width === 64) return v.high >= 0 || (v.sign !== 0 && v.high === -0x80000000 && v.low === 0);
  const limit = 2 ** (width - 1);
  return v.high === 0 && v.low >>> 0 < limit + v.sign;
}
