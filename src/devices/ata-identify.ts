/** The 512 bytes that IDENTIFY DEVICE and IDENTIFY PACKET DEVICE return (ATA/ATAPI-6, 8.15 and 8.16). */

export interface DiskIdentity {
  readonly model: string;
  readonly serial: string;
  readonly sectors: number;
  /** Geometry that the drive came with. */
  readonly cylinders: number;
  readonly heads: number;
  readonly sectorsPerTrack: number;
  /** Geometry chosen by INITIALIZE DEVICE PARAMETERS. */
  readonly currentHeads: number;
  readonly currentSectorsPerTrack: number;
  /** 0 when READ MULTIPLE is off. */
  readonly multiple: number;
  readonly largestMultiple: number;
  readonly writeCache: boolean;
  /** As SET FEATURES wrote it, such as 0x45 for Ultra DMA 5. */
  readonly transferMode: number;
}

export const LBA28_SECTORS = 0x0fffffff;
const FIRMWARE = '1.0';

/** ASCII in big-endian words, padded with blanks. */
function text(words: Uint16Array, first: number, count: number, value: string): void {
  const padded = value.padEnd(2 * count).slice(0, 2 * count);
  for (let i = 0; i < count; i++)
    words[first + i] = (padded.charCodeAt(2 * i) << 8) | padded.charCodeAt(2 * i + 1);
}

function long(words: Uint16Array, first: number, value: number): void {
  words[first] = value & 0xffff;
  words[first + 1] = Math.floor(value / 0x10000) & 0xffff;
}

/** Words 63 and 88: the modes supported, and in the high byte the one selected. */
function transferModes(words: Uint16Array, mode: number, largestUltra: number): void {
  const number = mode & 7;
  words[63] = 0x07 | (mode >> 3 === 4 ? 0x100 << number : 0);
  words[88] = ((2 << largestUltra) - 1) | (mode >> 3 === 8 ? 0x100 << number : 0);
}

function bytesOf(words: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(512);
  words.forEach((word, i) => bytes.set([word & 0xff, word >> 8], 2 * i));
  return bytes;
}

function names(words: Uint16Array, serial: string, model: string): void {
  text(words, 10, 10, serial);
  text(words, 23, 4, FIRMWARE);
  text(words, 27, 20, model);
}

/** PIO 4, multiword DMA 2 in 120 ns, PIO 120 ns. */
function timings(words: Uint16Array): void {
  words[51] = 0x0200;
  words[53] = 0x0007;
  words[64] = 0x0003;
  words.fill(120, 65, 69);
}

function currentGeometry(words: Uint16Array, d: DiskIdentity): void {
  const perCylinder = d.currentHeads * d.currentSectorsPerTrack;
  const cylinders = Math.min(0xffff, Math.floor(Math.min(d.sectors, LBA28_SECTORS) / perCylinder));
  words[54] = cylinders;
  words[55] = d.currentHeads;
  words[56] = d.currentSectorsPerTrack;
  long(words, 57, cylinders * perCylinder);
}

export function identifyDisk(d: DiskIdentity): Uint8Array {
  const words = new Uint16Array(256);
  words[0] = 0x0040;
  words[1] = d.cylinders;
  words[3] = d.heads;
  words[6] = d.sectorsPerTrack;
  names(words, d.serial, d.model);
  words[47] = 0x8000 | d.largestMultiple;
  words[48] = 1;
  words[49] = 0x0f00;
  words[50] = 0x4000;
  timings(words);
  currentGeometry(words, d);
  words[59] = d.multiple === 0 ? 0 : 0x0100 | d.multiple;
  long(words, 60, Math.min(d.sectors, LBA28_SECTORS));
  transferModes(words, d.transferMode, 5);
  words[80] = 0x00f0;
  commandSets(words, d.writeCache);
  words[93] = 0x6001;
  long(words, 100, d.sectors);
  words[102] = Math.floor(d.sectors / 2 ** 32) & 0xffff;
  return bytesOf(words);
}

/** NOP, READ and WRITE BUFFER, write cache, power management; LBA48, both FLUSH CACHE, WRITE FUA. */
function commandSets(words: Uint16Array, writeCache: boolean): void {
  words[82] = 0x7028;
  words[83] = 0x7400;
  words[84] = 0x4040;
  words[85] = 0x7008 | (writeCache ? 0x20 : 0);
  words[86] = 0x3400;
  words[87] = 0x4040;
}

export function identifyCdrom(model: string, serial: string, transferMode: number): Uint8Array {
  const words = new Uint16Array(256);
  // Packet device, CD-ROM, removable, DRQ within 50 µs of PACKET, packets of 12 bytes.
  words[0] = 0x85c0;
  names(words, serial, model);
  words[49] = 0x0f00;
  timings(words);
  transferModes(words, transferMode, 2);
  words[71] = words[72] = 30;
  words[80] = 0x001e;
  // NOP, DEVICE RESET, PACKET, power management.
  words[82] = 0x4218;
  words[83] = words[84] = 0x4000;
  words[85] = 0x4218;
  words[87] = 0x4000;
  words[93] = 0x6001;
  return bytesOf(words);
}
