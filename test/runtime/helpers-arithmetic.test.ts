import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Vector } from '../../src/runtime/fault.js';
import * as arithmetic from '../../src/runtime/helpers/arithmetic.js';
import { cmpxchg8b, enter, popa, pusha } from '../../src/runtime/helpers/stack-frames.js';
import {
  EAX,
  EBP,
  EBX,
  ECX,
  EDX,
  EFLAGS,
  ESP,
  R_FLAG_A,
  R_FLAG_B,
  R_FLAG_KIND,
  R_FLAG_RESULT,
  type Cpu,
} from '../../src/runtime/state.js';
import { FlagOperation, flagKind, getEflags } from '../../src/runtime/flags.js';
import { createBench, createProtected, faultOf, read32, write32 } from './helpers-support.js';

const edge = fc.constantFrom(
  0,
  1,
  2,
  0x7f,
  0x80,
  0xff,
  0x7fff,
  0x8000,
  0xffff,
  0x10000,
  0x7fffffff,
  0x80000000,
  0xffffffff,
);
const word = fc.oneof(edge, fc.nat(0xffffffff), fc.nat(0x1ff));

/** What DIV and IDIV give on unbounded integers, or null for #DE. */
function model(
  width: number,
  signed: boolean,
  high: number,
  low: number,
  divisor: number,
): [bigint, bigint] | null {
  const as = (bits: number, value: bigint) =>
    signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  const unsigned = (value: number) => BigInt.asUintN(width, BigInt(value));
  const dividend = as(width * 2, (unsigned(high) << BigInt(width)) | unsigned(low));
  const d = as(width, BigInt(divisor));
  if (d === 0n) return null;
  const quotient = dividend / d;
  if (quotient !== as(width, quotient)) return null;
  return [BigInt.asUintN(width, quotient), BigInt.asUintN(width, dividend % d)];
}

describe('division', () => {
  for (const width of [8, 16, 32] as const)
    for (const signed of [false, true])
      it(`${signed ? 'IDIV' : 'DIV'} of width ${width} agrees with BigInt`, () => {
        const { cpu } = createBench();
        const divide = arithmetic[`${signed ? 'idiv' : 'div'}${width}`];
        const near = fc.tuple(word, word, word, fc.boolean());
        const property = fc.property(near, ([h, low, divisor, small]) => {
          // Half of the cases have a quotient that fits.
          const high = small ? (signed ? (low & 0x80000000 ? -1 : 0) : h % Math.max(divisor, 1)) : h;
          cpu.r[EAX] = width === 8 ? ((high & 0xff) << 8) | (low & 0xff) : low;
          cpu.r[EDX] = high;
          const before = [cpu.r[EAX], cpu.r[EDX]];
          const expected = model(width, signed, high, low, divisor | 0);
          expect(faultOf(() => divide(cpu, divisor | 0))).toEqual(expected ? null : [Vector.DE, 0]);
          if (!expected) {
            expect([cpu.r[EAX], cpu.r[EDX]]).toEqual(before);
            return;
          }
          const got =
            width === 8
              ? [cpu.r8[0], cpu.r8[1]]
              : width === 16
                ? [cpu.r16[0], cpu.r16[4]]
                : [cpu.r[EAX]! >>> 0, cpu.r[EDX]! >>> 0];
          expect(got.map((v) => BigInt(v!))).toEqual(expected);
        });
        fc.assert(property, { numRuns: 4000 });
      });
});

