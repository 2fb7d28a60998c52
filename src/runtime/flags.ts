/** The lazy status flags: what (kind, a, b, result) means and how EFLAGS is read from it and written to it. */
import type { Cpu } from './state.js';
import {
  CR0,
  EFLAGS,
  PENDING,
  R_CPL,
  R_EFLAGS,
  R_FLAG_A,
  R_FLAG_B,
  R_FLAG_KIND,
  R_FLAG_RESULT,
  R_PENDING,
  STATUS_FLAGS,
} from './state.js';

/** Low four bits of a kind word; the operand width in bits stands above them. Operands and result are left-justified to 32 bits. */
export const FlagOperation = {
  /** a = the six EFLAGS bits in place. */
  EXPLICIT: 0,
  /** result = a + b (+ carry). */
  ADD: 1,
  /** result = a - b (- borrow). */
  SUB: 2,
  /** a = CF, AF and OF in place; ZF, SF and PF from the result. */
  RESULT: 3,
  /** a = the old CF bit. */
  INC: 4,
  /** a = the old CF bit. */
  DEC: 5,
} as const;
export type FlagOperation = (typeof FlagOperation)[keyof typeof FlagOperation];

export const KIND_EXPLICIT = FlagOperation.EXPLICIT;

const SIGN = 0x80000000 | 0;
/** Bit n is 1 when the nibble n has an even number of ones. */
const EVEN_NIBBLES = 0x9669;

export function flagKind(operation: number, width: number): number {
  return operation | (width << 4);
}

/** PF of a byte: 0 or 1. */
export function parityOf(byte: number): number {
  return (EVEN_NIBBLES >> ((byte ^ (byte >>> 4)) & 15)) & 1;
}

/** The result moved back to bit 0: the shift count is taken modulo 32, so width 32 moves nothing. */
function justifiedRight(kind: number, result: number): number {
  return result >>> -(kind >>> 4);
}

/** CF: 0 or 1. */
export function carry(kind: number, a: number, b: number, result: number): number {
  switch (kind & 15) {
    case FlagOperation.ADD:
      return ((a & b) | ((a | b) & ~result)) >>> 31;
    case FlagOperation.SUB:
      return ((~a & b) | ((~a | b) & result)) >>> 31;
    default:
      return a & 1;
  }
}

/** OF: 0 or 1. */
export function overflow(kind: number, a: number, b: number, result: number): number {
  switch (kind & 15) {
    case FlagOperation.ADD:
      return ((a ^ result) & (b ^ result)) >>> 31;
    case FlagOperation.SUB:
      return ((a ^ b) & (a ^ result)) >>> 31;
    case FlagOperation.INC:
      return result === SIGN ? 1 : 0;
    case FlagOperation.DEC:
      return ((result + (1 << -(kind >>> 4))) | 0) === SIGN ? 1 : 0;
    default:
      return (a >>> 11) & 1;
  }
}

/** ZF: 0 or 1. */
export function zero(kind: number, a: number, result: number): number {
  if ((kind & 15) === FlagOperation.EXPLICIT) return (a >>> 6) & 1;
  return result === 0 ? 1 : 0;
}

/** SF: 0 or 1. */
export function sign(kind: number, a: number, result: number): number {
  if ((kind & 15) === FlagOperation.EXPLICIT) return (a >>> 7) & 1;
  return result >>> 31;
}

/** PF: 0 or 1. */
export function parity(kind: number, a: number, result: number): number {
  if ((kind & 15) === FlagOperation.EXPLICIT) return (a >>> 2) & 1;
  return parityOf(justifiedRight(kind, result) & 0xff);
}

/** AF: 0 or 1. */
export function auxiliary(kind: number, a: number, b: number, result: number): number {
  switch (kind & 15) {
    case FlagOperation.ADD:
    case FlagOperation.SUB:
      return (justifiedRight(kind, a ^ b ^ result) >>> 4) & 1;
    case FlagOperation.INC:
      return (justifiedRight(kind, result) & 15) === 0 ? 1 : 0;
    case FlagOperation.DEC:
      return (justifiedRight(kind, result) & 15) === 15 ? 1 : 0;
    default:
      return (a >>> 4) & 1;
  }
}

