/** Short ways of packed integers and of logic on XMM registers: four int32 operations each, smaller elements within words. */
import type { Expression } from 'estree';
import { js, numeral } from './quote.js';
import type { Place, VectorCode } from './vector-lanes.js';
import {
  immediateOf,
  indexOf,
  isMemory,
  NoShortWay,
  operandOf,
  source,
  type Rule,
  type Task,
} from './vector-moves.js';

/** A word of the result from words of the first and second operand. */
type WordRule = (a: string, b: string) => Expression;

function onXmm(task: Task): void {
  if (operandOf(task, 0).kind !== 'xmm') throw new NoShortWay();
}
const registers = (task: Task): { to: number; from: Place } => {
  onXmm(task);
  return { to: indexOf(task, 0), from: source(task, 1, 16) };
};
const isSame = (task: Task): boolean => !isMemory(task, 1) && indexOf(task, 0) === indexOf(task, 1);

function setWords(code: VectorCode, to: number, values: readonly Expression[]): void {
  const names = values.map((value) => code.name(value));
  names.forEach((name, i) => code.setWord(to, i, name));
}
function byWord(rule: WordRule): Rule {
  return (task) => {
    const { to, from } = registers(task);
    const { code } = task;
    setWords(code, to, [0, 1, 2, 3].map((i) => rule(code.word({ register: to }, i), code.word(from, i)))); // prettier-ignore
  };
}

// ---- logic ------------------------------------------------------------------------------------------------------------------

/** A register with itself is the idiom for zero. */
function zeroOr(rule: Rule): Rule {
  return (task) => {
    onXmm(task);
    if (!isSame(task)) return rule(task);
    task.code.clearHalf(indexOf(task, 0), 0);
    task.code.clearHalf(indexOf(task, 0), 1);
  };
}
type SignRule = (code: VectorCode, number: string, low: string, high: string) => Expression;
/** Masks that change or clear signs, or select all or nothing, act on the number; another mask leaves. */
const flipSign: SignRule = (code, number, low, high) => {
  code.missIf(js`(${low} | ${high} & 0x7fffffff) !== 0`);
  return js`${high} === 0 ? ${number} : -${number}`;
};
const clearSign: SignRule = (code, number, low, high) => {
  code.missIf(js`(${low} !== -1 || (${high} | -0x80000000) !== -1) && (${low} | ${high}) !== 0`);
  return js`${low} === 0 ? 0 : ${high} < 0 ? ${number} : Math.abs(${number})`;
};

/** Halves that are known as numbers stay numbers. */
function logicOnDoubles(rule: WordRule, onNumber: SignRule): Rule {
  const general = byWord(rule);
  return (task) => {
    const { to, from } = registers(task);
    const { code } = task;
    const lane = code.cache.doubles.get(2 * to);
    const self = 'register' in from && from.register === to;
    if (self || !lane?.clean || code.cache.words.has(4 * to)) return general(task);
    const low = code.word(from, 0), high = code.word(from, 1); // prettier-ignore
    const name = code.name(onNumber(code, lane.name, low, high));
    const upper = [2, 3].map((i) => code.name(rule(code.word({ register: to }, i), code.word(from, i))));
    code.setDouble(to, 0, { name, clean: true });
    upper.forEach((word, i) => code.setWord(to, 2 + i, word));
  };
}
const and: WordRule = (a, b) => js`${a} & ${b}`;
const andNot: WordRule = (a, b) => js`~${a} & ${b}`;
const or: WordRule = (a, b) => js`${a} | ${b}`;
const xor: WordRule = (a, b) => js`${a} ^ ${b}`;

// ---- elements within words --------------------------------------------------------------------------------------------------

/** Sums and differences of elements, kept from carrying into their neighbours by leaving their top bits (`top`) out. */
const addWithin =
  (top: number): WordRule =>
  (a, b) =>
    js`(${a} & ${~top}) + (${b} & ${~top}) ^ (${a} ^ ${b}) & ${top}`;
const subtractWithin =
  (top: number): WordRule =>
  (a, b) =>
    js`(${a} | ${top}) - (${b} & ${~top}) ^ (${a} ^ ~${b}) & ${top}`;
const BYTES = -0x7f7f7f80,
  WORDS = -0x7fff8000;

