/** Regions in service: translation on demand, entry, the accesses that missed often, removal. */
import type { CachedRegion, CodeCache } from '../../runtime/code-cache.js';
import { carries, carry, condition, parityOf, statusFlags } from '../../runtime/flags.js';
import { segmentAllows } from '../../runtime/helpers/segments.js';
import type { PhysicalMemory } from '../../runtime/memory.js';
import { R_BUDGET, R_CPL, R_EIP, R_PENDING, R_SEGMENT_BASE, R_SITE, type Cpu } from '../../runtime/state.js';
import { HELPER_TABLE } from '../helper-table.js';
import type { MemoryView } from '../interpreter/environment.js';
import { SpecialForm } from '../interpreter/forms.js';
import { modeView } from '../mode-view.js';
import { RegionGraph, type CodeBytes } from './graph.js';
import { translate, type RegionFunction, type Translation } from './translate.js';

export interface RegionOptions {
  /** Instructions a region may have. */
  readonly regionLimit?: number;
  /** Every access completes by a call when its check fails, instead of leaving the region. */
  readonly completeAccesses?: boolean;
  /** Called with each region's source, for tests and tools. */
  readonly onTranslation?: (name: string, source: string) => void;
}

const FORM_MASK = 4095;
const REGION_LIMIT = 300;
/** Exits by a missed access until the region is made again with a call there. */
const MISSES_BEFORE_CALL = 48;
/** A slot that cannot be translated is not tried again for so many executions. */
const COOL_DOWN = 0x100000;

interface Region extends CachedRegion {
  readonly run: RegionFunction;
  readonly translation: Translation;
  readonly patched: { readonly slot: number; readonly form: number }[];
  readonly pages: readonly { readonly page: number; readonly frame: number }[];
  readonly misses: Uint8Array;
  /** By site: 0 goes on anywhere, 1 the interpreter's instruction, 2 a missed access. */
  readonly siteKinds: Uint8Array;
  readonly longest: number;
  /** 16-bit code depends on where its page lies, because offsets wrap. */
  readonly fixedPageEip: number | undefined;
  checkedGeneration: number;
  checkedPageEip: number;
}
interface Entry {
  readonly region: Region;
  /** Value of `pc` that enters there. */
  readonly code: number;
  /** Offset of the entry's page from the region's page. */
  readonly pageDelta: number;
  readonly slot: number;
  /** The slot's own form. */
  readonly form: number;
}
/** Slots that the cache can hold; entries are found by slot number. */
const SLOTS = 1 << 20;

/** How a run of regions ended. */
export const RegionEnd = {
  /** r[R_EIP] is not an entry, or something is pending. */
  LEFT: 0,
  /** The instruction at r[R_EIP] is the interpreter's. */
  INTERPRET: 1,
} as const;

export class RegionTable {
  /** By slot number: index into `entries`, 0 for none. */
  private readonly entryAt = new Int32Array(SLOTS);
  private readonly entries: (Entry | undefined)[] = [undefined];
  private readonly callSites = new Set<number>();
  private readonly cpu: Cpu;
  private readonly memory: PhysicalMemory;
  private readonly cache: CodeCache;
  private readonly view: MemoryView;
  private readonly options: RegionOptions;
  private readonly counts = { translations: 0, regionSize: 0, sourceBytes: 0, compileMs: 0, retranslations: 0, entered: 0, leftAtAccess: 0 };

  constructor(cpu: Cpu, memory: PhysicalMemory, cache: CodeCache, view: MemoryView, options: RegionOptions) {
    this.cpu = cpu;
    this.memory = memory;
    this.cache = cache;
    this.view = view;
    this.options = options;
  }

  /** The form that a region's entry slot had before. */
  formOf(slot: number): number {
    return this.entries[this.entryAt[slot >> 2]!]!.form;
  }

