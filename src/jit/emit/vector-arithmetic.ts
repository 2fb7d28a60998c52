/**
 * Short ways of SSE and SSE2 arithmetic on doubles and singles, in JavaScript numbers.
 *
 * Why they are exact. MXCSR says round to nearest with PE masked (`control`), so results are those of IEEE 754 in JavaScript's own mode. Operands are
 * zero, infinite or normal, so neither DE nor the rules for NaNs apply, and DAZ changes nothing. Results are zero exactly (an operand of × or ÷ was), or
 * lie strictly between the smallest normal number and infinity: no IE, ZE, OE or UE, and FTZ changes nothing; the smallest normal number itself may be a tiny
 * result rounded up and is left to the helper. What is left is PE, which is sticky and masked: it is set at once when a result is inexact
 * (runtime/fpu/exactness.ts), unless it is set already.
 * Where IE, OE and PE are set already and all exceptions masked (`special`), infinite results and NaNs need nothing either: a NaN is always the default NaN,
 * which operations hand on, and is written by words.
 * Singles are computed in doubles and rounded once more: for + - × ÷ √ that is the same as rounding once, because 53 ≥ 2·24 + 2 (S. Figueroa, 1995).
 */
import type { Expression } from 'estree';
import { FlagKind } from '../ir.js';
import type { KnownFlags } from './flags.js';
import { assignFlags } from './flags.js';
import { js } from './quote.js';
import { MAX_DOUBLE, MAX_SINGLE, MIN_DOUBLE, MIN_SINGLE } from './lane-values.js';
import type { Place, VectorCode } from './vector-lanes.js';
import { immediateOf, indexOf, isMemory, source, type Rule, type Task } from './vector-moves.js';

interface Operator {
  compute(a: string, b: string): Expression;
  /** Ways for a result 0 to need no rounding; undefined: always. `scale`: see `isClean`. */
  zero?(a: string, b: string, scale: number): Expression[];
  /** Whether the double `r` (or its rounding to the single `r`) is not exactly the result. */
  inexact(a: string, b: string, r: string): Expression;
  inexactSingle(a: string, b: string, r: string): Expression;
}
const ADD: Operator = {
  compute: (a, b) => js`${a} + ${b}`,
  inexact: (a, b, r) => js`addInexact(${a}, ${b}, ${r})`,
  inexactSingle: (a, b, r) => js`singleAddInexact(${a}, ${b}, ${r})`,
};
const SUB: Operator = {
  compute: (a, b) => js`${a} - ${b}`,
  inexact: (a, b, r) => js`addInexact(${a}, -${b}, ${r})`,
  inexactSingle: (a, b, r) => js`singleAddInexact(${a}, -${b}, ${r})`,
};
const MUL: Operator = {
  compute: (a, b) => js`${a} * ${b}`,
  zero: (a, b, scale) => [js`${a} * ${scale} === 0`, js`${b} * ${scale} === 0`],
  inexact: (a, b, r) => js`mulInexact(${a}, ${b}, ${r})`,
  inexactSingle: (a, b, r) => js`${a} * ${b} !== ${r}`,
};
const DIV: Operator = {
  compute: (a, b) => js`${a} / ${b}`,
  zero: (a, _b, scale) => [js`${a} * ${scale} === 0`],
  inexact: (a, b, r) => js`divInexact(${a}, ${b}, ${r})`,
  inexactSingle: (a, b, r) => js`singleDivInexact(${a}, ${b}, ${r})`,
};

/** Ways for a result 0 to be exact, given a scale. */
type ZeroTest = ((scale: number) => Expression[]) | undefined;

/** Results in the making: each is named at once, and all are checked together. */
interface Results {
  readonly names: string[];
  readonly fine: Expression[][][];
}
function addResult(
  code: VectorCode,
  results: Results,
  value: Expression,
  format: Format,
  zero?: ZeroTest,
): string {
  const r = code.name(format.round(value));
  const scale = code.apart();
  const scaled = js`${r} * ${scale}`;
  const isZero = js`${scaled} === 0`;
  const zeros = zero ? zero(scale).map((test) => [isZero, test]) : [[isZero]];
  const isNormal = js`Math.abs(${scaled}) > ${format.least * scale}`;
  const others = code.host.special
    ? [[isNormal], [js`${scaled} !== ${scaled}`]]
    : [[isNormal, js`Math.abs(${r} * 0.5) <= ${format.most / 2}`]];
  results.names.push(r);
  results.fine.push([...zeros, ...others]);
  return r;
}
/**
 * That results need no more than rounding. Usual are those whose squares neither vanish nor reach `format.large`: fewer operations than comparisons with the least
 * and the largest number. Of doubles the product of two squares serves for both.
 */
