/**
 * The x87 unit where emission stands. Its state is in variables of the region: registers are named by their distance from a base that is chosen where the
 * state is loaded, so that a number stays in its variables over branches and loops. Whoever leaves the region writes all of it to memory
 * (runtime/fpu/x87-pairs.ts), where the dispatcher and helpers find it.
 *
 * A low part here may be larger than what rounding leaves: a sum stays as its high part and what is missing, below 2^-BOUND of it. That keeps the
 * next operation from waiting. In memory pairs have the rounded sum as their high part.
 */
import type { Expression, Statement as JsStatement } from 'estree';
import {
  LOW,
  RESIDUE,
  RESIDUE_SIGN,
  X87_CONTROL,
  X87_HELD,
  X87_INSTRUCTION_OFFSET,
  X87_INSTRUCTION_SELECTOR,
  X87_OPERAND_OFFSET,
  X87_OPERAND_SELECTOR,
  X87_SELECTORS,
  X87_STATUS,
  X87_TOP,
  X87_VALID,
} from '../../runtime/fpu/x87-pairs.js';
import { CLASS, ES, EXTENDED_NEAREST, PE } from '../../runtime/fpu/x87-short-core.js';
import { blockOf } from './nodes.js';
import { js, statements } from './quote.js';
import type { VectorCode } from './vector-lanes.js';
import { X87State } from './x87-state.js';

/** High and low part by name, and below which power of two of the high part, 2^-bound, the low one is. */
export interface Pair {
  readonly h: string;
  readonly l: string;
  readonly bound: number;
}
/** A low part that is nothing. It is -0, which added to a high part leaves the sign of a zero. */
export const ZERO = '0';
export const NOTHING = (): Expression => js`-(+0)`;
export const part = (name: string): Expression => (name === ZERO ? NOTHING() : js`${name}`);

/** What the low parts of numbers in variables keep to wherever ways meet. */
export const BOUND = 38;
const C1 = 0x200;
const NONE = 0x7fffffff;
const ROUNDING = 0xc00;
const CS = 1;

export const highOf = (register: number): string => `x${register}h`;
export const lowOf = (register: number): string => `x${register}l`;

/** Variables of a region and the code that moves the state between them and memory. */
export class X87Variables {
  private readonly used = new Set<number>();
  private readonly numbersIn: JsStatement[] = [];
  private readonly numbersOut: JsStatement[] = [];
  uses = false;

  use(register: number): void {
    this.used.add(register);
  }
  /** To stand before the region's code. */
  declarations(): JsStatement[] {
    if (!this.uses) return [];
    const numbers = [...this.used].flatMap((i) => statements`let ${highOf(i)} = +0, ${lowOf(i)} = +0;`);
    return statements`
      let xon = 0, xb = 0, xt = 0, xv = 0, xh = 0, xk = 0, xn = 0, xo = 0, xst = 0, xip = ${NONE}, xds = -1, xdp = 0, xres = +0, xsgn = +0;
      ${numbers};`;
  }
  /** Once all registers are known. */
  finish(): void {
    for (const i of this.used) {
      const [h, l] = [highOf(i), lowOf(i)];
      this.numbersIn.push(
        ...statements`{ const p = xb + ${i} & 7; ${h} = xd[p]; ${l} = ${h} === 0 ? ${NOTHING()} : xd[p + ${LOW}]; }`,
      );
      this.numbersOut.push(
        ...statements`{ const p = xb + ${i} & 7, sum = ${h} + ${l}; xd[p] = sum; xd[p + ${LOW}] = ${l} - (sum - ${h}); }`,
      );
    }
  }
  /** Loads all, with the top at distance `top` from the base; `leave` where the control or status word is not the usual one. */
  load(top: number, leave: JsStatement[], adopt: string): JsStatement[] {
    this.uses = true;
    const shared = blockOf(this.numbersIn);
    return statements`
      xst = xi[${X87_STATUS}];
      if ((xi[${X87_CONTROL}] & ${CLASS} ^ ${EXTENDED_NEAREST} | xst & ${ES}) !== 0) { ${leave} }
      if (xi[${X87_HELD}] !== 255) { ${adopt}(0); }
      xt = ${top};
      xb = xi[${X87_TOP}] - ${top} & 7;
      xv = Math.imul(xi[${X87_VALID}], 257) >>> xb & 255;
      xh = Math.imul(xi[${X87_HELD}], 257) >>> xb & 255;
      xres = xd[${RESIDUE}]; xsgn = xd[${RESIDUE_SIGN}];
      if (xres === 0) { if ((xst & ${C1}) !== 0) { xres = +-1; xsgn = +1; } }
      xst = xst & ${~C1};
      xk = 0; xn = 0; xo = 0;
      xip = ${NONE}; xds = -1;
      ${shared};
      xon = 1;`;
  }
  /** Writes all, if it has been loaded. */
  store(): JsStatement[] {
    const shared = blockOf(this.numbersOut);
    const selector = (segment: Expression): Expression =>
      js`xi[${X87_SELECTORS} + (${segment} >> 1)] >>> ((${segment} & 1) << 4) & 65535`;
    return statements`if (xon !== 0) {
      xi[${X87_TOP}] = xb + xt & 7;
      xi[${X87_VALID}] = Math.imul(xv & ~xk | xn, 257) << xb >>> 8 & 255;
      xi[${X87_HELD}] = Math.imul(xh | xo, 257) << xb >>> 8 & 255;
      xi[${X87_STATUS}] = xst;
      xd[${RESIDUE}] = xres; xd[${RESIDUE_SIGN}] = xsgn;
      if (xip !== ${NONE}) {
        xi[${X87_INSTRUCTION_OFFSET}] = vb + xip | 0;
        xi[${X87_INSTRUCTION_SELECTOR}] = ${selector(js`${CS}`)};
      }
      if (xds >= 0) {
        xi[${X87_OPERAND_OFFSET}] = xdp;
        xi[${X87_OPERAND_SELECTOR}] = ${selector(js`xds`)};
      }
      ${shared};
      xon = 0;
    }`;
  }
}