describe('decimal adjustment', () => {
  const bcd = (n: number) => (Math.floor(n / 10) << 4) | (n % 10);
  /** AL and the lazy flags as ADD or SUB of two bytes leaves them. */
  const byteOperation = (cpu: Cpu, a: number, b: number, subtract: boolean) => {
    const result = (subtract ? a - b : a + b) & 0xff;
    cpu.r[EAX] = result;
    cpu.r[R_FLAG_KIND] = flagKind(subtract ? FlagOperation.SUB : FlagOperation.ADD, 8);
    [cpu.r[R_FLAG_A], cpu.r[R_FLAG_B], cpu.r[R_FLAG_RESULT]] = [a << 24, b << 24, result << 24];
  };
  const everyPair = (limit: number, check: (a: number, b: number) => void) => {
    for (let a = 0; a < limit; a++) for (let b = 0; b < limit; b++) check(a, b);
  };

  it('DAA and DAS make packed decimal sums and differences with their carry', () => {
    const { cpu } = createBench();
    everyPair(100, (a, b) => {
      byteOperation(cpu, bcd(a), bcd(b), false);
      arithmetic.daa(cpu);
      expect([cpu.r8[0], getEflags(cpu) & 1]).toEqual([bcd((a + b) % 100), a + b > 99 ? 1 : 0]);
      byteOperation(cpu, bcd(a), bcd(b), true);
      arithmetic.das(cpu);
      expect([cpu.r8[0], getEflags(cpu) & 1]).toEqual([bcd((a - b + 100) % 100), a < b ? 1 : 0]);
    });
  });

  it('AAA and AAS make unpacked ones, the carry going into AH', () => {
    const { cpu } = createBench();
    everyPair(10, (a, b) => {
      byteOperation(cpu, a, b, false);
      cpu.r8[1] = 5;
      arithmetic.aaa(cpu);
      expect([cpu.r8[0], cpu.r8[1]]).toEqual([(a + b) % 10, a + b > 9 ? 6 : 5]);
      byteOperation(cpu, a, b, true);
      cpu.r8[1] = 5;
      arithmetic.aas(cpu);
      expect([cpu.r8[0], cpu.r8[1]]).toEqual([(a - b + 10) % 10, a < b ? 4 : 5]);
    });
  });
});

describe('other arithmetic', () => {
  it('AAM 0 is #DE', () => {
    expect(faultOf(() => arithmetic.aam(createBench().cpu, 0))).toEqual([Vector.DE, 0]);
  });
  it('CMPXCHG8B exchanges or loads', () => {
    const bench = createProtected(0);
    const { r } = bench.cpu;
    write32(bench, 0x6000, 1, 2);
    [r[EAX], r[EDX], r[EBX], r[ECX]] = [1, 3, 7, 8];
    cmpxchg8b(bench.cpu, 0x6000);
    expect([r[EAX], r[EDX], read32(bench, 0x6004), getEflags(bench.cpu) & EFLAGS.ZF]).toEqual([1, 2, 2, 0]);
    cmpxchg8b(bench.cpu, 0x6000);
    expect([read32(bench, 0x6000), read32(bench, 0x6004), getEflags(bench.cpu) & EFLAGS.ZF]).toEqual([
      7,
      8,
      EFLAGS.ZF,
    ]);
  });
});

describe('stack frames', () => {
  it('PUSHA and POPA keep everything but take ESP from the stack pointer', () => {
    const bench = createProtected(0);
    const { r } = bench.cpu;
    for (let i = 0; i < 8; i++) if (i !== ESP) r[i] = i + 100;
    const before = Array.from(r.subarray(0, 8));
    pusha(bench.cpu, 32);
    expect(read32(bench, r[ESP]! + 12)).toBe(before[ESP]);
    expect(read32(bench, r[ESP]! + 28)).toBe(100);
    r.fill(0, 0, 4);
    popa(bench.cpu, 32);
    expect(Array.from(r.subarray(0, 8))).toEqual(before);
  });

  it('wrap inside a 16-bit stack', () => {
    const bench = createBench();
    const { r } = bench.cpu;
    r[ESP] = 0x12340004;
    r[EAX] = 0xabcd;
    pusha(bench.cpu, 16);
    expect(r[ESP]).toBe(0x1234fff4);
    expect(bench.cpu.mmu.read16(2)).toBe(0xabcd);
  });

  it('ENTER copies the display of enclosing procedures', () => {
    const bench = createProtected(0);
    const { r } = bench.cpu;
    r[EBP] = 0x7000;
    r[ESP] = 0x6800;
    write32(bench, 0x6ff8, 222, 111);
    enter(bench.cpu, 16, 3, 32);
    expect([0x67fc, 0x67f8, 0x67f4, 0x67f0].map((a) => read32(bench, a))).toEqual([0x7000, 111, 222, 0x67fc]);
    expect([r[EBP], r[ESP]]).toEqual([0x67fc, 0x67e0]);
  });
});
