import { beforeEach, describe, expect, it } from 'vitest';
import { ticksAt, timeOfTick } from '../../src/hv/frequency.js';
import { Pit, PIT_HERTZ } from '../../src/hv/pit.js';
import { advance, ManualClock, portsOf, RecordedWire } from './fakes.js';
import type { Ports } from './fakes.js';

let clock: ManualClock;
let irq0: RecordedWire;
let pit: Pit;
let ports: Ports;

const goTo = (tick: number): void => {
  clock.time = timeOfTick(tick, PIT_HERTZ);
};
/** Programs a counter; the count is loaded with the next tick. */
function program(channel: number, mode: number, count: number, bcd = 0): void {
  ports.out(0x43, (channel << 6) | 0x30 | (mode << 1) | bcd);
  ports.out(0x40 + channel, count & 0xff);
  ports.out(0x40 + channel, count >> 8);
}
function latched(channel: number): number {
  ports.out(0x43, channel << 6);
  return ports.in(0x40 + channel) | (ports.in(0x40 + channel) << 8);
}
const out2 = (): boolean => (ports.in(0x61) & 0x20) !== 0;
/** Levels of OUT2 at ticks 0, 1, 2 …: '-' high, '_' low. */
function wave(ticks: number): string {
  let text = '';
  for (let tick = 0; tick < ticks; tick++) {
    goTo(tick);
    text += out2() ? '-' : '_';
  }
  return text;
}

beforeEach(() => {
  clock = new ManualClock();
  irq0 = new RecordedWire();
  pit = new Pit(clock, irq0.set);
  ports = portsOf(pit);
  pit.reset();
  ports.out(0x61, 1);
});

describe('oscillator arithmetic', () => {
  it('agrees with itself at every tick', () => {
    for (const hertz of [PIT_HERTZ, 3579545, 32768]) {
      for (const tick of [0, 1, 2, 3, 1000, hertz - 1, hertz, hertz + 1, 123456789, 4e9 + 7]) {
        const time = timeOfTick(tick, hertz);
        expect(ticksAt(time, hertz)).toBe(tick);
        if (tick > 0) expect(ticksAt(time - 1, hertz)).toBe(tick - 1);
      }
    }
  });
});

describe('8254 modes (OUT of counter 2)', () => {
  it('0: low until the count has run down, one clock after it was loaded', () => {
    program(2, 0, 4);
    expect(wave(8)).toBe('_____---');
  });
  it('0: the gate holds the count', () => {
    program(2, 0, 4);
    goTo(3);
    ports.out(0x61, 0);
    expect(latched(2)).toBe(2);
    goTo(50);
    expect([latched(2), out2()]).toEqual([2, false]);
    ports.out(0x61, 1);
    goTo(51);
    expect(out2()).toBe(false);
    goTo(52);
    expect(out2()).toBe(true);
  });
  it('0: the first byte of a new count stops it, the second starts it again', () => {
    program(2, 0, 4);
    goTo(10);
    expect(out2()).toBe(true);
    ports.out(0x42, 3);
    goTo(100);
    expect(out2()).toBe(false);
    ports.out(0x42, 0);
    goTo(103);
    expect(out2()).toBe(false);
    goTo(104);
    expect(out2()).toBe(true);
  });
  it('0: counts on through ffff after the end', () => {
    program(2, 0, 4);
    goTo(1 + 4 + 1);
    expect(latched(2)).toBe(0xffff);
  });
  it('1: a one-shot that each rising gate starts', () => {
    ports.out(0x61, 0);
    program(2, 1, 3);
    expect(wave(3)).toBe('---');
    goTo(10);
    ports.out(0x61, 1);
    const levels = [10, 11, 12, 13, 14].map((tick) => (goTo(tick), out2()));
    expect(levels).toEqual([true, false, false, false, true]);
    ports.out(0x61, 0);
    ports.out(0x61, 1);
    goTo(15);
    expect(out2()).toBe(false);
  });
  it('2: one low clock per period', () => {
    program(2, 2, 4);
    expect(wave(13)).toBe('----_---_---_');
  });
  it('2: a new count is used from the next period on', () => {
    program(2, 2, 4);
    goTo(2);
    ports.out(0x42, 3);
    ports.out(0x42, 0);
    const levels = Array.from({ length: 12 }, (_, i) => (goTo(i + 2), out2() ? '-' : '_')).join('');
    expect(levels).toBe('--_--_--_--_');
  });
  it('2: the gate stops it high and restarts the period', () => {
    program(2, 2, 4);
    goTo(4);
    expect(out2()).toBe(false);
    ports.out(0x61, 0);
    expect(out2()).toBe(true);
    goTo(20);
    ports.out(0x61, 1);
    goTo(23);
    expect(out2()).toBe(true);
    goTo(24);
    expect(out2()).toBe(false);
  });
  it('3: a square wave, high for the longer part', () => {
    program(2, 3, 4);
    expect(wave(9)).toBe('---__--__');
    goTo(0);
  });
  it('3: an odd count', () => {
    program(2, 3, 5);
    expect(wave(12)).toBe('----__---__-');
  });
  it('4: one low clock at the end, started by software', () => {
    program(2, 4, 3);
    expect(wave(8)).toBe('----_---');
  });
  it('5: the same, started by the gate', () => {
    ports.out(0x61, 0);
    program(2, 5, 3);
    goTo(10);
    ports.out(0x61, 1);
    const levels = [10, 13, 14, 15].map((tick) => (goTo(tick), out2()));
    expect(levels).toEqual([true, true, false, true]);
  });
});

