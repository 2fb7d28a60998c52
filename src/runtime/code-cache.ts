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
import { CODE_MODES, CODE_PAGES, CODE_SLOTS } from './processor-area.js';
import { PENDING, R_PENDING, type Cpu } from './state.js';

export const SLOT_WORDS = 4;
const MAX_SLOTS = CODE_SLOTS;
const MAX_PAGES = CODE_PAGES;
/** Stores beside the code of a page until the page is given up as code; a page that comes back as code bears more. */
const FOREIGN_STORES = 256;
const MOST_FOREIGN_STORES = 1 << 17;
/** A store that takes an instruction apart counts as so many. */
const BREAK_WEIGHT = 8;
/** Longer stores are of a loader or a device: nothing of the page is the same. */
const LONGEST_PATCH = 16;
const LONGEST_INSTRUCTION = 15;
/** Form of a slot where control goes on through the dispatcher at the offset in word 2. */
export const FORM_NEXT = 3;

/** A translated region as the cache sees it. */
export interface CachedRegion {
  /** Machine frames whose bytes it depends on. */
  readonly frames: readonly number[];
  /** First and last machine address of each stretch of bytes, if not all bytes of the frames count. */
  readonly spans?: Int32Array;
  /** Called before `kill` where the guest has changed the code. */
  rewritten?(): void;
  /** Takes it out of service; called once. */
  kill(): void;
}

export interface CodePage {
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

interface ModePages {
  readonly pages: Int32Array;
  /** See `CodeCache.pagesAt`. */
  readonly at: number;
}

export class CodeCache {
  readonly slots: Int32Array;
  /** Executions left until a slot is hot, by slot number. */
  readonly heat: Int32Array;
  /** By slot number: how often the interpreter took the direct branch there, or came there from the dispatcher or by not taking the branch before. */
  readonly ways: Int32Array;
  readonly map: Int32Array;
  /** Byte offset in the processor's area of `pages`, or of a table that is always empty where those of other modes have taken all room. */
  pagesAt = 0;
  mode = -1;
  /** Called when everything was thrown away. */
  onReset: () => void = () => undefined;
  /** Brings a slot up to date with the bytes at its offset, of which those before offset `first` are what they were; false if that takes more than other operands. */
  patch: (page: CodePage, slot: number, offset: number, first: number) => boolean = () => false;
  readonly statistics: CacheStatistics = { invalidations: {}, resets: 0, codePages: 0, slots: 0 };

  /** By mode. */
  private readonly tables = new Map<number, number>();
  private readonly byFrame = new Map<number, CodePage[]>();
  private readonly regions = new Map<number, Set<CachedRegion>>();
  private readonly foreignStores = new Map<number, number>();
  /** How often a frame was given up because of stores, by frame. */
  private readonly surrenders = new Map<number, number>();
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
    const { buffer, code } = memory.processor;
    this.slots = code
      ? new Int32Array(buffer, code.slots, MAX_SLOTS * SLOT_WORDS)
      : hostTable(MAX_SLOTS * SLOT_WORDS);
    this.heat = code ? new Int32Array(buffer, code.heat, MAX_SLOTS) : hostTable(MAX_SLOTS);
    this.ways = code ? new Int32Array(buffer, code.ways, MAX_SLOTS) : hostTable(MAX_SLOTS);
    this.map = code ? new Int32Array(buffer, code.map, MAX_PAGES * 4096) : hostTable(MAX_PAGES * 4096);
    this.modePages.push({ pages: new Int32Array(this.frameCount), at: 0 });
    memory.onCodeWrite = (address, length) => this.written(address, length);
  }

