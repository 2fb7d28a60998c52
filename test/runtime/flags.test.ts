import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CPU_MODELS } from '../../src/runtime/cpu-models.js';
import {
  condition,
  FlagOperation,
  flagKind,
  getEflags,
  setEflags,
  statusFlags,
} from '../../src/runtime/flags.js';
import { Cpu, EFLAGS, PENDING, R_EFLAGS, R_PENDING } from '../../src/runtime/state.js';

interface Sum {
  result: bigint;
  flags: number;
}

/** The manual's definition on unbounded integers: `b` and `carryIn` are added or subtracted. */
function model(width: number, a: bigint, b: bigint, carryIn: bigint, subtract: boolean): Sum {
  const bits = BigInt(width);
  const full = subtract ? a - b - carryIn : a + b + carryIn;
  const nibble = subtract ? (a & 15n) - (b & 15n) - carryIn : (a & 15n) + (b & 15n) + carryIn;
  const signed = (value: bigint) => BigInt.asIntN(width, value);
  const exact = subtract ? signed(a) - signed(b) - carryIn : signed(a) + signed(b) + carryIn;
  const result = BigInt.asUintN(width, full);
  let ones = 0;
  for (let i = 0n; i < 8n; i++) ones += Number((result >> i) & 1n);
  const flags =
    (full < 0n || full >> bits ? EFLAGS.CF : 0) |
    (ones % 2 === 0 ? EFLAGS.PF : 0) |
    (nibble < 0n || nibble > 15n ? EFLAGS.AF : 0) |
    (result === 0n ? EFLAGS.ZF : 0) |
    ((result >> (bits - 1n)) & 1n ? EFLAGS.SF : 0) |
    (signed(result) !== exact ? EFLAGS.OF : 0);
  return { result, flags };
}

const left = (value: bigint, width: number) => Number(BigInt.asIntN(32, value << BigInt(32 - width)));
const edge = fc.constantFrom(
  0,
  1,
  0x7f,
  0x80,
  0xff,
  0x7fff,
  0x8000,
  0xffff,
  0x7fffffff,
  0x80000000,
  0xffffffff,
);
const operand = fc.oneof(edge, fc.nat(0xffffffff));
const width = fc.constantFrom(8, 16, 32);

describe('lazy flags', () => {
  it('agree with the definition for additions and subtractions with and without carry', () => {
    fc.assert(
      fc.property(width, operand, operand, fc.boolean(), fc.boolean(), (w, x, y, carryIn, subtract) => {
        const a = BigInt.asUintN(w, BigInt(x));
        const b = BigInt.asUintN(w, BigInt(y));
        const expected = model(w, a, b, carryIn ? 1n : 0n, subtract);
        const kind = flagKind(subtract ? FlagOperation.SUB : FlagOperation.ADD, w);
        const result = left(expected.result, w);
        expect(statusFlags(kind, left(a, w), left(b, w), result)).toBe(expected.flags);
      }),
      { numRuns: 5000 },
    );
  });

  it('agree with the definition for INC and DEC, which keep CF', () => {
    fc.assert(
      fc.property(width, operand, fc.nat(1), fc.boolean(), (w, x, cf, down) => {
        const expected = model(w, BigInt.asUintN(w, BigInt(x)), 1n, 0n, down);
        const kind = flagKind(down ? FlagOperation.DEC : FlagOperation.INC, w);
        const flags = statusFlags(kind, cf, 0, left(expected.result, w));
        expect(flags).toBe((expected.flags & ~EFLAGS.CF) | cf);
      }),
      { numRuns: 3000 },
    );
  });

  it('take CF, AF and OF of RESULT from a and the rest from the result', () => {
    const kind = flagKind(FlagOperation.RESULT, 8);
    expect(statusFlags(kind, EFLAGS.CF | EFLAGS.OF, 0, 0)).toBe(
      EFLAGS.CF | EFLAGS.OF | EFLAGS.ZF | EFLAGS.PF,
    );
    expect(statusFlags(kind, EFLAGS.AF, 0, 0x81000000 | 0)).toBe(EFLAGS.AF | EFLAGS.SF | EFLAGS.PF);
  });

  it('give the sixteen conditions of the manual for every set of flags', () => {
    for (let bits = 0; bits < 64; bits++) {
      const [cf, pf, zf, sf, of] = [
        bits & 1,
        (bits >> 1) & 1,
        (bits >> 2) & 1,
        (bits >> 3) & 1,
        (bits >> 4) & 1,
      ];
      const eflags = cf! | (pf! << 2) | (zf! << 6) | (sf! << 7) | (of! << 11);
      const table = [of, cf, zf, cf! | zf!, sf, pf, sf! ^ of!, zf! | (sf! ^ of!)];
      for (let cc = 0; cc < 16; cc++) expect(condition(0, eflags, 0, 0, cc)).toBe(table[cc >> 1]! ^ (cc & 1));
    }
  });
});

describe('EFLAGS', () => {
  it('changes only masked bits and keeps bit 1', () => {
    const cpu = new Cpu(CPU_MODELS.default);
    setEflags(cpu, -1, EFLAGS.CF | EFLAGS.OF | EFLAGS.IF);
    expect(getEflags(cpu)).toBe(EFLAGS.CF | EFLAGS.OF | EFLAGS.IF | 2);
    setEflags(cpu, 0, EFLAGS.CF | 2);
    expect(getEflags(cpu)).toBe(EFLAGS.OF | EFLAGS.IF | 2);
    expect(cpu.r[R_EFLAGS]).toBe(EFLAGS.IF | 2);
  });

  it('raises a pending interrupt when IF opens and a mode change with TF', () => {
    const cpu = new Cpu(CPU_MODELS.default);
    setEflags(cpu, EFLAGS.IF, EFLAGS.IF);
    expect(cpu.r[R_PENDING]).toBe(0);
    setEflags(cpu, 0, EFLAGS.IF);
    cpu.interruptLine = true;
    setEflags(cpu, EFLAGS.IF, EFLAGS.IF);
    expect(cpu.r[R_PENDING]).toBe(PENDING.INTERRUPT);
    setEflags(cpu, EFLAGS.TF, EFLAGS.TF);
    expect(cpu.r[R_PENDING]).toBe(PENDING.INTERRUPT | PENDING.MODE);
  });
});
