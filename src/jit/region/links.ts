/**
 * How regions reach each other: links from an offset in CS to a region's entry, and the records that the function of transfer.ts goes by. All state is in `cpu`
 * between two regions.
 */
import { R_EPOCH, R_EIP, R_SEGMENT_BASE, R_CPL, type Cpu } from '../../runtime/state.js';
import type { CachedRegion, CodeCache } from '../../runtime/code-cache.js';
import type { PhysicalMemory } from '../../runtime/memory.js';
import { SpecialForm } from '../interpreter/forms.js';
import type { MemoryView } from '../interpreter/environment.js';
import type { Run } from '../interpreter/generated.js';
import type { AsmLayout } from './asm-printer.js';
import { FunctionTable } from './function-table.js';
import {
  AT,
  CALL,
  CALL_SHIFT,
  FRAME_WORDS,
  KEPT,
  KEPT_SHIFT,
  LINK_COUNT,
  LINK_SHIFT,
  LinkArea,
  LINKS,
  NUMBER_BITS,
  NUMBER_MASK,
  RECORD,
  SITE,
  SITE_SHIFT,
  WAY,
} from './link-area.js';
import { SITE_GOES_ON } from './sites.js';
import type { Targets } from './targets.js';
import { aheadTransfer, plainTransfer, RegionEnd, type TransferCalls } from './transfer.js';
import type { RegionFunction, Translation } from './translate.js';

/** What links need to know of a region. */
export interface LinkedRegion extends CachedRegion {
  /** No two regions in service have the same. */
  readonly number: number;
  /** First word of its record; see link-area.ts. */
  readonly record: number;
  readonly words: number;
  readonly sites: Translation['sites'];
  readonly calls: readonly CallSite[];
  /** Not withdrawn. */
  inService: boolean;
}
/** What a region's record is made of. */
export interface RegionParts {
  readonly number: number;
  readonly pages: readonly { readonly page: number; readonly frame: number }[];
  readonly translation: Translation;
  /** What r[R_SITE] becomes where the region is left to the interpreter, less the site's number. */
  readonly siteBase: number;
  /** 16-bit code depends on where its page lies, because offsets wrap. */
  readonly fixedPageEip: number | undefined;
}
/** Times to leave a region for one place, and at an indirect jump before its targets are counted. */
export interface Countdowns {
  readonly ways: number;
  readonly jumps: number;
}

/** A call whose return address is in the region, or an indirect jump. */
export class CallSite {
  /** Its own offset relative to the region's page, and machine address. */
  readonly at: number;
  readonly machine: number;
  readonly direct: boolean;
  /** Its return address is not in the region, or it is a jump. */
  readonly isJump: boolean;
  private readonly words: Int32Array;
  private readonly place: number;

  constructor(call: Translation['calls'][number], words: Int32Array, place: number) {
    this.at = call.at;
    this.machine = call.machine;
    this.direct = call.direct;
    this.isJump = call.code < 0;
    this.words = words;
    this.place = place;
  }
  /** Times to leave the region there until its target is to become part of the region; for an indirect one until its targets are counted, below 0 while they are. */
  get countdown(): number {
    return this.words[this.place + CALL.COUNTDOWN]!;
  }
  set countdown(value: number) {
    this.words[this.place + CALL.COUNTDOWN] = value;
  }
  /** Offset in CS of where it went last. */
  get last(): number {
    return this.words[this.place + CALL.LAST]!;
  }
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

/** A region was often left for code elsewhere. */
export interface HotWay {
  readonly region: LinkedRegion;
  /** Offset in CS of the region's page, and where it goes. */
  readonly base: number;
  readonly to: number;
}
const NEVER = 0x7fffffff;

/** Bit of a region's page in sets of them. There are few regions of so many pages that some have to share one. */
export const pageBit = (index: number): number => 1 << Math.min(index, 31);

const FORM_MASK = 4095;
const noInterpreter: Run = () => 0;
const EXECUTE_ENTRIES = 1 << 20;

export class Links {
  readonly targets: Targets;
  /** Ways between regions that were taken often, to be looked at when no region runs. */
  readonly hot: HotWay[] = [];
  private readonly area: LinkArea;
  private readonly functions: FunctionTable;
  private readonly regions: (LinkedRegion | undefined)[] = [];
  private serial = 0;
  /** By mode: its number. By that: the base of CS for which its links hold. */
  private readonly modes = new Map<number, number>();
  private readonly codeBases: number[] = [0];
  private mode = -1;
  private readonly makeTransfer: () => () => number;
  private transfer: (() => number) | undefined;
  private interpret: Run | undefined;
  private untranslated = 0;
  private pending = 0;
  private modeChanges = 0;
  private readonly cpu: Cpu;
  private readonly cache: CodeCache;
  private readonly view: MemoryView;
  private readonly entryOf: (slot: number) => Entry;

