/** Regions in service: translation on demand, entry, the accesses that missed often, removal. */
import type { CachedRegion, CodeCache } from '../../runtime/code-cache.js';
import { carries, carry, condition, parityOf, statusFlags } from '../../runtime/flags.js';
import { segmentAllows } from '../../runtime/helpers/segments.js';
import type { PhysicalMemory } from '../../runtime/memory.js';
import { R_BUDGET, R_CPL, R_SEGMENT_BASE, R_SITE, type Cpu } from '../../runtime/state.js';
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
  /** 16-bit code depends on where its page lies, because offsets wrap. */
  readonly fixedPageEip: number | undefined;
  checkedGeneration: number;
  checkedPageEip: number;
}
interface Entry {
  readonly region: Region;
  readonly code: number;
  readonly form: number;
}

export class RegionTable {
  private readonly entries = new Map<number, Entry>();
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
    return this.entries.get(slot)!.form;
  }

  /** Runs the region at an entry slot; true if the instruction where r[R_EIP] then stands is the interpreter's (also when the region may not be entered now). */
  enter(slot: number, pageEip: number): boolean {
    const entry = this.entries.get(slot)!;
    const { region } = entry;
    const { r, mmu } = this.cpu;
    if (r[R_BUDGET]! < region.translation.longest) return true;
    if (region.checkedGeneration !== mmu.generation || region.checkedPageEip !== pageEip) {
      if (!this.mapsAsTranslated(region, pageEip)) return true;
      region.checkedGeneration = mmu.generation;
      region.checkedPageEip = pageEip;
    }
    this.counts.entered++;
    region.run(entry.code, pageEip);
    const number = r[R_SITE]!;
    if (number === 0) return false;
    const site = region.translation.sites[number]!;
    if (site.access >= 0) this.missed(region, number);
    return site.interpret;
  }

  /** The other pages of a region must be where they were when it was made. */
  private mapsAsTranslated(region: Region, pageEip: number): boolean {
    if (region.fixedPageEip !== undefined && region.fixedPageEip !== pageEip) return false;
    const { mmu, r } = this.cpu;
    const linear = (pageEip + r[R_SEGMENT_BASE + 1]!) | 0;
    for (const { page, frame } of region.pages) {
      if (page === 0) continue;
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
    if (slot === 0 || (offset >> 12 !== 0 && !this.entersFromOtherPage)) return;
    const form = cache.slots[slot]! & FORM_MASK;
    if (form === SpecialForm.REGION) return;
    cache.slots[slot] = (cache.slots[slot]! & ~FORM_MASK) | SpecialForm.REGION;
    region.patched.push({ slot, form });
    this.entries.set(slot, { region, code, form });
  }
  private readonly entersFromOtherPage = false;

  private withdraw(region: Region): void {
    for (const { slot, form } of region.patched) {
      this.cache.slots[slot] = (this.cache.slots[slot]! & ~FORM_MASK) | form;
      this.entries.delete(slot);
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
    this.entries.clear();
  }

  statistics(): object {
    return { ...this.counts, callSites: this.callSites.size };
  }
}
