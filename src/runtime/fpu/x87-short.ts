/**
 * Short ways of frequent x87 instructions on pairs of doubles (x87-pairs.ts). Each does what its helper does, but for memory and the instruction
 * pointers, which are its caller's, or returns 0 and has changed nothing. Operands from memory come in place IN_MEMORY, results leave there.
 */
import type { Fpu } from './state.js';
import {
  IN_MEMORY,
  INTEGER_HIGH,
  INTEGER_LOW,
  LEAST,
  LOW,
  MOST,
  RESIDUE,
  X87_CONTROL,
  X87_HELD,
  X87_STATUS,
  X87_TOP,
  X87_VALID,
} from './x87-pairs.js';
import { createArithmetic } from './x87-short-arithmetic.js';
import { createValues } from './x87-values.js';
import { createCore, C1, PE, ES, CONDITIONS, ROUNDING, NEAREST, INTEGERS } from './x87-short-core.js';

/** Formats of integers in memory. */
export const INT16 = 0,
  INT32 = 1,
  INT64 = 2;

export function createShortX87(fpu: Fpu) {
  const pairs = fpu.x87;
  const core = createCore(pairs);
  const { state, numbers, clearC1, free, held, usable, place, room, push, pop, settle, setPair } = core;
  const scratch = new Float64Array(1);
  const scratchBits = new Int32Array(scratch.buffer);

  // ---- loads and stores ---------------------------------------------------------------------------------------------------
  function load(): number {
    const top = (state[X87_TOP]! - 1) & 7;
    const bit = 1 << top;
    const valid = state[X87_VALID]!;
    const status = state[X87_STATUS]!;
    const h = numbers[IN_MEMORY]!;
    const size = Math.abs(h);
    if ((status & ES) !== 0 || (valid & bit) !== 0 || (!(size >= LEAST && size <= MOST) && h !== 0)) return 0;
    numbers[top] = h;
    numbers[LOW + top] = 0;
    numbers[RESIDUE] = 0;
    state[X87_TOP] = top;
    state[X87_VALID] = valid | bit;
    state[X87_HELD]! |= bit;
    state[X87_STATUS] = status & ~C1;
    return 1;
  }
  function loadInt64(upper: number, lower: number): number {
    const top = room();
    if (top < 0) return 0;
    const a = upper * 4294967296, b = lower >>> 0; // prettier-ignore
    const h = a + b;
    push(top, h, b - (h - a));
    return 1;
  }
  function loadExtended(low: number, high: number, signExponent: number): number {
    const top = room();
    if (top < 0) return 0;
    pairs.significands[2 * top] = low;
    pairs.significands[2 * top + 1] = high;
    pairs.exponents[top] = signExponent;
    state[X87_HELD]! &= ~(1 << top);
    state[X87_TOP] = top;
    state[X87_VALID]! |= 1 << top;
    clearC1();
    return 1;
  }
  /** FSTP m80; returns the physical register, now settled, or -1. */
  function storeExtended(): number {
    const top = state[X87_TOP]!;
    if (!free() || ((state[X87_VALID]! >>> top) & 1) === 0) return -1;
    if (((state[X87_HELD]! >>> top) & 1) !== 0) pairs.settleRegister(top);
    clearC1();
    pop();
    return top;
  }
  function storeDouble(pops: number): number {
    const top = state[X87_TOP]!;
    if (!free() || !held(top)) return 0;
    const h = numbers[top]!;
    const l = numbers[LOW + top]!;
    if (l !== 0 && (state[X87_CONTROL]! & ROUNDING) !== NEAREST) return 0;
    numbers[IN_MEMORY] = h;
    settle(l, h);
    if (pops !== 0) pop();
    return 1;
  }
  function storeSingle(pops: number): number {
    const top = state[X87_TOP]!;
    if (!free() || !held(top) || (state[X87_CONTROL]! & ROUNDING) !== NEAREST) return 0;
    const h = numbers[top]!;
    const l = numbers[LOW + top]!;
    const single = Math.fround(h);
    const size = Math.abs(single);
    if (!(size > 2 ** -126 && size < Infinity) && h !== 0) return 0;
    scratch[0] = h;
    // Half way between singles: the low part decides.
    if (l !== 0 && (scratchBits[0]! & 0x1fffffff) === 0x10000000) return 0;
    numbers[IN_MEMORY] = single;
    settle(h - single + l, h);
    if (pops !== 0) pop();
    return 1;
  }
  /** FIST, FISTP, FISTTP; the integer leaves in INTEGER_HIGH and INTEGER_LOW. */
  function storeInteger(format: number, truncates: number, pops: number): number {
    const top = state[X87_TOP]!;
    if (!free() || !held(top) || (state[X87_CONTROL]! & PE) === 0) return 0;
    const rounding = truncates !== 0 ? 3 : (state[X87_CONTROL]! >>> 10) & 3;
    if (rounding !== 0 && rounding !== 3) return 0;
    const h = numbers[top]!;
    const l = numbers[LOW + top]!;
    if (!(Math.abs(h) < 2 ** 51)) {
      if (format !== INT64 || !putLarge(h, l)) return 0;
      clearC1();
    } else {
      const r = rounding === 3 ? Math.trunc(h) : h + INTEGERS - INTEGERS;
      const rest = h - r;
      if (l !== 0 && (rest === 0 || Math.abs(rest) === 0.5)) return 0;
      const limit = format === INT16 ? 32768 : format === INT32 ? 2147483648 : 2 ** 52;
      if (!(r >= -limit && r < limit)) return 0;
      putWords(Math.floor(r / 4294967296), r);
      settle(rest + l, h);
    }
    if (pops !== 0) pop();
    return 1;
  }
  function putWords(upper: number, value: number): void {
    numbers[INTEGER_HIGH] = upper;
    numbers[INTEGER_LOW] = value - upper * 4294967296;
  }
  /** Beyond 2^51 only integers: the copying of 64 bits. */
  function putLarge(h: number, l: number): boolean {
    if (!(Math.abs(h) < 2 ** 62) || Math.floor(h) !== h || Math.floor(l) !== l) return false;
    const upper = Math.floor(h / 4294967296);
    const lower = h - upper * 4294967296 + l;
    const carry = Math.floor(lower / 4294967296);
    numbers[INTEGER_HIGH] = upper + carry;
    numbers[INTEGER_LOW] = lower - carry * 4294967296;
    return true;
  }

  // ---- registers ------------------------------------------------------------------------------------------------------------
  function loadRegister(index: number): number {
    const from = (state[X87_TOP]! + index) & 7;
    const top = room();
    if (top < 0 || !held(from)) return 0;
    push(top, numbers[from]!, numbers[LOW + from]!);
    return 1;
  }
  function storeRegister(index: number, pops: number): number {
    const top = state[X87_TOP]!;
    if (!free() || !held(top)) return 0;
    const to = (top + index) & 7;
    setPair(to, numbers[top]!, numbers[LOW + top]!);
    state[X87_VALID]! |= 1 << to;
    state[X87_HELD]! |= 1 << to;
    clearC1();
    if (pops !== 0) pop();
    return 1;
  }
  function exchange(index: number): number {
    const top = state[X87_TOP]!;
    const other = (top + index) & 7;
    if (!free() || !held(top) || !held(other)) return 0;
    const h = numbers[top]!;
    const l = numbers[LOW + top]!;
    setPair(top, numbers[other]!, numbers[LOW + other]!);
    setPair(other, h, l);
    clearC1();
    return 1;
  }
  /** FCHS, or FABS (`always` 0). */
  function changeSign(always: number): number {
    const top = state[X87_TOP]!;
    if (!free() || !held(top)) return 0;
    const h = numbers[top]!;
    if (always !== 0 || h < 0) setPair(top, -h, -numbers[LOW + top]!);
    else if (h === 0) numbers[top] = 0;
    clearC1();
    return 1;
  }

  // ---- comparisons ----------------------------------------------------------------------------------------------------------
  /** Conditions as C3 C2 C0. Pairs are ordered by their high parts, then by their low ones. */
  function order(a: number, b: number): number {
    const x = numbers[a]!, y = numbers[b]!; // prettier-ignore
    if (x !== y) return x < y ? 0x100 : 0;
    const v = numbers[LOW + a]!, w = numbers[LOW + b]!; // prettier-ignore
    return v === w ? 0x4000 : v < w ? 0x100 : 0;
  }
  function compare(index: number, pops: number): number {
    const top = state[X87_TOP]!;
    const other = place(top, index);
    if (!free() || !held(top) || !usable(other)) return 0;
    const outcome = order(top, other);
    numbers[RESIDUE] = 0;
    state[X87_STATUS] = (state[X87_STATUS]! & ~(CONDITIONS | C1)) | outcome;
    if (pops > 0) pop();
    if (pops > 1) pop();
    return 1;
  }
  /** FCOMI: the flags as EFLAGS bits, -1 for what is left to the helper. C1 stays. */
  function compareFlags(index: number, pops: number): number {
    const top = state[X87_TOP]!;
    const other = (top + index) & 7;
    if (!free() || !held(top) || !held(other)) return -1;
    const outcome = order(top, other) >>> 8;
    if (pops !== 0) pop();
    return outcome;
  }
  function loadControl(value: number): number {
    if (!free()) return 0;
    fpu.setControlWord(value);
    return 1;
  }

  const arithmetic = createArithmetic(core);
  // Names as translated code has them.
  return {
    x87Load: load,
    x87LoadInt64: loadInt64,
    x87LoadExtended: loadExtended,
    x87StoreExtended: storeExtended,
    x87StoreDouble: storeDouble,
    x87StoreSingle: storeSingle,
    x87StoreInteger: storeInteger,
    x87Add: arithmetic.x87Add,
    x87Multiply: arithmetic.x87Multiply,
    x87Divide: arithmetic.x87Divide,
    x87SquareRoot: arithmetic.x87SquareRoot,
    ...createValues(core, arithmetic),
    x87LoadRegister: loadRegister,
    x87StoreRegister: storeRegister,
    x87Exchange: exchange,
    x87ChangeSign: changeSign,
    x87Compare: compare,
    x87CompareFlags: compareFlags,
    x87LoadControl: loadControl,
    x87StatusWord: (): number => fpu.statusWord(),
  };
}