function checkResults(code: VectorCode, { names, fine }: Results, format: Format): void {
  const { round } = format;
  const squares = names.map((r) => code.name(round(js`${r} * ${r}`)));
  const isPair = format === DOUBLES && squares.length === 2;
  const parts = isPair ? [code.name(js`${squares[0]!} * ${squares[1]!}`)] : squares;
  const usual = parts.map((part) => js`${part} > 0`);
  if (!code.host.special) {
    const add = (a: string, b: string): string => code.name(round(js`${a} + ${b}`));
    const sum =
      squares.length === 4
        ? add(add(squares[0]!, squares[1]!), add(squares[2]!, squares[3]!))
        : squares.reduce(add);
    const room = code.name(round(js`${round(js`${format.large}`)} - ${sum}`));
    usual[0] = js`${round(js`${parts[0]!} * ${room}`)} > 0`;
  }
  fine.forEach((ways, i) => code.check(i === 0 ? usual : [], ...ways));
}

interface Format {
  readonly size: 4 | 8;
  readonly count: number;
  clean(code: VectorCode, place: Place, i: number): string;
  round(value: Expression): Expression;
  /** Least normal and largest number. */
  readonly least: number;
  readonly most: number;
  /** See `checkResults`. */
  readonly large: number;
  set(code: VectorCode, register: number, i: number, name: string): void;
}
const DOUBLES: Format = {
  size: 8,
  count: 2,
  clean: (code, place, i) => code.cleanDouble(place, i),
  round: (value) => value,
  least: MIN_DOUBLE,
  most: MAX_DOUBLE,
  large: 2 ** 1000,
  set: (code, register, i, name) => code.setDouble(register, i, name),
};
const SINGLES: Format = {
  size: 4,
  count: 4,
  clean: (code, place, i) => code.cleanSingle(place, i),
  round: (value) => js`Math.fround(${value})`,
  least: MIN_SINGLE,
  most: MAX_SINGLE,
  large: 2 ** 126,
  set: (code, register, i, name) => code.setSingle(register, i, name),
};

const upTo = (count: number): number[] => [...Array(count).keys()];
/** Operand 1 of a scalar (`count` 1) or packed instruction. */
const second = (task: Task, format: Format, count: number): Place =>
  source(task, 1, count === 1 ? format.size : 16);

function arithmetic(operator: Operator, format: Format, count: number): Rule {
  return (task) => {
    const { code } = task;
    const to = indexOf(task, 0);
    const from = second(task, format, count);
    code.control();
    const results: Results = { names: [], fine: [] };
    const lanes = upTo(count).map((i) => {
      const a = format.clean(code, { register: to }, i);
      const b = format.clean(code, from, i);
      if (operator === DIV && code.host.special)
        code.check([js`${b} * ${b} > 0`], [js`Math.abs(${b} * ${code.apart()}) > 0`]);
      const zero = operator.zero && ((scale: number) => operator.zero!(a, b, scale));
      const r = addResult(code, results, operator.compute(a, b), format, zero);
      const inexact = format === DOUBLES ? operator.inexact(a, b, r) : operator.inexactSingle(a, b, r);
      return { r, inexact };
    });
    checkResults(code, results, format);
    code.notePrecision(lanes.map((lane) => lane.inexact)); // prettier-ignore
    lanes.forEach(({ r }, i) => format.set(code, to, i, r));
  };
}

function squareRoot(format: Format, count: number): Rule {
  const name = format === DOUBLES ? 'sqrtInexact' : 'singleSqrtInexact';
  return (task) => {
    const { code } = task;
    const from = second(task, format, count);
    code.control();
    const lanes = upTo(count).map((i) => {
      const a = format.clean(code, from, i);
      // A root is never tiny; that of a negative number is a NaN.
      const root = format === DOUBLES ? js`Math.sqrt(${a})` : js`Math.fround(Math.sqrt(${a}))`;
      const r = code.name(root);
      if (!code.host.special) code.check([js`${r} < Infinity`], [js`${r} * ${code.apart()} < Infinity`]);
      return { r, inexact: js`${name}(${a}, ${r})` };
    });
    code.notePrecision(lanes.map((lane) => lane.inexact)); // prettier-ignore
    lanes.forEach(({ r }, i) => format.set(code, indexOf(task, 0), i, r));
  };
}

/** MIN and MAX: the second operand if they are equal. */
function select(operator: '<' | '>', format: Format, count: number): Rule {
  return (task) => {
    const { code } = task;
    const to = indexOf(task, 0);
    const from = second(task, format, count);
    const chosen = upTo(count).map((i) => {
      const a = format.clean(code, { register: to }, i);
      const b = format.clean(code, from, i);
      return code.name(operator === '<' ? js`${a} < ${b} ? ${a} : ${b}` : js`${a} > ${b} ? ${a} : ${b}`);
    });
    chosen.forEach((r, i) => format.set(code, to, i, r));
  };
}

