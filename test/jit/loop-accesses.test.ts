/** Accesses that are checked once for many iterations of a loop do what one instruction at a time does: at page ends, misaligned, over holes and over code. */
import { describe, expect, it } from 'vitest';
import { createEngine, type EngineName } from '../../src/jit/engines.js';
import { HANDLERS, VectorMachine } from '../../src/jit/vector-machine.js';
import { EBX, ECX, EDI, ESI, PENDING, R_BUDGET, R_EIP, R_PENDING } from '../../src/runtime/state.js';

const CODE = 0x400800,
  RAM_END = 8 << 20,
  COUNT = 3000;
const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.split(/\s+/), (byte) => parseInt(byte, 16));

/** mov eax,[esi]; mov [edi],eax; add esi,4; add edi,4; add ebx,eax; dec ecx; jne */
const UP = bytes('8b 06 89 07 83 c6 04 83 c7 04 01 c3 49 75 f1 0f 0b');
/** movzx eax,byte [esi]; dec esi; add ebx,eax; xor [edi],al; inc edi; dec ecx; jne */
const DOWN = bytes('0f b6 06 4e 01 c3 30 07 47 49 75 f4 0f 0b');
/** mov eax,[esi]; add eax,[esi+4]; add [edi+ecx*4],eax; test al,1; jz 1f; add ebx,[esi]; 1: add esi,8; dec ecx; jne */
const GROUPS = bytes('8b 06 03 46 04 01 04 8f a8 01 74 02 03 1e 83 c6 08 49 75 ec 0f 0b');
/** movdqu xmm0,[esi]; movsd xmm1,[esi+8]; movd eax,xmm0; add ebx,eax; movdqu [edi],xmm0; movsd [edi+16],xmm1; add esi,16; add edi,16; dec ecx; jne */
const WIDE = bytes(
  'f3 0f 6f 06 f2 0f 10 4e 08 66 0f 7e c0 01 c3 f3 0f 7f 07 f2 0f 11 4f 10 83 c6 10 83 c7 10 49 75 df 0f 0b',
);
/** movd esi,xmm3 in each iteration: the address does not go on. */
const STANDING = bytes('f3 0f 6f 06 66 0f 7e de f3 0f 7f 07 83 c7 10 03 1e 83 c6 10 49 75 e9 0f 0b');

interface Way {
  readonly code: Uint8Array;
  readonly from: number;
  readonly to: number;
  /** Page table entries that are not as usual, by linear address. */
  readonly entries?: Readonly<Record<number, number>>;
  /** Where that is a fault. */
  readonly faults?: number;
  /** Instructions. */
  readonly budget?: number;
}
/** Iterations by sixteen bytes stay where RAM is mapped. */
const SHORTER = 9000;
const PRESENT = 1,
  WRITABLE = 2,
  USER = 4,
  ALL = PRESENT | WRITABLE | USER;

function run(name: EngineName, { code, from, to, entries, budget = COUNT * 5 }: Way) {
  const machine = new VectorMachine(32);
  machine.enterUser();
  const { cpu, memory } = machine;
  const pattern = Uint8Array.from({ length: 0x20000 }, (_, i) => (i * 167 + (i >> 8)) & 255);
  memory.copyIn(0x200000, pattern);
  memory.copyIn(RAM_END - 0x2000, pattern.subarray(0, 0x2000));
  memory.copyIn(CODE, code);
  const halts = new Uint8Array(256).fill(0xf4);
  memory.copyIn(HANDLERS, halts);
  const entryAt = (linear: number): number =>
    (memory.read32(cpu.cr3 + ((linear >>> 22) << 2)) & -4096) + (((linear >>> 12) & 1023) << 2);
  for (const [linear, entry] of Object.entries(entries ?? {})) memory.write32(entryAt(Number(linear)), entry);
  cpu.mmu.controlRegistersChanged();
  const sources: string[] = [];
  const engine = createEngine(name, {
    heatThreshold: 60,
    train: false,
    onTranslation: (_name, source) => sources.push(source),
  })(cpu, memory);
  const { r } = cpu;
  [r[EBX], r[ECX], r[ESI], r[EDI], r[R_EIP]] = [0, COUNT, from, to, CODE];
  r[R_PENDING]! |= PENDING.MODE;
  // Less than all: what follows the loop is not part of its region.
  r[R_BUDGET] = budget;
  for (let i = 0; !cpu.halted && r[R_BUDGET]! > 0 && i < 10_000; i++) engine.run();
  const ram = [0x200000, 0x300000, CODE & -4096, CODE - 0x4000].map((at) =>
    Buffer.from(memory.copyOut(at, 0x20000)).toString('base64'),
  );
  // With what the walks set there.
  const tables = [0x200000, 0x300000].map((at) =>
    Buffer.from(memory.copyOut(entryAt(at), 128)).toString('base64'),
  );
  return { state: [...r.subarray(0, 8), r[R_EIP]!, cpu.cr2], ram: [...ram, ...tables], sources };
}

