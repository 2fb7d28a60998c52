/** The linear framebuffer is memory: where it lies, who goes before it, what it tells viewers, code in it, and the same in every engine and after restoring. */
import { beforeEach, describe, expect, it } from 'vitest';
import { elf } from '../firmware/images.js';
import { build, open, run, save } from './saved-machines.js';
import type { Machine } from './saved-machines.js';

const ENGINES = ['evaluator', 'interpreter', 'jit'] as const;
const VGA = 2 << 3;
const DISPI_INDEX = 0x1ce,
  DISPI_DATA = 0x1cf;
const ENABLE = 4,
  BANK = 5,
  ON = 0x41,
  ON_KEPT = 0xc1;

let machine: Machine;

function configure(offset: number, size: number, value: number): void {
  machine.cpu.environment!.writePort(0xcf8, 4, 0x80000000 | (VGA << 8) | (offset & 0xfc));
  machine.cpu.environment!.writePort(0xcfc + (offset & 3), size, value);
}
function dispi(index: number, value: number): void {
  machine.cpu.environment!.writePort(DISPI_INDEX, 2, index);
  machine.cpu.environment!.writePort(DISPI_DATA, 2, value);
}
function linearMode(bits = 32, enable = ON): void {
  for (const [index, value] of [
    [1, 640],
    [2, 480],
    [3, bits],
    [ENABLE, enable],
  ] as const)
    dispi(index, value);
}
const addressOf = (of: Machine): number =>
  [...of.pciFunctions()].find(({ name }) => name === 'vga')!.bars.find(({ index }) => index === 0)!.first;
/** Whether the processor reaches the framebuffer's byte `offset` at a guest-physical address without a call. */
const isDirect = (gpa: number, offset = 0): boolean =>
  machine.memory.p2m[gpa >>> 12] === machine.memory.deviceFirst + (offset >>> 12);

describe('the framebuffer in the memory map', () => {
  beforeEach(() => {
    machine = build('interpreter', { memoryBytes: 32 << 20, apic: true }).machine;
  });
  it('is memory while a linear mode is on', () => {
    const at = addressOf(machine);
    expect(isDirect(at)).toBe(false);
    linearMode();
    expect(isDirect(at)).toBe(true);
    machine.memory.write32(at + 0x123450, 0x55aa1234);
    expect(machine.vga.state.memory[0x123450]).toBe(0x34);
    machine.vga.state.memory[0x123451] = 0x77;
    expect(machine.memory.read16(at + 0x123450)).toBe(0x7734);
    dispi(ENABLE, 0);
    expect([isDirect(at), machine.memory.bus.read(at + 0x123450, 4)]).toEqual([false, 0x55aa7734]);
    linearMode(32, ON_KEPT);
    machine.reset();
    expect(machine.memory.p2m.some((mfn) => mfn >= machine.memory.deviceFirst)).toBe(false);
  });
  it('follows its base address register', () => {
    linearMode();
    const from = addressOf(machine);
    configure(0x10, 4, 0xc5000000);
    expect([isDirect(from), isDirect(0xc5000000), isDirect(0xc5fff000, 0xfff000)]).toEqual([
      false,
      true,
      true,
    ]);
    configure(4, 2, 0);
    expect(isDirect(0xc5000000)).toBe(false);
  });
  it('lets RAM, ROM and what chips claim go before it', () => {
    linearMode();
    const { p2m } = machine.memory;
    const before = p2m.slice(0, 0x2000);
    configure(0x10, 4, 0x01000000);
    expect(p2m.slice(0, 0x2000)).toEqual(before);
    configure(0x10, 4, 0xfe000000);
    expect(isDirect(0xfebff000, 0xbff000)).toBe(true);
    for (const chip of [0xfec00000, 0xfee00000]) expect(p2m[chip >>> 12]).toBe(-1);
    const rom = p2m[0xfffff];
    configure(0x10, 4, 0xff000000);
    expect([p2m[0xfffff], isDirect(0xff800000, 0x800000)]).toEqual([rom, true]);
  });
  it('is not listed twice', () => {
    const of = () => machine.map().memory.filter(({ first }) => first >= 0xc0000000 && first < 0xfe000000);
    const before = of();
    linearMode();
    expect(of()).toEqual(before);
  });
  it('without machine addresses for it every access is a call', async () => {
    const { PhysicalMemory } = await import('../../src/runtime/memory.js');
    expect(new PhysicalMemory(8 << 20, { deviceBytes: 16 << 20 }).deviceFrames).toBe(4096);
    expect(new PhysicalMemory(8 << 20, { deviceBytes: 0x80000000 }).deviceFrames).toBe(0);
  });
});

describe('a viewer', () => {
  it('learns of direct writes, each time it looks', () => {
    machine = build('interpreter').machine;
    linearMode();
    const at = addressOf(machine);
    const { vga, memory } = machine;
    let seen = vga.changes;
    const news = (): boolean => {
      const now = vga.changes;
      const differs = now !== seen;
      seen = now;
      return differs;
    };
    expect(news()).toBe(false);
    for (const offset of [0, 0, 4, 0x5000]) {
      memory.write8(at + offset, 1);
      expect([news(), news()]).toEqual([true, false]);
    }
    memory.copyIn(at + 0x6ffc, new Uint8Array(8));
    expect([news(), news()]).toEqual([true, false]);
    memory.read32(at);
    expect(news()).toBe(false);
  });
});