export class X87Known {
  state = new X87State();
  /** By distance from the base. */
  private readonly pairs: (Pair | undefined)[] = [];
  /** Doubles whose halves have names. */
  readonly halves = new Map<string, readonly [string, string]>();
  /** Nothing was rounded away last. */
  private exact = false;

  constructor(from?: X87Known) {
    if (from === undefined) return;
    this.state = new X87State(from.state);
    this.pairs = [...from.pairs];
    this.halves = new Map(from.halves);
    this.exact = from.exact;
  }

  /** At the start of a block. More may be known on a way there than its state says, so that the stack turns out to be used wrongly before. */
  enter(state: X87State | undefined): void {
    this.state = new X87State(state);
    this.state.forced = false;
    if (this.state.presence === 'on') this.state.presence = 'maybe';
    this.pairs.length = 0;
    this.halves.clear();
    this.exact = false;
  }

  /** Sees to it that the state is in variables, and the instruction's rounding to nearest if it needs that. */
  load(code: VectorCode, rounds: boolean): void {
    const { state } = this;
    if (state.presence !== 'on') {
      const adopt = code.host.x87('x87AdoptAll');
      const body = code.x87Variables.load(state.top, code.host.miss(true), adopt);
      if (state.presence === 'off') code.push(body);
      else {
        const valid = state.tagged('valid'), empty = state.tagged('empty'), { held } = state; // prettier-ignore
        if (held !== 0) body.push(...statements`if ((xh & ${held}) !== ${held}) { ${code.host.miss()} }`);
        if (valid !== 0) body.push(...statements`if ((xv & ${valid}) !== ${valid}) { ${code.host.miss()} }`);
        if (empty !== 0) body.push(...statements`if ((xv & ${empty}) !== 0) { ${code.host.miss()} }`);
        body.push(...this.published());
        code.push(statements`if (xon === 0) { ${body} }`);
      }
      if (state.presence === 'off') state.load();
      state.presence = 'on';
    }
    if (rounds && !state.nearest) {
      code.missIf(js`(xi[${X87_CONTROL}] & ${ROUNDING}) !== 0`);
      state.nearest = true;
    }
  }
  /** Makes what is known of tags and contents be what leaves with the state: constants, which cost nothing until then. */
  private published(): JsStatement[] {
    const { state } = this;
    const valid = state.tagged('valid');
    return statements`xk = ${valid | state.tagged('empty')}; xn = ${valid}; xo = ${state.held};`;
  }

