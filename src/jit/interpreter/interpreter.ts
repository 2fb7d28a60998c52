/** The interpreter: the hot switch and the handlers for what it leaves to them. */
import type { CodeCache } from '../../runtime/code-cache.js';
import type { PhysicalMemory } from '../../runtime/memory.js';
import type { ProcessorArea } from '../../runtime/processor-area.js';
import { R_BUDGET, R_EIP, R_MAP_BASE, R_PAGE_EIP, R_PENDING, R_SLOT, type Cpu } from '../../runtime/state.js';
import { aheadFactory } from '../region/compile.js';
import { createEnvironment, type MemoryView } from './environment.js';
import { NEAR, RunEnd } from './forms.js';
import { AHEAD, createHandlers, createRun, type Handler, type Run } from './generated.js';

const FORM_MASK = 4095;

export class Interpreter {
  readonly handlers: (Handler | undefined)[];
  private readonly r: Int32Array;
  private readonly cache: CodeCache;
  private readonly memory: PhysicalMemory;
  private run: Run;

  constructor(cpu: Cpu, memory: PhysicalMemory, cache: CodeCache, view: MemoryView) {
    this.r = cpu.r;
    this.cache = cache;
    this.memory = memory;
    const environment = createEnvironment(cpu, memory, cache, view);
    this.handlers = createHandlers(environment);
    this.run = createRun(environment);
  }

  /** From now on the hot switch is code that the host compiles ahead of time, if it has one and memory leaves room. */
  compile(): void {
    const { processor } = this.memory;
    if (this.r.buffer !== processor.buffer || !processor.code) return;
    this.run = this.ahead = compileSwitch(processor);
  }
  /** The hot switch, if it was compiled ahead of time. */
  ahead: Run | undefined;

  /** Runs from a slot until something needs the dispatcher; true when it stopped at a slot that became hot. */
  execute(slot: number, pageEip: number, mapBase: number): boolean {
    const end = this.run(slot, pageEip, mapBase, this.cache.pagesAt);
    return end === RunEnd.HANDLER ? this.resume() : end === RunEnd.HOT;
  }

  /** The same from slot r[R_SLOT] on, where the hot switch has ended. */
  resume(): boolean {
    const { r, cache, handlers, run } = this;
    const { slots } = cache;
    for (;;) {
      const p = r[R_SLOT]!;
      const page = r[R_PAGE_EIP]!;
      const map = r[R_MAP_BASE]!;
      const form = slots[p]! & FORM_MASK;
      const word3 = slots[p + 3]!;
      const outcome = handlers[form]!(p, page);
      const budget = (r[R_BUDGET]! - 1) | 0;
      r[R_BUDGET] = budget;
      if (outcome !== 0 || r[R_PENDING] !== 0 || budget < NEAR) {
        if (outcome === 0) r[R_EIP] = (page + (word3 & 4095) + ((word3 >> 12) & 15)) | 0;
        return false;
      }
      const end = run(p + 4, page, map, cache.pagesAt);
      if (end !== RunEnd.HANDLER) return end === RunEnd.HOT;
    }
  }
}

/** Byte offsets by the names that the module's text has for them. */
function places({ registers, tables, code }: ProcessorArea): Record<string, number> {
  const { execute, slots, heat, ways, map } = code!;
  return { r: registers, RT: tables, WT: tables + (8 << 20), XT: execute, P: slots, heat, ways, MAP: map };
}

function compileSwitch(area: ProcessorArea): Run {
  const at = places(area);
  const source = AHEAD.replace(/\$(\w+)([-+/])(\d+)\$/g, (_, name: string, sign: string, offset: string) => {
    const distance = Number(offset);
    return String(
      sign === '/' ? at[name]! / 4 + distance : at[name]! + (sign === '-' ? -distance : distance),
    );
  });
  return aheadFactory(source, 'interpreter')(globalThis, {}, area.buffer) as Run;
}
