/** The definition of every operation against BigInt arithmetic, and folding against the definition. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  binary,
  canonical,
  constant,
  divideLong,
  evaluateBinary,
  evaluateUnary,
  select,
  signExtend,
  truncate,
  unary,
  zeroExtend,
} from '../../src/jit/fold.js';
import { BINARY, type BinaryOp, type Value, type Width } from '../../src/jit/ir.js';

const word = fc.oneof(
  fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  fc.constantFrom(0, 1, -1, 0x7fffffff, -0x80000000, 0x80, 0xff, 0x7fff, 0x8000, 0xffff),
);
const width = fc.constantFrom<8 | 16 | 32>(8, 16, 32);
const u = (value: number, bits = 32): bigint => BigInt.asUintN(bits, BigInt(value));
const s = (value: number, bits = 32): bigint => BigInt.asIntN(bits, BigInt(value));
/** Canonical int32 of a mathematical result. */
const wrap = (bits: number, value: bigint): number =>
  bits === 32 ? Number(BigInt.asIntN(32, value)) : Number(BigInt.asUintN(bits, value));

const MODEL: Record<BinaryOp, (bits: number, a: number, b: number) => number> = {
  add: (n, a, b) => wrap(n, u(a) + u(b)),
  sub: (n, a, b) => wrap(n, u(a) - u(b)),
  mul: (n, a, b) => wrap(n, u(a) * u(b)),
  and: (n, a, b) => wrap(n, u(a) & u(b)),
  or: (n, a, b) => wrap(n, u(a) | u(b)),
  xor: (n, a, b) => wrap(n, u(a) ^ u(b)),
  shl: (n, a, b) => wrap(n, u(a, n) << BigInt(b)),
  shrU: (n, a, b) => wrap(n, u(a, n) >> BigInt(b)),
  shrS: (n, a, b) => wrap(n, s(a, n) >> BigInt(b)),
  eq: (_n, a, b) => (a === b ? 1 : 0),
  ne: (_n, a, b) => (a === b ? 0 : 1),
  ltU: (_n, a, b) => (u(a) < u(b) ? 1 : 0),
  leU: (_n, a, b) => (u(a) <= u(b) ? 1 : 0),
  ltS: (_n, a, b) => (s(a) < s(b) ? 1 : 0),
  leS: (_n, a, b) => (s(a) <= s(b) ? 1 : 0),
  mulHighU: (_n, a, b) => wrap(32, (u(a) * u(b)) >> 32n),
  mulHighS: (_n, a, b) => wrap(32, (s(a) * s(b)) >> 32n),
  mulOverflows: (_n, a, b) => (s(a) * s(b) === BigInt.asIntN(32, s(a) * s(b)) ? 0 : 1),
  divS: (_n, a, b) => (b === 0 ? 0 : wrap(32, s(a) / s(b))),
};
const ONLY_32 = new Set<BinaryOp>(['mul', 'mulHighU', 'mulHighS', 'mulOverflows', 'divS']);
const SHIFTS = new Set<BinaryOp>(['shl', 'shrU', 'shrS']);

function operands(op: BinaryOp): fc.Arbitrary<[8 | 16 | 32, number, number]> {
  const widths = ONLY_32.has(op) ? fc.constant(32 as const) : width;
  return fc
    .tuple(widths, word, SHIFTS.has(op) ? fc.nat(31) : word)
    .map(([n, a, b]) => [n, canonical(n, a), SHIFTS.has(op) ? b : canonical(n, b)]);
}
const runs = { numRuns: 1500, seed: 3 };

describe('operations', () => {
  for (const op of BINARY) {
    it(`${op} is what integers say`, () => {
      fc.assert(
        fc.property(operands(op), ([n, a, b]) => {
          expect(evaluateBinary(op, n, a, b)).toBe(MODEL[op](n, a, b));
        }),
        runs,
      );
    });
  }
  it('not, neg, clz and isZero are what integers say', () => {
    fc.assert(
      fc.property(width, word, (n, raw) => {
        const a = canonical(n, raw);
        expect(evaluateUnary('not', n, a)).toBe(wrap(n, ~u(a)));
        expect(evaluateUnary('neg', n, a)).toBe(wrap(n, -u(a)));
        expect(evaluateUnary('isZero', n, a)).toBe(a === 0 ? 1 : 0);
        expect(evaluateUnary('clz', 32, a)).toBe(u(a) === 0n ? 32 : 32 - u(a).toString(2).length);
      }),
      runs,
    );
  });
});

