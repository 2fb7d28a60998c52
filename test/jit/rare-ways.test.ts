/** Of the code that a region's entry leads to, the region has what runs often, and the loop around a hot one if that runs often, too. */
import { describe, expect, it } from 'vitest';
import { createEngine, type EngineName } from '../../src/jit/engines.js';
import { VectorMachine } from '../../src/jit/vector-machine.js';
import { EAX, EBX, ECX, EDX, PENDING, R_BUDGET, R_EIP, R_PENDING } from '../../src/runtime/state.js';

const CODE = 0x400000;
const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.split(/\s+/), (byte) => parseInt(byte, 16));

/** 0: inc eax; test eax,`mask`; jne 16; 8: eight times inc ebx; 16: dec ecx; jne 0; jmp -2 */
const branching = (mask: string): Uint8Array =>
  bytes(`40 a9 ${mask} 75 08 43 43 43 43 43 43 43 43 49 75 ed eb fe`);
/** 0: nop; nop; mov ecx,`count`; 7: add eax,ecx; dec ecx; jne 7; dec edx; jne 0; jmp -2 */
const nested = (count: string): Uint8Array => bytes(`90 90 b9 ${count} 01 c8 49 75 fb 4a 75 f1 eb fe`);

interface Statistics {
  readonly translations: number;
  readonly regionSize: number;
}
function run(
  name: EngineName,
  code: Uint8Array,
  budget: number,
): { state: number[]; statistics: Statistics } {
  const machine = new VectorMachine(32);
  machine.enterUser();
  const { cpu, memory } = machine;
  memory.copyIn(CODE, code);
  const engine = createEngine(name, { heatThreshold: 4000, train: false })(cpu, memory);
  const { r } = cpu;
  r[EAX] = r[EBX] = 0;
  r[ECX] = r[EDX] = 1_000_000;
  r[R_EIP] = CODE;
  r[R_PENDING]! |= PENDING.MODE;
  r[R_BUDGET] = budget;
  while (r[R_BUDGET]! > 0) engine.run();
  return { state: [...r.subarray(0, 8), r[R_EIP]!], statistics: engine.statistics() as Statistics };
}

describe('of two ways of a jump', () => {
  it.each([
    ['the rare one is left out', 'ff 00 00 00', 5],
    ['both are taken in where they are alike', '01 00 00 00', 13],
  ])('%s', (_name, mask, size) => {
    const { state, statistics } = run('jit', branching(mask), 60_000);
    expect(state).toEqual(run('evaluator', branching(mask), 60_000).state);
    expect(statistics.regionSize).toBe(size);
  });
});

describe('a hot loop becomes a region', () => {
  it.each([
    ['with the loop around it, if that runs often', '04 00 00 00', 8],
    ['without one that hardly runs', 'ff 00 00 00', 3],
  ])('%s', (_name, count, size) => {
    const { state, statistics } = run('jit', nested(count), 40_000);
    expect(state).toEqual(run('evaluator', nested(count), 40_000).state);
    expect(statistics).toMatchObject({ translations: 1, regionSize: size });
  });
});