/** Predicates 4-7 are the negations of 0-3. */
function holds(predicate: number, a: string, b: string): Expression {
  switch (predicate & 7) {
    case 0:
      return js`${a} === ${b} ? -1 : 0`;
    case 1:
      return js`${a} < ${b} ? -1 : 0`;
    case 2:
      return js`${a} <= ${b} ? -1 : 0`;
    case 4:
      return js`${a} !== ${b} ? -1 : 0`;
    case 5:
      return js`${a} < ${b} ? 0 : -1`;
    case 6:
      return js`${a} <= ${b} ? 0 : -1`;
    case 3:
      return js`${a} === ${a} && ${b} === ${b} ? 0 : -1`;
    default:
      return js`${a} === ${a} && ${b} === ${b} ? -1 : 0`;
  }
}
function compare(format: Format, count: number): Rule {
  return (task) => {
    const { code } = task;
    const to = indexOf(task, 0);
    const from = second(task, format, count);
    const masks = upTo(count).map((i) => {
      const a = format.clean(code, { register: to }, i);
      return code.name(holds(immediateOf(task, 2), a, format.clean(code, from, i)));
    });
    const words = format.size / 4;
    masks.forEach((name, i) => upTo(words).forEach((w) => code.setWord(to, words * i + w, name)));
  };
}

/** What the last comparison left in the flags. */
export const compared: { flags: KnownFlags | undefined } = { flags: undefined };

function compareToFlags(format: Format): Rule {
  return (task) => {
    const { code } = task;
    const a = format.clean(code, { register: indexOf(task, 0) }, 0);
    const b = format.clean(code, second(task, format, 1), 0);
    if (code.host.special) code.missIf(js`${a} !== ${a} || ${b} !== ${b}`);
    const zero = js`0`;
    const bits = js`${a} < ${b} ? 1 : ${a} === ${b} ? 64 : 0`;
    code.push(assignFlags(code.host.flags, FlagKind.EXPLICIT, 32, { a: bits, b: zero, result: zero }));
    compared.flags = {
      kind: FlagKind.EXPLICIT,
      width: 32,
      exact: false,
      noCarries: false,
      numbers: { a, b },
    };
  };
}

// ---- conversions ------------------------------------------------------------------------------------------------------------

const generalOrMemory = (task: Task): string =>
  isMemory(task, 1) ? task.code.word(source(task, 1, 4), 0) : task.code.general(indexOf(task, 1));

const intToDouble: Rule = (task) => {
  const name = task.code.name(js`+${generalOrMemory(task)}`);
  task.code.setDouble(indexOf(task, 0), 0, name);
};
/** int32 → single, which may be inexact. */
function intsToSingles(code: VectorCode, to: number, words: readonly string[]): void {
  code.control();
  const lanes = words.map((word) => ({ word, r: code.name(js`Math.fround(${word})`) }));
  code.notePrecision(lanes.map(({ word, r }) => js`${r} !== ${word}`)); // prettier-ignore
  lanes.forEach(({ r }, i) => SINGLES.set(code, to, i, r));
}

/** Beside -2^31 - 1 and 2^31 toward zero, and beside -2^31 and 2^31 - 1 away from it: the same bounds as other comparisons (see `isClean`). */
const BELOW_TRUNCATED = 2147483649 - 2 ** -21,
  ABOVE_TRUNCATED = 2147483648 - 2 ** -22,
  BELOW_ROUNDED = 2147483648 + 2 ** -21,
  ABOVE_ROUNDED = 2147483647 - 2 ** -22;
/** Number → int32, toward zero or to the nearest even; leaves if it does not fit. */
function toInteger(code: VectorCode, x: string, truncate: boolean): { r: string; inexact: Expression } {
  if (truncate) {
    code.check(
      [js`${x} > -2147483649`, js`${x} < 2147483648`],
      [js`${x} >= ${-BELOW_TRUNCATED}`, js`${x} <= ${ABOVE_TRUNCATED}`],
    );
    const r = code.name(js`~~${x}`);
    return { r, inexact: js`${r} !== ${x}` };
  }
  code.check(
    [js`${x} >= -2147483648`, js`${x} < 2147483647`],
    [js`${x} > ${-BELOW_ROUNDED}`, js`${x} <= ${ABOVE_ROUNDED}`],
  );
  // Adding 1.5 × 2^52 leaves no room for a fraction: the sum is rounded to an integer, ties to even.
  const r = code.name(js`~~(${x} + 6755399441055744 - 6755399441055744)`);
  return { r, inexact: js`${r} !== ${x}` };
}
function toGeneral(format: Format, truncate: boolean): Rule {
  return (task) => {
    const { code } = task;
    const from = second(task, format, 1);
    code.control();
    const { r, inexact } = toInteger(code, format.clean(code, from, 0), truncate);
    code.notePrecision([inexact]);
    code.push(code.host.writeGeneral(indexOf(task, 0), js`${r}`));
  };
}
function toIntegers(format: Format, truncate: boolean): Rule {
  return (task) => {
    const { code } = task;
    const from = source(task, 1, 16);
    const to = indexOf(task, 0);
    code.control();
    const lanes = upTo(format.count).map((i) => toInteger(code, format.clean(code, from, i), truncate));
    code.notePrecision(lanes.map((lane) => lane.inexact)); // prettier-ignore
    lanes.forEach(({ r }, i) => code.setWord(to, i, r));
    if (format === DOUBLES) code.clearHalf(to, 1);
  };
}

