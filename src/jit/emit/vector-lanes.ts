/**
 * XMM registers in translated code: what is written goes to a variable, as a clean double or single or as words, and waits there until memory has to have it:
 * for another form, for a helper, or when the region is left. A number that may be a NaN is never held as a number, since JavaScript may
 * change its payload; but where that is allowed (`special`) a NaN stands for the default NaN.
 */
import type { Expression, Statement as JsStatement } from 'estree';
import { js, statements } from './quote.js';
import { CodeWriter, type Form } from './vector-memory.js';
import {
  CONTROL_KEY,
  doubleKey,
  isVariable,
  kindOf,
  type Lane,
  LaneCache,
  type Expected,
  MASKS,
  NAN_DOUBLE,
  NAN_SINGLE,
  maskOf,
  singleKey,
  storeOf,
  variableOf,
  wordKey,
  wordsOf,
} from './lane-cache.js';
import {
  isClean,
  isDefault,
  MIN_DOUBLE,
  MIN_SINGLE,
  notDefault,
  SPECIAL,
  SPECIAL_BITS,
  uncleanDouble,
  uncleanSingle,
  ZERO_DOUBLE,
  ZERO_SINGLE,
  ZERO_WORD,
  ZEROS,
} from './lane-values.js';
import type { WordFacts } from './word-facts.js';
import { X87Variables } from './x87-known.js';

export type { AccessSize, Form, VectorHost } from './vector-memory.js';

export interface Part {
  readonly single: string | undefined;
  readonly word: string | undefined;
}
export interface Half {
  readonly double: string | undefined;
  readonly parts: readonly Part[];
}
const cleanName = (lane: Lane | undefined): string | undefined => (lane?.clean ? lane.name : undefined);

/** Where an operand is: a register, or RAM at the machine address in constant `at`. */
export type Place = { readonly register: number } | { readonly at: string };

/** The code of one instruction, and what is known of registers behind it. */
export class VectorCode extends CodeWriter {
  cache = new LaneCache();
  readonly written = new Set<number>();
  /** Of constants that are words: what is known of them. */
  readonly facts = new Map<string, WordFacts>();
  /** Variables that the region has for registers. */
  readonly variables = new Set<number>();
  /** Where the region keeps the state of the x87 unit. */
  readonly x87Variables = new X87Variables();

  // ---- reading ----------------------------------------------------------------------------------------------------------
  /** The name of a value, which must be a constant: variables change. */
  private constant(name: string, keep: (name: string) => void): string {
    if (!isVariable(name)) return name;
    const copy = this.fresh();
    this.out.push(...statements`const ${copy} = ${name};`);
    keep(copy);
    return copy;
  }
  knownDouble(index: number): Lane | undefined {
    const lane = this.cache.doubles.get(index);
    if (lane === undefined) return undefined;
    this.constant(lane.name, (name) => this.cache.doubles.set(index, { ...lane, name }));
    return this.cache.doubles.get(index);
  }
  knownSingle(index: number): Lane | undefined {
    const lane = this.cache.singles.get(index);
    if (lane === undefined) return undefined;
    this.constant(lane.name, (name) => this.cache.singles.set(index, { ...lane, name }));
    return this.cache.singles.get(index);
  }
  knownWord(index: number): string | undefined {
    const known = this.cache.words.get(index);
    return known && this.constant(known, (name) => this.cache.words.set(index, name));
  }
  private double(place: Place, half: number): Lane {
    if ('at' in place) return { name: this.loadDouble(place.at, 8 * half), clean: false };
    const index = 2 * place.register + half;
    let lane = this.knownDouble(index);
    if (lane === undefined) {
      this.want(doubleKey(index));
      this.toMemory([2 * index, 2 * index + 1]);
      lane = { name: this.name(js`xf[${index}]`), clean: false };
      this.cache.doubles.set(index, lane);
    }
    return lane;
  }
  private single(place: Place, word: number): Lane {
    if ('at' in place) return { name: this.loadSingle(place.at, 4 * word), clean: false };
    const index = 4 * place.register + word;
    let lane = this.knownSingle(index);
    if (lane === undefined) {
      this.want(singleKey(index));
      this.toMemory([index]);
      lane = { name: this.name(js`xs[${index}]`), clean: false };
      this.cache.singles.set(index, lane);
    }
    return lane;
  }
  word(place: Place, word: number): string {
    if ('at' in place) return this.loadWord(place.at, 4 * word);
    const index = 4 * place.register + word;
    let name = this.knownWord(index);
    if (name === undefined) {
      this.want(wordKey(index));
      this.toMemory([index]);
      name = this.name(js`xw[${index}]`);
      this.cache.words.set(index, name);
    }
    return name;
  }
  words(place: Place): string[] {
    return [0, 1, 2, 3].map((i) => this.word(place, i));
  }
  /** A double that is no NaN and no denormal; leaves if it is. The square of a denormal vanishes, and that of another seldom does. */
  cleanDouble(place: Place, half: number): string {
    const lane = this.double(place, half);
    if (lane.clean) return lane.name;
    this.check([js`${lane.name} * ${lane.name} > 0`], ...this.isClean(place, half, lane.name, true));
    if ('register' in place)
      this.cache.doubles.set(2 * place.register + half, { name: lane.name, clean: true });
    return lane.name;
  }
  cleanSingle(place: Place, word: number): string {
    const lane = this.single(place, word);
    if (lane.clean) return lane.name;
    this.check(
      [js`Math.fround(${lane.name} * ${lane.name}) > 0`],
      ...this.isClean(place, word, lane.name, false),
    );
    if ('register' in place)
      this.cache.singles.set(4 * place.register + word, { name: lane.name, clean: true });
    return lane.name;
  }