  /**
   * `changeMode` follows the change that r[R_PENDING] announces; false if regions cannot simply go on. `layout`: where everything lies that code compiled ahead
   * of time refers to, undefined for ordinary functions.
   */
  constructor(
    cpu: Cpu,
    memory: PhysicalMemory,
    cache: CodeCache,
    view: MemoryView,
    entryOf: (slot: number) => Entry,
    changeMode: () => boolean,
    targets: Targets,
    layout: AsmLayout | undefined,
  ) {
    this.cpu = cpu;
    this.cache = cache;
    this.view = view;
    this.entryOf = entryOf;
    this.targets = targets;
    this.area = new LinkArea(memory, layout !== undefined);
    this.functions = new FunctionTable(layout !== undefined);
    this.makeTransfer = () => this.makeTransferFor(memory, changeMode, layout);
    this.setMode();
  }
  /** When there is a region. */
  private makeTransferFor(
    memory: PhysicalMemory,
    changeMode: () => boolean,
    layout: AsmLayout | undefined,
  ): () => number {
    const calls: TransferCalls = {
      go: this.functions.call,
      lookUp: (eip) => this.lookUp(eip),
      frameOf: (linear) => this.frameOf(linear),
      changeMode: () => {
        this.modeChanges++;
        return changeMode() ? 1 : 0;
      },
      moveCode: () => this.moveCode(),
      interpret: this.interpret ?? noInterpreter,
      left: (record, site, base) => this.left(record, site, base),
      called: (record, call, base) => this.called(record, call, base),
    };
    const { code } = memory.processor;
    if (layout === undefined || !code) return plainTransfer(calls, { r: this.cpu.r, L: this.area.words });
    const { links: L, execute: XT, slots: P, heat, ways, map: MAP } = code;
    return aheadTransfer(calls, layout, { L, XT, P, heat, ways, MAP, AREA: 0 });
  }

  /** What interprets between regions, if it is compiled ahead of time like them. */
  set interpreter(run: Run) {
    this.interpret = run;
    if (this.transfer !== undefined) this.transfer = this.makeTransfer();
  }

  /** Runs the region at r[R_EIP] and the regions that it leads to; see RegionEnd. Other code may be interpreted in between if `interprets`. */
  enter(interprets: boolean): number {
    if (this.transfer === undefined) return RegionEnd.NOWHERE;
    this.area.words[AT.INTERPRETS] = interprets && this.interpret !== undefined ? 1 : 0;
    const end = this.transfer();
    if (end === RegionEnd.UNTRANSLATED) this.untranslated++;
    else if (end === RegionEnd.LEFT) this.pending++;
    return end;
  }

  /** Instructions that were interpreted since `enter` began. */
  get interpreted(): number {
    return this.area.words[AT.INTERPRETED]!;
  }

  // ---- records -------------------------------------------------------------------------------------------------------------
  /** Whether there is room for a region with so many sites, calls and pages. */
  hasRoom(sites: number, calls: number, pages: number): boolean {
    return this.area.hasRoom(sizeOf(sites, calls, pages));
  }

  /** Makes the record of a region. */
  record(parts: RegionParts, countdowns: Countdowns): Pick<LinkedRegion, 'record' | 'words' | 'calls'> {
    const { sites, calls, longest } = parts.translation;
    const size = sizeOf(sites.length, calls.length, parts.pages.length);
    const { words } = this.area;
    const record = this.area.allocate(size);
    const callsAt = record + RECORD.SITES + (sites.length << SITE_SHIFT);
    const framesAt = callsAt + (calls.length << CALL_SHIFT);
    words[record + RECORD.FUNCTION] = (longest << NUMBER_BITS) | parts.number;
    words[record + RECORD.SERIAL] = ++this.serial;
    words[record + RECORD.CALLS] = callsAt;
    words[record + RECORD.FRAMES] = framesAt;
    words[record + RECORD.FRAMES_END] = framesAt + parts.pages.length * FRAME_WORDS;
    words[record + RECORD.IS_FIXED] = parts.fixedPageEip === undefined ? 0 : 1;
    words[record + RECORD.FIXED] = parts.fixedPageEip ?? 0;
    this.writeSites(record, parts, countdowns.ways);
    parts.pages.forEach(({ page, frame }, i) => {
      words[framesAt + i * FRAME_WORDS] = page << 12;
      words[framesAt + i * FRAME_WORDS + 1] = frame;
    });
    return { record, words: size, calls: this.writeCalls(callsAt, calls, countdowns) };
  }
  private writeSites(record: number, { translation, siteBase }: RegionParts, countdown: number): void {
    const { words } = this.area;
    translation.sites.forEach(({ offset, uncounted, kind }, i) => {
      const at = record + RECORD.SITES + (i << SITE_SHIFT);
      const goesOn = kind === SITE_GOES_ON;
      words[at + SITE.OFFSET] = offset;
      words[at + SITE.COUNT] = uncounted;
      words[at + SITE.NUMBER] = goesOn ? 0 : siteBase | i;
      words[at + SITE.COUNTDOWN] = goesOn ? countdown : NEVER;
    });
  }
  private writeCalls(callsAt: number, calls: Translation['calls'], countdowns: Countdowns): CallSite[] {
    const { words } = this.area;
    return calls.map((call, i) => {
      const at = callsAt + (i << CALL_SHIFT);
      words[at + CALL.BACK] = call.back;
      words[at + CALL.CODE] = call.code;
      words[at + CALL.NEEDS] = call.needs;
      words[at + CALL.COUNTDOWN] = call.direct ? countdowns.ways : countdowns.jumps;
      return new CallSite(call, words, at);
    });
  }

