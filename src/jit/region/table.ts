/** Regions in service: translation on demand, entry, the accesses that missed often, removal. */
import type { CodeCache } from '../../runtime/code-cache.js';
import { segmentAllows } from '../../runtime/helpers/segments.js';
import type { PhysicalMemory } from '../../runtime/memory.js';
import { tableAt } from '../../runtime/processor-area.js';
import { FPU_MXCSR, FPU_X87_NUMBERS, FPU_X87_STATE } from '../../runtime/fpu/state.js';
import { CLASS, EXTENDED_NEAREST } from '../../runtime/fpu/x87-short-core.js';
import {
  R_BUDGET,
  R_CPL,
  R_EIP,
  R_SITE,
  R_SEGMENT_BASE,
  S_ATTRIBUTES,
  type Cpu,
} from '../../runtime/state.js';
import { isInlineX87 } from '../emit/vector.js';
import { sharedEnvironment } from '../shared-environment.js';
import { checkWrap } from '../wrapped-access.js';
import type { MemoryView } from '../interpreter/environment.js';
import { SpecialForm } from '../interpreter/forms.js';
import type { Run } from '../interpreter/generated.js';
import type { Instruction } from '../../decoder/instruction.js';
import { modeView } from '../mode-view.js';
import type { ModeView } from '../builder.js';
import type { AsmLayout } from './asm-printer.js';
import { boundEnvironment } from './bound-environment.js';
import { codeAround, type CodeBytes, type Knowledge, type KnownRegion } from './code-bytes.js';
import { JOINED, RegionGraph } from './graph.js';
import { hasWordImmediate } from '../semantics/index.js';
import { Events } from './events.js';
import { Exits } from './exits.js';
import { ExpectedControl } from './expected-control.js';
import { Joins } from './joins.js';
import { Links, type Entry, type HotWay, type LinkedRegion } from './links.js';
import { SITE_ACCESS, SITE_CONTROL, SITE_EXPECTED, type SiteKind } from './sites.js';
import { Misses } from './misses.js';
import { outerStarts } from './outer-starts.js';
import { isIn, spansOf } from './spans.js';
import { Targets } from './targets.js';
import { RegionEnd } from './transfer.js';
import { translate, type RegionFunction, type Translation, type WayIn } from './translate.js';

export interface RegionOptions {
  /** Instructions a region may have. */
  readonly regionLimit?: number;
  /** Times that a region is left for one place, or at an indirect jump or call before its targets are counted, to be taken into the region. */
  readonly targetThreshold?: number;
  /** Every access completes by a call when its check fails, instead of leaving the region. */
  readonly completeAccesses?: boolean;
  /** Called with each region's source, for tests and tools. */
  readonly onTranslation?: (name: string, source: string) => void;
  /** False: the interpreter is never compiled ahead of time (tests that make many engines). */
  readonly train?: boolean;
}

const FORM_MASK = 4095;
const REGION_LIMIT = 120;
/** Leaving a region so often costs about as much as making it again. */
const TARGET_THRESHOLD = 50_000;
/** A slot that cannot be translated is not tried again for so many executions. */
const COOL_DOWN = 0x100000;

/** Of the translation no more than this is kept: its source alone is four times as large as the code. */
interface Region extends LinkedRegion {
  readonly weight: number;
  readonly ahead: boolean;
  readonly spans: Int32Array;
  /** Offsets of the entries relative to the page. */
  readonly entries: readonly number[];
  readonly patched: { readonly slot: number; readonly form: number }[];
  readonly misses: Misses;
  /** How often each site was left by. */
  readonly left: Float64Array;
}
const SITE_BITS = 12,
  SITE_MASK = 4095;
/** Slots that the cache can hold; entries are found by slot number. */
const SLOTS = 1 << 20;

