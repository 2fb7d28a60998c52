/** x87 registers to unpacked numbers and back, NaN selection, and the exception state of one x87 instruction (SDM vol. 1, 4.8, 8.5). */
import { FINITE, IE, INFINITY, normalize, Num, QNAN, rounding, SNAN, UNSUPPORTED, ZERO } from './number.js';
import { type Fpu, STATUS } from './state.js';

const BIAS = 16383;

export function unpack(v: Num, signExponent: number, high: number, low: number): void {
  const exponent = signExponent & 0x7fff;
  v.sign = signExponent >>> 15;
  v.high = high;
  v.low = low;
  v.extra = 0;
  v.denormal = false;
  v.exponent = exponent - BIAS;
  if (exponent !== 0 && exponent !== 0x7fff) v.kind = high < 0 ? FINITE : UNSUPPORTED;
  else if (exponent === 0) unpackSmall(v);
  else if (high >= 0) v.kind = UNSUPPORTED;
  else if (high === -0x80000000 && low === 0) v.kind = INFINITY;
  else v.kind = high & 0x40000000 ? QNAN : SNAN;
}

/** Zero, denormals and pseudo-denormals: the exponent counts as 1. */
function unpackSmall(v: Num): void {
  v.exponent = 1 - BIAS;
  if ((v.high | v.low) === 0) {
    v.kind = ZERO;
    return;
  }
  v.kind = FINITE;
  v.denormal = true;
  normalize(v);
}

/** Unpacks physical register `i`. */
export function unpackRegister(fpu: Fpu, i: number, v: Num): void {
  unpack(v, fpu.exponent[i]!, fpu.significand[2 * i + 1]!, fpu.significand[2 * i]!);
}

/** Sign and exponent field of a rounded number or NaN. */
export function packedExponent(v: Num): number {
  const sign = v.sign << 15;
  if (v.kind === FINITE) return v.high < 0 ? sign | (v.exponent + BIAS) : sign;
  return v.kind === ZERO ? sign : sign | 0x7fff;
}

/** Stores a rounded number into physical register `i` and marks it in use. */
export function packRegister(fpu: Fpu, i: number, v: Num): void {
  fpu.exponent[i] = packedExponent(v);
  fpu.significand[2 * i + 1] = v.high;
  fpu.significand[2 * i] = v.low;
  fpu.valid |= 1 << i;
}

export function setZero(v: Num, sign: number): void {
  v.set(ZERO, sign, 0, 0, 0);
}
export function setInfinity(v: Num, sign: number): void {
  v.set(INFINITY, sign, 0, -0x80000000, 0);
}
/** The QNaN floating-point indefinite. */
export function setIndefinite(v: Num): void {
  v.set(QNAN, 1, 0, -0x40000000, 0);
}
export function setQuiet(v: Num, from: Num): void {
  v.copy(from);
  v.kind = QNAN;
  v.high |= 0x40000000;
}

/** Is any operand a NaN or unsupported? */
export function isSpecial(a: Num, b: Num): boolean {
  return a.kind >= QNAN || b.kind >= QNAN;
}

/** Result of an operation with a NaN or unsupported operand; returns IE or 0 (SDM vol. 1, table 4-7, x87 rules). */
export function propagateNan(out: Num, a: Num, b: Num): number {
  if (a.kind === UNSUPPORTED || b.kind === UNSUPPORTED) {
    setIndefinite(out);
    return IE;
  }
  setQuiet(out, chooseNan(a, b));
  return a.kind === SNAN || b.kind === SNAN ? IE : 0;
}

function chooseNan(a: Num, b: Num): Num {
  if (a.kind < QNAN) return b;
  if (b.kind < QNAN) return a;
  if (a.kind !== b.kind) return a.kind === QNAN ? a : b;
  if (a.high !== b.high) return a.high >>> 0 > b.high >>> 0 ? a : b;
  if (a.low !== b.low) return a.low >>> 0 > b.low >>> 0 ? a : b;
  return a.sign === 0 ? a : b;
}

export function propagateNan1(out: Num, a: Num): number {
  if (a.kind === UNSUPPORTED) setIndefinite(out);
  else setQuiet(out, a);
  return a.kind === QNAN ? 0 : IE;
}

/** Records exception flags; returns those that are unmasked. */
export function raise(fpu: Fpu, flags: number): number {
  if (flags === 0) return 0;
  fpu.status |= flags;
  const unmasked = flags & ~fpu.control & STATUS.EXCEPTIONS;
  if (unmasked) setError(fpu);
  return unmasked;
}

function setError(fpu: Fpu): void {
  if (!(fpu.status & STATUS.ES)) fpu.errors++;
  fpu.status |= STATUS.ES | STATUS.B;
  fpu.opcode = fpu.readOpcode();
}

/** Stack underflow (C1 = 0) or overflow (C1 = 1); true if masked, so that the masked response goes ahead. */
export function stackFault(fpu: Fpu, overflow: boolean): boolean {
  fpu.status = (fpu.status & ~STATUS.C1) | STATUS.SF | (overflow ? STATUS.C1 : 0);
  return raise(fpu, IE) === 0;
}

export function clearC1(fpu: Fpu): void {
  fpu.status &= ~STATUS.C1;
}

/** C1 after an inexact result: was it rounded up (SDM vol. 1, 8.1.3.2)? */
export function noteRounding(fpu: Fpu): void {
  if (rounding.up) fpu.status |= STATUS.C1;
  else fpu.status &= ~STATUS.C1;
}

/** Significand bits the precision control asks for. */
export function precision(fpu: Fpu): number {
  return PRECISIONS[(fpu.control >>> 8) & 3]!;
}
const PRECISIONS = [24, 64, 53, 64];

export function roundingMode(fpu: Fpu): number {
  return (fpu.control >>> 10) & 3;
}
