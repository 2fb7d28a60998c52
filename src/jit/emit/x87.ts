/**
 * Short ways of x87 instructions in translated code: memory operands and pointers here, the rest by calls of runtime/fpu/x87-short.ts, which take the
 * stack top as it is.
 */
import type { Expression } from 'estree';
import { FlagKind } from '../ir.js';
import {
  IN_MEMORY,
  INTEGER_HIGH,
  INTEGER_LOW,
  X87_CONTROL,
  X87_INSTRUCTION_OFFSET,
  X87_INSTRUCTION_SELECTOR,
  X87_OPERAND_OFFSET,
  X87_OPERAND_SELECTOR,
  X87_SELECTORS,
} from '../../runtime/fpu/x87-pairs.js';
import { R_SEGMENT_BASE } from '../../runtime/state.js';
import { INT16, INT32, INT64 } from '../../runtime/fpu/x87-short.js';
import { assignFlags } from './flags.js';
import { call as callOf } from './nodes.js';
import { identifier, js, numeral, statements } from './quote.js';
import { compared } from './vector-arithmetic.js';
import type { AccessSize } from './vector-lanes.js';
import { indexOf, isMemory, NoShortWay, operandOf, type Rule, type Task } from './vector-moves.js';

/** Words of the unit's registers. */
const SIGNIFICANDS = 64,
  EXPONENTS = 80;
/** Flat segments below FS have base 0. */
const CS = 1,
  FS = 4;

type Argument = Expression | number | string;
function call(task: Task, name: string, ...parameters: Argument[]): Expression {
  const node = (a: Argument): Expression =>
    typeof a === 'number' ? numeral(a) : typeof a === 'string' ? identifier(a) : a;
  return callOf(identifier(task.code.host.x87(name)), parameters.map(node));
}
/** Calls a short way that returns 0 where it ends. */
function attempt(task: Task, name: string, ...parameters: Argument[]): void {
  task.code.missIf(js`${call(task, name, ...parameters)} === 0`, true);
}
/** Records the instruction pointer, and the operand pointer if there is a memory operand. */
function note(task: Task, operand?: Operand87): void {
  const { code } = task;
  code.push(
    statements`xi[${X87_INSTRUCTION_OFFSET}] = ${code.host.eip()}; xi[${X87_INSTRUCTION_SELECTOR}] = ${selector(CS)};`,
  );
  if (!operand) return;
  const segment = task.instruction.operands.find((o) => o.kind === 'memory')!.segment;
  const base = js`r[${R_SEGMENT_BASE + segment}]`;
  const offset = segment < FS ? js`${operand.linear}` : js`${operand.linear} - ${base} | 0`;
  code.push(
    statements`xi[${X87_OPERAND_OFFSET}] = ${offset}; xi[${X87_OPERAND_SELECTOR}] = ${selector(segment)};`,
  );
}
const selector = (segment: number): Expression =>
  js`xi[${X87_SELECTORS + (segment >> 1)}] >>> ${16 * (segment & 1)} & 65535`;

/** The register that is not ST(0), wherever the operand order has it. */
function stackIndex(task: Task): number {
  return task.instruction.operands.reduce((all, o) => all | (o.kind === 'st' ? o.index : 0), 0);
}
function memoryWidth(task: Task): number {
  const memory = task.instruction.operands.find((o) => o.kind === 'memory');
  return memory?.kind === 'memory' ? memory.width : 0;
}
const hasMemory = (task: Task): boolean => memoryWidth(task) !== 0;

/** Machine and linear address of the memory operand, checked. */
interface Operand87 {
  readonly at: string;
  readonly linear: string;
}
const locate = (task: Task, write: boolean): Operand87 =>
  task.code.locate(task.address!, (memoryWidth(task) / 8) as AccessSize, write);

/** Brings a real or an integer of 16 or 32 bits to its place. */
function fetch(task: Task, integer: boolean): Operand87 {
  const { code } = task;
  const width = memoryWidth(task);
  if (width > 64 || (integer && width === 64)) throw new NoShortWay();
  const operand = locate(task, false);
  const { at } = operand;
  let value = js`dv.getFloat64(${at}, true)`;
  if (integer) value = width === 16 ? js`dv.getInt16(${at}, true)` : js`dv.getInt32(${at}, true)`;
  else if (width === 32) value = js`${code.cleanSingle({ at }, 0)}`;
  code.push(statements`xd[${IN_MEMORY}] = ${value};`);
  return operand;
}

