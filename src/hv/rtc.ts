/**
 * The MC146818 clock and CMOS memory at 70/71. Time is an offset to the machine's clock; flags are computed when they are looked at.
 * Not implemented: the square-wave pin, daylight saving (DSE), the NMI mask in bit 7 of port 70.
 */
import type { Clock, Device, Nanoseconds, Wire } from '../devices/device.js';
import { ticksAt, timeOfTick } from './frequency.js';
import { calendarAt, decode, decodeHour, encode, encodeHour, secondsOf } from './rtc-calendar.js';

const SECOND = 1_000_000_000;
const CRYSTAL = 32768;
/** UIP is set from 244 µs before an update to its end, 1984 µs later (MC146818, "Update cycle"). */
const UIP_NS = 2_228_000;
const REG_SECOND_ALARM = 1,
  REG_MINUTE_ALARM = 3,
  REG_HOUR_ALARM = 5,
  REG_A = 10,
  REG_B = 11,
  REG_C = 12,
  REG_D = 13;
export const REG_CENTURY = 0x32;
const A_UIP = 0x80;
const B_24 = 2,
  B_BINARY = 4,
  B_UIE = 0x10,
  B_AIE = 0x20,
  B_PIE = 0x40,
  B_SET = 0x80;
const C_UF = 0x10,
  C_AF = 0x20,
  C_PF = 0x40,
  C_IRQF = 0x80;
const D_VALID = 0x80;
const TIME_REGISTERS = new Set([0, 2, 4, 6, 7, 8, 9, REG_CENTURY]);

export interface RtcState {
  index: number;
  /** The 128 bytes; time registers are live only while SET is on or the divider is held. */
  ram: Uint8Array;
  /** Time of day minus machine time, nanoseconds: seconds and the rest apart, to stay exact. */
  offsetSeconds: number;
  offsetNs: number;
  /** What the guest wrote to the weekday, relative to the calendar's. */
  weekdayShift: number;
  /** Flags of register C seen until `checked`. */
  flags: number;
  checked: Nanoseconds;
}

export interface RtcOptions {
  /** Seconds since 1970 at machine time 0. */
  epoch: number;
  memoryBytes: number;
  /** Further bytes: register → value. */
  cmos?: Readonly<Record<number, number>> | undefined;
}

export class Rtc implements Device<RtcState> {
  readonly name = 'rtc';
  readonly version = 1;
  readonly state: RtcState = {
    index: 0,
    ram: new Uint8Array(128),
    offsetSeconds: 0,
    offsetNs: 0,
    weekdayShift: 0,
    flags: 0,
    checked: 0,
  };
  readonly ports = [
    {
      first: 0x70,
      last: 0x71,
      read: (p: number) => (p === 0x71 ? this.read(this.state.index) : 0xff),
      write: (p: number, _: number, v: number) => {
        if (p === 0x70) this.state.index = v & 0x7f;
        else this.write(this.state.index, v);
      },
    },
  ];
  private readonly clock: Clock;
  private readonly irq8: Wire;

  constructor(clock: Clock, irq8: Wire, options: RtcOptions) {
    this.clock = clock;
    this.irq8 = irq8;
    this.state.offsetSeconds = Math.floor(options.epoch);
    this.fillMemory(options.memoryBytes);
    for (const [register, value] of Object.entries(options.cmos ?? {}))
      this.state.ram[Number(register)] = value;
  }

  /** The chip has a battery: reset clears interrupt enables and flags only. */
  reset(): void {
    this.catchUp(this.clock.now());
    this.state.ram[REG_B]! &= ~(B_PIE | B_AIE | B_UIE);
    this.state.flags = 0;
    this.state.index = 0;
    this.update();
  }

  deadline(): Nanoseconds {
    const b = this.state.ram[REG_B]!;
    if (this.raised() & C_IRQF) return Infinity;
    let due = Infinity;
    if (b & B_PIE) due = Math.min(due, this.nextPeriodic());
    if (b & B_UIE) due = Math.min(due, this.nextUpdate());
    if (b & B_AIE) due = Math.min(due, this.nextAlarm());
    return due;
  }

