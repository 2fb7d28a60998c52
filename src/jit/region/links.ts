/**
 * How regions reach each other: links from an offset in CS to a region's entry, and the runs along them. A call leaves its region, runs its callee as a nested
 * run and enters the region again when r[R_EIP] is back at the return address; everything else unwinds to the dispatcher. All state is in `cpu` in between.
 */
import {
  PENDING,
  R_BUDGET,
  R_EIP,
  R_EPOCH,
  R_PENDING,
  R_SEGMENT_BASE,
  R_SITE,
  type Cpu,
} from '../../runtime/state.js';
import type { CachedRegion, CodeCache } from '../../runtime/code-cache.js';
import { SpecialForm } from '../interpreter/forms.js';
import type { MemoryView } from '../interpreter/environment.js';
import type { Targets } from './targets.js';
import type { RegionFunction } from './translate.js';

/** What links need to know of a region. */
export interface LinkedRegion extends CachedRegion {
  readonly run: RegionFunction;
  readonly pages: readonly { readonly page: number; readonly frame: number }[];
  /** By site: offset relative to the page, instructions counted but not executed, and what r[R_SITE] becomes. */
  readonly siteOffsets: Int32Array;
  readonly siteCounts: Int32Array;
  readonly siteNumbers: Int32Array;
  /** By site: times to leave the region there for other code until its target is to become part of the region. */
  readonly siteCountdowns: Int32Array;
  readonly calls: readonly CallSite[];
  /** Budget that must be there at entry. */
  readonly longest: number;
  /** 16-bit code depends on where its page lies, because offsets wrap. */
  readonly fixedPageEip: number | undefined;
  /** Not withdrawn. */
  inService: boolean;
}
/** A call whose return address is in the region, or an indirect jump. */
export interface CallSite {
  /** The return address relative to the page, its entry code (-1 for a jump or a return address elsewhere) and the pages that it lies on. */
  readonly back: number;
  readonly code: number;
  readonly needs: number;
  /** Its own offset and machine address. */
  readonly at: number;
  readonly machine: number;
  readonly direct: boolean;
  /** Times to leave the region there until its target is to become part of the region; for an indirect one until its targets are counted, below 0 while they are. */
  countdown: number;
  /** Where the call went last. */
  link: Link;
}
export interface Entry {
  readonly region: LinkedRegion;
  /** Value of `pc` that enters there. */
  readonly code: number;
  /** Offset of the entry's page from the region's page. */
  readonly pageDelta: number;
  /** The pages that its block lies on. */
  readonly needs: number;
  /** The slot's own form. */
  readonly form: number;
}

/**
 * One way into a region at one place in the address space. Call sites hold links; a hit costs no walk through TLB, page map and slots. A link is used again for
 * another place when the table needs its room: who holds one compares `eip`.
 */
export interface Link {
  eip: number;
  /** The way is known to hold while r[R_EPOCH] has this value. */
  epoch: number;
  /** Budget that must be there at entry. */
  longest: number;
  code: number;
  /** Offset in CS of the region's page. */
  base: number;
  /** Pages of the region that are where they were when it was made, and those that have to be. */
  pages: number;
  needs: number;
  region: LinkedRegion | undefined;
}
const emptyLink = (): Link => ({
  eip: 0,
  epoch: -1,
  longest: NEVER,
  code: 0,
  base: 0,
  pages: 0,
  needs: 0,
  region: undefined,
});
/** A region was often left for code elsewhere. */
export interface HotWay {
  readonly region: LinkedRegion;
  /** Offset in CS of the region's page, and where it goes. */
  readonly base: number;
  readonly to: number;
}
/** No budget suffices. */
const NEVER = 0x7fffffff;
/** Leads nowhere. */
export const NO_LINK: Link = emptyLink();

/** Bit of a region's page in sets of them. There are few regions of so many pages that some have to share one. */
export const pageBit = (index: number): number => 1 << Math.min(index, 31);

/** How a run of regions ended. */
export const RegionEnd = {
  /** r[R_EIP] is not an entry, or something is pending. */
  LEFT: 0,
  /** The instruction at r[R_EIP] is the interpreter's. */
  INTERPRET: 1,
  /** Nothing ran: there is no region at r[R_EIP]. */
  NOWHERE: 2,
  /** Nothing is pending, and there is no region at r[R_EIP]. */
  UNTRANSLATED: 3,
} as const;

/** Runs that may be nested: each takes some 300 bytes of the host's stack while it is not optimised, and Node gives about a megabyte. */
const DEPTH_LIMIT = 1000;

const FORM_MASK = 4095;
const SIZE = 16384;
const MASK = SIZE - 1;
interface Table {
  readonly mode: number;
  readonly links: Link[];
  codeBase: number;
}