/** A rule for both forms: `emit` gets the other operand's place and the number of pops. */
function binary(emit: (task: Task, to: number, from: number, pops: number) => void, integer = false): Rule {
  return (task) => {
    const operand = hasMemory(task) ? fetch(task, integer) : undefined;
    const pops = task.instruction.mnemonic.endsWith('P') ? 1 : 0;
    if (operand) emit(task, 0, IN_MEMORY, pops);
    else emit(task, indexOf(task, 0), indexOf(task, 1), pops);
    note(task, operand);
  };
}
const add = (sign: 1 | -1, otherSign: 1 | -1, integer = false): Rule =>
  binary((task, to, from, pops) => attempt(task, 'x87Add', to, from, sign, otherSign, pops), integer);
const multiply = (integer = false): Rule =>
  binary((task, to, from, pops) => attempt(task, 'x87Multiply', to, from, pops), integer);
const divide = (reversed: 0 | 1, integer = false): Rule =>
  binary((task, to, from, pops) => attempt(task, 'x87Divide', to, from, reversed, pops), integer);

function loadReal(task: Task): Operand87 {
  if (memoryWidth(task) !== 80) {
    const operand = fetch(task, false);
    attempt(task, 'x87Load');
    return operand;
  }
  const operand = locate(task, false);
  const { at } = operand;
  const low = js`dv.getInt32(${at}, true)`, high = js`dv.getInt32(${at} + 4, true)`; // prettier-ignore
  attempt(task, 'x87LoadExtended', low, high, js`dv.getUint16(${at} + 8, true)`);
  return operand;
}
const load: Rule = (task) => {
  if (hasMemory(task)) return note(task, loadReal(task));
  attempt(task, 'x87LoadRegister', stackIndex(task));
  note(task);
};
const loadInteger: Rule = (task) => {
  if (memoryWidth(task) === 64) {
    const operand = locate(task, false);
    const low = js`dv.getInt32(${operand.at}, true)`, high = js`dv.getInt32(${operand.at} + 4, true)`; // prettier-ignore
    attempt(task, 'x87LoadInt64', high, low);
    return note(task, operand);
  }
  const operand = fetch(task, true);
  attempt(task, 'x87Load');
  note(task, operand);
};
const loadConstant =
  (value: number): Rule =>
  (task) => {
    task.code.push(statements`xd[${IN_MEMORY}] = ${value};`);
    attempt(task, 'x87Load');
    note(task);
  };

function storeExtended(task: Task, { at }: Operand87): void {
  const { code } = task;
  const register = code.name(call(task, 'x87StoreExtended'));
  code.missIf(js`${register} < 0`);
  code.push(statements`
    dv.setInt32(${at}, xw[${SIGNIFICANDS} + 2 * ${register}], true);
    dv.setInt32(${at} + 4, xw[${SIGNIFICANDS + 1} + 2 * ${register}], true);
    dv.setUint16(${at} + 8, xw[${EXPONENTS} + (${register} >> 1)] >>> (${register} & 1) * 16 & 65535, true);`);
}
function store(pops: 0 | 1): Rule {
  return (task) => {
    const { code } = task;
    const width = memoryWidth(task);
    const operand = width === 0 ? undefined : locate(task, true);
    if (operand === undefined) attempt(task, 'x87StoreRegister', stackIndex(task), pops);
    else if (width === 80) storeExtended(task, operand);
    else {
      attempt(task, width === 64 ? 'x87StoreDouble' : 'x87StoreSingle', pops);
      code.push(
        width === 64
          ? statements`dv.setFloat64(${operand.at}, xd[${IN_MEMORY}], true);`
          : statements`dv.setFloat32(${operand.at}, xd[${IN_MEMORY}], true);`,
      );
    }
    note(task, operand);
  };
}
const INTEGER_FORMATS = new Map([[16, INT16], [32, INT32], [64, INT64]]); // prettier-ignore
function storeInteger(truncates: 0 | 1, pops: 0 | 1): Rule {
  return (task) => {
    const { code } = task;
    const operand = locate(task, true);
    const width = memoryWidth(task);
    attempt(task, 'x87StoreInteger', INTEGER_FORMATS.get(width)!, truncates, pops);
    code.push(
      width === 16
        ? statements`dv.setInt16(${operand.at}, xd[${INTEGER_LOW}], true);`
        : statements`dv.setInt32(${operand.at}, xd[${INTEGER_LOW}], true);`,
    );
    if (width === 64) code.push(statements`dv.setInt32(${operand.at} + 4, xd[${INTEGER_HIGH}], true);`);
    note(task, operand);
  };
}