const singleToDouble: Rule = (task) => {
  const { code } = task;
  const name = code.cleanSingle(source(task, 1, 4), 0);
  code.setDouble(indexOf(task, 0), 0, name);
};
const singlesToDoubles: Rule = (task) => {
  const { code } = task;
  const from = source(task, 1, 8);
  const names = [0, 1].map((i) => code.cleanSingle(from, i));
  names.forEach((name, i) => code.setDouble(indexOf(task, 0), i, name));
};
function doublesToSingles(count: number): Rule {
  return (task) => {
    const { code } = task;
    const from = second(task, DOUBLES, count);
    code.control();
    const results: Results = { names: [], fine: [] };
    const lanes = upTo(count).map((i) => {
      const a = code.cleanDouble(from, i);
      const r = addResult(code, results, js`${a}`, SINGLES, (scale) => [js`${a} * ${scale} === 0`]);
      return { r, inexact: js`${r} !== ${a}` };
    });
    checkResults(code, results, SINGLES);
    code.notePrecision(lanes.map((lane) => lane.inexact)); // prettier-ignore
    const to = indexOf(task, 0);
    lanes.forEach(({ r }, i) => SINGLES.set(code, to, i, r));
    if (count === 2) code.clearHalf(to, 1);
  };
}

const intsToDoubles: Rule = (task) => {
  const { code } = task;
  const from = source(task, 1, 8);
  const names = [0, 1].map((i) => code.name(js`+${code.word(from, i)}`));
  names.forEach((name, i) => code.setDouble(indexOf(task, 0), i, name));
};

/** The four forms of an instruction. */
function forms(name: string, rule: (format: Format, count: number) => Rule): Record<string, Rule> {
  return {
    [`${name}PS`]: rule(SINGLES, 4),
    [`${name}SS`]: rule(SINGLES, 1),
    [`${name}PD`]: rule(DOUBLES, 2),
    [`${name}SD`]: rule(DOUBLES, 1),
  };
}

export const VECTOR_ARITHMETIC: Readonly<Record<string, Rule>> = {
  ...forms('ADD', (format, count) => arithmetic(ADD, format, count)),
  ...forms('SUB', (format, count) => arithmetic(SUB, format, count)),
  ...forms('MUL', (format, count) => arithmetic(MUL, format, count)),
  ...forms('DIV', (format, count) => arithmetic(DIV, format, count)),
  ...forms('SQRT', squareRoot),
  ...forms('MIN', (format, count) => select('<', format, count)),
  ...forms('MAX', (format, count) => select('>', format, count)),
  ...forms('CMP', compare),
  COMISS: compareToFlags(SINGLES),
  UCOMISS: compareToFlags(SINGLES),
  COMISD: compareToFlags(DOUBLES),
  UCOMISD: compareToFlags(DOUBLES),
  CVTSI2SD: intToDouble,
  CVTSI2SS: (task) => intsToSingles(task.code, indexOf(task, 0), [generalOrMemory(task)]),
  CVTDQ2PS: (task) => intsToSingles(task.code, indexOf(task, 0), task.code.words(source(task, 1, 16))),
  CVTDQ2PD: intsToDoubles,
  CVTSD2SI: toGeneral(DOUBLES, false),
  CVTTSD2SI: toGeneral(DOUBLES, true),
  CVTSS2SI: toGeneral(SINGLES, false),
  CVTTSS2SI: toGeneral(SINGLES, true),
  CVTPS2DQ: toIntegers(SINGLES, false),
  CVTTPS2DQ: toIntegers(SINGLES, true),
  CVTPD2DQ: toIntegers(DOUBLES, false),
  CVTTPD2DQ: toIntegers(DOUBLES, true),
  CVTSS2SD: singleToDouble,
  CVTPS2PD: singlesToDoubles,
  CVTSD2SS: doublesToSingles(1),
  CVTPD2PS: doublesToSingles(2),
};
