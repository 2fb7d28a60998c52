/** What generated interpreter code refers to, gathered once per processor. */
import { fault } from '../../runtime/fault.js';
import { carries, carry, condition, parityOf, statusFlags } from '../../runtime/flags.js';
import { segmentAddress } from '../../runtime/helpers/segments.js';
import type { CodeCache } from '../../runtime/code-cache.js';
import type { PhysicalMemory } from '../../runtime/memory.js';
import type { Cpu } from '../../runtime/state.js';
import { HELPER_TABLE } from '../helper-table.js';

/** The TLB tables of the current privilege level and the base of CS: replaced on a mode change. */
export interface MemoryView {
  read: Int32Array;
  write: Int32Array;
  execute: Int32Array;
  codeBase: number;
}

export function createEnvironment(cpu: Cpu, memory: PhysicalMemory, cache: CodeCache, view: MemoryView) {
  const { mmu } = cpu;
  return {
    cpu,
    r: cpu.r,
    r8: cpu.r8,
    slots: cache.slots,
    map: cache.map,
    heat: cache.heat,
    dv: memory.view,
    u8: memory.u8,
    helpers: HELPER_TABLE,
    cache,
    view,
    read8: (a: number) => mmu.read8(a),
    read16: (a: number) => mmu.read16(a),
    read32: (a: number) => mmu.read32(a),
    write8: (a: number, v: number) => mmu.write8(a, v),
    write16: (a: number, v: number) => mmu.write16(a, v),
    write32: (a: number, v: number) => mmu.write32(a, v),
    probeWrite: (a: number, size: number) => mmu.probeWrite(a, size),
    segmentAddress,
    fault,
    condition,
    carry,
    carries,
    statusFlags,
    parityOf,
    /** Links a direct branch to its slot when the target is decoded on the same page. */
    resolve(slot: number, mapBase: number): void {
      const offset = cache.slots[slot + 2]!;
      if (offset >>> 0 < 4096) cache.slots[slot + 1] = cache.map[mapBase + offset]!;
    },
  };
}
export type InterpreterEnvironment = ReturnType<typeof createEnvironment>;
