/** Floppy disks by size: the formats of the PC, the data rate they need, and the kind of drive that takes them. */

export interface FloppyFormat {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
  /** Values of the rate select bits that read it: 0 = 500, 1 = 300, 2 = 250 kbit/s, 3 = 1 Mbit/s. */
  readonly rates: readonly number[];
  /** As CMOS byte 10 has it: 1 = 360K, 2 = 1.2M, 3 = 720K, 4 = 1.44M, 5 = 2.88M. */
  readonly driveType: number;
}

const format = (
  cylinders: number,
  heads: number,
  sectors: number,
  driveType: number,
  ...rates: number[]
): FloppyFormat => ({ cylinders, heads, sectors, rates, driveType });

const FORMATS: readonly FloppyFormat[] = [
  format(40, 1, 8, 1, 1, 2),
  format(40, 1, 9, 1, 1, 2),
  format(40, 2, 8, 1, 1, 2),
  format(40, 2, 9, 1, 1, 2),
  format(80, 2, 9, 3, 2),
  format(80, 2, 15, 2, 0),
  format(80, 2, 18, 4, 0),
  format(80, 2, 21, 4, 0),
  format(82, 2, 21, 4, 0),
  format(83, 2, 21, 4, 0),
  format(80, 2, 36, 5, 3),
];
export const FLOPPY_SECTOR = 512;
/** What an empty drive is. */
export const DEFAULT_DRIVE_TYPE = 4;
export const FLOPPY_SIZES = '160, 180, 320, 360, 720, 1200, 1440, 1680, 1722, 1743 or 2880 KiB';

/** Undefined for a size that no floppy disk has. */
export function floppyFormat(bytes: number): FloppyFormat | undefined {
  return FORMATS.find((f) => f.cylinders * f.heads * f.sectors * FLOPPY_SECTOR === bytes);
}
