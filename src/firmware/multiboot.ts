/**
 * Multiboot 1 kernels: ELF or with the header's own addresses ("a.out kludge").
 * Not implemented: video modes, boot device, symbol tables, drives.
 */
import { commandLineBytes, hex, HIGH_RAM, LOW_RAM_END, pageUp, requireRam } from './boot-image.js';
import { ImageError } from './image-error.js';
import type { BootImage, BootLoad, BootOptions } from './boot-image.js';
import { memoryMap } from './e820.js';
import { isElf, readElf } from './elf.js';
import { ImageReader } from './image-reader.js';

const SEARCH = 8192;
const HEADER_MAGIC = 0x1badb002,
  LOADER_MAGIC = 0x2badb002;
const WANTS_VIDEO = 4,
  HAS_ADDRESSES = 0x10000;
/** Requirement bits (0-15) that are met: page-aligned modules, memory information. */
const REQUIREMENTS_MET = 3;
const INFO_MEMORY = 1,
  INFO_COMMAND_LINE = 4,
  INFO_MODULES = 8,
  INFO_MAP = 0x40,
  INFO_LOADER_NAME = 0x200;
const INFO_SIZE = 120,
  MODULE_SIZE = 16,
  MAP_ENTRY_SIZE = 24;

/** Offset of the header, -1 when there is none in the first 8 KiB. */
export function findMultibootHeader(bytes: Uint8Array): number {
  const reader = new ImageReader(bytes, 'multiboot kernel');
  const last = Math.min(bytes.length, SEARCH) - 12;
  for (let at = 0; at <= last; at += 4) {
    if (reader.u32(at) !== HEADER_MAGIC) continue;
    if (((reader.u32(at) + reader.u32(at + 4) + reader.u32(at + 8)) | 0) === 0) return at;
  }
  return -1;
}

interface Program {
  readonly entry: number;
  readonly loads: readonly BootLoad[];
  readonly end: number;
}

/** The image as the address fields of the header place it. */
function readAddressed(reader: ImageReader, header: number, ramBytes: number): Program {
  const [headerAddress, loadAddress, loadEnd, bssEnd, entry] = [12, 16, 20, 24, 28].map((o) =>
    reader.u32(header + o),
  ) as [number, number, number, number, number];
  const start = header - (headerAddress - loadAddress);
  if (loadAddress > headerAddress || start < 0)
    throw new ImageError(
      `multiboot header lies at ${hex(header)} of the file, its addresses ${hex(headerAddress)} and ${hex(loadAddress)} do not match that`,
    );
  const length = loadEnd === 0 ? reader.length - start : loadEnd - loadAddress;
  if (length <= 0)
    throw new ImageError(`multiboot load end ${hex(loadEnd)} is not after its start ${hex(loadAddress)}`);
  const size = Math.max(length, bssEnd === 0 ? 0 : bssEnd - loadAddress);
  requireRam('multiboot kernel', loadAddress, size, ramBytes);
  if (entry < loadAddress || entry >= loadAddress + size)
    throw new ImageError(
      `multiboot entry point ${hex(entry)} lies outside the kernel at ${hex(loadAddress)}-${hex(loadAddress + size)}`,
    );
  return {
    entry,
    loads: [{ address: loadAddress, bytes: reader.slice(start, length), size }],
    end: loadAddress + size,
  };
}

function readProgram(bytes: Uint8Array, header: number, ramBytes: number): Program {
  const reader = new ImageReader(bytes, 'multiboot kernel');
  const flags = reader.u32(header + 4);
  if (flags & WANTS_VIDEO)
    throw new ImageError('multiboot kernel requires a video mode, expected one that works without');
  if (flags & 0xffff & ~REQUIREMENTS_MET)
    throw new ImageError(
      `multiboot kernel requires features ${hex(flags & 0xffff)}, expected none beyond ${hex(REQUIREMENTS_MET)}`,
    );
  if (flags & HAS_ADDRESSES) return readAddressed(reader, header, ramBytes);
  if (!isElf(bytes))
    throw new ImageError(
      'multiboot kernel has neither load addresses in its header nor ELF format, expected one of them',
    );
  return readElf(bytes, ramBytes);
}

/** Appends blobs and hands out their addresses. */
class Layout {
  readonly loads: BootLoad[] = [];
  next: number;

  constructor(start: number) {
    this.next = start;
  }
  place(bytes: Uint8Array, alignment: number): number {
    const address = Math.ceil(this.next / alignment) * alignment;
    this.loads.push({ address, bytes });
    this.next = address + bytes.length;
    return address;
  }
}

function mapBytes(ramBytes: number): Uint8Array {
  const map = memoryMap(ramBytes);
  const view = new DataView(new ArrayBuffer(map.length * MAP_ENTRY_SIZE));
  map.forEach((entry, i) => {
    const at = i * MAP_ENTRY_SIZE;
    view.setUint32(at, MAP_ENTRY_SIZE - 4, true);
    view.setUint32(at + 4, entry.address, true);
    view.setUint32(at + 12, entry.length, true);
    view.setUint32(at + 20, entry.type, true);
  });
  return new Uint8Array(view.buffer);
}

function moduleBytes(start: number, length: number, text: number): Uint8Array {
  const words = Uint32Array.of(start, start + length, text, 0);
  const view = new DataView(new ArrayBuffer(MODULE_SIZE));
  words.forEach((word, i) => view.setUint32(4 * i, word, true));
  return new Uint8Array(view.buffer);
}

/** Lays out module, strings, map and the information structure above the kernel; returns the structure's address. */
function placeInformation(layout: Layout, options: BootOptions): number {
  const info = new DataView(new ArrayBuffer(INFO_SIZE));
  let flags = INFO_MEMORY | INFO_MAP | INFO_LOADER_NAME | INFO_COMMAND_LINE;
  info.setUint32(4, LOW_RAM_END >>> 10, true);
  info.setUint32(8, (options.ramBytes - HIGH_RAM) / 1024, true);
  info.setUint32(16, layout.place(commandLineBytes(options.append ?? ''), 4), true);
  if (options.initrd !== undefined) {
    flags |= INFO_MODULES;
    const module = layout.place(options.initrd, 4096);
    const text = layout.place(commandLineBytes('initrd'), 4);
    info.setUint32(20, 1, true);
    info.setUint32(24, layout.place(moduleBytes(module, options.initrd.length, text), 4), true);
  }
  const map = mapBytes(options.ramBytes);
  info.setUint32(44, map.length, true);
  info.setUint32(48, layout.place(map, 4), true);
  info.setUint32(64, layout.place(commandLineBytes('hvmjs'), 4), true);
  info.setUint32(0, flags, true);
  return layout.place(new Uint8Array(info.buffer), 4);
}

export function loadMultiboot(bytes: Uint8Array, options: BootOptions): BootImage {
  const header = findMultibootHeader(bytes);
  if (header < 0) throw new ImageError('file has no multiboot header in its first 8 KiB, expected one');
  const program = readProgram(bytes, header, options.ramBytes);
  const layout = new Layout(Math.max(HIGH_RAM, pageUp(program.end)));
  const start = layout.next;
  const info = placeInformation(layout, options);
  requireRam(
    'what multiboot passes to the kernel (initrd, command line)',
    start,
    layout.next - start,
    options.ramBytes,
  );
  return {
    format: 'multiboot',
    loads: [...program.loads, ...layout.loads],
    entry: {
      mode: 'protected',
      eip: program.entry,
      registers: [LOADER_MAGIC, 0, 0, info, 0, 0, 0, 0],
      codeSelector: 0x08,
      dataSelector: 0x10,
    },
  };
}
