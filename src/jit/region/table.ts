/** Regions in service: translation on demand, entry, the accesses that missed often, removal. */
import type { CachedRegion, CodeCache } from '../../runtime/code-cache.js';
import { segmentAllows } from '../../runtime/helpers/segments.js';
import type { PhysicalMemory } from '../../runtime/memory.js';
import { R_BUDGET, R_CPL, R_EIP, R_PENDING, R_SEGMENT_BASE, R_SITE, type Cpu } from '../../runtime/state.js';
import { sharedEnvironment } from '../shared-environment.js';
import { checkWrap } from '../wrapped-access.js';
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
  /** How often each site was left by. */
  readonly left: Float64Array;
  /** By site: 0 goes on anywhere, 1 the interpreter's instruction, 2 a missed access. */
  readonly siteKinds: Uint8Array;
  readonly longest: number;
  /** 16-bit code depends on where its page lies, because offsets wrap. */
  readonly fixedPageEip: number | undefined;
}
interface Entry {
  readonly region: Region;
  readonly run: RegionFunction;
  /** Budget that must be there. */
  readonly longest: number;
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

/**
 * Where regions lead: a direct-mapped cache from EIP to entry, one per mode, valid for one generation of execute translations and one base of CS. A hit needs
 * no walk through TLB, page map and slots, whose tables are too large for the host's first caches.
 */
interface Transfers {
  readonly tags: Int32Array;
  readonly bases: Int32Array;
  readonly targets: (Entry | undefined)[];
  generation: number;
  codeBase: number;
}
const TRANSFERS = 4096;
const TRANSFER_MASK = TRANSFERS - 1;
const emptyTransfers = (): Transfers => ({
  tags: new Int32Array(TRANSFERS),
  bases: new Int32Array(TRANSFERS),
  targets: new Array<Entry | undefined>(TRANSFERS).fill(undefined),
  generation: -1,
  codeBase: 0,
});

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
  private readonly transfers = new Map<number, Transfers>();
  private readonly callSites = new Set<number>();
  private readonly cpu: Cpu;
  private readonly memory: PhysicalMemory;
  private readonly cache: CodeCache;
  private readonly view: MemoryView;
  private readonly options: RegionOptions;
  private readonly shared: object;
  /** Why the run of regions ended, by cause. */
  private readonly exits = { access: 0, interpreter: 0, budget: 0, pending: 0, untranslated: 0 };
  /** Instructions that a region left to the interpreter, by mnemonic. */
  private readonly fallbacks: Record<string, number> = {};
  private readonly inService = new Set<Region>();
  private readonly counts = {
    translations: 0,
    regionSize: 0,
    sourceBytes: 0,
    compileMs: 0,
    retranslations: 0,
    entered: 0,
    leftAtAccess: 0,
  };

  constructor(cpu: Cpu, memory: PhysicalMemory, cache: CodeCache, view: MemoryView, options: RegionOptions) {
    this.cpu = cpu;
    this.memory = memory;
    this.cache = cache;
    this.view = view;
    this.options = options;
    this.shared = sharedEnvironment(cpu, memory, checkWrap);
  }

  /** The form that a region's entry slot had before. */
  formOf(slot: number): number {
    return this.entries[this.entryAt[slot >> 2]!]!.form;
  }

  /** Runs the region at an entry slot and the regions that it leads to. */
  enter(slot: number, pageEip: number): number {
    const { r, mmu } = this.cpu;
    let transfers = this.transfersNow();
    let { tags, targets, bases } = transfers;
    let at = this.admit(slot, pageEip, r[R_EIP]!, transfers);
    if (at < 0) return RegionEnd.INTERPRET;
    let entered = 0;
    for (;;) {
      const entry = targets[at]!;
      if (r[R_BUDGET]! < entry.longest) {
        this.exits.budget++;
        break;
      }
      entered++;
      const { run } = entry;
      run(entry.code, bases[at]!);
      const site = r[R_SITE]!;
      if (site !== 0) {
        const kind = entry.region.siteKinds[site]!;
        entry.region.left[site]!++;
        if (kind !== 0) {
          if (kind === 2) this.missed(entry.region, site);
          break;
        }
      }
      if (r[R_PENDING] !== 0) {
        this.counts.entered += entered;
        this.exits.pending++;
        return RegionEnd.LEFT;
      }
      if (transfers.generation !== mmu.generation) {
        transfers = this.transfersNow();
        ({ tags, targets, bases } = transfers);
      }
      const eip = r[R_EIP]!;
      at = (eip ^ (eip >>> 12)) & TRANSFER_MASK;
      if (tags[at] === eip && targets[at] !== undefined) continue;
      at = this.find(eip, transfers);
      if (at < 0) {
        this.counts.entered += entered;
        this.exits.untranslated++;
        return RegionEnd.LEFT;
      }
    }
    this.counts.entered += entered;
    return RegionEnd.INTERPRET;
  }