describe('8254 counts', () => {
  it('0 means 65536 and 10000 in BCD', () => {
    program(2, 2, 0);
    goTo(1);
    expect(latched(2)).toBe(0);
    goTo(2);
    expect(latched(2)).toBe(0xffff);
    program(2, 2, 0, 1);
    goTo(4);
    expect(latched(2)).toBe(0x9999);
  });
  it('BCD digits', () => {
    program(2, 0, 0x1234, 1);
    goTo(1 + 235);
    expect(latched(2)).toBe(0x0999);
  });
  it('mode 3 counts by two', () => {
    program(2, 3, 10);
    const counts = [1, 2, 3, 6, 7].map((tick) => (goTo(tick), latched(2)));
    expect(counts).toEqual([10, 8, 6, 10, 8]);
  });
  it('a latch holds until it is read and ignores later latches', () => {
    program(2, 2, 1000);
    goTo(101);
    ports.out(0x43, 0x80);
    goTo(301);
    ports.out(0x43, 0x80);
    expect(ports.in(0x42) | (ports.in(0x42) << 8)).toBe(900);
    expect(ports.in(0x42) | (ports.in(0x42) << 8)).toBe(700);
  });
  it('single-byte access', () => {
    ports.out(0x43, 0x94);
    ports.out(0x42, 10);
    goTo(3);
    expect([ports.in(0x42), ports.in(0x42)]).toEqual([8, 8]);
    ports.out(0x43, 0xa4);
    ports.out(0x42, 2);
    goTo(3 + 1 + 256);
    expect(ports.in(0x42)).toBe(1);
  });
  it('read-back latches status and count of several counters', () => {
    program(0, 2, 100);
    ports.out(0x43, 0xb6);
    ports.out(0x43, 0xe0 | 0x0a);
    expect([ports.in(0x40), ports.in(0x42)]).toEqual([0xf4, 0xf6]);
    goTo(11);
    ports.out(0x43, 0xc0 | 0x02);
    expect([ports.in(0x40), ports.in(0x40), ports.in(0x40)]).toEqual([0xb4, 90, 0]);
  });
});

describe('8254 in the PC', () => {
  it('counter 0 in mode 2 raises IRQ0 once per period', () => {
    program(0, 2, 11932);
    const ticks = advance(clock, pit, 100_000_000);
    expect([ticks, irq0.rises]).toEqual([9, 10]);
    expect(pit.deadline()).toBe(timeOfTick(1 + 11932 * 10, PIT_HERTZ));
  });
  it('a late tick shows the edge it missed', () => {
    program(0, 2, 1000);
    advance(clock, pit, timeOfTick(500, PIT_HERTZ));
    const before = irq0.rises;
    goTo(1500);
    pit.tick(clock.time);
    expect(irq0.rises).toBe(before + 1);
  });
  it('counter 0 in mode 0 raises IRQ0 once', () => {
    program(0, 0, 1000);
    expect(irq0.level).toBe(false);
    expect(advance(clock, pit, 1e9)).toBe(1);
    expect([irq0.rises, pit.deadline()]).toEqual([1, Infinity]);
  });
  it('port 61 toggles the refresh bit every 15 µs and keeps four bits', () => {
    ports.out(0x61, 0xff);
    expect(ports.in(0x61) & 0xcf).toBe(0x0f);
    const first = ports.in(0x61) & 0x10;
    clock.time += 15_085;
    expect(ports.in(0x61) & 0x10).not.toBe(first);
  });

  it('lets a kernel measure a 1 GHz TSC by watching the high byte of counter 2', () => {
    ports.out(0x61, 1);
    ports.out(0x43, 0xb0);
    ports.out(0x42, 0xff);
    ports.out(0x42, 0xff);
    const highByte = (): number => {
      clock.time += 12;
      ports.in(0x42);
      clock.time += 8;
      return ports.in(0x42);
    };
    while (highByte() !== 0xff);
    while (highByte() === 0xff);
    const start = clock.time;
    for (let msb = 0xfe; msb > 0xfe - 50; msb--) while (highByte() === msb);
    const kilohertz = ((clock.time - start) * PIT_HERTZ) / (50 * 256 * 1000);
    expect(Math.abs(kilohertz - 1_000_000)).toBeLessThan(500);
  });
});
