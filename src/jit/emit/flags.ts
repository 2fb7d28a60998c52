/** Emission of the lazy flags: what is known of the last setter while emitting, and the shortest test for each condition. */
import type { Expression, Statement as JsStatement } from 'estree';
import { FlagKind, type Width } from '../ir.js';
import { flagKind } from '../../runtime/flags.js';
import { EFLAGS } from '../../runtime/state.js';
import { binary, literal } from './nodes.js';
import { js, numeral, statements } from './quote.js';
import type { Target } from './target.js';

/** What is known about the flag variables at a point of the emitted code. */
export interface KnownFlags {
  readonly kind: FlagKind;
  readonly width: Width;
  /** ADD and SUB: result is a ± b without carry. */
  readonly exact: boolean;
  /** RESULT: CF, AF and OF are known to be 0. */
  readonly noCarries: boolean;
  /** Names of the numbers whose comparison the flags are: CF = a < b, ZF = a equals b. Neither is a NaN. */
  readonly numbers?: { readonly a: string; readonly b: string };
}

type FlagVariables = Target['flags'];

export const justify = (width: Width, value: Expression): Expression =>
  width === 32 ? value : js`${value} << ${32 - width}`;

const isZeroLiteral = (e: Expression): boolean => e.type === 'Literal' && e.value === 0;
const FALSE: Expression = literal(false, 'false');
const negated = (e: Expression): Expression => {
  if (e.type === 'Literal') return literal(!e.value, String(!e.value));
  const opposite = { '===': '!==', '!==': '===' } as const;
  if (e.type === 'BinaryExpression' && (e.operator === '===' || e.operator === '!==')) {
    return binary(opposite[e.operator], e.left as Expression, e.right);
  }
  return js`!${e}`;
};

/** A JavaScript boolean for condition code `cc`. */
export function conditionTest(f: FlagVariables, known: KnownFlags | undefined, cc: number): Expression {
  const positive = known ? knownTest(f, known, cc >> 1) : unknownTest(f, cc >> 1);
  return cc & 1 ? negated(positive) : positive;
}

/** CF, ZF and their union straight from the numbers compared. */
function comparedTest({ a, b }: { a: string; b: string }, pair: number): Expression | undefined {
  if (pair === 1) return js`${a} < ${b}`;
  if (pair === 2) return js`${a} === ${b}`;
  if (pair === 3) return js`${a} <= ${b}`;
  return pair === 5 ? FALSE : undefined;
}

function knownTest(f: FlagVariables, known: KnownFlags, pair: number): Expression {
  const compared = known.numbers && comparedTest(known.numbers, pair);
  if (compared) return compared;
  if (known.kind === FlagKind.EXPLICIT) return explicitTest(f, pair);
  switch (pair) {
    case 0:
      return overflowTest(f, known);
    case 1:
      return carryTest(f, known);
    case 2:
      return js`${f.result} === 0`;
    case 3:
      return belowOrEqual(f, known);
    case 4:
      return js`${f.result} < 0`;
    case 5:
      return js`parityOf(${f.result} >>> ${32 - known.width} & 255) !== 0`;
    case 6:
      return lessTest(f, known);
    default:
      return lessOrEqual(f, known);
  }
}
const isExact = (known: KnownFlags, kind: FlagKind): boolean => known.kind === kind && known.exact;

function overflowTest(f: FlagVariables, known: KnownFlags): Expression {
  switch (known.kind) {
    case FlagKind.ADD:
      return js`((${f.a} ^ ${f.result}) & (${f.b} ^ ${f.result})) < 0`;
    case FlagKind.SUB:
      return js`((${f.a} ^ ${f.b}) & (${f.a} ^ ${f.result})) < 0`;
    case FlagKind.INC:
      return js`${f.result} === ${-0x80000000}`;
    case FlagKind.DEC:
      return js`${f.result} === ${(0x7fffffff & -(2 ** (32 - known.width))) | 0}`;
    default:
      return known.noCarries ? FALSE : js`(${f.a} & ${EFLAGS.OF}) !== 0`;
  }
}
function carryTest(f: FlagVariables, known: KnownFlags): Expression {
  if (isExact(known, FlagKind.SUB)) return js`${f.a} >>> 0 < ${f.b} >>> 0`;
  if (isExact(known, FlagKind.ADD)) return js`${f.result} >>> 0 < ${f.a} >>> 0`;
  if (known.kind === FlagKind.SUB) return js`(~${f.a} & ${f.b} | (~${f.a} | ${f.b}) & ${f.result}) < 0`;
  if (known.kind === FlagKind.ADD) return js`(${f.a} & ${f.b} | (${f.a} | ${f.b}) & ~${f.result}) < 0`;
  return known.noCarries ? FALSE : js`(${f.a} & 1) !== 0`;
}
function belowOrEqual(f: FlagVariables, known: KnownFlags): Expression {
  if (isExact(known, FlagKind.SUB)) return js`${f.a} >>> 0 <= ${f.b} >>> 0`;
  if (known.noCarries) return js`${f.result} === 0`;
  return js`(${f.result} === 0 || ${carryTest(f, known)})`;
}
function lessTest(f: FlagVariables, known: KnownFlags): Expression {
  if (isExact(known, FlagKind.SUB)) return js`${f.a} < ${f.b}`;
  if (known.noCarries) return js`${f.result} < 0`;
  return js`(${f.result} < 0 !== (${overflowTest(f, known)}))`;
}
function lessOrEqual(f: FlagVariables, known: KnownFlags): Expression {
  if (isExact(known, FlagKind.SUB)) return js`${f.a} <= ${f.b}`;
  if (known.noCarries) return js`${f.result} <= 0`;
  return js`(${f.result} === 0 || ${lessTest(f, known)})`;
}

