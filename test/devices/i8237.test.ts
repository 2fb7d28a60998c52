/** The 8237A pair as a BIOS programs it for a floppy drive (Intel 8237A data sheet; IBM AT page registers). */
import { beforeEach, describe, expect, it } from 'vitest';
import { DmaControllers } from '../../src/devices/i8237.js';
import { portsOf } from '../hv/fakes.js';
import type { Ports } from '../hv/fakes.js';

let ram: Uint8Array;
let dma: DmaControllers;
let ports: Ports;

/** Channel 2 as INT 13h sets it up. */
function programFloppy(address: number, count: number, mode: number): void {
  ports.out(0x0a, 6);
  ports.out(0x0c, 0);
  ports.out(0x0b, mode);
  ports.out(0x04, address & 0xff);
  ports.out(0x04, (address >> 8) & 0xff);
  ports.out(0x81, address >> 16);
  ports.out(0x05, count & 0xff);
  ports.out(0x05, count >> 8);
  ports.out(0x0a, 2);
}
const word = (port: number): number => ports.in(port) | (ports.in(port) << 8);
const READ_DISK = 0x46,
  WRITE_DISK = 0x4a;

beforeEach(() => {
  ram = new Uint8Array(0x100000);
  dma = new DmaControllers({
    read: (address, into) => into.set(ram.subarray(address, address + into.length)),
    write: (address, bytes) => ram.set(bytes, address),
  });
  ports = portsOf(dma);
  dma.reset();
  ports.out(0xd4, 0);
});

describe('channel 2', () => {
  it('moves bytes to memory until terminal count and masks itself', () => {
    programFloppy(0x12345, 511, READ_DISK);
    const sector = Uint8Array.from({ length: 300 }, (_, i) => i);
    expect(dma.toMemory(2, sector)).toBe(300);
    expect([dma.reachedTerminalCount(2), word(0x05), word(0x04)]).toEqual([false, 211, 0x2345 + 300]);
    expect(dma.toMemory(2, sector)).toBe(212);
    expect(dma.reachedTerminalCount(2)).toBe(true);
    expect([...ram.subarray(0x12345, 0x12345 + 512)]).toEqual([...sector, ...sector.subarray(0, 212)]);
    expect([ram[0x12344], ram[0x12345 + 512]]).toEqual([0, 0]);
    expect([ports.in(0x08), ports.in(0x08), word(0x05), ports.in(0x0f)]).toEqual([4, 0, 0xffff, 0xff]);
    expect(dma.toMemory(2, sector)).toBe(0);
  });
  it('moves bytes from memory', () => {
    ram.set([1, 2, 3, 4], 0x80000);
    programFloppy(0x80000, 3, WRITE_DISK);
    const into = new Uint8Array(8);
    expect([dma.fromMemory(2, into), ...into]).toEqual([4, 1, 2, 3, 4, 0, 0, 0, 0]);
  });
  it('wraps within its 64 KiB page', () => {
    programFloppy(0x1fffe, 3, READ_DISK);
    expect(dma.toMemory(2, Uint8Array.of(1, 2, 3, 4))).toBe(4);
    expect([ram[0x1fffe], ram[0x1ffff], ram[0x10000], ram[0x10001], ram[0x20000]]).toEqual([1, 2, 3, 4, 0]);
  });
  it('counts downwards when told to', () => {
    programFloppy(0x10001, 3, READ_DISK | 0x20);
    expect(dma.toMemory(2, Uint8Array.of(1, 2, 3, 4))).toBe(4);
    expect([ram[0x10001], ram[0x10000], ram[0x1ffff], ram[0x1fffe]]).toEqual([1, 2, 3, 4]);
  });
  it('starts again by itself in autoinitialise mode', () => {
    programFloppy(0x10000, 1, READ_DISK | 0x10);
    expect([dma.toMemory(2, Uint8Array.of(1, 2, 3)), dma.isReady(2), word(0x04), word(0x05)]).toEqual([
      2,
      true,
      0,
      1,
    ]);
  });
  it('counts without touching memory in verify mode and in the wrong direction', () => {
    for (const mode of [0x42, WRITE_DISK]) {
      programFloppy(0x10000, 9, mode);
      expect(dma.toMemory(2, new Uint8Array(10).fill(7))).toBe(10);
      expect(ram[0x10000]).toBe(0);
    }
  });
  it('waits while it is masked, its controller off, or the cascade closed', () => {
    programFloppy(0x10000, 9, READ_DISK);
    const ready = (...writes: [number, number][]): boolean => {
      for (const [port, value] of writes) ports.out(port, value);
      return dma.isReady(2);
    };
    expect([ready(), ready([0x0a, 6]), ready([0x0e, 0])]).toEqual([true, false, true]);
    expect([ready([0x08, 4]), ready([0x08, 0]), ready([0xde, 15]), ready([0xd4, 0])]).toEqual([
      false,
      true,
      false,
      true,
    ]);
    expect(ready([0x0d, 0])).toBe(false);
  });
});

it('channel 5 moves words within 128 KiB', () => {
  ports.out(0xd6, 0x45);
  ports.out(0xc4, 0x00);
  ports.out(0xc4, 0x80);
  ports.out(0x8b, 0x03);
  ports.out(0xc6, 1);
  ports.out(0xc6, 0);
  ports.out(0xd4, 1);
  expect(dma.toMemory(5, Uint8Array.of(1, 2, 3, 4, 5, 6))).toBe(4);
  expect([...ram.subarray(0x30000, 0x30006)]).toEqual([1, 2, 3, 4, 0, 0]);
});

it('page registers read back; 80 shows self-test codes', () => {
  ports.out(0x80, 0x77);
  ports.out(0x8f, 0x12);
  expect([ports.in(0x80), ports.in(0x8f)]).toEqual([0x77, 0x12]);
});
