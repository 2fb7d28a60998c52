/** Short ways of packed integers and of logic on XMM registers: four int32 operations each, smaller elements within words. */
import type { Expression } from 'estree';
import { js, numeral } from './quote.js';
import { ZERO_WORD } from './lane-values.js';
import {
  addWithin,
  subtractWithin,
  BYTES,
  addWords,
  equalWithin,
  unsignedWord,
  OF_BYTES,
  spread,
  borrows,
  greater,
  extreme,
  addUnsigned,
  subtractUnsigned,
  saturated,
  average,
  multiplyHigh,
  multiplyHighUnsigned,
  multiplyAdd,
  WORDS,
  OF_WORDS,
  type WordRule,
} from './word-elements.js';
import { halvesOf, isWithin, joinHalves, mayBeSet, splitWord, type Half16 } from './word-facts.js';
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
    setWords(code, to, [0, 1, 2, 3].map((i) => rule(code.word({ register: to }, i), code.word(from, i), code))); // prettier-ignore
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
  if (code.host.special) code.missIf(js`${number} !== ${number}`);
  return js`${high} === 0 ? ${number} : -${number}`;
};
const clearSign: SignRule = (code, number, low, high) => {
  if (code.host.special) code.missIf(js`${number} !== ${number}`);
  code.missIf(js`(${low} !== -1 || (${high} | -0x80000000) !== -1) && (${low} | ${high}) !== 0`);
  return js`${low} === 0 ? 0 : ${high} < 0 ? ${number} : Math.abs(${number})`;
};

/** Halves that are known as numbers stay numbers. */
function logicOnDoubles(rule: WordRule, onNumber: SignRule): Rule {
  return (task) => {
    const { to, from } = registers(task);
    const { code } = task;
    const self = 'register' in from && from.register === to;
    const halves = [0, 1].map((half) => {
      const lane = code.knownDouble(2 * to + half);
      const words = (place: Place): string[] => [0, 1].map((i) => code.word(place, 2 * half + i));
      if (self || !lane?.clean || code.cache.words.has(4 * to + 2 * half)) {
        const masks = words(from);
        const parts = words({ register: to }).map((word, i) => code.name(rule(word, masks[i]!, code)));
        return { double: undefined, parts: parts.map((word) => ({ single: undefined, word })) };
      }
      const [low, high] = words(from) as [string, string];
      return { double: code.name(onNumber(code, lane.name, low, high)), parts: [] };
    });
    halves.forEach((value, half) => code.setHalf(to, half, value));
  };
}
const and: WordRule = (a, b) => js`${a} & ${b}`;
const andNot: WordRule = (a, b) => js`~${a} & ${b}`;
const or: WordRule = (a, b) => js`${a} | ${b}`;
const xor: WordRule = (a, b) => js`${a} ^ ${b}`;

// ---- 16-bit elements by halves -------------------------------------------------------------------------------------------------

