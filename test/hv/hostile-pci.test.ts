/** Random writes to configuration space, shadow and SMRAM registers, DMA controllers and the firmware device: nothing throws, and a reset puts everything back. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SerialLine } from '../../src/devices/serial-backend.js';
import { Machine } from '../../src/machine.js';
import { ScriptEngine } from './script-engine.js';

const machine = new Machine({
  memoryBytes: 2 << 20,
  clock: 'virtual',
  serial: new SerialLine(() => undefined),
  debugExit: false,
  bios: new Uint8Array(0x20000).fill(0x90),
  createEngine: (cpu) => new ScriptEngine(cpu),
});
const { environment } = machine.cpu;
const memory = (address: number): number => machine.memory.bus.read(address, 4) >>> 0;
/** Host bridge, ISA bridge, IDE, power management, VGA. */
const FUNCTIONS = [0, 8, 9, 11, 16];

const configuration = fc.record({
  kind: fc.constant('configuration' as const),
  at: fc.constantFrom(...FUNCTIONS),
  offset: fc.oneof(
    fc.nat(255),
    fc.constantFrom(4, 0x10, 0x14, 0x18, 0x30, 0x40, 0x59, 0x5c, 0x60, 0x72, 0x80),
  ),
  size: fc.constantFrom(1, 2, 4),
  value: fc.oneof(
    fc.integer(),
    fc.constantFrom(0, 3, 7, -1, 0xc000, 0xc020, 0xffc0, 0xf0000000 | 0, 0xc0000),
  ),
});
const port = fc.record({
  kind: fc.constant('port' as const),
  port: fc.oneof(
    fc.nat(0xf),
    fc.integer({ min: 0x80, max: 0x8f }),
    fc.integer({ min: 0xc0, max: 0xdf }),
    fc.integer({ min: 0x510, max: 0x51b }),
    fc.nat(0xffff),
  ),
  size: fc.constantFrom(1, 2, 4),
  value: fc.integer(),
});
const touch = fc.record({
  kind: fc.constant('memory' as const),
  address: fc.oneof(
    fc.integer({ min: 0x9fff0, max: 0x100010 }),
    fc.integer({ min: 0xf0000000, max: 0xf0003000 }),
  ),
  size: fc.constantFrom(1, 2, 4),
  value: fc.integer(),
});
type Act =
  typeof configuration extends fc.Arbitrary<infer A>
    ? | A
      | (typeof port extends fc.Arbitrary<infer B> ? B : never)
      | (typeof touch extends fc.Arbitrary<infer C> ? C : never)
    : never;

const RESET_PORTS = new Set([0x64, 0x92, 0xcf9]);
const unsigned = (value: number, size: number): number =>
  size === 4 ? value >>> 0 : value & (size === 2 ? 0xffff : 0xff);

function select(at: number, offset: number): number {
  environment.writePort(0xcf8, 4, (0x80000000 | (at << 8) | (offset & 0xfc)) >>> 0);
  return 0xcfc | (offset & 3);
}
function perform(act: Act): void {
  if (act.kind === 'memory') {
    machine.memory.write32(act.address, act.value);
    machine.memory.bus.write(act.address | 0, act.size as 1, act.value);
    memory(act.address);
    return;
  }
  const at = act.kind === 'configuration' ? select(act.at, act.offset) : act.port;
  if (act.kind === 'port' && RESET_PORTS.has(at)) return;
  environment.writePort(at, act.size, unsigned(act.value, act.size));
  const read = environment.readPort(at, act.size);
  if (!(Number.isInteger(read) && read >= 0 && read < 2 ** (8 * act.size)))
    throw new Error(`port ${at.toString(16)} size ${act.size} read ${read}`);
}
const configurationOf = (at: number): number[] =>
  Array.from({ length: 64 }, (_, i) => environment.readPort(select(at, 4 * i), 4));

it('survives, and starts again as it was', { timeout: 60_000 }, () => {
  const before = FUNCTIONS.map(configurationOf);
  const rom = machine.memory.read32(0xfffffff0);
  const frames = machine.memory.p2m.slice();
  fc.assert(
    fc.property(fc.array(fc.oneof(configuration, configuration, port, touch), { maxLength: 60 }), (acts) => {
      for (const act of acts) perform(act as Act);
      expect(machine.memory.read32(0xfffffff0)).toBe(rom);
      machine.reset();
      expect(FUNCTIONS.map(configurationOf)).toEqual(before);
      expect(frames.every((mfn, gfn) => mfn === machine.memory.p2m[gfn])).toBe(true);
    }),
    { numRuns: 60 },
  );
});
