/**
 * x87 instructions in place, on pairs of doubles by name, for rounding to nearest in 64 bits. Why the results are exact is said in
 * runtime/fpu/x87-short-arithmetic.ts; what the usual case leaves out is computed by the values' functions there, and what that leaves out ends the short way.
 *
 * Sums: the high parts' sum s has the exact error e; with exponents less than 40 apart (or no low parts) e + (low parts) is a double w exactly, and s + w
 * is the result unrounded. Products: Dekker's error and the cross products, exact where no operand has a low part. In both, w is rounded to a multiple
 * of the unit by adding 1.5 × 2^52 units; the unit is that of s, so that the result must have the same exponent.
 */
import type { Expression } from 'estree';
import { FlagKind } from '../ir.js';
import {
  LEAST,
  LOW,
  MOST,
  RESIDUE,
  RESIDUE_SIGN,
  RESULT,
  X87_OPERAND_OFFSET,
  X87_STATUS,
  X87_TRAINING,
} from '../../runtime/fpu/x87-pairs.js';
import { CONDITIONS, PE } from '../../runtime/fpu/x87-short-core.js';
import { R_SEGMENT_BASE } from '../../runtime/state.js';
import { assignFlags } from './flags.js';
import { js, statements } from './quote.js';
import type { AccessSize, VectorCode } from './vector-lanes.js';
import { compared } from './vector-arithmetic.js';
import { indexOf, type Rule, type Task } from './vector-moves.js';
import { NoInlineWay, part, ZERO, type Pair, type X87Known } from './x87-known.js';

/** Flat segments below FS have base 0. */
const FS = 4;
const C1 = 0x200;

const memoryOf = (task: Task) => {
  const memory = task.instruction.operands.find((o) => o.kind === 'memory');
  return memory?.kind === 'memory' ? memory : undefined;
};
/** The register that is not ST(0), wherever the operand order has it. */
const stackIndex = (task: Task): number =>
  task.instruction.operands.reduce((all, o) => all | (o.kind === 'st' ? o.index : 0), 0);
const knownOf = (task: Task): X87Known => task.code.cache.x87;

/** The operand in memory: where it is. */
interface Located {
  readonly at: string;
  readonly linear: string;
}
function locate(task: Task, write: boolean): Located {
  return task.code.locate(task.address!, (memoryOf(task)!.width / 8) as AccessSize, write);
}
/** Records the pointers of an instruction that completes. */
function note(task: Task, operand?: Located): void {
  const { code } = task;
  const segment = memoryOf(task)?.segment;
  knownOf(task).note(code.host.offset(), segment);
  if (operand === undefined || segment === undefined) return;
  const { linear } = operand;
  const offset = segment < FS ? js`${linear}` : js`${linear} - r[${R_SEGMENT_BASE + segment}] | 0`;
  code.push(statements`xi[${X87_OPERAND_OFFSET}] = ${offset};`);
}

// ---- operands ---------------------------------------------------------------------------------------------------------------

/** A real or an integer of 16 or 32 bits as a pair; leaves where it is no number of the range. */
function fetch(task: Task, integer: boolean): { pair: Pair; operand: Located } {
  const { code } = task;
  const { width } = memoryOf(task)!;
  if (width > 64 || (integer && width === 64)) throw new NoInlineWay();
  const operand = locate(task, false);
  const { at } = operand;
  if (integer) {
    const value = width === 16 ? js`dv.getInt16(${at}, true)` : js`dv.getInt32(${at}, true)`;
    // A fraction in between keeps the host from taking it for a small integer.
    return { pair: { h: code.name(js`${value} + 0.5 - 0.5`), l: ZERO }, operand };
  }
  const h = code.name(width === 64 ? js`dv.getFloat64(${at}, true)` : js`dv.getFloat32(${at}, true)`);
  const size = code.name(js`Math.abs(${h})`);
  const least = width === 64 ? LEAST : 2 ** -126;
  code.missIf(js`!(${size} >= ${least} && ${size} <= ${MOST}) && ${h} !== 0`);
  return { pair: { h, l: ZERO }, operand };
}