/** All ones where elements of `bits` are equal: their difference has no bit, the top bit included. */
function equalWithin(top: number, bits: number): WordRule {
  const ones = bits === 8 ? 255 : 65535;
  return (a, b) =>
    js`Math.imul(~(((${a} ^ ${b}) & ${~top}) + ${~top} | ${a} ^ ${b} | ${~top}) >>> ${bits - 1}, ${ones})`;
}

type Element = (a: Expression, b: Expression) => Expression;
const signedWord = (x: string, i: number): Expression =>
  i === 0 ? js`(${x} << 16 >> 16)` : js`(${x} >> 16)`;
const unsignedWord = (x: string, i: number): Expression => (i === 0 ? js`(${x} & 65535)` : js`(${x} >>> 16)`);
const signedByte = (x: string, i: number): Expression => js`(${x} << ${24 - 8 * i} >> 24)`;
const unsignedByte = (x: string, i: number): Expression => js`(${x} >>> ${8 * i} & 255)`;

/** Element by element; results are cut to their size. */
function byElement(take: (x: string, i: number) => Expression, bits: 8 | 16, element: Element): WordRule {
  return (a, b) =>
    [...Array(32 / bits).keys()]
      .map((i) => js`(${element(take(a, i), take(b, i))} & ${bits === 8 ? 255 : 65535}) << ${bits * i}`)
      .reduce((all, part) => js`${all} | ${part}`);
}
const smaller: Element = (a, b) => js`Math.min(${a}, ${b})`;
const larger: Element = (a, b) => js`Math.max(${a}, ${b})`;
const greater: Element = (a, b) => js`(${a} > ${b} ? -1 : 0)`;
const average: Element = (a, b) => js`(${a} + ${b} + 1 >> 1)`;
const clamped = (low: number, high: number, value: Expression): Expression =>
  js`Math.min(Math.max(${value}, ${low}), ${high})`;

const multiplyAdd: WordRule = (a, b) =>
  js`Math.imul(${a} << 16 >> 16, ${b} << 16 >> 16) + Math.imul(${a} >> 16, ${b} >> 16) | 0`;

// ---- quadwords --------------------------------------------------------------------------------------------------------------

/** A pair of words (low, high) of the result from pairs of both operands. */
function byQuad(rule: (code: VectorCode, a: [string, string], b: [string, string]) => Expression[]): Rule {
  return (task) => {
    const { to, from } = registers(task);
    const { code } = task;
    const pair = (place: Place, i: number): [string, string] => [
      code.word(place, i),
      code.word(place, i + 1),
    ];
    setWords(code, to, [0, 2].flatMap((i) => rule(code, pair({ register: to }, i), pair(from, i)))); // prettier-ignore
  };
}
const addQuads = byQuad((code, [al, ah], [bl, bh]) => {
  const low = code.name(js`${al} + ${bl} | 0`);
  return [js`${low}`, js`${ah} + ${bh} + (${low} >>> 0 < ${al} >>> 0 ? 1 : 0) | 0`];
});
const subtractQuads = byQuad((_code, [al, ah], [bl, bh]) => [
  js`${al} - ${bl} | 0`,
  js`${ah} - ${bh} - (${al} >>> 0 < ${bl} >>> 0 ? 1 : 0) | 0`,
]);
const multiplyQuads = byQuad((code, [a], [b]) => {
  const low = code.name(js`Math.imul(${a}, ${b})`);
  return [js`${low}`, js`((${a} >>> 0) * (${b} >>> 0) - (${low} >>> 0)) * 2.3283064365386963e-10 + 0.5 | 0`];
});

// ---- shifts by immediates ---------------------------------------------------------------------------------------------------

function shiftCount(task: Task): number {
  onXmm(task);
  if (operandOf(task, 1).kind !== 'immediate') throw new NoShortWay();
  return immediateOf(task, 1);
}
function shift(limit: number, rule: (x: string, count: number) => Expression): Rule {
  return (task) => {
    const count = Math.min(shiftCount(task), limit);
    const { code } = task;
    const to = indexOf(task, 0);
    setWords(code, to, code.words({ register: to }).map((x) => rule(x, count))); // prettier-ignore
  };
}
/** Mask of the bits that stay in each 16-bit element. */
const both = (bits: number): number => (bits & 65535) | (bits << 16);
const leftWords = (x: string, n: number): Expression =>
  n > 15 ? numeral(0) : js`${x} << ${n} & ${both(0xffff << n)}`;