/** Condition code 0-15 of Jcc, SETcc, CMOVcc (SDM vol. 1, appendix B): 0 or 1. */
export function condition(kind: number, a: number, b: number, result: number, cc: number): number {
  return positive(kind, a, b, result, cc >>> 1) ^ (cc & 1);
}

function positive(kind: number, a: number, b: number, result: number, pair: number): number {
  switch (pair) {
    case 0:
      return overflow(kind, a, b, result);
    case 1:
      return carry(kind, a, b, result);
    case 2:
      return zero(kind, a, result);
    case 3:
      return carry(kind, a, b, result) | zero(kind, a, result);
    case 4:
      return sign(kind, a, result);
    case 5:
      return parity(kind, a, result);
    case 6:
      return sign(kind, a, result) ^ overflow(kind, a, b, result);
    default:
      return (sign(kind, a, result) ^ overflow(kind, a, b, result)) | zero(kind, a, result);
  }
}

/** The six status flags at their EFLAGS positions. */
export function statusFlags(kind: number, a: number, b: number, result: number): number {
  if ((kind & 15) === FlagOperation.EXPLICIT) return a & STATUS_FLAGS;
  return (
    carry(kind, a, b, result) |
    (parity(kind, a, result) << 2) |
    (auxiliary(kind, a, b, result) << 4) |
    (zero(kind, a, result) << 6) |
    (sign(kind, a, result) << 7) |
    (overflow(kind, a, b, result) << 11)
  );
}

export function getStatusFlags(cpu: Cpu): number {
  const r = cpu.r;
  return statusFlags(r[R_FLAG_KIND]!, r[R_FLAG_A]!, r[R_FLAG_B]!, r[R_FLAG_RESULT]!);
}

/** Replaces all six status flags by those in `bits`. */
export function setStatusFlags(cpu: Cpu, bits: number): void {
  const r = cpu.r;
  r[R_FLAG_KIND] = FlagOperation.EXPLICIT;
  r[R_FLAG_A] = bits & STATUS_FLAGS;
  r[R_FLAG_B] = 0;
  r[R_FLAG_RESULT] = 0;
}

/** The whole of EFLAGS. */
export function getEflags(cpu: Cpu): number {
  return cpu.r[R_EFLAGS]! | getStatusFlags(cpu);
}

/** Replaces the EFLAGS bits in `mask` by those of `value`; bit 1 stays set. Raises what the change makes pending. */
export function setEflags(cpu: Cpu, value: number, mask: number): void {
  const statusMask = mask & STATUS_FLAGS;
  if (statusMask === STATUS_FLAGS) setStatusFlags(cpu, value);
  else if (statusMask !== 0) setStatusFlags(cpu, (getStatusFlags(cpu) & ~mask) | (value & mask));
  const r = cpu.r;
  const old = r[R_EFLAGS]!;
  const next = (((old & ~mask) | (value & mask)) & ~STATUS_FLAGS) | 2;
  r[R_EFLAGS] = next;
  if (next !== old) systemFlagsChanged(cpu, old ^ next, next);
}

function systemFlagsChanged(cpu: Cpu, changed: number, next: number): void {
  const r = cpu.r;
  if (changed & (EFLAGS.VM | EFLAGS.TF)) r[R_PENDING]! |= PENDING.MODE;
  // AC is in the mode key only where it has effect (SDM vol. 3, 2.5 CR0.AM); kernels toggle it at CPL 0.
  if (changed & EFLAGS.AC && cpu.cr0 & CR0.AM && r[R_CPL] === 3) r[R_PENDING]! |= PENDING.MODE;
  if (changed & next & EFLAGS.IF && cpu.interruptLine) r[R_PENDING]! |= PENDING.INTERRUPT;
}

/** CF, AF and OF at their EFLAGS positions; for EXPLICIT all six flags. What a RESULT or EXPLICIT kind keeps in `a`. */
export function carries(kind: number, a: number, b: number, result: number): number {
  if ((kind & 15) === FlagOperation.EXPLICIT || (kind & 15) === FlagOperation.RESULT) return a;
  return (
    carry(kind, a, b, result) | (auxiliary(kind, a, b, result) << 4) | (overflow(kind, a, b, result) << 11)
  );
}