// ---- results ----------------------------------------------------------------------------------------------------------------

interface Rounded {
  readonly pair: Pair;
  /** What was rounded away. */
  readonly rest: string;
}
/** Stores what the last rounding took away. */
function settle(task: Task, { pair, rest }: Rounded): void {
  const { code } = task;
  const known = knownOf(task);
  code.push(statements`xd[${RESIDUE}] = ${rest}; xd[${RESIDUE_SIGN}] = ${pair.h};
    if (${known.fresh} && ${rest} !== 0) { xi[${X87_STATUS}] = xi[${X87_STATUS}] | ${PE}; }`);
  known.rounded();
}

/**
 * s + w rounded, unless `unusual` (or what holds for all) says that `slow`, which does any case or returns 0, must. While code is new all cases are
 * unusual, so that the host knows this way when it optimises.
 */
function roundSum(
  code: VectorCode,
  s: string,
  w: string,
  usual: (f: string, d: string) => Expression,
  slow: Expression,
): Rounded {
  const [h, l, d] = [code.fresh(), code.fresh(), code.fresh()] as const;
  const q = code.name(js`${s} * 4503599627370497`);
  const f = code.name(js`Math.abs(${q} - ${q} * ${1 - 2 ** -53})`);
  const k = code.name(js`${f} * ${1.5 * 2 ** -11}`);
  const m = code.name(js`${w} + ${k} - ${k}`);
  const least = code.name(js`xd[${X87_TRAINING}]`);
  code.push(statements`let ${d} = ${w} - ${m}, ${h} = ${s} + ${m}, ${l} = ${m} - (${h} - ${s});`);
  const size = code.name(js`Math.abs(${h})`);
  // Between f and 2f, said with products that are no small integers for the host.
  const inside = js`(${size} >= ${f} * ${1 + 2 ** -52} && ${size} <= ${f} * ${2 - 2 ** -52} || ${w} === 0)`;
  const range = js`${f} >= ${least} && ${f} <= ${MOST / 2}`;
  code.push(statements`if (!(${range} && ${inside} && ${usual(f, d)})) {
    if (${slow} === 0) { ${code.host.miss()} }
    ${h} = xd[${RESULT}]; ${l} = xd[${LOW + RESULT}]; ${d} = xd[${RESIDUE}];
  }`);
  return { pair: { h, l }, rest: d };
}

const values = (code: VectorCode, name: string, a: Pair, b: Pair): Expression =>
  js`${code.host.x87(name)}(${a.h}, ${part(a.l)}, ${b.h}, ${part(b.l)})`;

