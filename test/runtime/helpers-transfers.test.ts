import { beforeEach, describe, expect, it } from 'vitest';
import { Vector } from '../../src/runtime/fault.js';
import { getEflags } from '../../src/runtime/flags.js';
import { farCall, farJump, farReturn } from '../../src/runtime/helpers/far-transfers.js';
import { deliverException } from '../../src/runtime/helpers/interrupts.js';
import { iret } from '../../src/runtime/helpers/iret.js';
import { setSegment } from '../../src/runtime/helpers/segments.js';
import { CR0, EAX, EFLAGS, ESP, R_CPL, R_EIP } from '../../src/runtime/state.js';
import {
  CODE0,
  CODE3,
  CONFORMING0,
  createBench,
  createProtected,
  DATA0,
  DATA3,
  descriptor,
  faultOf,
  FREE,
  GDT,
  gate,
  read16,
  read32,
  setDescriptor,
  setGate,
  snapshot,
  STACK0,
  STACK3,
  TSS_SELECTOR,
  TSS,
  write32,
  type Bench,
} from './helpers-support.js';

const NEXT = 0x407;

describe('direct far transfers', () => {
  let bench: Bench;
  beforeEach(() => (bench = createProtected(3)));

  const refused = (selector: number, expected: [number, number], offset = 0) => {
    const before = snapshot(bench);
    expect(faultOf(() => farJump(bench.cpu, selector, offset, 32, NEXT))).toEqual(expected);
    expect(faultOf(() => farCall(bench.cpu, selector, offset, 32, NEXT))).toEqual(expected);
    expect(snapshot(bench)).toEqual(before);
  };

  it('check the selector', () => {
    refused(0, [Vector.GP, 0]);
    refused(0x1000, [Vector.GP, 0x1000]);
    refused(CODE0, [Vector.GP, CODE0]);
    refused(DATA3, [Vector.GP, DATA3 & ~3]);
    setDescriptor(bench, FREE, descriptor({ access: 0x7a }));
    refused(FREE | 3, [Vector.NP, FREE]);
    setDescriptor(bench, FREE, descriptor({ access: 0xfa, limit: 0xff, flags: 4 }));
    refused(FREE | 3, [Vector.GP, 0], 0x100);
  });

  it('CALL pushes CS and EIP, RETF comes back and drops parameters', () => {
    farCall(bench.cpu, CONFORMING0, 0x12345, 32, NEXT);
    const { r, segments } = bench.cpu;
    expect([segments.selector[1], r[R_EIP], r[R_CPL], r[ESP]]).toEqual([
      CONFORMING0 | 3,
      0x12345,
      3,
      STACK3 - 8,
    ]);
    expect([read32(bench, STACK3 - 8), read32(bench, STACK3 - 4)]).toEqual([NEXT, CODE3]);
    farReturn(bench.cpu, 32, 12);
    expect([segments.selector[1], r[R_EIP], r[ESP]]).toEqual([CODE3, NEXT, STACK3 + 12]);
  });

  it('16-bit operands push words and truncate the target', () => {
    farCall(bench.cpu, CODE3, 0x12345, 16, NEXT);
    expect([bench.cpu.r[R_EIP], bench.cpu.r[ESP]]).toEqual([0x2345, STACK3 - 4]);
    expect([read16(bench, STACK3 - 4), read16(bench, STACK3 - 2)]).toEqual([NEXT, CODE3]);
  });

  it('in real mode load base = selector * 16', () => {
    const real = createBench();
    farJump(real.cpu, 0x1234, 0x10, 16, NEXT);
    expect([real.cpu.segments.base[1], real.cpu.r[R_EIP]]).toEqual([0x12340, 0x10]);
    farCall(real.cpu, 0x2000, 0x20, 16, 0x15);
    expect([read16(real, 0x6ffc), read16(real, 0x6ffe)]).toEqual([0x15, 0x1234]);
    farReturn(real.cpu, 16, 2);
    expect([real.cpu.segments.base[1], real.cpu.r[R_EIP], real.cpu.r[ESP]]).toEqual([0x12340, 0x15, 0x7002]);
  });
});

