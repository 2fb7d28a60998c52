/**
 * Accesses across offset 4 GiB. Code that takes segments for flat sees linear addresses only; before a misaligned access that may wrap it raises
 * WRAPPED, and the instruction is run here once more with every segment checked. Concrete IR compares offsets in FS and GS by itself.
 */
import { DecodeFailure } from '../decoder/instruction.js';
import { WRAPPED, Vector, fault } from '../runtime/fault.js';
import type { PhysicalMemory } from '../runtime/memory.js';
import { mayWrap, wraps } from '../runtime/mode.js';
import { R_EIP, R_SEGMENT_BASE, type Cpu } from '../runtime/state.js';
import { Evaluator } from './evaluator.js';
import { decodeIn, modeView } from './mode-view.js';
import { semanticOf } from './semantics/index.js';

const LONGEST = 15;
const PAGE = 4096;

/** Raises WRAPPED where an access of 2 or 4 bytes has to be looked at with its segment. */
export function checkWrap(_cpu: Cpu, linear: number, size: number): void {
  if (wraps(linear, size)) fault(WRAPPED);
}
/** For the interpreter, whose forms do not know the segment. */
export function checkAnyWrap(cpu: Cpu, linear: number, size: number): void {
  if (mayWrap(cpu, linear, size)) fault(WRAPPED);
}

export class WrappedAccess {
  private readonly cpu: Cpu;
  private readonly memory: PhysicalMemory;
  private readonly evaluator: Evaluator;
  private readonly bytes = new Uint8Array(LONGEST);

  constructor(cpu: Cpu, memory: PhysicalMemory) {
    this.cpu = cpu;
    this.memory = memory;
    this.evaluator = new Evaluator(cpu, true);
  }

  /** Runs the instruction at r[R_EIP]; faults leave as from any other. */
  execute(mode: number): void {
    const view = { ...modeView(mode, this.cpu), flat: () => false };
    const instruction = decodeIn(view, this.bytes, 0, this.fetch());
    if (typeof instruction === 'number') fault(instruction === DecodeFailure.INVALID ? Vector.UD : Vector.GP);
    this.evaluator.execute(instruction, semanticOf(instruction, view));
  }

  /** Fetches up to the page end, and beyond where that page has been fetched from already, as it has if the instruction reaches into it. */
  private fetch(): number {
    const { mmu, r } = this.cpu;
    const linear = (r[R_EIP]! + r[R_SEGMENT_BASE + 1]!) | 0;
    for (let i = 0; i < LONGEST; i++) {
      const at = (linear + i) | 0;
      const machine = i > 0 && at % PAGE === 0 ? mmu.probeFetch(at) : mmu.fetch(at);
      if (machine < 0) return i;
      this.bytes[i] = this.memory.u8[machine]!;
    }
    return LONGEST;
  }
}