function negated(code: VectorCode, { h, l }: Pair): Pair {
  return { h: code.name(js`-${h}`), l: l === ZERO ? ZERO : code.name(js`-${l}`) };
}
function sum(code: VectorCode, a: Pair, b: Pair): Rounded {
  const s = code.name(js`${a.h} + ${b.h}`);
  const t = code.name(js`${s} - ${a.h}`);
  const e = code.name(js`${a.h} - (${s} - ${t}) + (${b.h} - ${t})`);
  const slow = values(code, 'x87AddValues', a, b);
  if (a.l === ZERO && b.l === ZERO) return roundSum(code, s, e, () => js`true`, slow);
  const v = a.l === ZERO ? part(b.l) : b.l === ZERO ? part(a.l) : js`(${a.l} + ${b.l})`;
  const w = code.name(js`${e} + ${v}`);
  const x = code.name(js`Math.abs(${a.h})`);
  const y = code.name(js`Math.abs(${b.h})`);
  const near = (f: string): Expression =>
    js`${x} <= ${y} * ${2 ** 40} && ${y} <= ${x} * ${2 ** 40} && Math.abs(${w}) < ${f} * ${2 ** -14}`;
  return roundSum(code, s, w, near, slow);
}
/** A double as a sum of halves of 26 bits. */
function split(code: VectorCode, x: string): [string, string] {
  const c = code.name(js`${x} * 134217729`);
  const high = code.name(js`${c} - (${c} - ${x})`);
  return [high, code.name(js`${x} - ${high}`)];
}
function product(code: VectorCode, a: Pair, b: Pair): Rounded {
  const p = code.name(js`${a.h} * ${b.h}`);
  const [a1, a2] = split(code, a.h);
  const [b1, b2] = a.h === b.h ? [a1, a2] : split(code, b.h);
  const e = code.name(js`${a2} * ${b2} - (${p} - ${a1} * ${b1} - ${a2} * ${b1} - ${a1} * ${b2})`);
  const slow = values(code, 'x87MultiplyValues', a, b);
  const cross = [
    ...(b.l === ZERO ? [] : [js`${a.h} * ${b.l}`]),
    ...(a.l === ZERO ? [] : [js`${a.l} * ${b.h}`]),
  ];
  if (cross.length === 0) return roundSum(code, p, e, () => js`true`, slow);
  const w = code.name(js`${e} + (${cross.reduce((all, term) => js`${all} + ${term}`)})`);
  const clear = (f: string, d: string): Expression => {
    const away = code.name(js`Math.abs(${d})`);
    return js`${away} > ${f} * ${2 ** -93} && ${away} < ${f} * ${2 ** -64 * (1 - 2 ** -19)}`;
  };
  return roundSum(code, p, w, clear, slow);
}
/** Computed by a call, which also stores what it rounds away. */
function called(code: VectorCode, call: Expression): Pair {
  code.missIf(js`${call} === 0`);
  return { h: code.name(js`xd[${RESULT}]`), l: code.name(js`xd[${LOW + RESULT}]`) };
}

// ---- instructions -----------------------------------------------------------------------------------------------------------

type Compute = (task: Task, to: Pair, from: Pair) => Pair;
const rounding =
  (compute: (code: VectorCode, to: Pair, from: Pair) => Rounded): Compute =>
  (task, to, from) => {
    const result = compute(task.code, to, from);
    settle(task, result);
    return result.pair;
  };
/** Both forms: with a memory operand, and on two registers of which one may be popped. */
function binary(compute: Compute, integer = false): Rule {
  return (task) => {
    const { code } = task;
    const known = knownOf(task);
    known.guard(code);
    if (memoryOf(task)) {
      const { pair, operand } = fetch(task, integer);
      known.write(code, 0, compute(task, known.read(code, 0), pair));
      return note(task, operand);
    }
    const to = indexOf(task, 0);
    const a = known.read(code, to);
    known.write(code, to, compute(task, a, known.read(code, indexOf(task, 1))));
    if (task.instruction.mnemonic.endsWith('P')) known.pop();
    note(task);
  };
}
const add = rounding(sum);
const subtract = rounding((code, a, b) => sum(code, a, negated(code, b)));
const subtractReversed = rounding((code, a, b) => sum(code, negated(code, a), b));
const multiply = rounding(product);
const divide: Compute = (task, a, b) => {
  const result = called(task.code, values(task.code, 'x87DivideValues', a, b));
  knownOf(task).rounded();
  return result;
};
const divideReversed: Compute = (task, a, b) => divide(task, b, a);

const squareRoot: Rule = (task) => {
  const { code } = task;
  const known = knownOf(task);
  known.guard(code);
  const { h, l } = known.read(code, 0);
  const root = called(code, js`${code.host.x87('x87RootValue')}(${h}, ${part(l)})`);
  known.rounded();
  known.write(code, 0, root);
  note(task);
};

