/** The local APIC by itself: registers by address, a clock set by hand. */
import { beforeEach, describe, expect, it } from 'vitest';
import { LAPIC_ADDRESS } from '../../src/hv/lapic-registers.js';
import { Lapic, MSR_APIC_BASE, MSR_TSC_DEADLINE } from '../../src/hv/lapic.js';
import { MmioBus } from '../../src/hv/mmio-bus.js';
import { ManualClock, RecordedWire, advance } from './fakes.js';

const ID = 0x20,
  VERSION = 0x30,
  TPR = 0x80,
  PPR = 0xa0,
  EOI = 0xb0,
  LDR = 0xd0,
  DFR = 0xe0,
  SVR = 0xf0,
  ISR = 0x100,
  TMR = 0x180,
  IRR = 0x200,
  ESR = 0x280,
  ICR = 0x300,
  ICR_HIGH = 0x310,
  LVT_TIMER = 0x320,
  LINT0 = 0x350,
  LINT1 = 0x360,
  LVT_ERROR = 0x370,
  INITIAL = 0x380,
  CURRENT = 0x390,
  DIVIDE = 0x3e0;
const MASKED = 0x10000,
  PERIODIC = 0x20000,
  TSC_DEADLINE = 0x40000,
  EXTINT = 0x700,
  NMI = 0x400;
const BY_ONE = 0xb;

let clock: ManualClock;
let intr: RecordedWire;
let lapic: Lapic;
let bus: MmioBus;
let events: string[];
let tscOffset: number;
let offers: number;

function build(tscDeadline = true): void {
  clock = new ManualClock();
  intr = new RecordedWire();
  events = [];
  tscOffset = 0;
  offers = 0;
  lapic = new Lapic({
    clock,
    interrupt: intr.set,
    nmi: () => events.push('nmi'),
    init: () => events.push('init'),
    acknowledgePic: () => 0x08,
    broadcastEoi: (vector) => events.push(`eoi ${vector.toString(16)}`),
    offerAgain: () => offers++,
    timeOfTsc: (low, high) => high * 2 ** 32 + low - tscOffset,
    tscDeadline,
  });
  bus = new MmioBus();
  bus.add(lapic);
  lapic.reset();
}
const get = (register: number, size = 4): number => bus.read(LAPIC_ADDRESS + register, size);
const set = (register: number, value: number): void => void bus.write(LAPIC_ADDRESS + register, 4, value);
const bitsOf = (register: number): number[] =>
  Array.from({ length: 256 }, (_, v) => v).filter((v) => get(register + (v >> 5) * 16) & (1 << (v & 31)));
const fixed = (vector: number, level = false): boolean => lapic.deliver(0, false, 0, vector, level);
const msr = (index: number): [number, number] | false => {
  const value = { msrLow: 0, msrHigh: 0 };
  return lapic.readMsr(index, value) && [value.msrLow >>> 0, value.msrHigh >>> 0];
};
const setMsr = (index: number, msrLow: number, msrHigh = 0): boolean =>
  lapic.writeMsr(index, { msrLow, msrHigh });

beforeEach(() => {
  build();
  set(SVR, 0x1ff);
});

describe('registers', () => {
  it('after power-on: disabled by software, all local entries masked, flat model', () => {
    build();
    expect([get(ID), get(VERSION), get(SVR), get(LDR), get(DFR)]).toEqual([0, 0x50014, 0xff, 0, 0xffffffff]);
    for (let at = LVT_TIMER; at <= LVT_ERROR; at += 16) expect(get(at)).toBe(MASKED);
    expect(msr(MSR_APIC_BASE)).toEqual([0xfee00900, 0]);
  });
  it('keep what is writable', () => {
    for (const [register, kept] of [
      [ID, 0xff000000],
      [TPR, 0xff],
      [LDR, 0xff000000],
      [DFR, 0xffffffff],
      [SVR, 0x3ff],
      [ICR_HIGH, 0xff000000],
      [LVT_TIMER, 0x700ff],
      [LINT0, 0x1a7ff],
      [LINT1, 0x1a7ff],
      [LVT_ERROR, 0x100ff],
      [DIVIDE, 0xb],
    ] as const) {
      set(register, 0xffffffff);
      expect([register, get(register)]).toEqual([register, kept]);
    }
  });
  it('take only aligned 32-bit writes; reads of parts and between registers', () => {
    bus.write(LAPIC_ADDRESS + TPR, 1, 0x55);
    bus.write(LAPIC_ADDRESS + TPR + 4, 4, 0x55);
    expect(get(TPR)).toBe(0);
    expect([get(VERSION, 1), get(VERSION, 2), get(VERSION + 2, 1), get(VERSION + 4)]).toEqual([
      0x14, 0x14, 5, 0,
    ]);
  });
  it('local entries stay masked while the APIC is disabled by software', () => {
    set(LINT0, EXTINT);
    set(SVR, 0xff);
    expect(get(LINT0)).toBe(EXTINT | MASKED);
    set(LINT0, EXTINT);
    expect(get(LINT0)).toBe(EXTINT | MASKED);
    expect(fixed(0x40)).toBe(false);
    expect(bitsOf(IRR)).toEqual([]);
  });
});

