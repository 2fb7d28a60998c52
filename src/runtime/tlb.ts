/**
 * The TLB tables of one processor: for each linear page, fast entries by kind and privilege, and what is needed to take them back.
 *
 *   read | write | execute × [supervisor, user]   Int32 × 2^20   (machine ^ linear) & ~0xfff, or -1
 *   state      Uint8 × 2^20    which of the six are filled, and slow-write rights: see READ … SLOW_WRITE, shifted left by 1 for user
 *   filled     one bit per page with state, regions: one bit per 2 MiB region that may have such pages
 *   writer     per machine frame: 0, the page number + 1 of the one page with a write entry, or MANY
 *
 * SLOW_WRITE says that the page may be written at this privilege, but through the slow path because its frame has flags; its
 * translation is then the read entry. A page with WRITE always has READ. SLOW_WRITE without READ is a page of a device that may be
 * written: its read entry, which is none for whoever reads, holds the guest frame above twelve ones.
 */
import { hostTable } from './host-tables.js';
import { tableAt, type ProcessorArea } from './processor-area.js';
import { PENDING, R_EPOCH, R_PENDING } from './state.js';

export const READ = 1;
export const WRITE = 4;
export const EXECUTE = 16;
export const SLOW_WRITE = 64;

const PAGES = 1 << 20;
export const REGIONS = PAGES >>> 9;
const MANY = -1;

export interface MmuStatistics {
  /** Accesses that found no entry and walked (the page-crossing and MMIO ones included). */
  misses: number;
  /** Whole-TLB flushes. */
  flushes: number;
  /** Pages taken out of the TLB. */
  pagesDropped: number;
  /** Stores into walked page tables. */
  tableWrites: number;
  /** Page tables given up because they took writes only. */
  tableReleases: number;
}

/** Machine address of `bytes` bytes of whole words where a fast entry of `table` serves them all; -1 where each has to be looked at. */
export function wordsAt(table: Int32Array, linear: number, bytes: number): number {
  const entry = table[linear >>> 12]!;
  return ((entry | linear) & 3) === 0 && (linear & 0xfff) + bytes <= 4096 ? entry ^ linear : -1;
}

export class Tlb {
  readonly read: [Int32Array, Int32Array];
  readonly write: [Int32Array, Int32Array];
  readonly execute: [Int32Array, Int32Array];
  readonly state = new Uint8Array(PAGES);
  /** What the entries of a region derive from: the directory entry, as the walker left it … */
  readonly regionEntryLow = new Int32Array(REGIONS);
  readonly regionEntryHigh = new Int32Array(REGIONS);
  /** … and the machine frame of the page table; -1 for none. */
  readonly regionTable = new Int32Array(REGIONS).fill(-1);
  dropped = 0;
  readonly #filled = new Int32Array(PAGES >>> 5);
  readonly #regions = new Int32Array(REGIONS >>> 5);
  readonly #writer: Int32Array;
  readonly #r: Int32Array;

  constructor(r: Int32Array, frames: number, area: ProcessorArea) {
    const table = (write: boolean, user: 0 | 1): Int32Array =>
      new Int32Array(area.buffer, tableAt(area, write, user), PAGES).fill(-1);
    const execute = (user: 0 | 1): Int32Array =>
      area.code
        ? new Int32Array(area.buffer, area.code.execute + user * 4 * PAGES, PAGES).fill(-1)
        : emptyTable();
    this.execute = [execute(0), execute(1)];
    this.read = [table(false, 0), table(false, 1)];
    this.write = [table(true, 0), table(true, 1)];
    this.#r = r;
    this.#writer = new Int32Array(frames);
  }

  /** Adds the entries `kinds` (READ …) of one page; `entry` is machine ^ linear. */
  insert(page: number, user: number, kinds: number, entry: number): void {
    if ((kinds & READ) !== 0) this.read[user]![page] = entry;
    if ((kinds & EXECUTE) !== 0) this.execute[user]![page] = entry;
    if ((kinds & WRITE) !== 0) {
      this.write[user]![page] = entry;
      this.#noteWriter(page, (entry >>> 12) ^ page);
    }
    this.#occupy(page, kinds << user);
  }

  /** The page shows frame `gfn` of the guest, where a device answers, and may be written. */
  insertDevice(page: number, user: number, gfn: number): void {
    this.read[user]![page] = (gfn << 12) | 0xfff;
    this.#occupy(page, SLOW_WRITE << user);
  }