  /** Runs the region at an entry slot and the regions that it leads to. */
  enter(slot: number, pageEip: number): number {
    const { r, mmu } = this.cpu;
    const { entryAt, entries, cache, view } = this;
    const { slots, map } = cache;
    const executeTlb = view.execute;
    const codeBase = r[R_SEGMENT_BASE + 1]!;
    const { pages } = cache;
    for (;;) {
      const entry = entries[entryAt[slot >> 2]!]!;
      const { region } = entry;
      const base = (pageEip - entry.pageDelta) | 0;
      if (r[R_BUDGET]! < region.longest) return RegionEnd.INTERPRET;
      if (region.checkedGeneration !== mmu.generation || region.checkedPageEip !== base) {
        if (!this.mapsAsTranslated(region, base)) return RegionEnd.INTERPRET;
        region.checkedGeneration = mmu.generation;
        region.checkedPageEip = base;
      }
      this.counts.entered++;
      const { run } = region;
      run(entry.code, base);
      const number = r[R_SITE]!;
      if (number !== 0) {
        const kind = region.siteKinds[number]!;
        if (kind !== 0) {
          if (kind === 2) this.missed(region, number);
          return RegionEnd.INTERPRET;
        }
      }
      if (r[R_PENDING] !== 0) return RegionEnd.LEFT;
      const linear = (r[R_EIP]! + codeBase) | 0;
      const translated = executeTlb[linear >>> 12]!;
      if ((translated & 1) !== 0) return RegionEnd.LEFT;
      slot = map[pages[(translated ^ linear) >>> 12]! + (linear & 4095)]!;
      if ((slots[slot]! & FORM_MASK) !== SpecialForm.REGION) return RegionEnd.LEFT;
      pageEip = ((linear & -4096) - codeBase) | 0;
    }
  }

  /** The other pages of a region must be where they were when it was made. */
  private mapsAsTranslated(region: Region, pageEip: number): boolean {
    if (region.fixedPageEip !== undefined && region.fixedPageEip !== pageEip) return false;
    const { mmu, r } = this.cpu;
    const linear = (pageEip + r[R_SEGMENT_BASE + 1]!) | 0;
    for (const { page, frame } of region.pages) {
      const there = (linear + (page << 12)) | 0;
      const entry = this.view.execute[there >>> 12]!;
      const machine = (entry & 1) === 0 ? entry ^ there : mmu.probeFetch(there);
      if (machine < 0 || machine >>> 12 !== frame) return false;
    }
    return true;
  }

  /** A site that misses again and again (misaligned data, MMIO, a page that is flushed often) gets a call. */
  private missed(region: Region, site: number): void {
    this.counts.leftAtAccess++;
    if (++region.misses[site]! < MISSES_BEFORE_CALL) return;
    this.callSites.add(region.translation.sites[site]!.access);
    this.counts.retranslations++;
    this.cache.removeRegion(region);
  }

  /** Translates from a slot; false where nothing can be translated. */
  translate(slot: number, pageEip: number, mapBase: number): boolean {
    const { cache } = this;
    if ((cache.slots[slot]! & FORM_MASK) === SpecialForm.REGION) return true;
    const offset = cache.slots[slot + 3]! & 4095;
    const started = performance.now();
    const mode = modeView(cache.mode);
    const graph = new RegionGraph(offset, this.codeBytes(pageEip, mapBase), mode, this.options.regionLimit ?? REGION_LIMIT);
    if (graph.size === 0 || graph.blocks[0]!.body.length === 0) {
      cache.heat[slot >> 2] = COOL_DOWN;
      return false;
    }
    const name = `region-${((graph.frames.get(0)! << 12) | offset).toString(16)}-${this.counts.translations}`;
    const { completeAccesses } = this.options;
    const translation = translate(graph, {
      mode,
      name,
      calls: (machine) => completeAccesses === true || this.callSites.has(machine),
    });
    this.install(graph, translation, pageEip, mode.codeSize === 16);
    this.counts.compileMs += performance.now() - started;
    this.counts.translations++;
    this.counts.regionSize += translation.instructions;
    this.counts.sourceBytes += translation.code.source.length;
    this.options.onTranslation?.(name, translation.code.source);
    return true;
  }

  private codeBytes(pageEip: number, mapBase: number): CodeBytes {
    const { cpu, cache, memory } = this;
    const linear = (pageEip + cpu.r[R_SEGMENT_BASE + 1]!) | 0;
    const bases = new Map<number, number>([[0, mapBase]]);
    const frame = (page: number): number => {
      const machine = cpu.mmu.probeFetch((linear + (page << 12)) | 0);
      return machine < 0 ? -1 : machine >>> 12;
    };
    const slotAt = (offset: number): number => {
      const page = offset >> 12;
      let base = bases.get(page);
      if (base === undefined) {
        const there = frame(page);
        base = there < 0 ? 0 : cache.pages[there]!;
        bases.set(page, base);
      }
      return cache.map[base + (offset & 4095)]!;
    };
    return {
      memory: memory.u8,
      pageEip,
      frame,
      seen: (offset) => slotAt(offset) !== 0,
      taken: (offset) => (cache.slots[slotAt(offset)]! & FORM_MASK) === SpecialForm.REGION,
    };
  }