  /** Calls of the system go to and fro between two modes: no reference is written then. */
  setMode(mode: number): void {
    if (mode === this.mode) return;
    const { index } = this;
    this.index = mode === this.lastMode ? this.lastIndex : this.indexOf(mode);
    this.lastIndex = index;
    this.lastMode = this.mode;
    this.mode = mode;
    this.pagesAt = this.modePages[this.index]!.at;
  }
  /** Machine frame → base in `map`, for the current mode. */
  get pages(): Int32Array {
    return this.modePages[this.index]!.pages;
  }
  private indexOf(mode: number): number {
    let known = this.tables.get(mode);
    if (known === undefined) {
      known = this.modePages.push(this.newPages()) - 1;
      this.tables.set(mode, known);
    }
    return known;
  }
  private newPages(): ModePages {
    const { buffer, code } = this.memory.processor;
    const number = this.modePages.length;
    const bytes = 4 * this.frameCount;
    const at = code?.pages ?? 0;
    if (!code || number >= CODE_MODES) return { pages: new Int32Array(this.frameCount), at };
    const own = at + number * bytes;
    return { pages: new Int32Array(buffer, own, this.frameCount), at: own };
  }
  /** The first belongs to no mode. */
  private readonly modePages: ModePages[] = [];
  private index = 0;
  private lastIndex = 0;
  private lastMode = -1;

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
    this.ways[slot >> 2] = 0;
    this.statistics.slots++;
    return slot;
  }

  /** Executions after which the code from a slot on is hot. */
  thresholdOf(slot: number): number {
    return this.hastened.get(slot) ?? this.heatThreshold;
  }
  /** How often its executions have been counted; less than 0 where they are to be counted for longer. */
  arrivals(slot: number): number {
    return this.thresholdOf(slot) - this.heat[slot >> 2]!;
  }
  private readonly hastened = new Map<number, number>();
  /** Makes the code from a slot on hot after a `times`-th of the usual executions; never where nothing becomes hot. */
  hasten(slot: number, times: number): void {
    if (this.heatThreshold === NEVER_HOT) return;
    const threshold = Math.ceil(this.heatThreshold / times);
    this.heat[slot >> 2] = threshold;
    this.hastened.set(slot, threshold);
  }

  /** Makes the code from a slot on hot after so many times the usual executions. */
  cool(slot: number, times: number): void {
    if (this.heatThreshold < NEVER_HOT) this.heat[slot >> 2] = Math.max(1, this.heatThreshold) * times;
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

  /** A store into a frame flagged as code: what was made from the very bytes is patched or taken apart. */
  private written(address: number, length: number): void {
    const frame = address >>> 12;
    const pages = this.byFrame.get(frame);
    const first = address & 0xfff;
    const last = first + length - 1;
    if (!pages || !pages.some((page) => touches(page, first >> 6, last >> 6))) this.burden(frame, 1);
    else if (length > LONGEST_PATCH) this.dropFrame(frame, 'store into code');
    else {
      let touched = this.removeTouched(frame, address, address + length - 1);
      let broken = 0;
      for (const page of pages) {
        const hits = this.rewrite(page, first, last);
        touched ||= hits !== 0;
        broken += hits >> 4;
      }
      if (!touched) this.burden(frame, 1);
      else if (broken !== 0) this.burden(frame, BREAK_WEIGHT);
    }
  }

  /** A store that made slow work counts against the page: after enough of them it may be written fast again, as data. */
  private burden(frame: number, weight: number): void {
    const count = (this.foreignStores.get(frame) ?? 0) + weight;
    this.foreignStores.set(frame, count);
    const surrenders = this.surrenders.get(frame) ?? 0;
    if (count < Math.min(FOREIGN_STORES << (3 * Math.min(surrenders, 4)), MOST_FOREIGN_STORES)) return;
    this.surrenders.set(frame, surrenders + 1);
    this.dropFrame(frame, weight === 1 ? 'stores beside code' : 'store into code');
  }

  /** Removes the regions made from bytes `first` to `last`. */
  private removeTouched(frame: number, first: number, last: number): boolean {
    let removed = false;
    for (const region of this.regions.get(frame) ?? []) {
      if (!dependsOn(region, first, last)) continue;
      region.rewritten?.();
      this.removeRegion(region);
      removed = true;
    }
    if (removed) {
      this.note('store into a region');
      this.cpu.r[R_PENDING]! |= PENDING.CODE;
    }
    return removed;
  }

  /** The slots that offsets `first` to `last` belong to: 1 for one or more that were patched, and 16 for each that was taken apart. */
  private rewrite(page: CodePage, first: number, last: number): number {
    const { slots, map } = this;
    let hits = 0;
    for (let at = Math.max(0, first - LONGEST_INSTRUCTION + 1); at <= last; at++) {
      const slot = map[page.base + at]!;
      if (slot === 0 || at + ((slots[slot + 3]! >> 12) & 15 || LONGEST_INSTRUCTION) <= first) continue;
      if (this.patch(page, slot, at, first)) hits |= 1;
      else {
        this.break(page, slot, at);
        hits += 16;
      }
    }
    return hits;
  }

  /** Whoever comes to the slot goes on through the dispatcher, which decodes anew. */
  private break(page: CodePage, slot: number, offset: number): void {
    const { slots } = this;
    this.map[page.base + offset] = 0;
    slots[slot] = FORM_NEXT;
    slots[slot + 1] = 0;
    slots[slot + 2] = offset;
    slots[slot + 3] = offset;
    this.note('instruction taken apart');
    this.cpu.r[R_PENDING]! |= PENDING.CODE;
  }

  private note(cause: string): void {
    const { invalidations } = this.statistics;
    invalidations[cause] = (invalidations[cause] ?? 0) + 1;
  }

  /** Forgets everything decoded or translated from a frame, in all modes. */
  dropFrame(frame: number, cause: string): void {
    this.note(cause);
    this.forget(frame);
  }

  /** As `dropFrame`, of a frame that was never the guest's. */
  forget(frame: number): void {
    for (const page of this.byFrame.get(frame) ?? []) {
      this.map.fill(0, page.base, page.base + 4096);
      this.freePages.push(page.base);
      this.modePages[this.tables.get(page.mode)!]!.pages[frame] = 0;
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
    this.hastened.clear();
    this.surrenders.clear();
    this.statistics.resets++;
    this.onReset();
  }
}

function dependsOn({ spans }: CachedRegion, first: number, last: number): boolean {
  if (spans === undefined) return true;
  for (let i = 0; i < spans.length; i += 2) if (spans[i]! <= last && spans[i + 1]! >= first) return true;
  return false;
}

function touches(page: CodePage, first: number, last: number): boolean {
  for (let line = first; line <= last; line++) {
    if (((line < 32 ? page.low >>> line : page.high >>> (line - 32)) & 1) !== 0) return true;
  }
  return false;
}

/** Never leaves the engine: it asks `hasRoom` first. */
class CacheFull extends Error {}
