/** The floppy controller at register level, from the 82077AA data sheet, with a real DMA controller on channel 2. */
import { beforeEach, describe, expect, it } from 'vitest';
import { FloppyController } from '../../src/devices/floppy-controller.js';
import { floppyFormat } from '../../src/devices/floppy-media.js';
import { DmaControllers } from '../../src/devices/i8237.js';
import { ManualClock, RecordedWire, advance, portsOf } from '../hv/fakes.js';
import type { Ports } from '../hv/fakes.js';
import { MemoryMedium, pattern } from './ide-bench.js';

const SECTOR = 512;
const RQM = 0x80,
  DIO = 0x40,
  BUSY = 0x10;
const READ = 0xe6,
  WRITE = 0xc5,
  FORMAT = 0x4d;
let clock: ManualClock;
let irq: RecordedWire;
let memory: Uint8Array;
let medium: MemoryMedium;
let fdc: FloppyController;
let ports: Ports;

function build(size: number): void {
  clock = new ManualClock();
  irq = new RecordedWire();
  memory = new Uint8Array(1 << 17);
  medium = new MemoryMedium(size);
  const dma = new DmaControllers({
    read: (address, into) => into.set(memory.subarray(address, address + into.length)),
    write: (address, bytes) => memory.set(bytes, address),
  });
  fdc = new FloppyController({ clock, irq: irq.set, dma, drives: [medium] });
  ports = portsOf(dma, fdc);
  fdc.reset();
  dma.reset();
  ports.out(0xd4, 0);
  ports.out(0x3f2, 0x1c);
  settle();
  for (let i = 0; i < 4; i++) command(0x08);
  command(0x03, 0xaf, 0x02);
  ports.out(0x3f7, 0);
}
const settle = (): void => void advance(clock, fdc, clock.time + 1e9);

/** Sends a command, passes time, and takes the result. */
function command(...bytes: number[]): number[] {
  for (const byte of bytes) {
    expect(ports.in(0x3f4) & (RQM | DIO)).toBe(RQM);
    ports.out(0x3f5, byte);
  }
  settle();
  const result: number[] = [];
  while ((ports.in(0x3f4) & (RQM | DIO)) === (RQM | DIO)) result.push(ports.in(0x3f5));
  return result;
}
/** Sets channel 2 up for `bytes` at `address`; mode 46 reads the disk, 4A writes it. */
function dma(mode: number, address: number, bytes: number): void {
  ports.out(0x0c, 0);
  ports.out(0x0b, mode);
  for (const value of [address & 0xff, (address >> 8) & 0xff]) ports.out(0x04, value);
  for (const value of [(bytes - 1) & 0xff, (bytes - 1) >> 8]) ports.out(0x05, value);
  ports.out(0x81, address >> 16);
  ports.out(0x0a, 2);
}
function seek(cylinder: number): void {
  command(0x0f, 0, cylinder);
  expect(command(0x08)).toEqual([0x20, cylinder]);
}
const sectors = (first: number, count: number): Uint8Array => medium.sectors(first, count);

beforeEach(() => build(1440 << 10));

describe('control', () => {
  it('reports four drives after a reset, with one interrupt', () => {
    irq.rises = 0;
    ports.out(0x3f2, 0x18);
    expect(ports.in(0x3f4)).toBe(0);
    ports.out(0x3f2, 0x1c);
    expect(irq.level).toBe(false);
    settle();
    expect(irq.level).toBe(true);
    expect([0, 1, 2, 3].map(() => command(0x08))).toEqual([0, 1, 2, 3].map((i) => [0xc0 | i, 0]));
    expect(command(0x08)).toEqual([0x80]);
    expect(irq.rises).toBe(1);
  });
  it('keeps its interrupt to itself while the gate is shut', () => {
    ports.out(0x3f2, 0x14);
    command(0x07, 0);
    expect(irq.level).toBe(false);
    ports.out(0x3f2, 0x1c);
    expect(irq.level).toBe(true);
  });
  it('tells version, configuration and registers, and that commands are unknown', () => {
    expect(command(0x10)).toEqual([0x90]);
    expect(command(0x1f)).toEqual([0x80]);
    command(0x13, 0, 0x57, 3);
    expect(command(0x94)).toEqual([0x10]);
    seek(7);
    expect(command(0x0e)).toEqual([7, 0, 0, 0, 0xaf, 0x02, 0, 0x80, 0x57, 3]);
    ports.out(0x3f4, 0x80);
    settle();
    expect(command(0x0e).slice(8)).toEqual([0x57, 3]);
  });
  it('seeks, recalibrates and senses the drive', () => {
    seek(40);
    expect(command(0x04, 0)).toEqual([0x28]);
    command(0x07, 0);
    expect(command(0x08)).toEqual([0x20, 0]);
    medium.readOnly = true;
    expect(command(0x04, 4)).toEqual([0x7c]);
    command(0x07, 1);
    expect(command(0x08)).toEqual([0x71, 0]);
  });
  it('shows a changed disk until the head has moved', () => {
    expect(ports.in(0x3f7)).toBe(0x80);
    seek(1);
    expect(ports.in(0x3f7)).toBe(0);
    fdc.change(0, undefined);
    seek(0);
    expect(ports.in(0x3f7)).toBe(0x80);
    ports.out(0x3f2, 0x0c);
    expect(ports.in(0x3f7)).toBe(0);
  });
});