  private install(graph: RegionGraph, translation: Translation, pageEip: number, fixed: boolean): void {
    const { cache } = this;
    const pages = [...graph.frames].map(([page, frame]) => ({ page, frame }));
    const region: Region = {
      frames: [...new Set(graph.frames.values())],
      pages,
      translation,
      run: translation.code.instantiate(this.environment(translation)) as RegionFunction,
      patched: [],
      misses: new Uint8Array(translation.sites.length),
      siteKinds: Uint8Array.from(translation.sites, (site) => (site.access >= 0 ? 2 : site.interpret ? 1 : 0)),
      longest: translation.longest,
      fixedPageEip: fixed ? pageEip : undefined,
      checkedGeneration: -1,
      checkedPageEip: 0,
      kill: () => this.withdraw(region),
    };
    for (const block of graph.blocks) {
      for (const { offset, instruction } of block.body) this.cover(graph, offset, instruction.length);
    }
    for (const [offset, code] of translation.entries) this.patch(graph, region, offset, code);
    cache.addRegion(region);
  }
  private cover(graph: RegionGraph, offset: number, length: number): void {
    const inPage = Math.min(length, 4096 - (offset & 4095));
    this.cache.coverBytes(graph.frames.get(offset >> 12)!, offset & 4095, inPage);
    if (inPage < length) this.cache.coverBytes(graph.frames.get((offset >> 12) + 1)!, 0, length - inPage);
  }
  /** Makes the slot at an entry lead into the region. */
  private patch(graph: RegionGraph, region: Region, offset: number, code: number): void {
    const { cache } = this;
    const slot = cache.map[cache.pages[graph.frames.get(offset >> 12)!]! + (offset & 4095)]!;
    if (slot === 0) return;
    const form = cache.slots[slot]! & FORM_MASK;
    if (form === SpecialForm.REGION) return;
    cache.slots[slot] = (cache.slots[slot]! & ~FORM_MASK) | SpecialForm.REGION;
    region.patched.push({ slot, form });
    this.entryAt[slot >> 2] = this.entries.length;
    this.entries.push({ region, code, pageDelta: offset & ~4095, slot, form });
  }

  private withdraw(region: Region): void {
    for (const { slot, form } of region.patched) {
      this.cache.slots[slot] = (this.cache.slots[slot]! & ~FORM_MASK) | form;
      this.entries[this.entryAt[slot >> 2]!] = undefined;
      this.entryAt[slot >> 2] = 0;
    }
  }

  private environment(translation: Translation): object {
    const { cpu, memory } = this;
    const { mmu } = cpu;
    const user = cpu.r[R_CPL] === 3 ? 1 : 0;
    return {
      cpu,
      r: cpu.r,
      dv: memory.view,
      u8: memory.u8,
      RT: mmu.readTlb[user],
      WT: mmu.writeTlb[user],
      read8: (a: number) => mmu.read8(a),
      read16: (a: number) => mmu.read16(a),
      read32: (a: number) => mmu.read32(a),
      write8: (a: number, v: number) => mmu.write8(a, v),
      write16: (a: number, v: number) => mmu.write16(a, v),
      write32: (a: number, v: number) => mmu.write32(a, v),
      probeWrite: (a: number, size: number) => mmu.probeWrite(a, size),
      segmentAllows,
      condition,
      carry,
      carries,
      statusFlags,
      parityOf,
      helpers: HELPER_TABLE,
      siteOffsets: Int32Array.from(translation.sites, (s) => s.offset),
      siteCounts: Int32Array.from(translation.sites, (s) => s.uncounted),
    };
  }

  /** Everything was thrown away. */
  clear(): void {
    this.entryAt.fill(0);
    this.entries.length = 1;
  }

  statistics(): object {
    return { ...this.counts, callSites: this.callSites.size };
  }
}
