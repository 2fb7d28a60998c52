/**
 * The i440FX host bridge (82441FX): configuration mechanism #1 at CF8/CFC, its own function, and beside it PIIX3's reset control at CF9.
 * Its PAM registers say whether what lies from C0000 to FFFFF is ROM or RAM, its SMRAM register opens SMM's memory at A0000.
 * Not implemented: SMM itself, so SMRAM is seen only while it is open; AGP, DRAM boundaries and timing keep what is written.
 */
import type { Device } from './device.js';
import type { PciBus } from './pci-bus.js';
import { PciFunction } from './pci-function.js';

const ADDRESS_PORT = 0xcf8,
  RESET_CONTROL = 0xcf9,
  DATA_PORT = 0xcfc;
const ADDRESS_ENABLE = 0x80000000,
  ADDRESS_WRITABLE = 0x80fffffc;
const RESET_CPU = 4;

const PAM0 = 0x59,
  PAM_LAST = 0x5f,
  SMRAM = 0x72;
const READ_RAM = 1,
  WRITE_RAM = 2;
const SMRAM_ENABLE = 8,
  SMRAM_LOCKED = 0x10,
  SMRAM_OPEN = 0x40,
  SMRAM_WRITABLE = 0x78;
const HALF_SEGMENT = 0x4000;

/** What the bridge tells the memory below 1 MiB. */
export interface ShadowMemory {
  set(first: number, last: number, readRam: boolean, writeRam: boolean): void;
  setSmram(open: boolean): void;
}

export interface PciHostState {
  address: number;
  resetControl: number;
  /** D_LCK was set since reset. */
  smramLocked: boolean;
}

export class PciHost implements Device<PciHostState> {
  readonly name = 'pci-host';
  readonly version = 2;
  readonly state: PciHostState = { address: 0, resetControl: 0, smramLocked: false };
  readonly ports = [
    {
      first: ADDRESS_PORT,
      last: ADDRESS_PORT + 3,
      width: 4 as const,
      read: (p: number, size: number) => this.readAddress(p, size),
      write: (p: number, size: number, v: number) => this.writeAddress(p, size, v),
    },
    {
      first: DATA_PORT,
      last: DATA_PORT + 3,
      width: 4 as const,
      read: (p: number, size: number) => this.readData(p & 3, size),
      write: (p: number, size: number, v: number) => this.writeData(p & 3, size, v),
    },
  ];
  readonly pci: PciFunction;
  private readonly bus: Pick<PciBus, 'read' | 'write'>;
  private readonly shadow: ShadowMemory;
  private readonly hardReset: () => void;

  constructor(bus: Pick<PciBus, 'read' | 'write'>, shadow: ShadowMemory, hardReset: () => void) {
    this.bus = bus;
    this.shadow = shadow;
    this.hardReset = hardReset;
    this.pci = new PciFunction({
      vendor: 0x8086,
      device: 0x1237,
      revision: 2,
      classCode: [6, 0, 0],
      // The subsystem identity by which SeaBIOS knows QEMU's board: boot order in CMOS, tables from the configuration device.
      registers: { 0x06: [0x80, 0x02], 0x2c: [0xf4, 0x1a, 0x00, 0x11], 0x57: [1], 0x72: [2] },
      writable: [
        [0x50, 0x71],
        [0x73, 0x7f],
        [0x90, 0x93],
      ],
      writableBits: { [SMRAM]: SMRAM_WRITABLE },
      written: (first, last) => this.written(first, last),
    });
  }

  /** After the configuration space. */
  reset(): void {
    this.state.address = 0;
    this.state.resetControl = 0;
    this.state.smramLocked = false;
    this.restored();
  }

  restored(): void {
    this.applyPam();
    this.applySmram();
  }

  private written(first: number, last: number): void {
    if (first <= PAM_LAST && last >= PAM0) this.applyPam();
    if (first <= SMRAM && last >= SMRAM) this.applySmram();
  }

  /** PAM0's high half is F0000-FFFFF; each further half stands for 16 KiB from C0000 on (82441FX, 3.2.14). */
  private applyPam(): void {
    const apply = (first: number, last: number, attributes: number): void =>
      this.shadow.set(first, last, (attributes & READ_RAM) !== 0, (attributes & WRITE_RAM) !== 0);
    apply(0xf0000, 0xfffff, this.pci.read(PAM0) >> 4);
    for (let half = 0; half < 12; half++) {
      const first = 0xc0000 + half * HALF_SEGMENT;
      apply(first, first + HALF_SEGMENT - 1, this.pci.read(PAM0 + 1 + (half >> 1)) >> (half & 1 ? 4 : 0));
    }
  }

  /** Once locked it stays closed until reset. */
  private applySmram(): void {
    const { config } = this.pci.state;
    this.state.smramLocked ||= (config[SMRAM]! & SMRAM_LOCKED) !== 0;
    if (this.state.smramLocked) config[SMRAM] = (config[SMRAM]! | SMRAM_LOCKED) & ~SMRAM_OPEN;
    this.shadow.setSmram((config[SMRAM]! & (SMRAM_ENABLE | SMRAM_OPEN)) === (SMRAM_ENABLE | SMRAM_OPEN));
  }

  /** The mechanism's address register answers 32-bit accesses only; CF9 lies under it as a byte (PIIX3, 2.5.6). */
  private readAddress(port: number, size: number): number {
    if (size === 4) return this.state.address;
    if (size === 1) return port === RESET_CONTROL ? this.state.resetControl : 0xff;
    return 0xffff;
  }

  private writeAddress(port: number, size: number, value: number): void {
    if (size === 4) this.state.address = (value & ADDRESS_WRITABLE) >>> 0;
    else if (size === 1 && port === RESET_CONTROL) this.writeResetControl(value);
  }

  /** A 0→1 change of bit 2 resets, hard or soft by bit 1. */
  private writeResetControl(value: number): void {
    const rises = (value & ~this.state.resetControl & RESET_CPU) !== 0;
    this.state.resetControl = value & 0x06;
    if (rises) this.hardReset();
  }

  /** The addressed function with its bus, -1 unless the address register enables configuration access. */
  private selected(): number {
    const { address } = this.state;
    return (address & ADDRESS_ENABLE) === 0 ? -1 : (address >>> 8) & 0xffff;
  }

  private readData(offset: number, size: number): number {
    const at = this.selected();
    if (at < 0) return size === 4 ? 0xffffffff : (1 << (8 * size)) - 1;
    return this.bus.read(at, (this.state.address & 0xfc) + offset, size);
  }

  private writeData(offset: number, size: number, value: number): void {
    const at = this.selected();
    if (at >= 0) this.bus.write(at, (this.state.address & 0xfc) + offset, size, value);
  }
}
