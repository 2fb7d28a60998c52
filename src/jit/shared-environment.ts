/** What generated code of the interpreter and of regions alike refers to. */
import { carries, carry, condition, parityOf, statusFlags } from '../runtime/flags.js';
import type { PhysicalMemory } from '../runtime/memory.js';
import type { Cpu } from '../runtime/state.js';
import { HELPER_TABLE } from './helper-table.js';

export function sharedEnvironment(cpu: Cpu, memory: PhysicalMemory) {
  const { mmu } = cpu;
  return {
    cpu,
    r: cpu.r,
    dv: memory.view,
    u8: memory.u8,
    helpers: HELPER_TABLE,
    read8: (a: number) => mmu.read8(a),
    read16: (a: number) => mmu.read16(a),
    read32: (a: number) => mmu.read32(a),
    write8: (a: number, v: number) => mmu.write8(a, v),
    write16: (a: number, v: number) => mmu.write16(a, v),
    write32: (a: number, v: number) => mmu.write32(a, v),
    probeWrite: (a: number, size: number) => mmu.probeWrite(a, size),
    condition,
    carry,
    carries,
    statusFlags,
    parityOf,
  };
}
