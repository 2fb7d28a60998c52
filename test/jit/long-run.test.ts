/** The interpreter is compiled in the middle of a guest's run, which must go on as if nothing had been. */
import { describe, expect, it } from 'vitest';
import { createEngine, type EngineName } from '../../src/jit/engines.js';
import { Fpu } from '../../src/runtime/fpu/state.js';
import { setCpl, setSegment } from '../../src/runtime/helpers/segments.js';
import {
  EAX,
  EBP,
  EBX,
  ECX,
  ESP,
  PENDING,
  R_BUDGET,
  R_CPL,
  R_EFLAGS,
  R_EIP,
  R_PENDING,
} from '../../src/runtime/state.js';
import { P, PS, RW, US, createMachine, enablePaging } from '../runtime/mmu-support.js';

const CODE = 0x40000,
  STACK = 0x50000,
  PAGE_DIRECTORY = 0x60000;
/** Code and data of the guest: add [ebx],ecx; call ebp; loop; and inc eax; ret. */
const DATA = 0x10100,
  CALLEE = 0x11000;
const LOOP = [0x01, 0x0b, 0xff, 0xd5, 0xe2, 0xfa],
  INCREMENT = [0x40, 0xc3];

/** Flat segments; linear addresses are physical ones, through a page of 4 MiB. */
function createGuest(cpl: 0 | 3) {
  const machine = createMachine();
  const { cpu, memory } = machine;
  cpu.fpu = new Fpu();
  memory.write32(PAGE_DIRECTORY, P | RW | US | PS);
  for (let n = 0; n < 6; n++)
    setSegment(cpu, n, 8 | cpl, 0, 0xffffffff, (n === 1 ? 0x9b : 0x93) | (cpl << 5) | 0xc000);
  setCpl(cpu, cpl);
  enablePaging(machine, PAGE_DIRECTORY, { pse: true });
  memory.copyIn(CODE, Uint8Array.from(LOOP));
  memory.copyIn(CALLEE, Uint8Array.from(INCREMENT));
  return machine;
}

function runGuest(name: EngineName, train: boolean, cpl: 0 | 3, budgets: readonly number[]) {
  const { cpu, memory } = createGuest(cpl);
  let longRuns = 0;
  const engine = createEngine(name, { heatThreshold: 100, train, onLongRun: () => longRuns++ })(cpu, memory);
  const { r } = cpu;
  r[EBX] = DATA;
  r[EBP] = CALLEE;
  r[ESP] = STACK;
  r[EAX] = r[ECX] = 0;
  r[R_EIP] = CODE;
  r[R_PENDING]! |= PENDING.MODE;
  const spare = memory.spareFrames;
  for (const budget of budgets) {
    r[R_BUDGET] = budget;
    for (let runs = 0; r[R_BUDGET]! > 0 && runs < 100; runs++) engine.run();
    expect(r[R_BUDGET]).toBe(0);
  }
  expect(memory.spareFrames).toBe(spare);
  const registers = [...r.subarray(0, 16), r[R_EIP], r[R_EFLAGS], r[R_CPL]];
  return { longRuns, registers, flags: memory.pageFlags.slice(), bytes: memory.u8.slice() };
}

describe.each(['interpreter', 'jit'] as const)('the %s', (name) => {
  it.each([0, 3] as const)('leaves no trace of it at privilege %i', (cpl) => {
    const budgets = [200_000, 99_999, 100_000, 12_345];
    const compiled = runGuest(name, true, cpl, budgets);
    const plain = runGuest(name, false, cpl, budgets);
    expect(compiled.longRuns).toBe(1);
    expect(plain.longRuns).toBe(0);
    expect(compiled.registers).toEqual(plain.registers);
    expect(compiled.flags.findIndex((flags, i) => flags !== plain.flags[i])).toBe(-1);
    expect(compiled.bytes.findIndex((byte, i) => byte !== plain.bytes[i])).toBe(-1);
  });

  it('does without for a short guest', () => {
    expect(runGuest(name, true, 0, [10_000, 10_000]).longRuns).toBe(0);
  });
});
