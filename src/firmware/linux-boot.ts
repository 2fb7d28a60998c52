/**
 * The 32-bit entry of the Linux/x86 boot protocol, 2.00 to 2.15 (Documentation/arch/x86/boot.rst).
 * Not implemented: zImage (loaded low), the 64-bit and EFI entries, setup_data.
 */
import { commandLineBytes, hex, HIGH_RAM, LOW_RAM_END, pageUp, requireRam } from './boot-image.js';
import { ImageError } from './image-error.js';
import type { BootImage, BootLoad, BootOptions } from './boot-image.js';
import { memoryMap } from './e820.js';
import type { E820Entry } from './e820.js';
import { ImageReader } from './image-reader.js';

const SECTOR = 512;
/** Where the boot parameters, the GDT and the command line go. */
const PARAMETERS = 0x90000,
  GDT = 0x91000,
  COMMAND_LINE = 0x92000;
const BOOT_CS = 0x10,
  BOOT_DS = 0x18;
const SETUP_HEADER = 0x1f1,
  BOOT_FLAG = 0x1fe,
  HEADER_MAGIC = 0x202;
const HDRS = 0x53726448;
const LOADED_HIGH = 1,
  CAN_USE_HEAP = 0x80;
/** Offsets in the boot parameters. */
const P_EXT_MEM = 0x02,
  P_VIDEO_MODE = 0x06,
  P_VIDEO_COLUMNS = 0x07,
  P_EGA_BX = 0x0a,
  P_VIDEO_LINES = 0x0e,
  P_IS_VGA = 0x0f,
  P_CHARACTER_HEIGHT = 0x10,
  P_OLD_COMMAND_LINE = 0x20,
  P_RSDP = 0x70,
  P_ALT_MEM = 0x1e0,
  P_E820_COUNT = 0x1e8,
  P_E820 = 0x2d0;
const H_VIDEO_MODE = 0x1fa,
  H_LOADER = 0x210,
  H_FLAGS = 0x211,
  H_CODE32 = 0x214,
  H_INITRD = 0x218,
  H_HEAP_END = 0x224,
  H_COMMAND_LINE = 0x228;
const OLD_COMMAND_LINE_MAGIC = 0xa33f;

interface Header {
  readonly version: number;
  /** End of the header that is copied, an offset in the file. */
  readonly end: number;
  readonly payload: Uint8Array;
  /** First address the kernel does not need while it unpacks itself. */
  readonly kernelEnd: number;
  /** Highest address an initrd byte may have. */
  readonly initrdMax: number;
  /** Longest command line without its zero. */
  readonly commandLineMax: number;
}

export function isLinux(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER_MAGIC + 4) return false;
  return new ImageReader(bytes, 'kernel').u32(HEADER_MAGIC) === HDRS;
}

function readPayload(reader: ImageReader): Uint8Array {
  const setupSectors = reader.u8(SETUP_HEADER) || 4;
  const start = (setupSectors + 1) * SECTOR;
  const paragraphs = reader.u32(0x1f4);
  // syssize counts 16-byte paragraphs, rounded up.
  if (start >= reader.length || reader.length - start + 15 < paragraphs * 16)
    throw new ImageError(
      `Linux kernel is truncated: it has ${reader.length} bytes, expected ${start + paragraphs * 16}`,
    );
  return reader.bytes.subarray(start);
}

/** Where the kernel unpacks to: from 2.10 on it says how much room it needs, and relocatable ones move up to their preferred address. */
function kernelEnd(reader: ImageReader, version: number, payload: Uint8Array): number {
  const loaded = HIGH_RAM + payload.length;
  if (version < 0x20a) return loaded;
  const preferred = reader.u32(0x258) + reader.u32(0x25c) * 0x100000000;
  return Math.max(loaded, HIGH_RAM + reader.u32(0x260), preferred + reader.u32(0x260));
}

function readHeader(bytes: Uint8Array): Header {
  const reader = new ImageReader(bytes, 'Linux kernel');
  if (reader.u16(BOOT_FLAG) !== 0xaa55)
    throw new ImageError(`Linux kernel has boot flag ${hex(reader.u16(BOOT_FLAG))}, expected 0xaa55`);
  const version = reader.u16(0x206);
  if (version < 0x200)
    throw new ImageError(`Linux kernel has boot protocol ${hex(version)}, expected at least 0x200`);
  if ((reader.u8(H_FLAGS) & LOADED_HIGH) === 0)
    throw new ImageError('Linux kernel is a zImage that loads below 640 KiB, expected a bzImage');
  const payload = readPayload(reader);
  return {
    version,
    end: Math.min(HEADER_MAGIC + reader.u8(0x201), 0x290),
    payload,
    kernelEnd: kernelEnd(reader, version, payload),
    initrdMax: version >= 0x203 ? reader.u32(0x22c) : 0x37ffffff,
    commandLineMax: version >= 0x206 ? reader.u32(0x238) : 255,
  };
}

