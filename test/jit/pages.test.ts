/** Regions of several pages are entered although only some of them can be fetched from now. */
import { expect, it } from 'vitest';
import { createEngine, type EngineName } from '../../src/jit/engines.js';
import { VectorMachine } from '../../src/jit/vector-machine.js';
import { EAX, ECX, ESP, PENDING, R_BUDGET, R_EIP, R_PENDING } from '../../src/runtime/state.js';

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

/** fe0: dec ecx; call 2000; jmp 1000 */
const CALLER = Uint8Array.of(0x49, 0xe8, 0x1a, 0x10, 0, 0, 0xeb, 0x18);
/** 1000: inc eax; jecxz +2; jmp fe0; jmp 1005 */
const BEYOND = Uint8Array.of(0x40, 0xe3, 0x02, 0xeb, 0xdb, 0xeb, 0xfe);
/** 2000: mov edx, 3; dec edx; jnz -1; cmp ecx, 50; jne ret; mov dword [300004], 0; ret */
const CALLEE = Uint8Array.of(
  ...[0xba, 3, 0, 0, 0, 0x4a, 0x75, 0xfd, 0x83, 0xf9, 50, 0x75, 10],
  ...[0xc7, 0x05, 0x04, 0, 0x30, 0, 0, 0, 0, 0, 0xc3],
);

it('a callee may take away a page that its caller goes to', () => {
  const states = (['jit', 'evaluator'] as const).map((name) => {
    const machine = new VectorMachine(32);
    machine.enterUser();
    const { cpu, memory } = machine;
    memory.copyIn(0x400fe0, CALLER);
    memory.copyIn(0x401000, BEYOND);
    memory.copyIn(0x402000, CALLEE);
    // The user's page 300000 is the table that maps 400000 to 7FFFFF.
    const pte = memory.read32(cpu.cr3) & -4096;
    const table = memory.read32(cpu.cr3 + 4) & -4096;
    memory.write32(pte + (0x300 << 2), table | 7);
    cpu.mmu.controlRegistersChanged();
    const options = { heatThreshold: 60, targetThreshold: 1e6, completeAccesses: true };
    const engine = createEngine(name, options)(cpu, memory);
    const { r } = cpu;
    r[EAX] = 0;
    r[ECX] = 1000;
    r[ESP] = 0x302000;
    r[R_EIP] = 0x400fe0;
    r[R_PENDING]! |= PENDING.MODE;
    r[R_BUDGET] = 30_000;
    // The handler of the page fault halts.
    for (let i = 0; i < 1000 && r[R_BUDGET]! > 0; i++) engine.run();
    return { registers: [...r.subarray(0, 8), r[R_EIP]!], translated: engine.translatedInstructions };
  });
  expect(states[0]!.translated).toBeGreaterThan(5000);
  // 950 rounds came to the page.
  expect(states[1]!.registers.slice(0, 2)).toEqual([949, 50]);
  expect(states[0]!.registers).toEqual(states[1]!.registers);
});
