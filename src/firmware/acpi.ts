/**
 * ACPI 1.0 tables: RSDP, RSDT, FADT, FACS and a DSDT with soft-off and the devices a kernel asks ACPI for; with APICs also MADT and HPET.
 * Not implemented: interrupt links that the system may move, a namespace device for the HPET.
 */
import {
  busNumbers,
  define,
  device,
  eisaId,
  integer,
  io,
  ioWindow,
  irq,
  memoryWindow,
  packageOf,
  resources,
  scope,
} from './aml.js';
import type { Aml } from './aml.js';
import { PCI_MEMORY_FIRST, PCI_MEMORY_LAST, PIRQ_IRQS, irqOfPin } from './pci-setup.js';

/** Where the tables lie: in the BIOS area, which is RAM that the memory map reserves. */
export const ACPI_BASE = 0xea000;
const HEADER = 36,
  FADT_SIZE = 116,
  FACS_SIZE = 64,
  RSDP_SIZE = 20;
/** Latencies that mean "no such processor state". */
const NO_C2 = 101,
  NO_C3 = 1001;
const FLAG_WBINVD = 1,
  FLAG_C1 = 4,
  FLAG_NO_SLEEP_BUTTON = 0x20,
  FLAG_NO_RTC_WAKE = 0x40;

export interface AcpiConfiguration {
  readonly pmBase: number;
  readonly smiCommand: number;
  readonly acpiEnable: number;
  readonly acpiDisable: number;
  readonly sci: number;
  readonly sleepTypeS5: number;
  /** CMOS register of the century. */
  readonly century: number;
  /** Absent: no MADT, no HPET. */
  readonly apic?: ApicConfiguration | undefined;
}

export interface ApicConfiguration {
  readonly lapicAddress: number;
  readonly ioApicAddress: number;
  readonly ioApicId: number;
  readonly hpetAddress: number;
  /** Low half of the capability register. */
  readonly hpetCapabilities: number;
}

/** Stores the byte that makes the sum of all zero. */
function seal(table: Uint8Array, at: number): Uint8Array {
  table[at] = 0;
  table[at] = -table.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return table;
}

function putText(table: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) table[at + i] = text.charCodeAt(i);
}

/** A table with the standard header; `body` starts at offset 36. */
function table(signature: string, revision: number, body: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(HEADER + body.length);
  const view = new DataView(bytes.buffer);
  bytes.set(body, HEADER);
  putText(bytes, 0, signature);
  view.setUint32(4, bytes.length, true);
  bytes[8] = revision;
  putText(bytes, 10, 'HVMJS ');
  putText(bytes, 16, 'HVMJSPC ');
  view.setUint32(24, 1, true);
  putText(bytes, 28, 'HVMJ');
  view.setUint32(32, 1, true);
  return seal(bytes, 9);
}

function isaDevice(name: string, id: string, ...descriptors: Aml[]): Aml {
  return device(name, define('_HID', eisaId(id)), define('_CRS', resources(...descriptors)));
}

function isaBridge(): Aml {
  return device(
    'ISA',
    define('_ADR', integer(0x10000)),
    isaDevice('COM1', 'PNP0501', io(0x3f8, 8), irq(4)),
    isaDevice('KBD', 'PNP0303', io(0x60, 1), io(0x64, 1), irq(1)),
    isaDevice('MOU', 'PNP0F13', irq(12)),
    isaDevice('RTC', 'PNP0B00', io(0x70, 2), irq(8)),
  );
}

const PCI_SLOTS = 32,
  PCI_PINS = 4;
/** Every pin of every slot but the host bridge's on the ISA interrupt that its PIRQ is routed to (ACPI 1.0, 6.2.3). */
function interruptRoutes(): Aml[] {
  return Array.from({ length: (PCI_SLOTS - 1) * PCI_PINS }, (_, i) => {
    const slot = 1 + (i >> 2);
    const pin = i & 3;
    return packageOf(
      integer(slot * 0x10000 + 0xffff),
      integer(pin),
      integer(0),
      integer(irqOfPin(slot, pin + 1)),
    );
  });
}

function dsdtBody(sleepTypeS5: number): Aml {
  const windows = resources(
    busNumbers(0, 255),
    io(0xcf8, 8),
    ioWindow(0, 0xcf7),
    ioWindow(0xd00, 0xffff),
    memoryWindow(0xa0000, 0xbffff),
    memoryWindow(PCI_MEMORY_FIRST, PCI_MEMORY_LAST),
  );
  const root = device(
    'PCI0',
    define('_HID', eisaId('PNP0A03')),
    define('_ADR', integer(0)),
    define('_BBN', integer(0)),
    define('_CRS', windows),
    define('_PRT', packageOf(...interruptRoutes())),
    isaBridge(),
  );
  const s5 = packageOf(integer(sleepTypeS5), integer(0), integer(0), integer(0));
  return [...define('\\_S5', s5), ...scope('\\_SB', root)];
}

