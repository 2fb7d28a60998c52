/** Cylinders, heads and sectors as INT 13h shows them. */
import type { Medium } from './host.js';

export interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
}

export const SECTOR = 512;
const TRACK = 63,
  MOST_CYLINDERS = 1024;

/** KiB → cylinders, heads, sectors, and the type of drive as INT 13h function 8 has it. */
const FLOPPIES: readonly (readonly [number, number, number, number, number])[] = [
  [160, 40, 1, 8, 1],
  [180, 40, 1, 9, 1],
  [320, 40, 2, 8, 1],
  [360, 40, 2, 9, 1],
  [720, 80, 2, 9, 3],
  [1200, 80, 2, 15, 2],
  [1440, 80, 2, 18, 4],
  [1680, 80, 2, 21, 4],
  [1722, 82, 2, 21, 4],
  [1743, 83, 2, 21, 4],
  [2880, 80, 2, 36, 5],
];
const USUAL_FLOPPY = FLOPPIES[6]!;

/** A medium of no known size is a 1.44M disk as far as it goes. */
export function floppyGeometry(bytes: number): Geometry & { readonly type: number } {
  const row = FLOPPIES.find(([kilobytes]) => kilobytes === Math.floor(bytes / 1024)) ?? USUAL_FLOPPY;
  const [, cylinders, heads, sectors, type] = row;
  return { cylinders, heads, sectors, type };
}

/** By size: 63 sectors, and heads doubled until 1024 cylinders are enough (LBA-assisted translation). */
function assisted(total: number): Geometry {
  let heads = 16;
  while (heads < 128 && total > heads * TRACK * MOST_CYLINDERS) heads *= 2;
  if (total > heads * TRACK * MOST_CYLINDERS) heads = 255;
  return { cylinders: cylindersOf(total, heads, TRACK), heads, sectors: TRACK };
}

const cylindersOf = (total: number, heads: number, sectors: number): number =>
  Math.max(1, Math.min(MOST_CYLINDERS, Math.floor(total / (heads * sectors))));

interface Address {
  readonly cylinder: number;
  readonly head: number;
  readonly sector: number;
}

function addressAt(table: Uint8Array, at: number): Address {
  const [head, low, cylinder] = table.subarray(at, at + 3) as unknown as [number, number, number];
  return { head, sector: low & 63, cylinder: ((low & 0xc0) << 2) | cylinder };
}

/** The geometry that the partition table was written with: the last track of a partition, checked with where partitions begin. */
function partitioned(mbr: Uint8Array, total: number): Geometry | undefined {
  const view = new DataView(mbr.buffer, mbr.byteOffset);
  if (view.getUint16(510, true) !== 0xaa55) return undefined;
  for (let entry = 446; entry < 510; entry += 16) {
    if (view.getUint32(entry + 12, true) === 0) continue;
    const start = addressAt(mbr, entry + 1);
    const end = addressAt(mbr, entry + 5);
    const [heads, sectors] = [end.head + 1, end.sector];
    if (sectors === 0 || start.sector === 0 || heads === 256) continue;
    const lba = (start.cylinder * heads + start.head) * sectors + start.sector - 1;
    if (lba !== view.getUint32(entry + 8, true)) continue;
    return { cylinders: cylindersOf(total, heads, sectors), heads, sectors };
  }
  return undefined;
}

/** The geometry that a drive itself shows: 16 heads, 63 sectors. */
export function nativeGeometry(bytes: number): Geometry {
  const total = Math.floor(bytes / SECTOR);
  const cylinders = Math.max(1, Math.min(16383, Math.floor(total / (16 * TRACK))));
  return { cylinders, heads: 16, sectors: TRACK };
}

const ENHANCED = 0xa0,
  MANY_HEADS = 0x08;
/** The 16 bytes that INT 41h and 46h point to; where the drive's own geometry is another one, in the form that tells both (EDD 3.0, 8.25). */
export function parameterTable(shown: Geometry, native: Geometry): Uint8Array {
  const table = new Uint8Array(16);
  const view = new DataView(table.buffer);
  view.setUint16(0, shown.cylinders, true);
  table[2] = shown.heads;
  view.setUint16(5, 0xffff, true);
  table[8] = native.heads > 8 ? MANY_HEADS : 0;
  view.setUint16(12, shown.cylinders, true);
  table[14] = shown.sectors;
  if (
    shown.heads === native.heads &&
    shown.sectors === native.sectors &&
    shown.cylinders === native.cylinders
  )
    return table;
  table[3] = ENHANCED;
  table[4] = native.sectors;
  view.setUint16(9, native.cylinders, true);
  table[11] = native.heads;
  table[15] = -table.reduce((sum, byte) => sum + byte, 0);
  return table;
}

/** A disk's own partition table decides if it makes sense. */
export function diskGeometry(medium: Medium): Geometry {
  const total = Math.floor(medium.size / SECTOR);
  const mbr = new Uint8Array(SECTOR);
  if (total > 0) medium.read(0, mbr);
  return partitioned(mbr, total) ?? assisted(total);
}