  /** The region can be entered from now on. */
  admit(region: LinkedRegion, run: RegionFunction): void {
    this.regions[region.number] = region;
    this.functions.set(region.number, run);
    this.transfer ??= this.makeTransfer();
  }
  /** It cannot any more. It may be running: its record stays as it is until another region is made. */
  withdraw({ number, record, words }: LinkedRegion): void {
    const { r } = this.cpu;
    r[R_EPOCH] = r[R_EPOCH]! + 1;
    this.regions[number] = undefined;
    this.functions.forget(number);
    this.area.words[record + RECORD.SERIAL] = 0;
    this.area.release(record, words);
  }

  /** Offsets in CS of what a region at `base` was so often left for that fewer than `below` times are missing to make it part of the region. */
  wayTargets({ record, sites, calls }: LinkedRegion, base: number, below: number): number[] {
    const { words } = this.area;
    const targets: number[] = [];
    for (let site = 0; site < sites.length; site++) {
      const at = record + RECORD.SITES + (site << SITE_SHIFT);
      if (words[at + SITE.COUNTDOWN]! < below) targets.push((base + words[at + SITE.OFFSET]!) | 0);
    }
    for (const { direct, countdown, last } of calls) if (direct && countdown < below) targets.push(last);
    return targets;
  }

  // ---- called by the transfers -------------------------------------------------------------------------------------------
  private left(record: number, site: number, base: number): void {
    const { words } = this.area;
    words[record + RECORD.SITES + (site << SITE_SHIFT) + SITE.COUNTDOWN] = NEVER;
    this.heat(record, base);
  }
  private called(record: number, index: number, base: number): void {
    const call = this.regionOf(record)?.calls[index];
    if (call === undefined) return;
    if (!call.direct) {
      this.targets.note(call, (this.cpu.r[R_EIP]! - base - call.at) | 0);
      if (this.targets.ready.length > 0) this.area.words[AT.INTERPRETS] = 0;
      return;
    }
    call.countdown = NEVER;
    this.heat(record, base);
  }
  private heat(record: number, base: number): void {
    this.area.words[AT.INTERPRETS] = 0;
    const region = this.regionOf(record);
    if (region !== undefined) this.hot.push({ region, base, to: this.cpu.r[R_EIP]! });
  }

  private regionOf(record: number): LinkedRegion | undefined {
    return this.regions[this.area.words[record + RECORD.FUNCTION]! & NUMBER_MASK];
  }

  /** The link to the region entry at `eip` in the current mode; 0 if there is none or it may not be entered. */
  private lookUp(eip: number): number {
    const { cache, view } = this;
    this.area.words[AT.LOOKED_UP]!++;
    const codeBase = this.cpu.r[R_SEGMENT_BASE + 1]!;
    const linear = (eip + codeBase) | 0;
    if (!this.cpu.mmu.prefetch(linear)) return 0;
    const translated = view.execute[linear >>> 12]!;
    const slot = cache.map[cache.pages[(translated ^ linear) >>> 12]! + (linear & 4095)]!;
    if ((cache.slots[slot]! & FORM_MASK) !== SpecialForm.REGION) return 0;
    return this.link(slot, ((linear & -4096) - codeBase) | 0, eip);
  }