const onTop =
  (name: string, ...parameters: number[]): Rule =>
  (task) => {
    attempt(task, name, ...parameters);
    note(task);
  };
const exchange: Rule = (task) => {
  attempt(task, 'x87Exchange', stackIndex(task));
  note(task);
};

function compare(pops: 0 | 1, integer = false): Rule {
  return (task) => {
    const operand = hasMemory(task) ? fetch(task, integer) : undefined;
    attempt(task, 'x87Compare', operand ? IN_MEMORY : stackIndex(task), pops);
    note(task, operand);
  };
}
const compareBoth: Rule = (task) => {
  attempt(task, 'x87Compare', 1, 2);
  note(task);
};
const compareZero: Rule = (task) => {
  task.code.push(statements`xd[${IN_MEMORY}] = 0;`);
  attempt(task, 'x87Compare', IN_MEMORY, 0);
  note(task);
};

function compareFlags(pops: 0 | 1): Rule {
  return (task) => {
    const { code } = task;
    const bits = code.name(call(task, 'x87CompareFlags', stackIndex(task), pops));
    code.missIf(js`${bits} < 0`);
    const zero = js`0`;
    code.push(assignFlags(code.host.flags, FlagKind.EXPLICIT, 32, { a: js`${bits}`, b: zero, result: zero }));
    note(task);
    compared.flags = { kind: FlagKind.EXPLICIT, width: 32, exact: false, noCarries: false };
  };
}

const storeStatus: Rule = (task) => {
  const { code } = task;
  if (isMemory(task, 0)) {
    const { at } = code.locate(task.address!, 2, true);
    code.push(statements`dv.setInt16(${at}, ${call(task, 'x87StatusWord')}, true);`);
  } else if (operandOf(task, 0).kind === 'register') {
    const word = call(task, 'x87StatusWord');
    code.push(code.host.writeGeneral(0, js`${code.host.readGeneral(0)} & -65536 | ${word}`));
  } else throw new NoShortWay();
};
const storeControl: Rule = (task) => {
  const { at } = task.code.locate(task.address!, 2, true);
  task.code.push(statements`dv.setInt16(${at}, ${task.code.host.x87('xi')}[${X87_CONTROL}], true);`);
};
const loadControl: Rule = (task) => {
  const { at } = task.code.locate(task.address!, 2, false);
  attempt(task, 'x87LoadControl', js`dv.getUint16(${at}, true)`);
};

export const X87_RULES: Readonly<Record<string, Rule>> = {
  FLD: load,
  FILD: loadInteger,
  FLD1: loadConstant(1),
  FLDZ: loadConstant(0),
  FST: store(0),
  FSTP: store(1),
  FIST: storeInteger(0, 0),
  FISTP: storeInteger(0, 1),
  FISTTP: storeInteger(1, 1),
  FADD: add(1, 1),
  FMUL: multiply(),
  FSUB: add(1, -1),
  FSUBR: add(-1, 1),
  FDIV: divide(0),
  FDIVR: divide(1),
  FIADD: add(1, 1, true),
  FIMUL: multiply(true),
  FISUB: add(1, -1, true),
  FISUBR: add(-1, 1, true),
  FIDIV: divide(0, true),
  FIDIVR: divide(1, true),
  FADDP: add(1, 1),
  FMULP: multiply(),
  FSUBP: add(1, -1),
  FSUBRP: add(-1, 1),
  FDIVP: divide(0),
  FDIVRP: divide(1),
  FSQRT: onTop('x87SquareRoot'),
  FCHS: onTop('x87ChangeSign', 1),
  FABS: onTop('x87ChangeSign', 0),
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
  FCOMI: compareFlags(0),
  FCOMIP: compareFlags(1),
  FUCOMI: compareFlags(0),
  FUCOMIP: compareFlags(1),
  FNSTSW: storeStatus,
  FNSTCW: storeControl,
  FLDCW: loadControl,
};
