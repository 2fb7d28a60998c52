/** The dispatcher: finds code for r[R_EIP], runs it in the interpreter or a region, delivers faults, keeps the mode key. */
import { CodeCache, NEVER_HOT } from '../runtime/code-cache.js';
import { opcodeAt } from '../runtime/fpu/access.js';
import { GuestFault, Vector, WRAPPED, fault, notedFault } from '../runtime/fault.js';
import { deliverFault } from '../runtime/helpers/interrupts.js';
import type { PhysicalMemory } from '../runtime/memory.js';
import { MODE, computeMode } from '../runtime/mode.js';
import {
  CR0,
  PENDING,
  R_BUDGET,
  R_CPL,
  R_EIP,
  R_FAULT,
  R_MAP_BASE,
  R_PAGE_EIP,
  R_PENDING,
  R_SEGMENT_BASE,
  R_SLOT,
  S_PLAIN,
  S_TURN,
  type Cpu,
} from '../runtime/state.js';
import { Crossings } from './crossings.js';
import { Evaluator, Outcome } from './evaluator.js';
import { MemoryView } from './interpreter/environment.js';
import { CHAIN_LIMIT, ENOUGH, NEAR, SpecialForm } from './interpreter/forms.js';
import type { Handler } from './interpreter/generated.js';
import { Interpreter } from './interpreter/interpreter.js';
import { Predecoder } from './interpreter/predecode.js';
import { modeView } from './mode-view.js';
import { CodeLimit } from './code-limit.js';
import { RegionEnd } from './region/transfer.js';
import { RegionTable, type RegionOptions } from './region/table.js';
import { semanticOf } from './semantics/index.js';
import { SingleStep } from './single-step.js';
import { WrappedAccess } from './wrapped-access.js';

export type EngineName = 'jit' | 'interpreter' | 'evaluator';

export interface EngineOptions extends RegionOptions {
  readonly name: EngineName;
  /** Executions of a loop head or call target before its region is translated. */
  readonly heatThreshold?: number;
  /** Told when the guest has run long enough for the interpreter to be compiled: settings of the host that pay for long guests belong here. */
  readonly onLongRun?: () => void;
}

/** Instructions that a guest retires before the interpreter is compiled ahead of time: CPU time that one which ends sooner, or is being started, need not pay. */
const SHORT_RUN = 250_000;
const FORM_MASK = 4095;
const LONGEST_INSTRUCTION = 15;
/** Modes in which instructions need looks of their own. */
const ATTENTIVE_MODES = MODE.ALIGNMENT | MODE.CODE_LIMIT | MODE.SHORT_CODE;
/** Executions until code that is not to be translated here is looked at again. */
const UNTRANSLATED = 0x100000;

export class JitEngine {
  readonly name: EngineName;
  readonly cache: CodeCache;
  readonly regions: RegionTable;
  private readonly r: Int32Array;
  private readonly evaluator: Evaluator;
  private readonly predecoder: Predecoder;
  private readonly handlers: (Handler | undefined)[];
  private readonly interpreter: Interpreter;
  private readonly view: MemoryView;
  private readonly stepper: SingleStep;
  private singleStep = false;
  private readonly codeLimit: CodeLimit;
  private readonly wrapped: WrappedAccess;
  /** CS ends below 4 GiB. */
  private limited = false;
  /** Each instruction, or at least each place, is looked at before it is run. */
  private interpreted = false;
  private readonly crossings: Crossings;
  /** Instructions until the interpreter is compiled; Infinity when it is, or is not to be. */
  private beforeLongRun = Infinity;
  private onLongRun: (() => void) | undefined;

  private readonly cpu: Cpu;

