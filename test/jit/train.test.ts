import { Fpu } from '../../src/runtime/fpu/state.js';
/** Training must leave no trace: neither in memory nor in the processor, the TLB or the code cache. */
import { expect, test } from 'vitest';
import { createEngine } from '../../src/jit/engines.js';
import { createMachine } from '../runtime/mmu-support.js';

test.each(['interpreter', 'jit'] as const)('training the %s leaves no trace', (name) => {
  const { cpu, memory, mmu } = createMachine();
  cpu.mmu = mmu;
  cpu.fpu = new Fpu();
  cpu.r.forEach((_, i) => (cpu.r[i] = i < 8 ? 0x1000 + i : cpu.r[i]!));
  memory.u8.forEach((_, i) => (memory.u8[i] = (i * 7) & 0xff));
  const registers = cpu.r.slice();
  const bytes = memory.u8.slice();
  const engine = createEngine(name)(cpu, memory);
  expect([...cpu.r]).toEqual([...registers]);
  expect(memory.u8.findIndex((byte, i) => byte !== bytes[i])).toBe(-1);
  expect(mmu.readTlb[0].findIndex((entry) => entry !== -1)).toBe(-1);
  expect(mmu.executeTlb[0].findIndex((entry) => entry !== -1)).toBe(-1);
  expect(memory.pageFlags.findIndex((flags) => flags !== 0)).toBe(-1);
  expect(engine.cache.statistics.slots).toBe(0);
});
