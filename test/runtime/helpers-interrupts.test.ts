import { beforeEach, describe, expect, it } from 'vitest';
import { ExitReason } from '../../src/runtime/exits.js';
import { Vector } from '../../src/runtime/fault.js';
import { getEflags, setEflags } from '../../src/runtime/flags.js';
import {
  deliverException,
  deliverInterrupt,
  deliverNmi,
  softwareInterrupt,
  softwareTrap,
} from '../../src/runtime/helpers/interrupts.js';
import { iret } from '../../src/runtime/helpers/iret.js';
import { loadSegment, setSegment } from '../../src/runtime/helpers/segments.js';
import { CR0, EFLAGS, ESP, PENDING, R_CPL, R_EFLAGS, R_EIP, R_PENDING } from '../../src/runtime/state.js';
import {
  CODE0,
  CODE3,
  CONFORMING0,
  createBench,
  createProtected,
  DATA0,
  DATA3,
  descriptor,
  enterRing,
  enterVm86,
  faultOf,
  FREE,
  gate,
  IDT,
  read16,
  read32,
  setDescriptor,
  setGate,
  snapshot,
  STACK0,
  STACK3,
  TSS,
  write32,
  type Bench,
} from './helpers-support.js';

const { IF, TF, NT, VM, RF, CF, IOPL } = EFLAGS;
const frame = (bench: Bench, words: number): number[] =>
  Array.from({ length: words }, (_, i) => read32(bench, bench.cpu.r[ESP]! + i * 4));

describe('delivery in ring 0', () => {
  let bench: Bench;
  beforeEach(() => (bench = createProtected(0)));

  it('pushes EFLAGS, CS, EIP and clears IF, TF, NT through an interrupt gate', () => {
    setEflags(bench.cpu, IF | TF | NT | CF, IF | TF | NT | CF);
    const esp = bench.cpu.r[ESP]!;
    deliverInterrupt(bench.cpu, 0x20);
    expect(bench.cpu.r[ESP]).toBe(esp - 12);
    expect(frame(bench, 3)).toEqual([0x400, CODE0, IF | TF | NT | CF | 2]);
    expect(bench.cpu.r[R_EIP]).toBe(0x1020);
    expect(getEflags(bench.cpu)).toBe(CF | 2);
  });

  it('leaves IF alone through a trap gate', () => {
    setGate(bench, 0x21, gate(CODE0, 0x5000, 0x8f));
    setEflags(bench.cpu, IF, IF);
    deliverInterrupt(bench.cpu, 0x21);
    expect(getEflags(bench.cpu)).toBe(IF | 2);
  });

  it('pushes words through a 16-bit gate', () => {
    setGate(bench, 0x22, gate(CODE0, 0x1234, 0x86));
    const esp = bench.cpu.r[ESP]!;
    deliverInterrupt(bench.cpu, 0x22);
    expect(bench.cpu.r[ESP]).toBe(esp - 6);
    expect([0, 2, 4].map((i) => read16(bench, esp - 6 + i))).toEqual([0x400, CODE0, 2]);
    expect(bench.cpu.r[R_EIP]).toBe(0x1234);
  });

  it('pushes the error code and sets RF in the image of a fault', () => {
    deliverException(bench.cpu, Vector.GP, 0x1234);
    expect(frame(bench, 4)).toEqual([0x1234, 0x400, CODE0, RF | 2]);
  });

  it('writes CR2 for a page fault', () => {
    deliverException(bench.cpu, Vector.PF, 2, 0xdead0000 | 0);
    expect(bench.cpu.cr2).toBe(0xdead0000 | 0);
    expect(frame(bench, 2)).toEqual([2, 0x400]);
  });

  it('does not push an error code for INT 13', () => {
    softwareInterrupt(bench.cpu, 13, 0x402);
    expect(frame(bench, 3)).toEqual([0x402, CODE0, 2]);
  });

  it('unblocks nothing until IRET after an NMI', () => {
    deliverNmi(bench.cpu);
    expect(bench.cpu.nmiBlocked).toBe(true);
    iret(bench.cpu, 32, 0);
    expect(bench.cpu.nmiBlocked).toBe(false);
    expect(bench.cpu.r[R_EIP]).toBe(0x400);
  });
});

