/** The $PIR table: which PIRQ each PCI slot's pins are wired to, for systems without ACPI and APICs (PCI IRQ Routing Table 1.0). */
import { irqOfPin } from './pci-setup.js';
import { ascii, dword, sealBytes, word } from './table-bytes.js';

const HEADER = 32,
  ENTRY = 16,
  CHECKSUM = 31;
const SLOTS = 31;
const ROUTER = 1 << 3,
  /** The PIIX, which routes as all of its family do. */
  COMPATIBLE_ROUTER = 0x122e8086;
const FIRST_LINK = 0x60;
/** Interrupts that links can be routed to. */
export const PIR_ROUTABLE = 0xdef8;
/** Those that PCI has for itself. */
export const PCI_IRQS = [1, 2, 3, 4].reduce((bits, pin) => bits | (1 << irqOfPin(1, pin)), 0);

function entry(slot: number): number[] {
  const pins = [0, 1, 2, 3].flatMap((pin) => [FIRST_LINK + ((slot - 1 + pin) & 3), ...word(PIR_ROUTABLE)]);
  return [0, slot << 3, ...pins, 0, 0];
}

/** One for each slot, 16 bytes. */
export function pirEntries(): Uint8Array {
  return Uint8Array.from(Array.from({ length: SLOTS }, (_, i) => entry(i + 1)).flat());
}

export function pirTable(): Uint8Array {
  const bytes = [
    ...ascii('$PIR'),
    ...word(0x100),
    ...word(HEADER + SLOTS * ENTRY),
    ...[0, ROUTER, ...word(PCI_IRQS), ...dword(COMPATIBLE_ROUTER), ...dword(0)],
    ...new Array<number>(CHECKSUM + 1 - 20).fill(0),
    ...pirEntries(),
  ];
  return Uint8Array.from(sealBytes(bytes, CHECKSUM));
}
