/**
 * XMM registers in translated code: memory always holds them exactly; behind each write the values stay known by name until the end of the block,
 * as doubles, singles or words, so that what follows need not read them back.
 *
 * A number that may be a NaN is never stored back as a number: JavaScript may change its payload. Such copies go by words.
 */
import type { Expression, Statement as JsStatement } from 'estree';
import type { Target } from './target.js';
import { js, statements } from './quote.js';
import { X87Known } from './x87-known.js';

/** A number in a JavaScript constant. `clean`: zero, infinity or normal in its format, no NaN. */
export interface Lane {
  readonly name: string;
  readonly clean: boolean;
}

/** What a vector instruction needs of the code around it. */
export interface VectorHost {
  readonly flags: Target['flags'];
  /** Accesses that are misaligned within their page are served. */
  readonly misaligned: boolean;
  /** Leaves the quick way; nothing has been changed. `all`: for a reason that the block's other quick instructions have, too. */
  miss(all?: boolean): JsStatement[];
  readGeneral(index: number): Expression;
  writeGeneral(index: number, value: Expression): JsStatement[];
  /** Offset of the instruction in CS. */
  eip(): Expression;
  /** The same relative to the region's page. */
  offset(): number;
  /** Name of a short way of x87 (runtime/fpu/x87-short.ts), or of the unit's state `xi`, in scope. */
  x87(name: string): string;
}

/** Values known by name: doubles by half (2 × register + half), singles and words by word (4 × register + word). */
export class LaneCache {
  readonly doubles: Map<number, Lane>;
  readonly singles: Map<number, Lane>;
  readonly words: Map<number, string>;
  /** MXCSR, checked to round to nearest with PE masked. */
  control: string | undefined;
  x87: X87Known;
  constructor(from?: LaneCache) {
    this.x87 = new X87Known(from?.x87);
    this.doubles = new Map(from?.doubles);
    this.singles = new Map(from?.singles);
    this.words = new Map(from?.words);
    this.control = from?.control;
  }
  dropRegister(register: number): void {
    for (const half of [2 * register, 2 * register + 1]) this.dropHalf(half);
  }
  dropHalf(half: number): void {
    this.doubles.delete(half);
    for (const word of [2 * half, 2 * half + 1]) {
      this.singles.delete(word);
      this.words.delete(word);
    }
  }
}

export const MIN_DOUBLE = 2.2250738585072014e-308;
export const MIN_SINGLE = 1.1754943508222875e-38;

/** Where an operand is: a register, or RAM at the machine address in constant `at`. */
export type Place = { readonly register: number } | { readonly at: string };

const tests = {
  10: (x: string, a: string): Expression => js`(${x} & 1) !== 0 || (${a} & 4095) > 4086`,
  8: (x: string, a: string): Expression => js`((${x} | ${a}) & 7) !== 0`,
  16: (x: string, a: string): Expression => js`((${x} | ${a}) & 15) !== 0`,
  4: (x: string, a: string): Expression => js`((${x} | ${a}) & 3) !== 0`,
  2: (x: string, a: string): Expression => js`((${x} | ${a}) & 1) !== 0`,
} as const;
export type AccessSize = keyof typeof tests;

/** The code of one instruction as it grows. */
export class VectorCode {
  cache = new LaneCache();
  host!: VectorHost;
  out: JsStatement[] = [];
  readonly written = new Set<number>();
  private serial = 0;

  push(code: readonly JsStatement[]): void {
    this.out.push(...code);
  }
  fresh(): string {
    return `v${this.serial++}`;
  }
  /** Names a value. */
  name(value: Expression): string {
    if (value.type === 'Identifier') return value.name;
    const name = this.fresh();
    this.push(statements`const ${name} = ${value};`);
    return name;
  }
  /** Names what a general register holds now. */
  general(index: number): string {
    const name = this.fresh();
    this.push(statements`const ${name} = ${this.host.readGeneral(index)};`);
    return name;
  }
  missIf(test: Expression, all = false): void {
    this.push(statements`if (${test}) { ${this.host.miss(all)} }`);
  }

