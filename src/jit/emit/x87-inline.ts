/**
 * x87 instructions in place, on numbers in the region's variables, for rounding to nearest in 64 bits. What a rule does not serve leaves the region
 * before the instruction; nothing has been changed then.
 */
import type { Expression } from 'estree';
import { FlagKind } from '../ir.js';
import { X87_CONTROL } from '../../runtime/fpu/x87-pairs.js';
import { CONDITIONS } from '../../runtime/fpu/x87-short-core.js';
import { assignFlags } from './flags.js';
import { js, statements } from './quote.js';
import type { VectorCode } from './vector-lanes.js';
import { compared } from './vector-arithmetic.js';
import { indexOf, isMemory, type Rule, type Task } from './vector-moves.js';
import { negated, product, quotient, root, sum, type Rounded } from './x87-arithmetic.js';
import { ZERO, type Pair, type X87Known } from './x87-known.js';
import {
  loadExtended,
  loadInteger,
  loadReal,
  locate,
  memoryOf,
  storeDouble,
  storeExtended,
  storeInteger,
  storeSingle,
  type Located,
  type Stored,
} from './x87-memory.js';
import { popsOf } from './x87-state.js';

const C1 = 0x200;
const ROUNDING = 0xc00;
const MASKS = 0x3f,
  WRITABLE = 0x1f3f,
  RESERVED_ONE = 0x40;
/** Precision of 64 bits, and PE masked. */
const SERVED = 0x320;

/** The register that is not ST(0), wherever the operand order has it. */
const stackIndex = (task: Task): number =>
  task.instruction.operands.reduce((all, o) => all | (o.kind === 'st' ? o.index : 0), 0);
const knownOf = (task: Task): X87Known => task.code.cache.x87;

/** The state is in variables; `rounds`: rounding must be to nearest. */
function begin(task: Task, rounds = false): X87Known {
  const known = knownOf(task);
  known.load(task.code, rounds);
  return known;
}
/** Pops and records the pointers. */
function end(task: Task, operand?: Located): void {
  const { code, instruction } = task;
  const known = knownOf(task);
  for (let i = popsOf(instruction.mnemonic); i > 0; i--) known.pop(code);
  known.note(code, code.host.offset(), operand?.segment, operand?.offset);
}
function settle(task: Task, { h, rest }: Stored): void {
  knownOf(task).settle(task.code, rest, h);
}

/** The number in memory, leaving where it is none of the range. */
function fetch(task: Task, integer: boolean): { pair: Pair; operand: Located } {
  const operand = locate(task, false);
  if (integer) return { pair: loadInteger(task, operand), operand };
  const pair = memoryOf(task)!.width === 80 ? loadExtended(task, operand) : loadReal(task, operand);
  return { pair, operand };
}

// ---- arithmetic -------------------------------------------------------------------------------------------------------------

type Compute = (code: VectorCode, to: Pair, from: Pair) => Rounded;
/** Both forms: with a memory operand, and on two registers of which one may be popped. */
function binary(compute: Compute, integer = false): Rule {
  return (task) => {
    const { code } = task;
    const known = begin(task, true);
    const memory = memoryOf(task);
    const to = memory ? 0 : indexOf(task, 0);
    const fetched = memory && fetch(task, integer);
    const from = fetched ? fetched.pair : known.read(code, indexOf(task, 1));
    const { pair, rest } = compute(code, known.read(code, to), from);
    known.write(code, to, pair);
    known.settle(code, rest, pair.h);
    end(task, fetched?.operand);
  };
}
const subtract: Compute = (code, a, b) => sum(code, a, negated(code, b));
const subtractReversed: Compute = (code, a, b) => sum(code, negated(code, a), b);
const divideReversed: Compute = (code, a, b) => quotient(code, b, a);

const squareRoot: Rule = (task) => {
  const { code } = task;
  const known = begin(task, true);
  const { pair, rest } = root(code, known.read(code, 0));
  known.write(code, 0, pair);
  known.settle(code, rest, pair.h);
  end(task);
};

// ---- loads and stores -------------------------------------------------------------------------------------------------------

