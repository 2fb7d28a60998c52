/** The I/O APIC by itself, before a bus that remembers its messages. */
import { beforeEach, describe, expect, it } from 'vitest';
import { IOAPIC_ADDRESS, IOAPIC_PINS, IoApic } from '../../src/hv/ioapic.js';
import { MmioBus } from '../../src/hv/mmio-bus.js';

const MASKED = 0x10000,
  LEVEL = 0x8000,
  REMOTE_IRR = 0x4000,
  LOGICAL = 0x800,
  EXTINT = 0x700;

let ioapic: IoApic;
let bus: MmioBus;
let messages: string[];
let taken: boolean;
let external: boolean;

const get = (index: number, size = 4): number => {
  bus.write(IOAPIC_ADDRESS, 4, index);
  return bus.read(IOAPIC_ADDRESS + 0x10, size);
};
const set = (index: number, value: number): void => {
  bus.write(IOAPIC_ADDRESS, 4, index);
  bus.write(IOAPIC_ADDRESS + 0x10, 4, value);
};
const entry = (pin: number): number => get(0x10 + 2 * pin);
const setEntry = (pin: number, low: number, destination = 0): void => {
  set(0x11 + 2 * pin, destination << 24);
  set(0x10 + 2 * pin, low);
};
const sent = (): string[] => messages.splice(0);

beforeEach(() => {
  messages = [];
  taken = true;
  external = false;
  ioapic = new IoApic({
    deliver: (destination, logical, mode, vector, level) => {
      const kind = `${logical ? 'logical' : 'physical'} ${destination} mode ${mode} ${level ? 'level' : 'edge'}`;
      messages.push(`${vector.toString(16)} to ${kind}`);
      return taken;
    },
    isAddressed: (destination) => destination !== 9,
    setExternal: (level) => (external = level),
  });
  bus = new MmioBus();
  bus.add(ioapic);
  ioapic.reset();
});

describe('registers', () => {
  it('version 11 with 48 pins, all masked at first', () => {
    expect([get(1), get(1, 1), get(1, 2)]).toEqual([0x2f0011, 0x11, 0x11]);
    expect(bus.read(IOAPIC_ADDRESS + 0x12, 1)).toBe(0x2f);
    for (let pin = 0; pin < IOAPIC_PINS; pin++)
      expect([entry(pin), get(0x11 + 2 * pin)]).toEqual([MASKED, 0]);
  });
  it('keep what is writable; the last pin is 47', () => {
    set(0, 0xffffffff);
    expect([get(0), get(2)]).toEqual([0x0f000000, 0x0f000000]);
    set(1, 0);
    setEntry(47, 0xffffffff, 0xff);
    expect([get(1), entry(47), get(0x6f)]).toEqual([0x2f0011, 0x1afff, 0xff000000]);
    for (const index of [0x70, 0xff, 3]) {
      set(index, 0xffffffff);
      expect(get(index)).toBe(0);
    }
    expect(bus.read(IOAPIC_ADDRESS, 4)).toBe(3);
  });
});

describe('edges', () => {
  it('one message per rise, none while masked, none afterwards', () => {
    ioapic.setLine(4, true);
    ioapic.setLine(4, false);
    setEntry(4, 0x34 | MASKED, 1);
    ioapic.setLine(4, true);
    setEntry(4, 0x34, 1);
    expect(sent()).toEqual([]);
    for (const level of [true, false, true, true, false, true]) ioapic.setLine(4, level);
    expect(sent()).toEqual(Array(2).fill('34 to physical 1 mode 0 edge'));
    expect(entry(4)).toBe(0x34);
  });
  it('carry destination and mode', () => {
    setEntry(20, 0x55 | LOGICAL | 0x100, 0x81);
    ioapic.setLine(20, true);
    setEntry(21, NMI_MODE, 2);
    ioapic.setLine(21, true);
    expect(sent()).toEqual(['55 to logical 129 mode 1 edge', '0 to physical 2 mode 4 edge']);
  });
});
const NMI_MODE = 0x400;

