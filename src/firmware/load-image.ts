/** Recognises what a kernel file is and loads it: Linux bzImage, multiboot 1, ELF32 or a boot sector. */
import { ImageError } from './image-error.js';
import type { BootImage, BootOptions } from './boot-image.js';
import { isElf, loadElf } from './elf.js';
import { isLinux, loadLinux } from './linux-boot.js';
import { findMultibootHeader, loadMultiboot } from './multiboot.js';

const SECTOR = 512,
  BOOT_ADDRESS = 0x7c00,
  FIRST_HARD_DISK = 0x80;

function isBootSector(bytes: Uint8Array): boolean {
  return bytes.length === SECTOR && bytes[510] === 0x55 && bytes[511] === 0xaa;
}

function loadBootSector(bytes: Uint8Array, options: BootOptions): BootImage {
  if (options.initrd !== undefined || options.append)
    throw new ImageError(
      'a boot sector takes neither initrd nor command line; expected a multiboot or Linux kernel',
    );
  return {
    format: 'boot-sector',
    loads: [{ address: BOOT_ADDRESS, bytes }],
    entry: {
      mode: 'real',
      eip: BOOT_ADDRESS,
      registers: [0, 0, FIRST_HARD_DISK, 0, BOOT_ADDRESS, 0, 0, 0],
      codeSelector: 0,
      dataSelector: 0,
    },
  };
}

/** Throws ImageError when the file is none of them or cannot be started. `rsdp` is where the ACPI root pointer lies. */
export function loadImage(bytes: Uint8Array, options: BootOptions, rsdp: number): BootImage {
  if (bytes.length === 0)
    throw new ImageError('kernel file is empty, expected a Linux, multiboot, ELF32 or boot-sector image');
  if (isLinux(bytes)) return loadLinux(bytes, options, rsdp);
  if (findMultibootHeader(bytes) >= 0) return loadMultiboot(bytes, options);
  if (isElf(bytes)) return loadElf(bytes, options);
  if (isBootSector(bytes)) return loadBootSector(bytes, options);
  throw new ImageError(
    'not a kernel: expected a Linux bzImage, a multiboot 1 kernel, an ELF32 program or a 512-byte boot sector ending in 55 AA',
  );
}
