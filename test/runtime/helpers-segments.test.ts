import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Vector } from '../../src/runtime/fault.js';
import { getEflags } from '../../src/runtime/flags.js';
import {
  lar,
  lldt,
  loadSegment,
  loadStackSegment,
  lsl,
  ltr,
  segmentAddress,
  setSegment,
  verr,
  verw,
} from '../../src/runtime/helpers/segments.js';
import { computeMode, MODE } from '../../src/runtime/mode.js';
import { EFLAGS, PENDING, R_PENDING, R_SEGMENT_BASE } from '../../src/runtime/state.js';
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
  GDT,
  gate,
  LDT,
  LDT_SELECTOR,
  read32,
  setDescriptor,
  snapshot,
  TSS_SELECTOR,
  write32,
  type Bench,
} from './helpers-support.js';

const zf = (bench: Bench) => (getEflags(bench.cpu) & EFLAGS.ZF) !== 0;

describe('segment loads', () => {
  let bench: Bench;
  beforeEach(() => (bench = createProtected(0)));

  const refused = (segment: number, selector: number, expected: [number, number]) => {
    const before = snapshot(bench);
    expect(faultOf(() => loadSegment(bench.cpu, segment, selector))).toEqual(expected);
    expect(snapshot(bench)).toEqual(before);
  };

  it('take base, limit and rights and set the accessed bit', () => {
    setDescriptor(bench, FREE, descriptor({ base: 0x12345678, limit: 0x10, access: 0x92, flags: 8 }));
    loadSegment(bench.cpu, 3, FREE);
    const { base, limit, attributes } = bench.cpu.segments;
    expect([base[3], limit[3], attributes[3]]).toEqual([0x12345678, 0x10fff, 0x8093]);
    expect(bench.cpu.r[R_SEGMENT_BASE + 3]).toBe(0x12345678);
    expect((read32(bench, GDT + FREE + 4) >> 8) & 1).toBe(1);
  });

  it('null makes the segment unusable, except SS', () => {
    loadSegment(bench.cpu, 0, 3);
    expect(faultOf(() => segmentAddress(bench.cpu, 0, 0, 1, 0))).toEqual([Vector.GP, 0]);
    refused(2, 0, [Vector.GP, 0]);
  });

  it('check table limits, type, privilege and presence', () => {
    refused(3, 0x1000, [Vector.GP, 0x1000]);
    refused(3, 0x44 | 4, [Vector.GP, 0x44]);
    refused(3, TSS_SELECTOR, [Vector.GP, TSS_SELECTOR]);
    setDescriptor(bench, FREE, descriptor({ access: 0x98 }));
    refused(3, FREE, [Vector.GP, FREE]);
    setDescriptor(bench, FREE, descriptor({ access: 0x12 }));
    refused(3, FREE, [Vector.NP, FREE]);
    refused(2, FREE, [Vector.SS, FREE]);
    refused(2, CODE0, [Vector.GP, CODE0]);
    refused(2, DATA3, [Vector.GP, DATA3 & ~3]);
    refused(3, DATA0 | 3, [Vector.GP, DATA0]);
    enterRing(bench, 3);
    refused(3, DATA0, [Vector.GP, DATA0]);
    loadSegment(bench.cpu, 3, CONFORMING0);
  });

  it('read the LDT', () => {
    lldt(bench.cpu, LDT_SELECTOR);
    write32(bench, LDT + 8, ...descriptor({ base: 0x5000, access: 0x92 }));
    loadSegment(bench.cpu, 3, 0x0c);
    expect(bench.cpu.segments.base[3]).toBe(0x5000);
    lldt(bench.cpu, 0);
    refused(3, 0x0c, [Vector.GP, 0x0c]);
  });

  it('MOV SS opens the interrupt shadow', () => {
    loadStackSegment(bench.cpu, DATA0);
    expect(bench.cpu.r[R_PENDING]).toBe(PENDING.SHADOW | PENDING.STACK_SHADOW);
  });

  it('raise MODE only when the mode key changes', () => {
    loadSegment(bench.cpu, 3, DATA3);
    expect(bench.cpu.r[R_PENDING]).toBe(0);
    const before = computeMode(bench.cpu);
    loadSegment(bench.cpu, 3, 0);
    expect(bench.cpu.r[R_PENDING]).toBe(PENDING.MODE);
    expect(computeMode(bench.cpu)).toBe(before & ~MODE.FLAT_DS);
  });

  it('in real and virtual-8086 mode multiply by 16; real mode keeps the limit', () => {
    const real = createBench();
    setSegment(real.cpu, 3, 0, 0, 0xffffffff, 0x8093);
    loadSegment(real.cpu, 3, 0x1234);
    expect([real.cpu.segments.base[3], real.cpu.segments.limit[3]]).toEqual([0x12340, 0xffffffff]);
    enterVm86(bench);
    loadSegment(bench.cpu, 3, 0xffff);
    expect([bench.cpu.segments.base[3], bench.cpu.segments.limit[3]]).toEqual([0xffff0, 0xffff]);
  });
});

