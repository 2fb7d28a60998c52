/** Short ways of the data movements of SSE and SSE2: exact copies of bits, by 64-bit halves where they can be. */
import type { Instruction, Operand } from '../../decoder/instruction.js';
import type { Expression } from 'estree';
import { js } from './quote.js';
import { ZERO_WORD } from './lane-values.js';
import type { AccessSize, Form, Place, VectorCode } from './vector-lanes.js';

/** One instruction being emitted: `address` is the linear address of its memory operand. */
export interface Task {
  readonly code: VectorCode;
  readonly instruction: Instruction;
  readonly address: Expression | undefined;
}
export type Rule = (task: Task) => void;

export const operandOf = ({ instruction }: Task, n: number): Operand => instruction.operands[n]!;
export const isMemory = (task: Task, n: number): boolean => operandOf(task, n).kind === 'memory';
/** Register number of operand n. */
export function indexOf(task: Task, n: number): number {
  const operand = operandOf(task, n);
  if (!('index' in operand) || operand.kind === 'memory')
    throw new Error(`${task.instruction.mnemonic}: no register`);
  return operand.index;
}
export function immediateOf(task: Task, n: number): number {
  const operand = operandOf(task, n);
  if (operand.kind !== 'immediate') throw new Error(`${task.instruction.mnemonic}: no immediate`);
  return operand.value & 0xff;
}
/** Operand n to be read: its register, or RAM after the check. */
export function source(task: Task, n: number, size: AccessSize, aligned = size === 16): Place {
  if (!isMemory(task, n)) return { register: indexOf(task, n) };
  return task.code.locate(task.address!, size, false, aligned);
}
export function destination(task: Task, size: AccessSize, aligned = false): string {
  return task.code.locate(task.address!, size, true, aligned).at;
}

function moveWhole(aligned: boolean, usual: Form): Rule {
  return (task) => {
    const { code } = task;
    if (isMemory(task, 0)) {
      const at = destination(task, 16, aligned);
      const register = indexOf(task, 1);
      code.storeHalf(register, 0, at, 0);
      code.storeHalf(register, 1, at, 8);
      return;
    }
    const to = indexOf(task, 0);
    const from = source(task, 1, 16, aligned);
    if ('register' in from && from.register === to) return;
    const form = code.host.form(to) ?? usual;
    [0, 1].map((i) => code.half(from, i, form)).forEach((half, i) => code.setHalf(to, i, half));
  };
}

/** MOVSD, MOVQ: a register copy of MOVSD keeps the upper half. */
function moveLow(keeps: boolean, usual: Form): Rule {
  return (task) => {
    const { code } = task;
    if (isMemory(task, 0)) return code.storeHalf(indexOf(task, 1), 0, destination(task, 8), 0);
    const to = indexOf(task, 0);
    const from = source(task, 1, 8);
    if (!('register' in from) || from.register !== to)
      code.setHalf(to, 0, code.half(from, 0, code.host.form(to) ?? usual));
    if ('at' in from || !keeps) code.clearHalf(to, 1);
  };
}

const movss: Rule = (task) => {
  const { code } = task;
  if (isMemory(task, 0)) {
    const at = destination(task, 4);
    return code.storePart(code.part({ register: indexOf(task, 1) }, 0, 'word'), at, 0);
  }
  const to = indexOf(task, 0);
  const from = source(task, 1, 4);
  code.setPart(to, 0, code.part(from, 0, code.host.form(to) ?? 'single'));
  if ('at' in from) {
    code.setWord(to, 1, ZERO_WORD);
    code.clearHalf(to, 1);
  }
};

/** MOVLPS, MOVHPS and relatives: 64 bits between memory or half `from` of a register and half `half`. */
function moveHalf(half: number, from: number, usual: Form): Rule {
  return (task) => {
    const { code } = task;
    if (isMemory(task, 0)) return code.storeHalf(indexOf(task, 1), half, destination(task, 8), 0);
    const place = source(task, 1, 8);
    const to = indexOf(task, 0);
    code.setHalf(to, half, code.half(place, 'at' in place ? 0 : from, code.host.form(to) ?? usual));
  };
}

const isXmm = (task: Task): boolean => task.instruction.operands.some((o) => o.kind === 'xmm');

const movd: Rule = (task) => {
  const { code } = task;
  if (operandOf(task, 0).kind === 'xmm') {
    const word = isMemory(task, 1) ? code.word(source(task, 1, 4), 0) : code.general(indexOf(task, 1));
    const to = indexOf(task, 0);
    code.setWord(to, 0, word);
    code.setWord(to, 1, ZERO_WORD);
    code.clearHalf(to, 1);
    return;
  }
  const word = (): string => code.word({ register: indexOf(task, 1) }, 0);
  if (isMemory(task, 0)) {
    const at = destination(task, 4);
    code.storeWord(at, 0, js`${word()}`);
  } else code.push(code.host.writeGeneral(indexOf(task, 0), js`${word()}`));
};

