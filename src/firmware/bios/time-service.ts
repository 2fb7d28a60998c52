/** INT 1Ah: ticks since midnight and the real-time clock (PC/AT BIOS interface). Not implemented: what alarms do when they are due beyond INT 4Ah. */
import { BDA } from './data-area.js';
import type { BiosHost } from './host.js';
import { pciBios } from './pci-bios.js';
import type { Registers } from './registers.js';

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
const ALARM_ENABLE = 0x20,
  DAYLIGHT = 1,
  STOPPED = 0x80;
const TICKS_PER_DAY = 0x1800b0,
  SECONDS_PER_DAY = 86400;

export class TimeService {
  private readonly host: BiosHost;

  constructor(host: BiosHost) {
    this.host = host;
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
    if (ticks >= TICKS_PER_DAY) memory.write8(BDA.MIDNIGHT, 1);
    const motor = memory.read8(0x440);
    if (motor > 0) memory.write8(0x440, motor - 1);
  }

  /** IRQ 8: reading the flags lets the next one come. */
  clockInterrupt(): void {
    this.get(STATUS_C);
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
      case 0x07:
        this.set(STATUS_B, this.get(STATUS_B) & ~ALARM_ENABLE);
        break;
      default:
        r.ah = 1;
        r.carry = true;
        return;
    }
    r.ah = 0;
    r.carry = false;
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
