/**
 * Performance counters and test registers: they hold what is written and count nothing, as with events that never happen (SDM vol. 3, 18.6.9, 18.7;
 * vol. 4, 2.22 and 2.23). The Pentium has two counters with one control register and its test registers, the Pentium III two counters with a
 * control register each. The default model has none, as CPUID announces no architectural performance monitoring.
 */
import { familyOf, hasFeature } from '../cpu-models.js';
import { fault, Vector } from '../fault.js';
import { CR4, EAX, ECX, EDX, R_CPL, type Cpu } from '../state.js';

const P6_COUNTER = 0xc1,
  P6_SELECT = 0x186;
const P5_TEST_REGISTERS: ReadonlySet<number> = new Set([2, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14]);
const P5_CONTROL = 0x11,
  P5_COUNTER = 0x12;
const COUNTERS = 2;

const hasP6Counters = (cpu: Cpu): boolean => familyOf(cpu) === 6 && !hasFeature(cpu, 'SSE2');

function isCounter(index: number): boolean {
  return (
    (index >= P6_COUNTER && index < P6_COUNTER + COUNTERS) ||
    (index >= P5_COUNTER && index < P5_COUNTER + COUNTERS)
  );
}

/** Whether the processor has the register and it is one of these. */
export function isPerformance(cpu: Cpu, index: number): boolean {
  if (familyOf(cpu) === 5)
    return P5_TEST_REGISTERS.has(index) || (index >= P5_CONTROL && index < P5_COUNTER + COUNTERS);
  const isP6 =
    (index >= P6_COUNTER && index < P6_COUNTER + COUNTERS) ||
    (index >= P6_SELECT && index < P6_SELECT + COUNTERS);
  return isP6 && hasP6Counters(cpu);
}

/** Counters have 40 bits; those of the P6 family take 32 of them, with their sign (SDM vol. 3, 18.6.9.2). The others have 32. */
export function writePerformance(cpu: Cpu, index: number, low: number, high: number): void {
  const upper = familyOf(cpu) === 5 ? high : low >> 31;
  cpu.msr.set(index, [low, isCounter(index) ? upper & 0xff : 0]);
}

/** RDPMC: the counter that ECX names; #GP(0) for one that there is not, and outside ring 0 unless CR4.PCE allows it. */
export function rdpmc(cpu: Cpu): void {
  const index = cpu.r[ECX]! >>> 0;
  const allowed = cpu.r[R_CPL] === 0 || (cpu.cr4 & CR4.PCE) !== 0;
  if (!allowed || !hasP6Counters(cpu) || index >= COUNTERS) fault(Vector.GP, 0);
  const [low, high] = cpu.msr.get(P6_COUNTER + index) ?? [0, 0];
  cpu.r[EAX] = low;
  cpu.r[EDX] = high;
}
