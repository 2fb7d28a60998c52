/** Bytes and 16-bit elements of packed integers within 32-bit words, each operation on all of a word's elements at once. */
import type { Expression } from 'estree';
import { js } from './quote.js';
import type { VectorCode } from './vector-lanes.js';

/** A word of the result from words of the first and second operand. */
export type WordRule = (a: string, b: string, code: VectorCode) => Expression;

/** Sums and differences of elements, kept from carrying into their neighbours by leaving their top bits (`top`) out. */
export const addWithin =
  (top: number): WordRule =>
  (a, b) =>
    js`(${a} & ${~top}) + (${b} & ${~top}) ^ (${a} ^ ${b}) & ${top}`;
export const subtractWithin =
  (top: number): WordRule =>
  (a, b) =>
    js`(${a} | ${top}) - (${b} & ${~top}) ^ (${a} ^ ~${b}) & ${top}`;
export const BYTES = -0x7f7f7f80,
  WORDS = -0x7fff8000;

/** A carry out of the lower half is taken away again. */
export const addWords: WordRule = (a, b, code) => {
  const sum = code.name(js`${a} + ${b} | 0`);
  return js`${sum} - ((${a} ^ ${b} ^ ${sum}) & 65536) | 0`;
};

/** All ones where elements of `bits` are equal: their difference has no bit, the top bit included. */
export function equalWithin(top: number, bits: number): WordRule {
  const ones = bits === 8 ? 255 : 65535;
  return (a, b) =>
    js`Math.imul(~(((${a} ^ ${b}) & ${~top}) + ${~top} | ${a} ^ ${b} | ${~top}) >>> ${bits - 1}, ${ones})`;
}

export const unsignedWord = (x: string, i: number): Expression =>
  i === 0 ? js`(${x} & 65535)` : js`(${x} >>> 16)`;

/** Elements of a size: their top bits. */
export interface Elements {
  readonly top: number;
  readonly bits: 8 | 16;
}
export const OF_BYTES: Elements = { top: BYTES, bits: 8 },
  OF_WORDS: Elements = { top: WORDS, bits: 16 };
/** All ones in the elements whose top bit is set in `x`. */
export const spread = ({ top, bits }: Elements, x: Expression): Expression =>
  js`Math.imul((${x} & ${top}) >>> ${bits - 1}, ${bits === 8 ? 255 : 65535})`;

/** All ones where unsigned a < b; with their difference. */
export function borrows(
  of: Elements,
  code: VectorCode,
  a: string,
  b: string,
): { mask: string; difference: string } {
  const difference = code.name(subtractWithin(of.top)(a, b, code));
  const mask = code.name(spread(of, js`(~${a} & ${b} | (~${a} | ${b}) & ${difference})`));
  return { mask, difference };
}
/** Signed elements are ordered as unsigned ones are with their top bits turned round. */
export const turned = ({ top }: Elements, code: VectorCode, x: string): string =>
  code.name(js`${x} ^ ${top}`);
export const greater =
  (of: Elements): WordRule =>
  (a, b, code) =>
    js`${borrows(of, code, turned(of, code, b), turned(of, code, a)).mask}`;
/** The smaller or the larger of unsigned, or signed, elements. */
export const extreme =
  (of: Elements, signed: boolean, larger: boolean): WordRule =>
  (a, b, code) => {
    const order = (x: string): string => (signed ? turned(of, code, x) : x);
    const { mask } = borrows(of, code, order(a), order(b));
    return larger ? js`${a} ^ (${a} ^ ${b}) & ${mask}` : js`${b} ^ (${a} ^ ${b}) & ${mask}`;
  };
export const addUnsigned =
  (of: Elements): WordRule =>
  (a, b, code) => {
    const sum = code.name(addWithin(of.top)(a, b, code));
    return js`${sum} | ${spread(of, js`(${a} & ${b} | (${a} | ${b}) & ~${sum})`)}`;
  };
export const subtractUnsigned =
  (of: Elements): WordRule =>
  (a, b, code) => {
    const { mask, difference } = borrows(of, code, a, b);
    return js`${difference} & ~${mask}`;
  };
/** Sums or differences that go to the limit of a's sign where `overflows`. */
export const saturated =
  (of: Elements, subtract: boolean): WordRule =>
  (a, b, code) => {
    const { top, bits } = of;
    const result = code.name((subtract ? subtractWithin : addWithin)(top)(a, b, code));
    const signs = subtract ? js`(${a} ^ ${b})` : js`~(${a} ^ ${b})`;
    const over = code.name(spread(of, js`(${signs} & (${a} ^ ${result}))`));
    const limit = js`(((${a} & ${top}) >>> ${bits - 1}) + ${~top})`;
    return js`${result} & ~${over} | ${limit} & ${over}`;
  };
export const average =
  ({ top }: Elements): WordRule =>
  (a, b) =>
    js`(${a} | ${b}) - ((${a} ^ ${b}) >>> 1 & ${~top}) | 0`;
export const multiplyHigh: WordRule = (a, b) =>
  js`Math.imul(${a} << 16 >> 16, ${b} << 16 >> 16) >>> 16 | Math.imul(${a} >> 16, ${b} >> 16) & -65536`;
export const multiplyHighUnsigned: WordRule = (a, b) =>
  js`Math.imul(${a} & 65535, ${b} & 65535) >>> 16 | Math.imul(${a} >>> 16, ${b} >>> 16) & -65536`;

export const multiplyAdd: WordRule = (a, b) =>
  js`Math.imul(${a} << 16 >> 16, ${b} << 16 >> 16) + Math.imul(${a} >> 16, ${b} >> 16) | 0`;
