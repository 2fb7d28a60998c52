/**
 * The high-precision event timer at FED00000 with three comparators (IA-PC HPET 1.0a). In legacy replacement mode it stands between PIT
 * and RTC and their interrupt lines, so those two wires run through it.
 * Not implemented: FSB interrupt delivery; accesses other than aligned 4-byte ones (8-byte ones come as two).
 */
import type { Clock, Device, Nanoseconds, Wire } from '../devices/device.js';
import * as timer from './hpet-timer.js';
import type { HpetTimerState } from './hpet-timer.js';
import { partOf } from './mmio-bus.js';

export const HPET_ADDRESS = 0xfed00000;
/** Nanoseconds per tick: 62.5 MHz, as Xen's. */
export const HPET_TICK_NS = 16;
export const HPET_TIMERS = 3;
/** Capabilities: vendor 8086, legacy replacement, 64-bit counter, three timers, revision 1. */
export const HPET_CAPABILITIES = 0x80860001 | 0xa000 | ((HPET_TIMERS - 1) << 8);
const PERIOD_FEMTOSECONDS = HPET_TICK_NS * 1_000_000;

/** Pins that a timer may be routed to: 20-23. */
export const HPET_FIRST_PIN = 20,
  HPET_PINS = 4;
const ROUTES = 0x00f00000;

const REG_CAPABILITIES = 0x00,
  REG_CONFIG = 0x10,
  REG_STATUS = 0x20,
  REG_COUNTER = 0xf0,
  REG_TIMERS = 0x100;
const CONFIG_ENABLE = 1,
  CONFIG_LEGACY = 2;
/** Periodic and 64-bit capable. */
const TIMER_CAPABLE = 0x30,
  TIMER_WRITABLE = 0x3f4e;

export interface HpetState {
  config: number;
  /** Level-triggered timers that wait to be acknowledged. */
  status: number;
  /** The main counter at `start`, uint32 halves. */
  counterLow: number;
  counterHigh: number;
  /** Tick from which the counter counts, if it is enabled. */
  start: number;
  timers: HpetTimerState[];
  /** Levels of OUT0 of the PIT and IRQ of the RTC. */
  pit: boolean;
  rtc: boolean;
}

export interface HpetWires {
  readonly irq0: Wire;
  readonly irq8: Wire;
  /** Pins 20-23 of the I/O APIC. */
  readonly pins: readonly Wire[];
}

function powerOn(): Omit<HpetState, 'pit' | 'rtc'> {
  const timers = Array.from({ length: HPET_TIMERS }, timer.createHpetTimer);
  return { config: 0, status: 0, counterLow: 0, counterHigh: 0, start: 0, timers };
}

export class Hpet implements Device<HpetState> {
  readonly name = 'hpet';
  readonly version = 1;
  readonly state: HpetState = { ...powerOn(), pit: false, rtc: false };
  readonly mmio = [
    {
      first: HPET_ADDRESS,
      last: HPET_ADDRESS + 0x3ff,
      read: (address: number, size: number) => this.read(address & 0x3ff, size),
      write: (address: number, size: number, value: number) => this.write(address & 0x3ff, size, value),
    },
  ];
  private readonly clock: Clock;
  private readonly wires: HpetWires;

  constructor(clock: Clock, wires: HpetWires) {
    this.clock = clock;
    this.wires = wires;
  }

  /** Levels of the two inputs belong to the wires and stay. */
  reset(): void {
    Object.assign(this.state, powerOn());
    this.update();
  }

  readonly setPit = (level: boolean): void => {
    this.state.pit = level;
    if (!this.legacy()) this.wires.irq0(level);
  };

  readonly setRtc = (level: boolean): void => {
    this.state.rtc = level;
    if (!this.legacy()) this.wires.irq8(level);
  };

  deadline(): Nanoseconds {
    let due = Infinity;
    const { timers } = this.state;
    for (let i = 0; i < timers.length; i++)
      if (timers[i]!.config & timer.TIMER_ENABLE) due = Math.min(due, timers[i]!.due);
    return due * HPET_TICK_NS;
  }

  tick(now: Nanoseconds): void {
    this.catchUp(Math.floor(now / HPET_TICK_NS));
  }

  /** Only while the counter runs does legacy replacement take the lines (2.3.5). */
  private legacy(): boolean {
    return (this.state.config & (CONFIG_ENABLE | CONFIG_LEGACY)) === (CONFIG_ENABLE | CONFIG_LEGACY);
  }

  private now(): number {
    return Math.floor(this.clock.now() / HPET_TICK_NS);
  }

  private counterAt(tick: number): bigint {
    const s = this.state;
    const held = timer.toBig(s.counterLow, s.counterHigh);
    return s.config & CONFIG_ENABLE ? BigInt.asUintN(64, held + BigInt(tick - s.start)) : held;
  }

  private catchUp(tick: number): void {
    const { timers } = this.state;
    for (let i = 0; i < timers.length; i++) if (timer.pass(timers[i]!, tick)) this.match(i);
  }

