/** The guest's page tables as data, walked without any effect on them (SDM vol. 3, 4.3 and 4.4). */
import { CR0, CR4 } from '../../runtime/state.js';
import type { Cpu } from '../../runtime/state.js';

/** A page as the tables map it. */
export interface Mapping {
  readonly linear: number;
  readonly bytes: number;
  /** Guest-physical; PAE's addresses beyond 4 GiB too. */
  readonly physical: number;
  /** Flags of the last entry. */
  readonly flags: number;
  readonly writable: boolean;
  readonly user: boolean;
  readonly noExecute: boolean;
}

/** An aligned doubleword of guest-physical memory, uint32; 0 where there is no RAM. */
export type ReadPhysical = (address: number) => number;
export type Registers = Pick<Cpu, 'cr0' | 'cr3' | 'cr4'> & { readonly mmu: { readonly pdptes: Int32Array } };

export const PTE = { P: 1, RW: 2, US: 4, PWT: 8, PCD: 0x10, A: 0x20, D: 0x40, PS: 0x80, G: 0x100 } as const;
const LARGE_32 = 0x400000,
  LARGE_PAE = 0x200000,
  GIBIBYTE = 0x40000000,
  TWO32 = 2 ** 32;

interface Entry {
  readonly low: number;
  /** Bits 32 to 63; 0 outside PAE. */
  readonly high: number;
}

export const isPaging = ({ cr0 }: Pick<Cpu, 'cr0'>): boolean => (cr0 & CR0.PG) !== 0;
const isPresent = ({ low }: Entry): boolean => (low & PTE.P) !== 0;

const frameOf = ({ low, high }: Entry, bytes: number): number =>
  (high & 0xfffff) * TWO32 + (low - (low % bytes));

function mapping(linear: number, bytes: number, entry: Entry, directory: Entry): Mapping {
  const rights = entry.low & directory.low;
  // PSE-36: bits 13 to 20 of a large entry are address bits 32 to 39.
  const extra = bytes === LARGE_32 ? ((entry.low >>> 13) & 0xff) * TWO32 : 0;
  return {
    linear,
    bytes,
    physical: frameOf(entry, bytes) + extra,
    flags: entry.low & 0xfff,
    writable: (rights & PTE.RW) !== 0,
    user: (rights & PTE.US) !== 0,
    noExecute: ((entry.high | directory.high) & 0x80000000) !== 0,
  };
}

/** What a directory entry maps. */
function* below(read: (at: number) => Entry, directory: Entry, linear: number, large: number, pse: boolean) {
  if (!isPresent(directory)) return;
  if (pse && (directory.low & PTE.PS) !== 0) {
    yield mapping(linear, large, directory, directory);
    return;
  }
  const size = large === LARGE_32 ? 4 : 8;
  const table = frameOf(directory, 4096);
  for (let i = 0; i < 4096 / size && table < TWO32; i++) {
    const entry = read(table + size * i);
    if (isPresent(entry)) yield mapping(linear + 4096 * i, 4096, entry, directory);
  }
}

function* walk32({ cr3, cr4 }: Registers, readPhysical: ReadPhysical): Generator<Mapping> {
  const read = (at: number): Entry => ({ low: readPhysical(at), high: 0 });
  const base = (cr3 & ~0xfff) >>> 0;
  for (let i = 0; i < 1024; i++)
    yield* below(read, read(base + 4 * i), i * LARGE_32, LARGE_32, (cr4 & CR4.PSE) !== 0);
}

function* walkPae({ mmu }: Registers, readPhysical: ReadPhysical): Generator<Mapping> {
  const read = (at: number): Entry => ({ low: readPhysical(at), high: readPhysical(at + 4) });
  for (let quarter = 0; quarter < 4; quarter++) {
    const pointer = { low: mmu.pdptes[2 * quarter]! >>> 0, high: mmu.pdptes[2 * quarter + 1]! & 0xfffff };
    const base = frameOf(pointer, 4096);
    if (!isPresent(pointer) || base >= TWO32) continue;
    for (let i = 0; i < 512; i++)
      yield* below(read, read(base + 8 * i), quarter * GIBIBYTE + i * LARGE_PAE, LARGE_PAE, true);
  }
}

/** Every page that is mapped, by linear address; nothing while paging is off. */
export function mappings(registers: Registers, read: ReadPhysical): Generator<Mapping> {
  if (!isPaging(registers)) return nothing();
  return (registers.cr4 & CR4.PAE) !== 0 ? walkPae(registers, read) : walk32(registers, read);
}

function* nothing(): Generator<Mapping> {}

/** Guest-physical address of a linear one, whatever the rights; -1 where nothing is mapped. */
export function translate(registers: Registers, read: ReadPhysical, linear: number): number {
  if (!isPaging(registers)) return linear;
  const found = find(registers, read, linear);
  return found === undefined ? -1 : found.physical + (linear - found.linear);
}

function find(registers: Registers, read: ReadPhysical, linear: number): Mapping | undefined {
  const pae = (registers.cr4 & CR4.PAE) !== 0;
  const large = pae ? LARGE_PAE : LARGE_32;
  const size = pae ? 8 : 4;
  const entry = (at: number): Entry => ({ low: read(at), high: pae ? read(at + 4) : 0 });
  const base = pae ? directoryOf(registers, linear) : (registers.cr3 & ~0xfff) >>> 0;
  if (base < 0) return undefined;
  const index = Math.floor(linear / large) % (4096 / size);
  const directory = entry(base + size * index);
  const pse = pae || (registers.cr4 & CR4.PSE) !== 0;
  for (const found of below(entry, directory, linear - (linear % large), large, pse))
    if (linear >= found.linear && linear < found.linear + found.bytes) return found;
  return undefined;
}

function directoryOf({ mmu }: Registers, linear: number): number {
  const quarter = Math.floor(linear / GIBIBYTE);
  const pointer = { low: mmu.pdptes[2 * quarter]! >>> 0, high: mmu.pdptes[2 * quarter + 1]! & 0xfffff };
  const base = frameOf(pointer, 4096);
  return isPresent(pointer) && base < TWO32 ? base : -1;
}
