/**
 * Predecoded and translated code, keyed by (machine page, offset, mode), and its invalidation.
 *
 * Slots (4 int32 each, allocated upwards, 0 unused) are what the interpreter runs:
 *
 *   word 0  form:12 | a:4 << 12 | b:4 << 16 | base:4 << 20 | index:4 << 24 | scale:2 << 28
 *   word 1  immediate, or for direct branches the target's slot once it is known
 *   word 2  displacement, or for direct branches the target's offset relative to the page
 *   word 3  page offset:12 | length:4 << 12 | segment base register:4 << 16
 *
 * `map` holds 4096 entries per code page and mode: page offset → first word of the slot, 0 where nothing is decoded. Page 0 of the map is always
 * empty, so an unknown page needs no test of its own.
 */
import { hostTable } from './host-tables.js';
import { PAGE_CODE, type PhysicalMemory } from './memory.js';
import { PENDING, R_PENDING, type Cpu } from './state.js';

export const SLOT_WORDS = 4;
const MAX_SLOTS = 1 << 20;
const MAX_PAGES = 1 << 12;
/** Stores beside the code of a page until the page is given up as code. */
const FOREIGN_STORES = 256;

/** A translated region as the cache sees it. */
export interface CachedRegion {
  /** Machine frames whose bytes it depends on. */
  readonly frames: readonly number[];
  /** Takes it out of service; called once. */
  kill(): void;
}

interface CodePage {
  readonly frame: number;
  readonly mode: number;
  readonly base: number;
  /** Which 64-byte lines hold decoded bytes: bits 0-31 and 32-63. */
  low: number;
  high: number;
}

export interface CacheStatistics {
  invalidations: Record<string, number>;
  resets: number;
  codePages: number;
  slots: number;
}

/** A threshold that is never reached. */
export const NEVER_HOT = 0x7fffffff;

export class CodeCache {
  readonly slots = hostTable(MAX_SLOTS * SLOT_WORDS);
  /** Executions left until a slot is hot, by slot number. */
  readonly heat = hostTable(MAX_SLOTS);
  readonly map = hostTable(MAX_PAGES * 4096);
  /** Machine frame → base in `map`, for the current mode. */
  pages: Int32Array;
  mode = -1;
  /** Called when everything was thrown away. */
  onReset: () => void = () => undefined;
  readonly statistics: CacheStatistics = { invalidations: {}, resets: 0, codePages: 0, slots: 0 };

  private readonly tables = new Map<number, Int32Array>();
  private readonly byFrame = new Map<number, CodePage[]>();
  private readonly regions = new Map<number, Set<CachedRegion>>();
  private readonly foreignStores = new Map<number, number>();
  private nextSlot = SLOT_WORDS;
  private nextPage = 4096;
  private readonly freePages: number[] = [];
  private readonly frameCount: number;

  private readonly cpu: Cpu;
  private readonly memory: PhysicalMemory;
  private readonly heatThreshold: number;

  constructor(cpu: Cpu, memory: PhysicalMemory, heatThreshold: number) {
    this.cpu = cpu;
    this.memory = memory;
    this.heatThreshold = heatThreshold;
    this.frameCount = memory.pageFlags.length;
    this.pages = new Int32Array(this.frameCount);
    memory.onCodeWrite = (address, length) => this.written(address, length);
  }

  setMode(mode: number): void {
    if (mode === this.mode) return;
    // Calls of the system go to and fro between two modes.
    const { mode: last, pages } = this;
    let table = mode === this.lastMode ? this.lastPages : this.tables.get(mode);
    if (table === undefined) {
      table = new Int32Array(this.frameCount);
      this.tables.set(mode, table);
    }
    this.lastMode = last;
    this.lastPages = pages;
    this.mode = mode;
    this.pages = table;
  }
  private lastMode = -1;
  private lastPages: Int32Array | undefined;

  /** Base in `map` of a frame in the current mode, making the page known. */
  openPage(frame: number): number {
    const known = this.pages[frame]!;
    if (known !== 0) return known;
    const base = this.freePages.pop() ?? this.allocatePage();
    const page: CodePage = { frame, mode: this.mode, base, low: 0, high: 0 };
    this.pages[frame] = base;
    const list = this.byFrame.get(frame);
    if (list) list.push(page);
    else this.byFrame.set(frame, [page]);
    this.statistics.codePages++;
    this.memory.setPageFlag(frame, PAGE_CODE);
    return base;
  }
  private allocatePage(): number {
    if (this.nextPage === MAX_PAGES * 4096) throw new CacheFull();
    const base = this.nextPage;
    this.nextPage += 4096;
    return base;
  }