/** Page-aligned, as high as kernel and RAM allow. */
function placeInitrd(header: Header, size: number, ramBytes: number): number {
  const top = Math.min(header.initrdMax + 1, ramBytes);
  const address = Math.floor((top - size) / 4096) * 4096;
  if (address < pageUp(header.kernelEnd))
    throw new ImageError(
      `initrd of ${size} bytes does not fit: expected at most ${Math.max(0, top - pageUp(header.kernelEnd))} between kernel and ${hex(top)}`,
    );
  return address;
}

function checkCommandLine(header: Header, bytes: Uint8Array): void {
  const most = Math.min(header.commandLineMax, LOW_RAM_END - COMMAND_LINE - 1);
  if (bytes.length - 1 > most)
    throw new ImageError(
      `command line has ${bytes.length - 1} bytes, this Linux kernel takes at most ${most}`,
    );
}

function putMemoryMap(view: DataView, map: readonly E820Entry[], ramBytes: number): void {
  const kilobytes = Math.max(0, ramBytes - HIGH_RAM) / 1024;
  view.setUint16(P_EXT_MEM, Math.min(0xfc00, kilobytes), true);
  view.setUint32(P_ALT_MEM, kilobytes, true);
  view.setUint8(P_E820_COUNT, map.length);
  map.forEach((entry, i) => {
    const at = P_E820 + 20 * i;
    view.setUint32(at, entry.address, true);
    view.setUint32(at + 8, entry.length, true);
    view.setUint32(at + 16, entry.type, true);
  });
}

/** `screen_info`: the adapter is in mode 3 of a VGA, the cursor in the upper left corner. */
function putScreen(view: DataView): void {
  view.setUint8(P_VIDEO_MODE, 3);
  view.setUint8(P_VIDEO_COLUMNS, 80);
  // Of an EGA: 256 KiB of memory.
  view.setUint16(P_EGA_BX, 3, true);
  view.setUint8(P_VIDEO_LINES, 25);
  view.setUint8(P_IS_VGA, 1);
  view.setUint16(P_CHARACTER_HEIGHT, 16, true);
}

function putCommandLine(view: DataView, version: number): void {
  if (version >= 0x202) {
    view.setUint32(H_COMMAND_LINE, COMMAND_LINE, true);
    return;
  }
  view.setUint16(P_OLD_COMMAND_LINE, OLD_COMMAND_LINE_MAGIC, true);
  view.setUint16(P_OLD_COMMAND_LINE + 2, COMMAND_LINE - PARAMETERS, true);
}

function bootParameters(
  kernel: Uint8Array,
  header: Header,
  options: BootOptions,
  initrd: BootLoad | undefined,
  rsdp: number,
): Uint8Array {
  const page = new Uint8Array(4096);
  page.set(kernel.subarray(SETUP_HEADER, header.end), SETUP_HEADER);
  const view = new DataView(page.buffer);
  putMemoryMap(view, memoryMap(options.ramBytes), options.ramBytes);
  putScreen(view);
  putCommandLine(view, header.version);
  view.setUint32(P_RSDP, rsdp, true);
  view.setUint16(H_VIDEO_MODE, 0xffff, true);
  view.setUint8(H_LOADER, 0xff);
  view.setUint8(H_FLAGS, page[H_FLAGS]! | (header.version >= 0x201 ? CAN_USE_HEAP : 0));
  if (header.version >= 0x201) view.setUint16(H_HEAP_END, 0xfe00, true);
  view.setUint32(H_CODE32, HIGH_RAM, true);
  view.setUint32(H_INITRD, initrd?.address ?? 0, true);
  view.setUint32(H_INITRD + 4, initrd?.bytes.length ?? 0, true);
  return page;
}

/** Null, unused, flat code, flat data. */
function bootGdt(): Uint8Array {
  const gdt = new Uint8Array(32);
  gdt.set([0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0], BOOT_CS);
  gdt.set([0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0], BOOT_DS);
  return gdt;
}

/** `rsdp` is the address of the ACPI root pointer. */
export function loadLinux(kernel: Uint8Array, options: BootOptions, rsdp: number): BootImage {
  const header = readHeader(kernel);
  requireRam('Linux kernel', HIGH_RAM, header.kernelEnd - HIGH_RAM, options.ramBytes);
  const commandLine = commandLineBytes(options.append ?? '');
  checkCommandLine(header, commandLine);
  const loads: BootLoad[] = [{ address: HIGH_RAM, bytes: header.payload }];
  let initrd: BootLoad | undefined;
  if (options.initrd !== undefined && options.initrd.length > 0) {
    initrd = { address: placeInitrd(header, options.initrd.length, options.ramBytes), bytes: options.initrd };
    loads.push(initrd);
  }
  loads.push(
    { address: PARAMETERS, bytes: bootParameters(kernel, header, options, initrd, rsdp) },
    { address: GDT, bytes: bootGdt() },
    { address: COMMAND_LINE, bytes: commandLine },
  );
  return {
    format: 'linux',
    loads,
    entry: {
      mode: 'protected',
      eip: HIGH_RAM,
      registers: [0, 0, 0, 0, PARAMETERS, 0, PARAMETERS, 0],
      codeSelector: BOOT_CS,
      dataSelector: BOOT_DS,
      gdt: { base: GDT, limit: 31 },
    },
  };
}
