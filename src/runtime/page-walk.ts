/**
 * The page walker: 32-bit paging with 4 KiB and 4 MiB pages and PAE paging with 4 KiB and 2 MiB pages (SDM vol. 3, chapter 4).
 *
 * `walk` changes nothing and leaves its findings in fields; `markUsed` then writes the accessed and dirty bits, so a walk that
 * faults leaves no trace in memory. A table outside RAM reads as all ones.
 *
 * Not implemented: SMEP, SMAP, PAT, physical addresses above 36 bits.
 */
import { PAGE_CODE, PAGE_ROM, type PhysicalMemory } from './memory.js';
import { CR0, CR4, EFER, type Cpu } from './state.js';

/** Bits of `access` and of the page-fault error code. */
export const ACCESS_WRITE = 2;
export const ACCESS_USER = 4;
export const ACCESS_FETCH = 16;
const PROTECTION = 1;
const RESERVED = 9;

const PRESENT = 1;
const ACCESSED = 0x20;
const DIRTY = 0x40;
const LARGE = 0x80;
/** Bits 17-21 of a 4 MiB entry: beyond PSE-36's 36 address bits. */
const RESERVED_4M = 0x3e0000;
const RESERVED_2M = 0x1fe000;
const RESERVED_HIGH = 0x7ffffff0;
const RESERVED_PDPTE_LOW = 0x1e6;
const RESERVED_PDPTE_HIGH = 0xfffffff0 | 0;

export const PAGING_OFF = 0;
export const PAGING_32 = 1;
export const PAGING_PAE = 2;

export class PageWalker {
  mode = PAGING_OFF;
  /** Which bits of an error code are reported: I only with PAE and NX. */
  reported = 15;
  writeProtect = false;
  /** PAE: the four PDPTE registers, low and high halves. They change only when loaded (SDM vol. 3, 4.4.1). */
  readonly pdptes = new Int32Array(8);
  /** Machine addresses of the directories: [0] in 32-bit paging, one per GiB with PAE; -1 where there is no RAM. */
  readonly directories = new Int32Array(4).fill(-1);

  /** Guest frame of the page, up to 24 bits. */
  frame = 0;
  /** R/W and U/S of all levels together. */
  rights = 0;
  dirty = false;
  /** The directory entry, and its machine address or -1. */
  directoryLow = 0;
  directoryHigh = 0;
  directoryAt = -1;
  /** Machine address of the table entry; -1 for a large page or outside RAM. */
  tableAt = -1;

  #tableLow = 0;
  #large = false;
  #pageSizeExtension = false;
  #reservedHigh = 0;
  #frameMask = -1;
  readonly #cpu: Cpu;
  readonly #memory: PhysicalMemory;
  readonly #i32: Int32Array;

  constructor(cpu: Cpu, memory: PhysicalMemory) {
    this.#cpu = cpu;
    this.#memory = memory;
    this.#i32 = memory.i32;
    this.configure();
  }

  /** Takes the mode from the control registers, A20 and the p2m. */
  configure(): void {
    const { cr0, cr4, efer } = this.#cpu;
    const noExecute = (efer & EFER.NXE) !== 0;
    if ((cr0 & CR0.PG) === 0) this.mode = PAGING_OFF;
    else this.mode = (cr4 & CR4.PAE) !== 0 ? PAGING_PAE : PAGING_32;
    this.reported = this.mode === PAGING_PAE && noExecute ? 31 : 15;
    this.writeProtect = (cr0 & CR0.WP) !== 0;
    this.#pageSizeExtension = (cr4 & CR4.PSE) !== 0;
    this.#reservedHigh = noExecute ? RESERVED_HIGH : RESERVED_HIGH | (1 << 31);
    this.#frameMask = this.#memory.a20 ? -1 : ~0x100;
    this.locateDirectories();
  }