describe('faults of the delivery itself', () => {
  let bench: Bench;
  beforeEach(() => (bench = createProtected(3)));

  const check = (action: () => void, expected: [number, number]) => {
    const before = snapshot(bench);
    expect(faultOf(action)).toEqual(expected);
    expect(snapshot(bench)).toEqual(before);
  };

  it('INT n needs DPL >= CPL: #GP(vector * 8 + 2)', () => {
    check(() => softwareInterrupt(bench.cpu, 0x80, 0x402), [Vector.GP, 0x80 * 8 + 2]);
  });
  it('a gate beyond the limit is #GP', () => {
    bench.cpu.idtLimit = 0x80 * 8 + 6;
    check(() => softwareInterrupt(bench.cpu, 0x80, 0x402), [Vector.GP, 0x80 * 8 + 2]);
  });
  it('a gate that is not present is #NP', () => {
    setGate(bench, 0x80, gate(CODE0, 0, 0x6e));
    check(() => softwareInterrupt(bench.cpu, 0x80, 0x402), [Vector.NP, 0x80 * 8 + 2]);
  });
  it('a null, data, absent and too far code selector', () => {
    setGate(bench, 0x80, gate(0, 0, 0xee));
    check(() => softwareInterrupt(bench.cpu, 0x80, 0x402), [Vector.GP, 0]);
    setGate(bench, 0x80, gate(DATA0, 0, 0xee));
    check(() => softwareInterrupt(bench.cpu, 0x80, 0x402), [Vector.GP, DATA0]);
    setDescriptor(bench, FREE, descriptor({ access: 0x1a }));
    setGate(bench, 0x80, gate(FREE, 0, 0xee));
    check(() => softwareInterrupt(bench.cpu, 0x80, 0x402), [Vector.NP, FREE]);
    setDescriptor(bench, FREE, descriptor({ access: 0x9a, limit: 0xfff, flags: 4 }));
    setGate(bench, 0x80, gate(FREE, 0x1000, 0xee));
    check(() => softwareInterrupt(bench.cpu, 0x80, 0x402), [Vector.GP, 0]);
  });
  it('bad stacks in the TSS are #TS and #SS with their selector', () => {
    setGate(bench, 0x80, gate(CODE0, 0, 0xee));
    write32(bench, TSS + 8, 0);
    check(() => softwareInterrupt(bench.cpu, 0x80, 0x402), [Vector.TS, 0]);
    write32(bench, TSS + 8, DATA3);
    check(() => softwareInterrupt(bench.cpu, 0x80, 0x402), [Vector.TS, DATA3 & ~3]);
    setDescriptor(bench, FREE, descriptor({ access: 0x12 }));
    write32(bench, TSS + 8, FREE);
    check(() => softwareInterrupt(bench.cpu, 0x80, 0x402), [Vector.SS, FREE]);
    setDescriptor(bench, FREE, descriptor({ access: 0x92, limit: 0xfff, flags: 4 }));
    write32(bench, TSS + 4, 0x2000);
    check(() => softwareInterrupt(bench.cpu, 0x80, 0x402), [Vector.SS, FREE]);
  });

  it('a second contributory fault becomes #DF with error code 0', () => {
    setGate(bench, Vector.GP, gate(CODE0, 0, 0x0e));
    deliverException(bench.cpu, Vector.GP, 0x18);
    expect(bench.cpu.r[R_EIP]).toBe(0x1000 + Vector.DF);
    expect(frame(bench, 2)).toEqual([0, 0x400]);
  });
  it('a fault after a benign exception is delivered instead, with EXT set', () => {
    setGate(bench, Vector.UD, gate(CODE0, 0, 0x0e));
    deliverException(bench.cpu, Vector.UD, 0);
    expect(bench.cpu.r[R_EIP]).toBe(0x1000 + Vector.NP);
    expect(frame(bench, 1)).toEqual([Vector.UD * 8 + 3]);
  });
  it('a fault during #DF shuts down', () => {
    bench.cpu.idtLimit = 0;
    const before = snapshot(bench);
    deliverException(bench.cpu, Vector.GP, 0);
    expect(bench.cpu.shutdown).toBe(true);
    expect(bench.cpu.exitReason).toBe(ExitReason.TRIPLE_FAULT);
    expect(bench.cpu.r[R_PENDING]! & PENDING.EXIT).toBe(PENDING.EXIT);
    bench.cpu.r[R_PENDING] = 0;
    expect(snapshot(bench)).toEqual(before);
  });
  it('a fault while an external interrupt is delivered goes to its handler', () => {
    setGate(bench, 0x20, gate(CODE0, 0, 0x0e));
    deliverInterrupt(bench.cpu, 0x20);
    expect(bench.cpu.r[R_EIP]).toBe(0x1000 + Vector.NP);
    expect(frame(bench, 1)).toEqual([0x20 * 8 + 3]);
  });
});