describe('segmentAddress', () => {
  it('agrees with the definition of both limits', () => {
    const bench = createProtected(0);
    const property = fc.property(
      fc.nat(0xffffffff),
      fc.nat(0xffffffff),
      fc.constantFrom(1, 2, 4, 8, 16),
      fc.boolean(),
      fc.boolean(),
      fc.boolean(),
      (limit, wild, size, near, down, big) => {
        const offset = near ? (limit - 3 + (wild & 7)) >>> 0 : wild;
        setSegment(bench.cpu, 3, 8, 0x100, limit, 0x93 | (down ? 4 : 0) | (big ? 0x4000 : 0));
        const last = offset + size - 1;
        const inside = down ? offset > limit && last <= (big ? 0xffffffff : 0xffff) : last <= limit;
        const fault = faultOf(() =>
          expect(segmentAddress(bench.cpu, 3, offset | 0, size, 1)).toBe((0x100 + offset) | 0),
        );
        expect(fault).toEqual(inside ? null : [Vector.GP, 0]);
      },
    );
    fc.assert(property, { numRuns: 3000 });
  });

  it('checks the type, and reports SS as #SS', () => {
    const { cpu } = createProtected(0);
    expect(faultOf(() => segmentAddress(cpu, 1, 0, 4, 1))).toEqual([Vector.GP, 0]);
    expect(faultOf(() => segmentAddress(cpu, 1, 0, 4, 0))).toBe(null);
    setSegment(cpu, 3, 8, 0, 0xffffffff, 0xc091);
    expect(faultOf(() => segmentAddress(cpu, 3, 0, 4, 1))).toEqual([Vector.GP, 0]);
    setSegment(cpu, 3, 8, 0, 0xffffffff, 0xc099);
    expect(faultOf(() => segmentAddress(cpu, 3, 0, 4, 0))).toEqual([Vector.GP, 0]);
    setSegment(cpu, 2, 8, 0, 0xfff, 0x4093);
    expect(faultOf(() => segmentAddress(cpu, 2, 0xffd, 4, 0))).toEqual([Vector.SS, 0]);
  });
});

describe('LAR, LSL, VERR, VERW, ARPL', () => {
  let bench: Bench;
  beforeEach(() => (bench = createProtected(3)));

  it('see what privilege allows', () => {
    expect([lar(bench.cpu, DATA3, 7), zf(bench)]).toEqual([0x00cff200, true]);
    expect([lar(bench.cpu, DATA0, 7), zf(bench)]).toEqual([7, false]);
    expect([lar(bench.cpu, CONFORMING0, 7), zf(bench)]).toEqual([0x00cf9e00, true]);
    expect([lsl(bench.cpu, DATA3, 7), zf(bench)]).toEqual([-1, true]);
    expect([lsl(bench.cpu, 0, 7), zf(bench)]).toEqual([7, false]);
  });

  it('LAR knows gates, LSL does not', () => {
    setDescriptor(bench, FREE, gate(CODE0, 0, 0xec));
    expect([lar(bench.cpu, FREE | 3, 7), zf(bench)]).toEqual([0xec00, true]);
    expect([lsl(bench.cpu, FREE | 3, 7), zf(bench)]).toEqual([7, false]);
    setDescriptor(bench, FREE, gate(CODE0, 0, 0xee));
    expect([lar(bench.cpu, FREE | 3, 7), zf(bench)]).toEqual([7, false]);
  });

  it('VERR and VERW', () => {
    verr(bench.cpu, CODE3);
    expect(zf(bench)).toBe(true);
    verw(bench.cpu, CODE3);
    expect(zf(bench)).toBe(false);
    verw(bench.cpu, DATA3);
    expect(zf(bench)).toBe(true);
    verr(bench.cpu, DATA0);
    expect(zf(bench)).toBe(false);
  });

  it('are undefined outside protected mode', () => {
    expect(faultOf(() => lar(createBench().cpu, 0, 0))).toEqual([Vector.UD, 0]);
    enterVm86(bench);
    expect(faultOf(() => verr(bench.cpu, 0))).toEqual([Vector.UD, 0]);
  });
});

describe('LLDT and LTR', () => {
  it('need CPL 0, the right type and presence', () => {
    const bench = createProtected(3);
    expect(faultOf(() => lldt(bench.cpu, 0))).toEqual([Vector.GP, 0]);
    enterRing(bench, 0);
    expect(faultOf(() => lldt(bench.cpu, DATA0))).toEqual([Vector.GP, DATA0]);
    expect(faultOf(() => ltr(bench.cpu, TSS_SELECTOR))).toEqual([Vector.GP, TSS_SELECTOR]);
    setDescriptor(bench, FREE, descriptor({ base: 0x9000, limit: 0x67, access: 0x89, flags: 0 }));
    ltr(bench.cpu, FREE);
    expect(bench.cpu.segments.selector[7]).toBe(FREE);
    expect((read32(bench, GDT + FREE + 4) >> 8) & 0xff).toBe(0x8b);
    setDescriptor(bench, FREE, descriptor({ access: 0x02 }));
    expect(faultOf(() => lldt(bench.cpu, FREE))).toEqual([Vector.NP, FREE]);
  });
});