  constructor(cpu: Cpu, memory: PhysicalMemory, options: EngineOptions) {
    this.cpu = cpu;
    this.name = options.name;
    this.r = cpu.r;
    cpu.fpu.readOpcode = () => opcodeAt(cpu);
    const threshold = options.name === 'jit' ? (options.heatThreshold ?? 12_000) : NEVER_HOT;
    this.cache = new CodeCache(cpu, memory, threshold);
    this.evaluator = new Evaluator(cpu);
    this.predecoder = new Predecoder(cpu, this.cache, memory, options.name === 'evaluator');
    this.view = new MemoryView(cpu.mmu);
    this.crossings = new Crossings(cpu, memory, this.cache, this.predecoder, this.view);
    this.interpreter = new Interpreter(cpu, memory, this.cache, this.view);
    this.handlers = this.interpreter.handlers;
    this.handlers[SpecialForm.EVALUATE] = (slot, pageEip) => this.evaluate(slot, pageEip);
    this.handlers[SpecialForm.CROSS] = (slot, pageEip) => this.executeCrossing(slot, pageEip);
    this.handlers[SpecialForm.REGION] = (slot, pageEip) =>
      this.handlers[this.regions.formOf(slot)]!(slot, pageEip);
    const changeMode = (): boolean => {
      this.r[R_PENDING] = 0;
      if (cpu.system[S_TURN] !== 0) this.turn();
      else this.changeMode();
      return !this.interpreted;
    };
    const { variable } = this.predecoder;
    this.regions = new RegionTable(cpu, memory, this.cache, this.view, options, changeMode, variable);
    this.cache.patch = (page, slot, offset, first) => {
      if (this.predecoder.patchWord(page, slot, offset, first)) return true;
      const form = this.cache.slots[slot]! & FORM_MASK;
      const own = form === SpecialForm.REGION ? this.regions.formOf(slot) : form;
      return this.predecoder.patch(page, slot, offset, own);
    };
    this.cache.onReset = () => {
      this.predecoder.concrete.clear();
      this.predecoder.variable.clear();
      this.predecoder.wordSlots.clear();
      this.crossings.clear();
      this.regions.clear();
    };
    this.stepper = new SingleStep(cpu);
    this.codeLimit = new CodeLimit(cpu, memory);
    this.wrapped = new WrappedAccess(cpu, memory);
    this.changeMode();
    if (options.train !== false && options.name !== 'evaluator') this.beforeLongRun = SHORT_RUN;
    this.onLongRun = options.onLongRun;
  }

  run(): void {
    if (this.beforeLongRun === Infinity) return this.execute();
    if (this.beforeLongRun <= 0) this.becomeLong();
    const before = this.r[R_BUDGET]!;
    this.execute();
    this.beforeLongRun -= before - this.r[R_BUDGET]!;
  }

  private becomeLong(): void {
    this.onLongRun?.();
    this.onLongRun = undefined;
    this.interpreter.compile();
    if (this.interpreter.ahead) this.regions.interpreter = this.interpreter.ahead;
    this.cpu.events = this.regions.events.forHelpers();
    this.beforeLongRun = Infinity;
  }

  /** The last run ended in the middle of code, where the next one goes on. */
  private cutShort = false;

  private execute(): void {
    const { r } = this;
    for (;;) {
      if (r[R_PENDING] !== 0 && this.handlePending()) return;
      if (r[R_BUDGET]! <= 0) {
        this.cutShort = true;
        return;
      }
      r[R_SLOT] = 0;
      try {
        this.dispatch();
        if (r[R_FAULT] !== 0) this.deliverNoted();
      } catch (caught) {
        if (!(caught instanceof GuestFault)) throw caught;
        this.deliver(caught);
      }
    }
  }

  /** True when something other than our own bookkeeping is pending. */
  private handlePending(): boolean {
    const { r } = this;
    if ((r[R_PENDING]! & PENDING.MODE) !== 0) this.changeMode();
    this.cpu.system[S_TURN] = 0;
    r[R_PENDING]! &= ~(PENDING.MODE | PENDING.CODE);
    if ((r[R_PENDING]! & ~PENDING.STACK_SHADOW) !== 0) return true;
    if (r[R_PENDING] !== 0 && r[R_BUDGET]! > 0) {
      r[R_PENDING] = 0;
      this.stepper.held = this.singleStep;
    }
    return false;
  }

