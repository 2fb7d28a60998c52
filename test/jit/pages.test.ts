/** Regions of several pages are entered although only some of them can be fetched from now. */
import { expect, it } from 'vitest';
import { createEngine, type EngineName } from '../../src/jit/engines.js';
import { VectorMachine } from '../../src/jit/vector-machine.js';
import { ECX, PENDING, R_BUDGET, R_EIP, R_PENDING } from '../../src/runtime/state.js';

const LOOP = 0x400ff0;
/** ff0: dec ecx; jz 1000; jmp ff0 */
const FIRST = Uint8Array.of(0x49, 0x74, 0x0d, 0xeb, 0xfb);
/** 1000: mov ecx, 100; jmp ff0 */
const SECOND = Uint8Array.of(0xb9, 100, 0, 0, 0, 0xeb, 0xe9);

function start(name: EngineName) {
  const machine = new VectorMachine(32);
  machine.enterUser();
  const { cpu, memory } = machine;
  memory.copyIn(LOOP, FIRST);
  memory.copyIn(0x401000, SECOND);
  const engine = createEngine(name, { heatThreshold: 60, train: false })(cpu, memory);
  const { r } = cpu;
  /** Instructions that ran in regions. */
  const run = (ecx: number): number => {
    const before = engine.translatedInstructions;
    r[ECX] = ecx;
    r[R_EIP] = LOOP;
    r[R_PENDING]! |= PENDING.MODE;
    r[R_BUDGET] = 100_000;
    while (r[R_BUDGET]! > 0) engine.run();
    return engine.translatedInstructions - before;
  };
  return { cpu, run };
}

it('a page that the region does not come to need not be in the TLB', () => {
  const { cpu, run } = start('jit');
  run(100);
  cpu.mmu.invalidatePage(0x401000);
  expect(run(1_000_000)).toBeGreaterThan(99_000);
});

it('a page that the region does not come to need not be one that may be fetched from', () => {
  const { cpu, run } = start('jit');
  run(100);
  cpu.mmu.setFetchBarrier(0x401);
  expect(run(1_000_000)).toBeGreaterThan(99_000);
});

it('a region is left before a page that it may not fetch from', () => {
  const states = (['jit', 'evaluator'] as const).map((name) => {
    const { cpu, run } = start(name);
    run(100);
    cpu.mmu.setFetchBarrier(0x401);
    run(30_000);
    return [...cpu.r.subarray(0, 8), cpu.r[R_EIP]];
  });
  expect(states[0]).toEqual(states[1]);
});
