/** What generated interpreter code refers to, gathered once per processor. */
import { fault } from '../../runtime/fault.js';
import { segmentAddress } from '../../runtime/helpers/segments.js';
import type { CodeCache } from '../../runtime/code-cache.js';
import type { PhysicalMemory } from '../../runtime/memory.js';
import type { Mmu } from '../../runtime/mmu.js';
import type { Cpu } from '../../runtime/state.js';
import { sharedEnvironment } from '../shared-environment.js';
import { checkAnyWrap } from '../wrapped-access.js';

/** The TLB tables of the current privilege level and the base of CS. */
export class MemoryView {
  /** 1 at CPL 3. */
  user: 0 | 1 = 0;
  codeBase = 0;
  private readonly mmu: Mmu;

  constructor(mmu: Mmu) {
    this.mmu = mmu;
  }
  get read(): Int32Array {
    return this.user === 0 ? this.mmu.readTlb[0] : this.mmu.readTlb[1];
  }
  get write(): Int32Array {
    return this.user === 0 ? this.mmu.writeTlb[0] : this.mmu.writeTlb[1];
  }
  get execute(): Int32Array {
    return this.user === 0 ? this.mmu.executeTlb[0] : this.mmu.executeTlb[1];
  }
}

export function createEnvironment(cpu: Cpu, memory: PhysicalMemory, cache: CodeCache, view: MemoryView) {
  return {
    ...sharedEnvironment(cpu, memory, checkAnyWrap),
    r8: cpu.r8,
    slots: cache.slots,
    map: cache.map,
    heat: cache.heat,
    ways: cache.ways,
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