  private changeMode(): void {
    const { cpu } = this;
    const mode = computeMode(cpu);
    const plain = (mode & ATTENTIVE_MODES) === 0 && !this.stepper.isNeeded();
    cpu.system[S_PLAIN] = plain && (cpu.cr0 & CR0.PE) !== 0 ? 1 : 0;
    if (!plain || !this.plain) this.attend(mode);
    this.plain = plain;
    if (mode !== this.cache.mode) this.setMode(mode);
  }
  /** To CPL 3 or from there, which a region has done by itself. */
  private turn(): void {
    this.cpu.system[S_TURN] = 0;
    this.setMode(this.cache.mode ^ MODE.CPL3);
  }
  private setMode(mode: number): void {
    this.view.user = this.r[R_CPL] === 3 ? 1 : 0;
    this.cache.setMode(mode);
    this.regions.setMode();
  }
  /** Between two plain modes nothing but tables changes. */
  private plain = false;
  private attend(mode: number): void {
    const { cpu } = this;
    this.singleStep = this.stepper.configure();
    this.limited = (mode & MODE.CODE_LIMIT) !== 0;
    this.codeLimit.alone = false;
    if (!this.limited) cpu.mmu.setFetchBarrier(-1);
    cpu.mmu.checkAlignment((mode & MODE.ALIGNMENT) !== 0);
    this.interpreted = this.singleStep || this.limited;
  }

  /** The page fault that generated code has noted; it is charged already. */
  private deliverNoted(): void {
    const { r } = this;
    r[R_FAULT] = 0;
    this.findEip();
    deliverFault(this.cpu, notedFault);
    if (this.singleStep) this.stepper.faulted();
  }

  /** What faulted in the interpreter is at its slot. */
  private findEip(): void {
    const { r } = this;
    const slot = r[R_SLOT]!;
    if (slot !== 0) r[R_EIP] = (r[R_PAGE_EIP]! + (this.cache.slots[slot + 3]! & 4095)) | 0;
  }

  private deliver(caught: GuestFault): void {
    const { r, cpu } = this;
    this.findEip();
    r[R_FAULT] = 0;
    if (caught.vector === WRAPPED && this.completeWrapped()) return;
    deliverFault(cpu, caught);
    r[R_BUDGET] = r[R_BUDGET]! - 1;
    if (this.singleStep) this.stepper.faulted();
  }

  /** False where the instruction faults after all: the one fault record then says how. */
  private completeWrapped(): boolean {
    this.r[R_SLOT] = 0;
    try {
      this.wrapped.execute(this.cache.mode);
    } catch (caught) {
      if (caught instanceof GuestFault) return false;
      throw caught;
    }
    this.r[R_BUDGET] = this.r[R_BUDGET]! - 1;
    if (this.singleStep) this.stepper.end(false);
    return true;
  }

  /** Slot for r[R_EIP], decoding it if need be; 0 where a page fault was noted and charged. */
  private locate(): number {
    const { r, cache, cpu } = this;
    this.view.codeBase = r[R_SEGMENT_BASE + 1]!;
    const linear = (r[R_EIP]! + this.view.codeBase) | 0;
    if (this.limited) this.codeLimit.check(linear);
    const entry = this.view.execute[linear >>> 12]!;
    if ((entry & 1) !== 0 && !cpu.mmu.canFetch(linear)) {
      r[R_BUDGET] = r[R_BUDGET]! - 1;
      return 0;
    }
    const machine = (entry & 1) === 0 ? entry ^ linear : cpu.mmu.fetch(linear);
    if (machine < 0) return this.notMemory();
    const base = cache.pages[machine >>> 12]!;
    const offset = machine & 4095;
    this.mapBase = base;
    const slot = base === 0 ? 0 : cache.map[base + offset]!;
    return slot !== 0 ? slot : this.decodeAt(machine);
  }
  private mapBase = 0;

  /** Nothing executable answers there: MMIO reads as all-ones, which is an invalid opcode. */
  private notMemory(): never {
    fault(Vector.UD);
  }
  private decodeAt(machine: number): number {
    const { cache } = this;
    if (!cache.hasRoom(2 * CHAIN_LIMIT)) cache.reset();
    const slot = this.predecoder.chain(machine);
    this.mapBase = cache.pages[machine >>> 12]!;
    return slot;
  }

