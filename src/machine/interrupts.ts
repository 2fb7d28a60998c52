/** What takes interrupts from chips to the processor: the PIC alone, or with local APIC, I/O APIC and HPET. */
import type { Device, Wire } from '../devices/device.js';
import type { MachineClock } from '../hv/clock.js';
import { HPET_ADDRESS, HPET_CAPABILITIES, HPET_FIRST_PIN, HPET_PINS, Hpet } from '../hv/hpet.js';
import { IOAPIC_ADDRESS, IoApic } from '../hv/ioapic.js';
import { IsaLines } from '../hv/isa-lines.js';
import { LAPIC_ADDRESS } from '../hv/lapic-registers.js';
import { Lapic } from '../hv/lapic.js';
import type { LapicParts } from '../hv/lapic.js';
import { Pic } from '../hv/pic.js';
import type { Vcpu } from '../hv/vcpu.js';
import { canHaveLocalApic, hasTscDeadline, withLocalApic } from '../runtime/cpu-models.js';
import type { Cpu } from '../runtime/state.js';

/** The I/O APIC has the PIC's output on pin 0, so IRQ0 is on pin 2; all other ISA lines are on pins of their number. */
const PIC_PIN = 0,
  IRQ0_PIN = 2,
  IOAPIC_ID = 1,
  ISA_LINES = 16;
/** PCI interrupts have the pins above the ISA lines for themselves. */
const PCI_FIRST_PIN = 16,
  PCI_PINS = 32;

export const APIC_TABLES = {
  lapicAddress: LAPIC_ADDRESS,
  ioApicAddress: IOAPIC_ADDRESS,
  ioApicId: IOAPIC_ID,
  hpetAddress: HPET_ADDRESS,
  hpetCapabilities: HPET_CAPABILITIES,
};

export interface Interrupts {
  readonly devices: readonly Device[];
  /** One more end of an ISA line, which others may share. */
  readonly irq: (line: number) => Wire;
  /** The I/O APIC's own pins for PCI; empty without one. */
  readonly pciPins: readonly Wire[];
  readonly acknowledge: () => number;
  readonly lapic?: Lapic;
}

export interface InterruptParts {
  readonly cpu: Cpu;
  readonly clock: MachineClock;
  readonly vcpu: Vcpu;
  readonly timeOfTsc: LapicParts['timeOfTsc'];
}

const wires = (count: number, set: (index: number, level: boolean) => void): Wire[] =>
  Array.from({ length: count }, (_, index) => (level: boolean) => set(index, level));

export function picAlone({ vcpu }: InterruptParts): Interrupts {
  const pic = new Pic(vcpu.interruptPin);
  const lines = new IsaLines(wires(ISA_LINES, (line, level) => pic.setLine(line, level)));
  return {
    devices: [pic, lines],
    irq: (line) => lines.wire(line),
    pciPins: [],
    acknowledge: () => pic.acknowledge(),
  };
}

/** ISA lines reach PIC and I/O APIC alike; the PIC's output goes to LINT0 and a pin of the I/O APIC. Throws RangeError if the processor has no local APIC. */
export function picAndApics(parts: InterruptParts): Interrupts {
  const lapic = createLapic(parts, {
    acknowledgePic: () => pic.acknowledge(),
    broadcastEoi: (vector) => ioapic.endOfInterrupt(vector),
    offerAgain: () => ioapic.offerAll(),
  });
  const ioapic = new IoApic(lapic);
  const pic = new Pic((level) => {
    lapic.setLint(0, level);
    ioapic.setLine(PIC_PIN, level);
  });
  const isa = wires(ISA_LINES, (line, level) => {
    pic.setLine(line, level);
    ioapic.setLine(line === 0 ? IRQ0_PIN : line, level);
  });
  const lines = new IsaLines(isa);
  const pins = (first: number, count: number): Wire[] =>
    wires(count, (index, level) => ioapic.setLine(first + index, level));
  const hpet = new Hpet(parts.clock, {
    irq0: isa[0]!,
    irq8: isa[8]!,
    pins: pins(HPET_FIRST_PIN, HPET_PINS),
  });
  return {
    devices: [pic, lapic, ioapic, lines, hpet],
    irq: (line) => (line === 0 ? hpet.setPit : line === 8 ? hpet.setRtc : lines.wire(line)),
    pciPins: pins(PCI_FIRST_PIN, PCI_PINS),
    acknowledge: () => lapic.acknowledge(),
    lapic,
  };
}

type LapicWires = Pick<LapicParts, 'acknowledgePic' | 'broadcastEoi' | 'offerAgain'>;

function createLapic({ cpu, clock, vcpu, timeOfTsc }: InterruptParts, apicWires: LapicWires): Lapic {
  if (!canHaveLocalApic(cpu.model)) throw new RangeError(`the ${cpu.model.name} has no local APIC`);
  const lapic = new Lapic({
    ...apicWires,
    clock,
    interrupt: vcpu.interruptPin,
    nmi: vcpu.nmiPin,
    init: () => vcpu.request({ kind: 'reset' }),
    timeOfTsc,
    tscDeadline: hasTscDeadline(cpu.model),
  });
  cpu.model = withLocalApic(cpu.model, () => lapic.enabled);
  return lapic;
}
