/** A region takes in the smaller ones that its code leads to, as a whole or not at all. */
import { describe, expect, it } from 'vitest';
import { createEngine, type EngineName } from '../../src/jit/engines.js';
import { VectorMachine } from '../../src/jit/vector-machine.js';
import { EAX, ECX, EDX, PENDING, R_BUDGET, R_EIP, R_PENDING } from '../../src/runtime/state.js';

const CODE = 0x400000;
const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.split(/\s+/), (byte) => parseInt(byte, 16));

/** Regions of three instructions hold the inner loop only. 0: mov ecx,200; 5: add eax,ecx; dec ecx; jne 5; dec edx; jne 0; jmp -2 */
const NESTED = bytes('b9 c8 00 00 00 01 c8 49 75 fb 4a 75 f3 eb fe');
/** As before, but what is hot first has a second loop that the outer loop does not reach: 5: …; jne 5; jmp 12; 10: inc eax; jmp 5; 12: dec edx; jne 0 */
const PARTLY = bytes('b9 c8 00 00 00 01 c8 49 75 fb eb 06 90 90 90 40 eb f3 4a 75 eb eb fe');

interface Statistics {
  readonly translations: number;
  readonly absorbed: number;
}
function run(name: EngineName, code: Uint8Array): { state: number[]; statistics: Statistics } {
  const machine = new VectorMachine(32);
  machine.enterUser();
  const { cpu, memory } = machine;
  memory.copyIn(CODE, code);
  const engine = createEngine(name, { heatThreshold: 60, regionLimit: 3, train: false })(cpu, memory);
  const { r } = cpu;
  r[EAX] = r[ECX] = 0;
  r[EDX] = 400;
  r[R_EIP] = CODE;
  r[R_PENDING]! |= PENDING.MODE;
  r[R_BUDGET] = 100_000;
  while (r[R_BUDGET]! > 0) engine.run();
  return { state: [...r.subarray(0, 8), r[R_EIP]!], statistics: engine.statistics() as Statistics };
}

describe.each([
  ['nested loops', NESTED],
  ['a loop with code that its surroundings do not reach', PARTLY],
])('%s', (_name, code) => {
  it('compute what one instruction at a time does', () => {
    const { state } = run('jit', code);
    expect(state).toEqual(run('evaluator', code).state);
  });
  it('end as few regions', () => {
    const { translations } = run('jit', code).statistics;
    expect(translations).toBeLessThan(6);
  });
});

it('an inner loop becomes part of the outer loop', () => {
  expect(run('jit', NESTED).statistics.absorbed).toBe(1);
});
