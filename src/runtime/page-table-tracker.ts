/**
 * Keeps the TLB coherent with the page tables: frames that translations were derived from are write-protected (PAGE_TABLE), and
 * a write to one drops exactly the translations that came from the touched entries, as shadow paging does.
 *
 * A directory's role follows from the walker's current directories. A page table's role is remembered per frame: the first 2 MiB region
 * it maps (with 32-bit paging it maps two), plus 1; it holds only while the TLB still says that the region derives from this frame.
 */
import { PAGE_TABLE, type PhysicalMemory } from './memory.js';
import { PAGING_32, PAGING_OFF, PAGING_PAE, type PageWalker } from './page-walk.js';
import { REGIONS, type Tlb } from './tlb.js';

/** The frame is the page table of several places: a write flushes everything. */
const SEVERAL = -1;
/** So many writes without a walk in between release the frame. */
const WRITE_LIMIT = 64;

export class PageTableTracker {
  writes = 0;
  releases = 0;
  readonly #role: Int32Array;
  readonly #writeCount: Uint8Array;
  readonly #memory: PhysicalMemory;
  readonly #walker: PageWalker;
  readonly #tlb: Tlb;

  constructor(memory: PhysicalMemory, walker: PageWalker, tlb: Tlb) {
    this.#memory = memory;
    this.#walker = walker;
    this.#tlb = tlb;
    this.#role = new Int32Array(memory.pageFlags.length);
    this.#writeCount = new Uint8Array(memory.pageFlags.length);
  }

  /** Records that the page just walked is about to enter the TLB. */
  derive(linear: number): void {
    const walker = this.#walker;
    const region = linear >>> 21;
    this.#tlb.regionEntryLow[region] = walker.directoryLow;
    this.#tlb.regionEntryHigh[region] = walker.directoryHigh;
    if (walker.directoryAt >= 0) this.#protect(walker.directoryAt >>> 12);
    if (walker.tableAt < 0) {
      this.#tlb.regionTable[region] = -1;
      return;
    }
    const table = walker.tableAt >>> 12;
    this.#setRole(table, (walker.mode === PAGING_PAE ? region : region & ~1) + 1);
    this.#tlb.regionTable[region] = table;
    this.#protect(table);
  }

  /** Keeps, over a change of directories, the regions whose directory entries are the same in the new ones; drops the others. */
  directoriesChanged(): void {
    const tlb = this.#tlb;
    if (this.#walker.mode === PAGING_OFF) return;
    for (let region = tlb.nextRegion(0); region >= 0; region = tlb.nextRegion(region + 1)) {
      const low = this.#walker.directoryEntry(region);
      if (low === tlb.regionEntryLow[region] && this.#walker.directoryHigh === tlb.regionEntryHigh[region])
        this.#protectDirectory(region);
      else tlb.dropRegion(region);
    }
  }

  /** After bytes of a PAGE_TABLE frame were written. */
  written(machine: number, length: number): void {
    const mfn = machine >>> 12;
    this.writes++;
    this.#writeCount[mfn] = this.#writeCount[mfn]! + 1;
    const role = this.#role[mfn]!;
    const leaf = this.#isTable(mfn, role);
    const directory = this.#isDirectory(mfn);
    if (role === SEVERAL) this.#releaseAll(mfn);
    else if (!leaf && !directory) this.#release(mfn);
    else if (this.#writeCount[mfn]! >= WRITE_LIMIT || length > 64) this.#releaseAndDrop(mfn, leaf, directory);
    else this.#dropEntries(machine, length, leaf, directory);
  }

  #dropEntries(machine: number, length: number, leaf: boolean, directory: boolean): void {
    const shift = this.#walker.mode === PAGING_PAE ? 3 : 2;
    const last = ((machine & 0xfff) + length - 1) >>> shift;
    const firstPage = (this.#role[machine >>> 12]! - 1) << 9;
    for (let entry = (machine & 0xfff) >>> shift; entry <= last; entry++) {
      if (leaf) this.#tlb.dropPage(firstPage + entry);
      if (directory) this.#dropDirectoryEntry(machine >>> 12, entry);
    }
  }

  #dropDirectoryEntry(mfn: number, entry: number): void {
    if (this.#walker.mode === PAGING_32) {
      this.#tlb.dropRegion(entry << 1);
      this.#tlb.dropRegion((entry << 1) | 1);
      return;
    }
    for (let i = 0; i < 4; i++) {
      if (this.#walker.directories[i]! === mfn << 12) this.#tlb.dropRegion((i << 9) | entry);
    }
  }

  #releaseAll(mfn: number): void {
    this.#tlb.dropAll();
    this.#release(mfn);
  }

  #releaseAndDrop(mfn: number, leaf: boolean, directory: boolean): void {
    if (leaf) this.#dropTable(mfn);
    if (directory) this.#dropDirectory(mfn);
    this.#release(mfn);
  }

  #release(mfn: number): void {
    this.releases++;
    this.#role[mfn] = 0;
    this.#memory.clearPageFlag(mfn, PAGE_TABLE);
  }

  #dropTable(mfn: number): void {
    const region = this.#role[mfn]! - 1;
    this.#tlb.dropRegion(region);
    if (this.#walker.mode === PAGING_32) this.#tlb.dropRegion(region + 1);
  }

  #dropDirectory(mfn: number): void {
    const pae = this.#walker.mode === PAGING_PAE;
    for (let region = this.#tlb.nextRegion(0); region >= 0; region = this.#tlb.nextRegion(region + 1)) {
      if (!pae || this.#walker.directories[region >>> 9] === mfn << 12) this.#tlb.dropRegion(region);
    }
  }

  #setRole(mfn: number, role: number): void {
    const old = this.#role[mfn]!;
    if (old === role || old === SEVERAL) return;
    this.#role[mfn] = old !== 0 && this.#isTable(mfn, old) ? SEVERAL : role;
  }

  #isTable(mfn: number, role: number): boolean {
    if (role <= 0) return role === SEVERAL;
    const table = this.#tlb.regionTable;
    return (
      table[role - 1] === mfn || (this.#walker.mode === PAGING_32 && role < REGIONS && table[role] === mfn)
    );
  }

  #isDirectory(mfn: number): boolean {
    const { mode, directories } = this.#walker;
    const address = mfn << 12;
    if (mode === PAGING_OFF) return false;
    if (mode === PAGING_32) return directories[0] === address;
    return (
      directories[0] === address ||
      directories[1] === address ||
      directories[2] === address ||
      directories[3] === address
    );
  }

  #protectDirectory(region: number): void {
    const directory = this.#walker.directories[this.#walker.mode === PAGING_PAE ? region >>> 9 : 0]!;
    if (directory >= 0) this.#protect(directory >>> 12);
  }

  #protect(mfn: number): void {
    this.#writeCount[mfn] = 0;
    if ((this.#memory.pageFlags[mfn]! & PAGE_TABLE) === 0) this.#memory.setPageFlag(mfn, PAGE_TABLE);
  }
}