  private dispatch(): void {
    const { r, cache } = this;
    if (this.interpreted) {
      if (this.singleStep) return this.stepTrapped();
      if (this.locate() === 0) return;
    }
    const end = this.runRegions();
    if (end < RegionEnd.NOWHERE) return;
    if (end >= RegionEnd.HOT) return this.goOn(end);
    if (end === RegionEnd.UNTRANSLATED && (r[R_PENDING] !== 0 || r[R_BUDGET]! <= 0)) return;
    const slot = this.locate();
    if (slot === 0) return;
    const isRegion = (cache.slots[slot]! & FORM_MASK) === SpecialForm.REGION;
    if (isRegion) {
      // Its page was not fetched from before.
      const again = this.runRegions();
      if (again >= RegionEnd.HOT) return this.goOn(again);
      if (again !== RegionEnd.NOWHERE) return;
    }
    const pageEip = (r[R_EIP]! - (cache.slots[slot + 3]! & 4095)) | 0;
    if (isRegion || r[R_BUDGET]! < NEAR || this.name === 'evaluator' || this.codeLimit.alone) {
      if (this.interpreted) this.step(slot, pageEip);
      else this.stepOn(slot, pageEip);
      return;
    }
    // Entered from a region or an exit: a jump here counts as it does inside the interpreter. Where budgets end says nothing of the code there.
    const counts = !this.cutShort && r[R_BUDGET]! >= ENOUGH;
    this.cutShort = false;
    const heat = cache.heat[slot >> 2]! - (counts ? 1 : 0);
    cache.heat[slot >> 2] = heat;
    cache.ways[slot >> 2]!++;
    if (heat < 0 || this.interpreter.execute(slot, pageEip, this.mapBase)) this.translate();
  }

  /** Where the interpreter stopped between regions, at a hot place or at a slot for its handler. */
  private goOn(end: number): void {
    if (end === RegionEnd.HOT || this.resume()) this.translate();
  }

  /** Goes on with the interpreter at slot r[R_SLOT]; true when it stopped at a slot that became hot. */
  private resume(): boolean {
    this.view.codeBase = this.r[R_SEGMENT_BASE + 1]!;
    return this.interpreter.resume();
  }

  /** From r[R_EIP] on, if a region begins there; see RegionEnd. */
  private runRegions(): number {
    const { r } = this;
    const end = this.regions.enter(!this.interpreted && !this.cutShort);
    if (end === RegionEnd.NOWHERE) return end;
    if (r[R_FAULT] !== 0) r[R_BUDGET] = r[R_BUDGET]! - 1;
    else if (end === RegionEnd.INTERPRET && r[R_BUDGET]! > 0) this.stepHere();
    return end;
  }

  /** Translates from r[R_EIP] on, which is hot (or is wanted translated before it ever ran); false where nothing can be. */
  translate(): boolean {
    const slot = this.locate();
    if (slot === 0) throw new Error('code to be translated is not mapped');
    if (this.codeLimit.alone || (this.cache.mode & MODE.ALIGNMENT) !== 0) {
      this.cache.heat[slot >> 2] = UNTRANSLATED;
      return false;
    }
    const pageEip = (this.r[R_EIP]! - (this.cache.slots[slot + 3]! & 4095)) | 0;
    return this.regions.translate(slot, pageEip, this.mapBase);
  }
  /** Instructions retired inside regions so far. */
  get translatedInstructions(): number {
    return this.regions.retired;
  }
  /** Adopts a mode that was set from outside a run. */
  synchronize(): void {
    this.handlePending();
  }

  /** One instruction, and where the budget is near its end those that follow, as far as there is no region. */
  private stepOn(first: number, pageEip: number): void {
    const { r, cache } = this;
    this.step(first, pageEip);
    while (r[R_PENDING] === 0 && r[R_FAULT] === 0) {
      const budget = r[R_BUDGET]!;
      if (budget <= 0 || budget >= NEAR) return;
      r[R_SLOT] = 0;
      const slot = this.locate();
      if (slot === 0 || (cache.slots[slot]! & FORM_MASK) === SpecialForm.REGION) return;
      this.step(slot, (r[R_EIP]! - (cache.slots[slot + 3]! & 4095)) | 0);
    }
  }

