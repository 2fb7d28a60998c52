/** INT 1Ah: ticks since midnight, the real-time clock with its alarm, which calls INT 4Ah, and the clock's share in INT 15h function 83 (PC/AT BIOS interface). */
import { BDA } from './data-area.js';
import type { BiosHost } from './host.js';
import { pciBios } from './pci-bios.js';
import type { Registers } from './registers.js';
import type { BiosProgram } from './rom.js';

const INDEX = 0x70,
  VALUE = 0x71;
const SECONDS = 0,
  MINUTES = 2,
  HOURS = 4,
  DAY = 7,
  MONTH = 8,
  YEAR = 9,
  STATUS_B = 11,
  STATUS_C = 12,
  CENTURY = 0x32;
const ALARM_SECONDS = 1,
  ALARM_MINUTES = 3,
  ALARM_HOURS = 5;
const PERIODIC_ENABLE = 0x40,
  ALARM_ENABLE = 0x20,
  DAYLIGHT = 1,
  STOPPED = 0x80;
const TICKS_PER_DAY = 0x1800b0,
  SECONDS_PER_DAY = 86400;
/** Of the periodic interrupt at 1024 Hz. */
const PERIOD_MICROSECONDS = 976;
const SLAVE_MASK = 0xa1,
  CLOCK_LINE = 1;
const WAITING = 1,
  WAIT_OVER = 0x80;

function refuse(r: Registers, code: number): void {
  r.ah = code;
  r.carry = true;
}

export class TimeService {
  private readonly host: BiosHost;
  private readonly labels: BiosProgram['labels'];

  constructor(host: BiosHost, labels: BiosProgram['labels']) {
    this.host = host;
    this.labels = labels;
  }

  private get(register: number): number {
    this.host.ports.write(INDEX, register);
    return this.host.ports.read(VALUE);
  }
  private set(register: number, value: number): void {
    this.host.ports.write(INDEX, register);
    this.host.ports.write(VALUE, value);
  }

  /** The tick counter continues from the clock's time of day. */
  reset(): void {
    const bcd = (value: number): number => (value >> 4) * 10 + (value & 15);
    const time = (bcd(this.get(HOURS)) * 60 + bcd(this.get(MINUTES))) * 60 + bcd(this.get(SECONDS));
    const ticks = Math.floor((time * TICKS_PER_DAY) / SECONDS_PER_DAY);
    this.host.memory.write32(BDA.TICKS, Math.min(ticks, TICKS_PER_DAY - 1));
  }

  /** IRQ 0. */
  tick(): void {
    const { memory } = this.host;
    const ticks = memory.read32(BDA.TICKS) + 1;
    memory.write32(BDA.TICKS, ticks >= TICKS_PER_DAY ? 0 : ticks);
    if (ticks >= TICKS_PER_DAY) {
      memory.write8(BDA.MIDNIGHT, 1);
      memory.write16(BDA.DAYS, memory.read16(BDA.DAYS) + 1);
    }
    const motor = memory.read8(0x440);
    if (motor > 0) memory.write8(0x440, motor - 1);
  }

  /** IRQ 8: reading the flags lets the next one come. */
  clockInterrupt(): void {
    const flags = this.get(STATUS_C) & this.get(STATUS_B);
    if ((flags & PERIODIC_ENABLE) !== 0) this.passPeriod();
    if ((flags & ALARM_ENABLE) !== 0) this.host.processor.jump(this.labels.alarm);
  }

  private enable(bit: number): void {
    const { ports } = this.host;
    this.set(STATUS_B, this.get(STATUS_B) | bit);
    ports.write(SLAVE_MASK, ports.read(SLAVE_MASK) & ~CLOCK_LINE);
  }

  /** INT 15h function 83: bit 7 of a byte is set when so many microseconds are over. False while another wait is in progress. */
  startWait(segment: number, offset: number, microseconds: number): boolean {
    const { memory } = this.host;
    if ((memory.read8(BDA.WAIT_ACTIVE) & WAITING) !== 0) return false;
    memory.write16(BDA.WAIT_FLAG, offset);
    memory.write16(BDA.WAIT_FLAG + 2, segment);
    memory.write32(BDA.WAIT_LEFT, microseconds);
    memory.write8(BDA.WAIT_ACTIVE, WAITING);
    this.enable(PERIODIC_ENABLE);
    return true;
  }