const rightWords = (x: string, n: number): Expression =>
  n > 15 ? numeral(0) : js`${x} >>> ${n} & ${both(0xffff >>> n)}`;
const arithmeticWords = (x: string, n: number): Expression =>
  js`${x} >> ${Math.min(n, 15)} & -65536 | ${x} << 16 >> ${Math.min(n, 15) + 16} & 65535`;

/** Words of high:low shifted left or right by a count 0-64. */
function leftPair(low: string, high: string, n: number): Expression[] {
  if (n > 31) return [numeral(0), n > 63 ? numeral(0) : js`${low} << ${n - 32}`];
  return n === 0
    ? [js`${low}`, js`${high}`]
    : [js`${low} << ${n}`, js`${high} << ${n} | ${low} >>> ${32 - n}`];
}
function rightPair(low: string, high: string, n: number): Expression[] {
  if (n > 31) return [n > 63 ? numeral(0) : js`${high} >>> ${n - 32} | 0`, numeral(0)];
  if (n === 0) return [js`${low}`, js`${high}`];
  return [js`${low} >>> ${n} | ${high} << ${32 - n}`, js`${high} >>> ${n} | 0`];
}
function shiftQuads(rule: typeof leftPair): Rule {
  return (task) => {
    const count = Math.min(shiftCount(task), 64);
    const { code } = task;
    const to = indexOf(task, 0);
    const w = code.words({ register: to });
    setWords(code, to, [...rule(w[0]!, w[1]!, count), ...rule(w[2]!, w[3]!, count)]);
  };
}
/** PSLLDQ and PSRLDQ: the bytes from `step` × count on. */
function shiftBytes(step: 1 | -1): Rule {
  return (task) => {
    const count = Math.min(shiftCount(task), 16);
    const { code } = task;
    const to = indexOf(task, 0);
    const w = code.words({ register: to });
    const wordAt = (i: number): string | undefined => w[i];
    const value = (i: number): Expression => {
      const from = 4 * i + step * count;
      const low = wordAt(from >> 2), high = wordAt((from >> 2) + 1); // prettier-ignore
      const bits = 8 * (from & 3);
      if (bits === 0) return low ? js`${low}` : numeral(0);
      if (low && high) return js`${low} >>> ${bits} | ${high} << ${32 - bits}`;
      if (low) return js`${low} >>> ${bits} | 0`;
      return high ? js`${high} << ${32 - bits}` : numeral(0);
    };
    setWords(code, to, [0, 1, 2, 3].map(value));
  };
}

// ---- rearranging ------------------------------------------------------------------------------------------------------------

type Interleave = (a: string, b: string, upper: boolean) => Expression;
const interleaveBytes: Interleave = (a, b, upper) =>
  upper
    ? js`${a} >>> 16 & 255 | ${b} >>> 8 & 65280 | ${a} >>> 8 & 16711680 | ${b} & -16777216`
    : js`${a} & 255 | (${b} & 255) << 8 | (${a} & 65280) << 8 | (${b} & 65280) << 16`;
const interleaveWords: Interleave = (a, b, upper) =>
  upper ? js`${a} >>> 16 | ${b} & -65536` : js`${a} & 65535 | ${b} << 16`;