describe('long division', () => {
  const dividend = fc
    .tuple(word, word, fc.constantFrom(0n, 1n, 2n, -1n, -2n), fc.boolean())
    .map(([divisor, quotient, rest, anywhere]) => {
      const d = u(divisor) || 1n;
      const exact = u(quotient) * d + (anywhere ? (u(quotient ^ divisor) * d) >> 32n : rest);
      return { d, n: exact < 0n ? 0n : exact };
    })
    .filter(({ d, n }) => n >> 32n < d);
  it('is what integers say, next to whole quotients too', () => {
    fc.assert(
      fc.property(dividend, ({ d, n }) => {
        const [high, low, by] = [n >> 32n, n, d].map((x) => wrap(32, x)) as [number, number, number];
        expect(divideLong(high, low, by)).toBe(wrap(32, n / d));
      }),
      { numRuns: 20000, seed: 5 },
    );
  });
});

/** A small evaluator of trees over one variable, for what folding leaves. */
function run(v: Value, x: number): number {
  switch (v.op) {
    case 'const':
      return v.value;
    case 'temp':
      return canonical(v.width, x);
    case 'select':
      return run(v.condition, x) !== 0 ? run(v.then, x) : run(v.else, x);
    case 'zeroExtend':
    case 'truncate':
      return canonical(v.width, run(v.value, x));
    case 'signExtend':
      return canonical(v.width, Number(s(run(v.value, x), v.value.width)));
    case 'not':
    case 'neg':
    case 'clz':
    case 'isZero':
      return evaluateUnary(v.op, v.width, run(v.value, x));
    default:
      if (!('left' in v)) throw new Error(`unexpected ${v.op}`);
      return evaluateBinary(v.op, v.left.width, run(v.left, x), run(v.right, x));
  }
}
const variable = (n: Width): Value => ({ op: 'temp', width: n, id: 0 });

describe('folding', () => {
  it('changes no result', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...BINARY).chain((op) => fc.tuple(fc.constant(op), operands(op))),
        word,
        ([op, [n, a, b]], x) => {
          const plain: Value = {
            op,
            width: n,
            left: variable(n),
            right: constant(SHIFTS.has(op) ? 32 : n, b),
          };
          const folded = binary(op, n, variable(n), constant(SHIFTS.has(op) ? 32 : n, b));
          expect(run(folded, x)).toBe(run(plain, x));
          expect(binary(op, n, constant(n, a), constant(SHIFTS.has(op) ? 32 : n, b))).toMatchObject({
            op: 'const',
            value: evaluateBinary(op, n, a, b),
          });
        },
      ),
      runs,
    );
  });
  it('changes no chain of additions', () => {
    fc.assert(
      fc.property(width, word, word, word, (n, a, b, x) => {
        const chain = binary('add', n, binary('add', n, variable(n), constant(n, a)), constant(n, b));
        expect(run(chain, x)).toBe(wrap(n, u(canonical(n, x)) + u(a) + u(b)));
        expect(chain.op === 'add' ? chain.left.op : chain.op).toBe('temp');
      }),
      runs,
    );
  });
  it('extends and truncates constants as it does variables', () => {
    fc.assert(
      fc.property(word, (x) => {
        for (const [from, to] of [
          [8, 16],
          [8, 32],
          [16, 32],
        ] as const) {
          expect(signExtend(to, constant(from, x))).toEqual(constant(to, Number(s(x, from))));
          expect(zeroExtend(to, constant(from, x))).toEqual(constant(to, Number(u(x, from))));
          expect(truncate(from, constant(to, x))).toEqual(constant(from, x));
        }
      }),
      runs,
    );
  });
  it('leaves a value alone that has the width already', () => {
    const v = variable(16);
    expect(zeroExtend(16, v)).toBe(v);
    expect(signExtend(16, v)).toBe(v);
    expect(truncate(16, v)).toBe(v);
  });
  it('takes the side a constant condition chooses', () => {
    expect(select(constant(32, 1), variable(8), constant(8, 2))).toEqual(variable(8));
    expect(select(constant(32, 0), variable(8), constant(8, 2))).toEqual(constant(8, 2));
  });
  it('gives comparisons width 32', () => {
    expect(binary('ltU', 8, variable(8), constant(8, 3)).width).toBe(32);
    expect(unary('isZero', 8, variable(8)).width).toBe(32);
  });
});
