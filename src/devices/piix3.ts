/**
 * The PCI-to-ISA bridge of PIIX3: its function, and the routing of PCI interrupts by PIRQRC[A:D] to ISA interrupts and straight to pins of an I/O APIC.
 * Not implemented: X-bus chip selects, distributed DMA, USB.
 */
import type { Device, Wire } from './device.js';
import { PciFunction } from './pci-function.js';

const PIRQ_ROUTES = 0x60;
const ROUTE_DISABLED = 0x80;
/** IRQ 0, 1, 2, 8 and 13 are reserved in the routing registers. */
const ROUTABLE = 0xdef8;

export interface Piix3State {
  /** Levels of the interrupt pins by `device << 5 | function << 2 | pin`, INTA# being 0. */
  levels: Uint8Array;
  /** What the outputs were set to: ISA interrupts, and pins from the first one on. */
  isa: number;
  pins: number;
}

export interface Piix3Wires {
  /** The sixteen ISA interrupts. */
  readonly isa: readonly Wire[];
  /** 32 pins that PCI interrupts have for themselves; none without an I/O APIC. */
  readonly pins: readonly Wire[];
}

interface Source {
  readonly at: number;
  readonly link: number;
  readonly pin: number;
}

export class Piix3 implements Device<Piix3State> {
  readonly name = 'piix3';
  readonly version = 1;
  readonly state: Piix3State = { levels: new Uint8Array(1024), isa: 0, pins: 0 };
  readonly pci: PciFunction = new PciFunction({
    vendor: 0x8086,
    device: 0x7000,
    classCode: [6, 1, 0],
    headerType: 0x80,
    // PIRQA-D routing disabled at power-on.
    registers: {
      0x04: [7, 0],
      0x06: [0, 2],
      0x4c: [0x4d],
      0x4e: [3],
      0x60: [0x80, 0x80, 0x80, 0x80],
      0x69: [2],
    },
    writable: [
      [0x4c, 0x4f],
      [0x60, 0x8f],
    ],
    written: () => this.update(),
  });
  private readonly sources: Source[] = [];
  private readonly wires: Piix3Wires;

  constructor(wires: Piix3Wires) {
    this.wires = wires;
  }

  reset(): void {
    this.state.levels.fill(0);
    this.update();
  }

  restored(): void {
    const { isa, pins } = this.state;
    this.wires.isa.forEach((wire, i) => wire(((isa >> i) & 1) !== 0));
    this.wires.pins.forEach((wire, i) => wire(((pins >> i) & 1) !== 0));
  }

  /**
   * The wire for INTA# (pin 1) to INTD# (pin 4) of a function. Links go round by slot, INTA# of slot 1 on PIRQA; pins as Xen has them:
   * `4 * slot + slot / 8 + pin`, modulo 32.
   */
  interrupt(device: number, index: number, pin: number): Wire {
    const at = (device << 5) | (index << 2) | (pin - 1);
    const link = (device - 1 + (pin - 1)) & 3;
    this.sources.push({ at, link, pin: ((device << 2) + (device >> 3) + (pin - 1)) & 31 });
    return (level) => {
      if ((this.state.levels[at] !== 0) === level) return;
      this.state.levels[at] = level ? 1 : 0;
      this.update();
    };
  }

  /** Levels are wired or: an output is high while any of its sources is. */
  private update(): void {
    let isa = 0;
    let pins = 0;
    for (const { at, link, pin } of this.sources) {
      if (this.state.levels[at] === 0) continue;
      const route = this.pci.read(PIRQ_ROUTES + link);
      if ((route & ROUTE_DISABLED) === 0) isa |= (1 << (route & 15)) & ROUTABLE;
      pins |= 1 << pin;
    }
    const changedIsa = isa ^ this.state.isa;
    const changedPins = pins ^ this.state.pins;
    this.state.isa = isa;
    this.state.pins = pins;
    this.wires.isa.forEach((wire, i) => (changedIsa >> i) & 1 && wire(((isa >> i) & 1) !== 0));
    this.wires.pins.forEach((wire, i) => (changedPins >> i) & 1 && wire(((pins >> i) & 1) !== 0));
  }
}