function unpack(rule: Interleave, high: boolean): Rule {
  return (task) => {
    const { to, from } = registers(task);
    const { code } = task;
    const first = high ? 2 : 0;
    const values = [0, 1, 2, 3].map((i) => {
      const word = first + (i >> 1);
      return rule(code.word({ register: to }, word), code.word(from, word), (i & 1) === 1);
    });
    setWords(code, to, values);
  };
}
/** Narrows `per` signed elements of 32 / per bits per word to half their size within limits. */
function pack(take: (x: string, i: number) => Expression, per: 1 | 2, low: number, high: number): Rule {
  return (task) => {
    const { to, from } = registers(task);
    const { code } = task;
    const all = [...code.words({ register: to }), ...code.words(from)];
    const bits = 16 / per;
    const value = (i: number): Expression =>
      [...Array(2 * per).keys()]
        .map((k) => {
          const element = clamped(low, high, take(all[2 * i + Math.floor(k / per)]!, k % per));
          return js`(${element} & ${(1 << bits) - 1}) << ${bits * k}`;
        })
        .reduce((sum, part) => js`${sum} | ${part}`);
    setWords(code, to, [0, 1, 2, 3].map(value));
  };
}
function shuffleHalfWords(high: boolean): Rule {
  return (task) => {
    onXmm(task);
    const { code } = task;
    const from = source(task, 1, 16);
    const imm = immediateOf(task, 2);
    const w = code.words(from);
    const base = high ? 2 : 0;
    const element = (k: number): Expression => unsignedWord(w[base + (k >> 1)]!, k & 1);
    const mixed = [0, 2].map(
      (i) => js`${element((imm >> (2 * i)) & 3)} | ${element((imm >> (2 * i + 2)) & 3)} << 16`,
    );
    const names = mixed.map((value) => code.name(value));
    const result = high ? [w[0]!, w[1]!, ...names] : [...names, w[2]!, w[3]!];
    result.forEach((name, i) => code.setWord(indexOf(task, 0), i, name));
  };
}
const pextrw: Rule = (task) => {
  if (operandOf(task, 1).kind !== 'xmm') throw new NoShortWay();
  const { code } = task;
  const k = immediateOf(task, 2) & 7;
  const word = code.word({ register: indexOf(task, 1) }, k >> 1);
  code.push(code.host.writeGeneral(indexOf(task, 0), unsignedWord(word, k & 1)));
};
const pinsrw: Rule = (task) => {
  onXmm(task);
  if (isMemory(task, 1)) throw new NoShortWay();
  const { code } = task;
  const k = immediateOf(task, 2) & 7;
  const to = indexOf(task, 0);
  const old = code.word({ register: to }, k >> 1);
  const value = code.general(indexOf(task, 1));
  const merged = k & 1 ? js`${old} & 65535 | ${value} << 16` : js`${old} & -65536 | ${value} & 65535`;
  code.setWord(to, k >> 1, code.name(merged));
};
/** Sums of the absolute differences of eight bytes, one in each half. */
const psadbw: Rule = (task) => {
  const { to, from } = registers(task);
  const { code } = task;
  const sums = [0, 1, 2, 3].map((i) => {
    const a = code.word({ register: to }, i), b = code.word(from, i); // prettier-ignore
    const differences = [0, 1, 2, 3].map((k) => js`Math.abs(${unsignedByte(a, k)} - ${unsignedByte(b, k)})`);
    return code.name(differences.reduce((all, one) => js`${all} + ${one}`));
  });
  const halves = [0, 2].map((i) => code.name(js`${sums[i]!} + ${sums[i + 1]!} | 0`));
  const zero = code.name(js`0`);
  [halves[0]!, zero, halves[1]!, zero].forEach((name, i) => code.setWord(to, i, name));
};
const pmovmskb: Rule = (task) => {
  if (operandOf(task, 1).kind !== 'xmm') throw new NoShortWay();
  const { code } = task;
  const four = code.words({ register: indexOf(task, 1) }).map((w, i) => {
    const bits = js`(${w} >>> 7 & 1 | ${w} >>> 14 & 2 | ${w} >>> 21 & 4 | ${w} >>> 28 & 8)`;
    return i === 0 ? bits : js`${bits} << ${4 * i}`;
  });
  code.push(code.host.writeGeneral(indexOf(task, 0), four.reduce((all, part) => js`${all} | ${part}`))); // prettier-ignore
};
const broadcastOnes: Rule = (task) => {
  const { code } = task;
  const ones = code.name(js`-1`);
  [0, 1, 2, 3].forEach((i) => code.setWord(indexOf(task, 0), i, ones));
};
/** A register compared with itself is the idiom for all ones. */
function onesOr(rule: Rule): Rule {
  return (task) => {
    onXmm(task);
    return isSame(task) ? broadcastOnes(task) : rule(task);
  };
}