function push(task: Task, pair: Pair, operand?: Located): void {
  const known = knownOf(task);
  known.push(task.code, pair);
  known.clearC1();
  note(task, operand);
}
const load: Rule = (task) => {
  const { code } = task;
  const known = knownOf(task);
  known.guard(code);
  known.expectRoom(code);
  if (!memoryOf(task)) return push(task, known.read(code, stackIndex(task)));
  const { pair, operand } = fetch(task, false);
  push(task, pair, operand);
};
const loadInteger: Rule = (task) => {
  const { code } = task;
  const known = knownOf(task);
  known.guard(code);
  known.expectRoom(code);
  if (memoryOf(task)!.width !== 64) {
    const { pair, operand } = fetch(task, true);
    return push(task, pair, operand);
  }
  const operand = locate(task, false);
  const { at } = operand;
  const a = code.name(js`dv.getInt32(${at} + 4, true) * 4294967296`);
  const b = code.name(js`dv.getUint32(${at}, true)`);
  const h = code.name(js`${a} + ${b}`);
  push(task, { h, l: code.name(js`${b} - (${h} - ${a})`) }, operand);
};
const loadConstant =
  (value: number): Rule =>
  (task) => {
    const known = knownOf(task);
    known.guard(task.code);
    known.expectRoom(task.code);
    push(task, { h: task.code.name(js`${value}`), l: ZERO });
  };

/** FST and FSTP of singles: what the format takes away. Leaves for numbers out of its range, and half way between two where the low part decides. */
function toSingle(code: VectorCode, { h, l }: Pair): Rounded {
  const single = code.name(js`Math.fround(${h})`);
  const size = code.name(js`Math.abs(${single})`);
  code.missIf(js`!(${size} > ${2 ** -126} && ${size} < Infinity) && ${h} !== 0`);
  const rest = code.name(js`${h} - ${single}`);
  if (l === ZERO) return { pair: { h: single, l }, rest };
  const next = code.name(js`${single} + 2 * ${rest}`);
  code.missIf(js`${l} !== 0 && ${rest} !== 0 && Math.fround(${next}) === ${next}`);
  return { pair: { h: single, l }, rest: code.name(js`${rest} + ${l}`) };
}
function storeMemory(task: Task, operand: Located): void {
  const { code } = task;
  const known = knownOf(task);
  const pair = known.read(code, 0);
  if (memoryOf(task)!.width === 32) {
    const rounded = toSingle(code, pair);
    code.push(statements`dv.setFloat32(${operand.at}, ${rounded.pair.h}, true);`);
    return settle(task, { pair, rest: rounded.rest });
  }
  code.push(statements`dv.setFloat64(${operand.at}, ${pair.h}, true);`);
  if (pair.l === ZERO) known.clearC1();
  else settle(task, { pair, rest: pair.l });
}
function store(pops: boolean): Rule {
  return (task) => {
    const { code } = task;
    const known = knownOf(task);
    const memory = memoryOf(task);
    if (memory && memory.width > 64) throw new NoInlineWay();
    known.guard(code);
    let operand: Located | undefined;
    if (memory) {
      known.read(code, 0);
      storeMemory(task, (operand = locate(task, true)));
    } else {
      known.write(code, stackIndex(task), known.read(code, 0));
      known.clearC1();
    }
    if (pops) known.pop();
    note(task, operand);
  };
}

const exchange: Rule = (task) => {
  const { code } = task;
  const known = knownOf(task);
  known.guard(code);
  known.read(code, 0);
  known.read(code, stackIndex(task));
  known.exchange(stackIndex(task));
  known.clearC1();
  note(task);
};
const changeSign: Rule = (task) => {
  const { code } = task;
  const known = knownOf(task);
  known.guard(code);
  known.write(code, 0, negated(code, known.read(code, 0)));
  known.clearC1();
  note(task);
};
const absolute: Rule = (task) => {
  const { code } = task;
  const known = knownOf(task);
  known.guard(code);
  const { h, l } = known.read(code, 0);
  const size = code.name(js`${h} <= 0 ? 0 - ${h} : ${h}`);
  known.write(code, 0, { h: size, l: l === ZERO ? ZERO : code.name(js`${h} < 0 ? -${l} : ${l}`) });
  known.clearC1();
  note(task);
};

