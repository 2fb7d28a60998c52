/** Numbers in XMM registers that need no more than JavaScript's arithmetic, and how code tells them. */
import type { Expression } from 'estree';
import { NAN_DOUBLE, NAN_SINGLE, wordsOf } from './lane-cache.js';
import { js } from './quote.js';

export const MIN_DOUBLE = 2.2250738585072014e-308;
export const MAX_DOUBLE = Number.MAX_VALUE;
export const MAX_SINGLE = 3.4028234663852886e38;
export const MIN_SINGLE = 1.1754943508222875e-38;

/** Variables of every region with vector code. */
export const ZERO_WORD = 'zw',
  ZERO_DOUBLE = 'zd',
  ZERO_SINGLE = 'zs';
export const ZEROS: ReadonlySet<string> = new Set<string>([ZERO_WORD, ZERO_DOUBLE, ZERO_SINGLE]);

/** MXCSR: all exceptions masked, IE, OE and PE set, to nearest, no denormals changed. */
export const SPECIAL_BITS = 0xffe9,
  SPECIAL = 0x1fa9;

export const uncleanDouble = (x: string): Expression => js`!(Math.abs(${x}) > ${MIN_DOUBLE}) && ${x} !== 0`;
export const uncleanSingle = (x: string): Expression => js`!(Math.abs(${x}) > ${MIN_SINGLE}) && ${x} !== 0`;
/**
 * Ways for a number to be clean, asked of it times `scale`, a power of two: for where the usual test has failed. A comparison that both share, or two such places,
 * would be computed once, before the usual one, into a register.
 */
export const isClean = (x: string, least: number, scale: number): Expression[][] => [
  [js`${x} * ${scale} === 0`],
  [js`Math.abs(${x} * ${scale}) > ${least * scale}`],
];

/** Memory does not hold the default NaN for a double or single. */
export function notDefault(key: number): Expression {
  const [low, high] = wordsOf(key);
  if (high === undefined) return js`xw[${low!}] !== ${NAN_SINGLE}`;
  return js`(xw[${low!}] !== 0 || xw[${high}] !== ${NAN_DOUBLE})`;
}
/** Memory holds it. */
export function isDefault(key: number): Expression[] {
  const [low, high] = wordsOf(key);
  if (high === undefined) return [js`xw[${low!}] === ${NAN_SINGLE}`];
  return [js`xw[${low!}] === 0`, js`xw[${high}] === ${NAN_DOUBLE}`];
}