/** Pushes what is found; exact. */
const load =
  (find: (task: Task, known: X87Known) => { pair: Pair; operand?: Located }): Rule =>
  (task) => {
    const { code } = task;
    const known = begin(task);
    known.expectRoom(code);
    const { pair, operand } = find(task, known);
    known.push(code, pair);
    known.clearC1(code);
    end(task, operand);
  };
const loadAny = load((task, known) =>
  memoryOf(task) ? fetch(task, false) : { pair: known.read(task.code, stackIndex(task)) },
);
const constant = (value: number): Rule =>
  load(({ code }) => ({ pair: { h: code.name(js`+${value}`), l: ZERO, bound: 60 } }));

const storeRegister: Rule = (task) => {
  const { code } = task;
  const known = begin(task);
  known.write(code, stackIndex(task), known.read(code, 0));
  known.clearC1(code);
  end(task);
};
const store: Rule = (task) => {
  if (!memoryOf(task)) return storeRegister(task);
  const { code } = task;
  const { width } = memoryOf(task)!;
  const known = begin(task, width < 80);
  const pair = known.read(code, 0);
  const operand = locate(task, true);
  let stored: Stored | undefined;
  if (width === 80) storeExtended(code, operand, pair);
  else if (width === 64) stored = storeDouble(code, operand, pair);
  else stored = storeSingle(code, operand, pair);
  if (stored) settle(task, stored);
  else known.clearC1(code);
  end(task, operand);
};
/** FIST and FISTP round as the control word says, FISTTP towards zero. */
const storeWhole =
  (always: boolean): Rule =>
  (task) => {
    const { code } = task;
    const known = begin(task);
    const pair = known.read(code, 0);
    const operand = locate(task, true);
    settle(task, storeInteger(task, operand, pair, truncates(code, known, always)));
    end(task, operand);
  };
function truncates(code: VectorCode, known: X87Known, always: boolean): Expression {
  if (always) return js`1`;
  if (known.state.nearest) return js`0`;
  const mode = code.name(js`xi[${X87_CONTROL}] & ${ROUNDING}`);
  code.missIf(js`${mode} !== 0 && ${mode} !== ${ROUNDING}`);
  return js`${mode} !== 0`;
}

// ---- registers --------------------------------------------------------------------------------------------------------------

const exchange: Rule = (task) => {
  const { code } = task;
  const known = begin(task);
  known.read(code, 0);
  known.read(code, stackIndex(task));
  known.exchange(code, stackIndex(task));
  known.clearC1(code);
  end(task);
};
/** FCHS and FABS. The low part of a zero stays what it is. */
const changeSign =
  (high: (h: string) => Expression, negates: (h: string) => Expression): Rule =>
  (task) => {
    const { code } = task;
    const known = begin(task);
    const { h, l, bound } = known.read(code, 0);
    const low = l === ZERO ? ZERO : code.name(js`${negates(h)} ? -${l} : ${l}`);
    known.write(code, 0, { h: code.name(high(h)), l: low, bound });
    known.clearC1(code);
    end(task);
  };

// ---- comparisons ------------------------------------------------------------------------------------------------------------

/** A number with the sign of a - b, which is 0 only where they are equal: where high parts are near, their difference is exact. */
function comparable(code: VectorCode, a: Pair, b: Pair): { a: string; b: string } {
  if (a.l === ZERO && b.l === ZERO) return { a: a.h, b: b.h };
  const low = a.l === ZERO ? js`-${b.l}` : b.l === ZERO ? js`${a.l}` : js`(${a.l} - ${b.l})`;
  return { a: code.name(js`${a.h} - ${b.h} + ${low}`), b: code.name(js`+0`) };
}
const compareWith =
  (other: (task: Task, known: X87Known) => { pair: Pair; operand?: Located }): Rule =>
  (task) => {
    const { code } = task;
    const known = begin(task);
    const { pair, operand } = other(task, known);
    const { a, b } = comparable(code, known.read(code, 0), pair);
    code.push(
      statements`xst = xst & ${~(CONDITIONS | C1)} | (${a} < ${b} ? 256 : ${a} === ${b} ? 16384 : 0);`,
    );
    known.clearC1(code);
    end(task, operand);
  };
const compare = (integer = false): Rule =>
  compareWith((task, known) =>
    memoryOf(task) ? fetch(task, integer) : { pair: known.read(task.code, stackIndex(task)) },
  );