describe('ring changes', () => {
  let bench: Bench;
  beforeEach(() => (bench = createProtected(3)));

  it('switch to the stack of the TSS and come back with IRET', () => {
    const { cpu } = bench;
    setEflags(cpu, IF | CF, IF | CF);
    const before = snapshot(bench);
    deliverInterrupt(cpu, 0x20);
    expect(cpu.r[R_CPL]).toBe(0);
    expect(cpu.r[ESP]).toBe(STACK0 - 20);
    expect(frame(bench, 5)).toEqual([0x400, CODE3, IF | CF | 2, STACK3, DATA3]);
    expect(cpu.segments.selector[1]).toBe(CODE0);
    expect(cpu.segments.selector[2]).toBe(DATA0);
    expect(cpu.r[R_PENDING]! & PENDING.MODE).toBe(PENDING.MODE);
    iret(cpu, 32, 0);
    cpu.r[R_PENDING] = 0;
    expect(snapshot(bench)).toEqual(before);
  });

  it('stay in the ring for a conforming handler', () => {
    setGate(bench, 0x20, gate(CONFORMING0, 0x77, 0x8e));
    deliverInterrupt(bench.cpu, 0x20);
    expect(bench.cpu.r[R_CPL]).toBe(3);
    expect(bench.cpu.segments.selector[1]).toBe(CONFORMING0 | 3);
    expect(bench.cpu.r[ESP]).toBe(STACK3 - 12);
  });

  it('use a 16-bit TSS', () => {
    const { cpu } = bench;
    setSegment(cpu, 7, 0x28, TSS, 0x2b, 0x83);
    write32(bench, TSS, 0x6000 << 16, DATA0);
    deliverInterrupt(cpu, 0x20);
    expect(cpu.r[ESP]).toBe(0x6000 - 20);
  });

  it('INT3 passes a DPL 3 gate and returns after itself', () => {
    setGate(bench, 3, gate(CODE0, 0x99, 0xee));
    softwareTrap(bench.cpu, 3, 0x401);
    expect(frame(bench, 2)).toEqual([0x401, CODE3]);
  });
});

describe('IRET', () => {
  let bench: Bench;
  const stack = (...words: number[]) => write32(bench, bench.cpu.r[ESP]!, ...words);
  beforeEach(() => (bench = createProtected(0)));

  it('nulls data segments that the outer ring may not use', () => {
    stack(0x500, CODE3, 2, 0x9000, DATA3);
    loadSegment(bench.cpu, 4, CONFORMING0);
    loadSegment(bench.cpu, 0, DATA3);
    iret(bench.cpu, 32, 0);
    const { selector, attributes } = bench.cpu.segments;
    expect([selector[0], selector[3], selector[4], selector[5]]).toEqual([DATA3, 0, CONFORMING0, 0]);
    expect(attributes[3]).toBe(0);
    expect(bench.cpu.r[ESP]).toBe(0x9000);
  });

  it.each([
    ['a null CS', [0x500, 0, 2], [Vector.GP, 0]],
    ['a CS beyond the table', [0x500, 0x1000, 2], [Vector.GP, 0x1000]],
    ['data in CS', [0x500, DATA0, 2], [Vector.GP, DATA0]],
    ['a DPL that is not the RPL', [0x500, CODE0 | 3, 2], [Vector.GP, CODE0]],
    ['a null SS', [0x500, CODE3, 2, 0, 0], [Vector.GP, 0]],
    ['an SS of another ring', [0x500, CODE3, 2, 0, DATA0], [Vector.GP, DATA0]],
  ] as [string, number[], [number, number]][])('refuses %s', (_name, words, expected) => {
    stack(...words);
    const before = snapshot(bench);
    expect(faultOf(() => iret(bench.cpu, 32, 0))).toEqual(expected);
    expect(snapshot(bench)).toEqual(before);
  });

  it('may not return to an inner ring', () => {
    enterRing(bench, 3);
    stack(0x500, CODE0, 2);
    expect(faultOf(() => iret(bench.cpu, 32, 0))).toEqual([Vector.GP, CODE0]);
  });

  it('changes IF and IOPL only as privilege allows', () => {
    enterRing(bench, 3);
    stack(0x500, CODE3, IF | IOPL | CF);
    iret(bench.cpu, 32, 0);
    expect(getEflags(bench.cpu)).toBe(CF | 2);
    enterRing(bench, 0);
    stack(0x500, CODE0, IF | IOPL | CF);
    iret(bench.cpu, 32, 0);
    expect(getEflags(bench.cpu)).toBe(IF | IOPL | CF | 2);
  });

  it('16-bit form keeps the high half of EFLAGS', () => {
    setEflags(bench.cpu, EFLAGS.ID, EFLAGS.ID);
    write32(bench, bench.cpu.r[ESP]!, (CODE0 << 16) | 0x500, CF);
    iret(bench.cpu, 16, 0);
    expect(getEflags(bench.cpu)).toBe(EFLAGS.ID | CF | 2);
    expect(bench.cpu.r[R_EIP]).toBe(0x500);
  });
});

