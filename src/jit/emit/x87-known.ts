/**
 * What is known of the x87 unit where emission stands. Registers are named by their distance from the stack top at the guard: `base`, a constant of the
 * emitted code. Numbers are written to their pairs (runtime/fpu/x87-pairs.ts) at once; the top, the tags, exchanges, C1 and the pointers wait for
 * `flush`, or for whoever takes over at an exit (`X87Pending`).
 */
import type { Expression } from 'estree';
import {
  LOW,
  RESIDUE,
  X87_CONTROL,
  X87_HELD,
  X87_INSTRUCTION_OFFSET,
  X87_INSTRUCTION_SELECTOR,
  X87_OPERAND_SELECTOR,
  X87_STATUS,
  X87_TOP,
  X87_TRUST,
  X87_VALID,
  type X87Pending,
} from '../../runtime/fpu/x87-pairs.js';
import { CLASS, ES, EXTENDED_NEAREST, PE } from '../../runtime/fpu/x87-short-core.js';
import { js, statements } from './quote.js';
import type { VectorCode } from './vector-lanes.js';

/** High and low part by name. */
export interface Pair {
  readonly h: string;
  readonly l: string;
}
/** A low part that is nothing. */
export const ZERO = '0';
export const part = (name: string): Expression => (name === ZERO ? js`0` : js`${name}`);

const C1 = 0x200;

/** The instruction's stack use is wrong, or unknown: the other short way decides. */
export class NoInlineWay extends Error {}

export class X87Known {
  private base: string | undefined;
  /** Names: PE is not set yet; tags from `base` on, of registers in use, and of those in use and in their pairs. */
  fresh = '';
  private filled = '';
  private usable = '';
  private top = 0;
  private readonly pairs: (Pair | undefined)[] = [];
  private readonly tags: ('valid' | 'empty' | undefined)[] = [];
  private readonly places: string[] = [];
  /** Register → register whose place has its number. */
  private slots = [0, 1, 2, 3, 4, 5, 6, 7];
  // What waits, relative to `base`.
  private filledBits = 0;
  private emptiedBits = 0;
  private heldBits = 0;
  /** What the state has as top. */
  private flushedTop = 0;
  private c1: 'kept' | 'cleared' | 'rounded' = 'kept';
  private instruction: number | undefined;
  private segment: number | undefined;

  constructor(from?: X87Known) {
    if (from === undefined) return;
    Object.assign(this, from);
    this.pairs = [...from.pairs];
    this.tags = [...from.tags];
    this.places = [...from.places];
    this.slots = [...from.slots];
  }

  /** Checks once that rounding is to nearest in 64 bits with PE masked and that no exception waits. */
  guard(code: VectorCode): void {
    if (this.base !== undefined) return;
    const state = code.host.x87('xi');
    const b = code.name(js`${state}[${X87_TOP}]`);
    const status = code.name(js`xi[${X87_STATUS}]`);
    code.missIf(js`(xi[${X87_CONTROL}] & ${CLASS} ^ ${EXTENDED_NEAREST} | ${status} & ${ES}) !== 0`, true);
    this.filled = code.name(js`xi[${X87_VALID}] * 257 >>> ${b}`);
    this.usable = code.name(js`(xi[${X87_VALID}] & xi[${X87_HELD}] & xi[${X87_TRUST}]) * 257 >>> ${b}`);
    this.fresh = code.name(js`(${status} & ${PE} & xi[${X87_TRUST}]) === 0`);
    this.base = b;
  }

  /** Index in `xd` of the number of a register. */
  private place(code: VectorCode, register: number): string {
    const slot = this.slots[register]!;
    return (this.places[slot] ??= code.name(js`${this.base!} + ${slot} & 7`));
  }
  private index(i: number): number {
    return (this.top + i) & 7;
  }
  /** ST(i), checked to be in use and a number. */
  read(code: VectorCode, i: number): Pair {
    const register = this.index(i);
    if (this.tags[register] === 'empty') throw new NoInlineWay();
    const place = this.place(code, register);
    if (this.tags[register] === undefined) {
      code.missIf(
        js`(${this.usable} & ${1 << register}) === 0 && ${code.host.x87('x87Adopt')}(${place}) === 0`,
      );
      this.tags[register] = 'valid';
    }
    return (this.pairs[register] ??= {
      h: code.name(js`xd[${place}]`),
      l: code.name(js`xd[${place} + ${LOW}]`),
    });
  }
  /** Checks that a push may go on. */
  expectRoom(code: VectorCode): void {
    const register = this.index(7);
    if (this.tags[register] === 'valid') throw new NoInlineWay();
    if (this.tags[register] === undefined) code.missIf(js`(${this.filled} & ${1 << register}) !== 0`);
    this.tags[register] = 'empty';
  }

