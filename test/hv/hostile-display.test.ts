/** Random writes to the display adapter, its registers and its place on the PCI bus: every view draws what is there, RAM stays RAM, and a reset puts everything back. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SerialLine } from '../../src/devices/serial-backend.js';
import type { VgaState } from '../../src/devices/vga-state.js';
import { renderFrame } from '../../src/display/render.js';
import { screenText, textScreen } from '../../src/display/screen-text.js';
import { terminalUpdate, visiblePart } from '../../src/display/terminal.js';
import { Machine } from '../../src/machine.js';
import { ScriptEngine } from './script-engine.js';

const machine = new Machine({
  memoryBytes: 20 << 20,
  clock: 'virtual',
  serial: new SerialLine(() => undefined),
  debugExit: false,
  apic: true,
  createEngine: (cpu) => new ScriptEngine(cpu),
});
const { environment } = machine.cpu;
const { memory, vga } = machine;
const VGA = 16 << 8;
const LFB_BYTES = 16 << 20;
/** The largest pictures: 4096 by 4096 from the dispi registers; 256 characters of 18 dots by 2048 lines from the VGA's. */
const MOST_PIXELS = 4096 * 4096;

const word = fc.oneof(fc.nat(0xffff), fc.constantFrom(0, 1, 0x41, 0x81, 0xc1, 4, 8, 15, 16, 24, 32, 64, 80));
const dispi = fc.tuple(fc.nat(11), word).map(([index, value]) => () => {
  environment.writePort(0x1ce, 2, index);
  environment.writePort(0x1cf, 2, value);
  environment.readPort(0x1cf, 2);
});
const register = fc
  .tuple(fc.constantFrom(0x3c4, 0x3ce, 0x3d4, 0x3b4), fc.nat(0x1f), fc.nat(0xff))
  .map(([port, index, value]) => () => {
    environment.writePort(port, 1, index);
    environment.writePort(port + 1, 1, value);
  });
const port = fc
  .tuple(fc.integer({ min: 0x3b0, max: 0x3df }), fc.nat(0xff), fc.constantFrom(1, 2))
  .map(([at, value, size]) => () => {
    environment.writePort(at, size, value);
    environment.readPort(at, size);
  });
const place = fc
  .tuple(
    fc.constantFrom(0x10, 0x10, 4),
    fc.constantFrom(0, 3, 7, 0x1000000, 0xc5000000, 0xfe000000, 0xff000000, 0xffffffff),
  )
  .map(([offset, value]) => () => {
    environment.writePort(0xcf8, 4, 0x80000000 | VGA | offset);
    environment.writePort(0xcfc, 4, offset === 4 ? value & 7 : value);
  });
const touch = fc
  .tuple(
    fc.oneof(
      fc.integer({ min: 0x9ffff, max: 0xc0000 }),
      fc.integer({ min: 0xc5000000, max: 0xc5ffffff }),
      fc.integer({ min: 0xfe000000, max: 0xffffffff }),
    ),
    fc.integer(),
  )
  .map(([address, value]) => () => {
    memory.write32(address, value);
    if (memory.machineAddress(address) < 0 && (address < 0xfec00000 || address >= 0xff000000))
      memory.bus.write(address, 4, value);
    memory.read32(address);
  });

/** What a viewer's picture of this costs and shows is bounded. */
function look(state: VgaState): void {
  const { width, height, pixels } = renderFrame(state);
  expect(pixels.length).toBe(width * height);
  expect(pixels.length).toBeLessThanOrEqual(MOST_PIXELS);
  const screen = textScreen(state);
  expect(screenText(state)).toHaveLength(screen?.rows ?? 0);
  if (screen === undefined) return;
  for (const size of [
    { columns: 80, rows: 25 },
    { columns: 7, rows: 1 },
    { columns: Infinity, rows: Infinity },
  ]) {
    const part = visiblePart(screen, size);
    expect([part.columns <= size.columns, part.rows <= size.rows]).toEqual([true, true]);
    const { cursor } = part;
    if (cursor !== undefined)
      expect([cursor.column < part.columns, cursor.row < part.rows]).toEqual([true, true]);
    terminalUpdate(undefined, part, size);
  }
}

/** Frames of the adapter are seen in one place at most, in their order. */
function checkMap(): void {
  const { p2m, deviceFirst } = memory;
  let base: number | undefined;
  for (let gfn = 0; gfn < p2m.length; gfn++) {
    const frame = p2m[gfn]! - deviceFirst;
    if (frame < 0) continue;
    base ??= gfn - frame;
    if (gfn - frame !== base || frame >= LFB_BYTES >> 12) throw new Error(`frame ${frame} is at ${gfn}`);
  }
}

it('survives, and starts again as it was', { timeout: 120_000 }, () => {
  const frames = memory.p2m.slice();
  const acts = fc.oneof(dispi, dispi, register, port, place, touch);
  fc.assert(
    fc.property(fc.array(acts, { minLength: 1, maxLength: 60 }), (list) => {
      for (const act of list) act();
      checkMap();
      look(vga.state);
      expect(vga.changes).toBeGreaterThan(0);
      machine.reset();
      expect(Buffer.compare(Buffer.from(frames.buffer), Buffer.from(memory.p2m.buffer))).toBe(0);
      expect(screenText(vga.state)).toHaveLength(25);
    }),
    { numRuns: 60 },
  );
});