describe('data', () => {
  it('reads across sectors and sides up to terminal count', () => {
    seek(3);
    irq.rises = 0;
    dma(0x46, 0x8000, 4 * SECTOR);
    const result = command(READ, 0, 3, 0, 17, 2, 18, 0x1b, 0xff);
    expect(result).toEqual([4, 0, 0, 3, 1, 3, 2]);
    expect(memory.slice(0x8000, 0x8800)).toEqual(sectors(3 * 36 + 16, 4));
    expect(irq.rises).toBe(1);
    expect(irq.level).toBe(false);
  });
  it('is busy and silent until it is done', () => {
    dma(0x46, 0x8000, SECTOR);
    for (const byte of [READ, 0, 0, 0, 1, 2, 18, 0x1b, 0xff]) ports.out(0x3f5, byte);
    expect(ports.in(0x3f4)).toBe(BUSY);
    clock.time = fdc.deadline();
    expect(ports.in(0x3f4)).toBe(RQM | DIO | BUSY);
    expect(irq.level).toBe(true);
  });
  it('ends with "end of cylinder" without terminal count', () => {
    dma(0x46, 0x8000, 4 * SECTOR);
    expect(command(0x46, 0, 0, 0, 17, 2, 18, 0x1b, 0xff)).toEqual([0x40, 0x80, 0, 1, 0, 1, 2]);
    expect(memory.slice(0x8000, 0x8400)).toEqual(sectors(16, 2));
  });
  it('writes, the last sector filled up', () => {
    memory.set(pattern(700, 4), 0x9000);
    dma(0x4a, 0x9000, 700);
    expect(command(WRITE, 4, 0, 1, 5, 2, 18, 0x1b, 0xff)).toEqual([4, 0, 0, 0, 1, 7, 2]);
    expect(sectors(18 + 4, 2)).toEqual(Uint8Array.from([...pattern(700, 4), ...new Uint8Array(324)]));
  });
  it('formats a track', () => {
    for (let i = 0; i < 18; i++) memory.set([0, 1, i + 1, 2], 0x9000 + 4 * i);
    dma(0x4a, 0x9000, 72);
    expect(command(FORMAT, 4, 2, 18, 0x54, 0xf6)[0]).toBe(4);
    expect(sectors(18, 18)).toEqual(new Uint8Array(18 * SECTOR).fill(0xf6));
    expect(sectors(36, 1)).not.toEqual(new Uint8Array(SECTOR).fill(0xf6));
  });
  it('reads identifiers and verifies', () => {
    seek(9);
    expect(command(0x4a, 4)).toEqual([4, 0, 0, 9, 1, 1, 2]);
    expect(command(0x56, 0, 9, 0, 1, 2, 18, 0x1b, 0xff).slice(0, 3)).toEqual([0, 0, 0]);
  });
  it('seeks by itself when it was configured to', () => {
    command(0x13, 0, 0x50, 0);
    dma(0x46, 0x8000, SECTOR);
    expect(command(READ, 0, 20, 0, 1, 2, 18, 0x1b, 0xff).slice(0, 3)).toEqual([0, 0, 0]);
    expect(memory.slice(0x8000, 0x8200)).toEqual(sectors(720, 1));
  });
  it.each([
    ['no disk', () => fdc.change(0, undefined), [READ, 0, 0, 0, 1], [0x40, 1, 0]],
    ['a wrong data rate', () => ports.out(0x3f7, 2), [READ, 0, 0, 0, 1], [0x40, 1, 0]],
    ['a wrong cylinder', () => undefined, [READ, 0, 5, 0, 1], [0x40, 4, 0x10]],
    ['a missing sector', () => undefined, [READ, 0, 0, 0, 19], [0x40, 4, 0]],
    ['the wrong head', () => undefined, [READ, 0, 0, 1, 1], [0x44, 4, 0]],
    ['a failing medium', () => (medium.failing = true), [READ, 0, 0, 0, 1], [0x40, 0x20, 0]],
    ['write protection', () => (medium.readOnly = true), [WRITE, 0, 0, 0, 1], [0x40, 2, 0]],
    ['a masked channel', () => ports.out(0x0a, 6), [READ, 0, 0, 0, 1], [0x40, 0x10, 0]],
  ])('fails for %s', (_, prepare, start, expected) => {
    dma(start[0] === READ ? 0x46 : 0x4a, 0x8000, SECTOR);
    prepare();
    expect(command(...start, 2, 18, 0x1b, 0xff).slice(0, 3)).toEqual(expected);
  });
});

it.each([
  [160, 40, 1, 8],
  [180, 40, 1, 9],
  [320, 40, 2, 8],
  [360, 40, 2, 9],
  [720, 80, 2, 9],
  [1200, 80, 2, 15],
  [1440, 80, 2, 18],
  [2880, 80, 2, 36],
])('knows disks of %i KiB', (kib, cylinders, heads, sectorCount) => {
  expect(floppyFormat(kib << 10)).toMatchObject({ cylinders, heads, sectors: sectorCount });
  build(kib << 10);
  const format = floppyFormat(kib << 10)!;
  ports.out(0x3f7, format.rates[0]!);
  seek(cylinders - 1);
  dma(0x46, 0x8000, SECTOR);
  const head = heads - 1;
  const result = command(0x46, head << 2, cylinders - 1, head, sectorCount, 2, sectorCount, 0x1b, 0xff);
  expect(result.slice(0, 3)).toEqual([head << 2, 0, 0]);
  expect(memory.slice(0x8000, 0x8200)).toEqual(sectors(cylinders * heads * sectorCount - 1, 1));
});
