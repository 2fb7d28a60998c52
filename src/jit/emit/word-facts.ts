/**
 * What is known of words of packed integers: bits that are zero, and halves that are at hand by themselves. Arithmetic on 16-bit elements works on the halves,
 * whose upper bits need not be right; the word that they make up is emitted as well, and costs nothing where nobody asks for it.
 */
import { js } from './quote.js';
import { ZERO_WORD } from './lane-values.js';
import type { VectorCode } from './vector-lanes.js';

/** 16 bits in the lower half of a constant, and which bits of that constant may be set. */
export interface Half16 {
  readonly name: string;
  readonly may: number;
}
export interface WordFacts {
  /** Bits that may be set. */
  readonly may: number;
  readonly halves?: readonly [low: Half16, high: Half16];
}

export const mayBeSet = (code: VectorCode, word: string): number =>
  word === ZERO_WORD ? 0 : (code.facts.get(word)?.may ?? -1);
export const halvesOf = (code: VectorCode, word: string): readonly [Half16, Half16] | undefined =>
  code.facts.get(word)?.halves;
/** Halves that are at hand, or the word itself and its upper half. */
export function splitWord(code: VectorCode, word: string): readonly [Half16, Half16] {
  const may = mayBeSet(code, word);
  return (
    halvesOf(code, word) ?? [
      { name: word, may },
      { name: code.name(js`${word} >>> 16`), may: may >>> 16 },
    ]
  );
}
export const isWithin = (half: Half16, bits: number): boolean => (half.may & ~bits) === 0;

/** Names the word that two halves make up. */
export function joinHalves(code: VectorCode, low: Half16, high: Half16): string {
  const upper = js`${high.name} << 16`;
  const name = code.name(
    isWithin(low, 65535) ? js`${low.name} | ${upper}` : js`${low.name} & 65535 | ${upper}`,
  );
  code.facts.set(name, { may: (low.may & 65535) | (high.may << 16), halves: [low, high] });
  return name;
}
