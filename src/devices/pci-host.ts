/**
 * The i440FX host bridge (82441FX): configuration mechanism #1 at CF8/CFC, its own function, and beside it PIIX3's reset control at CF9.
 * Not implemented: PAM and SMRAM registers keep what is written and change nothing.
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

export interface PciHostState {
  address: number;
  resetControl: number;
}

export class PciHost implements Device<PciHostState> {
  readonly name = 'pci-host';
  readonly version = 2;
  readonly state: PciHostState = { address: 0, resetControl: 0 };
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
  readonly pci = new PciFunction({
    vendor: 0x8086,
    device: 0x1237,
    revision: 2,
    classCode: [6, 0, 0],
    writable: [
      [0x50, 0x7f],
      [0x90, 0x93],
    ],
  });
  private readonly bus: Pick<PciBus, 'read' | 'write'>;
  private readonly hardReset: () => void;

  constructor(bus: Pick<PciBus, 'read' | 'write'>, hardReset: () => void) {
    this.bus = bus;
    this.hardReset = hardReset;
  }

  reset(): void {
    this.state.address = 0;
    this.state.resetControl = 0;
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
