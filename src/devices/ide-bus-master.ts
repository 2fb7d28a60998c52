/**
 * One channel of a bus-master IDE controller (SFF-8038i 1.0; PIIX3 data sheet, 2.7): command, status and descriptor table, and the walk through
 * the table. A table is read until its end mark, or until 64 KiB of descriptors, which is as long as a table may be.
 */
import type { AtaUnit } from './ata-unit.js';
import type { GuestMemory } from './guest-memory.js';

export const BM_START = 0x01,
  BM_TO_MEMORY = 0x08;
export const BM_ACTIVE = 0x01,
  BM_ERROR = 0x02,
  BM_INTERRUPT = 0x04;
const CAPABLE = 0x60;
const DESCRIPTOR_BYTES = 8,
  MOST_DESCRIPTORS = 0x10000 / DESCRIPTOR_BYTES;
const END_OF_TABLE = 0x8000;

export interface BusMasterState {
  command: number;
  status: number;
  table: number;
  /** The descriptor in progress: where its data goes on, bytes left, whether it is the last; and descriptors read since the start. */
  address: number;
  left: number;
  last: boolean;
  descriptors: number;
}

/** True when all of the range is RAM (or ROM): a master that addresses anything else gets a target or master abort. */
export type Reaches = (address: number, length: number) => boolean;

export class IdeBusMaster {
  readonly state: BusMasterState = {
    command: 0,
    status: 0,
    table: 0,
    address: 0,
    left: 0,
    last: false,
    descriptors: 0,
  };
  private readonly memory: GuestMemory;
  private readonly reaches: Reaches;
  private readonly descriptor = new Uint8Array(DESCRIPTOR_BYTES);

  private readonly enabled: () => boolean;

  /** `enabled`: configuration space lets the function be a bus master; without that a transfer waits. */
  constructor(memory: GuestMemory, reaches: Reaches, enabled: () => boolean) {
    this.memory = memory;
    this.reaches = reaches;
    this.enabled = enabled;
  }

  reset(): void {
    Object.assign(this.state, {
      command: 0,
      status: 0,
      table: 0,
      address: 0,
      left: 0,
      last: false,
      descriptors: 0,
    });
  }

  /** Whether it would move data in this direction now. */
  serves(direction: 'in' | 'out'): boolean {
    const { command, status } = this.state;
    return (
      this.enabled() &&
      (status & BM_ACTIVE) !== 0 &&
      ((command & BM_TO_MEMORY) !== 0) === (direction === 'in')
    );
  }

  /** `offset` 0 command, 2 status, 4 to 7 descriptor table. */
  read(offset: number): number {
    const s = this.state;
    if (offset === 0) return s.command;
    if (offset === 2) return s.status;
    return offset >= 4 ? (s.table >>> (8 * (offset - 4))) & 0xff : 0;
  }

  write(offset: number, value: number): void {
    const s = this.state;
    if (offset === 0) this.writeCommand(value);
    // Interrupt and error are cleared by writing ones; the capability bits are the driver's.
    else if (offset === 2) s.status = (s.status & ~(value & 6) & ~CAPABLE) | (value & CAPABLE);
    else if (offset >= 4) {
      const shift = 8 * (offset - 4);
      s.table = ((s.table & ~(0xff << shift)) | (value << shift)) & ~3;
      s.table >>>= 0;
    }
  }

  private writeCommand(value: number): void {
    const s = this.state;
    const starts = (value & ~s.command & BM_START) !== 0;
    s.command = value & (BM_START | BM_TO_MEMORY);
    if ((value & BM_START) === 0) s.status &= ~BM_ACTIVE;
    else if (starts) {
      s.status |= BM_ACTIVE;
      s.left = 0;
      s.last = false;
      s.descriptors = 0;
    }
  }

  interrupted(): void {
    this.state.status |= BM_INTERRUPT;
  }

  /** Moves data between the drive and memory until the command or the table ends. */
  run(unit: AtaUnit): void {
    const s = this.state;
    while ((s.status & BM_ACTIVE) !== 0) {
      const bytes = unit.dmaBytes();
      if (bytes === 0) return this.driveDone();
      if (s.left === 0 && !this.nextDescriptor()) return;
      this.movePiece(unit, Math.min(bytes, s.left));
    }
  }

  /** The master stays active when its table describes more than the drive had (SFF-8038i, 3.1). */
  private driveDone(): void {
    const s = this.state;
    if (s.left === 0 && s.last) s.status &= ~BM_ACTIVE;
  }

  private nextDescriptor(): boolean {
    const s = this.state;
    if (s.last || s.descriptors === MOST_DESCRIPTORS) {
      s.status &= ~BM_ACTIVE;
      return false;
    }
    const at = (s.table + DESCRIPTOR_BYTES * s.descriptors++) >>> 0;
    if (!this.reaches(at, DESCRIPTOR_BYTES)) return this.abort();
    this.memory.read(at, this.descriptor);
    const view = new DataView(this.descriptor.buffer);
    s.address = (view.getUint32(0, true) & ~1) >>> 0;
    s.left = view.getUint16(4, true) & 0xfffe || 0x10000;
    s.last = (view.getUint16(6, true) & END_OF_TABLE) !== 0;
    return this.reaches(s.address, s.left) || this.abort();
  }

  private abort(): false {
    const s = this.state;
    s.left = 0;
    s.status = (s.status & ~BM_ACTIVE) | BM_ERROR;
    return false;
  }

  private movePiece(unit: AtaUnit, count: number): void {
    const s = this.state;
    const piece = unit.dmaPiece(count);
    if ((s.command & BM_TO_MEMORY) !== 0) this.memory.write(s.address, piece);
    else this.memory.read(s.address, piece);
    s.address = (s.address + count) >>> 0;
    s.left -= count;
    unit.dmaMoved(count);
  }
}