export class Links {
  /** By mode. */
  private readonly tables = new Map<number, Table>();
  private current: Link[];
  private table: Table;
  /** That of the mode before. */
  private last: Table;
  readonly targets: Targets;
  /** Ways between regions that were taken often, to be looked at when no region runs. */
  readonly hot: HotWay[] = [];
  /** Nested runs now. */
  private depth = 0;
  private readonly cpu: Cpu;
  private readonly cache: CodeCache;
  private readonly view: MemoryView;
  private readonly entryOf: (slot: number) => Entry;
  private readonly changeMode: () => boolean;
  /** Why runs of regions ended, and how many regions were entered through the table. */
  readonly counts = { entered: 0, budget: 0, pending: 0, untranslated: 0 };

  /** `changeMode` follows the change that r[R_PENDING] announces; false if regions cannot simply go on. */
  constructor(
    cpu: Cpu,
    cache: CodeCache,
    view: MemoryView,
    entryOf: (slot: number) => Entry,
    changeMode: () => boolean,
    targets: Targets,
  ) {
    this.cpu = cpu;
    this.cache = cache;
    this.view = view;
    this.entryOf = entryOf;
    this.targets = targets;
    this.changeMode = changeMode;
    this.table = this.last = this.tableNow();
    this.current = this.table.links;
  }

  /** Runs the region at r[R_EIP] and the regions that it leads to. */
  enter(): number {
    const { r } = this.cpu;
    if (this.table.codeBase !== r[R_SEGMENT_BASE + 1]!) this.moveCode();
    let link = this.find(r[R_EIP]!);
    if (link === NO_LINK) return RegionEnd.NOWHERE;
    this.depth = 0;
    r[R_SITE] = 0;
    for (;;) {
      if (r[R_BUDGET]! < link.longest) {
        this.counts.budget++;
        return RegionEnd.INTERPRET;
      }
      this.counts.entered++;
      this.run(link.region!, link.code, link.base, link.pages);
      if (r[R_SITE] !== 0) return RegionEnd.INTERPRET;
      if (r[R_PENDING] !== 0) {
        if (r[R_PENDING] !== PENDING.MODE || !this.changeMode()) {
          this.counts.pending++;
          return RegionEnd.LEFT;
        }
        if (this.table.codeBase !== r[R_SEGMENT_BASE + 1]!) this.moveCode();
      }
      link = this.find(r[R_EIP]!);
      if (link === NO_LINK) {
        this.counts.untranslated++;
        return RegionEnd.UNTRANSLATED;
      }
    }
  }

  /** Runs a region, with what it calls, until it is left for elsewhere. */
  private run(region: LinkedRegion, entry: number, base: number, pages: number): void {
    const { r } = this.cpu;
    for (let code = entry; ;) {
      const way = region.run(code, base, pages);
      if (way > 0) {
        r[R_EIP] = (base + region.siteOffsets[way]!) | 0;
        r[R_BUDGET] = r[R_BUDGET]! + region.siteCounts[way]!;
        r[R_SITE] = region.siteNumbers[way]!;
        if (--region.siteCountdowns[way]! < 0) this.left(region, way, base);
        return;
      }
      if (way === 0 || r[R_PENDING] !== 0) return;
      const call = region.calls[~way]!;
      if (--call.countdown < 0) this.called(region, call, base);
      if (call.code < 0 || (call.needs & ~pages) !== 0) return;
      if (!this.call(call, (base + call.back) | 0) || r[R_BUDGET]! < region.longest) return;
      code = call.code;
    }
  }

  private left(region: LinkedRegion, site: number, base: number): void {
    region.siteCountdowns[site] = NEVER;
    this.hot.push({ region, base, to: this.cpu.r[R_EIP]! });
  }
  private called(region: LinkedRegion, call: CallSite, base: number): void {
    const eip = this.cpu.r[R_EIP]!;
    if (!call.direct) return this.targets.note(call, (eip - base - call.at) | 0);
    call.countdown = NEVER;
    this.hot.push({ region, base, to: eip });
  }

  /** Runs the callee at r[R_EIP] until r[R_EIP] is `back`; false if the caller must unwind. */
  private call(site: CallSite, back: number): boolean {
    const { r } = this.cpu;
    let { link } = site;
    if (link.eip !== r[R_EIP]) site.link = link = this.find(r[R_EIP]!);
    if (link.epoch === r[R_EPOCH] && r[R_BUDGET]! >= link.longest && this.depth < DEPTH_LIMIT) {
      this.depth++;
      this.run(link.region!, link.code, link.base, link.pages);
      this.depth--;
      if (r[R_EIP] === back && (r[R_SITE]! | r[R_PENDING]!) === 0) return true;
    }
    return this.follow(back);
  }