const compareBoth = compareWith((task, known) => ({ pair: known.read(task.code, 1) }));
const compareZero = compareWith(({ code }) => ({
  pair: { h: code.name(js`+0`), l: ZERO, bound: 60 },
}));
const compareFlags: Rule = (task) => {
  const { code } = task;
  const known = begin(task);
  const numbers = comparable(code, known.read(code, 0), known.read(code, stackIndex(task)));
  const { a, b } = numbers;
  const zero = js`0`;
  const bits = js`${a} < ${b} ? 1 : ${a} === ${b} ? 64 : 0`;
  code.push(assignFlags(code.host.flags, FlagKind.EXPLICIT, 32, { a: bits, b: zero, result: zero }));
  end(task);
  compared.flags = { kind: FlagKind.EXPLICIT, width: 32, exact: false, noCarries: false, numbers };
};

// ---- control ----------------------------------------------------------------------------------------------------------------

const storeStatus: Rule = (task) => {
  const { code } = task;
  const known = begin(task);
  const c1 = js`(xres !== 0 ? xres < 0 !== xsgn < 0 ? ${C1} : 0 : 0)`;
  const word = code.name(js`xst | ${c1} | (xb + ${known.state.top} & 7) << 11`);
  if (isMemory(task, 0)) code.push(statements`dv.setUint16(${locate(task, true).at}, ${word}, true);`);
  else code.push(code.host.writeGeneral(0, js`${code.host.readGeneral(0)} & -65536 | ${word}`));
};
const storeControl: Rule = (task) => {
  begin(task);
  task.code.push(statements`dv.setUint16(${locate(task, true).at}, xi[${X87_CONTROL}] & 65535, true);`);
};
/** Serves what leaves precision and masks as they usually are. */
const loadControl: Rule = (task) => {
  const { code } = task;
  const known = begin(task);
  const word = code.name(js`dv.getUint16(${locate(task, false).at}, true)`);
  code.missIf(js`(${word} & ${SERVED}) !== ${SERVED} || (xst & ~${word} & ${MASKS}) !== 0`);
  code.push(statements`xi[${X87_CONTROL}] = ${word} & ${WRITABLE} | ${RESERVED_ONE};`);
  known.state.nearest = false;
};

export const X87_INLINE: Readonly<Record<string, Rule>> = {
  FLD: loadAny,
  FILD: load((task) => fetch(task, true)),
  FLD1: constant(1),
  FLDZ: constant(0),
  FST: store,
  FSTP: store,
  FIST: storeWhole(false),
  FISTP: storeWhole(false),
  FISTTP: storeWhole(true),
  FADD: binary(sum),
  FADDP: binary(sum),
  FIADD: binary(sum, true),
  FSUB: binary(subtract),
  FSUBP: binary(subtract),
  FISUB: binary(subtract, true),
  FSUBR: binary(subtractReversed),
  FSUBRP: binary(subtractReversed),
  FISUBR: binary(subtractReversed, true),
  FMUL: binary(product),
  FMULP: binary(product),
  FIMUL: binary(product, true),
  FDIV: binary(quotient),
  FDIVP: binary(quotient),
  FIDIV: binary(quotient, true),
  FDIVR: binary(divideReversed),
  FDIVRP: binary(divideReversed),
  FIDIVR: binary(divideReversed, true),
  FSQRT: squareRoot,
  FCHS: changeSign((h) => js`-${h}`, (h) => js`${h} !== 0`), // prettier-ignore
  FABS: changeSign((h) => js`Math.abs(${h})`, (h) => js`${h} < 0`), // prettier-ignore
  FXCH: exchange,
  FCOM: compare(),
  FCOMP: compare(),
  FUCOM: compare(),
  FUCOMP: compare(),
  FICOM: compare(true),
  FICOMP: compare(true),
  FCOMPP: compareBoth,
  FUCOMPP: compareBoth,
  FTST: compareZero,
  FCOMI: compareFlags,
  FCOMIP: compareFlags,
  FUCOMI: compareFlags,
  FUCOMIP: compareFlags,
  FNSTSW: storeStatus,
  FNSTCW: storeControl,
  FLDCW: loadControl,
};
