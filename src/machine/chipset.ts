/** The i440FX and PIIX chipset: PCI bus 0 with its bridges, and places for further functions. */
import type { Decoder, Device, Wire } from '../devices/device.js';
import type { GuestMemory } from '../devices/guest-memory.js';
import { PciBus } from '../devices/pci-bus.js';
import { PciHost } from '../devices/pci-host.js';
import type { ShadowMemory } from '../devices/pci-host.js';
import { Piix3 } from '../devices/piix3.js';
import { Piix4Pm } from '../devices/piix4-pm.js';
import { PIRQ_IRQS, setUpPci } from '../firmware/pci-setup.js';
import { PM_BASE, PowerManagement } from '../hv/pm.js';
import { PciConfigRouter } from '../hv/pci-config.js';
import type { MachineClock } from '../hv/clock.js';
import type { Interrupts } from './interrupts.js';

/** PIIX at slot 1: ISA bridge, IDE (1), power management (3). */
const HOST_SLOT = 0,
  PIIX_SLOT = 1,
  IDE_FUNCTION = 1,
  PM_FUNCTION = 3;
const SCI_IRQ = 9,
  ELCR = 0x4d0;
const DMA2_SINGLE_MASK = 0xd4,
  DMA2_MODE = 0xd6,
  DMA_CASCADE = 0xc0;
const PAM0 = 0x59,
  PAM_LAST = 0x5f,
  PAM_RAM = 0x33,
  PAM0_READ_ONLY = 0x11;

export interface ChipsetParts {
  readonly clock: MachineClock;
  readonly decoder: Decoder;
  readonly interrupts: Interrupts;
  readonly memory: GuestMemory;
  readonly shadow: ShadowMemory;
  /** OUT of a byte, as firmware does it. */
  readonly out: (port: number, value: number) => void;
  readonly reset: () => void;
  readonly powerOff: () => void;
}

export class Chipset {
  readonly pci: PciBus;
  /** Where configuration requests go, for servers of functions beside the board's. */
  readonly config: PciConfigRouter;
  readonly pm: PowerManagement;
  readonly piix3: Piix3;
  /** What bus masters read and write. */
  readonly memory: GuestMemory;
  /** In the order of reset: configuration space before those who look into it. */
  readonly devices: Device[];

  private readonly parts: ChipsetParts;

  constructor(parts: ChipsetParts) {
    this.parts = parts;
    const { clock, decoder, interrupts } = parts;
    this.memory = parts.memory;
    this.pci = new PciBus(decoder);
    this.config = new PciConfigRouter(this.pci);
    const isa = Array.from({ length: 16 }, (_, line) => interrupts.irq(line));
    this.piix3 = new Piix3({ isa, pins: interrupts.pciPins });
    this.pm = new PowerManagement(clock, decoder, interrupts.irq(SCI_IRQ), parts.powerOff);
    this.devices = [this.pci, this.pm];
    this.register(new PciHost(this.config, parts.shadow, parts.reset), HOST_SLOT);
    this.register(this.piix3, PIIX_SLOT);
    this.register(new Piix4Pm(this.pm.place), PIIX_SLOT, PM_FUNCTION);
  }

  /** Puts a device with a PCI face into a slot; gives it back. Throws an Error when the place is taken. */
  register<T extends Device>(device: T, slot: number, index = 0): T {
    this.devices.push(device);
    if (device.pci !== undefined) this.pci.add(slot, index, device.name, device.pci);
    return device;
  }

  /** The wire for INTA# (1) to INTD# (4) of a function. */
  interrupt(slot: number, index = 0, pin = 1): Wire {
    return this.piix3.interrupt(slot, index, pin);
  }

  /** What a BIOS does before an operating system that was loaded without one; all memory below 1 MiB is RAM from here on. */
  configure(): void {
    const { pci } = this;
    for (let pam = PAM0; pam <= PAM_LAST; pam++) pci.write(HOST_SLOT << 3, pam, 1, PAM_RAM);
    const pm = (PIIX_SLOT << 3) | PM_FUNCTION;
    pci.write(pm, 0x40, 4, PM_BASE | 1);
    pci.write(pm, 0x80, 1, 1);
    pci.write(pm, 0x3c, 1, SCI_IRQ);
    pci.write(pm, 0x04, 2, 1);
    // Both IDE channels decode their ports (IDETIM); bus masters may be started.
    pci.write((PIIX_SLOT << 3) | IDE_FUNCTION, 0x40, 4, 0x80008000);
    pci.write((PIIX_SLOT << 3) | IDE_FUNCTION, 0x04, 2, 4);
    PIRQ_IRQS.forEach((irq, link) => pci.write(PIIX_SLOT << 3, 0x60 + link, 1, irq));
    const level = PIRQ_IRQS.reduce((bits, irq) => bits | (1 << irq), 1 << SCI_IRQ);
    // Channels 0 to 3 of the DMA controllers reach memory through channel 4.
    this.parts.out(DMA2_MODE, DMA_CASCADE);
    this.parts.out(DMA2_SINGLE_MASK, 0);
    this.parts.out(ELCR, level & 0xff);
    this.parts.out(ELCR + 1, level >> 8);
    setUpPci(pci);
  }

  /** Makes F0000-FFFFF read-only. */
  lockBios(): void {
    this.pci.write(HOST_SLOT << 3, PAM0, 1, PAM0_READ_ONLY);
  }
}
