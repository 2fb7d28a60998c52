/** What generated interpreter code refers to, gathered once per processor. */
import { fault } from '../../runtime/fault.js';
import { segmentAddress } from '../../runtime/helpers/segments.js';
import type { CodeCache } from '../../runtime/code-cache.js';
import type { PhysicalMemory } from '../../runtime/memory.js';
import type { Cpu } from '../../runtime/state.js';
import { sharedEnvironment } from '../shared-environment.js';
import { checkAnyWrap } from '../wrapped-access.js';

/** The TLB tables of the current privilege level and the base of CS: replaced on a mode change. */
export interface MemoryView {
  read: Int32Array;
  write: Int32Array;
  execute: Int32Array;
  codeBase: number;
}

export function createEnvironment(cpu: Cpu, memory: PhysicalMemory, cache: CodeCache, view: MemoryView) {
  return {
    ...sharedEnvironment(cpu, memory, checkAnyWrap),
    r8: cpu.r8,
    slots: cache.slots,
    map: cache.map,
    heat: cache.heat,
    cache,
    view,
    segmentAddress,
    fault,
    /** Links a direct branch to its slot when the target is decoded on the same page. */
    resolve(slot: number, mapBase: number): void {
      const offset = cache.slots[slot + 2]!;
      if (offset >>> 0 < 4096) cache.slots[slot + 1] = cache.map[mapBase + offset]!;
    },
  };
}
export type InterpreterEnvironment = ReturnType<typeof createEnvironment>;