  /** Goes on from r[R_EIP] inside a call until it is at `to`; false if the caller must unwind. */
  private follow(to: number): boolean {
    const { r } = this.cpu;
    for (;;) {
      if ((r[R_SITE]! | r[R_PENDING]!) !== 0) return false;
      if (r[R_EIP] === to) return true;
      const link = this.find(r[R_EIP]!);
      if (r[R_BUDGET]! < link.longest || this.depth >= DEPTH_LIMIT) return false;
      this.counts.entered++;
      this.depth++;
      this.run(link.region!, link.code, link.base, link.pages);
      this.depth--;
    }
  }

  /** The link to the region entry at `eip` in the current mode; NO_LINK if there is none or it may not be entered. */
  private find(eip: number): Link {
    const link = this.current[(eip ^ (eip >>> 12)) & MASK]!;
    if (link.eip === eip && link.region !== undefined) {
      if (link.epoch === this.cpu.r[R_EPOCH]) return link;
      if (this.renew(link)) return link;
    }
    return this.lookUp(eip);
  }

  private renew(link: Link): boolean {
    if (!link.region!.inService) return false;
    const pages = this.pagesOf(link.region!, link.base);
    if ((link.needs & ~pages) !== 0) return false;
    link.pages = pages;
    link.epoch = this.cpu.r[R_EPOCH]!;
    return true;
  }

  private lookUp(eip: number): Link {
    const { cache, view } = this;
    const codeBase = this.cpu.r[R_SEGMENT_BASE + 1]!;
    const linear = (eip + codeBase) | 0;
    if (!this.cpu.mmu.prefetch(linear)) return NO_LINK;
    const translated = view.execute[linear >>> 12]!;
    const slot = cache.map[cache.pages[(translated ^ linear) >>> 12]! + (linear & 4095)]!;
    if ((cache.slots[slot]! & FORM_MASK) !== SpecialForm.REGION) return NO_LINK;
    return this.admit(slot, ((linear & -4096) - codeBase) | 0, eip);
  }

  private admit(slot: number, pageEip: number, eip: number): Link {
    const { region, code, pageDelta, needs } = this.entryOf(slot);
    const base = (pageEip - pageDelta) | 0;
    const pages = this.pagesOf(region, base);
    if ((needs & ~pages) !== 0) return NO_LINK;
    const at = (eip ^ (eip >>> 12)) & MASK;
    let link = this.current[at]!;
    if (link === NO_LINK) this.current[at] = link = emptyLink();
    link.eip = eip;
    link.epoch = this.cpu.r[R_EPOCH]!;
    link.longest = region.longest;
    link.code = code;
    link.base = base;
    link.pages = pages;
    link.needs = needs;
    link.region = region;
    return link;
  }

  /**
   * Which pages of a region are where they were when it was made (`pageBit`) and have been fetched from in this address space, as their accessed bits tell:
   * setting one is left to the interpreter's fetch. The region itself asks before it goes to another page.
   */
  private pagesOf(region: LinkedRegion, pageEip: number): number {
    if (region.fixedPageEip !== undefined && region.fixedPageEip !== pageEip) return 0;
    const linear = (pageEip + this.cpu.r[R_SEGMENT_BASE + 1]!) | 0;
    const { pages } = region;
    let missing = 0;
    for (let i = 0; i < pages.length; i++) {
      const there = (linear + (pages[i]!.page << 12)) | 0;
      const isThere =
        this.cpu.mmu.prefetch(there) && (this.view.execute[there >>> 12]! ^ there) >>> 12 === pages[i]!.frame;
      if (!isThere) missing |= pageBit(i);
    }
    return ~missing;
  }

  /** The mode of the code cache may be another one. */
  setMode(): void {
    const { mode } = this.cache;
    const { table, last } = this;
    if (table.mode === mode) return;
    this.table = last.mode === mode ? last : this.tableNow();
    this.last = table;
    this.current = this.table.links;
  }

  private tableNow(): Table {
    const { mode } = this.cache;
    let table = this.tables.get(mode);
    if (table === undefined) {
      const codeBase = this.cpu.r[R_SEGMENT_BASE + 1]!;
      table = { mode, links: new Array<Link>(SIZE).fill(NO_LINK), codeBase };
      this.tables.set(mode, table);
    }
    return table;
  }

  /**
   * Another base of CS makes all links of the mode doubtful: each is looked at again before it is used (`renew`). Real mode comes here with every call
   * of the BIOS, so that nothing may be done for each link now.
   */
  private moveCode(): void {
    const { r } = this.cpu;
    this.table.codeBase = r[R_SEGMENT_BASE + 1]!;
    r[R_EPOCH] = r[R_EPOCH]! + 1;
  }

  clear(): void {
    this.targets.clear();
    this.hot.length = 0;
    for (const { links } of this.tables.values()) forgetAll(links);
  }
}

function forgetAll(links: readonly Link[]): void {
  for (const link of links) {
    link.region = undefined;
    link.longest = NEVER;
  }
}
