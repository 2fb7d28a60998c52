/** The MP configuration table: one processor, one I/O APIC, and where ISA and PCI interrupts arrive (MultiProcessor Specification 1.4). */
import type { ApicConfiguration } from './acpi.js';
import { irqOfPin } from './pci-setup.js';
import { ascii, dword, sealBytes, word } from './table-bytes.js';

const FLOATING = 16,
  HEADER = 44;
const VERSION = 4,
  LAPIC_VERSION = 0x14,
  IOAPIC_VERSION = 0x11;
const ENABLED_BOOTSTRAP = 3;
const BUS_PCI = 0,
  BUS_ISA = 1;
const PROCESSOR = 0,
  BUS = 1,
  IOAPIC = 2,
  IO_INTERRUPT = 3,
  LOCAL_INTERRUPT = 4;
const INT = 0,
  NMI = 1,
  EXTERNAL = 3;
const AS_THE_BUS = 0,
  ACTIVE_LOW_LEVEL = 0x0f;
const ALL_LAPICS = 0xff;
const CASCADE = 2,
  TIMER_PIN = 2;

export interface ProcessorIdentity {
  /** EAX and EDX of CPUID leaf 1. */
  readonly signature: number;
  readonly features: number;
}

function interrupts(apicId: number): number[][] {
  const isa = Array.from({ length: 16 }, (_, irq) => irq)
    .filter((irq) => irq !== CASCADE)
    .map((irq) => [
      IO_INTERRUPT,
      INT,
      ...word(AS_THE_BUS),
      BUS_ISA,
      irq,
      apicId,
      irq === 0 ? TIMER_PIN : irq,
    ]);
  const pci = Array.from({ length: 31 * 4 }, (_, i) => {
    const [slot, pin] = [1 + (i >> 2), i & 3];
    const source = (slot << 2) | pin;
    return [IO_INTERRUPT, INT, ...word(ACTIVE_LOW_LEVEL), BUS_PCI, source, apicId, irqOfPin(slot, pin + 1)];
  });
  // Lines that PCI shares are not the ISA bus's.
  const shared = new Set([1, 2, 3, 4].map((pin) => irqOfPin(1, pin)));
  return [...isa.filter((entry) => !shared.has(entry[5]!)), ...pci];
}

function entries(apic: ApicConfiguration, { signature, features }: ProcessorIdentity): number[][] {
  return [
    [
      PROCESSOR,
      0,
      LAPIC_VERSION,
      ENABLED_BOOTSTRAP,
      ...dword(signature),
      ...dword(features),
      ...dword(0),
      ...dword(0),
    ],
    [BUS, BUS_PCI, ...ascii('PCI   ')],
    [BUS, BUS_ISA, ...ascii('ISA   ')],
    [IOAPIC, apic.ioApicId, IOAPIC_VERSION, 1, ...dword(apic.ioApicAddress)],
    ...interrupts(apic.ioApicId),
    [LOCAL_INTERRUPT, EXTERNAL, ...word(AS_THE_BUS), BUS_ISA, 0, ALL_LAPICS, 0],
    [LOCAL_INTERRUPT, NMI, ...word(AS_THE_BUS), BUS_ISA, 0, ALL_LAPICS, 1],
  ];
}

/** Floating pointer and table, for `address`. */
export function mpTable(apic: ApicConfiguration, processor: ProcessorIdentity, address: number): Uint8Array {
  const list = entries(apic, processor);
  const body = list.flat();
  const table = [
    ...[...ascii('PCMP'), ...word(HEADER + body.length), VERSION, 0],
    ...[...ascii('HVMJS   '), ...ascii('PC          '), ...dword(0), ...word(0), ...word(list.length)],
    ...[...dword(apic.lapicAddress), ...word(0), 0, 0, ...body],
  ];
  const floating = [...ascii('_MP_'), ...dword(address + FLOATING), 1, VERSION, 0, 0, 0, 0, 0, 0];
  return Uint8Array.from([...sealBytes(floating, 10), ...sealBytes(table, 7)]);
}
