/** The mode part of the translation key: everything translated code assumes about the processor besides its own bytes. */
import type { Cpu } from './state.js';
import { ATTRIBUTE, CR0, CR4, EFLAGS, R_CPL, R_EFLAGS, R_SEGMENT_BASE } from './state.js';

/** Bits of the mode key. EFLAGS.TF and paging are not in it. */
export const MODE = {
  /** CS.D: 32-bit operands and addresses by default. */
  CODE_32: 1 << 0,
  /** SS.B: the stack pointer is ESP. */
  STACK_32: 1 << 1,
  CPL3: 1 << 2,
  VM86: 1 << 3,
  /** Bits 4-9: segment 0-5 is flat, see `isFlat`. */
  FLAT_ES: 1 << 4,
  FLAT_CS: 1 << 5,
  FLAT_SS: 1 << 6,
  FLAT_DS: 1 << 7,
  FLAT_FS: 1 << 8,
  FLAT_GS: 1 << 9,
  /** x87 instructions run: CR0.EM = CR0.TS = 0. */
  FPU: 1 << 10,
  /** SSE instructions run: additionally CR4.OSFXSR = 1. */
  SSE: 1 << 11,
  /** Misaligned accesses raise #AC: CPL 3, CR0.AM and EFLAGS.AC. */
  ALIGNMENT: 1 << 12,
  /** The limit of CS is below 4 GiB: 32-bit branch targets are checked. */
  CODE_LIMIT: 1 << 13,
  /** It is below 64 KiB - 1: 16-bit branch targets are checked too. */
  SHORT_CODE: 1 << 14,
} as const;
export const MODE_FLAT_SHIFT = 4;

const DATA_MASK =
  ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.CODE | ATTRIBUTE.EXPAND_DOWN_CONFORMING | ATTRIBUTE.READ_WRITE;
const DATA_FLAT = ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.READ_WRITE;
const CODE_MASK = ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.CODE | ATTRIBUTE.READ_WRITE;
const CODE_FLAT = CODE_MASK;

/**
 * Whether accesses through the segment need no limit or type check: present, limit 4 GiB, base 0 (a multiple of 4 for FS and GS), and
 * writable expand-up data, or for CS readable code. A store through CS must still be checked (it is #GP outside real mode).
 */
export function isFlat(cpu: Cpu, segment: number): boolean {
  const segments = cpu.segments;
  if (segments.limit[segment] !== 0xffffffff) return false;
  const base = segments.base[segment]!;
  // A multiple of 4, so that only misaligned addresses can lie across offset 4 GiB: see `mayWrap`.
  if (segment < 4 ? base !== 0 : (base & 3) !== 0) return false;
  const attributes = segments.attributes[segment]!;
  if (segment === 1) return (attributes & CODE_MASK) === CODE_FLAT;
  return (attributes & DATA_MASK) === DATA_FLAT;
}

/**
 * Whether `size` bytes at a linear address begin before offset 4 GiB of a segment with base 0 and end behind it. With a limit of 4 GiB the manual
 * leaves the fault to the processor (SDM vol. 3, 5.3); processors raise it, as they do for x87 and SSE operands.
 */
export function wraps(linear: number, size: number): boolean {
  return linear >>> 0 > 0x100000000 - size;
}

/** The same where the segment may also be FS or GS. */
export function mayWrap(cpu: Cpu, linear: number, size: number): boolean {
  const { r } = cpu;
  return (
    wraps(linear, size) ||
    wraps((linear - r[R_SEGMENT_BASE + 4]!) | 0, size) ||
    wraps((linear - r[R_SEGMENT_BASE + 5]!) | 0, size)
  );
}

/** After segments were written by other means than `setSegment`. */
export function findFlatSegments(cpu: Cpu): void {
  let bits = 0;
  for (let segment = 0; segment < 6; segment++) if (isFlat(cpu, segment)) bits |= 1 << segment;
  cpu.segments.flat = bits;
}

function featureBits(cpu: Cpu): number {
  if (cpu.cr0 & (CR0.EM | CR0.TS)) return 0;
  return cpu.cr4 & CR4.OSFXSR ? MODE.FPU | MODE.SSE : MODE.FPU;
}

function privilegeBits(cpu: Cpu): number {
  const eflags = cpu.r[R_EFLAGS]!;
  let bits = eflags & EFLAGS.VM ? MODE.VM86 : 0;
  if (cpu.r[R_CPL] !== 3) return bits;
  bits |= MODE.CPL3;
  if (eflags & EFLAGS.AC && cpu.cr0 & CR0.AM) bits |= MODE.ALIGNMENT;
  return bits;
}

/** What the limit of CS contributes. */
export function codeLimitBits(limit: number): number {
  if (limit === 0xffffffff) return 0;
  return limit < 0xffff ? MODE.CODE_LIMIT | MODE.SHORT_CODE : MODE.CODE_LIMIT;
}

/** The mode key now; recomputed by the dispatcher when PENDING.MODE is set. */
export function computeMode(cpu: Cpu): number {
  const { attributes, flat } = cpu.segments;
  return (
    (attributes[1]! & ATTRIBUTE.DB ? MODE.CODE_32 : 0) |
    (attributes[2]! & ATTRIBUTE.DB ? MODE.STACK_32 : 0) |
    privilegeBits(cpu) |
    (flat & 2 ? 0 : codeLimitBits(cpu.segments.limit[1]!)) |
    (flat << MODE_FLAT_SHIFT) |
    featureBits(cpu)
  );
}
