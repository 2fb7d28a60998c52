/**
 * i440FX host bridge, PIIX3 ISA bridge and PIIX4 power management on bus 0, configuration mechanism #1 at CF8/CFC, reset control at CF9.
 * Not implemented: PAM and SMRAM registers and PIRQ routing keep what is written and change nothing; PMBASE is fixed; no other buses.
 */
import type { Device } from './device.js';
import { PciFunction } from './pci-function.js';
import type { PciFunctionState } from './pci-function.js';

const ADDRESS_PORT = 0xcf8,
  RESET_CONTROL = 0xcf9,
  DATA_PORT = 0xcfc;
const ADDRESS_ENABLE = 0x80000000,
  ADDRESS_WRITABLE = 0x80fffffc;
const RESET_CPU = 4;

export interface PciHostState {
  address: number;
  resetControl: number;
  /** Configuration space by `device << 3 | function`. */
  functions: Record<number, PciFunctionState>;
}

function i440fx(): PciFunction {
  return new PciFunction({
    vendor: 0x8086,
    device: 0x1237,
    revision: 2,
    classCode: [6, 0, 0],
    writable: [
      [0x50, 0x7f],
      [0x90, 0x93],
    ],
  });
}
function piix3(): PciFunction {
  return new PciFunction({
    vendor: 0x8086,
    device: 0x7000,
    classCode: [6, 1, 0],
    headerType: 0x80,
    // PIRQA-D routing disabled at power-on.
    registers: { 0x04: [7, 0], 0x06: [0, 2], 0x60: [0x80, 0x80, 0x80, 0x80] },
    writable: [
      [0x4c, 0x4f],
      [0x60, 0x8f],
    ],
  });
}
function piix4pm(pmBase: number): PciFunction {
  return new PciFunction({
    vendor: 0x8086,
    device: 0x7113,
    revision: 3,
    classCode: [6, 0x80, 0],
    registers: {
      0x04: [1, 0],
      0x06: [0x80, 2],
      0x3c: [9, 1],
      0x40: [(pmBase & 0xff) | 1, pmBase >> 8, 0, 0],
      0x80: [1],
    },
  });
}

export class PciHost implements Device<PciHostState> {
  readonly name = 'pci-host';
  readonly version = 1;
  readonly state: PciHostState = { address: 0, resetControl: 0, functions: {} };
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
  private readonly functions = new Map<number, PciFunction>();
  private readonly hardReset: () => void;

  constructor(pmBase: number, hardReset: () => void) {
    this.hardReset = hardReset;
    this.add(0, 0, i440fx());
    this.add(1, 0, piix3());
    this.add(1, 3, piix4pm(pmBase));
  }

  reset(): void {
    this.state.address = 0;
    this.state.resetControl = 0;
    for (const f of this.functions.values()) f.reset();
  }

  private add(device: number, index: number, f: PciFunction): void {
    this.functions.set((device << 3) | index, f);
    this.state.functions[(device << 3) | index] = f.state;
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

  /** The addressed function, if the address register enables configuration access and bus 0 has it. */
  private selected(): PciFunction | undefined {
    const { address } = this.state;
    if ((address & ADDRESS_ENABLE) === 0 || address & 0xff0000) return undefined;
    return this.functions.get((address >>> 8) & 0xff);
  }

  private readData(offset: number, size: number): number {
    const f = this.selected();
    let value = 0;
    for (let i = size - 1; i >= 0; i--)
      value =
        value * 256 + (f === undefined ? 0xff : f.read(((this.state.address & 0xfc) + offset + i) & 0xff));
    return value;
  }

  private writeData(offset: number, size: number, value: number): void {
    const f = this.selected();
    if (f === undefined) return;
    for (let i = 0; i < size; i++)
      f.write(((this.state.address & 0xfc) + offset + i) & 0xff, (value >>> (8 * i)) & 0xff);
  }
}
