/** What a loader makes of a file: bytes for guest memory and the processor state to start with, as plain data. */
import { ImageError } from './image-error.js';

export interface BootLoad {
  readonly address: number;
  readonly bytes: Uint8Array;
  /** Bytes in memory when more than in the file: the rest is zero. */
  readonly size?: number;
}

export interface BootEntry {
  /** `protected`: flat 4 GiB code and data, paging off. `real`: all segments 0. Interrupts are off in both. */
  readonly mode: 'real' | 'protected';
  readonly eip: number;
  /** EAX ECX EDX EBX ESP EBP ESI EDI. */
  readonly registers: readonly number[];
  readonly codeSelector: number;
  readonly dataSelector: number;
  /** Where the two selectors are described, if the boot protocol promises that. */
  readonly gdt?: { readonly base: number; readonly limit: number };
}

export interface BootImage {
  readonly format: 'linux' | 'multiboot' | 'elf' | 'boot-sector';
  readonly loads: readonly BootLoad[];
  readonly entry: BootEntry;
}

export interface BootOptions {
  readonly ramBytes: number;
  readonly initrd?: Uint8Array | undefined;
  readonly append?: string | undefined;
}

/** RAM below this belongs to the program; EBDA, video memory and ROMs follow up to 1 MiB. */
export const LOW_RAM_END = 0x9fc00;
export const HIGH_RAM = 0x100000;

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

export function pageUp(address: number): number {
  return Math.ceil(address / 4096) * 4096;
}

/** Checks that [address, address + size) is RAM of a machine with `ramBytes`. */
export function requireRam(what: string, address: number, size: number, ramBytes: number): void {
  const end = address + size;
  if (end <= LOW_RAM_END || (address >= HIGH_RAM && end <= ramBytes)) return;
  const where = `${hex(address)}-${hex(end)}`;
  throw new ImageError(
    `${what} does not fit: it needs RAM at ${where}, the machine has 0-${hex(LOW_RAM_END)} and ${hex(HIGH_RAM)}-${hex(ramBytes)}`,
  );
}

/** The command line as the boot protocols pass it: bytes and a terminating zero. */
export function commandLineBytes(text: string): Uint8Array {
  return Uint8Array.from([...[...text].flatMap(utf8), 0]);
}

/** UTF-8 bytes of one code point. */
function utf8(character: string): number[] {
  const c = character.codePointAt(0)!;
  if (c < 0x80) return [c];
  if (c < 0x800) return [0xc0 | (c >> 6), 0x80 | (c & 63)];
  if (c < 0x10000) return [0xe0 | (c >> 12), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63)];
  return [0xf0 | (c >> 18), 0x80 | ((c >> 12) & 63), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63)];
}
