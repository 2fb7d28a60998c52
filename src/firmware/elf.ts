/** ELF32 executables for i386: the loadable segments at their physical addresses. Not implemented: relocation, section loading. */
import { hex, requireRam } from './boot-image.js';
import { ImageError } from './image-error.js';
import type { BootImage, BootLoad, BootOptions } from './boot-image.js';
import { ImageReader } from './image-reader.js';

const MAGIC = 0x464c457f;
const CLASS_32 = 1,
  LITTLE_ENDIAN = 1,
  TYPE_EXECUTABLE = 2,
  MACHINE_386 = 3;
const PT_LOAD = 1,
  HEADER_SIZE = 52,
  PROGRAM_HEADER_SIZE = 32;

export interface ElfProgram {
  readonly entry: number;
  readonly loads: readonly BootLoad[];
  /** First address after the highest segment. */
  readonly end: number;
}

interface Segment {
  readonly virtual: number;
  readonly load: Required<BootLoad>;
}

export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && new ImageReader(bytes, 'ELF').u32(0) === MAGIC;
}

function expect(what: string, found: number, expected: number, meaning: string): void {
  if (found !== expected)
    throw new ImageError(`ELF file has ${what} ${found}, expected ${expected} (${meaning})`);
}

function checkHeader(reader: ImageReader): void {
  if (reader.length < HEADER_SIZE)
    throw new ImageError(
      `ELF file is truncated: it has ${reader.length} bytes, its header alone has ${HEADER_SIZE}`,
    );
  expect('class', reader.u8(4), CLASS_32, '32-bit');
  expect('data encoding', reader.u8(5), LITTLE_ENDIAN, 'little-endian');
  expect('type', reader.u16(16), TYPE_EXECUTABLE, 'executable');
  expect('machine', reader.u16(18), MACHINE_386, 'Intel 80386');
}

function readSegment(reader: ImageReader, at: number): Segment | undefined {
  const size = reader.u32(at + 20);
  if (reader.u32(at) !== PT_LOAD || size === 0) return undefined;
  const fileSize = reader.u32(at + 16);
  if (fileSize > size)
    throw new ImageError(
      `ELF segment has ${fileSize} bytes in the file, expected at most its ${size} in memory`,
    );
  const load = { address: reader.u32(at + 12), bytes: reader.slice(reader.u32(at + 4), fileSize), size };
  return { virtual: reader.u32(at + 8), load };
}

function readSegments(reader: ImageReader): Segment[] {
  const count = reader.u16(44);
  const entrySize = reader.u16(42);
  if (count > 0 && entrySize < PROGRAM_HEADER_SIZE)
    throw new ImageError(
      `ELF file has program headers of ${entrySize} bytes, expected ${PROGRAM_HEADER_SIZE}`,
    );
  const segments: Segment[] = [];
  for (let i = 0; i < count; i++) {
    const segment = readSegment(reader, reader.u32(28) + i * entrySize);
    if (segment !== undefined) segments.push(segment);
  }
  if (segments.length === 0) throw new ImageError('ELF file has no loadable segment, expected at least one');
  return segments;
}

/** The entry point may be a virtual address of a segment that lies elsewhere physically. */
function physicalEntry(entry: number, segments: readonly Segment[]): number {
  const inside = (start: number, size: number): boolean => entry >= start && entry < start + size;
  if (segments.some(({ load }) => inside(load.address, load.size))) return entry;
  const home = segments.find(({ virtual, load }) => inside(virtual, load.size));
  if (home === undefined) throw new ImageError(`ELF entry point ${hex(entry)} lies in no loadable segment`);
  return entry - home.virtual + home.load.address;
}

/** Throws ImageError for anything that is not a complete i386 executable inside RAM. */
export function readElf(bytes: Uint8Array, ramBytes: number): ElfProgram {
  const reader = new ImageReader(bytes, 'ELF file');
  checkHeader(reader);
  const segments = readSegments(reader);
  let total = 0;
  let end = 0;
  for (const { load } of segments) {
    requireRam('ELF segment', load.address, load.size, ramBytes);
    end = Math.max(end, load.address + load.size);
    total += load.size;
  }
  if (total > ramBytes)
    throw new ImageError(`ELF segments overlap: ${total} bytes do not fit into ${ramBytes} bytes of RAM`);
  return { entry: physicalEntry(reader.u32(24), segments), loads: segments.map(({ load }) => load), end };
}

/** A plain program starts at its entry in flat protected mode with a stack below the EBDA. */
export function loadElf(bytes: Uint8Array, options: BootOptions): BootImage {
  if (options.initrd !== undefined || options.append)
    throw new ImageError(
      'a plain ELF program takes neither initrd nor command line; expected a multiboot or Linux kernel',
    );
  const { entry, loads } = readElf(bytes, options.ramBytes);
  const registers = [0, 0, 0, 0, 0x9fc00, 0, 0, 0];
  return {
    format: 'elf',
    loads,
    entry: { mode: 'protected', eip: entry, registers, codeSelector: 0x08, dataSelector: 0x10 },
  };
}