describe.each<[string, Way]>([
  ['page by page', { code: UP, from: 0x200000, to: 0x300ffc }],
  ['source misaligned', { code: UP, from: 0x200001, to: 0x300000 }],
  ['destination misaligned', { code: UP, from: 0x200000, to: 0x300002 }],
  [
    'out of RAM',
    {
      code: UP,
      from: 0x200000,
      to: 0x300000,
      entries: {
        0x200000: (RAM_END - 0x2000) | ALL,
        0x201000: (RAM_END - 0x1000) | ALL,
        0x202000: RAM_END | ALL,
      },
    },
  ],
  [
    'over its own code page, ending before the code',
    {
      code: UP,
      from: 0x200000,
      to: CODE - COUNT * 4,
      entries: { 0x3fd000: 0x3fd000 | ALL, 0x3fe000: 0x3fe000 | ALL, 0x3ff000: 0x3ff000 | ALL },
    },
  ],
  ['beside its own code', { code: UP, from: 0x200000, to: CODE + 0x40 }],
  ['downwards by bytes', { code: DOWN, from: 0x201003, to: 0x300ffe }],
  ['pairs', { code: GROUPS, from: 0x200008, to: 0x300004 }],
  ['pairs that cross pages', { code: GROUPS, from: 0x200004, to: 0x300004 }],
  [
    'over pages that lie elsewhere',
    {
      code: UP,
      from: 0x200008,
      to: 0x300ff0,
      entries: { 0x201000: 0x20f000 | ALL, 0x202000: 0x201000 | PRESENT | USER, 0x302000: 0x30a000 | ALL },
    },
  ],
  [
    'up to a page that is not there',
    { code: UP, from: 0x200008, to: 0x300000, entries: { 0x202000: 0 }, faults: 0x202000 },
  ],
  [
    'up to a page that is the kernel’s',
    {
      code: GROUPS,
      from: 0x200000,
      to: 0x300000,
      entries: { 0x203000: 0x203000 | PRESENT },
      faults: 0x203000,
    },
  ],
  [
    'up to a read-only page',
    {
      code: UP,
      from: 0x200000,
      to: 0x300004,
      entries: { 0x302000: 0x302000 | PRESENT | USER },
      faults: 0x302000,
    },
  ],
  [
    'downwards to a read-only page',
    {
      code: DOWN,
      from: 0x203003,
      to: 0x300ffe,
      entries: { 0x301000: 0x301000 | PRESENT | USER },
      faults: 0x301000,
    },
  ],
  ['by sixteen bytes', { code: WIDE, from: 0x200000, to: 0x300000, budget: SHORTER }],
  ['by sixteen bytes over ends of pages', { code: WIDE, from: 0x200008, to: 0x300ff0, budget: 7000 }],
  ['by sixteen bytes, misaligned', { code: WIDE, from: 0x200004, to: 0x30000c, budget: SHORTER }],
  [
    'by sixteen bytes up to a page that is not there',
    {
      code: WIDE,
      from: 0x200000,
      to: 0x300000,
      entries: { 0x202000: 0 },
      faults: 0x202000,
      budget: SHORTER,
    },
  ],
  [
    'by sixteen bytes up to a read-only page',
    {
      code: WIDE,
      from: 0x200008,
      to: 0x300000,
      entries: { 0x302000: 0x302000 | PRESENT | USER },
      faults: 0x302000,
      budget: SHORTER,
    },
  ],
  ['by sixteen bytes, beside its code', { code: WIDE, from: 0x200000, to: CODE + 0x40, budget: 6000 }],
  ['from where a vector says', { code: STANDING, from: 0x200000, to: 0x300000, budget: 6000 }],
  ['where it reads', { code: GROUPS, from: 0x200000, to: 0x200004 }],
])('%s', (_name, way) => {
  it('computes what one instruction at a time does', () => {
    const { state, ram } = run('jit', way);
    const wanted = run('evaluator', way);
    expect(wanted.state.at(-1)).toBe(way.faults ?? 0);
    expect(state).toEqual(wanted.state);
    expect(ram.map((part, i) => part === wanted.ram[i])).toEqual(ram.map(() => true));
  });
});

it.each([UP, WIDE])('one check serves many iterations', (code) => {
  const { sources } = run('jit', { code, from: 0x200000, to: 0x300000 });
  expect(sources.some((source) => /\bP\d+: (while|for)/.test(source))).toBe(true);
});