  // ---- memory -----------------------------------------------------------------------------------------------------------
  /** Checks an access and names its machine address. `aligned`: misaligned operands fault. */
  locate(
    address: Expression,
    size: AccessSize,
    write: boolean,
    aligned = false,
  ): { at: string; linear: string } {
    const a = this.fresh();
    const x = this.fresh();
    const at = this.fresh();
    this.push(statements`const ${a} = ${address}, ${x} = ${write ? 'WT' : 'RT'}[${a} >>> 12];`);
    this.missIf(
      this.host.misaligned && !aligned
        ? js`(${x} & 1) !== 0 || (${a} & 4095) > ${4096 - size}`
        : tests[size](x, a),
    );
    this.push(statements`const ${at} = ${x} ^ ${a};`);
    return { at, linear: a };
  }

  // ---- reading ----------------------------------------------------------------------------------------------------------
  double(place: Place, half: number): Lane {
    if ('at' in place)
      return { name: this.name(js`dv.getFloat64(${place.at} + ${8 * half}, true)`), clean: false };
    const index = 2 * place.register + half;
    let lane = this.cache.doubles.get(index);
    if (lane === undefined) {
      lane = { name: this.name(js`xf[${index}]`), clean: false };
      this.cache.doubles.set(index, lane);
    }
    return lane;
  }
  single(place: Place, word: number): Lane {
    if ('at' in place)
      return { name: this.name(js`dv.getFloat32(${place.at} + ${4 * word}, true)`), clean: false };
    const index = 4 * place.register + word;
    let lane = this.cache.singles.get(index);
    if (lane === undefined) {
      lane = { name: this.name(js`xs[${index}]`), clean: false };
      this.cache.singles.set(index, lane);
    }
    return lane;
  }
  word(place: Place, word: number): string {
    if ('at' in place) return this.name(js`dv.getInt32(${place.at} + ${4 * word}, true)`);
    const index = 4 * place.register + word;
    let name = this.cache.words.get(index);
    if (name === undefined) {
      name = this.name(js`xw[${index}]`);
      this.cache.words.set(index, name);
    }
    return name;
  }
  words(place: Place): string[] {
    return [0, 1, 2, 3].map((i) => this.word(place, i));
  }
  /** A double that is no NaN and no denormal; leaves if it is. */
  cleanDouble(place: Place, half: number): string {
    const lane = this.double(place, half);
    if (lane.clean) return lane.name;
    this.missIf(js`!(Math.abs(${lane.name}) > ${MIN_DOUBLE}) && ${lane.name} !== 0`);
    if ('register' in place)
      this.cache.doubles.set(2 * place.register + half, { name: lane.name, clean: true });
    return lane.name;
  }
  cleanSingle(place: Place, word: number): string {
    const lane = this.single(place, word);
    if (lane.clean) return lane.name;
    this.missIf(js`!(Math.abs(${lane.name}) > ${MIN_SINGLE}) && ${lane.name} !== 0`);
    if ('register' in place)
      this.cache.singles.set(4 * place.register + word, { name: lane.name, clean: true });
    return lane.name;
  }

  // ---- writing ----------------------------------------------------------------------------------------------------------
  /** A number that is no NaN. */
  setDouble(register: number, half: number, lane: Lane): void {
    const index = 2 * register + half;
    this.written.add(register);
    this.cache.dropHalf(index);
    this.push(statements`xf[${index}] = ${lane.name};`);
    this.cache.doubles.set(index, lane);
  }
  setSingle(register: number, word: number, lane: Lane): void {
    this.beforeWord(register, word);
    this.push(statements`xs[${4 * register + word}] = ${lane.name};`);
    this.cache.singles.set(4 * register + word, lane);
  }
  setWord(register: number, word: number, name: string): void {
    this.beforeWord(register, word);
    this.push(statements`xw[${4 * register + word}] = ${name};`);
    this.cache.words.set(4 * register + word, name);
  }
  private beforeWord(register: number, word: number): void {
    const index = 4 * register + word;
    this.written.add(register);
    this.cache.doubles.delete(index >> 1);
    this.cache.singles.delete(index);
    this.cache.words.delete(index);
  }
  clearHalf(register: number, half: number): void {
    const zero = this.name(js`0`);
    this.setDouble(register, half, { name: zero, clean: true });
    this.cache.words.set(4 * register + 2 * half, zero);
    this.cache.words.set(4 * register + 2 * half + 1, zero);
    this.cache.singles.set(4 * register + 2 * half, { name: zero, clean: true });
    this.cache.singles.set(4 * register + 2 * half + 1, { name: zero, clean: true });
  }