  private isClean(place: Place, i: number, name: string, double: boolean): Expression[][] {
    const ways = isClean(name, double ? MIN_DOUBLE : MIN_SINGLE, this.apart());
    if (!this.host.special || 'at' in place) return ways;
    return [
      ...ways,
      isDefault(double ? doubleKey(2 * place.register + i) : singleKey(4 * place.register + i)),
    ];
  }
  /** 32 bits, whatever they are: a clean single, or a word. */
  part(place: Place, word: number, form: Form): Part {
    if ('register' in place) {
      const index = 4 * place.register + word;
      const single = this.knownSingle(index);
      const known = this.knownWord(index);
      if (single?.clean) return { single: single.name, word: known };
      if (known !== undefined) return { single: undefined, word: known };
    }
    if (form === 'single' && !this.host.misaligned)
      return { single: this.cleanSingle(place, word), word: undefined };
    return { single: undefined, word: this.word(place, word) };
  }
  /** 64 bits, whatever they are: a clean double, or parts. */
  half(place: Place, half: number, form: Form): Half {
    if ('register' in place) {
      const index = 2 * place.register + half;
      const double = this.knownDouble(index);
      const parts = [2 * index, 2 * index + 1].map((i) => ({
        single: cleanName(this.knownSingle(i)),
        word: this.knownWord(i),
      }));
      if (double?.clean) return { double: double.name, parts };
      if (parts.every((p) => p.single !== undefined || p.word !== undefined))
        return { double: undefined, parts };
    }
    if (form === 'double' && !this.host.misaligned)
      return { double: this.cleanDouble(place, half), parts: [] };
    return { double: undefined, parts: [0, 1].map((i) => this.part(place, 2 * half + i, form)) };
  }

