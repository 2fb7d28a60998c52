/**
 * Expansion ROMs of PCI cards (PCI 2.2, 6.3; Plug and Play BIOS 1.0A, 2; BIOS Boot Specification 1.01): they are copied below E0000 and started at
 * power-on; one with a bootstrap entry vector is what boots from the network. Not implemented: boot connection vectors (disks), PMM, display adapters.
 */
import type { PciAccess } from '../pci-setup.js';
import type { BiosMemory } from './host.js';

const FIRST_ADDRESS = 0xc8000,
  END_ADDRESS = 0xe0000,
  ALIGNMENT = 0x800;
const FUNCTIONS = 256;
const VENDOR = 0x00,
  CLASS = 0x0b,
  ROM_BAR = 0x30,
  ROM_ENABLE = 1;
const CLASS_DISPLAY = 3;
const SIGNATURE = 0xaa55,
  UNIT = 512,
  UNITS_AT = 2,
  DATA_POINTER = 0x18,
  PNP_POINTER = 0x1a;
const PCIR = 0x52494350,
  PNP = 0x506e5024;
/** In the PCI data structure. */
const DATA_VENDOR = 4,
  DATA_IMAGE_UNITS = 0x10,
  DATA_CODE_TYPE = 0x14,
  DATA_INDICATOR = 0x15,
  LAST_IMAGE = 0x80;
/** In the Plug and Play header. */
const PNP_NEXT = 6,
  BOOTSTRAP_ENTRY = 0x1a;
const INIT_ENTRY = 3;
/** A ROM of that many images or headers is a loop. */
const MOST = 16;

/** Where the scan is: plain data. */
export interface RomScan {
  /** Next function, `device << 3 | function`. */
  next: number;
  /** Linear address of the ROM that was started last, -1 none. */
  last: number;
}
export const romScanStart = (): RomScan => ({ next: 0, last: -1 });

export interface StartedRom {
  /** `device << 3 | function`. */
  readonly at: number;
  readonly segment: number;
  readonly offset: number;
}

/** Offset of the image for PCs of this function, -1 when there is none. */
function imageOffset(memory: BiosMemory, rom: number, id: number): number {
  let offset = 0;
  for (let count = 0; count < MOST; count++) {
    const image = rom + offset;
    if (memory.read16(image) !== SIGNATURE) return -1;
    const data = image + memory.read16(image + DATA_POINTER);
    if (memory.read32(data) !== PCIR) return -1;
    if (memory.read8(data + DATA_CODE_TYPE) === 0 && memory.read32(data + DATA_VENDOR) === id) return offset;
    const units = memory.read16(data + DATA_IMAGE_UNITS);
    if (units === 0 || (memory.read8(data + DATA_INDICATOR) & LAST_IMAGE) !== 0) return -1;
    offset += units * UNIT;
  }
  return -1;
}

const sumsToZero = (bytes: Uint8Array): boolean => (bytes.reduce((sum, byte) => sum + byte, 0) & 0xff) === 0;

/** The image in the ROM that `at` shows at its base address register; undefined when it has none that can be started in `room` bytes. */
function readImage(pci: PciAccess, memory: BiosMemory, at: number, room: number): Uint8Array | undefined {
  const bar = pci.read(at, ROM_BAR, 4);
  const address = (bar & 0xfffff800) >>> 0;
  if (address === 0) return undefined;
  pci.write(at, ROM_BAR, 4, address | ROM_ENABLE);
  try {
    const offset = imageOffset(memory, address, pci.read(at, VENDOR, 4));
    if (offset < 0) return undefined;
    const length = memory.read8(address + offset + UNITS_AT) * UNIT;
    if (length === 0 || length > room) return undefined;
    const bytes = memory.read(address + offset, length);
    return sumsToZero(bytes) ? bytes : undefined;
  } finally {
    pci.write(at, ROM_BAR, 4, address);
  }
}

/** Where the next ROM goes. The one before may have made itself smaller when it was started. */
function nextAddress({ last }: RomScan, memory: BiosMemory): number {
  if (last < 0) return FIRST_ADDRESS;
  const end = last + memory.read8(last + UNITS_AT) * UNIT;
  return Math.ceil(end / ALIGNMENT) * ALIGNMENT;
}

/** Copies the next ROM to memory and says where its initialization begins; undefined after the last. */
export function nextRom(scan: RomScan, pci: PciAccess, memory: BiosMemory): StartedRom | undefined {
  const address = nextAddress(scan, memory);
  while (scan.next < FUNCTIONS) {
    const at = scan.next++;
    const isOther = pci.read(at, VENDOR, 2) === 0xffff || pci.read(at, CLASS, 1) === CLASS_DISPLAY;
    const bytes = isOther ? undefined : readImage(pci, memory, at, END_ADDRESS - address);
    if (bytes === undefined) continue;
    memory.write(address, bytes);
    scan.last = address;
    return { at, segment: address >> 4, offset: INIT_ENTRY };
  }
  return undefined;
}

/** The bootstrap entry of the ROM at `address`; 0 when it has none. */
function bootstrapEntry(memory: BiosMemory, address: number): number {
  let header = memory.read16(address + PNP_POINTER);
  for (let count = 0; header !== 0 && count < MOST; count++) {
    if (memory.read32(address + header) !== PNP) return 0;
    const entry = memory.read16(address + header + BOOTSTRAP_ENTRY);
    if (entry !== 0) return entry;
    header = memory.read16(address + header + PNP_NEXT);
  }
  return 0;
}

/** The first ROM in memory that can boot. */
export function networkBoot(memory: BiosMemory): { segment: number; offset: number } | undefined {
  for (let address = FIRST_ADDRESS; address < END_ADDRESS; address += ALIGNMENT) {
    if (memory.read16(address) !== SIGNATURE) continue;
    const entry = bootstrapEntry(memory, address);
    if (entry !== 0) return { segment: address >> 4, offset: entry };
  }
  return undefined;
}