export class RegionTable {
  /** By slot number: index into `entries`, 0 for none. */
  private readonly entryAt = new Int32Array(SLOTS);
  private readonly entries: (Entry | undefined)[] = [undefined];
  private readonly links: Links;
  /** Instructions whose accesses are completed by calls, and those that are checked by themselves. */
  private readonly callSites = new Set<number>();
  /** x87 instructions that their helpers do, because calls in place have not been enough. */
  private readonly helperSites = new Set<number>();
  private readonly alone = new Set<number>();
  private readonly mxcsr = new ExpectedControl();
  /** Beginnings of blocks where XMM registers were not as expected. */
  private readonly plainBlocks = new Set<number>();
  /** Instructions whose immediate operand the guest changes. */
  private readonly variable: ReadonlySet<number>;
  private readonly cpu: Cpu;
  private readonly memory: PhysicalMemory;
  private readonly cache: CodeCache;
  private readonly options: RegionOptions;
  /** What regions refer to, by privilege: those compiled ahead of time, and others. */
  private readonly ahead: readonly object[];
  private readonly plain: readonly object[];
  readonly events: Events;
  private readonly joins: Joins;
  private readonly knowledge: Knowledge;
  private readonly targetThreshold: number;
  private readonly regionLimit: number;
  /** Instructions retired inside regions, about. */
  retired = 0;
  private readonly exits = new Exits();
  private readonly inService = new Set<Region>();
  /** r[R_SITE] holds a region's number here and the number of its site. */
  private readonly byNumber: (Region | undefined)[] = [];
  private readonly freeNumbers: number[] = [];
  private readonly counts = {
    translations: 0,
    regionSize: 0,
    sourceBytes: 0,
    compileMs: 0,
    retranslations: 0,
    leftAtAccess: 0,
    /** Regions that others took in. */
    absorbed: 0,
    /** Regions made again because they were often left for another one. */
    joined: 0,
    /** Regions in the subset that hosts compile ahead of time. */
    ahead: 0,
  };

  constructor(
    cpu: Cpu,
    memory: PhysicalMemory,
    cache: CodeCache,
    view: MemoryView,
    options: RegionOptions,
    changeMode: () => boolean,
    variable: ReadonlySet<number>,
  ) {
    this.variable = variable;
    this.cpu = cpu;
    this.memory = memory;
    this.cache = cache;
    this.options = options;
    const shared = sharedEnvironment(cpu, memory, checkWrap);
    this.events = new Events(() => this.layout(0));
    this.ahead = [0, 1].map((user) =>
      boundEnvironment(cpu, { ...shared, ...shared.x87 }, () => this.layout(user as 0 | 1)!, this.events),
    );
    this.plain = [0, 1].map((user) => ({
      ...shared,
      segmentAllows,
      storeDevice: () => 0,
      RT: cpu.mmu.readTlb[user],
      WT: cpu.mmu.writeTlb[user],
      sg: cpu.segments.selector,
      sys: cpu.system,
    }));
    for (const environment of this.plain) this.events.defineIn(environment);
    const entryOf = (slot: number): Entry => this.entries[this.entryAt[slot >> 2]!]!;
    this.targetThreshold = options.targetThreshold ?? TARGET_THRESHOLD;
    this.joins = new Joins(cpu, options.targetThreshold);
    this.regionLimit = options.regionLimit ?? REGION_LIMIT;
    const targets = new Targets(this.targetThreshold);
    const region = (slot: number, offset: number): KnownRegion => this.known(slot, offset);
    this.knowledge = { cpu, memory: memory.u8, cache, joins: this.joins, targets, region };
    const layout = memory.processor.code ? this.layout(0) : undefined;
    this.links = new Links(cpu, memory, cache, view, entryOf, changeMode, targets, layout);
  }

  /** The form that a region's entry slot had before. */
  formOf(slot: number): number {
    return this.entries[this.entryAt[slot >> 2]!]!.form;
  }

  /** What interprets between regions, if it is compiled ahead of time like them. */
  set interpreter(run: Run) {
    this.links.interpreter = run;
  }
  /** The mode of the code cache may be another one. */
  setMode(): void {
    this.links.setMode();
  }

  /** Runs the region at r[R_EIP], if there is one, and the regions that it leads to; see RegionEnd. */
  enter(interprets: boolean): number {
    const { trace, r } = this.cpu;
    const before = r[R_BUDGET]!;
    const { repeating } = trace;
    // A REP instruction that had stopped between two iterations goes on, unless it is the interpreter's.
    trace.repeating = -1;
    const end = this.links.enter(interprets);
    if (before === r[R_BUDGET]) trace.repeating = repeating;
    if (end === RegionEnd.NOWHERE) return end;
    this.retired += before - r[R_BUDGET]! - this.links.interpreted;
    const number = this.cpu.r[R_SITE]!;
    if (number !== 0) this.left(this.byNumber[number >>> SITE_BITS], number & SITE_MASK);
    if (this.links.targets.ready.length > 0) this.takeInTargets();
    while (this.links.hot.length > 0) this.join(this.links.hot.pop()!);
    return end;
  }

