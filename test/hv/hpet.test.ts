/** The HPET by itself: ticks of 16 ns on a clock set by hand. */
import { beforeEach, describe, expect, it } from 'vitest';
import { HPET_ADDRESS, HPET_TICK_NS, Hpet } from '../../src/hv/hpet.js';
import { MmioBus } from '../../src/hv/mmio-bus.js';
import { ManualClock, RecordedWire, advance } from './fakes.js';

const CONFIG = 0x10,
  STATUS = 0x20,
  COUNTER = 0xf0;
const config = (n: number): number => 0x100 + 0x20 * n;
const comparator = (n: number): number => 0x108 + 0x20 * n;
const LEVEL = 2,
  ENABLE = 4,
  PERIODIC = 8,
  SET_VALUE = 0x40,
  NARROW = 0x100;
const route = (pin: number): number => pin << 9;
const CAPABLE = 0x30;

let clock: ManualClock;
let irq0: RecordedWire;
let irq8: RecordedWire;
let pins: RecordedWire[];
let hpet: Hpet;
let bus: MmioBus;

const get = (register: number, size = 4): number => bus.read(HPET_ADDRESS + register, size);
const set = (register: number, value: number): void => void bus.write(HPET_ADDRESS + register, 4, value);
const get64 = (register: number): bigint => (BigInt(get(register + 4)) << 32n) | BigInt(get(register));
const set64 = (register: number, value: bigint): void => {
  set(register, Number(value & 0xffffffffn));
  set(register + 4, Number(value >> 32n));
};
const ticks = (n: number): number => n * HPET_TICK_NS;
const runTo = (tick: number): number => advance(clock, hpet, ticks(tick));

beforeEach(() => {
  clock = new ManualClock();
  [irq0, irq8] = [new RecordedWire(), new RecordedWire()];
  pins = Array.from({ length: 4 }, () => new RecordedWire());
  hpet = new Hpet(clock, { irq0: irq0.set, irq8: irq8.set, pins: pins.map((wire) => wire.set) });
  bus = new MmioBus();
  bus.add(hpet);
  hpet.reset();
});

describe('main counter', () => {
  it('tells its period and abilities', () => {
    expect([get(0), get(4), get(2, 2), get(1, 1)]).toEqual([0x8086a201, 16_000_000, 0x8086, 0xa2]);
    expect([get(config(2)), get(config(2) + 4), get(config(3))]).toEqual([CAPABLE, 0x00f00000, 0]);
  });
  it('counts while enabled, from what was written', () => {
    clock.time = ticks(50);
    expect(get64(COUNTER)).toBe(0n);
    set(CONFIG, 1);
    clock.time += ticks(7) + 15;
    expect(get64(COUNTER)).toBe(7n);
    set(CONFIG, 0);
    clock.time += 1000;
    expect(get64(COUNTER)).toBe(7n);
    set64(COUNTER, 0x1_ffff_fffen);
    set(CONFIG, 1);
    clock.time += ticks(3);
    expect(get64(COUNTER)).toBe(0x2_0000_0001n);
    set64(COUNTER, 0xffff_ffff_ffff_ffffn);
    clock.time += ticks(2);
    expect(get64(COUNTER)).toBe(1n);
  });
  it('takes only aligned 32-bit writes', () => {
    bus.write(HPET_ADDRESS + CONFIG, 1, 1);
    bus.write(HPET_ADDRESS + CONFIG - 2, 4, 0x10000);
    expect(get(CONFIG)).toBe(0);
  });
});

describe('one-shot', () => {
  it('matches once per cycle of a 32-bit counter', () => {
    set(config(0), ENABLE | NARROW | route(21));
    set(comparator(0), 1000);
    set(CONFIG, 1);
    expect(hpet.deadline()).toBe(ticks(1000));
    expect([runTo(999), pins[1]!.rises, runTo(1000), pins[1]!.rises]).toEqual([0, 0, 1, 1]);
    expect([hpet.deadline(), get(comparator(0))]).toEqual([ticks(1000 + 2 ** 32), 1000]);
    set(comparator(0), 5000);
    expect([runTo(5000), pins[1]!.rises]).toEqual([1, 2]);
  });
  it('64 bits wide: the upper half counts', () => {
    set(config(1), ENABLE | route(20));
    set64(comparator(1), 0x1_0000_0010n);
    set(CONFIG, 1);
    expect(hpet.deadline()).toBe(ticks(2 ** 32 + 16));
    runTo(2 ** 32 + 16);
    expect([pins[0]!.rises, hpet.deadline() > ticks(2 ** 63)]).toEqual([1, true]);
  });
  it('a match that is further away than ticks can be told apart is not kept as a number', () => {
    set(config(1), ENABLE | route(20));
    set(CONFIG, 1);
    runTo(100);
    for (const far of [5n, 1n << 54n]) {
      set64(comparator(1), far);
      expect(hpet.deadline()).toBe(Infinity);
    }
    set64(comparator(1), 300n);
    expect(hpet.deadline()).toBe(ticks(300));
  });
  it('the width decides what matches', () => {
    set(config(0), ENABLE | route(20));
    set64(comparator(0), 0x3_0000_0100n);
    set(CONFIG, 1);
    expect(hpet.deadline()).toBe(ticks(3 * 2 ** 32 + 0x100));
    set(config(0), ENABLE | NARROW | route(20));
    expect(hpet.deadline()).toBe(ticks(0x100));
  });
  it('a counter that moves or stops takes the match along', () => {
    set(config(0), ENABLE | NARROW | route(20));
    set(comparator(0), 1000);
    set(CONFIG, 1);
    runTo(100);
    set(CONFIG, 0);
    expect(hpet.deadline()).toBe(Infinity);
    clock.time = ticks(300);
    set(CONFIG, 1);
    expect(hpet.deadline()).toBe(ticks(1200));
    set(COUNTER, 990);
    expect(hpet.deadline()).toBe(ticks(310));
  });
  it('without its enable bit nothing is due, and a match in between is not made up for', () => {
    set(config(0), NARROW | route(20));
    set(comparator(0), 10);
    set(CONFIG, 1);
    expect(hpet.deadline()).toBe(Infinity);
    clock.time = ticks(20);
    set(config(0), ENABLE | NARROW | route(20));
    expect([pins[0]!.rises, hpet.deadline()]).toEqual([0, ticks(10 + 2 ** 32)]);
  });
});

