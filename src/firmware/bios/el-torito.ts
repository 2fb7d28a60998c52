/** The boot catalogue of a CD (El Torito 1.0): what its default entry says. Not implemented: choosing among the entries of further sections. */
import { SECTOR } from './geometry.js';
import type { Medium } from './host.js';

export const CD_BLOCK = 2048;
const BOOT_RECORD = 17,
  CATALOGUE_POINTER = 0x47,
  INITIAL_ENTRY = 0x20,
  BOOTABLE = 0x88,
  TYPE_MASK = 15;
const DEFAULT_SEGMENT = 0x7c0;
const SIGNATURE = '\0CD001\x01EL TORITO SPECIFICATION';

/** None, floppies of 1.2, 1.44 and 2.88 MB, hard disk. */
export const EMULATION = { NONE: 0, FLOPPY_1200: 1, FLOPPY_1440: 2, FLOPPY_2880: 3, DISK: 4 } as const;
const FLOPPY_KILOBYTES = [0, 1200, 1440, 2880];

export interface CdEntry {
  readonly emulation: number;
  readonly segment: number;
  /** How many 512-byte sectors are loaded. */
  readonly sectors: number;
  /** Block of the image. */
  readonly block: number;
}

function block(medium: Medium, number: number): Uint8Array | undefined {
  if ((number + 1) * CD_BLOCK > medium.size) return undefined;
  const bytes = new Uint8Array(CD_BLOCK);
  medium.read(number * CD_BLOCK, bytes);
  return bytes;
}

function isValid(catalogue: Uint8Array): boolean {
  const view = new DataView(catalogue.buffer);
  let sum = 0;
  for (let at = 0; at < 32; at += 2) sum += view.getUint16(at, true);
  return view.getUint8(0) === 1 && view.getUint16(30, true) === 0xaa55 && (sum & 0xffff) === 0;
}

/** Undefined when the CD cannot be booted. */
export function cdEntry(medium: Medium): CdEntry | undefined {
  const record = block(medium, BOOT_RECORD);
  if (record === undefined || ![...SIGNATURE].every((c, i) => record[i] === c.charCodeAt(0)))
    return undefined;
  const catalogue = block(medium, new DataView(record.buffer).getUint32(CATALOGUE_POINTER, true));
  if (catalogue === undefined || !isValid(catalogue) || catalogue[INITIAL_ENTRY] !== BOOTABLE)
    return undefined;
  const view = new DataView(catalogue.buffer, INITIAL_ENTRY);
  return {
    emulation: view.getUint8(1) & TYPE_MASK,
    segment: view.getUint16(2, true) || DEFAULT_SEGMENT,
    sectors: view.getUint16(6, true) || 1,
    block: view.getUint32(8, true),
  };
}

/** The part of a CD that poses as a floppy or a disk; it cannot be written. */
export function emulatedMedium(medium: Medium, entry: CdEntry): Medium {
  const start = entry.block * CD_BLOCK;
  const kilobytes = FLOPPY_KILOBYTES[entry.emulation];
  const rest = Math.max(0, Math.floor((medium.size - start) / SECTOR) * SECTOR);
  const size = kilobytes === undefined ? rest : Math.min(rest, kilobytes * 1024);
  return {
    size: kilobytes === undefined ? rest : kilobytes * 1024,
    readOnly: true,
    read: (offset, into) => {
      // A short image ends in zeros.
      const there = Math.max(0, Math.min(into.length, size - offset));
      into.fill(0, there);
      if (there > 0) medium.read(start + offset, into.subarray(0, there));
    },
    write: () => undefined,
    flush: () => undefined,
  };
}