  // ---- writing ----------------------------------------------------------------------------------------------------------
  /** A clean double. */
  setDouble(register: number, half: number, name: string): void {
    const index = 2 * register + half;
    this.written.add(register);
    this.overwrite([2 * index, 2 * index + 1]);
    this.put(doubleKey(index), name);
    this.cache.doubles.set(index, { name, clean: true });
  }
  /** A clean single. */
  setSingle(register: number, word: number, name: string): void {
    const index = 4 * register + word;
    this.written.add(register);
    this.overwrite([index]);
    this.put(singleKey(index), name);
    this.cache.singles.set(index, { name, clean: true });
  }
  setWord(register: number, word: number, name: string): void {
    const index = 4 * register + word;
    this.written.add(register);
    this.overwrite([index]);
    this.put(wordKey(index), name);
    this.cache.words.set(index, name);
  }
  setPart(register: number, word: number, { single, word: bits }: Part): void {
    if (single === undefined) return this.setWord(register, word, bits!);
    this.setSingle(register, word, single);
    if (bits !== undefined) this.cache.words.set(4 * register + word, bits);
  }
  setHalf(register: number, half: number, { double, parts }: Half): void {
    if (double === undefined) return parts.forEach((p, i) => this.setPart(register, 2 * half + i, p));
    this.setDouble(register, half, double);
    parts.forEach(({ single, word }, i) => {
      const index = 4 * register + 2 * half + i;
      if (single !== undefined) this.cache.singles.set(index, { name: single, clean: true });
      if (word !== undefined) this.cache.words.set(index, word);
    });
  }
  /** Zeroes in the form that the register's next user wants, or another. */
  clearHalf(register: number, half: number, usual: Form = 'double'): void {
    const form = this.host.form(register) ?? usual;
    const parts = [0, 1].map(() => ({ single: form === 'word' ? undefined : ZERO_SINGLE, word: ZERO_WORD }));
    this.setHalf(register, half, { double: form === 'double' ? ZERO_DOUBLE : undefined, parts });
    const index = 2 * register + half;
    this.cache.doubles.set(index, { name: ZERO_DOUBLE, clean: true });
    for (const i of [0, 1]) this.cache.singles.set(2 * index + i, { name: ZERO_SINGLE, clean: true });
  }
  /** 64 bits of a register to RAM. */
  storeHalf(register: number, half: number, at: string, offset: number): void {
    const { double, parts } = this.half({ register }, half, 'word');
    if (double !== undefined) {
      this.storeDouble(at, offset, double);
      if (this.host.special && double !== ZERO_DOUBLE)
        this.push(statements`if (${double} !== ${double}) {
          ${this.aside(() => {
            this.storeWord(at, offset, js`0`);
            this.storeWord(at, offset + 4, js`${NAN_DOUBLE}`);
          })}
        }`);
      return;
    }
    parts.forEach((part, i) => this.storePart(part, at, offset + 4 * i));
  }
  storePart({ single, word }: Part, at: string, offset: number): void {
    if (word !== undefined) return this.storeWord(at, offset, js`${word}`);
    this.storeSingle(at, offset, single!);
    if (this.host.special)
      this.push(statements`if (${single!} !== ${single!}) {
        ${this.aside(() => this.storeWord(at, offset, js`${NAN_SINGLE}`))}
      }`);
  }
  private aside(emit: () => void): JsStatement[] {
    const { out } = this;
    this.out = [];
    emit();
    const made = this.out;
    this.out = out;
    return made;
  }

  // ---- registers in variables --------------------------------------------------------------------------------------------
  private want(key: number): void {
    const { wants, touched } = this.cache;
    if (wordsOf(key).every((word) => !touched.has(word))) wants.add(key);
  }
  /** The variable has the value, which memory has not. */
  private put(key: number, name: string): void {
    this.variables.add(key);
    this.push(statements`${variableOf(key)} = ${name};`);
    this.cache.current.add(key);
    this.cache.waiting.set(key, 'certainly');
  }
  /** Before words are written: what is known of them goes. */
  private overwrite(words: readonly number[]): void {
    this.decide();
    for (const key of [...this.cache.waiting.keys()]) {
      const those = wordsOf(key);
      if (!those.some((word) => words.includes(word))) continue;
      if (!those.every((word) => words.includes(word))) this.settle(key);
      this.cache.waiting.delete(key);
    }
    for (const word of words) this.cache.drop(word);
  }
  /** Before words are read from memory. */
  private toMemory(words: readonly number[]): void {
    for (const key of [...this.cache.waiting.keys()])
      if (wordsOf(key).some((word) => words.includes(word))) this.settle(key);
  }
  /** Writes what waits in a variable. */
  private settle(key: number): void {
    const store = storeOf(key, this.host.special);
    const [mask, bit] = maskOf(key);
    const certain = this.cache.waiting.get(key) === 'certainly';
    this.push(certain ? store : statements`if ((${mask} & ${bit}) !== 0) { ${store} }`);
    this.cache.waiting.delete(key);
  }
  /** All of the registers to memory. */
  settleAll(): void {
    for (const key of [...this.cache.waiting.keys()]) this.settle(key);
  }
  /** Makes the masks tell what waits, for the code at the end of the region. */
  marks(): JsStatement[] {
    const { waiting, arrived } = this.cache;
    return MASKS.flatMap((mask) => {
      let certain = 0, possible = 0, before = 0; // prettier-ignore
      for (const [key, how] of waiting) {
        if (maskOf(key)[0] !== mask) continue;
        if (how === 'certainly') certain |= maskOf(key)[1];
        else possible |= maskOf(key)[1];
      }
      for (const key of arrived) if (maskOf(key)[0] === mask) before |= maskOf(key)[1];
      if (certain === 0 && possible === before) return [];
      if (possible === 0) return statements`${mask} = ${certain};`;
      return statements`${mask} = ${mask} & ${possible} | ${certain};`;
    });
  }