describe('priority', () => {
  it('request, service, end; higher classes nest', () => {
    fixed(0x41);
    expect([intr.level, bitsOf(IRR), lapic.acknowledge(), intr.level]).toEqual([true, [0x41], 0x41, false]);
    expect([bitsOf(ISR), bitsOf(IRR), get(PPR)]).toEqual([[0x41], [], 0x40]);
    fixed(0x4f);
    expect(intr.level).toBe(false);
    fixed(0x51);
    expect([intr.level, lapic.acknowledge(), get(PPR)]).toEqual([true, 0x51, 0x50]);
    set(EOI, 0);
    expect([bitsOf(ISR), intr.level, get(PPR)]).toEqual([[0x41], false, 0x40]);
    set(EOI, 0);
    expect([intr.level, lapic.acknowledge()]).toEqual([true, 0x4f]);
    expect(events).toEqual([]);
  });
  it('the highest of all eight words comes first', () => {
    const vectors = [0x10, 0x1f, 0x20, 0x7f, 0x80, 0xdf, 0xe0, 0xff];
    for (const vector of vectors) fixed(vector);
    expect(bitsOf(IRR)).toEqual(vectors);
    const order = vectors.map(() => {
      const vector = lapic.acknowledge();
      set(EOI, 0);
      return vector;
    });
    expect(order).toEqual([...vectors].reverse());
  });
  it('the task priority holds back its class and those below', () => {
    set(TPR, 0x4f);
    fixed(0x4f);
    expect([intr.level, get(PPR)]).toEqual([false, 0x4f]);
    set(TPR, 0x3f);
    expect(intr.level).toBe(true);
    set(TPR, 0x40);
    expect([intr.level, lapic.acknowledge()]).toEqual([false, 0xff]);
    expect(bitsOf(IRR)).toEqual([0x4f]);
  });
  it('PPR is TPR within the class in service', () => {
    fixed(0x45);
    lapic.acknowledge();
    set(TPR, 0x43);
    expect(get(PPR)).toBe(0x43);
    set(TPR, 0x33);
    expect(get(PPR)).toBe(0x40);
  });
  it('what was accepted before the software disable is still delivered', () => {
    fixed(0x60);
    set(SVR, 0xff);
    expect([intr.level, lapic.acknowledge()]).toEqual([true, 0x60]);
  });
  it('TMR tells levels from edges; only levels are ended at the I/O APICs', () => {
    fixed(0x60, true);
    fixed(0x70);
    expect(bitsOf(TMR)).toEqual([0x60]);
    for (const expected of [0x70, 0x60]) {
      expect(lapic.acknowledge()).toBe(expected);
      set(EOI, 0);
    }
    expect(events).toEqual(['eoi 60']);
    set(EOI, 0);
    expect(events).toHaveLength(1);
    fixed(0x60);
    expect(bitsOf(TMR)).toEqual([]);
  });
});

