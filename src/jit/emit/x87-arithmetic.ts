/**
 * Sums, products, quotients and roots of pairs of doubles in place, rounded to nearest in 64 bits. Where that cannot be told in
 * place, or leaves the range of pairs, the region is left; code that is often left calls runtime/fpu/x87-values.ts.
 *
 * Each operation gives a high part s and what is missing, w, with s + w the exact result (sums; products of numbers without low parts) or so near to it that
 * what w rounds to is certain. With f the power of two in s, w is rounded to a multiple m of the unit 2^-63 f, ties to even, by adding 1.5 × 2^52 units; that
 * is right where s + w has the exponent of s, hence s is kept away from powers of two. The result is the pair (s, m).
 */
import type { Expression, Statement as JsStatement } from 'estree';
import { LEAST, LOW, MOST, RESIDUE, RESULT } from '../../runtime/fpu/x87-pairs.js';
import { block, breakTo, js, labelled, statements } from './quote.js';
import type { VectorCode } from './vector-lanes.js';
import { NOTHING, normal, part, ZERO, type Pair } from './x87-known.js';

export interface Rounded {
  readonly pair: Pair;
  /** What was rounded away. */
  readonly rest: string;
}

/** Low parts of sums are below 2^-SUM_BOUND of the high ones. */
const SUM_BOUND = 40;
/** Two operands whose low parts are both there are no further apart. */
const NEAR = 2 ** 22;
/** Quotients and roots come with an error below 2^-EXACT of the result. */
const EXACT = 92;
/** How near s may be to a power of two, above what w may be. */
const EDGE = 2 ** -33;
/** A low part below 2^-SHORT of its number has so few bits that its product with 26 bits is exact. */
const SHORT = 37;

interface Rounding {
  /** Ways to see that m is right, of which one must hold: each all of its tests, given a size that units are counted in (f) and what m leaves of w. */
  readonly ways: (size: string, rest: string) => readonly (readonly Expression[])[];
  /** Where w may be large: that it is not. */
  readonly small?: (size: string) => Expression;
  /** The result is a zero, whose sign s has; or, where s + w is one, that this is exact. */
  readonly zero?: readonly Expression[];
  readonly vanishes?: readonly Expression[];
  /** A call that finds what these ways do not, or returns 0. */
  readonly slow: () => Expression;
  readonly bound: number;
}

/** `then` if all tests hold: nested, which hosts compile to one branch each. */
const ifAll = (tests: readonly Expression[], then: readonly JsStatement[]): JsStatement[] =>
  tests.reduceRight<readonly JsStatement[]>(
    (inner, test) => statements`if (${test}) { ${inner} }`,
    then,
  ) as JsStatement[];
const inRange = (x: string): Expression[] => [js`Math.abs(${x}) >= ${LEAST}`, js`Math.abs(${x}) <= ${MOST}`];

function round(code: VectorCode, s: string, w: string, rounding: Rounding): Rounded {
  const { ways, small, zero, slow, bound } = rounding;
  const q = code.name(js`${s} * 4503599627370497`);
  const f = code.name(js`${q} - ${q} * ${1 - 2 ** -53}`);
  const k = code.name(js`${f} * ${1.5 * 2 ** -11}`);
  const [h, m, d] = [code.fresh(), code.fresh(), code.fresh()] as const;
  code.push(statements`let ${h} = ${s}, ${m} = ${w} + ${k} - ${k}, ${d} = ${w} - ${m};`);
  const size = code.name(js`Math.abs(${f})`);
  const label = code.label();
  const done = breakTo(label);
  const accept = (of: string): JsStatement[] => ways(of, d).flatMap((tests) => ifAll(tests, [done]));
  const usual = js`Math.abs(${s} - ${f} * 1.5) + ${2 * LEAST} < ${size} * ${0.5 - EDGE}`;
  const body = statements`
    ${ifAll(small ? [usual, small(size)] : [usual], accept(size))};
    ${zero ? ifAll(zero, statements`${m} = ${NOTHING()}; ${d} = +0; ${done}`) : []};
    ${roundAgain(code, { h, m, d }, s, w, { ...rounding, accept, done })};
    ${code.host.calls ? statements`if (${slow()} === 0) { ${code.host.miss()} }` : code.host.miss()};
    ${code.host.calls ? takeResult(h, m, d) : []}`;
  code.push([labelled(label, block(body))]);
  return { pair: { h, l: m, bound }, rest: d };
}
const takeResult = (h: string, m: string, d: string): JsStatement[] => statements`
  ${h} = xd[${RESULT}]; ${m} = xd[${LOW + RESULT}]; ${d} = xd[${RESIDUE}];
  if (${h} === 0) { ${m} = ${NOTHING()}; }`;