describe('periodic', () => {
  const start = (first: number, period: number, bits = 0): void => {
    set(config(0), ENABLE | PERIODIC | SET_VALUE | NARROW | route(20) | bits);
    set(comparator(0), first);
    set(comparator(0), period);
    set(CONFIG, 1);
  };
  it('first match and period are written one after the other', () => {
    start(500, 100);
    expect(get(config(0)) & SET_VALUE).toBe(0);
    expect([hpet.deadline(), runTo(1000), pins[0]!.rises, get(comparator(0))]).toEqual([
      ticks(500),
      6,
      6,
      1100,
    ]);
  });
  it('keeps its phase when nobody looked, with one edge for all', () => {
    start(500, 100);
    clock.time = ticks(1234);
    hpet.tick(clock.time);
    expect([hpet.deadline(), pins[0]!.rises, get(comparator(0))]).toEqual([ticks(1300), 1, 1300]);
  });
  it('the comparator wraps with the counter', () => {
    start(0xffffff00, 0x200);
    set(COUNTER, 0xfffffe00);
    runTo(0x100);
    expect([pins[0]!.rises, get(comparator(0)), hpet.deadline()]).toEqual([1, 0x100, ticks(0x300)]);
    expect(get(comparator(0) + 4)).toBe(0xffffffff);
  });
  it('a period of 0 does not hang', () => {
    start(10, 0);
    expect(runTo(1000)).toBe(1);
  });
});

describe('interrupt lines', () => {
  it('levels last until the status bit is cleared', () => {
    set(config(2), ENABLE | LEVEL | NARROW | route(23));
    set(comparator(2), 10);
    set(CONFIG, 1);
    runTo(10);
    expect([pins[3]!.level, get(STATUS)]).toEqual([true, 4]);
    set(STATUS, 3);
    expect(pins[3]!.level).toBe(true);
    set(STATUS, 4);
    expect([pins[3]!.level, get(STATUS)]).toEqual([false, 0]);
    set(comparator(2), 20);
    runTo(20);
    set(config(2), ENABLE | NARROW | route(23));
    expect([pins[3]!.level, get(STATUS)]).toEqual([false, 0]);
  });
  it('a route that does not exist is refused', () => {
    set(config(0), route(22));
    set(config(0), ENABLE | route(5));
    expect(get(config(0))).toBe(CAPABLE | ENABLE | route(22));
  });
  it('legacy replacement takes the lines of PIT and RTC while the counter runs', () => {
    hpet.setPit(true);
    hpet.setRtc(true);
    expect([irq0.level, irq8.level]).toEqual([true, true]);
    set(CONFIG, 2);
    expect(irq0.level).toBe(true);
    for (const n of [0, 1]) {
      set(config(n), ENABLE | NARROW | route(20));
      set(comparator(n), 100 * (n + 1));
    }
    set(CONFIG, 3);
    expect([irq0.level, irq8.level]).toEqual([false, false]);
    hpet.setPit(false);
    hpet.setPit(true);
    expect(irq0.level).toBe(false);
    runTo(100);
    expect([irq0.level, irq8.level]).toEqual([true, false]);
    runTo(200);
    expect([irq8.level, pins[0]!.rises]).toEqual([true, 0]);
    hpet.setPit(false);
    set(CONFIG, 1);
    expect([irq0.level, irq8.level, pins[0]!.level]).toEqual([false, true, true]);
  });
  it('each match of an edge-triggered timer is an edge', () => {
    set(config(0), ENABLE | PERIODIC | SET_VALUE | NARROW);
    set(comparator(0), 10);
    set(comparator(0), 10);
    set(CONFIG, 3);
    runTo(100);
    expect(irq0.rises).toBe(10);
    set(config(0), NARROW);
    expect([irq0.level, hpet.deadline()]).toEqual([false, Infinity]);
  });
});
