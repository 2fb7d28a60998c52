/** Drives on the board: what the built-in firmware leaves ready for an operating system that was loaded without a BIOS. */
import { expect, it } from 'vitest';
import { SerialLine } from '../../src/devices/serial-backend.js';
import { Machine } from '../../src/machine.js';
import { MemoryMedium } from '../devices/ide-bench.js';
import { ScriptEngine } from './script-engine.js';

const FLOPPY = new MemoryMedium(1440 << 10);
const machine = new Machine({
  memoryBytes: 2 << 20,
  clock: 'virtual',
  serial: new SerialLine(() => undefined),
  debugExit: false,
  media: { ide: [{ kind: 'disk', image: new MemoryMedium(1 << 20) }], floppies: [FLOPPY] },
  createEngine: (cpu) => new ScriptEngine(cpu),
});
const { environment } = machine.cpu;
const out = (port: number, value: number, size = 1): void => environment.writePort(port, size, value);
const read = (port: number, size = 1): number => environment.readPort(port, size);
const config = (at: number, offset: number): number => {
  out(0xcf8, 0x80000000 + (at << 8) + offset, 4);
  return read(0xcfc, 4);
};
/** Lets every device do what it has to. */
function settle(): void {
  for (const device of machine.devices)
    if (device.deadline !== undefined && device.name === 'floppy') device.tick!(1e12);
}

it('the IDE function answers, with bus masters and both channels on', () => {
  expect(config(9, 0)).toBe(0x70108086);
  expect(config(9, 4) & 5).toBe(5);
  expect(config(9, 0x20) & 0xfffffffc).toBeGreaterThan(0);
  expect(config(9, 0x40)).toBe(0x80008000);
  expect(read(0x1f7)).toBe(0x50);
  expect([read(0x174), read(0x175)]).toEqual([0x14, 0xeb]);
});

it('CMOS knows the floppy drive, and its sectors reach memory through the cascaded DMA channel', () => {
  out(0x70, 0x10);
  expect(read(0x71)).toBe(0x40);
  out(0x3f2, 0x1c);
  settle();
  out(0x3f7, 0);
  out(0x0c, 0);
  out(0x0b, 0x46);
  for (const value of [0x00, 0x80]) out(0x04, value);
  for (const value of [0xff, 0x01]) out(0x05, value);
  out(0x81, 0);
  out(0x0a, 2);
  for (const value of [0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff]) out(0x3f5, value);
  settle();
  expect([read(0x3f5), read(0x3f5), read(0x3f5)]).toEqual([0, 0, 0]);
  expect(machine.memory.copyOut(0x8000, 512)).toEqual(FLOPPY.sectors(0, 1));
});
