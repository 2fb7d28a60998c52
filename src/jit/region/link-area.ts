/**
 * What transfers between regions read and write, as int32 words in the processor's area or in a table of its own: counters, the links from offsets in CS to
 * entries, predicted returns, and a record of each region with its sites, calls and pages.
 */
import { hostTable } from '../../runtime/host-tables.js';
import type { PhysicalMemory } from '../../runtime/memory.js';
import { LINK_WORDS } from '../../runtime/processor-area.js';

/** Single words: those that the mode decides, the newest return, and how often what happened. */
export const AT = {
  /** Number of the mode, and where its fetches are looked up in the execute tables. */
  MODE: 1,
  EXECUTE: 2,
  /** Base of CS for which the mode's links hold. */
  CODE_BASE: 3,
  RETURN: 4,
  ENTERED: 5,
  RETURNED: 6,
  RENEWED: 7,
  LOOKED_UP: 8,
  BUDGET: 9,
  /** Runs of the interpreter, and instructions that it ran since the loop began. */
  INTERPRETER: 10,
  INTERPRETED: 11,
  /** Not 0: code without a region may be interpreted. */
  INTERPRETS: 12,
  /** The mode's table of code pages, in words from the buffer's beginning. */
  PAGES: 13,
} as const;

/** A ring of predicted returns, which begins at a multiple of its size. A return is predicted by the newest call alone. */
export const RETURNS = 512;
export const RETURN_WORDS = 512;
/**
 * What leads into a region, for a predicted return and for a link. `EIP`: offset in CS. `CODE`: entry code, with the mode's number above it. `EPOCH`: that
 * in which the way is known to hold. `BASE`: offset in CS of the region's page. `PAGES`: those of the region that are where they were when it was made.
 * `FUNCTION`: the region's number and the budget that it takes, above it.
 */
export const WAY = { EIP: 0, CODE: 1, EPOCH: 2, BASE: 3, PAGES: 4, RECORD: 5, FUNCTION: 6 } as const;
export const NUMBER_BITS = 19;
export const NUMBER_MASK = (1 << NUMBER_BITS) - 1;

/** Direct-mapped. */
export const LINKS = 1024;
export const LINK_COUNT = 16384;
export const LINK_SHIFT = 3;
/** By link, after all links: the region's serial number, and the pages that have to be there. */
export const KEPT = LINKS + (LINK_COUNT << LINK_SHIFT);
export const KEPT_SHIFT = 1;

/** A region's record. `FUNCTION`: see `WAY`. `SERIAL`: no two regions have the same; 0 when withdrawn. `CALLS`, `FRAMES`: where they lie. `FIXED`: the only base, if `IS_FIXED`. */
export const RECORD = {
  FUNCTION: 0,
  SERIAL: 1,
  CALLS: 2,
  FRAMES: 3,
  FRAMES_END: 4,
  IS_FIXED: 5,
  FIXED: 6,
  SITES: 8,
} as const;
/** `NUMBER`: what r[R_SITE] becomes. `COUNTDOWN`: times to leave the region there until its target is to become part of the region. */
export const SITE_SHIFT = 2;
export const SITE = { OFFSET: 0, COUNT: 1, NUMBER: 2, COUNTDOWN: 3 } as const;
/** Offset of the return address, its entry code (-1 for none), the pages it lies on, as for sites, and where the call went last. */
export const CALL_SHIFT = 3;
export const CALL = { BACK: 0, CODE: 1, NEEDS: 2, COUNTDOWN: 3, LAST: 4 } as const;
/** Distance from the region's page in bytes, and the frame. */
export const FRAME_WORDS = 2;

const RECORDS = KEPT + (LINK_COUNT << KEPT_SHIFT);
/** Records come in multiples of so many words. */
const GRAIN = 32;

export class LinkArea {
  readonly words: Int32Array;
  /** Byte offset in the processor's area; undefined where the words are a table of their own. */
  readonly at: number | undefined;
  private next = RECORDS;
  private readonly free = new Map<number, number[]>();

  constructor({ processor }: PhysicalMemory, shared: boolean) {
    const { buffer, code } = processor;
    this.at = shared ? code?.links : undefined;
    this.words = this.at === undefined ? hostTable(LINK_WORDS) : new Int32Array(buffer, this.at, LINK_WORDS);
    this.clear();
  }

  /** Whether a record of so many words can be had. */
  hasRoom(words: number): boolean {
    return this.next + words + GRAIN <= LINK_WORDS;
  }
  /** First word of a record. */
  allocate(words: number): number {
    const size = sizeOf(words);
    const known = this.free.get(size)?.pop();
    if (known !== undefined) return known;
    const at = this.next;
    this.next += size;
    return at;
  }
  release(record: number, words: number): void {
    const size = sizeOf(words);
    const list = this.free.get(size);
    if (list) list.push(record);
    else this.free.set(size, [record]);
  }

  /** Nothing leads anywhere. */
  clear(): void {
    const { words } = this;
    words.fill(0, RETURNS, RETURNS + RETURN_WORDS);
    words.fill(0, LINKS, RECORDS);
    words[AT.RETURN] = RETURNS;
    this.next = RECORDS;
    this.free.clear();
  }
}
const sizeOf = (words: number): number => Math.ceil(words / GRAIN) * GRAIN;