/** Halves by [first operand?, half]. */
function shuffleHalves(task: Task, from: Place, halves: readonly [first: boolean, half: number][]): void {
  const { code } = task;
  const to = indexOf(task, 0);
  const form = code.host.form(to) ?? 'word';
  const picked = halves.map(([first, half]) => code.half(first ? { register: to } : from, half, form));
  picked.forEach((half, i) => {
    if (!(halves[i]![0] && halves[i]![1] === i)) code.setHalf(to, i, half);
  });
}
const shufpd: Rule = (task) => {
  const imm = immediateOf(task, 2);
  shuffleHalves(task, source(task, 1, 16), [
    [true, imm & 1],
    [false, (imm >> 1) & 1],
  ]);
};
function unpackHalves(half: number): Rule {
  return (task) =>
    shuffleHalves(task, source(task, 1, 16), [
      [true, half],
      [false, half],
    ]);
}
const movddup: Rule = (task) =>
  shuffleHalves(task, source(task, 1, 8), [
    [false, 0],
    [false, 0],
  ]);

/** Words by [first operand?, word]. */
function shuffleWords(task: Task, from: Place, order: readonly (readonly [boolean, number])[]): void {
  const { code } = task;
  const to = indexOf(task, 0);
  const form = code.host.form(to) ?? 'word';
  const picked = order.map(([first, word]) => code.part(first ? { register: to } : from, word, form));
  picked.forEach((part, i) => code.setPart(to, i, part));
}
const shufps: Rule = (task) => {
  const imm = immediateOf(task, 2);
  shuffleWords(
    task,
    source(task, 1, 16),
    [0, 1, 2, 3].map((i) => [i < 2, (imm >> (2 * i)) & 3] as const),
  );
};
const pshufd: Rule = (task) => {
  const imm = immediateOf(task, 2);
  shuffleWords(
    task,
    source(task, 1, 16),
    [0, 1, 2, 3].map((i) => [false, (imm >> (2 * i)) & 3] as const),
  );
};
function unpackWords(high: number): Rule {
  return (task) =>
    shuffleWords(task, source(task, 1, 16), [
      [true, 2 * high],
      [false, 2 * high],
      [true, 2 * high + 1],
      [false, 2 * high + 1],
    ]);
}
function duplicate(odd: number): Rule {
  return (task) =>
    shuffleWords(task, source(task, 1, 16), [
      [false, odd],
      [false, odd],
      [false, 2 + odd],
      [false, 2 + odd],
    ]);
}

/** MOVMSKPS, MOVMSKPD: sign bits of the words named. */
function signs(...words: number[]): Rule {
  return (task) => {
    const { code } = task;
    const register = indexOf(task, 1);
    const bits = words.map((word, i) => js`${code.word({ register }, word)} >>> 31 << ${i}`);
    code.push(code.host.writeGeneral(indexOf(task, 0), bits.reduce((all, bit) => js`${all} | ${bit}`))); // prettier-ignore
  };
}

const onlyXmm =
  (rule: Rule): Rule =>
  (task) => {
    if (!isXmm(task)) throw new NoShortWay();
    rule(task);
  };
/** The instruction's operands have no short way. */
export class NoShortWay extends Error {}

export const MOVES: Readonly<Record<string, Rule>> = {
  MOVAPD: moveWhole(true, 'double'),
  MOVAPS: moveWhole(true, 'word'),
  MOVUPD: moveWhole(false, 'double'),
  MOVUPS: moveWhole(false, 'word'),
  MOVNTPD: moveWhole(true, 'word'),
  MOVNTPS: moveWhole(true, 'word'),
  MOVDQA: moveWhole(true, 'word'),
  MOVDQU: moveWhole(false, 'word'),
  LDDQU: moveWhole(false, 'word'),
  MOVNTDQ: moveWhole(true, 'word'),
  MOVSD: moveLow(true, 'double'),
  MOVQ: onlyXmm(moveLow(false, 'word')),
  MOVSS: movss,
  MOVLPS: moveHalf(0, 0, 'word'),
  MOVLPD: moveHalf(0, 0, 'double'),
  MOVHPS: moveHalf(1, 0, 'word'),
  MOVHPD: moveHalf(1, 0, 'double'),
  MOVHLPS: moveHalf(0, 1, 'word'),
  MOVLHPS: moveHalf(1, 0, 'word'),
  MOVD: onlyXmm(movd),
  MOVDDUP: movddup,
  MOVSLDUP: duplicate(0),
  MOVSHDUP: duplicate(1),
  MOVMSKPS: signs(0, 1, 2, 3),
  MOVMSKPD: signs(1, 3),
  SHUFPS: shufps,
  SHUFPD: shufpd,
  PSHUFD: pshufd,
  UNPCKLPS: unpackWords(0),
  UNPCKHPS: unpackWords(1),
  UNPCKLPD: unpackHalves(0),
  UNPCKHPD: unpackHalves(1),
  PUNPCKLDQ: onlyXmm(unpackWords(0)),
  PUNPCKHDQ: onlyXmm(unpackWords(1)),
  PUNPCKLQDQ: unpackHalves(0),
  PUNPCKHQDQ: unpackHalves(1),
};