  tick(now: Nanoseconds): void {
    this.catchUp(now);
    this.update();
  }

  private fillMemory(memoryBytes: number): void {
    const { ram } = this.state;
    ram[REG_A] = 0x26;
    ram[REG_B] = B_24;
    ram[0x14] = 0x06;
    const put16 = (at: number, value: number): void => {
      ram[at] = value & 0xff;
      ram[at + 1] = (value >> 8) & 0xff;
    };
    put16(0x15, 640);
    const extended = Math.min(0xfc00, Math.max(0, (memoryBytes >>> 10) - 1024));
    put16(0x17, extended);
    put16(0x30, extended);
    put16(0x34, Math.max(0, memoryBytes - 0x1000000) / 0x10000);
  }

  /** Time of day does not advance: SET is on or the divider chain is held in reset. */
  private held(): boolean {
    return (this.state.ram[REG_B]! & B_SET) !== 0 || (this.state.ram[REG_A]! & 0x60) === 0x60;
  }

  private timeOfDay(now: Nanoseconds): { seconds: number; ns: number } {
    const whole = Math.floor(now / SECOND);
    const ns = now - whole * SECOND + this.state.offsetNs;
    const carry = Math.floor(ns / SECOND);
    return { seconds: whole + this.state.offsetSeconds + carry, ns: ns - carry * SECOND };
  }

  /** Machine time at which the time of day reaches a whole second. */
  private machineTime(seconds: number): Nanoseconds {
    return (seconds - this.state.offsetSeconds) * SECOND - this.state.offsetNs;
  }

  private nextPeriodic(): Nanoseconds {
    const rate = this.state.ram[REG_A]! & 15;
    if (rate === 0 || (this.state.ram[REG_A]! & 0x70) !== 0x20) return Infinity;
    // Rates 1 and 2 repeat 8 and 9 (MC146818, table 5).
    const period = 1 << ((rate <= 2 ? rate + 7 : rate) - 1);
    const done = Math.floor(ticksAt(this.state.checked, CRYSTAL) / period);
    return timeOfTick((done + 1) * period, CRYSTAL);
  }

  private nextUpdate(): Nanoseconds {
    if (this.held()) return Infinity;
    return this.machineTime(this.timeOfDay(this.state.checked).seconds + 1);
  }

  /** Next second after `checked` at which the alarm registers match; C0-FF match anything. */
  private nextAlarm(): Nanoseconds {
    if (this.held()) return Infinity;
    const { ram } = this.state;
    const matches = (register: number, field: number): boolean =>
      ram[register]! >= 0xc0 || ram[register] === field;
    const { binary, hours24 } = this.format();
    let seconds = this.timeOfDay(this.state.checked).seconds + 1;
    const limit = seconds + 86400;
    while (seconds <= limit) {
      const day = ((seconds % 86400) + 86400) % 86400;
      if (!matches(REG_HOUR_ALARM, encodeHour(Math.floor(day / 3600), binary, hours24)))
        seconds += 3600 - (day % 3600);
      else if (!matches(REG_MINUTE_ALARM, encode(Math.floor(day / 60) % 60, binary)))
        seconds += 60 - (day % 60);
      else if (!matches(REG_SECOND_ALARM, encode(day % 60, binary))) seconds++;
      else return this.machineTime(seconds);
    }
    return Infinity;
  }

  /** Sets the flags of everything that happened up to `now`. */
  private catchUp(now: Nanoseconds): void {
    const s = this.state;
    if (this.nextPeriodic() <= now) s.flags |= C_PF;
    if (this.nextUpdate() <= now) s.flags |= C_UF;
    if (this.nextAlarm() <= now) s.flags |= C_AF;
    s.checked = now;
  }

