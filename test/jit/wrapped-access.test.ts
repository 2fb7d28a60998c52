/** Operands across offset 4 GiB of flat segments, in each engine and in hot code. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createEngine, type EngineName } from '../../src/jit/engines.js';
import type { JitEngine } from '../../src/jit/engine.js';
import { VectorMachine } from '../../src/jit/vector-machine.js';
import { setSegment } from '../../src/runtime/helpers/segments.js';
import {
  EAX,
  EBX,
  ECX,
  EDI,
  EDX,
  ESI,
  ESP,
  PENDING,
  R_BUDGET,
  R_EIP,
  R_PENDING,
  type Cpu,
} from '../../src/runtime/state.js';

const CODE = 0x400000,
  DATA = 0x200000,
  TABLE = 0x201000,
  STACK = 0x302000;
const FLAT = 0xc0f3;

describe.each<EngineName>(['evaluator', 'interpreter', 'jit'])('%s', (name) => {
  let engine: JitEngine;
  let cpu: Cpu;
  let memory: VectorMachine['memory'];

  beforeEach(() => {
    const machine = new VectorMachine(32);
    machine.enterUser();
    ({ cpu, memory } = machine);
    engine = createEngine(name, { heatThreshold: 4, train: false })(cpu, memory);
    cpu.r[ESP] = STACK;
    memory.copyIn(
      DATA,
      Uint8Array.from({ length: 64 }, (_, i) => i),
    );
  });

  const run = (count: number): void => {
    const { r } = cpu;
    r[R_PENDING]! |= PENDING.MODE;
    r[R_BUDGET] = count;
    while (r[R_BUDGET]! > 0) engine.run();
  };
  const start = (...bytes: number[]): void => {
    memory.copyIn(CODE, Uint8Array.from(bytes));
    cpu.r[R_EIP] = CODE;
  };

  /** mov eax,[ebx]; mov ecx,fs:[edx]; mov [ebx],eax; dec esi; jnz; then an access that faults. */
  const LOOP = [0x8b, 0x03, 0x64, 0x8b, 0x0a, 0x89, 0x03, 0x4e, 0x75, 0xf6];

  it('misaligned accesses across the base of FS are ordinary ones', () => {
    setSegment(cpu, 4, 0x2b, DATA + 8, 0xffffffff, FLAT);
    cpu.r[EBX] = DATA + 6;
    cpu.r[EDX] = 2;
    cpu.r[ESI] = 100;
    start(...LOOP);
    run(500);
    expect([cpu.r[EAX], cpu.r[ECX], cpu.r[R_EIP]]).toEqual([0x09080706, 0x0d0c0b0a, CODE + LOOP.length]);
  });

  it.each([
    ['mov eax, fs:[edi]', [0x64, 0x8b, 0x07], 0x20, -2],
    ['mov ax, fs:[edi]', [0x64, 0x66, 0x8b, 0x07], 0x20, -1],
    ['add fs:[edi], eax', [0x64, 0x01, 0x07], 0x20, -3],
    ['mov eax, [edi]', [0x8b, 0x07], DATA + 0x20, -2],
    ['mov eax, [edi], misaligned before', [0x8b, 0x07], DATA + 0x21, -2],
    ['mov [edi], eax', [0x89, 0x07], DATA + 0x20, -1],
    ['bts [edi], ecx', [0x0f, 0xab, 0x0f], DATA + 0x20, -1],
    ['cmpxchg8b [edi]', [0x0f, 0xc7, 0x0f], DATA + 0x20, -4],
  ] as const)('%s is #GP(0) in hot code, too', (_text, bytes, good, bad) => {
    setSegment(cpu, 4, 0x2b, DATA + 8, 0xffffffff, FLAT);
    const { r } = cpu;
    // mov edi, [ebx + esi * 4]; dec esi; jnz: the address for the last turn is the bad one.
    start(...bytes, 0x8b, 0x3c, 0xb3, 0x4e, 0x75, -(bytes.length + 6));
    const addresses = new Int32Array(300).fill(good);
    addresses[2] = bad;
    memory.copyIn(TABLE, new Uint8Array(addresses.buffer));
    [r[EBX], r[EDI], r[ESI], r[ECX]] = [TABLE, good, 299, 0];
    run(298 * 4 + 1);
    expect([cpu.exceptionCounts[13], cpu.exceptionCounts[14], r[ESI]]).toEqual([1, 0, 1]);
  });
});
