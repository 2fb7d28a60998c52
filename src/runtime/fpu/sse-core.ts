/** One SSE floating-point element at a time: MXCSR control, NaN rules, rounding and the exceptions of the whole instruction (SDM vol. 1, 11.5). */
import { fault, Vector } from '../fault.js';
import { CR4, type Cpu } from '../state.js';
import { setZero } from './float80.js';
import { doubleHighBits, doubleLowBits, fromDouble, fromSingle, singleBits } from './formats.js';
import {
  DE,
  DOUBLE,
  FINITE,
  finish,
  type Format,
  IE,
  isTiny,
  Num,
  PE,
  QNAN,
  SINGLE,
  SNAN,
  UE,
  ZE,
  ZERO,
} from './number.js';
import type { Operation } from './operations.js';
import type { Scratch } from './vector-access.js';

const FLUSH_TO_ZERO = 1 << 15;
const DENORMALS_ARE_ZERO = 1 << 6;

/** MXCSR of the instruction in progress, taken apart. */
export const control = {
  mode: 0,
  masks: 0,
  denormalsAreZero: false,
  flushToZero: false,
  /** Nearest, PE masked and already set, neither DAZ nor FTZ: a normal result of normal operands changes no flag. */
  quick: false,
};
/** Flags of the elements so far: those found before and after rounding. */
let before = 0;
let after = 0;

/** IE, ZE and DE come before the operation, and win over what rounding would report when unmasked. */
export function noteBefore(flags: number): void {
  before |= flags;
}
export function noteAfter(flags: number): void {
  after |= flags;
}

export function begin(cpu: Cpu): void {
  const mxcsr = cpu.fpu.mxcsr;
  control.mode = (mxcsr >>> 13) & 3;
  control.masks = (mxcsr >>> 7) & 0x3f;
  control.denormalsAreZero = (mxcsr & DENORMALS_ARE_ZERO) !== 0;
  control.flushToZero = (mxcsr & FLUSH_TO_ZERO) !== 0;
  control.quick = (mxcsr & 0xf060) === 0x1020;
  before = 0;
  after = 0;
}

/** Records the flags; an unmasked one is #XM (#UD without CR4.OSXMMEXCPT), and nothing else has changed. */
export function complete(cpu: Cpu): void {
  if ((before | after) === 0) return;
  const unmaskedBefore = before & ~control.masks;
  const flags = unmaskedBefore ? before : before | after;
  cpu.fpu.mxcsr |= flags;
  if (flags & ~control.masks) fault(cpu.cr4 & CR4.OSXMMEXCPT ? Vector.XM : Vector.UD);
}

function flushOperand(v: Num): void {
  if (v.denormal && control.denormalsAreZero) {
    v.kind = ZERO;
    v.denormal = false;
  }
}

export function loadSingle(v: Num, from: Scratch, i: number): void {
  fromSingle(v, from.i32[i]!);
  flushOperand(v);
}
export function loadDouble(v: Num, from: Scratch, i: number): void {
  fromDouble(v, from.i32[2 * i + 1]!, from.i32[2 * i]!);
  flushOperand(v);
}
export function storeSingle(v: Num, to: Scratch, i: number): void {
  to.i32[i] = singleBits(v);
}
export function storeDouble(v: Num, to: Scratch, i: number): void {
  to.i32[2 * i] = doubleLowBits(v);
  to.i32[2 * i + 1] = doubleHighBits(v);
}

/** Loads and stores of one element format. */
export interface Element {
  readonly format: Format;
  readonly load: (v: Num, from: Scratch, i: number) => void;
  readonly store: (v: Num, to: Scratch, i: number) => void;
  /** Words per element. */
  readonly words: number;
}
export const SINGLES: Element = { format: SINGLE, load: loadSingle, store: storeSingle, words: 1 };
export const DOUBLES: Element = { format: DOUBLE, load: loadDouble, store: storeDouble, words: 2 };

/** out = the NaN result of an operation on a and b, at least one of them a NaN: the first NaN, made quiet. */
function propagate(out: Num, a: Num, b: Num): void {
  out.copy(a.kind >= QNAN ? a : b);
  quiet(out);
  if (a.kind === SNAN || b.kind === SNAN) noteBefore(IE);
}

export function quiet(v: Num): void {
  if (v.kind === SNAN) noteBefore(IE);
  v.kind = QNAN;
  v.high |= 0x40000000;
}

/** out = a op b, rounded to `format`. */
export function calculate(out: Num, operation: Operation, a: Num, b: Num, format: Format): void {
  if (a.kind >= QNAN || b.kind >= QNAN) {
    propagate(out, a, b);
    return;
  }
  const flags = operation(out, a, b, control.mode);
  noteBefore(flags);
  if ((a.denormal || b.denormal) && !(flags & (IE | ZE))) noteBefore(DE);
  if (out.kind === FINITE) round(out, format);
}

/** Rounds a FINITE number, or flushes it to zero. */
export function round(v: Num, format: Format): void {
  if (control.flushToZero && control.masks & UE && v.exponent < format.minimum) {
    if (isTiny(v, format, format.bits, control.mode)) {
      setZero(v, v.sign);
      noteAfter(UE | PE);
      return;
    }
  }
  noteAfter(finish(v, format, format.bits, control.mode, control.masks));
}
