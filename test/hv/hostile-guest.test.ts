/** Random port accesses to the whole machine: nothing throws, values keep their size, time-outs move forward. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SerialLine } from '../../src/devices/serial-backend.js';
import { Machine } from '../../src/machine.js';
import { EFLAGS, R_EIP } from '../../src/runtime/state.js';
import { setEflags } from '../../src/runtime/flags.js';
import { ScriptEngine } from './script-engine.js';

const line = new SerialLine(() => undefined);
let engine!: ScriptEngine;
const machine = new Machine({
  memoryBytes: 2 << 20,
  clock: 'virtual',
  serial: line,
  debugExit: true,
  createEngine: (cpu) => (engine = new ScriptEngine(cpu)),
});
const ports = machine.devices.flatMap((d) =>
  (d.ports ?? []).flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i)),
);
const LIMIT: Record<number, number> = { 1: 0xff, 2: 0xffff, 4: 0xffffffff };

const access = fc.record({
  port: fc.constantFrom(...ports),
  size: fc.constantFrom(1, 1, 1, 2, 4),
  value: fc.oneof(fc.nat(255), fc.integer()),
  write: fc.boolean(),
  /** Instructions to run afterwards. */
  pause: fc.constantFrom(0, 0, 1, 100, 100_000),
  typed: fc.boolean(),
});
type Access = typeof access extends fc.Arbitrary<infer T> ? T : never;

function perform({ port, size, value, write, typed }: Access): void {
  const { environment } = machine.cpu;
  if (write) environment.writePort(port, size, size === 4 ? value >>> 0 : value & LIMIT[size]!);
  else {
    const read = environment.readPort(port, size);
    if (!(Number.isInteger(read) && read >= 0 && read <= LIMIT[size]!))
      throw new Error(`port ${port.toString(16)} size ${size} read ${read}`);
  }
  if (typed) line.push([value & 0xff]);
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
    fc.property(fc.array(access, { maxLength: 40 }), (accesses) => {
      machine.reset();
      setEflags(machine.cpu, EFLAGS.IF, EFLAGS.IF);
      for (const one of accesses) {
        perform(one);
        checkDeadlines();
        engine.step = (_, cpu) => {
          cpu.r[R_EIP] = 0x100;
        };
        if (one.pause > 0) machine.runSlice(one.pause);
      }
    }),
    { numRuns: 100 },
  );
  expect(machine.instructionsRetired).toBeGreaterThan(0);
});

it('every state is plain data that a structured clone copies', () => {
  // Not toEqual, which takes minutes for a framebuffer.
  const isPlain = (state: object) => isDeepStrictEqual(structuredClone(state), state);
  expect(machine.devices.filter((d) => !isPlain(d.state)).map((d) => d.name)).toEqual([]);
  expect(new Set(machine.devices.map((d) => d.name)).size).toBe(machine.devices.length);
});
