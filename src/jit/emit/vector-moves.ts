/** Short ways of the data movements of SSE and SSE2: exact copies of bits, by 64-bit halves where they can be. */
import type { Instruction, Operand } from '../../decoder/instruction.js';
import type { Expression } from 'estree';
import { js, statements } from './quote.js';
import type { AccessSize, Place, VectorCode } from './vector-lanes.js';

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

function moveWhole(aligned: boolean): Rule {
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
    code.copyHalf(to, 0, from, 0);
    code.copyHalf(to, 1, from, 1);
  };
}

/** Integer data: by words, which integer instructions and stores then have by name. */
function moveWords(aligned: boolean): Rule {
  const whole = moveWhole(aligned);
  return (task) => {
    const { code } = task;
    if (!isMemory(task, 1)) return whole(task);
    const from = source(task, 1, 16, aligned);
    const to = indexOf(task, 0);
    code.words(from).forEach((name, i) => code.setWord(to, i, name));
  };
}

/** MOVSD, MOVQ: a register copy of MOVSD keeps the upper half. */
function moveLow(keeps: boolean): Rule {
  return (task) => {
    const { code } = task;
    if (isMemory(task, 0)) return code.storeHalf(indexOf(task, 1), 0, destination(task, 8), 0);
    const to = indexOf(task, 0);
    const from = source(task, 1, 8);
    if (!('register' in from) || from.register !== to) code.copyHalf(to, 0, from, 0);
    if ('at' in from || !keeps) code.clearHalf(to, 1);
  };
}

const movss: Rule = (task) => {
  const { code } = task;
  if (isMemory(task, 0)) {
    const at = destination(task, 4);
    code.push(statements`dv.setInt32(${at}, ${code.word({ register: indexOf(task, 1) }, 0)}, true);`);
    return;
  }
  const to = indexOf(task, 0);
  const from = source(task, 1, 4);
  const word = code.word(from, 0);
  const single = code.single(from, 0);
  code.setWord(to, 0, word);
  if ('at' in from) {
    const zero = code.name(js`0`);
    code.setWord(to, 1, zero);
    code.clearHalf(to, 1);
  }
  code.cache.singles.set(4 * to, single);
};

/** MOVLPS, MOVHPS and relatives: 64 bits between memory or half `from` of a register and half `half`. */
function moveHalf(half: number, from: number): Rule {
  return (task) => {
    const { code } = task;
    if (isMemory(task, 0)) return code.storeHalf(indexOf(task, 1), half, destination(task, 8), 0);
    const place = source(task, 1, 8);
    code.copyHalf(indexOf(task, 0), half, place, 'at' in place ? 0 : from);
  };
}

const isXmm = (task: Task): boolean => task.instruction.operands.some((o) => o.kind === 'xmm');

const movd: Rule = (task) => {
  const { code } = task;
  if (operandOf(task, 0).kind === 'xmm') {
    const word = isMemory(task, 1) ? code.word(source(task, 1, 4), 0) : code.general(indexOf(task, 1));
    const to = indexOf(task, 0);
    const zero = code.name(js`0`);
    code.setWord(to, 0, word);
    code.setWord(to, 1, zero);
    code.clearHalf(to, 1);
    return;
  }
  const word = (): string => code.word({ register: indexOf(task, 1) }, 0);
  if (isMemory(task, 0)) {
    const at = destination(task, 4);
    code.push(statements`dv.setInt32(${at}, ${word()}, true);`);
  } else code.push(code.host.writeGeneral(indexOf(task, 0), js`${word()}`));
};

/** Halves by [operand, half]. The words are read first where a half would be overwritten before it is read. */
function shuffleHalves(task: Task, from: Place, halves: readonly [first: boolean, half: number][]): void {
  const { code } = task;
  const to = indexOf(task, 0);
  const places = halves.map(([first]) => (first ? { register: to } : from));
  const second = places[1]!;
  if ('register' in second && second.register === to && halves[1]![1] === 0) {
    const all = halves.flatMap(([, half], i) =>
      [2 * half, 2 * half + 1].map((w) => code.word(places[i]!, w)),
    );
    all.forEach((name, i) => code.setWord(to, i, name));
    return;
  }
  halves.forEach(([first, half], i) => {
    if (!(first && half === i)) code.copyHalf(to, i, places[i]!, half);
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

/** Words by [first operand?, word]; singles that are known go with them. */
export function shuffleWords(task: Task, from: Place, order: readonly (readonly [boolean, number])[]): void {
  const { code } = task;
  const to = indexOf(task, 0);
  const picked = order.map(([first, word]) => {
    const place = first ? { register: to } : from;
    const known = 'register' in place ? code.cache.singles.get(4 * place.register + word) : undefined;
    return { word: code.word(place, word), known };
  });
  picked.forEach(({ word, known }, i) => {
    code.setWord(to, i, word);
    if (known) code.cache.singles.set(4 * to + i, known);
  });
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
  MOVAPD: moveWhole(true),
  MOVAPS: moveWhole(true),
  MOVUPD: moveWhole(false),
  MOVUPS: moveWhole(false),
  MOVNTPD: moveWhole(true),
  MOVNTPS: moveWhole(true),
  MOVDQA: moveWords(true),
  MOVDQU: moveWords(false),
  LDDQU: moveWords(false),
  MOVNTDQ: moveWhole(true),
  MOVSD: moveLow(true),
  MOVQ: onlyXmm(moveLow(false)),
  MOVSS: movss,
  MOVLPS: moveHalf(0, 0),
  MOVLPD: moveHalf(0, 0),
  MOVHPS: moveHalf(1, 0),
  MOVHPD: moveHalf(1, 0),
  MOVHLPS: moveHalf(0, 1),
  MOVLHPS: moveHalf(1, 0),
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
