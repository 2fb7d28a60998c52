/**
 * What is known of XMM registers where emission stands. Memory and variables of the region hold them together: a half may be in a variable as a double, a word as a
 * single or as an int32 (keys below). Masks tell which variables memory waits for, where code that does not know comes by.
 */
import type { Statement as JsStatement } from 'estree';
import { js, statements } from './quote.js';
import { X87Known } from './x87-known.js';

/** A number in a JavaScript constant. `clean`: zero, infinity or normal in its format, no NaN. */
export interface Lane {
  readonly name: string;
  readonly clean: boolean;
}

// Keys: halves (2 × register + half) as doubles from 0, words (4 × register + word) as singles from 16, as words from 48.
const SINGLES = 16,
  WORDS = 48;
export const doubleKey = (half: number): number => half;
export const singleKey = (word: number): number => SINGLES + word;
export const wordKey = (word: number): number => WORDS + word;
/** That MXCSR has been looked at. */
export const CONTROL_KEY = 80;

export const kindOf = (key: number): 'D' | 'S' | 'W' => (key < SINGLES ? 'D' : key < WORDS ? 'S' : 'W');
const indexOf = (key: number): number => (key < SINGLES ? key : key < WORDS ? key - SINGLES : key - WORDS);
export const variableOf = (key: number): string => `${kindOf(key)}${indexOf(key)}`;
const VARIABLE = /^[DSW]\d+$/;
export const isVariable = (name: string): boolean => VARIABLE.test(name);
export function wordsOf(key: number): readonly number[] {
  const index = indexOf(key);
  return key < SINGLES ? [2 * index, 2 * index + 1] : [index];
}
export const MASKS = ['mD', 'mS', 'mW'] as const;
/** Upper words of default NaNs. */
export const NAN_DOUBLE = -0x80000,
  NAN_SINGLE = -0x400000;
/** The mask and bit that say that memory waits for a variable. */
export const maskOf = (key: number): readonly [mask: string, bit: number] => [
  `m${kindOf(key)}`,
  (1 << indexOf(key)) | 0,
];
/** `special`: the variable may be NaN, which stands for the default NaN. */
export function storeOf(key: number, special: boolean): JsStatement[] {
  const kind = kindOf(key);
  const index = indexOf(key);
  const store = statements`${{ D: 'xf', S: 'xs', W: 'xw' }[kind]}[${index}] = ${variableOf(key)};`;
  if (!special || kind === 'W') return store;
  const words = statements`xw[${wordsOf(key).at(-1)!}] = ${kind === 'D' ? NAN_DOUBLE : NAN_SINGLE};`;
  if (kind === 'D') words.push(...statements`xw[${2 * index}] = 0;`);
  return [...store, ...statements`if (${variableOf(key)} !== ${variableOf(key)}) { ${words} }`];
}
/** Declarations of a region's variables and masks. */
export function declarations(keys: ReadonlySet<number>): JsStatement[] {
  const zero = { D: js`+0`, S: js`Math.fround(0)`, W: js`0` };
  const masks = new Set([...keys].map((key) => maskOf(key)[0]));
  return [
    ...[...masks].flatMap((mask) => statements`let ${mask} = 0;`),
    ...[...keys].flatMap((key) => statements`let ${variableOf(key)} = ${zero[kindOf(key)]};`),
  ];
}
/** Writes what waits when the region is left. */
export const settleMarked = (keys: ReadonlySet<number>, special: boolean): JsStatement[] =>
  [...keys].flatMap((key) => {
    const [mask, bit] = maskOf(key);
    return statements`if ((${mask} & ${bit}) !== 0) { ${storeOf(key, special)} }`;
  });

/** What a block expects whoever comes to it. */
export interface Expected {
  /** Variables that hold clean numbers or words; true: that are zero, and need not be set. */
  readonly known: ReadonlyMap<number, boolean>;
  /** Variables that memory may wait for, as the masks tell. */
  readonly waiting: ReadonlySet<number>;
  readonly control: boolean;
}
export const NOTHING_EXPECTED: Expected = { known: new Map(), waiting: new Set(), control: false };

export class LaneCache {
  readonly doubles: Map<number, Lane>;
  readonly singles: Map<number, Lane>;
  readonly words: Map<number, string>;
  /** MXCSR, checked. */
  control: string | undefined;
  /** Keys of variables that hold what is known. */
  readonly current: Set<number>;
  readonly waiting: Map<number, 'certainly' | 'perhaps'>;
  /** What the masks may say. */
  readonly arrived: ReadonlySet<number>;
  /** Since the block that code from elsewhere comes to: words that were written, and what it would have liked to know. */
  readonly touched: Set<number>;
  controlTouched: boolean;
  readonly wants: Set<number>;
  x87: X87Known;
  constructor(from?: LaneCache, arrived: ReadonlySet<number> = new Set()) {
    this.x87 = new X87Known(from?.x87);
    this.doubles = new Map(from?.doubles);
    this.singles = new Map(from?.singles);
    this.words = new Map(from?.words);
    this.control = from?.control;
    this.current = new Set(from?.current);
    this.waiting = new Map(from?.waiting);
    this.arrived = from?.arrived ?? arrived;
    this.touched = new Set(from?.touched);
    this.controlTouched = from?.controlTouched ?? false;
    this.wants = from?.wants ?? new Set();
  }
  drop(word: number): void {
    this.doubles.delete(word >> 1);
    this.singles.delete(word);
    this.words.delete(word);
    for (const key of [doubleKey(word >> 1), singleKey(word), wordKey(word)]) this.current.delete(key);
    this.touched.add(word);
  }
  dropRegister(register: number): void {
    for (let i = 0; i < 4; i++) this.drop(4 * register + i);
  }
  /** Behind what may change all registers; nothing may wait. */
  dropAll(): void {
    for (let i = 0; i < 8; i++) this.dropRegister(i);
    this.control = undefined;
    this.controlTouched = true;
  }
  /** Where a block begins. */
  static expected({ known, waiting, control }: Expected): LaneCache {
    const cache = new LaneCache(undefined, waiting);
    for (const [key, zero] of known) {
      const [word] = wordsOf(key) as [number];
      const kind = kindOf(key);
      const name = zero ? `z${kind.toLowerCase()}` : variableOf(key);
      if (kind === 'D') cache.doubles.set(word >> 1, { name, clean: true });
      else if (kind === 'S') cache.singles.set(word, { name, clean: true });
      else cache.words.set(word, name);
      if (!zero) cache.current.add(key);
    }
    for (const key of waiting) cache.waiting.set(key, 'perhaps');
    if (control) cache.control = 'xc[0]';
    return cache;
  }
}