  #occupy(page: number, state: number): void {
    this.state[page] = this.state[page]! | state;
    this.#filled[page >>> 5] = this.#filled[page >>> 5]! | (1 << (page & 31));
    const region = page >>> 9;
    this.#regions[region >>> 5] = this.#regions[region >>> 5]! | (1 << (region & 31));
  }

  /** Turns a slow-write right into a fast entry, after the frame lost its flags. */
  promote(page: number, user: number): void {
    this.state[page] = this.state[page]! & ~(SLOW_WRITE << user);
    this.insert(page, user, WRITE, this.read[user]![page]!);
  }

  dropPage(page: number): void {
    const state = this.state[page]!;
    if (state === 0) return;
    this.dropped++;
    this.state[page] = 0;
    this.#filled[page >>> 5] = this.#filled[page >>> 5]! & ~(1 << (page & 31));
    if ((state & (READ | SLOW_WRITE)) !== 0) this.read[0][page] = -1;
    if ((state & ((READ | SLOW_WRITE) << 1)) !== 0) this.read[1][page] = -1;
    if ((state & WRITE) !== 0) this.write[0][page] = -1;
    if ((state & (WRITE << 1)) !== 0) this.write[1][page] = -1;
    if ((state & (EXECUTE | (EXECUTE << 1))) !== 0) this.#dropExecute(page, state);
  }

  /** Takes the execute entries of a page back; a new epoch even where there are none. */
  dropFetches(page: number): void {
    const state = this.state[page]!;
    this.#r[R_EPOCH] = this.#r[R_EPOCH]! + 1;
    if ((state & (EXECUTE | (EXECUTE << 1))) === 0) return;
    this.state[page] = state & ~(EXECUTE | (EXECUTE << 1));
    this.#dropExecute(page, state);
  }

  /** Drops the 512 pages of a 2 MiB region and forgets what they derive from. */
  dropRegion(region: number): void {
    if (!this.occupied(region)) return;
    this.#regions[region >>> 5] = this.#regions[region >>> 5]! & ~(1 << (region & 31));
    this.regionTable[region] = -1;
    for (let word = region << 4; word < (region + 1) << 4; word++) {
      for (let bits = this.#filled[word]!; bits !== 0; bits &= bits - 1)
        this.dropPage((word << 5) | lowestBit(bits));
    }
  }

  dropAll(): void {
    for (let region = this.nextRegion(0); region >= 0; region = this.nextRegion(region + 1))
      this.dropRegion(region);
  }

  occupied(region: number): boolean {
    return ((this.#regions[region >>> 5]! >>> (region & 31)) & 1) !== 0;
  }

  /** The first occupied region from `region` on, or -1. */
  nextRegion(region: number): number {
    if (region >= REGIONS) return -1;
    let word = region >>> 5;
    let bits = this.#regions[word]! & (-1 << (region & 31));
    while (bits === 0) {
      if (++word === REGIONS >>> 5) return -1;
      bits = this.#regions[word]!;
    }
    return (word << 5) | lowestBit(bits);
  }

  /** Turns every fast write entry of a machine frame into a slow-write right. */
  protectFrame(mfn: number): void {
    const writer = this.#writer[mfn]!;
    if (writer === 0) return;
    this.#writer[mfn] = 0;
    if (writer !== MANY) this.#protectPage(writer - 1, mfn);
    else this.#protectEverywhere(mfn);
  }

  /** The same for `count` machine frames, in one pass over the entries. */
  protectFrames(first: number, count: number): void {
    this.#writer.fill(0, first, first + count);
    for (let region = this.nextRegion(0); region >= 0; region = this.nextRegion(region + 1)) {
      for (let word = region << 4; word < (region + 1) << 4; word++) {
        for (let bits = this.#filled[word]!; bits !== 0; bits &= bits - 1)
          this.#protectPageOf((word << 5) | lowestBit(bits), first, count);
      }
    }
  }

  #protectPageOf(page: number, first: number, count: number): void {
    const state = this.state[page]!;
    if ((state & (WRITE | (WRITE << 1))) === 0) return;
    const entry = this.write[(state & WRITE) !== 0 ? 0 : 1]![page]!;
    const mfn = (entry >>> 12) ^ page;
    if (mfn >= first && mfn < first + count) this.#protectPage(page, mfn);
  }

  #dropExecute(page: number, state: number): void {
    if ((state & EXECUTE) !== 0) this.execute[0][page] = -1;
    if ((state & (EXECUTE << 1)) !== 0) this.execute[1][page] = -1;
    this.#r[R_EPOCH] = this.#r[R_EPOCH]! + 1;
    this.#r[R_PENDING] = this.#r[R_PENDING]! | PENDING.CODE;
  }

  #noteWriter(page: number, mfn: number): void {
    const writer = this.#writer[mfn]!;
    if (writer === MANY || writer === page + 1) return;
    this.#writer[mfn] = writer !== 0 && this.#writes(writer - 1, mfn) ? MANY : page + 1;
  }

  #writes(page: number, mfn: number): boolean {
    const state = this.state[page]!;
    const entry = (page ^ mfn) << 12;
    return (
      ((state & WRITE) !== 0 && this.write[0][page] === entry) ||
      ((state & (WRITE << 1)) !== 0 && this.write[1][page] === entry)
    );
  }

  #protectEverywhere(mfn: number): void {
    for (let region = this.nextRegion(0); region >= 0; region = this.nextRegion(region + 1)) {
      for (let word = region << 4; word < (region + 1) << 4; word++) {
        for (let bits = this.#filled[word]!; bits !== 0; bits &= bits - 1)
          this.#protectPage((word << 5) | lowestBit(bits), mfn);
      }
    }
  }

  #protectPage(page: number, mfn: number): void {
    for (let user = 0; user < 2; user++) {
      if ((this.state[page]! & (WRITE << user)) === 0 || this.write[user]![page] !== (page ^ mfn) << 12)
        continue;
      this.write[user]![page] = -1;
      this.state[page] = (this.state[page]! & ~(WRITE << user)) | (SLOW_WRITE << user);
    }
  }
}

function emptyTable(): Int32Array {
  return hostTable(PAGES).fill(-1);
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