/** By halves, which stay at hand. */
function byHalves(rule: (a: Half16, b: Half16) => Expression, otherwise?: WordRule): Rule {
  return (task) => {
    const { to, from } = registers(task);
    const { code } = task;
    const names = [0, 1, 2, 3].map((i) => {
      const [a, b] = [code.word({ register: to }, i), code.word(from, i)];
      if (otherwise && !(halvesOf(code, a) && halvesOf(code, b))) return code.name(otherwise(a, b, code));
      const [x, y] = [splitWord(code, a), splitWord(code, b)];
      const [low, high] = [0, 1].map((k) => ({ name: code.name(rule(x[k]!, y[k]!)), may: -1 }));
      return joinHalves(code, low!, high!);
    });
    names.forEach((name, i) => code.setWord(to, i, name));
  };
}
const multiplyLow = byHalves((a, b) => js`Math.imul(${a.name}, ${b.name})`);
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
  return [js`${low}`, js`(${ah} + ${bh} | 0) + (${low} >>> 0 < ${al} >>> 0 ? 1 : 0) | 0`];
});
const subtractQuads = byQuad((_code, [al, ah], [bl, bh]) => [
  js`${al} - ${bl} | 0`,
  js`(${ah} - ${bh} | 0) - (${al} >>> 0 < ${bl} >>> 0 ? 1 : 0) | 0`,
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
/** Shifts 16-bit elements; `half` those at hand, and the bits that may be set then. */
function shiftWords(
  rule: (x: string, count: number) => Expression,
  half: (x: Half16, count: number) => [value: Expression, may: number],
): Rule {
  return (task) => {
    const count = shiftCount(task);
    const { code } = task;
    const to = indexOf(task, 0);
    const names = code.words({ register: to }).map((x) => {
      const halves = count > 15 ? undefined : halvesOf(code, x);
      if (halves === undefined) return code.name(rule(x, Math.min(count, 16)));
      const [low, high] = halves.map((each) => {
        const [value, may] = half(each, count);
        return { name: code.name(value), may };
      });
      return joinHalves(code, low!, high!);
    });
    names.forEach((name, i) => code.setWord(to, i, name));
  };
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

/** The upper bits of a half that is not clean go first. */
const rightHalf = (x: Half16, n: number): [Expression, number] =>
  isWithin(x, 65535)
    ? [js`${x.name} >>> ${n}`, x.may >>> n]
    : [js`${x.name} >>> ${n} & ${65535 >>> n}`, (x.may & 65535) >>> n];

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

/** Bytes of a word, each followed by a byte 0, as halves. */
function spreadBytes(code: VectorCode, x: string, upper: boolean): string {
  const [low, high] = upper
    ? [js`${x} >>> 16 & 255`, js`${x} >>> 24`]
    : [js`${x} & 255`, js`${x} >>> 8 & 255`];
  const byte = (value: Expression): Half16 => ({ name: code.name(value), may: 255 });
  return joinHalves(code, byte(low), byte(high));
}
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
      const [a, b] = [code.word({ register: to }, word), code.word(from, word)];
      const upper = (i & 1) === 1;
      if (rule === interleaveBytes && b === ZERO_WORD) return js`${spreadBytes(code, a, upper)}`;
      return rule(a, b, upper);
    });
    setWords(code, to, values);
  };
}
/** Operands of a pack: from each pair of words one word of the result. */
function pack(join: (code: VectorCode, low: string, high: string) => Expression): Rule {
  return (task) => {
    const { to, from } = registers(task);
    const { code } = task;
    const all = [...code.words({ register: to }), ...code.words(from)];
    setWords(code, to, [0, 1, 2, 3].map((i) => join(code, all[2 * i]!, all[2 * i + 1]!))); // prettier-ignore
  };
}
const packWords = pack((code, low, high) => {
  const clamp = (x: string): string =>
    code.name(js`${x} > 32767 ? 32767 : ${x} < ${-32768} ? ${-32768} : ${x}`);
  return js`${clamp(low)} & 65535 | ${clamp(high)} << 16`;
});
/** All ones in the 16-bit elements of `x` that have a bit in their upper byte, less their top bit if `mask` leaves that out. */
const exceeding = (x: string, mask: number): Expression =>
  spread(OF_WORDS, js`((${x} & 0x7f007f00) + 0x7f007f00 | ${x} & ${mask})`);
