/** The memory map that firmware hands to the operating system. */
import { HIGH_RAM, LOW_RAM_END } from './boot-image.js';

export const E820_RAM = 1,
  E820_RESERVED = 2;

export interface E820Entry {
  readonly address: number;
  readonly length: number;
  readonly type: typeof E820_RAM | typeof E820_RESERVED;
}

/** From the EBDA to 640 KiB, and the BIOS area with the ACPI tables, are reserved. */
export function memoryMap(ramBytes: number): E820Entry[] {
  const map: E820Entry[] = [
    { address: 0, length: LOW_RAM_END, type: E820_RAM },
    { address: LOW_RAM_END, length: 0xa0000 - LOW_RAM_END, type: E820_RESERVED },
    { address: 0xe0000, length: 0x20000, type: E820_RESERVED },
  ];
  if (ramBytes > HIGH_RAM) map.push({ address: HIGH_RAM, length: ramBytes - HIGH_RAM, type: E820_RAM });
  return map;
}