function fadtBody(c: AcpiConfiguration, facs: number, dsdt: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(FADT_SIZE));
  view.setUint32(36, facs, true);
  view.setUint32(40, dsdt, true);
  view.setUint16(46, c.sci, true);
  view.setUint32(48, c.smiCommand, true);
  view.setUint8(52, c.acpiEnable);
  view.setUint8(53, c.acpiDisable);
  view.setUint32(56, c.pmBase, true);
  view.setUint32(64, c.pmBase + 4, true);
  view.setUint32(76, c.pmBase + 8, true);
  view.setUint8(88, 4);
  view.setUint8(89, 2);
  view.setUint8(91, 4);
  view.setUint16(96, NO_C2, true);
  view.setUint16(98, NO_C3, true);
  view.setUint8(108, c.century);
  view.setUint32(112, FLAG_WBINVD | FLAG_C1 | FLAG_NO_SLEEP_BUTTON | FLAG_NO_RTC_WAKE, true);
  return new Uint8Array(view.buffer, HEADER);
}

const dword = (value: number): number[] => [value, value >>> 8, value >>> 16, value >>> 24];
const MADT_PCAT_COMPATIBLE = 1;
const BUS_ISA = 0,
  ACTIVE_LOW_LEVEL = 0x0f,
  AS_THE_BUS = 0;

function interruptOverride(source: number, pin: number, flags: number): number[] {
  return [2, 10, BUS_ISA, source, ...dword(pin), flags, 0];
}

/** Interrupt model: processor 0 with APIC ID 0, one I/O APIC from GSI 0 on, NMI on LINT1 of every processor. */
function madtBody(apic: ApicConfiguration, sci: number): number[] {
  return [
    ...dword(apic.lapicAddress),
    ...dword(MADT_PCAT_COMPATIBLE),
    ...[0, 8, 0, 0, ...dword(1)],
    ...[1, 12, apic.ioApicId, 0, ...dword(apic.ioApicAddress), ...dword(0)],
    ...interruptOverride(0, 2, AS_THE_BUS),
    ...[...new Set([sci, ...PIRQ_IRQS])].flatMap((irq) => interruptOverride(irq, irq, ACTIVE_LOW_LEVEL)),
    ...[4, 6, 0xff, 0, 0, 1],
  ];
}

/** Event timer block in memory space; at least 128 ticks between periodic interrupts. */
function hpetBody(apic: ApicConfiguration): number[] {
  const memorySpace = [0, 64, 0, 0];
  return [
    ...dword(apic.hpetCapabilities),
    ...memorySpace,
    ...dword(apic.hpetAddress),
    ...dword(0),
    0,
    128,
    0,
    0,
  ];
}

function apicTables(apic: ApicConfiguration | undefined, sci: number): Uint8Array[] {
  if (apic === undefined) return [];
  return [table('APIC', 1, madtBody(apic, sci)), table('HPET', 1, hpetBody(apic))];
}

function facs(): Uint8Array {
  const bytes = new Uint8Array(FACS_SIZE);
  putText(bytes, 0, 'FACS');
  bytes[4] = FACS_SIZE;
  return bytes;
}

function rsdp(rsdt: number): Uint8Array {
  const bytes = new Uint8Array(RSDP_SIZE);
  putText(bytes, 0, 'RSD PTR ');
  putText(bytes, 9, 'HVMJS ');
  new DataView(bytes.buffer).setUint32(16, rsdt, true);
  return seal(bytes, 8);
}

function addresses(list: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * list.length));
  list.forEach((address, i) => view.setUint32(4 * i, address, true));
  return new Uint8Array(view.buffer);
}

/** All tables as one image for `address`; the RSDP is its first structure, the FACS is 64-byte aligned. */
export function acpiTables(configuration: AcpiConfiguration, address = ACPI_BASE): Uint8Array {
  const facsAt = 64,
    rsdtAt = 128,
    fadtAt = 192,
    dsdtAt = 320;
  const dsdt = table('DSDT', 1, dsdtBody(configuration.sleepTypeS5));
  const extra = apicTables(configuration.apic, configuration.sci);
  const roots = [address + fadtAt];
  let end = dsdtAt + dsdt.length;
  const placed = extra.map((bytes) => {
    const at = Math.ceil(end / 16) * 16;
    end = at + bytes.length;
    roots.push(address + at);
    return { at, bytes };
  });
  const image = new Uint8Array(end);
  for (const { at, bytes } of placed) image.set(bytes, at);
  image.set(rsdp(address + rsdtAt), 0);
  image.set(facs(), facsAt);
  image.set(table('RSDT', 1, addresses(roots)), rsdtAt);
  image.set(table('FACP', 1, fadtBody(configuration, address + facsAt, address + dsdtAt)), fadtAt);
  image.set(dsdt, dsdtAt);
  return image;
}