describe('destinations', () => {
  it('physical: its own ID or all', () => {
    set(ID, 5 << 24);
    expect([4, 5, 0xff].map((d) => lapic.isAddressed(d, false))).toEqual([false, true, true]);
  });
  it('logical, flat: any common bit', () => {
    set(LDR, 0x12 << 24);
    expect([0x02, 0x10, 0x2d, 0xff, 0].map((d) => lapic.isAddressed(d, true))).toEqual([
      true,
      true,
      false,
      true,
      false,
    ]);
  });
  it('logical, cluster: the same cluster and a common bit', () => {
    set(DFR, 0x0fffffff);
    set(LDR, 0x21 << 24);
    expect([0x21, 0x23, 0x22, 0x31, 0xf1].map((d) => lapic.isAddressed(d, true))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
  });
});

it('what decides about messages lets I/O APICs try again', () => {
  for (const register of [ID, LDR, DFR, SVR]) {
    offers = 0;
    set(register, 0xffffffff);
    expect([register, offers]).toEqual([register, 1]);
  }
  set(TPR, 0);
  setMsr(MSR_APIC_BASE, 0xfee00100 | 0);
  setMsr(MSR_APIC_BASE, 0xfee00900 | 0);
  expect(offers).toBe(3);
});

describe('interprocessor interrupts', () => {
  it.each([
    ['self', 0x40000, 0, true],
    ['all including self', 0x80000, 0, true],
    ['all but self', 0xc0000, 0, false],
    ['own ID', 0, 0, true],
    ['another ID', 0, 1, false],
    ['broadcast', 0, 0xff, true],
  ])('fixed to %s', (_, shorthand, destination, arrives) => {
    set(ICR_HIGH, destination << 24);
    set(ICR, shorthand | 0x4055);
    expect([bitsOf(IRR), get(ICR)]).toEqual([arrives ? [0x55] : [], (shorthand | 0x4055) >>> 0]);
  });
  it('logical destinations', () => {
    set(LDR, 0x01000000);
    set(ICR_HIGH, 0x02000000);
    set(ICR, 0x855);
    expect(bitsOf(IRR)).toEqual([]);
    set(ICR_HIGH, 0x03000000);
    set(ICR, 0x955);
    expect(bitsOf(IRR)).toEqual([0x55]);
  });
  it('NMI and INIT arrive, INIT de-assert and start-up do not matter to a running processor', () => {
    for (const value of [NMI, 0x4500, 0x8500, 0x4612, 0x4200]) set(ICR, value);
    expect([events, bitsOf(IRR)]).toEqual([['nmi', 'init'], []]);
  });
});

describe('errors', () => {
  it('illegal vectors sent and received, illegal registers; a write shows and clears them', () => {
    set(ICR, 0x4000f);
    expect(get(ESR)).toBe(0);
    set(ESR, 0);
    expect(get(ESR)).toBe(0x20);
    fixed(15);
    get(0x3f0);
    set(ESR, 0);
    expect(get(ESR)).toBe(0xc0);
    set(ESR, 0);
    expect(get(ESR)).toBe(0);
    for (const known of [0x90, 0xb0, 0xc0, ISR, CURRENT]) get(known);
    for (const readOnly of [VERSION, PPR, ISR, IRR + 0x70, CURRENT]) set(readOnly, 1);
    set(ESR, 0);
    expect(get(ESR)).toBe(0);
  });
  it('interrupt through their entry, once per error until ESR is written', () => {
    set(LVT_ERROR, 0xfe);
    get(0);
    expect([intr.level, lapic.acknowledge()]).toEqual([true, 0xfe]);
    set(EOI, 0);
    get(0);
    expect(intr.level).toBe(false);
    set(ESR, 0);
    get(0);
    expect(intr.level).toBe(true);
  });
  it('an error entry with an illegal vector does not recur', () => {
    set(LVT_ERROR, 3);
    get(0);
    set(ESR, 0);
    expect(get(ESR)).toBe(0xc0);
  });
});

describe('LINT0 and LINT1', () => {
  it('virtual wire: the PIC requests through LINT0 and is acknowledged first', () => {
    lapic.enterVirtualWire();
    expect([get(SVR), get(LINT0), get(LINT1)]).toEqual([0x1ff, EXTINT, NMI]);
    fixed(0xf0);
    lapic.setLint(0, true);
    expect(lapic.acknowledge()).toBe(8);
    lapic.setLint(0, false);
    expect([intr.level, lapic.acknowledge(), intr.level]).toEqual([true, 0xf0, false]);
  });
  it('ExtINT ignores priorities and leaves no trace; the mask holds it back', () => {
    set(LINT0, EXTINT);
    set(TPR, 0xff);
    lapic.setLint(0, true);
    expect([intr.level, lapic.acknowledge(), bitsOf(ISR)]).toEqual([true, 8, []]);
    set(LINT0, EXTINT | MASKED);
    expect(intr.level).toBe(false);
    lapic.setExternal(true);
    expect([intr.level, lapic.acknowledge()]).toEqual([true, 8]);
    set(SVR, 0xff);
    expect(intr.level).toBe(false);
  });
  it('the level of the pins survives a reset of the registers', () => {
    lapic.setLint(0, true);
    lapic.setExternal(true);
    lapic.reset();
    expect(intr.level).toBe(false);
    set(SVR, 0x1ff);
    expect(intr.level).toBe(true);
    lapic.setExternal(false);
    set(LINT0, EXTINT);
    expect(intr.level).toBe(true);
  });
  it('fixed edges: one interrupt each', () => {
    set(LINT0, 0x31);
    lapic.setLint(0, true);
    expect(lapic.acknowledge()).toBe(0x31);
    set(EOI, 0);
    lapic.setLint(0, true);
    expect(intr.level).toBe(false);
    lapic.setLint(0, false);
    lapic.setLint(0, true);
    expect(intr.level).toBe(true);
  });
  it('fixed levels: remote IRR until EOI, and again while the level lasts', () => {
    set(LINT0, 0x8031);
    lapic.setLint(0, true);
    expect([get(LINT0), bitsOf(TMR), lapic.acknowledge()]).toEqual([0xc031, [0x31], 0x31]);
    lapic.setLint(0, true);
    expect(bitsOf(IRR)).toEqual([]);
    set(EOI, 0);
    expect([bitsOf(IRR), get(LINT0)]).toEqual([[0x31], 0xc031]);
    lapic.acknowledge();
    lapic.setLint(0, false);
    set(EOI, 0);
    expect([bitsOf(IRR), get(LINT0)]).toEqual([[], 0x8031]);
    lapic.setLint(0, true);
    expect(get(LINT0)).toBe(0xc031);
    set(LINT0, 0x31);
    expect(get(LINT0)).toBe(0x31);
  });
  it('NMI on the rising edge of either pin', () => {
    set(LINT0, NMI);
    set(LINT1, NMI | 0x8000);
    for (const pin of [0, 1] as const) for (const level of [true, true, false]) lapic.setLint(pin, level);
    expect(events).toEqual(['nmi', 'nmi']);
  });
});

describe('timer', () => {
  const fired = (until: number): number => {
    let count = 0;
    while (lapic.deadline() <= until) {
      clock.time = lapic.deadline();
      lapic.tick(clock.time);
      if (!intr.level) continue;
      count++;
      expect(lapic.acknowledge()).toBe(0xec);
      set(EOI, 0);
    }
    clock.time = until;
    return count;
  };

  it.each([
    [0x0, 2],
    [0x1, 4],
    [0x2, 8],
    [0x3, 16],
    [0x8, 32],
    [0x9, 64],
    [0xa, 128],
    [0xb, 1],
  ])('divide configuration %i counts every %i cycles of 10 ns', (code, divisor) => {
    set(DIVIDE, code);
    set(LVT_TIMER, 0xec);
    set(INITIAL, 1000);
    expect(lapic.deadline()).toBe(10_000 * divisor);
    clock.time = 10 * divisor * 400 + 1;
    expect(get(CURRENT)).toBe(600);
  });
  it('one-shot: once', () => {
    set(DIVIDE, BY_ONE);
    set(LVT_TIMER, 0xec);
    clock.time = 5;
    set(INITIAL, 100);
    expect(fired(1004)).toBe(0);
    expect(get(CURRENT)).toBe(1);
    expect([fired(1005), get(CURRENT), get(INITIAL), lapic.deadline()]).toEqual([1, 0, 100, Infinity]);
  });
  it('periodic: until the count is set to 0', () => {
    set(DIVIDE, BY_ONE);
    set(LVT_TIMER, 0xec | PERIODIC);
    set(INITIAL, 100);
    expect(fired(10_500)).toBe(10);
    expect(get(CURRENT)).toBe(50);
    set(INITIAL, 0);
    expect([get(CURRENT), lapic.deadline()]).toEqual([0, Infinity]);
  });
  it('periods that nobody saw pass leave the phase alone', () => {
    set(DIVIDE, BY_ONE);
    set(LVT_TIMER, 0xec | PERIODIC);
    set(INITIAL, 100);
    clock.time = 3_750;
    expect(get(CURRENT)).toBe(25);
    expect([bitsOf(IRR), lapic.deadline()]).toEqual([[0xec], 4000]);
  });
  it('counts on while masked, without deadlines and interrupts', () => {
    set(DIVIDE, BY_ONE);
    set(LVT_TIMER, 0xec | PERIODIC | MASKED);
    set(INITIAL, 100);
    expect(lapic.deadline()).toBe(Infinity);
    clock.time = 2_250;
    set(LVT_TIMER, 0xec | PERIODIC);
    expect([get(CURRENT), bitsOf(IRR), lapic.deadline()]).toEqual([75, [], 3000]);
  });
  it('expires before whatever is written at that time', () => {
    set(DIVIDE, BY_ONE);
    set(LVT_TIMER, 0xec);
    set(INITIAL, 100);
    clock.time = 1000;
    set(SVR, 0xff);
    expect(bitsOf(IRR)).toEqual([0xec]);
  });
  it('goes on from where it is when the divisor changes', () => {
    set(DIVIDE, BY_ONE);
    set(LVT_TIMER, 0xec);
    set(INITIAL, 100);
    clock.time = 400;
    set(DIVIDE, 0);
    expect([get(CURRENT), lapic.deadline()]).toEqual([60, 400 + 60 * 20]);
  });
  it('the largest count at the slowest rate', () => {
    set(DIVIDE, 0xa);
    set(LVT_TIMER, 0xec);
    set(INITIAL, 0xffffffff);
    expect([get(CURRENT), lapic.deadline()]).toEqual([0xffffffff, 0xffffffff * 1280]);
  });

  describe('TSC deadline', () => {
    it('fires at the deadline, which then reads 0', () => {
      set(LVT_TIMER, 0xec | TSC_DEADLINE);
      tscOffset = 1000;
      expect(setMsr(MSR_TSC_DEADLINE, 5000, 1)).toBe(true);
      expect([msr(MSR_TSC_DEADLINE), lapic.deadline()]).toEqual([[5000, 1], 2 ** 32 + 4000]);
      expect(fired(2 ** 32 + 3999)).toBe(0);
      expect([fired(2 ** 32 + 4000), msr(MSR_TSC_DEADLINE), lapic.deadline()]).toEqual([1, [0, 0], Infinity]);
    });
    it('one in the past fires at once, 0 disarms', () => {
      set(LVT_TIMER, 0xec | TSC_DEADLINE);
      clock.time = 100;
      setMsr(MSR_TSC_DEADLINE, 200);
      setMsr(MSR_TSC_DEADLINE, 0);
      expect(lapic.deadline()).toBe(Infinity);
      setMsr(MSR_TSC_DEADLINE, 50);
      expect(lapic.deadline()).toBeLessThanOrEqual(100);
      expect(advance(clock, lapic, 100)).toBe(1);
      expect(bitsOf(IRR)).toEqual([0xec]);
    });
    it('the modes do not mix, and changing to or from it disarms', () => {
      set(DIVIDE, BY_ONE);
      set(LVT_TIMER, 0xec);
      setMsr(MSR_TSC_DEADLINE, 500);
      expect(msr(MSR_TSC_DEADLINE)).toEqual([0, 0]);
      set(INITIAL, 100);
      set(LVT_TIMER, 0xec | TSC_DEADLINE);
      expect([get(CURRENT), lapic.deadline()]).toEqual([0, Infinity]);
      set(INITIAL, 100);
      expect([get(INITIAL), lapic.deadline()]).toEqual([0, Infinity]);
      setMsr(MSR_TSC_DEADLINE, 500);
      set(LVT_TIMER, 0xec);
      expect(lapic.deadline()).toBe(Infinity);
    });
    it('is unknown to processors without it', () => {
      build(false);
      set(SVR, 0x1ff);
      expect([setMsr(MSR_TSC_DEADLINE, 1), msr(MSR_TSC_DEADLINE)]).toEqual([false, false]);
      set(LVT_TIMER, 0xec | TSC_DEADLINE);
      expect(get(LVT_TIMER)).toBe(0xec);
    });
  });
});

describe('IA32_APIC_BASE', () => {
  it('refuses x2APIC, reserved bits and other addresses', () => {
    for (const low of [0xfee00d00, 0xfee00901, 0xfee00a00, 0xfef00900])
      expect(setMsr(MSR_APIC_BASE, low | 0)).toBe(false);
    expect(setMsr(MSR_APIC_BASE, 0xfee00900 | 0, 1)).toBe(false);
    expect(setMsr(MSR_APIC_BASE, 0xfee00900 | 0)).toBe(true);
    expect(get(SVR)).toBe(0x1ff);
    expect(setMsr(0x1234, 0)).toBe(false);
  });
  it('disabled: no registers, LINT0 is INTR and LINT1 is NMI; enabled again it is as after power-on', () => {
    fixed(0x40);
    setMsr(MSR_APIC_BASE, 0xfee00100 | 0);
    expect([get(VERSION), intr.level, lapic.enabled, fixed(0x40)]).toEqual([0xffffffff, false, false, false]);
    set(TPR, 0x55);
    lapic.setLint(0, true);
    lapic.setLint(1, true);
    expect([intr.level, lapic.acknowledge(), events]).toEqual([true, 8, ['nmi']]);
    setMsr(MSR_APIC_BASE, 0xfee00900 | 0);
    expect([get(TPR), get(SVR), get(LINT0), bitsOf(IRR), intr.level]).toEqual([0, 0xff, MASKED, [], false]);
  });
});
