/** A BIOS as a file: where it lies in the address space. */
import { ImageError } from './image-error.js';

const UNIT = 0x10000;
export const LARGEST_BIOS = 0x80000;
/** So much of its end is also seen below 1 MiB. */
const LOW_WINDOW = 0x20000;

/** Throws ImageError unless the file can be a BIOS. */
export function checkBios(bytes: Uint8Array): void {
  if (bytes.length === 0 || bytes.length % UNIT !== 0 || bytes.length > LARGEST_BIOS)
    throw new ImageError(
      `a file of ${bytes.length} bytes is no BIOS image, expected a multiple of 64 KiB up to 512 KiB`,
    );
}

export const LARGEST_VGA_BIOS = 0x10000;

/** Throws ImageError unless the file can be the expansion ROM of a display adapter: 55 AA, its length in 512 bytes (PCI Firmware, 5.2). */
export function checkVgaBios(bytes: Uint8Array): void {
  if (bytes[0] !== 0x55 || bytes[1] !== 0xaa || bytes.length > LARGEST_VGA_BIOS)
    throw new ImageError(
      `a file of ${bytes.length} bytes is no VGA BIOS, expected 55 AA at its start and at most 64 KiB`,
    );
}

export interface BiosPlaces {
  /** Ends at 4 GiB. */
  readonly high: number;
  /** Ends at 1 MiB. */
  readonly low: number;
  readonly lowBytes: Uint8Array;
}

export function biosPlaces(bytes: Uint8Array): BiosPlaces {
  const lowBytes = bytes.subarray(-Math.min(bytes.length, LOW_WINDOW));
  return { high: 0x100000000 - bytes.length, low: 0x100000 - lowBytes.length, lowBytes };
}