  /** ST(i), checked to be in use and a number. */
  read(code: VectorCode, i: number): Pair {
    const register = this.state.index(i);
    code.x87Variables.use(register);
    if (this.state.tags[register] !== 'valid') {
      const bit = 1 << register;
      code.missIf((this.state.held & bit) !== 0 ? js`(xv & ${bit}) === 0` : js`(xv & xh & ${bit}) === 0`);
      this.state.hold(register);
    }
    return (this.pairs[register] ??= {
      h: code.copy(js`${highOf(register)}`),
      l: code.copy(js`${lowOf(register)}`),
      bound: BOUND,
    });
  }
  /** Checks that a push may go on. */
  expectRoom(code: VectorCode): void {
    const register = this.state.index(7);
    if (this.state.tags[register] === undefined) code.missIf(js`(xv & ${1 << register}) !== 0`);
    this.state.tags[register] = 'empty';
  }

  // ---- changes: behind the last check of an instruction ------------------------------------------------------------------
  write(code: VectorCode, i: number, pair: Pair): void {
    const register = this.state.index(i);
    code.x87Variables.use(register);
    this.assign(code, register, pair);
    this.state.hold(register);
    code.push(this.published());
  }
  private assign(code: VectorCode, register: number, pair: Pair): void {
    code.push(statements`${highOf(register)} = ${pair.h}; ${lowOf(register)} = ${part(pair.l)};`);
    this.pairs[register] = pair;
  }
  push(code: VectorCode, pair: Pair): void {
    this.state.top = this.state.index(7);
    this.write(code, 0, pair);
    code.push(statements`xt = ${this.state.top};`);
  }
  pop(code: VectorCode): void {
    const { state } = this;
    state.tags[state.top] = 'empty';
    state.top = state.index(1);
    code.push([...this.published(), ...statements`xt = ${state.top};`]);
  }
  /** Of numbers that have been read. */
  exchange(code: VectorCode, i: number): void {
    const a = this.state.top, b = this.state.index(i); // prettier-ignore
    const first = this.pairs[a]!;
    this.assign(code, a, this.pairs[b]!);
    this.assign(code, b, first);
  }
  clearC1(code: VectorCode): void {
    if (!this.exact) code.push(statements`xres = +0;`);
    this.exact = true;
  }
  /** What the rounding to number `h` took away. */
  settle(code: VectorCode, rest: string, h: string): void {
    this.exact = false;
    code.push(statements`xres = ${rest}; xsgn = ${h};
      if ((xst & ${PE}) === 0) { if (${rest} !== 0) { xst = xst | ${PE}; } }`);
  }
  /** Offset of the instruction relative to the region's page; segment and offset of its memory operand. */
  note(code: VectorCode, offset: number, segment: number | undefined, operand: Expression | undefined): void {
    code.push(statements`xip = ${offset};`);
    if (segment !== undefined && operand !== undefined)
      code.push(statements`xds = ${segment}; xdp = ${operand};`);
  }

  // ---- where ways part and meet ------------------------------------------------------------------------------------------
  /** Makes numbers and masks keep to what `to` says of a block that other ways lead to as well. */
  meet(code: VectorCode, to: X87State): void {
    const { state } = this;
    if (state.presence !== 'off' && state.top !== to.top)
      throw new Error('blocks disagree about the x87 stack');
    this.pairs.forEach((pair, register) => {
      if (pair === undefined || pair.bound >= BOUND || state.tags[register] !== 'valid') return;
      this.assign(code, register, normal(code, pair));
    });
    const unknown = to.tagged(undefined);
    const valid = state.tagged('valid') & unknown, empty = state.tagged('empty') & unknown; // prettier-ignore
    if ((valid | empty) !== 0) code.push(statements`xv = xv & ${~empty} | ${valid};`);
    const held = state.held & ~to.held;
    if (held !== 0) code.push(statements`xh = xh | ${held};`);
  }
  /** Writes all to memory. */
  leave(code: VectorCode, mnemonic?: string): void {
    if (this.state.presence !== 'off') code.push(code.x87Variables.store());
    this.state.leave(mnemonic);
    this.pairs.length = 0;
    this.exact = false;
  }
}

/** The same number with the rounded sum as its high part. */
export function normal(code: VectorCode, pair: Pair): Pair {
  if (pair.bound >= 52) return pair;
  const h = code.name(js`${pair.h} + ${pair.l}`);
  return { h, l: code.name(js`${pair.l} - (${h} - ${pair.h})`), bound: 52 };
}
