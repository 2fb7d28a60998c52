/** Random MMIO, MSR and port accesses to a machine with APICs: nothing throws, values keep their size, time-outs move forward. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SerialLine } from '../../src/devices/serial-backend.js';
import { Machine } from '../../src/machine.js';
import { setEflags } from '../../src/runtime/flags.js';
import { EFLAGS, R_EIP } from '../../src/runtime/state.js';
import { ScriptEngine } from './script-engine.js';

let engine!: ScriptEngine;
const machine = new Machine({
  memoryBytes: 2 << 20,
  clock: 'virtual',
  apic: true,
  serial: new SerialLine(() => undefined),
  debugExit: false,
  createEngine: (cpu) => (engine = new ScriptEngine(cpu)),
});
const LIMIT: Record<number, number> = { 1: 0xff, 2: 0xffff, 4: 0xffffffff };

const register = fc.oneof(
  fc.nat(0x3f).map((n) => 0xfee00000 + 16 * n),
  fc.constantFrom(0xfec00000, 0xfec00010, 0xfec00010),
  fc.nat(0x57).map((n) => 0xfed00000 + 4 * n),
);
const value = fc.oneof(
  fc.nat(255),
  fc.integer(),
  fc.constantFrom(0x10, 0x14, 0x1ff, 0x200ec, 0x400ec, 0xec, 0x700, 0x44055, 0x8039, 0x4c, 0x10c),
);
const memory = fc.record({
  kind: fc.constant('memory' as const),
  address: register,
  skew: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 2, 3, 5),
  size: fc.constantFrom(4, 4, 4, 4, 1, 2),
  value,
  write: fc.constantFrom(true, true, false),
});
const msr = fc.record({
  kind: fc.constant('msr' as const),
  index: fc.constantFrom(0x1b, 0x6e0, 0x6e0, 0x10, 0x802),
  low: fc.oneof(value, fc.constantFrom(0xfee00900 | 0, 0xfee00100 | 0)),
  high: fc.constantFrom(0, 0, 0, 1, -1),
  write: fc.boolean(),
});
const port = fc.record({
  kind: fc.constant('port' as const),
  port: fc.constantFrom(0x20, 0x21, 0xa0, 0xa1, 0x40, 0x43, 0x70, 0x71, 0x3f9, 0x3fc),
  value: fc.nat(255),
});
const step = fc.record({
  access: fc.oneof(
    { weight: 6, arbitrary: memory },
    { weight: 2, arbitrary: msr },
    { weight: 1, arbitrary: port },
  ),
  pause: fc.constantFrom(0, 0, 1, 100, 20_000),
});
type Access = (typeof step extends fc.Arbitrary<infer T> ? T : never)['access'];

function perform(access: Access): void {
  const { cpu, memory: ram } = machine;
  if (access.kind === 'port') cpu.environment.writePort(access.port, 1, access.value);
  else if (access.kind === 'msr') performMsr(access.index, access.low, access.high, access.write);
  else if (access.write) ram.bus.write(access.address + access.skew, access.size, access.value);
  else {
    const read = ram.bus.read(access.address + access.skew, access.size);
    if (!(Number.isInteger(read) && read >= 0 && read <= LIMIT[access.size]!))
      throw new Error(`${access.address.toString(16)}+${access.skew} size ${access.size} read ${read}`);
  }
}

function performMsr(index: number, low: number, high: number, write: boolean): void {
  const { cpu } = machine;
  cpu.msrLow = low;
  cpu.msrHigh = high;
  if (index === 0x10) cpu.environment.writeTsc(low, high);
  else if (write) cpu.environment.writeMsr(index);
  else if (
    cpu.environment.readMsr(index) &&
    (cpu.msrLow !== (cpu.msrLow | 0) || cpu.msrHigh !== (cpu.msrHigh | 0))
  )
    throw new Error(`MSR ${index.toString(16)} is no pair of int32`);
}

function checkDeadlines(): void {
  for (const device of machine.devices) {
    if (device.deadline === undefined) continue;
    const due = device.deadline();
    if (Number.isNaN(due)) throw new Error(`${device.name} is due at NaN`);
    if (due > machine.now()) continue;
    device.tick!(machine.now());
    if (device.deadline() <= machine.now()) throw new Error(`${device.name} is due again and again`);
  }
}

it('survives', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      machine.reset();
      for (const { access, pause } of steps) {
        perform(access);
        checkDeadlines();
        engine.step = (at, cpu) => {
          if (at >= 0x200) cpu.r[R_EIP] = 0x100;
          setEflags(cpu, EFLAGS.IF, EFLAGS.IF);
        };
        if (pause > 0) machine.runSlice(pause);
      }
    }),
    { numRuns: 150 },
  );
  expect(machine.instructionsRetired).toBeGreaterThan(0);
});

it('every state is plain data that a structured clone copies', () => {
  // Not toEqual, which takes minutes for a framebuffer.
  const isPlain = (state: object) => isDeepStrictEqual(structuredClone(state), state);
  expect(machine.devices.filter((d) => !isPlain(d.state)).map((d) => d.name)).toEqual([]);
  expect(new Set(machine.devices.map((d) => d.name)).size).toBe(machine.devices.length);
});