  /** Whether `count` more slots and pages fit; if not the caller resets. */
  hasRoom(count: number): boolean {
    return (
      this.nextSlot + count * SLOT_WORDS <= MAX_SLOTS * SLOT_WORDS &&
      (this.freePages.length > 2 || this.nextPage + 2 * 4096 <= MAX_PAGES * 4096)
    );
  }

  /** First word of a fresh slot. */
  allocateSlot(): number {
    const slot = this.nextSlot;
    this.nextSlot += SLOT_WORDS;
    this.heat[slot >> 2] = this.heatThreshold;
    this.statistics.slots++;
    return slot;
  }

  /** Makes the code from a slot on hot after a `times`-th of the usual executions; never where nothing becomes hot. */
  hasten(slot: number, times: number): void {
    if (this.heatThreshold < NEVER_HOT) this.heat[slot >> 2] = Math.ceil(this.heatThreshold / times);
  }

  /** Notes that `length` bytes at `offset` of the frame were decoded in the current mode. */
  coverBytes(frame: number, offset: number, length: number): void {
    this.openPage(frame);
    const page = this.byFrame.get(frame)!.find((p) => p.mode === this.mode)!;
    const last = Math.min(63, (offset + length - 1) >> 6);
    for (let line = offset >> 6; line <= last; line++) {
      if (line < 32) page.low |= 1 << line;
      else page.high |= 1 << (line - 32);
    }
  }

  /** Registers a region with every frame it depends on. */
  addRegion(region: CachedRegion): void {
    for (const frame of region.frames) {
      const set = this.regions.get(frame);
      if (set) set.add(region);
      else this.regions.set(frame, new Set([region]));
      this.memory.setPageFlag(frame, PAGE_CODE);
    }
  }
  /** Drops a region from every frame's list and stops it. */
  removeRegion(region: CachedRegion): void {
    for (const frame of region.frames) this.regions.get(frame)?.delete(region);
    region.kill();
  }

  /** A store into a frame flagged as code: drops what was made from the touched lines. */
  private written(address: number, length: number): void {
    const frame = address >>> 12;
    const pages = this.byFrame.get(frame);
    const first = (address & 0xfff) >> 6;
    const last = ((address + length - 1) & 0xfff) >> 6;
    if (pages && pages.some((page) => touches(page, first, last))) {
      this.dropFrame(frame, 'store into code');
    } else {
      const count = (this.foreignStores.get(frame) ?? 0) + 1;
      this.foreignStores.set(frame, count);
      if (count >= FOREIGN_STORES) this.dropFrame(frame, 'stores beside code');
    }
  }

  /** Forgets everything decoded or translated from a frame, in all modes. */
  dropFrame(frame: number, cause: string): void {
    const { invalidations } = this.statistics;
    invalidations[cause] = (invalidations[cause] ?? 0) + 1;
    this.forget(frame);
  }

  /** As `dropFrame`, of a frame that was never the guest's. */
  forget(frame: number): void {
    for (const page of this.byFrame.get(frame) ?? []) {
      this.map.fill(0, page.base, page.base + 4096);
      this.freePages.push(page.base);
      this.tables.get(page.mode)![frame] = 0;
      this.statistics.codePages--;
    }
    this.byFrame.delete(frame);
    this.foreignStores.delete(frame);
    for (const region of [...(this.regions.get(frame) ?? [])]) this.removeRegion(region);
    this.regions.delete(frame);
    this.memory.clearPageFlag(frame, PAGE_CODE);
    this.cpu.r[R_PENDING]! |= PENDING.CODE;
  }

  /** Throws everything away: out of room. */
  reset(): void {
    for (const frame of [...this.byFrame.keys(), ...this.regions.keys()]) this.dropFrame(frame, 'cache full');
    this.nextSlot = SLOT_WORDS;
    this.nextPage = 4096;
    this.freePages.length = 0;
    this.statistics.slots = 0;
    this.statistics.resets++;
    this.onReset();
  }
}

function touches(page: CodePage, first: number, last: number): boolean {
  for (let line = first; line <= last; line++) {
    if (((line < 32 ? page.low >>> line : page.high >>> (line - 32)) & 1) !== 0) return true;
  }
  return false;
}

/** Never leaves the engine: it asks `hasRoom` first. */
class CacheFull extends Error {}