describe('call gates', () => {
  let bench: Bench;
  const GATE = FREE | 3;
  beforeEach(() => {
    bench = createProtected(3);
    setDescriptor(bench, FREE, gate(CODE0, 0x6789, 0xec, 3));
  });

  it('copy parameters to the inner stack; RETF n drops them from both stacks and nulls inner data', () => {
    const { cpu } = bench;
    write32(bench, STACK3, 11, 22, 33, 44);
    farCall(cpu, GATE, 0xffff, 32, NEXT);
    expect([cpu.r[R_EIP], cpu.r[R_CPL], cpu.r[ESP]]).toEqual([0x6789, 0, STACK0 - 28]);
    const words = Array.from({ length: 7 }, (_, i) => read32(bench, STACK0 - 28 + i * 4));
    expect(words).toEqual([NEXT, CODE3, 11, 22, 33, STACK3, DATA3]);
    setSegment(cpu, 3, DATA0, 0, 0xffffffff, 0xc093);
    farReturn(cpu, 32, 12);
    expect([cpu.r[R_EIP], cpu.r[R_CPL], cpu.r[ESP]]).toEqual([NEXT, 3, STACK3 + 12]);
    expect([cpu.segments.selector[3], cpu.segments.selector[0]]).toEqual([0, DATA3]);
  });

  it('16-bit gates push and copy words', () => {
    setDescriptor(bench, FREE, gate(CODE0, 0x6789, 0xe4, 2));
    write32(bench, STACK3, (22 << 16) | 11);
    farCall(bench.cpu, GATE, 0, 32, NEXT);
    expect(bench.cpu.r[ESP]).toBe(STACK0 - 12);
    const words = Array.from({ length: 6 }, (_, i) => read16(bench, STACK0 - 12 + i * 2));
    expect(words).toEqual([NEXT, CODE3, 11, 22, STACK3, DATA3]);
  });

  it('stay in the ring for conforming targets and JMP may use only those', () => {
    const before = snapshot(bench);
    expect(faultOf(() => farJump(bench.cpu, GATE, 0, 32, NEXT))).toEqual([Vector.GP, CODE0]);
    expect(snapshot(bench)).toEqual(before);
    setDescriptor(bench, FREE, gate(CONFORMING0, 0x6789, 0xec, 3));
    farJump(bench.cpu, GATE, 0, 32, NEXT);
    expect([bench.cpu.r[R_EIP], bench.cpu.r[R_CPL], bench.cpu.r[ESP]]).toEqual([0x6789, 3, STACK3]);
  });

  it.each([
    ['a gate DPL below CPL', gate(CODE0, 0, 0x8c), [Vector.GP, FREE]],
    ['an absent gate', gate(CODE0, 0, 0x6c), [Vector.NP, FREE]],
    ['a null target', gate(0, 0, 0xec), [Vector.GP, 0]],
    ['a data target', gate(DATA0, 0, 0xec), [Vector.GP, DATA0]],
    ['an interrupt gate', gate(CODE0, 0, 0xee), [Vector.GP, FREE]],
  ] as [string, number[], [number, number]][])('refuse %s', (_name, words, expected) => {
    setDescriptor(bench, FREE, words);
    const before = snapshot(bench);
    expect(faultOf(() => farCall(bench.cpu, GATE, 0, 32, NEXT))).toEqual(expected);
    expect(snapshot(bench)).toEqual(before);
  });
});

describe('RETF', () => {
  it('may not go inwards', () => {
    const bench = createProtected(3);
    write32(bench, STACK3, 0x500, CODE0);
    const before = snapshot(bench);
    expect(faultOf(() => farReturn(bench.cpu, 32, 0))).toEqual([Vector.GP, CODE0]);
    expect(snapshot(bench)).toEqual(before);
  });
});

