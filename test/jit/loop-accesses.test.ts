/** Accesses that are checked once for many iterations of a loop do what one instruction at a time does: at page ends, misaligned, over holes and over code. */
import { describe, expect, it } from 'vitest';
import { createEngine, type EngineName } from '../../src/jit/engines.js';
import { VectorMachine } from '../../src/jit/vector-machine.js';
import { EBX, ECX, EDI, ESI, PENDING, R_BUDGET, R_EIP, R_PENDING } from '../../src/runtime/state.js';

const CODE = 0x400000,
  RAM_END = 32 << 20,
  COUNT = 3000;
const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.split(/\s+/), (byte) => parseInt(byte, 16));

/** mov eax,[esi]; mov [edi],eax; add esi,4; add edi,4; add ebx,eax; dec ecx; jne */
const UP = bytes('8b 06 89 07 83 c6 04 83 c7 04 01 c3 49 75 f1 0f 0b');
/** movzx eax,byte [esi]; dec esi; add ebx,eax; xor [edi],al; inc edi; dec ecx; jne */
const DOWN = bytes('0f b6 06 4e 01 c3 30 07 47 49 75 f4 0f 0b');
/** mov eax,[esi]; add eax,[esi+4]; add [edi+ecx*4],eax; test al,1; jz 1f; add ebx,[esi]; 1: add esi,8; dec ecx; jne */
const GROUPS = bytes('8b 06 03 46 04 01 04 8f a8 01 74 02 03 1e 83 c6 08 49 75 ec 0f 0b');

interface Way {
  readonly code: Uint8Array;
  readonly from: number;
  readonly to: number;
}
function run(name: EngineName, { code, from, to }: Way) {
  const machine = new VectorMachine(32);
  machine.enterUser();
  const { cpu, memory } = machine;
  const pattern = Uint8Array.from({ length: 0x20000 }, (_, i) => (i * 167 + (i >> 8)) & 255);
  memory.copyIn(0x200000, pattern);
  memory.copyIn(RAM_END - 0x20000, pattern);
  memory.copyIn(CODE, code);
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
  r[R_BUDGET] = COUNT * 5;
  for (let i = 0; r[R_BUDGET]! > 0 && i < 10_000; i++) engine.run();
  const ram = [0x200000, 0x300000, CODE, RAM_END - 0x20000].map((at) =>
    Buffer.from(memory.copyOut(at, 0x20000)).toString('base64'),
  );
  return { state: [...r.subarray(0, 8), r[R_EIP]!], ram, sources };
}

describe.each<[string, Way]>([
  ['page by page', { code: UP, from: 0x200000, to: 0x300ffc }],
  ['source misaligned', { code: UP, from: 0x200001, to: 0x300000 }],
  ['destination misaligned', { code: UP, from: 0x200000, to: 0x300002 }],
  ['out of RAM', { code: UP, from: RAM_END - 0x800, to: 0x300000 }],
  ['over its own code page, ending before the code', { code: UP, from: 0x200000, to: CODE - COUNT * 4 }],
  ['beside its own code', { code: UP, from: 0x200000, to: CODE + 0x40 }],
  ['downwards by bytes', { code: DOWN, from: 0x201003, to: 0x300ffe }],
  ['pairs', { code: GROUPS, from: 0x200008, to: 0x300004 }],
  ['pairs that cross pages', { code: GROUPS, from: 0x200004, to: 0x300004 }],
  ['where it reads', { code: GROUPS, from: 0x200000, to: 0x200004 }],
])('%s', (_name, way) => {
  it('computes what one instruction at a time does', () => {
    const { state, ram } = run('jit', way);
    const wanted = run('evaluator', way);
    expect(state).toEqual(wanted.state);
    expect(ram.map((part, i) => part === wanted.ram[i])).toEqual(ram.map(() => true));
  });
});

it('one check serves many iterations', () => {
  const { sources } = run('jit', { code: UP, from: 0x200000, to: 0x300000 });
  expect(sources.some((source) => /\bP\d+: (while|for)/.test(source))).toBe(true);
});