/** The lower bytes of two elements side by side. */
const squeeze = (x: Expression): Expression => js`(${x} & 255 | ${x} >>> 8 & 65280)`;
const packBytes = pack((code, low, high) => {
  const clamp = (x: string): Expression => {
    // In range with 128 added: nothing above the lower byte.
    const moved = code.name(js`(${x} & ${~WORDS}) + 0x800080 ^ ${x} & ${WORDS}`);
    const over = code.name(exceeding(moved, WORDS));
    const limit = js`((${x} >>> 15 & 65537) + 0x7f007f)`;
    return squeeze(js`${code.name(js`${x} & ~${over} | ${limit} & ${over}`)}`);
  };
  return js`${clamp(low)} | ${clamp(high)} << 16`;
});
const packUnsigned = pack((code, low, high) => {
  const clamp = (x: string): Expression => {
    const halves = halvesOf(code, x);
    if (halves?.every((half) => isWithin(half, 255))) return js`(${halves[0].name} | ${halves[1].name} << 8)`;
    if ((mayBeSet(code, x) & -0xff0100) === 0) return squeeze(js`${x}`);
    const over = code.name(exceeding(x, 0));
    const negative = code.name(spread(OF_WORDS, js`${x}`));
    return squeeze(js`${code.name(js`(${x} | ${over}) & ~${negative}`)}`);
  };
  return js`${clamp(low)} | ${clamp(high)} << 16`;
});
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
    const { mask, difference } = borrows(OF_BYTES, code, a, b);
    const size = code.name(js`(${difference} ^ ${mask}) + (${mask} & 0x01010101) | 0`);
    const pairs = code.name(js`(${size} & 0xff00ff) + (${size} >>> 8 & 0xff00ff) | 0`);
    return code.name(js`(${pairs} & 65535) + (${pairs} >>> 16) | 0`);
  });
  const halves = [0, 2].map((i) => code.name(js`${sums[i]!} + ${sums[i + 1]!} | 0`));
  [halves[0]!, ZERO_WORD, halves[1]!, ZERO_WORD].forEach((name, i) => code.setWord(to, i, name));
};
const pmovmskb: Rule = (task) => {
  if (operandOf(task, 1).kind !== 'xmm') throw new NoShortWay();
  const { code } = task;
  const four = code.words({ register: indexOf(task, 1) }).map((w, i) => {
    // The factor moves the four top bits side by side to the upper end; no two of its bits meet there.
    const bits = js`(Math.imul(${w} & ${BYTES}, 0x204081) >>> 28)`;
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
  PADDW: byHalves((a, b) => js`${a.name} + ${b.name} | 0`, addWords),
  PADDD: byWord((a, b) => js`${a} + ${b} | 0`),
  PADDQ: addQuads,
  PSUBB: zeroOr(byWord(subtractWithin(BYTES))),
  PSUBW: zeroOr(byHalves((a, b) => js`${a.name} - ${b.name} | 0`, subtractWithin(WORDS))),
  PSUBD: zeroOr(byWord((a, b) => js`${a} - ${b} | 0`)),
  PSUBQ: subtractQuads,
  PADDSW: byWord(saturated(OF_WORDS, false)),
  PSUBSW: byWord(saturated(OF_WORDS, true)),
  PADDSB: byWord(saturated(OF_BYTES, false)),
  PSUBSB: byWord(saturated(OF_BYTES, true)),
  PADDUSW: byWord(addUnsigned(OF_WORDS)),
  PSUBUSW: byWord(subtractUnsigned(OF_WORDS)),
  PADDUSB: byWord(addUnsigned(OF_BYTES)),
  PSUBUSB: byWord(subtractUnsigned(OF_BYTES)),
  PCMPEQB: onesOr(byWord(equalWithin(BYTES, 8))),
  PCMPEQW: onesOr(byWord(equalWithin(WORDS, 16))),
  PCMPEQD: onesOr(byWord((a, b) => js`${a} === ${b} ? -1 : 0`)),
  PCMPGTB: byWord(greater(OF_BYTES)),
  PCMPGTW: byWord(greater(OF_WORDS)),
  PCMPGTD: byWord((a, b) => js`${a} > ${b} ? -1 : 0`),
  PMINUB: byWord(extreme(OF_BYTES, false, false)),
  PMAXUB: byWord(extreme(OF_BYTES, false, true)),
  PMINSW: byWord(extreme(OF_WORDS, true, false)),
  PMAXSW: byWord(extreme(OF_WORDS, true, true)),
  PAVGB: byWord(average(OF_BYTES)),
  PAVGW: byWord(average(OF_WORDS)),
  PMULLW: multiplyLow,
  PMULHW: byWord(multiplyHigh),
  PMULHUW: byWord(multiplyHighUnsigned),
  PMADDWD: byWord(multiplyAdd),
  PMULUDQ: multiplyQuads,
  PSADBW: psadbw,
  PSLLW: shiftWords(leftWords, (x, n) => [js`${x.name} << ${n}`, -1]),
  PSRLW: shiftWords(rightWords, rightHalf),
  PSRAW: shiftWords(arithmeticWords, (x, n) => [js`${x.name} << 16 >> ${16 + n}`, -1]),
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
  PACKSSDW: packWords,
  PACKSSWB: packBytes,
  PACKUSWB: packUnsigned,
  PSHUFLW: shuffleHalfWords(false),
  PSHUFHW: shuffleHalfWords(true),
  PEXTRW: pextrw,
  PINSRW: pinsrw,
  PMOVMSKB: pmovmskb,
};