describe('task switches', () => {
  const TSS2 = 0x5000;
  let bench: Bench;
  beforeEach(() => {
    bench = createProtected(0);
    setDescriptor(bench, FREE, descriptor({ base: TSS2, limit: 0x67, access: 0x89, flags: 0 }));
    write32(bench, TSS2 + 0x20, 0x777, EFLAGS.CF | 2, 0xaa, 1, 2, 3, 0x9f00, 5, 6, 7);
    write32(bench, TSS2 + 0x48, DATA3, CODE3, DATA3, DATA3, 0, 0, 0);
  });
  const busy = (selector: number) => (read32(bench, GDT + selector + 4) >> 9) & 1;

  it('CALL saves, loads, links and nests; IRET returns', () => {
    const { cpu } = bench;
    cpu.r[EAX] = 0x55;
    const esp = cpu.r[ESP];
    farCall(cpu, FREE, 0, 32, NEXT);
    expect([cpu.r[R_EIP], cpu.r[R_CPL], cpu.r[EAX], cpu.r[ESP]]).toEqual([0x777, 3, 0xaa, 0x9f00]);
    expect(getEflags(cpu)).toBe(EFLAGS.NT | EFLAGS.CF | 2);
    expect([busy(TSS_SELECTOR), busy(FREE), read32(bench, TSS2)]).toEqual([1, 1, TSS_SELECTOR]);
    expect(read32(bench, TSS + 0x20)).toBe(NEXT);
    expect(cpu.cr0 & CR0.TS).toBe(CR0.TS);
    iret(cpu, 32, 0x778);
    expect([cpu.r[R_EIP], cpu.r[R_CPL], cpu.r[EAX], cpu.r[ESP]]).toEqual([NEXT, 0, 0x55, esp]);
    expect([busy(TSS_SELECTOR), busy(FREE), read32(bench, TSS2 + 0x20)]).toEqual([1, 0, 0x778]);
    expect(read32(bench, TSS2 + 0x24) & EFLAGS.NT).toBe(0);
  });

  it('JMP clears the old busy bit and does not nest', () => {
    farJump(bench.cpu, FREE, 0, 32, NEXT);
    expect([busy(TSS_SELECTOR), busy(FREE)]).toEqual([0, 1]);
    expect(getEflags(bench.cpu) & EFLAGS.NT).toBe(0);
  });

  it('an exception through a task gate pushes its error code on the new stack', () => {
    setGate(bench, Vector.GP, gate(FREE, 0, 0x85));
    deliverException(bench.cpu, Vector.GP, 0x18);
    expect([bench.cpu.r[R_EIP], bench.cpu.r[ESP], read32(bench, 0x9efc)]).toEqual([0x777, 0x9efc, 0x18]);
    expect(read32(bench, TSS + 0x20)).toBe(0x400);
  });

  it('refuses a busy, absent or short TSS before anything changes', () => {
    const before = snapshot(bench);
    setDescriptor(bench, FREE, descriptor({ base: TSS2, limit: 0x67, access: 0x8b, flags: 0 }));
    expect(faultOf(() => farJump(bench.cpu, FREE, 0, 32, NEXT))).toEqual([Vector.GP, FREE]);
    setDescriptor(bench, FREE, descriptor({ base: TSS2, limit: 0x67, access: 0x09, flags: 0 }));
    expect(faultOf(() => farJump(bench.cpu, FREE, 0, 32, NEXT))).toEqual([Vector.NP, FREE]);
    setDescriptor(bench, FREE, descriptor({ base: TSS2, limit: 0x66, access: 0x89, flags: 0 }));
    expect(faultOf(() => farJump(bench.cpu, FREE, 0, 32, NEXT))).toEqual([Vector.TS, FREE]);
    expect(snapshot(bench)).toEqual(before);
  });

  it('16-bit tasks: words, high halves ones, FS and GS null', () => {
    setDescriptor(bench, FREE, descriptor({ base: TSS2, limit: 0x2b, access: 0x81, flags: 0 }));
    write32(bench, TSS2 + 0x0c, 0x777 << 16, (0xaa << 16) | 2, 0, 0, (0x9f00 << 0) | 0);
    write32(bench, TSS2 + 0x20, DATA3 << 16, (DATA3 << 16) | CODE3, DATA3);
    farJump(bench.cpu, FREE, 0, 32, NEXT);
    expect([bench.cpu.r[R_EIP], bench.cpu.r[EAX]]).toEqual([0x777, 0xffff00aa | 0]);
    expect([bench.cpu.segments.selector[4], bench.cpu.r[R_CPL]]).toEqual([0, 3]);
  });

  it('delivers faults of the new segments in the new task', () => {
    write32(bench, TSS2 + 4, STACK0, DATA0);
    write32(bench, TSS2 + 0x54, DATA0);
    farJump(bench.cpu, FREE, 0, 32, NEXT);
    expect([bench.cpu.r[R_EIP], bench.cpu.r[R_CPL], bench.cpu.r[ESP]]).toEqual([
      0x1000 + Vector.TS,
      0,
      STACK0 - 24,
    ]);
    expect([read32(bench, STACK0 - 24), read32(bench, STACK0 - 20)]).toEqual([DATA0, 0x777]);
  });

  it('clears the local breakpoint enables and nothing else of DR7', () => {
    bench.cpu.dr[7] = 0x7ff;
    farJump(bench.cpu, FREE, 0, 32, NEXT);
    expect(bench.cpu.dr[7]).toBe(0x6aa);
  });

  it('the T bit traps before the first instruction of the new task', () => {
    write32(bench, TSS2 + 4, STACK0, DATA0);
    write32(bench, TSS2 + 0x64, 1);
    farJump(bench.cpu, FREE, 0, 32, NEXT);
    expect([bench.cpu.r[R_EIP], read32(bench, STACK0 - 20)]).toEqual([0x1000 + Vector.DB, 0x777]);
    expect(bench.cpu.dr[6]! & 0xe000).toBe(0x8000);
  });

  it('the T bit of a task entered by an exception comes after its error code', () => {
    write32(bench, TSS2 + 4, STACK0, DATA0);
    write32(bench, TSS2 + 0x64, 1);
    setGate(bench, Vector.GP, gate(FREE, 0, 0x85));
    deliverException(bench.cpu, Vector.GP, 0x18);
    expect([bench.cpu.r[R_EIP], read32(bench, 0x9efc)]).toEqual([0x1000 + Vector.DB, 0x18]);
  });

  it('a fault of the new task while an exception is delivered makes #DF', () => {
    write32(bench, TSS2 + 4, STACK0, DATA0);
    write32(bench, TSS2 + 0x54, DATA0);
    setGate(bench, Vector.GP, gate(FREE, 0, 0x85));
    deliverException(bench.cpu, Vector.GP, 0x18);
    expect(bench.cpu.r[R_EIP]).toBe(0x1000 + Vector.DF);
  });
});