  /** One instruction where r[R_EIP] stands now. */
  private stepHere(): Outcome {
    const slot = this.locate();
    if (slot === 0) return Outcome.JUMPED;
    return this.step(slot, (this.r[R_EIP]! - (this.cache.slots[slot + 3]! & 4095)) | 0);
  }

  /** One instruction through its handler. */
  private step(slot: number, pageEip: number): Outcome {
    const { r, cache } = this;
    const { slots } = cache;
    const form = slots[slot]! & FORM_MASK;
    if (form === SpecialForm.GOTO) return this.step(slots[slot + 1]!, pageEip);
    if (form === SpecialForm.NEXT) {
      r[R_EIP] = (pageEip + slots[slot + 2]!) | 0;
      return Outcome.JUMPED;
    }
    r[R_SLOT] = slot;
    r[R_PAGE_EIP] = pageEip;
    r[R_MAP_BASE] = this.mapBase;
    const word3 = slots[slot + 3]!;
    const outcome = this.handlers[form]!(slot, pageEip) as Outcome;
    r[R_BUDGET] = r[R_BUDGET]! - 1;
    if (outcome === Outcome.NEXT) r[R_EIP] = (pageEip + (word3 & 4095) + ((word3 >> 12) & 15)) | 0;
    return outcome;
  }

  private stepTrapped(): void {
    if (!this.stepper.begin()) return;
    const outcome = this.stepHere();
    if (this.r[R_FAULT] !== 0) return;
    this.r[R_SLOT] = 0;
    this.stepper.end(outcome === Outcome.REPEAT);
  }

  private evaluate(slot: number, pageEip: number): Outcome {
    const concrete = this.predecoder.concrete.get(slot);
    this.r[R_EIP] = (pageEip + (this.cache.slots[slot + 3]! & 4095)) | 0;
    if (concrete === undefined) fault(Vector.UD);
    const outcome = this.evaluator.execute(concrete.instruction, concrete.semantic);
    return outcome === Outcome.NEXT ? Outcome.JUMPED : outcome;
  }

  private executeCrossing(slot: number, pageEip: number): Outcome {
    const { r, cache, crossings } = this;
    const offset = cache.slots[slot + 3]! & 4095;
    r[R_EIP] = (pageEip + offset) | 0;
    const linear = (r[R_EIP]! + r[R_SEGMENT_BASE + 1]!) | 0;
    const own = this.limited ? 0 : crossings.find(slot, linear) || this.learnCrossing(slot, linear);
    if (own === 0) return this.evaluateCrossing(linear);
    const outcome = this.handlers[cache.slots[own]! & FORM_MASK]!(own, pageEip) as Outcome;
    if (r[R_PENDING] !== 0) r[R_SLOT] = 0;
    if (outcome !== Outcome.NEXT) return outcome;
    r[R_EIP] = (pageEip + offset + ((cache.slots[own + 3]! >> 12) & 15)) | 0;
    return Outcome.JUMPED;
  }
  private learnCrossing(slot: number, linear: number): number {
    return this.crossings.remember(slot, linear, this.crossings.decode(linear, LONGEST_INSTRUCTION));
  }
  private evaluateCrossing(linear: number): Outcome {
    const { cpu, cache } = this;
    const room = this.limited ? this.codeLimit.room() : LONGEST_INSTRUCTION;
    const instruction = this.crossings.decode(linear, room);
    const semantic = semanticOf(instruction, modeView(cache.mode, cpu));
    const outcome = this.evaluator.execute(instruction, semantic);
    if (cpu.r[R_PENDING] !== 0) cpu.r[R_SLOT] = 0;
    return outcome === Outcome.NEXT ? Outcome.JUMPED : outcome;
  }

  statistics(): object {
    return {
      ...this.regions.statistics(),
      regionInstructions: this.regions.retired,
      codeCache: this.cache.statistics,
      mmu: this.cpu.mmu.statistics,
    };
  }
}