interface Again extends Rounding {
  readonly accept: (size: string) => JsStatement[];
  readonly done: JsStatement;
}
/** Near powers of two, and where much of the operands cancels: with the rounded sum in place of s. */
function roundAgain(
  code: VectorCode,
  { h, m, d }: { h: string; m: string; d: string },
  s: string,
  w: string,
  { accept, done, vanishes }: Again,
): JsStatement[] {
  const [total, back, rest, f, q] = [code.fresh(), code.fresh(), code.fresh(), code.fresh(), code.fresh()];
  const inner = statements`
    const ${q} = ${total} * 4503599627370497;
    let ${f} = Math.abs(${q} - ${q} * ${1 - 2 ** -53});
    if (Math.abs(${total}) === ${f}) { if (${total} < 0 ? ${rest} > 0 : ${rest} < 0) { ${f} = ${f} * 0.5; } }
    ${m} = ${rest} + ${f} * ${1.5 * 2 ** -11} - ${f} * ${1.5 * 2 ** -11};
    ${d} = ${rest} - ${m};
    ${accept(f)};`;
  const zero = vanishes
    ? ifAll(
        [js`${total} === 0`, ...vanishes],
        statements`if (${s} === 0) { ${h} = ${s}; } ${m} = ${NOTHING()}; ${d} = +0; ${done}`,
      )
    : [];
  return statements`
    const ${total} = ${s} + ${w}, ${back} = ${total} - ${s}, ${rest} = ${s} - (${total} - ${back}) + (${w} - ${back});
    ${h} = ${total};
    ${zero};
    ${ifAll(inRange(total), inner)};`;
}

const values = (code: VectorCode, name: string, a: Pair, b: Pair) => (): Expression =>
  js`${code.host.x87(name)}(${a.h}, ${part(a.l)}, ${b.h}, ${part(b.l)})`;
const plain = (p: Pair): boolean => p.l === ZERO;

/** For sums: the low part of a zero may be +0. */
export function negated(code: VectorCode, { h, l, bound }: Pair): Pair {
  return { h: code.name(js`-${h}`), l: l === ZERO ? ZERO : code.name(js`-${l}`), bound };
}

export function sum(code: VectorCode, a: Pair, b: Pair): Rounded {
  const s = code.name(js`${a.h} + ${b.h}`);
  const t = code.name(js`${s} - ${a.h}`);
  const e = code.name(js`${a.h} - (${s} - ${t}) + (${b.h} - ${t})`);
  const slow = values(code, 'x87AddValues', a, b);
  if (plain(a) && plain(b)) return round(code, s, e, { ways: () => [[]], vanishes: [], slow, bound: 52 });
  const v = plain(a) ? b.l : plain(b) ? a.l : code.name(js`${a.l} + ${b.l}`);
  const w = code.name(js`${e} + ${v}`);
  const x = js`Math.abs(${a.h})`, y = js`Math.abs(${b.h})`; // prettier-ignore
  // That nothing is lost in w, and in v.
  const whole = [js`${w} - ${v} === ${e}`, js`${w} - ${e} === ${v}`];
  const kept =
    plain(a) || plain(b)
      ? [whole]
      : [
          [js`${x} <= ${y} * ${NEAR}`, js`${y} <= ${x} * ${NEAR}`],
          [...whole, js`${v} - ${a.l} === ${b.l}`, js`${v} - ${b.l} === ${a.l}`],
        ];
  const lost = js`(Math.abs(${e}) + Math.abs(${v})) * ${2 ** -52}`;
  return round(code, s, w, {
    ways: (size, rest) => [
      ...kept,
      [js`Math.abs(${rest}) > ${lost}`, js`Math.abs(${rest}) < ${size} * ${2 ** -64} - ${lost}`],
    ],
    small: (size) => js`Math.abs(${w}) <= ${size} * ${2 ** -SUM_BOUND}`,
    vanishes: kept[0]!,
    slow,
    bound: SUM_BOUND,
  });
}

/** A double as a sum of halves of 26 bits. */
function split(code: VectorCode, x: string): readonly [string, string] {
  const { halves } = code.cache.x87;
  const known = halves.get(x);
  if (known) return known;
  const c = code.name(js`${x} * 134217729`);
  const high = code.name(js`${c} - (${c} - ${x})`);
  const made = [high, code.name(js`${x} - ${high}`)] as const;
  halves.set(x, made);
  return made;
}
/** What the product p of two doubles lacks. */
function productError(code: VectorCode, x: string, y: string, p: string): string {
  const [x1, x2] = split(code, x);
  const [y1, y2] = split(code, y);
  return code.name(js`${x2} * ${y2} - (${p} - ${x1} * ${y1} - ${x2} * ${y1} - ${x1} * ${y2})`);
}