  /** Brings about what a block expects that does not follow this one alone; `leave` is for where that fails. */
  arrive(to: Expected, leave: (control: boolean) => JsStatement[]): void {
    const { cache } = this;
    for (const key of [...cache.waiting.keys()]) if (!to.waiting.has(key)) this.settle(key);
    const fails = (test: Expression): void => this.push(statements`if (${test}) { ${leave(false)} }`);
    for (const [key, zero] of to.known) this.establish(key, zero, fails);
    if (to.control && cache.control === undefined) this.checkControl(() => leave(true));
    this.push(this.marks());
  }
  private establish(key: number, zero: boolean, fails: (test: Expression) => void): void {
    const { cache } = this;
    const [first] = wordsOf(key) as [number];
    const kind = kindOf(key);
    const lane =
      kind === 'D' ? cache.doubles.get(first >> 1) : kind === 'S' ? cache.singles.get(first) : undefined;
    const known = kind === 'W' ? cache.words.get(first) : lane?.clean ? lane.name : undefined;
    if (zero && known !== undefined && ZEROS.has(known)) return;
    if (!zero && known !== undefined && cache.current.has(key)) return;
    this.variables.add(key);
    let name = known;
    if (name === undefined) {
      this.toMemory(wordsOf(key));
      name = this.name(
        kind === 'D' ? js`xf[${first >> 1}]` : kind === 'S' ? js`xs[${first}]` : js`xw[${first}]`,
      );
      const test = kind === 'D' ? uncleanDouble(name) : uncleanSingle(name);
      if (kind !== 'W') fails(this.host.special ? js`${test} && ${notDefault(key)}` : test);
    }
    if (zero) fails(kind === 'W' ? js`${name} !== 0` : js`!(${name} === 0 && 1 / ${name} > 0)`);
    else this.push(statements`${variableOf(key)} = ${name};`);
  }

  // ---- MXCSR ------------------------------------------------------------------------------------------------------------
  /** MXCSR where rounding is to nearest and PE is masked; leaves if it is not so. */
  control(): string {
    if (this.cache.control === undefined) {
      if (!this.cache.controlTouched) this.cache.wants.add(CONTROL_KEY);
      this.checkControl(() =>
        this.host.precise && !this.host.special ? this.host.miss(true) : this.host.missControl(),
      );
    }
    return this.cache.control!;
  }
  private checkControl(leave: () => JsStatement[]): void {
    const name = this.name(js`xc[0]`);
    const { precise, special } = this.host;
    const [bits, value] = special ? [SPECIAL_BITS, SPECIAL] : precise ? [0x7000, 0x1000] : [0x7020, 0x1020];
    this.out.push(...statements`if ((${name} & ${bits}) !== ${value}) { ${leave()} }`);
    this.cache.control = name;
  }
  /** Sets PE unless it is set already or all of `inexact` are false. */
  notePrecision(inexact: readonly Expression[]): void {
    if (!this.host.precise) return;
    const any = inexact.reduce((all, test) => js`${all} || ${test}`);
    this.push(statements`if ((xc[0] & 32) === 0 && (${any})) { xc[0] = xc[0] | 32; }`);
  }
}