  /** A region returned because its instruction at `site` is the interpreter's; undefined if it was withdrawn while it ran. */
  private left(region: Region | undefined, site: number): void {
    if (region === undefined) return;
    region.left[site]!++;
    if (region.sites[site]!.kind < SITE_ACCESS || !this.missed(region, site)) return;
    this.counts.retranslations++;
    const base = (this.cpu.r[R_EIP]! - region.sites[site]!.offset) | 0;
    this.remake(region, base, this.entrySlot(region, base));
  }

  /** A site that misses again and again (misaligned data, MMIO, a page that is flushed often) gets a call: true if its region is to be made again. */
  private missed(region: Region, site: number): boolean {
    this.counts.leftAtAccess++;
    const { machines, kind, mnemonic } = region.sites[site]!;
    const again = isInlineX87(mnemonic) && machines.every((machine) => this.callSites.has(machine));
    if (!region.misses.note(site, this.retired, again)) return false;
    const remedy = again ? this.helperSites : this.remedyFor(kind, machines.length, machines[0]!);
    for (const machine of machines) remedy.add(machine);
    return true;
  }
  private remedyFor(kind: SiteKind, machines: number, first: number): Set<number> {
    if (kind === SITE_CONTROL) return this.mxcsr.remedyAt(first);
    if (kind === SITE_EXPECTED) return this.plainBlocks;
    return machines > 1 && kind === SITE_ACCESS ? this.alone : this.callSites;
  }

  /** Regions whose indirect jumps are known by now are made again. */
  private takeInTargets(): void {
    const { ready } = this.links.targets;
    for (const region of [...this.inService]) {
      if (!region.calls.some((call) => ready.includes(call))) continue;
      this.counts.retranslations++;
      this.cache.removeRegion(region);
    }
    ready.length = 0;
  }

  /** A region that was often left for another one is made again with it. */
  private join({ region: left, base, to }: HotWay): void {
    const region = left as Region;
    const target = this.slotAt(to);
    const there = target === 0 ? undefined : this.entries[this.entryAt[target >> 2]!];
    if (there === undefined || there.region === region || !region.inService) return;
    const other = there.region as Region;
    // Ordinary functions would take the other's code out of what the host compiles ahead of time.
    if (!region.ahead || !other.ahead || region.weight + other.weight > JOINED) return;
    const slot = this.entrySlot(region, base);
    if (slot === 0 || this.joins.isRefused(slot, target)) return;
    this.counts.joined++;
    this.joins.want(to);
    this.remake(region, base, slot);
    if (this.regionAt(slot) !== this.regionAt(target)) this.joins.refuse(slot, target);
  }
  /** Makes a region at `base` again from its entry, with what it would soon have been left for often enough; `slot`: of its entry, 0 if that is another's by now. */
  private remake(region: Region, base: number, slot: number): void {
    const { cache, cpu } = this;
    this.joins.wantOthers(this.links.wayTargets(region, base, this.joins.soon));
    cache.removeRegion(region);
    if (slot === 0) return;
    const page = region.entries[0]! & ~4095;
    const pageEip = (base + page) | 0;
    const machine = cpu.mmu.probeFetch((pageEip + cpu.r[R_SEGMENT_BASE + 1]!) | 0);
    this.translate(slot, pageEip, cache.pages[machine >>> 12]!, this.seenFrom(region, page));
  }
  /** The slot that leads to the first entry of a region at `base`; 0 if there is none. */
  private entrySlot(region: Region, base: number): number {
    const slot = this.slotAt((base + region.entries[0]!) | 0);
    return slot !== 0 && this.regionAt(slot) === region ? slot : 0;
  }
  private regionAt(slot: number): LinkedRegion | undefined {
    return this.entries[this.entryAt[slot >> 2]!]?.region;
  }
  /** The slot at an offset in CS, 0 for none. */
  private slotAt(eip: number): number {
    const { cache, cpu } = this;
    const machine = cpu.mmu.probeFetch((eip + cpu.r[R_SEGMENT_BASE + 1]!) | 0);
    return machine < 0 ? 0 : cache.map[cache.pages[machine >>> 12]! + (machine & 4095)]!;
  }