  /** 64 bits, whatever they are, into half a register. The target's other half stays. */
  copyHalf(register: number, half: number, from: Place, fromHalf: number): void {
    const index = 2 * register + half;
    const known = 'register' in from ? this.knownHalf(2 * from.register + fromHalf) : undefined;
    if (known && known.double === undefined && known.words.every((w) => w !== undefined)) {
      this.setWord(register, 2 * half, known.words[0]!);
      this.setWord(register, 2 * half + 1, known.words[1]!);
      this.inherit(index, known);
      return;
    }
    const lane = this.double(from, fromHalf);
    this.setDouble(register, half, lane);
    if (!lane.clean) {
      const low = this.rawWord(from, 2 * fromHalf), high = this.rawWord(from, 2 * fromHalf + 1); // prettier-ignore
      this.push(
        statements`if (${lane.name} !== ${lane.name}) { xw[${2 * index}] = ${low}; xw[${2 * index + 1}] = ${high}; }`,
      );
    }
    if (known) this.inherit(index, known);
  }
  private rawWord(from: Place, word: number): Expression {
    return 'at' in from
      ? js`dv.getInt32(${from.at} + ${4 * word}, true)`
      : js`xw[${4 * from.register + word}]`;
  }
  private knownHalf(index: number) {
    const { doubles, singles, words } = this.cache;
    return {
      double: doubles.get(index),
      singles: [singles.get(2 * index), singles.get(2 * index + 1)],
      words: [words.get(2 * index), words.get(2 * index + 1)],
    };
  }
  private inherit(index: number, known: ReturnType<VectorCode['knownHalf']>): void {
    if (known.double) this.cache.doubles.set(index, known.double);
    known.singles.forEach((lane, i) => lane && this.cache.singles.set(2 * index + i, lane));
    known.words.forEach((name, i) => name !== undefined && this.cache.words.set(2 * index + i, name));
  }
  /** 64 bits of a register to RAM. */
  storeHalf(register: number, half: number, at: string, offset: number): void {
    const known = this.knownHalf(2 * register + half);
    const to = (extra: number): Expression => js`${at} + ${offset + extra}`;
    if (known.double === undefined && known.words.every((w) => w !== undefined)) {
      this.push(statements`dv.setInt32(${to(0)}, ${known.words[0]!}, true);`);
      this.push(statements`dv.setInt32(${to(4)}, ${known.words[1]!}, true);`);
      return;
    }
    const lane = this.double({ register }, half);
    this.push(statements`dv.setFloat64(${to(0)}, ${lane.name}, true);`);
    if (lane.clean) return;
    const index = 4 * register + 2 * half;
    this.push(statements`if (${lane.name} !== ${lane.name}) {
      dv.setInt32(${to(0)}, xw[${index}], true); dv.setInt32(${to(4)}, xw[${index + 1}], true);
    }`);
  }

  // ---- MXCSR ------------------------------------------------------------------------------------------------------------
  /** MXCSR where rounding is to nearest and PE is masked; leaves if it is not so. */
  control(): string {
    if (this.cache.control === undefined) {
      const name = this.name(js`xc[0]`);
      this.missIf(js`(${name} & 0x7000) !== 0x1000`, true);
      this.cache.control = name;
    }
    return this.cache.control;
  }
  /** Sets PE unless it is set already or all of `inexact` are false. */
  notePrecision(control: string, inexact: readonly Expression[]): void {
    const any = inexact.reduce((all, test) => js`${all} || ${test}`);
    this.push(statements`if ((${control} & 32) === 0 && (${any})) { xc[0] = xc[0] | 32; }`);
  }
}