  // ---- changes: behind the last check of an instruction ------------------------------------------------------------------
  write(code: VectorCode, i: number, pair: Pair): void {
    const register = this.index(i);
    const place = this.place(code, register);
    code.push(statements`xd[${place}] = ${pair.h}; xd[${place} + ${LOW}] = ${part(pair.l)};`);
    this.pairs[register] = pair;
    if (this.tags[register] !== 'valid') {
      this.tags[register] = 'valid';
      this.filledBits |= 1 << register;
      this.emptiedBits &= ~(1 << register);
    }
    this.heldBits |= 1 << register;
  }
  push(code: VectorCode, pair: Pair): void {
    this.top = (this.top - 1) & 7;
    this.write(code, 0, pair);
  }
  pop(): void {
    const register = this.top;
    this.tags[register] = 'empty';
    this.filledBits &= ~(1 << register);
    this.emptiedBits |= 1 << register;
    this.top = (register + 1) & 7;
  }
  /** Of numbers that have been read. */
  exchange(i: number): void {
    const a = this.top, b = this.index(i); // prettier-ignore
    [this.slots[a], this.slots[b]] = [this.slots[b]!, this.slots[a]!];
    [this.pairs[a], this.pairs[b]] = [this.pairs[b], this.pairs[a]];
  }
  clearC1(): void {
    this.c1 = 'cleared';
  }
  /** The residue has been stored, or C1 is in the status word. */
  rounded(): void {
    this.c1 = 'rounded';
  }
  settledC1(): void {
    this.c1 = 'kept';
  }
  /** Offset of the instruction relative to the region's page; segment of its memory operand. */
  note(offset: number, segment: number | undefined): void {
    this.instruction = offset;
    if (segment !== undefined) this.segment = segment;
  }

  // ---- what waits --------------------------------------------------------------------------------------------------------
  get pending(): X87Pending | undefined {
    if (this.instruction === undefined) return undefined;
    const { c1, instruction, segment, flushedTop } = this;
    const bits = (b: number): number => ((b * 257) >>> flushedTop) & 255;
    return {
      top: (this.top - flushedTop) & 7,
      filledBits: bits(this.filledBits),
      emptiedBits: bits(this.emptiedBits),
      heldBits: bits(this.heldBits),
      slots: this.slots.map((_, i) => (this.slots[(i + flushedTop) & 7]! - flushedTop) & 7),
      c1,
      instruction,
      segment,
    };
  }
  /** Writes all that waits. */
  flush(code: VectorCode): void {
    if (this.instruction === undefined) return;
    const b = this.base!;
    if (this.top !== this.flushedTop) code.push(statements`xi[${X87_TOP}] = ${b} + ${this.top} & 7;`);
    if ((this.filledBits | this.emptiedBits) !== 0)
      code.push(
        statements`xi[${X87_VALID}] = xi[${X87_VALID}] & ~${turned(this.emptiedBits, b)} | ${turned(this.filledBits, b)};`,
      );
    if (this.heldBits !== 0)
      code.push(statements`xi[${X87_HELD}] = xi[${X87_HELD}] | ${turned(this.heldBits, b)};`);
    this.flushExchanges(code);
    if (this.c1 === 'cleared')
      code.push(statements`xd[${RESIDUE}] = 0; xi[${X87_STATUS}] = xi[${X87_STATUS}] & ${~C1};`);
    else if (this.c1 === 'rounded')
      code.push(statements`xi[${X87_STATUS}] = xi[${X87_STATUS}] & (xd[${RESIDUE}] === 0 ? ${~C1} : -1);`);
    code.push(statements`xi[${X87_INSTRUCTION_OFFSET}] = vb + ${this.instruction} | 0;`);
    code.push(statements`xi[${X87_INSTRUCTION_SELECTOR}] = fcs;`);
    if (this.segment !== undefined)
      code.push(statements`xi[${X87_OPERAND_SELECTOR}] = selectors[${this.segment}];`);
    this.filledBits = this.emptiedBits = this.heldBits = 0;
    this.flushedTop = this.top;
    this.c1 = 'kept';
    this.instruction = this.segment = undefined;
  }
  private flushExchanges(code: VectorCode): void {
    const moved = this.slots.flatMap((slot, register) => (slot === register ? [] : [register]));
    this.slots = [0, 1, 2, 3, 4, 5, 6, 7];
    for (const register of moved) {
      const { h, l } = this.pairs[register]!;
      const place = this.place(code, register);
      code.push(statements`xd[${place}] = ${h}; xd[${place} + ${LOW}] = ${part(l)};`);
    }
  }
}

/** Bits by distance from `base` → by register. */
function turned(bits: number, base: string): Expression {
  return bits === 0 ? js`0` : js`(${bits * 257} << ${base} >>> 8 & 255)`;
}
