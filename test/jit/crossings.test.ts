/** Instructions that lie on two pages follow each change of either of them. */
import { describe, expect, it } from 'vitest';
import { createEngine, type EngineName } from '../../src/jit/engines.js';
import { VectorMachine } from '../../src/jit/vector-machine.js';
import { EAX, ECX, EDX, PENDING, R_BUDGET, R_EIP, R_PENDING } from '../../src/runtime/state.js';

const AT = 0x400ffd;
/** ffd: mov eax, 11223344; jmp $ */
const MOVE = Uint8Array.of(0xb8, 0x44, 0x33, 0x22, 0x11, 0xeb, 0xfe);
/** ffd: add eax, [edx + 12345678]; jmp $ */
const ADD = Uint8Array.of(0x03, 0x82, 0x78, 0x56, 0x34, 0x12, 0xeb, 0xfe);

function start(name: EngineName, code: Uint8Array) {
  const machine = new VectorMachine(32);
  machine.enterUser();
  const { cpu, memory } = machine;
  memory.copyIn(AT, code);
  const engine = createEngine(name, { heatThreshold: 1e6, train: false })(cpu, memory);
  const { r } = cpu;
  const run = (instructions = 3): number => {
    r[R_EIP] = AT;
    r[R_PENDING]! |= PENDING.MODE;
    r[R_BUDGET] = instructions;
    while (r[R_BUDGET]! > 0) engine.run();
    return r[EAX]!;
  };
  return { cpu, memory, run };
}

describe.each(['interpreter', 'jit', 'evaluator'] as const)('%s: an instruction on two pages', (name) => {
  it('goes on behind its last byte', () => {
    const { cpu, run } = start(name, MOVE);
    for (let i = 0; i < 3; i++) expect(run()).toBe(0x11223344);
    expect(cpu.r[R_EIP]).toBe(0x401002);
  });

  it('follows stores to its first page', () => {
    const { cpu, run } = start(name, MOVE);
    run();
    run();
    cpu.mmu.write8(0x400ffe, 0x55);
    expect(run()).toBe(0x11223355);
  });

  it('follows stores to its second page', () => {
    const { cpu, run } = start(name, MOVE);
    run();
    run();
    cpu.mmu.write8(0x401001, 0x66);
    expect(run()).toBe(0x66223344);
    cpu.mmu.write8(0x401000, 0x77);
    expect(run()).toBe(0x66773344);
  });

  it('keeps to its bytes after stores beside them', () => {
    const { cpu, run } = start(name, MOVE);
    run();
    for (let i = 0; i < 3; i++) cpu.mmu.write8(0x401040, i);
    expect(run()).toBe(0x11223344);
  });

  it('follows its second page to another frame and back', () => {
    const { cpu, memory, run } = start(name, MOVE);
    run();
    const entry = (memory.read32(cpu.cr3 + 4) & -4096) + 4;
    const own = memory.read32(entry);
    memory.copyIn(0x402000, Uint8Array.of(0xaa, 0x0b, 0xeb, 0xfe));
    for (let i = 0; i < 2; i++) {
      memory.write32(entry, (own & 0xfff) | 0x402000);
      cpu.mmu.invalidatePage(0x401000);
      expect(run()).toBe(0x0baa3344);
      memory.write32(entry, own);
      cpu.mmu.invalidatePage(0x401000);
      expect(run()).toBe(0x11223344);
    }
  });

  it('faults where its second page is gone', () => {
    const { cpu, memory, run } = start(name, MOVE);
    run();
    memory.write32((memory.read32(cpu.cr3 + 4) & -4096) + 4, 0);
    cpu.mmu.invalidatePage(0x401000);
    run(1);
    expect(cpu.cr2 >>> 0).toBe(0x401000);
  });

  it('leaves everything as before it when its operand faults', () => {
    const { cpu, memory, run } = start(name, ADD);
    cpu.r[EAX] = 1;
    cpu.r[EDX] = (0x300000 - 0x12345678) | 0;
    cpu.r[ECX] = 9;
    memory.write32(0x300000, 41);
    expect(run()).toBe(42);
    expect(run()).toBe(83);
    cpu.r[EDX] = (0x10000000 - 0x12345678) | 0;
    expect(run(1)).toBe(83);
    expect(cpu.cr2 >>> 0).toBe(0x10000000);
  });
});
