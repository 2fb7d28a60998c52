/** What SSE code may expect of MXCSR: what it is when the code is translated, unless it was otherwise when such code ran. */
import { PE } from '../../runtime/fpu/x87-short-core.js';
import { SPECIAL, SPECIAL_BITS } from '../emit/lane-values.js';
import type { RegionGraph } from './graph.js';

export class ExpectedControl {
  /** Machine addresses of instructions where it was otherwise, once and again. */
  private readonly ordinary = new Set<number>();
  private readonly precise = new Set<number>();

  /** See TranslationOptions. */
  expected(mxcsr: number, graph: RegionGraph): { precise: boolean; special: boolean } {
    return {
      precise: (mxcsr & PE) === 0 || hasAny(graph, this.precise),
      special: (mxcsr & SPECIAL_BITS) === SPECIAL && !hasAny(graph, this.ordinary),
    };
  }
  /** Where to note an instruction at which MXCSR was not as expected. */
  remedyAt(machine: number): Set<number> {
    return this.ordinary.has(machine) ? this.precise : this.ordinary;
  }
}

function hasAny(graph: RegionGraph, machines: ReadonlySet<number>): boolean {
  if (machines.size === 0) return false;
  const machine = (offset: number): number => (graph.frames.get(offset >> 12)! << 12) | (offset & 4095);
  return graph.blocks.some(({ body }) => body.some(({ offset }) => machines.has(machine(offset))));
}