const int32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const moveEax = (value: number): number[] => [0xb8, ...int32(value)];
const moveByte = (address: number, value: number): number[] => [0xc6, 0x05, ...int32(address), value];
const outWord = (port: number, value: number): number[] => [
  ...[0x66, 0xba, port & 0xff, port >> 8],
  ...[0x66, 0xb8, value & 0xff, value >> 8, 0x66, 0xef],
];
const setDispi = (index: number, value: number): number[] => [
  ...outWord(DISPI_INDEX, index),
  ...outWord(DISPI_DATA, value),
];
const setLinear = (enable: number): number[] => [
  ...setDispi(1, 640),
  ...setDispi(2, 480),
  ...setDispi(3, 32),
  ...setDispi(ENABLE, enable),
];
const debugExit = [0xe6, 0xf4];
/** MOV ECX, count; `body`; DEC ECX; JNZ. */
const times = (count: number, body: readonly number[]): number[] => [
  ...[0xb9, ...int32(count)],
  ...body,
  ...[0x49, 0x0f, 0x85, ...int32(-(body.length + 7))],
];
/** MOV ESI, address; CALL ESI; ADD EBX, EAX. */
const callAndAdd = (address: number): number[] => [0xbe, ...int32(address), 0xff, 0xd6, 0x01, 0xc3];

function start(engine: (typeof ENGINES)[number], code: (framebuffer: number) => readonly number[]): Machine {
  const fresh = build(engine, { debugExit: true }).machine;
  const stack = [0xbc, ...int32(0x90000)];
  const bytes = Uint8Array.from([...stack, ...code(addressOf(fresh))]);
  fresh.loadKernel(elf(0x100000, [{ physical: 0x100000, bytes }]));
  return fresh;
}
/** EBX at the end and how many instructions it took. */
function finish(of: Machine): [number, number] {
  let { ended } = of.runSlice(20_000_000);
  // Setting a mode ends a slice.
  for (let slices = 0; slices < 10 && ended === undefined; slices++) ended = of.runSlice(20_000_000).ended;
  expect(ended).toMatchObject({ kind: 'debug-exit' });
  return [of.cpu.r[3]!, of.instructionsRetired];
}

describe('code in the framebuffer', () => {
  /** MOV EAX, value; RET. */
  const routine = (address: number, value: number): number[] =>
    [...moveEax(value), 0xc3].flatMap((byte, i) => moveByte(address + i, byte));
  const guest = (at: number): number[] => {
    const body = [
      ...callAndAdd(at + 0x10000),
      // Through the 64 KiB bank, then directly.
      ...moveByte(0xa0001, 20),
      ...callAndAdd(at + 0x10000),
      ...moveByte(at + 0x10001, 1),
    ];
    const other = [
      ...setDispi(ENABLE, 0),
      // The framebuffer is called now: its byte 1.
      ...moveByte(at + 0x10001, 7),
      ...setLinear(ON_KEPT),
      ...callAndAdd(at + 0x10000),
      ...setDispi(ENABLE, 0),
      ...setLinear(ON),
      // Cleared to zeros, which add AL to memory where EAX points; a RET goes in first.
      ...moveByte(at + 0x10000, 0xc3),
      ...moveEax(1000),
      ...callAndAdd(at + 0x10000),
    ];
    return [
      ...[0x31, 0xdb],
      ...setLinear(ON),
      ...setDispi(BANK, 1),
      ...routine(at + 0x10000, 1),
      ...times(3000, body),
      ...other,
      ...debugExit,
    ];
  };
  it('is the new one whichever way it was written, in every engine', () => {
    const outcomes = ENGINES.map((engine) => finish(start(engine, guest)));
    expect(outcomes.map(([sum]) => sum)).toEqual(ENGINES.map(() => 3000 * 21 + 7 + 1000));
    expect(new Set(outcomes.map(([, instructions]) => instructions)).size).toBe(1);
  });
});

describe('a guest that sets modes again and again', () => {
  it.each(ENGINES)('in the %s does not keep the host: each costs a slice', (engine) => {
    const guest = start(engine, () => times(0x7fffffff, [...setDispi(ENABLE, 0), ...setDispi(ENABLE, ON)]));
    guest.runSlice(1000);
    const { instructionsRetired } = guest;
    for (let i = 0; i < 10; i++) expect(guest.runSlice(250_000)).toEqual({});
    expect(guest.instructionsRetired - instructionsRetired).toBeLessThan(10 * 20);
  });
});

describe('a guest that draws', () => {
  it.each(['interpreter', 'jit'] as const)(
    'in the %s is seen at work, and goes on after restoring',
    (engine) => {
      const drawing = start(engine, (at) => [
        ...setLinear(ON),
        // EDI is the pixel; EAX counts: MOV [EDI], EAX; INC EAX; ADD EDI, 4; AND EDI to 256 KiB; OR EDI, at.
        ...[0x31, 0xc0, 0xbf, ...int32(at)],
        ...times(0x7fffffff, [
          0x89,
          0x07,
          0x40,
          0x83,
          0xc7,
          4,
          0x81,
          0xe7,
          ...int32(0x3ffff),
          0x81,
          0xcf,
          ...int32(at),
        ]),
      ]);
      let seen = drawing.vga.changes;
      for (let i = 0; i < 20; i++) {
        run(drawing, 50_000);
        expect(drawing.vga.changes).not.toBe(seen);
        seen = drawing.vga.changes;
      }
      const file = save(drawing);
      const restored = build(engine, { debugExit: true, scatter: 5 }).machine;
      restored.restore(open(file));
      for (const one of [drawing, restored]) run(one, 400_000);
      expect(restored.instructionsRetired).toBe(drawing.instructionsRetired);
      expect(Buffer.compare(restored.vga.state.memory, drawing.vga.state.memory)).toBe(0);
      expect(drawing.vga.state.memory.subarray(0, 0x40000).some((byte) => byte !== 0)).toBe(true);
      expect(Buffer.compare(save(restored), save(drawing))).toBe(0);
    },
  );
});