  /** The transfer cache of the current mode, emptied if an execute translation has changed. */
  private transfersNow(): Transfers {
    const { generation } = this.cpu.mmu;
    let transfers = this.transfers.get(this.cache.mode);
    if (transfers === undefined) {
      transfers = emptyTransfers();
      this.transfers.set(this.cache.mode, transfers);
    }
    const codeBase = this.cpu.r[R_SEGMENT_BASE + 1]!;
    if (transfers.generation !== generation || transfers.codeBase !== codeBase) {
      transfers.targets.fill(undefined);
      transfers.generation = generation;
      transfers.codeBase = codeBase;
    }
    return transfers;
  }

  /** Place in the transfer cache of the region entry at `eip`; -1 if there is none or it may not be entered. */
  private find(eip: number, transfers: Transfers): number {
    const { cache, view } = this;
    const codeBase = this.cpu.r[R_SEGMENT_BASE + 1]!;
    const linear = (eip + codeBase) | 0;
    const translated = view.execute[linear >>> 12]!;
    if ((translated & 1) !== 0) return -1;
    const slot = cache.map[cache.pages[(translated ^ linear) >>> 12]! + (linear & 4095)]!;
    if ((cache.slots[slot]! & FORM_MASK) !== SpecialForm.REGION) return -1;
    return this.admit(slot, ((linear & -4096) - codeBase) | 0, eip, transfers);
  }
  private admit(slot: number, pageEip: number, eip: number, transfers: Transfers): number {
    const entry = this.entries[this.entryAt[slot >> 2]!]!;
    const base = (pageEip - entry.pageDelta) | 0;
    if (!this.mapsAsTranslated(entry.region, base)) return -1;
    const at = (eip ^ (eip >>> 12)) & TRANSFER_MASK;
    transfers.tags[at] = eip;
    transfers.targets[at] = entry;
    transfers.bases[at] = base;
    return at;
  }

  /**
   * The pages of a region must be where they were when it was made, and must have been fetched from in this address space: a page that no
   * instruction came from yet still has its accessed bit to be set, by the interpreter's fetch.
   */
  private mapsAsTranslated(region: Region, pageEip: number): boolean {
    if (region.fixedPageEip !== undefined && region.fixedPageEip !== pageEip) return false;
    const linear = (pageEip + this.cpu.r[R_SEGMENT_BASE + 1]!) | 0;
    for (const { page, frame } of region.pages) {
      const there = (linear + (page << 12)) | 0;
      const entry = this.view.execute[there >>> 12]!;
      if ((entry & 1) !== 0 || (entry ^ there) >>> 12 !== frame) return false;
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
    const mode = modeView(cache.mode, this.cpu);
    const graph = new RegionGraph(
      offset,
      this.codeBytes(pageEip, mapBase),
      mode,
      this.options.regionLimit ?? REGION_LIMIT,
    );
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
      left: new Float64Array(translation.sites.length),
      siteKinds: Uint8Array.from(translation.sites, (site) =>
        site.access >= 0 ? 2 : site.interpret ? 1 : 0,
      ),
      longest: translation.longest,
      fixedPageEip: fixed ? pageEip : undefined,
      kill: () => this.withdraw(region),
    };
    for (const block of graph.blocks) {
      for (const { offset, instruction } of block.body) this.cover(graph, offset, instruction.length);
    }
    for (const [offset, code] of translation.entries) this.patch(graph, region, offset, code);
    this.inService.add(region);
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
    const { run, longest } = region;
    this.entries.push({ region, run, longest, code, pageDelta: offset & ~4095, slot, form });
  }

  private withdraw(region: Region): void {
    this.tally(region);
    this.inService.delete(region);
    this.forgetTransfers();
    for (const { slot, form } of region.patched) {
      this.cache.slots[slot] = (this.cache.slots[slot]! & ~FORM_MASK) | form;
      this.entries[this.entryAt[slot >> 2]!] = undefined;
      this.entryAt[slot >> 2] = 0;
    }
  }

  private environment(translation: Translation): object {
    const { cpu } = this;
    const user = cpu.r[R_CPL] === 3 ? 1 : 0;
    return {
      ...this.shared,
      RT: cpu.mmu.readTlb[user],
      WT: cpu.mmu.writeTlb[user],
      segmentAllows,
      siteOffsets: Int32Array.from(translation.sites, (s) => s.offset),
      siteCounts: Int32Array.from(translation.sites, (s) => s.uncounted),
    };
  }

  private forgetTransfers(): void {
    for (const transfers of this.transfers.values()) transfers.targets.fill(undefined);
  }

  /** Everything was thrown away. */
  clear(): void {
    this.forgetTransfers();
    this.entryAt.fill(0);
    this.entries.length = 1;
  }

  /** Adds a region's exits to the totals. */
  private tally(region: Region): void {
    region.translation.sites.forEach((site, number) => {
      const count = region.left[number]!;
      region.left[number] = 0;
      if (count === 0) return;
      if (site.access >= 0) this.exits.access += count;
      else if (site.interpret) {
        this.exits.interpreter += count;
        this.fallbacks[site.mnemonic] = (this.fallbacks[site.mnemonic] ?? 0) + count;
      }
    });
  }

  statistics(): object {
    for (const region of this.inService) this.tally(region);
    const { exits, fallbacks, counts, callSites } = this;
    return { ...counts, callSites: callSites.size, exits: { ...exits }, fallbacks: { ...fallbacks } };
  }
}