  /** Whether the accessed bits of the last walk are set already. */
  get used(): boolean {
    if (this.mode === PAGING_OFF) return true;
    return (this.directoryLow & (this.#large ? ACCESSED : this.#tableLow & ACCESSED)) !== 0;
  }

  /** Finds the directories that CR3 or the PDPTE registers name. */
  locateDirectories(): void {
    if (this.mode === PAGING_32) this.directories[0] = this.machineFrame(this.#cpu.cr3 >>> 12);
    if (this.mode !== PAGING_PAE) return;
    for (let i = 0; i < 4; i++) {
      const low = this.pdptes[2 * i]!;
      this.directories[i] =
        (low & PRESENT) === 0 ? -1 : this.machineFrame(frameOf(low, this.pdptes[2 * i + 1]!));
    }
  }

  /** Reads the PDPTEs that `cr3` points to; false and no change when one has reserved bits set. */
  loadPdptes(cr3: number): boolean {
    const page = this.machineFrame(cr3 >>> 12);
    const loaded = new Int32Array(8).fill(-1);
    for (let i = 0; i < 8 && page >= 0; i++) loaded[i] = this.#i32[(page + (cr3 & 0xfe0) + 4 * i) >> 2]!;
    for (let i = 0; i < 8; i += 2) {
      const bad = (loaded[i]! & RESERVED_PDPTE_LOW) | (loaded[i + 1]! & RESERVED_PDPTE_HIGH);
      if ((loaded[i]! & PRESENT) !== 0 && bad !== 0) return false;
    }
    this.pdptes.set(loaded);
    this.locateDirectories();
    return true;
  }

  /** Machine address of a guest frame, with A20 applied; -1 where there is no RAM. */
  machineFrame(gfn: number): number {
    if (gfn >>> 20 !== 0) return -1;
    const mfn = this.#memory.p2m[gfn & this.#frameMask]!;
    return mfn < 0 ? -1 : mfn << 12;
  }

  /** Guest-physical address of `linear` after a walk, with A20 applied; -1 above 4 GiB. */
  physicalAddress(linear: number): number {
    if (this.frame >>> 20 !== 0) return -1;
    return (((this.frame & this.#frameMask) << 12) | (linear & 0xfff)) >>> 0;
  }

  /** -1 if the access is allowed, otherwise its page-fault error code (I not yet masked by `reported`). */
  walk(linear: number, access: number): number {
    if (this.mode === PAGING_32) return this.#walk32(linear, access);
    if (this.mode === PAGING_PAE) return this.#walkPae(linear, access);
    this.frame = linear >>> 12;
    this.rights = 6;
    this.dirty = true;
    return -1;
  }

  /** Sets the accessed bits of the last walk, and for a write the leaf's dirty bit. */
  markUsed(access: number): void {
    if (this.mode === PAGING_OFF) return;
    const leaf = (access & ACCESS_WRITE) !== 0 ? ACCESSED | DIRTY : ACCESSED;
    if ((access & ACCESS_WRITE) !== 0) this.dirty = true;
    const directory = this.#large ? leaf : ACCESSED;
    if ((this.directoryLow & directory) !== directory) {
      this.directoryLow |= directory;
      this.#update(this.directoryAt, this.directoryLow);
    }
    if (this.#large || (this.#tableLow & leaf) === leaf) return;
    this.#update(this.tableAt, this.#tableLow | leaf);
  }

  /** Low half of the entry of a 2 MiB region in the current directories, with the high half in `directoryHigh`. */
  directoryEntry(region: number): number {
    const pae = this.mode === PAGING_PAE;
    const directory = this.directories[pae ? region >>> 9 : 0]!;
    this.directoryHigh = 0;
    if (pae && (this.pdptes[(region >>> 9) << 1]! & PRESENT) === 0) return 0;
    if (directory < 0) return -1;
    if (!pae) return this.#i32[(directory >> 2) + (region >>> 1)]!;
    const at = (directory >> 2) + ((region & 0x1ff) << 1);
    this.directoryHigh = this.#i32[at + 1]!;
    return this.#i32[at]!;
  }

  #walk32(linear: number, access: number): number {
    const i32 = this.#i32;
    const directory = this.directories[0]!;
    this.directoryAt = directory < 0 ? -1 : directory + ((linear >>> 20) & 0xffc);
    const pde = directory < 0 ? -1 : i32[this.directoryAt >> 2]!;
    if ((pde & PRESENT) === 0) return access;
    this.directoryLow = pde;
    this.directoryHigh = 0;
    if ((pde & LARGE) !== 0 && this.#pageSizeExtension) {
      if ((pde & RESERVED_4M) !== 0) return access | RESERVED;
      return this.#large4M(linear, access, pde);
    }
    const table = this.machineFrame(pde >>> 12);
    this.tableAt = table < 0 ? -1 : table + ((linear >>> 10) & 0xffc);
    const pte = table < 0 ? -1 : i32[this.tableAt >> 2]!;
    if ((pte & PRESENT) === 0) return access;
    this.frame = pte >>> 12;
    return this.#small(access, pte, pde & pte, 0);
  }

  #large4M(linear: number, access: number, pde: number): number {
    this.frame = ((pde >>> 12) & 0xffc00) | ((linear >>> 12) & 0x3ff) | (((pde >>> 13) & 15) << 20);
    return this.#largePage(access, pde, 0);
  }

  #walkPae(linear: number, access: number): number {
    const i32 = this.#i32;
    const gibibyte = linear >>> 30;
    if ((this.pdptes[gibibyte << 1]! & PRESENT) === 0) return access;
    const directory = this.directories[gibibyte]!;
    if (directory < 0) return access | RESERVED;
    const at = directory + ((linear >>> 18) & 0xff8);
    const low = i32[at >> 2]!;
    const high = i32[(at >> 2) + 1]!;
    if ((low & PRESENT) === 0) return access;
    if ((high & this.#reservedHigh) !== 0) return access | RESERVED;
    this.directoryAt = at;
    this.directoryLow = low;
    this.directoryHigh = high;
    if ((low & LARGE) === 0) return this.#tablePae(linear, access, low, high);
    if ((low & RESERVED_2M) !== 0) return access | RESERVED;
    this.frame = (frameOf(low, high) & ~0x1ff) | ((linear >>> 12) & 0x1ff);
    return this.#largePage(access, low, high);
  }

  #tablePae(linear: number, access: number, pde: number, pdeHigh: number): number {
    const table = this.machineFrame(frameOf(pde, pdeHigh));
    if (table < 0) return access | RESERVED;
    const at = table + ((linear >>> 9) & 0xff8);
    const low = this.#i32[at >> 2]!;
    const high = this.#i32[(at >> 2) + 1]!;
    if ((low & PRESENT) === 0) return access;
    if ((high & this.#reservedHigh) !== 0) return access | RESERVED;
    this.tableAt = at;
    this.frame = frameOf(low, high);
    return this.#small(access, low, pde & low, pdeHigh | high);
  }

  #small(access: number, leaf: number, rights: number, high: number): number {
    this.#large = false;
    this.#tableLow = leaf;
    return this.#allow(access, leaf, rights, high);
  }

  #largePage(access: number, leaf: number, high: number): number {
    this.#large = true;
    this.tableAt = -1;
    return this.#allow(access, leaf, leaf, high);
  }

  /** SDM vol. 3, 4.6: rights are judged on all levels together, after every entry was found present and well-formed. */
  #allow(access: number, leaf: number, rights: number, high: number): number {
    this.dirty = (leaf & DIRTY) !== 0;
    this.rights = rights;
    if ((access & ACCESS_USER & ~rights) !== 0) return access | PROTECTION;
    if ((access & ACCESS_WRITE & ~rights) !== 0 && (this.writeProtect || (access & ACCESS_USER) !== 0))
      return access | PROTECTION;
    if ((access & ACCESS_FETCH) !== 0 && high < 0) return access | PROTECTION;
    return -1;
  }

  /** Accessed and dirty bits bypass the page-table tracker: they never take a right away. */
  #update(at: number, value: number): void {
    if (at < 0) return;
    const flags = this.#memory.pageFlags[at >>> 12]!;
    if ((flags & PAGE_ROM) !== 0) return;
    this.#i32[at >> 2] = value;
    if ((flags & PAGE_CODE) !== 0) this.#memory.onCodeWrite(at, 4);
  }
}

/** Guest frame of a PAE entry: 36-bit addresses give 24 bits. */
function frameOf(low: number, high: number): number {
  return ((high & 15) << 20) | (low >>> 12);
}
