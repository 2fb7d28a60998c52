/**
 * One IDE cable with up to two drives: command and control block registers, drive selection, INTRQ and nIEN, software reset, and drive 0
 * speaking for a drive 1 that is not there (ATA/ATAPI-6, 9.16.1).
 */
import type { AtaUnit } from './ata-unit.js';
import type { Clock, Nanoseconds, Wire } from './device.js';
import type { IdeBusMaster } from './ide-bus-master.js';

const DATA = 0,
  DEVICE = 6,
  STATUS_COMMAND = 7;
const SELECT = 0x10;
const CONTROL_NIEN = 0x02,
  CONTROL_SRST = 0x04,
  CONTROL_HOB = 0x80;
const DIAGNOSTIC = 0x90,
  DEVICE_RESET = 0x08;

export interface IdeChannelState {
  selected: 0 | 1;
  control: number;
  /** The level of the interrupt line. */
  irq: boolean;
}

export class IdeChannel {
  readonly state: IdeChannelState = { selected: 0, control: 0, irq: false };
  readonly units: readonly (AtaUnit | undefined)[];
  private readonly clock: Clock;
  private readonly irq: Wire;
  private readonly master: IdeBusMaster;

  /** `units`: drive 0 and drive 1. */
  constructor(clock: Clock, irq: Wire, master: IdeBusMaster, units: readonly (AtaUnit | undefined)[]) {
    this.clock = clock;
    this.irq = irq;
    this.master = master;
    this.units = [units[0], units[1]];
    for (const unit of this.present()) unit.interruptChanged = () => this.updateInterrupt();
  }

  private present(): AtaUnit[] {
    return this.units.filter((unit) => unit !== undefined);
  }
  private get selected(): AtaUnit | undefined {
    return this.units[this.state.selected];
  }

  reset(): void {
    this.state.selected = 0;
    this.state.control = 0;
    for (const unit of this.present()) unit.resetUnit(true);
    this.updateInterrupt();
  }

  restored(): void {
    this.irq(this.state.irq);
  }

  deadline(): Nanoseconds {
    return Math.min(this.unitDeadline(this.units[0]), this.unitDeadline(this.units[1]));
  }

  /** Data for the bus master is due only while that serves. */
  private unitDeadline(unit: AtaUnit | undefined): Nanoseconds {
    if (unit === undefined) return Infinity;
    const { step, direction, dueNs } = unit.state;
    return step === 'dma' && !this.master.serves(direction) ? Infinity : dueNs;
  }

  tick(now: Nanoseconds): void {
    for (const unit of this.units) {
      if (unit === undefined || this.unitDeadline(unit) > now) continue;
      if (unit.state.step === 'dma') this.master.run(unit);
      else unit.tick(now);
    }
  }

  /** What is due by the exact time of an access has happened when the access looks. */
  catchUp(): void {
    const now = this.clock.now();
    if (this.deadline() <= now) this.tick(now);
  }

  private updateInterrupt(): void {
    const s = this.state;
    const level = this.selected?.state.interrupt === true && (s.control & CONTROL_NIEN) === 0;
    if (level && !s.irq) this.master.interrupted();
    s.irq = level;
    this.irq(level);
  }

  /** Register 0 to 7 of the command block; size 2 and 4 for data. */
  read(register: number, size: number): number {
    this.catchUp();
    if (register === DATA) return this.readData(size);
    let value = this.readRegister(register);
    for (let i = 1; i < size && register + i <= STATUS_COMMAND; i++)
      value += this.readRegister(register + i) * 2 ** (8 * i);
    return value;
  }

  private readData(size: number): number {
    const unit = this.selected;
    if (unit === undefined) return size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff;
    if (size === 1) return unit.readData() & 0xff;
    return size === 2 ? unit.readData() : unit.readData() + unit.readData() * 0x10000;
  }

  /** Elements of two or four bytes through the data register that end no block. */
  readBlock(register: number, size: number, bytes: Uint8Array, at: number, count: number): number {
    if (register !== DATA || size === 1) return 0;
    this.catchUp();
    return this.selected?.readElements(size, bytes, at, count) ?? 0;
  }
  writeBlock(register: number, size: number, bytes: Uint8Array, at: number, count: number): number {
    if (register !== DATA || size === 1) return 0;
    this.catchUp();
    return this.selected?.writeElements(size, bytes, at, count) ?? 0;
  }

  private readRegister(register: number): number {
    if (register === STATUS_COMMAND) this.selected?.setInterrupt(false);
    if (register === STATUS_COMMAND) return this.status();
    const unit = this.selected ?? this.units[0];
    if (unit === undefined) return 0;
    if (register === DEVICE) return (unit.state.device & ~SELECT) | (this.state.selected << 4);
    return unit.readRegister(register, (this.state.control & CONTROL_HOB) !== 0);
  }

  private status(): number {
    return this.selected?.state.status ?? 0;
  }

  alternateStatus(): number {
    this.catchUp();
    return this.status();
  }

  write(register: number, size: number, value: number): void {
    this.catchUp();
    if (register === DATA) return this.writeData(size, value);
    for (let i = 0; i < size && register + i <= STATUS_COMMAND; i++)
      this.writeRegister(register + i, (value >>> (8 * i)) & 0xff);
  }

  private writeData(size: number, value: number): void {
    const unit = this.selected;
    unit?.writeData(value & 0xffff);
    if (size === 4) unit?.writeData(value >>> 16);
  }

  private writeRegister(register: number, value: number): void {
    if (register === STATUS_COMMAND) return this.writeCommand(value);
    // A busy drive does not look at its task file.
    if (this.selected?.accepting === false && register !== DEVICE) return;
    this.state.control &= ~CONTROL_HOB;
    for (const unit of this.present()) if (unit.accepting) unit.writeRegister(register, value);
    if (register !== DEVICE) return;
    this.state.selected = (value & SELECT) === 0 ? 0 : 1;
    this.updateInterrupt();
  }

  private writeCommand(command: number): void {
    this.state.control &= ~CONTROL_HOB;
    if (command === DIAGNOSTIC) return this.diagnose();
    const unit = this.selected;
    if (unit === undefined || unit.state.step === 'held-in-reset') return;
    if (unit.accepting || command === DEVICE_RESET) unit.writeCommand(command);
  }

  private diagnose(): void {
    if (this.present().some((unit) => unit.busy)) return;
    this.state.selected = 0;
    this.present().forEach((unit, i) => unit.diagnose(i === 0));
  }

  writeControl(value: number): void {
    this.catchUp();
    const s = this.state;
    const before = s.control;
    s.control = value & (CONTROL_NIEN | CONTROL_SRST | CONTROL_HOB);
    if ((s.control & ~before & CONTROL_SRST) !== 0) for (const unit of this.present()) unit.holdInReset();
    if ((before & ~s.control & CONTROL_SRST) !== 0) this.releaseReset();
    this.updateInterrupt();
  }

  private releaseReset(): void {
    this.state.selected = 0;
    for (const unit of this.present()) unit.releaseReset();
  }
}
