/** Configuration space of PIIX4's power management function: where the PM registers lie and whether they answer. The registers are hv's. */
import type { Device } from './device.js';
import { PciFunction } from './pci-function.js';

const PMBASE = 0x40,
  DEVACTB = 0x58,
  PMREGMISC = 0x80;

/** `base` of the 64 ports in use, -1 while they are off. */
export type PlacePm = (base: number) => void;

export class Piix4Pm implements Device {
  readonly name = 'piix4-pm';
  readonly version = 1;
  readonly state = {};
  readonly pci: PciFunction = new PciFunction({
    vendor: 0x8086,
    device: 0x7113,
    revision: 3,
    classCode: [6, 0x80, 0],
    // DEVACTB.APMC_EN is on: what waits for SMM to answer an APM command finds it answered.
    registers: { 0x06: [0x80, 2], 0x3d: [1], 0x40: [1], 0x5b: [2], 0x90: [1], 0xd2: [0] },
    writable: [
      [0x41, 0x41],
      [DEVACTB, DEVACTB + 3],
      [PMREGMISC, PMREGMISC],
      [0x91, 0x91],
      [0xd2, 0xd2],
    ],
    writableBits: { [PMBASE]: 0xc0 },
    written: () => this.place(),
  });
  private readonly placePm: PlacePm;

  constructor(placePm: PlacePm) {
    this.placePm = placePm;
  }

  reset(): void {
    this.place();
  }

  restored(): void {
    this.place();
  }

  private place(): void {
    const base = (this.pci.read(PMBASE + 1) << 8) | (this.pci.read(PMBASE) & 0xc0);
    this.placePm((this.pci.read(PMREGMISC) & 1) !== 0 && base !== 0 ? base : -1);
  }
}