describe('levels', () => {
  it('one message until it is ended, again while the level lasts', () => {
    setEntry(9, 0x39 | LEVEL);
    ioapic.setLine(9, true);
    ioapic.setLine(9, true);
    expect([sent(), entry(9)]).toEqual([['39 to physical 0 mode 0 level'], 0x39 | LEVEL | REMOTE_IRR]);
    ioapic.endOfInterrupt(0x38);
    expect(sent()).toEqual([]);
    ioapic.endOfInterrupt(0x39);
    expect([sent().length, entry(9)]).toEqual([1, 0x39 | LEVEL | REMOTE_IRR]);
    ioapic.setLine(9, false);
    ioapic.endOfInterrupt(0x39);
    expect([sent().length, entry(9)]).toEqual([0, 0x39 | LEVEL]);
  });
  it('wait behind the mask', () => {
    setEntry(9, 0x39 | LEVEL | MASKED);
    ioapic.setLine(9, true);
    expect(sent()).toEqual([]);
    setEntry(9, 0x39 | LEVEL);
    expect(sent().length).toBe(1);
    setEntry(9, 0x39 | LEVEL | MASKED);
    ioapic.endOfInterrupt(0x39);
    expect([sent().length, entry(9)]).toEqual([0, 0x39 | LEVEL | MASKED]);
  });
  it('pins that share a vector are ended together', () => {
    for (const pin of [10, 11]) {
      setEntry(pin, 0x40 | LEVEL);
      ioapic.setLine(pin, true);
    }
    sent();
    ioapic.setLine(10, false);
    ioapic.endOfInterrupt(0x40);
    expect([sent().length, entry(10), entry(11) & REMOTE_IRR]).toEqual([1, 0x40 | LEVEL, REMOTE_IRR]);
  });
  it('a message nobody takes leaves remote IRR clear and is offered again', () => {
    taken = false;
    setEntry(9, 0x39 | LEVEL);
    ioapic.setLine(9, true);
    expect(entry(9)).toBe(0x39 | LEVEL);
    taken = true;
    setEntry(9, 0x39 | LEVEL);
    expect([sent().length >= 2, entry(9) & REMOTE_IRR]).toEqual([true, REMOTE_IRR]);
  });
  it('an NMI sets no remote IRR', () => {
    setEntry(9, 0x400 | LEVEL);
    ioapic.setLine(9, true);
    expect([sent().length, entry(9)]).toEqual([1, 0x400 | LEVEL]);
  });
  it('remote IRR is read-only, and cleared by turning the entry to edges', () => {
    setEntry(9, 0x39 | LEVEL);
    ioapic.setLine(9, true);
    setEntry(9, 0x39 | LEVEL | MASKED);
    expect(entry(9) & REMOTE_IRR).toBe(REMOTE_IRR);
    setEntry(9, 0x39 | MASKED);
    setEntry(9, 0x39 | MASKED | LEVEL | REMOTE_IRR);
    expect(entry(9) & REMOTE_IRR).toBe(0);
  });
});

describe('ExtINT', () => {
  it('passes the request on while it lasts, if unmasked and addressed', () => {
    setEntry(0, EXTINT);
    expect(external).toBe(false);
    ioapic.setLine(0, true);
    expect(external).toBe(true);
    setEntry(0, EXTINT | MASKED);
    expect(external).toBe(false);
    setEntry(0, EXTINT);
    expect(external).toBe(true);
    setEntry(0, EXTINT, 9);
    expect(external).toBe(false);
    setEntry(0, EXTINT);
    ioapic.setLine(0, false);
    expect([external, sent()]).toEqual([false, []]);
  });
  it('ends with a reset; levels of the pins stay', () => {
    setEntry(0, EXTINT);
    ioapic.setLine(0, true);
    ioapic.reset();
    expect([external, entry(0)]).toEqual([false, MASKED]);
    setEntry(0, EXTINT);
    expect(external).toBe(true);
  });
});