const OF_SF = EFLAGS.OF | EFLAGS.SF;
function explicitTest(f: FlagVariables, pair: number): Expression {
  const bits = [EFLAGS.OF, EFLAGS.CF, EFLAGS.ZF, EFLAGS.CF | EFLAGS.ZF, EFLAGS.SF, EFLAGS.PF][pair];
  if (bits !== undefined) return js`(${f.a} & ${bits}) !== 0`;
  const less = js`((${f.a} & ${OF_SF}) === ${EFLAGS.OF} || (${f.a} & ${OF_SF}) === ${EFLAGS.SF})`;
  return pair === 6 ? less : js`((${f.a} & ${EFLAGS.ZF}) !== 0 || ${less})`;
}

/** Kinds are not known: the frequent ones inline, the rest by runtime/flags.ts. */
function unknownTest(f: FlagVariables, pair: number): Expression {
  const general = js`condition(${f.kind}, ${f.a}, ${f.b}, ${f.result}, ${pair * 2}) !== 0`;
  switch (pair) {
    case 2:
      return js`((${f.kind} & 15) !== 0 ? ${f.result} === 0 : (${f.a} & ${EFLAGS.ZF}) !== 0)`;
    case 4:
      return js`((${f.kind} & 15) !== 0 ? ${f.result} < 0 : (${f.a} & ${EFLAGS.SF}) !== 0)`;
    default:
      return js`(${general})`;
  }
}

/** CF as 0 or 1, of unknown kind: ADD and SUB differ in the sign of the operand and of the result. */
function unknownCarry({ kind, a, b, result }: FlagVariables): Expression {
  const operand = js`(${a} ^ (${kind} & 1) - 1)`;
  const carries = js`(${operand} & ${b} | (${operand} | ${b}) & (${result} ^ -(${kind} & 1))) >> 31 & 1`;
  return js`((${kind} & 15) - 1 >>> 0 < 2 ? ${carries} : ${a} & 1)`;
}

/** CF as 0 or 1; `inline`: without a call. */
export function carryValue(f: FlagVariables, known: KnownFlags | undefined, inline = false): Expression {
  if (!known && inline) return unknownCarry(f);
  if (!known) return js`carry(${f.kind}, ${f.a}, ${f.b}, ${f.result})`;
  if (known.kind === FlagKind.ADD || known.kind === FlagKind.SUB) return js`(${carryTest(f, known)} ? 1 : 0)`;
  return known.noCarries ? numeral(0) : js`(${f.a} & 1)`;
}

export function statusFlagsValue(f: FlagVariables): Expression {
  return js`statusFlags(${f.kind}, ${f.a}, ${f.b}, ${f.result})`;
}

/** Assignments of a setter; `a` and `b` undefined where the kind does not use them. */
export function assignFlags(
  f: FlagVariables,
  kind: FlagKind,
  width: Width,
  values: { a: Expression; b: Expression; result: Expression },
): JsStatement[] {
  const out = statements`${f.kind} = ${flagKind(kind, width)};`;
  const plain = kind !== FlagKind.ADD && kind !== FlagKind.SUB;
  out.push(...statements`${f.a} = ${plain ? values.a : justify(width, values.a)};`);
  if (!plain) out.push(...statements`${f.b} = ${justify(width, values.b)};`);
  if (kind !== FlagKind.EXPLICIT) out.push(...statements`${f.result} = ${justify(width, values.result)};`);
  return out;
}

/** Replaces CF, OF or AF in place; afterwards the kind is RESULT or EXPLICIT. */
export function patchFlags(
  f: FlagVariables,
  known: KnownFlags | undefined,
  mask: number,
  bits: Expression,
): JsStatement[] {
  const kept = (carries: Expression): Expression =>
    isZeroLiteral(bits) ? js`${carries} & ${~mask}` : js`${carries} & ${~mask} | ${bits}`;
  if (known && (known.kind === FlagKind.RESULT || known.kind === FlagKind.EXPLICIT)) {
    return statements`${f.a} = ${kept(f.a)};`;
  }
  return [
    ...statements`${f.a} = ${kept(carriesLeft(f, known, mask))};`,
    ...(known
      ? statements`${f.kind} = ${flagKind(FlagKind.RESULT, known.width)};`
      : statements`${f.kind} = (${f.kind} & 15) === 0 ? ${f.kind} : ${f.kind} & ~15 | ${FlagKind.RESULT};`),
  ];
}
/** CF, AF and OF as EFLAGS bits; those in `mask` may be left out. */
function carriesLeft(f: FlagVariables, known: KnownFlags | undefined, mask: number): Expression {
  if (known?.kind !== FlagKind.ADD && known?.kind !== FlagKind.SUB)
    return js`carries(${f.kind}, ${f.a}, ${f.b}, ${f.result})`;
  const auxiliary = js`(${f.a} ^ ${f.b} ^ ${f.result}) >>> ${32 - known.width} & ${EFLAGS.AF}`;
  const carry = mask & EFLAGS.CF ? auxiliary : js`${auxiliary} | (${carryTest(f, known)} ? 1 : 0)`;
  return mask & EFLAGS.OF ? carry : js`${carry} | (${overflowTest(f, known)} ? ${EFLAGS.OF} : 0)`;
}
export function knownAfterPatch(known: KnownFlags | undefined): KnownFlags | undefined {
  if (!known || known.kind === FlagKind.EXPLICIT) return known;
  return { kind: FlagKind.RESULT, width: known.width, exact: false, noCarries: false };
}