  /** Translates from a slot; false where nothing can be translated. */
  translate(slot: number, pageEip: number, mapBase: number, again?: KnownRegion): boolean {
    const { cache } = this;
    if ((cache.slots[slot]! & FORM_MASK) === SpecialForm.REGION) return true;
    const offset = cache.slots[slot + 3]! & 4095;
    const started = performance.now();
    const mode = modeView(cache.mode, this.cpu);
    const code = codeAround(this.knowledge, pageEip, mapBase, cache.thresholdOf(slot));
    const graph =
      (again === undefined ? this.outermost(offset, mapBase, code, mode) : undefined) ??
      this.graphFrom(offset, code, mode, { again });
    if (graph.size === 0 || graph.blocks[0]!.body.length === 0) {
      cache.heat[slot >> 2] = COOL_DOWN;
      return false;
    }
    const { start } = graph.blocks[0]!;
    const name = `region-${((graph.frames.get(0)! << 12) | start).toString(16)}-${this.counts.translations}`;
    const { completeAccesses } = this.options;
    const translation = translate(graph, {
      mode,
      name,
      ahead: this.layout(this.user),
      calls: (machine) => completeAccesses === true || this.callSites.has(machine),
      helps: (machine) => this.helperSites.has(machine),
      alone: (machine) => this.alone.has(machine),
      ...this.mxcsr.expected(this.cpu.fpu.mxcsr, graph),
      expects: (machine) => !this.plainBlocks.has(machine),
      inlinesX87: this.hasArea() && (this.cpu.fpu.control & CLASS) === EXTENDED_NEAREST,
      variable: (machine, instruction) => this.isVariable(machine, instruction),
    });
    if (!this.links.hasRoom(translation.sites.length, translation.calls.length, graph.frames.size)) {
      cache.reset();
      return false;
    }
    for (const region of graph.absorbed.keys()) this.cache.removeRegion(region as Region);
    this.counts.absorbed += graph.absorbed.size;
    this.install(graph, translation, pageEip, mode.codeSize === 16);
    this.counts.compileMs += performance.now() - started;
    this.counts.translations++;
    if (translation.ahead) this.counts.ahead++;
    this.counts.regionSize += translation.instructions;
    this.counts.sourceBytes += translation.code.source.length;
    this.options.onTranslation?.(name, translation.code.source);
    return true;
  }

  /**
   * The region of code before the offset that leads there and has run often, too: that of an outer loop or of the whole function, which would soon become hot
   * and take in what begins at the offset. Undefined if there is none.
   */
  private outermost(
    offset: number,
    mapBase: number,
    code: CodeBytes,
    mode: ModeView,
  ): RegionGraph | undefined {
    for (const at of outerStarts(this.cache, mapBase, offset)) {
      const graph = this.graphFrom(at, code, mode, { also: offset });
      if (graph.has(offset)) return graph;
    }
    return undefined;
  }
  /** With the other regions that it can take in as a whole: otherwise the two would replace each other for ever. */
  private graphFrom(
    offset: number,
    code: CodeBytes,
    mode: ModeView,
    { again, also }: { again?: KnownRegion | undefined; also?: number },
  ): RegionGraph {
    const limit = again?.weight ?? this.regionLimit;
    const apart = new Set<object>();
    for (;;) {
      const graph = new RegionGraph(offset, code, mode, { limit, apart, again, also });
      const { incomplete } = graph;
      if (incomplete.length === 0) return graph;
      for (const region of incomplete) apart.add(region);
    }
  }

  /** The region at an entry slot, as seen from a page that the entry lies at `offset` from. */
  private known(slot: number, offset: number): KnownRegion {
    const { region, pageDelta } = this.entries[this.entryAt[slot >> 2]!]!;
    return this.seenFrom(region as Region, pageDelta - (offset & ~4095));
  }
  /** A region as seen from the page at an offset relative to its own. */
  private seenFrom(region: Region, page: number): KnownRegion {
    const { weight, entries, spans } = region;
    const covers = (machine: number): boolean => isIn(spans, machine);
    return { identity: region, weight, entries: entries.map((entry) => entry - page), covers };
  }

