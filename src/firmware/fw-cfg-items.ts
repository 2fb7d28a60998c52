/** What the firmware configuration device of a machine holds, as QEMU numbers and names it. */
import { E820_RAM } from './e820.js';

const RAM_SIZE = 0x03,
  NOGRAPHIC = 0x04,
  CPUS = 0x05,
  NUMA = 0x0d,
  BOOT_MENU = 0x0e,
  MAX_CPUS = 0x0f,
  UUID = 0x02,
  IRQ0_OVERRIDE = 0x8002;
const E820_ENTRY = 20;

export interface FwCfgMachine {
  readonly ramBytes: number;
  readonly cpus: number;
  /** Beside those that follow from the machine: name → contents. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

function integer(value: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0, rest = value; i < size; i++, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
  return bytes;
}

/** All RAM as one entry; the firmware itself takes out what it needs. */
function ramMap(ramBytes: number): Uint8Array {
  const bytes = new Uint8Array(E820_ENTRY);
  bytes.set(integer(ramBytes, 8), 8);
  bytes.set(integer(E820_RAM, 4), 16);
  return bytes;
}

export function fwCfgItems({ ramBytes, cpus, files }: FwCfgMachine): {
  items: Record<number, Uint8Array>;
  files: Record<string, Uint8Array>;
} {
  const items = {
    [UUID]: new Uint8Array(16),
    [RAM_SIZE]: integer(ramBytes, 8),
    [NOGRAPHIC]: integer(0, 2),
    [CPUS]: integer(cpus, 2),
    [NUMA]: integer(0, 8),
    [BOOT_MENU]: integer(1, 2),
    [MAX_CPUS]: integer(cpus, 2),
    [IRQ0_OVERRIDE]: integer(1, 4),
  };
  return { items, files: { 'etc/e820': ramMap(ramBytes), ...files } };
}