  private link(slot: number, pageEip: number, eip: number): number {
    const { region, code, pageDelta, needs } = this.entryOf(slot);
    const base = (pageEip - pageDelta) | 0;
    const pages = this.pagesOf(region.record, base);
    if ((needs & ~pages) !== 0) return 0;
    const { words } = this.area;
    const index = (eip ^ (eip >>> 12)) & (LINK_COUNT - 1);
    const at = LINKS + (index << LINK_SHIFT);
    words[at + WAY.EIP] = eip;
    words[at + WAY.CODE] = (words[AT.MODE]! << 16) | code;
    words[at + WAY.EPOCH] = this.cpu.r[R_EPOCH]!;
    words[at + WAY.BASE] = base;
    words[at + WAY.PAGES] = pages;
    words[at + WAY.RECORD] = region.record;
    words[at + WAY.FUNCTION] = words[region.record + RECORD.FUNCTION]!;
    words[KEPT + (index << KEPT_SHIFT)] = words[region.record + RECORD.SERIAL]!;
    words[KEPT + (index << KEPT_SHIFT) + 1] = needs;
    return at;
  }

  /**
   * Which pages of a region are where they were when it was made (`pageBit`) and have been fetched from in this address space, as their accessed bits tell:
   * setting one is left to the interpreter's fetch. The region itself asks before it goes to another page.
   */
  private pagesOf(record: number, base: number): number {
    const { words } = this.area;
    if (words[record + RECORD.IS_FIXED] !== 0 && words[record + RECORD.FIXED] !== base) return 0;
    const linear = (base + this.cpu.r[R_SEGMENT_BASE + 1]!) | 0;
    const first = words[record + RECORD.FRAMES]!;
    const last = words[record + RECORD.FRAMES_END]!;
    let missing = 0;
    for (let at = first, i = 0; at < last; at += FRAME_WORDS, i++) {
      if (this.frameOf((linear + words[at]!) | 0) !== words[at + 1]) missing |= pageBit(i);
    }
    return ~missing;
  }
  private frameOf(linear: number): number {
    return this.cpu.mmu.prefetch(linear) ? (this.view.execute[linear >>> 12]! ^ linear) >>> 12 : -1;
  }

  // ---- modes ---------------------------------------------------------------------------------------------------------------
  /** The mode of the code cache, or the privilege level, may be another one. */
  setMode(): void {
    const { words } = this.area;
    const { mode } = this.cache;
    words[AT.EXECUTE] = this.cpu.r[R_CPL] === 3 ? EXECUTE_ENTRIES : 0;
    if (mode === this.mode) return;
    const last = words[AT.MODE]!;
    this.codeBases[last] = words[AT.CODE_BASE]!;
    // Calls of the system go to and fro between two modes.
    const number = mode === this.lastMode ? this.lastNumber : this.numberOf(mode);
    this.lastMode = this.mode;
    this.lastNumber = last;
    this.mode = mode;
    words[AT.MODE] = number;
    words[AT.PAGES] = this.cache.pagesAt >> 2;
    words[AT.CODE_BASE] = this.codeBases[number]!;
  }
  private numberOf(mode: number): number {
    const known = this.modes.get(mode);
    if (known !== undefined) return known;
    const number = this.modes.size + 1;
    this.modes.set(mode, number);
    this.codeBases[number] = this.cpu.r[R_SEGMENT_BASE + 1]!;
    return number;
  }
  private lastMode = -1;
  private lastNumber = 0;

  /**
   * Another base of CS makes all links of the mode doubtful: each is looked at again before it is used. Real mode comes here with every call
   * of the BIOS, so that nothing may be done for each link now.
   */
  private moveCode(): void {
    const { r } = this.cpu;
    this.area.words[AT.CODE_BASE] = r[R_SEGMENT_BASE + 1]!;
    r[R_EPOCH] = r[R_EPOCH]! + 1;
  }

  clear(): void {
    this.targets.clear();
    this.hot.length = 0;
    this.area.clear();
  }

  /** Why runs of regions ended, and how transfers found their region. */
  get counts(): Record<
    | 'entered'
    | 'returned'
    | 'renewed'
    | 'lookedUp'
    | 'budget'
    | 'interpreted'
    | 'modes'
    | 'pending'
    | 'untranslated',
    number
  > {
    const at = (word: number): number => this.area.words[word]! >>> 0;
    return {
      entered: at(AT.ENTERED),
      returned: at(AT.RETURNED),
      renewed: at(AT.RENEWED),
      lookedUp: at(AT.LOOKED_UP),
      budget: at(AT.BUDGET),
      interpreted: at(AT.INTERPRETER),
      modes: this.modeChanges,
      pending: this.pending,
      untranslated: this.untranslated,
    };
  }
}

const sizeOf = (sites: number, calls: number, pages: number): number =>
  RECORD.SITES + (sites << SITE_SHIFT) + (calls << CALL_SHIFT) + pages * FRAME_WORDS;
