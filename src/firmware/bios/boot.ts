/** INT 19h and 18h: loads the next thing that can be booted, in the order that was asked for. */
import { CD_BLOCK, EMULATION, cdEntry } from './el-torito.js';
import { FIRST_DISK } from './drives.js';
import type { Drives } from './drives.js';
import { SECTOR } from './geometry.js';
import { MediumError } from './host.js';
import type { BiosMemory, Medium } from './host.js';
import { networkBoot } from './option-roms.js';

const BOOT_ADDRESS = 0x7c00;
/** Room below the video memory's hole, above the data areas. */
const LOAD_END = 0x9f000;

export interface Loaded {
  readonly segment: number;
  readonly offset: number;
  /** -1 for the code of an expansion ROM, which is called and may return. */
  readonly drive: number;
}

type Attempt = (drives: Drives, memory: BiosMemory) => Loaded | undefined;

function firstSector(medium: Medium): Uint8Array {
  const sector = new Uint8Array(SECTOR);
  if (medium.size >= SECTOR) medium.read(0, sector);
  return sector;
}

const isSigned = (sector: Uint8Array): boolean => sector[510] === 0x55 && sector[511] === 0xaa;
/** Formatted but not bootable, or no data at all. */
const isBlank = (sector: Uint8Array): boolean => sector.every((byte) => byte === sector[0]);

function bootSector(drives: Drives, memory: BiosMemory, drive: number): Loaded | undefined {
  const medium = drives.find(drive)?.medium;
  if (medium === undefined) return undefined;
  const sector = firstSector(medium);
  // Boot sectors of early floppies carry no signature.
  if (!isSigned(sector) && (drive >= FIRST_DISK || isBlank(sector))) return undefined;
  memory.write(BOOT_ADDRESS, sector);
  return { segment: 0, offset: BOOT_ADDRESS, drive };
}

function cdrom(drives: Drives, memory: BiosMemory): Loaded | undefined {
  for (let index = 0; index < drives.cdroms.length; index++) {
    const medium = drives.cdroms[index]!();
    const entry = medium && cdEntry(medium);
    if (medium === undefined || entry === undefined) continue;
    const length = entry.sectors * SECTOR;
    const start = entry.block * CD_BLOCK;
    if (
      entry.segment * 16 + length > LOAD_END ||
      start + length > Math.ceil(medium.size / CD_BLOCK) * CD_BLOCK
    )
      continue;
    const bytes = new Uint8Array(length);
    medium.read(start, bytes.subarray(0, Math.min(length, medium.size - start)));
    memory.write(entry.segment * 16, bytes);
    const drive = drives.bootCd(index, entry);
    // The usual place by the usual name: 0000:7C00.
    const isUsual = entry.segment * 16 === BOOT_ADDRESS && entry.emulation <= EMULATION.DISK;
    return isUsual
      ? { segment: 0, offset: BOOT_ADDRESS, drive }
      : { segment: entry.segment, offset: 0, drive };
  }
  return undefined;
}

function network(_drives: Drives, memory: BiosMemory): Loaded | undefined {
  const entry = networkBoot(memory);
  return entry && { ...entry, drive: -1 };
}

const ATTEMPTS: Readonly<Record<string, Attempt>> = {
  a: (drives, memory) => bootSector(drives, memory, 0),
  b: (drives, memory) => bootSector(drives, memory, 1),
  c: (drives, memory) => bootSector(drives, memory, FIRST_DISK),
  d: cdrom,
  n: network,
};

/** Undefined when the device cannot be booted; a host that fails to read is a device that does. */
export function loadBoot(letter: string, drives: Drives, memory: BiosMemory): Loaded | undefined {
  try {
    return ATTEMPTS[letter]?.(drives, memory);
  } catch (error) {
    if (!(error instanceof MediumError)) throw error;
    return undefined;
  }
}