  /** Register C: the flags, and IRQF when one of them is enabled. */
  private raised(): number {
    const { flags, ram } = this.state;
    return flags | (flags & ram[REG_B]! & (C_PF | C_AF | C_UF) ? C_IRQF : 0);
  }

  private update(): void {
    this.irq8((this.raised() & C_IRQF) !== 0);
  }

  private format(): { binary: boolean; hours24: boolean } {
    const b = this.state.ram[REG_B]!;
    return { binary: (b & B_BINARY) !== 0, hours24: (b & B_24) !== 0 };
  }

  private read(register: number): number {
    if (TIME_REGISTERS.has(register) && !this.held()) this.latchTime();
    switch (register) {
      case REG_A:
        return this.state.ram[REG_A]! | (this.updating() ? A_UIP : 0);
      case REG_C:
        return this.readFlags();
      case REG_D:
        return D_VALID;
      default:
        return this.state.ram[register]!;
    }
  }

  private updating(): boolean {
    return !this.held() && this.timeOfDay(this.clock.now()).ns >= SECOND - UIP_NS;
  }

  private readFlags(): number {
    this.catchUp(this.clock.now());
    const value = this.raised();
    this.state.flags = 0;
    this.update();
    return value;
  }

  /** Copies the time of day into its registers. */
  private latchTime(): void {
    const { ram, weekdayShift } = this.state;
    const { binary, hours24 } = this.format();
    const c = calendarAt(this.timeOfDay(this.clock.now()).seconds);
    ram[0] = encode(c.second, binary);
    ram[2] = encode(c.minute, binary);
    ram[4] = encodeHour(c.hour, binary, hours24);
    ram[6] = encode(((c.weekday - 1 + weekdayShift) % 7) + 1, binary);
    ram[7] = encode(c.day, binary);
    ram[8] = encode(c.month, binary);
    ram[9] = encode(c.year, binary);
    ram[REG_CENTURY] = encode(c.century, false);
  }

  /** Starts counting from the registers; `ns` into the second. */
  private startFrom(ns: number): void {
    const { ram } = this.state;
    const { binary, hours24 } = this.format();
    const field = (register: number): number => decode(ram[register]!, binary);
    const seconds = secondsOf({
      second: field(0),
      minute: field(2),
      hour: decodeHour(ram[4]!, binary, hours24),
      weekday: 1,
      day: field(7),
      month: field(8),
      year: field(9),
      century: decode(ram[REG_CENTURY]!, false),
    });
    const now = this.clock.now();
    const whole = Math.floor(now / SECOND);
    this.state.offsetSeconds = seconds - whole;
    this.state.offsetNs = ns - (now - whole * SECOND);
    this.state.weekdayShift = (((field(6) - calendarAt(seconds).weekday) % 7) + 7) % 7;
  }

  private write(register: number, value: number): void {
    if (register === REG_C || register === REG_D) return;
    this.catchUp(this.clock.now());
    if (TIME_REGISTERS.has(register)) this.writeTime(register, value);
    else if (register === REG_A) this.writeControl(REG_A, value & 0x7f);
    else if (register === REG_B) this.writeControl(REG_B, value & B_SET ? value & ~B_UIE : value);
    else this.state.ram[register] = value;
    this.update();
  }

  private writeTime(register: number, value: number): void {
    const held = this.held();
    if (!held) this.latchTime();
    this.state.ram[register] = value;
    if (!held) this.startFrom(this.timeOfDay(this.clock.now()).ns);
  }

  /** Registers A and B: entering a hold freezes the time, leaving it starts from the registers (the divider: half a second before an update). */
  private writeControl(register: number, value: number): void {
    const wasHeld = this.held();
    if (!wasHeld) this.latchTime();
    const dividerWasReset = (this.state.ram[REG_A]! & 0x60) === 0x60;
    this.state.ram[register] = value;
    if (wasHeld && !this.held()) this.startFrom(dividerWasReset ? SECOND / 2 : 0);
  }
}