export function product(code: VectorCode, a: Pair, b: Pair): Rounded {
  const p = code.name(js`${a.h} * ${b.h}`);
  const e = productError(code, a.h, b.h, p);
  const cross = [...(plain(b) ? [] : [js`${a.h} * ${b.l}`]), ...(plain(a) ? [] : [js`${a.l} * ${b.h}`])];
  const zero = [js`${p} === 0`, js`(${a.h} === 0 ? 1 : ${b.h} === 0 ? 1 : 0)`];
  const slow = values(code, 'x87MultiplyValues', a, b);
  if (cross.length === 0) return round(code, p, e, { ways: () => [[]], zero, slow, bound: 52 });
  const c = code.name(cross.reduce((all, term) => js`${all} + ${term}`));
  const w = code.name(js`${e} + ${c}`);
  const error = 2 ** (1 - boundOf(a) - boundOf(b)) + 2 ** (-48 - Math.min(boundOf(a), boundOf(b)));
  // The same for the low parts that there are, in place of any that may be.
  const lost = js`(Math.abs(${part(a.l)} * ${part(b.l)}) * 2 + (Math.abs(${e}) + Math.abs(${c})) * ${2 ** -50})`;
  return round(code, p, w, {
    ways: (size, rest) => [
      certain(size, rest, error),
      [js`Math.abs(${rest}) > ${lost}`, js`Math.abs(${rest}) < ${size} * ${2 ** -64} - ${lost}`],
      [js`${c} === 0`],
      ...exactCross(code, a, b).map((tests) => [
        ...tests,
        js`${w} - ${c} === ${e}`,
        js`${w} - ${e} === ${c}`,
      ]),
    ],
    zero,
    slow,
    bound: -Math.log2(2 ** -51.5 + 2 ** -boundOf(a) + 2 ** -boundOf(b)),
  });
}
const boundOf = (p: Pair): number => (plain(p) ? Infinity : p.bound);
/** That the cross product is exact: one factor is a double of 26 bits. */
function exactCross(code: VectorCode, a: Pair, b: Pair): Expression[][] {
  const isShort = (x: Pair, other: Pair): Expression[][] =>
    boundOf(other) < SHORT
      ? []
      : [[...(plain(x) ? [] : [js`${x.l} === 0`]), js`${split(code, x.h)[1]} === 0`]];
  return [...isShort(b, a), ...isShort(a, b)];
}

/** What m leaves of w is no less than the error, and as far from half a unit. */
const certain = (size: string, rest: string, error: number): Expression[] => [
  js`Math.abs(${rest}) > ${size} * ${error}`,
  js`Math.abs(${rest}) < ${size} * ${2 ** -64 - error}`,
];

export function quotient(code: VectorCode, first: Pair, second: Pair): Rounded {
  const a = normal(code, first), b = normal(code, second); // prettier-ignore
  const q = code.name(js`${a.h} / ${b.h}`);
  const p = code.name(js`${q} * ${b.h}`);
  const e = productError(code, q, b.h, p);
  const difference = js`${a.h} - ${p} - ${e}`;
  const lows = plain(b) ? js`${part(a.l)}` : plain(a) ? js`-(${q} * ${b.l})` : js`(${a.l} - ${q} * ${b.l})`;
  const rest = plain(a) && plain(b) ? difference : js`${difference} + ${lows}`;
  const w = code.name(js`(${rest}) / ${b.h}`);
  const exact = [a, b].filter((x) => !plain(x)).map((x) => js`${x.l} === 0`);
  return round(code, q, w, {
    ways: (size, left) => [certain(size, left, 2 ** -EXACT), [js`${w} === 0`, ...exact]],
    zero: [js`${a.h} === 0`, js`${b.h} !== 0`],
    slow: values(code, 'x87DivideValues', a, b),
    bound: 51,
  });
}

export function root(code: VectorCode, of: Pair): Rounded {
  const a = normal(code, of);
  const s = code.name(js`Math.sqrt(${a.h})`);
  const p = code.name(js`${s} * ${s}`);
  const e = productError(code, s, s, p);
  const rest = js`${a.h} - ${p} - ${e} + ${part(a.l)}`;
  const w = code.name(js`(${rest}) / (${s} + ${s})`);
  const exact = plain(a) ? [] : [js`${a.l} === 0`];
  return round(code, s, w, {
    ways: (size, left) => [certain(size, left, 2 ** -EXACT), [js`${w} === 0`, ...exact]],
    zero: [js`${a.h} === 0`],
    slow: () => js`${code.host.x87('x87RootValue')}(${a.h}, ${part(a.l)})`,
    bound: 51,
  });
}
