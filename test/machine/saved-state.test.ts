/** A restored machine goes on bit for bit: what two machines save after the same number of instructions is compared as a whole. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { EngineName } from '../../src/jit/engines.js';
import { R_EIP, R_PENDING, PENDING } from '../../src/runtime/state.js';
import { build, restore, run, save } from './saved-machines.js';
import type { Machine } from './saved-machines.js';

const GUESTS = fileURLToPath(new URL('../../guests', import.meta.url));
const HELLO = readFileSync(`${GUESTS}/hello/hello.elf`);
const STRING_FAULTS = readFileSync(`${GUESTS}/tests/string-faults.elf`);
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

describe.each<[EngineName, EngineName]>([
  ['interpreter', 'interpreter'],
  ['jit', 'jit'],
  ['jit', 'interpreter'],
  ['interpreter', 'jit'],
])('%s, restored in the %s', (engine, other) => {
  it.each([
    ['hello', HELLO, 100_000],
    ['hello', HELLO, 2_345_678],
    ['string-faults', STRING_FAULTS, 20_001],
  ])('%s', { timeout: 120_000 }, (_name, kernel, after) => {
    const options = { memoryBytes: 64 << 20, apic: engine === other };
    const append = 'script=mem,bench:1,fault,smc,halt';
    const original = build(engine, options);
    original.machine.loadKernel(kernel, { append });
    run(original.machine, after);
    const bytes = save(original.machine);
    const said = original.serial.length;
    const restored = build(other, { ...options, scatter: 7 });
    restored.machine.loadKernel(kernel, { append });
    run(restored.machine, 12_345);
    restored.serial.length = 0;
    restore(restored.machine, bytes);
    expect(same(save(restored.machine), bytes)).toBe(true);
    for (let i = 0; i < 3; i++) {
      run(original.machine, 300_000);
      run(restored.machine, 300_000);
      if (!original.machine.isConsistent) break;
      expect(restored.machine.instructionsRetired).toBe(original.machine.instructionsRetired);
      expect(same(save(restored.machine), save(original.machine))).toBe(true);
    }
    expect(restored.serial).toEqual(original.serial.slice(said));
  });
});

/**
 * At 1000, real mode: PICs, PIT with 30 ticks; sti; rep movsb; TF on; mov ss; add; rep stosb; x87; TF off; cli; mov ss twice; sti; hlt; and again.
 * Handlers: IRQ 0 counts at 2000, #DB at 2002.
 */
const PROGRAM =
  'fab011e620e6a0b008e621b070e6a1b004e621b002e6a1b001e621e6a1b0fee621b0ffe6a1b034e643b01ee640b000e640dbe3d9ebfbb91400be0010bf0040f3a49c5880cc015' +
  '09d8ed301060420b90500f3aad9e8dec19c5880e4fe509dfa8ed38ed3fbf4ff060620ebca';
const ON_TIMER = '50ff060020b020e62058cf';
const ON_DEBUG = 'ff060220cf';
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

function enter({ cpu, memory }: Machine): void {
  memory.copyIn(0x1000, bytesOf(PROGRAM));
  memory.copyIn(0x1100, bytesOf(ON_TIMER));
  memory.copyIn(0x1180, bytesOf(ON_DEBUG));
  memory.write32(8 * 4, 0x1100);
  memory.write32(1 * 4, 0x1180);
  cpu.segments.base[1] = cpu.r[10] = 0;
  cpu.segments.selector[1] = 0;
  cpu.r[R_EIP] = 0x1000;
  cpu.r[4] = 0x3000;
}

describe.each<EngineName>(['interpreter', 'jit'])('%s, saved after every instruction', (engine) => {
  it('REP in the middle, single steps, interrupt shadows, HLT', { timeout: 120_000 }, () => {
    const { machine } = build(engine);
    const other = build(engine, { scatter: 3 }).machine;
    enter(machine);
    run(machine, 30);
    const later: { at: number; bytes: Uint8Array }[] = [];
    let refused = 0;
    let shadows = 0;
    const eips = new Set<number>();
    for (let i = 0; i < 120; i++) {
      machine.runSlice(1);
      eips.add(machine.cpu.r[R_EIP]!);
      if (!machine.isConsistent) {
        refused++;
        expect(() => save(machine)).toThrow('no point where it can be saved');
        continue;
      }
      if ((machine.cpu.r[R_PENDING]! & PENDING.SHADOW) !== 0) shadows++;
      const bytes = save(machine);
      const first = later[0];
      if (first !== undefined && later.length === 20) later.shift();
      if (first !== undefined && i % 4 === 0) {
        restore(other, first.bytes);
        run(other, machine.instructionsRetired - first.at);
        expect(other.instructionsRetired).toBe(machine.instructionsRetired);
        expect(same(save(other), bytes)).toBe(true);
      }
      later.push({ at: machine.instructionsRetired, bytes });
    }
    const counts = [0x2000, 0x2002, 0x2006].map((address) => machine.memory.read16(address));
    expect(counts.every((count) => count > 0)).toBe(true);
    expect([refused > 0, shadows > 0, eips.size > 30]).toEqual([true, true, true]);
  });
});

it('what derives from states is made anew: A20, shadowing, the places of PCI functions', () => {
  const { machine } = build('interpreter');
  const other = build('interpreter', { scatter: 3 }).machine;
  const out = (port: number, value: number, size = 1): void =>
    machine.cpu.environment.writePort(port, size, value);
  const configure = (address: number, value: number, size: number): void => {
    out(0xcf8, 0x80000000 + (address & ~3), 4);
    out(0xcfc + (address & 3), value, size);
  };
  machine.memory.write8(0xd0000, 0x5a);
  // PAM3: D0000-D3FFF is ROM, D4000-D7FFF may be read only. BAR 0 of the display adapter. A20 off by both gates.
  configure(0x5c, 0x10, 1);
  configure((2 << 11) | 0x10, 0xd8000000, 4);
  out(0x64, 0xdd);
  out(0x92, 0);
  restore(other, save(machine));
  expect([other.memory.a20, other.memory.read8(0xd0000)]).toEqual([false, 0xff]);
  other.memory.write8(0xd4000, 1);
  expect(other.memory.read8(0xd4000)).toBe(0);
  other.vga.state.memory[5] = 0x77;
  expect(other.memory.bus.read(0xd8000005, 1) & 0xff).toBe(0x77);
  other.cpu.environment.writePort(0xcf8, 4, 0x8000005c);
  other.cpu.environment.writePort(0xcfc, 1, 0x33);
  expect(other.memory.read8(0xd0000)).toBe(0x5a);
});

it('time goes on from where it was, on either clock', () => {
  let host = 0;
  const { machine } = build('interpreter');
  enter(machine);
  run(machine, 5000);
  machine.cpu.environment.writeTsc(5, 7);
  const bytes = save(machine);
  const hosted = build('interpreter', { clock: 'host', hostNow: () => (host += 10) }).machine;
  restore(hosted, bytes);
  expect(hosted.instructionsRetired).toBe(machine.instructionsRetired);
  expect(hosted.now() - machine.now()).toBeLessThan(1000);
  expect(hosted.cpu.environment.readTsc().high).toBe(7);
});