describe('virtual-8086 mode', () => {
  let bench: Bench;
  beforeEach(() => (bench = createProtected(0)));

  it('is entered by IRETD at CPL 0 with all segments', () => {
    const { cpu } = bench;
    write32(bench, cpu.r[ESP]!, 0x123, 0x2000, VM | IF | 2, 0x1ffe, 0x3000, 0x4000, 0x5000, 0x6000, 0x7000);
    iret(cpu, 32, 0);
    expect(Array.from(cpu.segments.selector.subarray(0, 6))).toEqual([
      0x4000, 0x2000, 0x3000, 0x5000, 0x6000, 0x7000,
    ]);
    expect(Array.from(cpu.segments.limit.subarray(0, 6))).toEqual(new Array(6).fill(0xffff));
    expect(cpu.segments.base[5]).toBe(0x70000);
    expect([cpu.r[R_CPL], cpu.r[R_EIP], cpu.r[ESP]]).toEqual([3, 0x123, 0x1ffe]);
    expect(cpu.r[R_EFLAGS]! & VM).toBe(VM);
  });

  it('is left to ring 0 with segments pushed and nulled, and returns unchanged', () => {
    const { cpu } = bench;
    enterVm86(bench);
    cpu.r[R_PENDING] = 0;
    const before = snapshot(bench);
    deliverInterrupt(cpu, 0x20);
    expect(cpu.r[ESP]).toBe(STACK0 - 36);
    expect(frame(bench, 9)).toEqual([0x400, 0x200, VM | IOPL | 2, 0x800, 0x300, 0x100, 0x400, 0x500, 0x600]);
    expect(cpu.r[R_EFLAGS]! & VM).toBe(0);
    expect([0, 3, 4, 5].map((i) => cpu.segments.selector[i])).toEqual([0, 0, 0, 0]);
    iret(cpu, 32, 0);
    cpu.r[R_PENDING] = 0;
    expect(snapshot(bench)).toEqual(before);
  });

  it('INT n, IRET need IOPL 3, INT3 does not', () => {
    enterVm86(bench, 0);
    setGate(bench, 3, gate(CODE0, 0x99, 0xee));
    setGate(bench, 0x80, gate(CODE0, 0x99, 0xee));
    expect(faultOf(() => softwareInterrupt(bench.cpu, 0x80, 0x402))).toEqual([Vector.GP, 0]);
    expect(faultOf(() => iret(bench.cpu, 16, 0))).toEqual([Vector.GP, 0]);
    softwareTrap(bench.cpu, 3, 0x401);
    expect(bench.cpu.r[R_EIP]).toBe(0x99);
  });

  it('does not go to a handler in another ring than 0', () => {
    enterVm86(bench);
    setGate(bench, 0x80, gate(CODE3, 0, 0xee));
    expect(faultOf(() => softwareInterrupt(bench.cpu, 0x80, 0x402))).toEqual([Vector.GP, CODE3 & ~3]);
  });
});

describe('real mode', () => {
  it('goes through the vector table and back', () => {
    const bench = createBench();
    const { cpu } = bench;
    write32(bench, 0x21 * 4, 0x12345678);
    cpu.idtLimit = 0x3ff;
    setEflags(cpu, IF | CF, IF | CF);
    cpu.r[R_EIP] = 0x400;
    const before = snapshot(bench);
    softwareInterrupt(cpu, 0x21, 0x402);
    expect([cpu.segments.selector[1], cpu.r[R_EIP], cpu.segments.base[1]]).toEqual([0x1234, 0x5678, 0x12340]);
    expect([0, 2, 4].map((i) => read16(bench, cpu.r[ESP]! + i))).toEqual([0x402, 0, IF | CF | 2]);
    expect(getEflags(cpu)).toBe(CF | 2);
    iret(cpu, 16, 0);
    cpu.r[R_EIP] = 0x400;
    cpu.r[R_PENDING] = 0;
    expect(snapshot(bench)).toEqual(before);
  });

  it('shuts down when the table has no room for #DF', () => {
    const bench = createBench();
    bench.cpu.idtLimit = 3;
    deliverException(bench.cpu, Vector.UD, 0);
    expect(bench.cpu.shutdown).toBe(true);
  });
});

describe('paging and delivery', () => {
  it('a stack page that is not there makes #DF of a page fault and triple-faults without one', () => {
    const bench = createProtected(0);
    const { cpu } = bench;
    write32(bench, 0x40000, 0x41003);
    for (let page = 0; page < 256; page++) write32(bench, 0x41000 + page * 4, (page << 12) | 3);
    cpu.cr3 = 0x40000;
    cpu.cr0 |= CR0.PG;
    cpu.mmu.controlRegistersChanged();
    cpu.r[ESP] = 0x500000;
    deliverException(cpu, Vector.PF, 0, 0x123);
    expect(cpu.shutdown).toBe(true);
    expect(cpu.cr2).toBe(0x4ffffc);
    expect(cpu.r[ESP]).toBe(0x500000);
    expect(IDT).toBe(cpu.idtBase);
  });
});