  private install(graph: RegionGraph, translation: Translation, pageEip: number, fixed: boolean): void {
    const { cache } = this;
    const pages = [...graph.frames].map(([page, frame]) => ({ page, frame }));
    const environment = (translation.ahead ? this.ahead : this.plain)[this.user]!;
    const number = this.freeNumbers.pop() ?? this.byNumber.length;
    const run = translation.code.instantiate(environment) as RegionFunction;
    const fixedPageEip = fixed ? pageEip : undefined;
    const siteBase = number << SITE_BITS;
    const countdowns = { ways: this.joins.threshold, jumps: this.targetThreshold };
    const region: Region = {
      ...this.links.record({ number, pages, translation, siteBase, fixedPageEip }, countdowns),
      frames: [...new Set(graph.frames.values())],
      sites: translation.sites,
      weight: translation.weight,
      ahead: translation.ahead,
      entries: [...translation.entries.keys()],
      patched: [],
      misses: new Misses(translation.sites, translation.instructions),
      left: new Float64Array(translation.sites.length),
      inService: true,
      number,
      spans: spansOf(graph, (machine, i) => this.isVariable(machine, i)),
      rewritten: () => this.cool(region),
      kill: () => this.withdraw(region),
    };
    this.links.admit(region, run);
    for (const block of graph.blocks) {
      for (const { offset, instruction } of block.body) this.cover(graph, offset, instruction.length);
    }
    for (const [offset, entry] of translation.entries) this.patch(graph, region, offset, entry);
    this.inService.add(region);
    this.byNumber[number] = region;
    cache.addRegion(region);
  }
  /** Its immediate operand changes, and lies on one page. */
  private isVariable(machine: number, instruction: Instruction): boolean {
    if (!this.variable.has(machine) || !hasWordImmediate(instruction)) return false;
    return (machine & 4095) + instruction.length <= 4096;
  }
  /** Code that the guest changes again and again is translated ever later. */
  private cool({ patched }: Region): void {
    for (const { slot } of patched) {
      const times = Math.min(64, 2 * (this.rewrites.get(slot) ?? 1));
      this.rewrites.set(slot, times);
      this.cache.cool(slot, times);
    }
  }
  private readonly rewrites = new Map<number, number>();
  private cover(graph: RegionGraph, offset: number, length: number): void {
    const inPage = Math.min(length, 4096 - (offset & 4095));
    this.cache.coverBytes(graph.frames.get(offset >> 12)!, offset & 4095, inPage);
    if (inPage < length) this.cache.coverBytes(graph.frames.get((offset >> 12) + 1)!, 0, length - inPage);
  }
  /** Makes the slot at an entry lead into the region. */
  private patch(graph: RegionGraph, region: Region, offset: number, { code, needs }: WayIn): void {
    const { cache } = this;
    const slot = cache.map[cache.pages[graph.frames.get(offset >> 12)!]! + (offset & 4095)]!;
    if (slot === 0) return;
    const form = cache.slots[slot]! & FORM_MASK;
    if (form === SpecialForm.REGION) return;
    cache.slots[slot] = (cache.slots[slot]! & ~FORM_MASK) | SpecialForm.REGION;
    region.patched.push({ slot, form });
    this.entryAt[slot >> 2] = this.entries.length;
    this.entries.push({ region, code, needs, pageDelta: offset & ~4095, form });
  }

  private withdraw(region: Region): void {
    this.exits.tally(region);
    this.inService.delete(region);
    this.byNumber[region.number] = undefined;
    this.freeNumbers.push(region.number);
    region.inService = false;
    this.links.withdraw(region);
    for (const { slot, form } of region.patched) {
      this.cache.slots[slot] = (this.cache.slots[slot]! & ~FORM_MASK) | form;
      this.entries[this.entryAt[slot >> 2]!] = undefined;
      this.entryAt[slot >> 2] = 0;
    }
  }

  private get user(): 0 | 1 {
    return this.cpu.r[R_CPL] === 3 ? 1 : 0;
  }
  /** The processor's state lies where its machine has it. */
  private hasArea(): boolean {
    return this.cpu.r.buffer === this.memory.processor.buffer;
  }
  /** Where regions of the current mode find what they work on; undefined if that does not lie in one buffer that the host can address in 31 bits. */
  private layout(user: 0 | 1): AsmLayout | undefined {
    const area = this.memory.processor;
    if (!this.hasArea() || area.buffer.byteLength > 0x7fffffff) return undefined;
    return {
      buffer: area.buffer,
      r: area.registers,
      RT: tableAt(area, false, user),
      WT: tableAt(area, true, user),
      system: area.system,
      attributes: area.system + 4 * S_ATTRIBUTES,
      selectors: area.selectors,
      ring: area.ring,
      xmm: area.fpu,
      mxcsr: area.fpu + FPU_MXCSR,
      xi: area.fpu + FPU_X87_STATE,
      xd: area.fpu + FPU_X87_NUMBERS,
    };
  }

  /** Everything was thrown away. */
  clear(): void {
    this.links.clear();
    this.entryAt.fill(0);
    this.rewrites.clear();
    this.joins.clear();
    this.entries.length = 1;
  }

  statistics(): object {
    for (const region of this.inService) this.exits.tally(region);
    const { exits, counts, callSites } = this;
    const { entered, ...ends } = this.links.counts;
    return {
      ...counts,
      entered,
      callSites: callSites.size,
      exits: { access: exits.access, interpreter: exits.interpreter, ...ends },
      fallbacks: { ...exits.fallbacks },
    };
  }
}