  endWait(): void {
    this.host.memory.write8(BDA.WAIT_ACTIVE, 0);
    this.set(STATUS_B, this.get(STATUS_B) & ~PERIODIC_ENABLE);
  }

  private passPeriod(): void {
    const { memory } = this.host;
    if ((memory.read8(BDA.WAIT_ACTIVE) & WAITING) === 0) return;
    const left = memory.read32(BDA.WAIT_LEFT) - PERIOD_MICROSECONDS;
    memory.write32(BDA.WAIT_LEFT, Math.max(0, left));
    if (left > 0) return;
    const flag = memory.read16(BDA.WAIT_FLAG + 2) * 16 + memory.read16(BDA.WAIT_FLAG);
    memory.write8(flag, memory.read8(flag) | WAIT_OVER);
    this.endWait();
  }

  handle(r: Registers): void {
    const { memory } = this.host;
    switch (r.ah) {
      case 0x00:
        r.cx = memory.read16(BDA.TICKS + 2);
        r.dx = memory.read16(BDA.TICKS);
        r.al = memory.read8(BDA.MIDNIGHT);
        memory.write8(BDA.MIDNIGHT, 0);
        return;
      case 0x01:
        memory.write16(BDA.TICKS + 2, r.cx);
        memory.write16(BDA.TICKS, r.dx);
        memory.write8(BDA.MIDNIGHT, 0);
        return;
      case 0xb1:
        return pciBios(r, this.host);
      default:
        return this.clock(r);
    }
  }

  private clock(r: Registers): void {
    switch (r.ah) {
      case 0x02:
        this.getTime(r);
        break;
      case 0x03:
        this.setTime(r);
        break;
      case 0x04:
        this.getDate(r);
        break;
      case 0x05:
        this.setDate(r);
        break;
      case 0x06:
        if ((this.get(STATUS_B) & ALARM_ENABLE) !== 0) return refuse(r, 0);
        this.setAlarm(r);
        break;
      case 0x07:
        this.set(STATUS_B, this.get(STATUS_B) & ~ALARM_ENABLE);
        break;
      case 0x0a:
        r.cx = this.host.memory.read16(BDA.DAYS);
        break;
      case 0x0b:
        this.host.memory.write16(BDA.DAYS, r.cx);
        break;
      default:
        return refuse(r, 1);
    }
    r.ah = 0;
    r.carry = false;
  }

  private setAlarm(r: Registers): void {
    this.set(ALARM_SECONDS, r.dh);
    this.set(ALARM_MINUTES, r.cl);
    this.set(ALARM_HOURS, r.ch);
    this.enable(ALARM_ENABLE);
  }

  private getTime(r: Registers): void {
    r.ch = this.get(HOURS);
    r.cl = this.get(MINUTES);
    r.dh = this.get(SECONDS);
    r.dl = this.get(STATUS_B) & DAYLIGHT;
    r.al = r.ch;
  }
  private setTime(r: Registers): void {
    const status = this.get(STATUS_B) & ~DAYLIGHT;
    this.set(STATUS_B, status | STOPPED);
    this.set(SECONDS, r.dh);
    this.set(MINUTES, r.cl);
    this.set(HOURS, r.ch);
    this.set(STATUS_B, (status & ~STOPPED) | (r.dl & DAYLIGHT));
  }
  private getDate(r: Registers): void {
    r.ch = this.get(CENTURY);
    r.cl = this.get(YEAR);
    r.dh = this.get(MONTH);
    r.dl = this.get(DAY);
    r.al = r.ch;
  }
  private setDate(r: Registers): void {
    const status = this.get(STATUS_B);
    this.set(STATUS_B, status | STOPPED);
    this.set(CENTURY, r.ch);
    this.set(YEAR, r.cl);
    this.set(MONTH, r.dh);
    this.set(DAY, r.dl);
    this.set(STATUS_B, status & ~STOPPED);
  }
}
