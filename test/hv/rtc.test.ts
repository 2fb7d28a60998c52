import { beforeEach, describe, expect, it } from 'vitest';
import { Rtc } from '../../src/hv/rtc.js';
import { advance, ManualClock, portsOf, RecordedWire } from './fakes.js';
import type { Ports } from './fakes.js';

const SECOND = 1_000_000_000;
let clock: ManualClock;
let irq8: RecordedWire;
let rtc: Rtc;
let ports: Ports;

const read = (register: number): number => {
  ports.out(0x70, register);
  return ports.in(0x71);
};
const write = (register: number, value: number): void => {
  ports.out(0x70, register);
  ports.out(0x71, value);
};
const readTime = (): string =>
  [0x32, 9, 8, 7, 4, 2, 0].map((r) => read(r).toString(16).padStart(2, '0')).join(' ');

function create(epoch: string, memoryBytes = 256 << 20): void {
  clock = new ManualClock();
  irq8 = new RecordedWire();
  rtc = new Rtc(clock, irq8.set, { epoch: Date.parse(epoch) / 1000, memoryBytes });
  ports = portsOf(rtc);
  rtc.reset();
}
beforeEach(() => create('2024-02-28T23:59:58Z'));

describe('MC146818 time of day', () => {
  it('counts in BCD through a leap day', () => {
    expect(readTime()).toBe('20 24 02 28 23 59 58');
    expect(read(6)).toBe(4);
    clock.time = 2 * SECOND;
    expect(readTime()).toBe('20 24 02 29 00 00 00');
    expect(read(6)).toBe(5);
  });
  it('counts in binary and in 12 hours', () => {
    write(0x0b, 0x04);
    expect([read(4), read(2), read(9)]).toEqual([0x80 | 11, 59, 24]);
    clock.time = 2 * SECOND;
    expect(read(4)).toBe(12);
  });
  it('is set while SET stops it, and goes on from there', () => {
    write(0x0b, 0x82);
    for (const [register, value] of [
      [0, 0x30],
      [2, 0x45],
      [4, 0x12],
      [6, 7],
      [7, 0x31],
      [8, 0x12],
      [9, 0x99],
      [0x32, 0x19],
    ] as const)
      write(register, value);
    clock.time = 5 * SECOND;
    expect(readTime()).toBe('19 99 12 31 12 45 30');
    write(0x0b, 0x02);
    clock.time += 4 * 3600 * SECOND;
    expect(readTime()).toBe('19 99 12 31 16 45 30');
    expect(read(6)).toBe(7);
    clock.time += 24 * 3600 * SECOND;
    expect(readTime()).toBe('20 00 01 01 16 45 30');
    expect(read(6)).toBe(1);
  });
  it('starts half a second before an update when the divider is released', () => {
    write(0x0a, 0x76);
    clock.time = 10 * SECOND;
    write(0x0a, 0x26);
    const before = read(0);
    clock.time += SECOND / 2 - 1;
    expect(read(0)).toBe(before);
    clock.time += 1;
    expect(read(0)).not.toBe(before);
  });
  it('shows an update in progress before the second changes', () => {
    clock.time = SECOND - 2_228_001;
    expect(read(0x0a)).toBe(0x26);
    clock.time += 1;
    expect(read(0x0a)).toBe(0xa6);
    clock.time = SECOND;
    expect(read(0x0a)).toBe(0x26);
  });
  it('register D says that time is valid and cannot be written', () => {
    write(0x0d, 0);
    expect(read(0x0d)).toBe(0x80);
  });
});

describe('MC146818 interrupts', () => {
  it('periodic at 1024 Hz, one until register C is read', () => {
    write(0x0b, 0x42);
    advance(clock, rtc, 10_000_000);
    expect([irq8.level, irq8.rises]).toEqual([true, 1]);
    expect(rtc.deadline()).toBe(Infinity);
    expect(read(0x0c)).toBe(0xc0);
    expect(irq8.level).toBe(false);
    expect(rtc.deadline()).toBe(Math.ceil((11 * SECOND) / 1024));
  });
  it('flags are set without being enabled, and no interrupt with them', () => {
    clock.time = SECOND;
    expect(read(0x0c)).toBe(0x50);
    expect(read(0x0c)).toBe(0);
    expect(irq8.rises).toBe(0);
  });
  it('update-ended each second', () => {
    write(0x0b, 0x12);
    advance(clock, rtc, SECOND - 1);
    expect(irq8.level).toBe(false);
    advance(clock, rtc, SECOND);
    expect(irq8.level).toBe(true);
    expect(read(0x0c) & 0x90).toBe(0x90);
  });
  it('alarm at a time, with wildcards', () => {
    write(1, 0x05);
    write(3, 0xff);
    write(5, 0xff);
    write(0x0b, 0x22);
    expect(rtc.deadline()).toBe(7 * SECOND);
    write(5, 0x06);
    write(3, 0x30);
    expect(rtc.deadline()).toBe((2 + 6 * 3600 + 30 * 60 + 5) * SECOND);
    advance(clock, rtc, rtc.deadline());
    expect(read(0x0c) & 0xa0).toBe(0xa0);
  });
  it('never rings for an impossible alarm', () => {
    for (const register of [1, 3, 5]) write(register, 0x7f);
    write(0x0b, 0x22);
    expect(rtc.deadline()).toBe(Infinity);
  });
});

describe('CMOS memory', () => {
  it('states the memory size', () => {
    create('2024-01-01T00:00:00Z', 256 << 20);
    const pair = (at: number): number => read(at) | (read(at + 1) << 8);
    expect([pair(0x15), pair(0x17), pair(0x30), pair(0x34)]).toEqual([
      640,
      0xfc00,
      0xfc00,
      (240 << 20) / 65536,
    ]);
  });
  it('keeps what is written over a reset', () => {
    write(0x40, 0x5a);
    write(0x0b, 0x72);
    rtc.reset();
    expect([read(0x40), read(0x0b)]).toEqual([0x5a, 0x02]);
  });
});