export const VECTOR_INTEGER: Readonly<Record<string, Rule>> = {
  PAND: byWord(and),
  ANDPS: byWord(and),
  ANDPD: logicOnDoubles(and, clearSign),
  PANDN: byWord(andNot),
  ANDNPS: byWord(andNot),
  ANDNPD: byWord(andNot),
  POR: byWord(or),
  ORPS: byWord(or),
  ORPD: byWord(or),
  PXOR: zeroOr(byWord(xor)),
  XORPS: zeroOr(byWord(xor)),
  XORPD: zeroOr(logicOnDoubles(xor, flipSign)),
  PADDB: byWord(addWithin(BYTES)),
  PADDW: byWord(addWithin(WORDS)),
  PADDD: byWord((a, b) => js`${a} + ${b} | 0`),
  PADDQ: addQuads,
  PSUBB: zeroOr(byWord(subtractWithin(BYTES))),
  PSUBW: zeroOr(byWord(subtractWithin(WORDS))),
  PSUBD: zeroOr(byWord((a, b) => js`${a} - ${b} | 0`)),
  PSUBQ: subtractQuads,
  PADDSW: byWord(byElement(signedWord, 16, (a, b) => clamped(-32768, 32767, js`${a} + ${b}`))),
  PSUBSW: byWord(byElement(signedWord, 16, (a, b) => clamped(-32768, 32767, js`${a} - ${b}`))),
  PADDUSW: byWord(byElement(unsignedWord, 16, (a, b) => js`Math.min(${a} + ${b}, 65535)`)),
  PSUBUSW: byWord(byElement(unsignedWord, 16, (a, b) => js`Math.max(${a} - ${b}, 0)`)),
  PADDUSB: byWord(byElement(unsignedByte, 8, (a, b) => js`Math.min(${a} + ${b}, 255)`)),
  PSUBUSB: byWord(byElement(unsignedByte, 8, (a, b) => js`Math.max(${a} - ${b}, 0)`)),
  PCMPEQB: onesOr(byWord(equalWithin(BYTES, 8))),
  PCMPEQW: onesOr(byWord(equalWithin(WORDS, 16))),
  PCMPEQD: onesOr(byWord((a, b) => js`${a} === ${b} ? -1 : 0`)),
  PCMPGTB: byWord(byElement(signedByte, 8, greater)),
  PCMPGTW: byWord(byElement(signedWord, 16, greater)),
  PCMPGTD: byWord((a, b) => js`${a} > ${b} ? -1 : 0`),
  PMINUB: byWord(byElement(unsignedByte, 8, smaller)),
  PMAXUB: byWord(byElement(unsignedByte, 8, larger)),
  PMINSW: byWord(byElement(signedWord, 16, smaller)),
  PMAXSW: byWord(byElement(signedWord, 16, larger)),
  PAVGB: byWord(byElement(unsignedByte, 8, average)),
  PAVGW: byWord(byElement(unsignedWord, 16, average)),
  PMULLW: byWord(byElement(unsignedWord, 16, (a, b) => js`Math.imul(${a}, ${b})`)),
  PMULHW: byWord(byElement(signedWord, 16, (a, b) => js`(Math.imul(${a}, ${b}) >> 16)`)),
  PMULHUW: byWord(byElement(unsignedWord, 16, (a, b) => js`(Math.imul(${a}, ${b}) >>> 16)`)),
  PMADDWD: byWord(multiplyAdd),
  PMULUDQ: multiplyQuads,
  PSADBW: psadbw,
  PSLLW: shift(16, leftWords),
  PSRLW: shift(16, rightWords),
  PSRAW: shift(16, arithmeticWords),
  PSLLD: shift(32, (x, n) => (n > 31 ? numeral(0) : js`${x} << ${n}`)),
  PSRLD: shift(32, (x, n) => (n > 31 ? numeral(0) : js`${x} >>> ${n} | 0`)),
  PSRAD: shift(32, (x, n) => js`${x} >> ${Math.min(n, 31)}`),
  PSLLQ: shiftQuads(leftPair),
  PSRLQ: shiftQuads(rightPair),
  PSLLDQ: shiftBytes(-1),
  PSRLDQ: shiftBytes(1),
  PUNPCKLBW: unpack(interleaveBytes, false),
  PUNPCKHBW: unpack(interleaveBytes, true),
  PUNPCKLWD: unpack(interleaveWords, false),
  PUNPCKHWD: unpack(interleaveWords, true),
  PACKSSDW: pack((x) => js`${x}`, 1, -32768, 32767),
  PACKSSWB: pack(signedWord, 2, -128, 127),
  PACKUSWB: pack(signedWord, 2, 0, 255),
  PSHUFLW: shuffleHalfWords(false),
  PSHUFHW: shuffleHalfWords(true),
  PEXTRW: pextrw,
  PINSRW: pinsrw,
  PMOVMSKB: pmovmskb,
};