  private match(index: number): void {
    const s = this.state;
    const t = s.timers[index]!;
    if (t.config & timer.TIMER_LEVEL) s.status |= 1 << index;
    else if (t.config & timer.TIMER_ENABLE) {
      // The line stays up until the next edge, so that an edge-triggered PIC input does not lose it.
      t.output = false;
      this.update();
      t.output = true;
    }
    this.update();
  }

  /** Level of a timer's output. */
  private outputs(index: number): boolean {
    const t = this.state.timers[index]!;
    if ((t.config & timer.TIMER_ENABLE) === 0) return false;
    return t.config & timer.TIMER_LEVEL ? (this.state.status & (1 << index)) !== 0 : t.output;
  }

  private update(): void {
    const s = this.state;
    const legacy = this.legacy();
    this.wires.irq0(legacy ? this.outputs(0) : s.pit);
    this.wires.irq8(legacy ? this.outputs(1) : s.rtc);
    let pins = 0;
    for (let i = legacy ? 2 : 0; i < HPET_TIMERS; i++)
      if (this.outputs(i)) pins |= 1 << ((s.timers[i]!.config >> 9) & 31);
    for (let i = 0; i < HPET_PINS; i++) this.wires.pins[i]!((pins & (1 << (HPET_FIRST_PIN + i))) !== 0);
  }

  private read(offset: number, size: number): number {
    const within = offset & 3;
    return partOf(this.readHalf(offset & ~7, (offset & 4) !== 0), within, size);
  }

  private readHalf(register: number, high: boolean): number {
    const s = this.state;
    const now = this.now();
    this.catchUp(now);
    if (register >= REG_TIMERS) return this.readTimer(register - REG_TIMERS, high);
    switch (register) {
      case REG_CAPABILITIES:
        return high ? PERIOD_FEMTOSECONDS : HPET_CAPABILITIES;
      case REG_CONFIG:
        return high ? 0 : s.config;
      case REG_STATUS:
        return high ? 0 : s.status;
      case REG_COUNTER:
        return high ? timer.highOf(this.counterAt(now)) : timer.lowOf(this.counterAt(now));
      default:
        return 0;
    }
  }

  private readTimer(offset: number, high: boolean): number {
    const t = this.state.timers[offset >> 5];
    if (t === undefined) return 0;
    const register = offset & 0x18;
    if (register === 0) return high ? ROUTES : t.config | TIMER_CAPABLE;
    if (register !== 8) return 0;
    return high ? t.comparatorHigh : t.comparatorLow;
  }

  private write(offset: number, size: number, value: number): void {
    if (size !== 4 || offset & 3) return;
    const now = this.now();
    this.catchUp(now);
    this.writeHalf(offset & ~7, (offset & 4) !== 0, value >>> 0, now);
    this.update();
  }

  private writeHalf(register: number, high: boolean, value: number, now: number): void {
    if (register >= REG_TIMERS) this.writeTimer(register - REG_TIMERS, high, value, now);
    else if (register === REG_CONFIG && !high) this.writeConfig(value, now);
    else if (register === REG_STATUS && !high) this.state.status &= ~value;
    else if (register === REG_COUNTER) this.writeCounter(high, value, now);
  }

  private writeConfig(value: number, now: number): void {
    const s = this.state;
    this.holdCounter(now);
    s.config = value & (CONFIG_ENABLE | CONFIG_LEGACY);
    this.armAll(now);
  }

  private writeCounter(high: boolean, value: number, now: number): void {
    this.holdCounter(now);
    if (high) this.state.counterHigh = value;
    else this.state.counterLow = value;
    this.armAll(now);
  }

  private holdCounter(now: number): void {
    const s = this.state;
    const counter = this.counterAt(now);
    s.counterLow = timer.lowOf(counter);
    s.counterHigh = timer.highOf(counter);
    s.start = now;
  }

  private armAll(now: number): void {
    for (const t of this.state.timers) this.arm(t, now);
  }

  private arm(t: HpetTimerState, now: number): void {
    if (this.state.config & CONFIG_ENABLE) timer.arm(t, this.counterAt(now), now);
    else t.due = Infinity;
  }

  private writeTimer(offset: number, high: boolean, value: number, now: number): void {
    const index = offset >> 5;
    const t = this.state.timers[index];
    if (t === undefined) return;
    const register = offset & 0x18;
    if (register === 8) {
      timer.writeComparator(t, high, value);
      this.arm(t, now);
    } else if (register === 0 && !high) this.writeTimerConfig(t, 1 << index, value, now);
  }

  /** A route that the timer cannot take reads back unchanged, which tells software so (2.3.8). */
  private writeTimerConfig(t: HpetTimerState, bit: number, value: number, now: number): void {
    const before = t.config;
    const route = (value >> 9) & 31;
    const possible = (ROUTES & (1 << route)) !== 0;
    t.config = (value & TIMER_WRITABLE & ~0x3e00) | (possible ? route << 9 : before & 0x3e00);
    if ((t.config & timer.TIMER_LEVEL) === 0) this.state.status &= ~bit;
    if ((t.config & timer.TIMER_ENABLE) === 0) t.output = false;
    if ((before ^ t.config) & timer.TIMER_32BIT) this.arm(t, now);
  }
}
