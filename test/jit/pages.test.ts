/** Regions of several pages are entered although the TLB knows only some of them. */
import { expect, it } from 'vitest';
import { createEngine } from '../../src/jit/engines.js';
import { VectorMachine } from '../../src/jit/vector-machine.js';
import { ECX, PENDING, R_BUDGET, R_EIP, R_PENDING } from '../../src/runtime/state.js';

const LOOP = 0x400ff0;
/** ff0: dec ecx; jz 1000; jmp ff0 */
const FIRST = Uint8Array.of(0x49, 0x74, 0x0d, 0xeb, 0xfb);
/** 1000: mov ecx, 100; jmp ff0 */
const SECOND = Uint8Array.of(0xb9, 100, 0, 0, 0, 0xeb, 0xe9);

it('a page that the region does not come to need not be in the TLB', () => {
  const machine = new VectorMachine(32);
  machine.enterUser();
  const { cpu, memory } = machine;
  memory.copyIn(LOOP, FIRST);
  memory.copyIn(0x401000, SECOND);
  const engine = createEngine('jit', { heatThreshold: 60, train: false })(cpu, memory);
  const { r } = cpu;
  const run = (ecx: number): number => {
    const before = engine.translatedInstructions;
    r[ECX] = ecx;
    r[R_EIP] = LOOP;
    r[R_PENDING]! |= PENDING.MODE;
    r[R_BUDGET] = 100_000;
    while (r[R_BUDGET]! > 0) engine.run();
    return engine.translatedInstructions - before;
  };
  run(100);
  cpu.mmu.invalidatePage(0x401000);
  expect(run(1_000_000)).toBeGreaterThan(99_000);
});
