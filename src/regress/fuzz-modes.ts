/** The modes that cases of the engine fuzzer run in besides protected mode with paging, and the sequences that switch between them. */
import { setCpl, setSegment } from '../runtime/helpers/segments.js';
import type { PhysicalMemory } from '../runtime/memory.js';
import { CR0, EFLAGS } from '../runtime/state.js';
import type { Cpu } from '../runtime/state.js';

/** Where a case starts. */
export const Environment = { PLAIN: 0, REAL: 1, V86: 2, NO_PAGING: 3, LIMITS: 4 } as const;
export const ENVIRONMENTS = 5;

/** Real mode's vector table and its handlers, one byte apart; below what the cases' memory is compared in. */
const IVT = 0x10000,
  REAL_HANDLERS = 0x11000;
/** Of the protected machine (vector-machine.ts). */
const IDT = 0x621000,
  IDT_LIMIT = 2047,
  IVT_LIMIT = 1023;
const HLT = 0xf4;
/** Segments of 16-bit cases: ES, CS, SS, DS, FS, GS; real mode and virtual-8086 mode see the same linear addresses. */
const BASES = [0x40000, 0x20000, 0x50000, 0x30000, 0, 0];
const REAL_ATTRIBUTES = 0x93,
  V86_ATTRIBUTES = 0xf3;

export function prepareRealMode(memory: PhysicalMemory): void {
  for (let vector = 0; vector < 256; vector++) {
    memory.write32(IVT + 4 * vector, (REAL_HANDLERS << 12) | vector);
    memory.write8(REAL_HANDLERS + vector, HLT);
  }
}

/** The vector whose handler in real mode has halted, or -1. */
export function realVector(cpu: Cpu, eip: number): number {
  const vector = eip - 1;
  const there = (cpu.cr0 & CR0.PE) === 0 && cpu.segments.base[1] === REAL_HANDLERS;
  return there && vector >= 0 && vector < 256 ? vector : -1;
}

/** Sixteen-bit segments by paragraph, for real mode and virtual-8086 mode. */
function loadParagraphs(cpu: Cpu, attributes: number, cpl: number): void {
  BASES.forEach((base, n) => setSegment(cpu, n, base >>> 4, base, 0xffff, attributes));
  setCpl(cpu, cpl);
}

/** Shortened data and stack segments, and a CS that ends near the code's end, as the case's memory number says. */
function limitSegments(cpu: Cpu, choice: number, codeEnd: number): void {
  const { selector, base, attributes } = cpu.segments;
  const limit = (n: number, value: number): void =>
    setSegment(cpu, n, selector[n]!, base[n]!, value, attributes[n]! & ~0x8000);
  const wide = (attributes[1]! & 0x4000) !== 0;
  if (choice & 1) for (const n of [0, 3]) limit(n, wide ? 0x202f83 : 0x6ffd);
  if (choice & 2) limit(2, wide ? 0x300201 : 0x4fff);
  if (choice & 4) limit(1, codeEnd - 1 + ((choice >> 3) & 3));
}

/** What differs from a plain case once its segments and control registers are loaded; `codeEnd` is an offset in CS. */
export function enterEnvironment(cpu: Cpu, environment: number, choice: number, codeEnd: number): void {
  if (environment === Environment.REAL) {
    cpu.cr0 &= ~(CR0.PE | CR0.PG);
    cpu.idtBase = IVT;
    cpu.idtLimit = choice & 64 ? 0x83 : IVT_LIMIT;
    loadParagraphs(cpu, REAL_ATTRIBUTES, 0);
  } else if (environment === Environment.V86) loadParagraphs(cpu, V86_ATTRIBUTES, 3);
  else if (environment === Environment.NO_PAGING) cpu.cr0 &= ~CR0.PG;
  else if (environment === Environment.LIMITS) limitSegments(cpu, choice, codeEnd);
  cpu.mmu.controlRegistersChanged();
}

/** EFLAGS that an environment has besides the case's own. */
export const environmentFlags = (environment: number): number =>
  environment === Environment.V86 ? EFLAGS.VM : 0;

const little = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255);

/** LIDT of six bytes that stand in the code before it, which a jump skips. */
function loadTable(bits: 16 | 32, at: number, base: number, limit: number): number[] {
  const table = [...little(limit, 2), ...little(base, 4)];
  const address = at + 2;
  // CS override; 16-bit code needs the operand-size prefix for all 32 bits of the base.
  const load = bits === 16 ? [0x2e, 0x66, 0x0f, 0x01, 0x1e] : [0x2e, 0x0f, 0x01, 0x1d];
  return [0xeb, 6, ...table, ...load, ...little(address, bits / 8)];
}
/** PUSH of a dword. */
const push = (bits: 16 | 32, value: number): number[] => [
  ...(bits === 16 ? [0x66] : []),
  0x68,
  ...little(value, 4),
];
const READ_CR0 = [0x0f, 0x20, 0xc0],
  WRITE_CR0 = [0x0f, 0x22, 0xc0];
/** CR0 through EAX with one AND, OR or XOR of 32 bits. */
const changeCr0 = (bits: 16 | 32, operation: number, value: number): number[] => [
  ...READ_CR0,
  ...(bits === 16 ? [0x66] : []),
  operation,
  ...little(value, 4),
  ...WRITE_CR0,
];
const AND = 0x25,
  OR = 0x0d,
  XOR = 0x35;
/** Selector of 16-bit code at the base of CS in 16-bit cases: the last of the fuzzer's descriptors. */
export const CODE_16 = 0x40;

/** Sequences by number; `at` is the offset in CS that they are assembled for. Elsewhere they are instructions like any other. */
export const FRAGMENTS: readonly ((bits: 16 | 32, at: number) => number[])[] = [
  // To real mode, and a far jump there.
  (bits, at) => {
    const head = [...loadTable(bits, at, IVT, IVT_LIMIT), ...changeCr0(bits, AND, ~(CR0.PE | CR0.PG))];
    const next = at + head.length + 1 + bits / 8 + 2;
    return [...head, 0xea, ...little(next, bits / 8), ...little(BASES[1]! >> 4, 2)];
  },
  // To protected mode, and a far jump there.
  (bits, at) => {
    const head = [...loadTable(bits, at, IDT, IDT_LIMIT), ...changeCr0(bits, OR, CR0.PE)];
    const next = at + head.length + 1 + bits / 8 + 2;
    return [...head, 0xea, ...little(next, bits / 8), ...little(bits === 16 ? CODE_16 : 0x08, 2)];
  },
  // Protection on or off without a jump.
  (bits) => changeCr0(bits, XOR, CR0.PE),
  // Paging on or off.
  (bits) => changeCr0(bits, XOR, CR0.PG),
  // Write protection and alignment mask.
  (bits) => changeCr0(bits, XOR, CR0.WP | CR0.AM),
  // To virtual-8086 mode through IRETD.
  (bits, at) => {
    const frame = [0, 0, 0x3000, 0x4000, 0x5000, 0x2f00, EFLAGS.VM | 0x3202, 0x2000];
    const head = frame.flatMap((value) => push(bits, value));
    const tail = bits === 16 ? [0x66, 0xcf] : [0xcf];
    const next = at + head.length + push(bits, 0).length + tail.length;
    return [...head, ...push(bits, next), ...tail];
  },
];