/** Numbers that compare as the pairs do, which are ordered by their high parts, then by their low ones. */
function comparable(code: VectorCode, a: Pair, b: Pair): { a: string; b: string } {
  if (a.l === ZERO && b.l === ZERO) return { a: a.h, b: b.h };
  const key = code.name(js`${a.h} === ${b.h} ? ${part(a.l)} - ${part(b.l)} : ${a.h} - ${b.h}`);
  return { a: key, b: code.name(js`0`) };
}
function compareWith(pops: number, other: (task: Task) => { pair: Pair; operand?: Located }): Rule {
  return (task) => {
    const { code } = task;
    const known = knownOf(task);
    known.guard(code);
    const { pair, operand } = other(task);
    const { a, b } = comparable(code, known.read(code, 0), pair);
    const outcome = js`(${a} < ${b} ? 256 : ${a} === ${b} ? 16384 : 0)`;
    code.push(
      statements`xi[${X87_STATUS}] = xi[${X87_STATUS}] & ${~(CONDITIONS | C1)} | ${outcome}; xd[${RESIDUE}] = 0;`,
    );
    known.settledC1();
    for (let i = 0; i < pops; i++) known.pop();
    note(task, operand);
  };
}
const compare = (pops: number, integer = false): Rule =>
  compareWith(pops, (task) =>
    memoryOf(task) ? fetch(task, integer) : { pair: knownOf(task).read(task.code, stackIndex(task)) },
  );
const compareBoth = compareWith(2, (task) => ({ pair: knownOf(task).read(task.code, 1) }));
const compareZero = compareWith(0, (task) => ({ pair: { h: task.code.name(js`0`), l: ZERO } }));

function compareFlags(pops: boolean): Rule {
  return (task) => {
    const { code } = task;
    const known = knownOf(task);
    known.guard(code);
    const numbers = comparable(code, known.read(code, 0), known.read(code, stackIndex(task)));
    const { a, b } = numbers;
    const zero = js`0`;
    const bits = js`${a} < ${b} ? 1 : ${a} === ${b} ? 64 : 0`;
    code.push(assignFlags(code.host.flags, FlagKind.EXPLICIT, 32, { a: bits, b: zero, result: zero }));
    if (pops) known.pop();
    note(task);
    compared.flags = { kind: FlagKind.EXPLICIT, width: 32, exact: false, noCarries: false, numbers };
  };
}

export const X87_INLINE: Readonly<Record<string, Rule>> = {
  FLD: load,
  FILD: loadInteger,
  FLD1: loadConstant(1),
  FLDZ: loadConstant(0),
  FST: store(false),
  FSTP: store(true),
  FADD: binary(add),
  FADDP: binary(add),
  FIADD: binary(add, true),
  FSUB: binary(subtract),
  FSUBP: binary(subtract),
  FISUB: binary(subtract, true),
  FSUBR: binary(subtractReversed),
  FSUBRP: binary(subtractReversed),
  FISUBR: binary(subtractReversed, true),
  FMUL: binary(multiply),
  FMULP: binary(multiply),
  FIMUL: binary(multiply, true),
  FDIV: binary(divide),
  FDIVP: binary(divide),
  FIDIV: binary(divide, true),
  FDIVR: binary(divideReversed),
  FDIVRP: binary(divideReversed),
  FIDIVR: binary(divideReversed, true),
  FSQRT: squareRoot,
  FCHS: changeSign,
  FABS: absolute,
  FXCH: exchange,
  FCOM: compare(0),
  FCOMP: compare(1),
  FUCOM: compare(0),
  FUCOMP: compare(1),
  FICOM: compare(0, true),
  FICOMP: compare(1, true),
  FCOMPP: compareBoth,
  FUCOMPP: compareBoth,
  FTST: compareZero,
  FCOMI: compareFlags(false),
  FCOMIP: compareFlags(true),
  FUCOMI: compareFlags(false),
  FUCOMIP: compareFlags(true),
};
