/**
 * What is known of the x87 unit at a point of a region without looking at numbers: whether its state is in the region's variables, how far the stack top
 * is from the one that registers are named from, which registers are in use, and that rounding is to nearest. One rule for what an instruction does
 * to it serves the search over the region's blocks and the emission of code.
 */
import type { Instruction } from '../../decoder/instruction.js';

export type Tag = 'valid' | 'empty' | undefined;
/** `maybe`: code looks at the variable `xon`. */
export type Presence = 'off' | 'maybe' | 'on';

/** Instructions that push, and by how many others change the top (those that are not emitted in place only as a guess for what follows). */
const PUSHES = new Set(['FLD', 'FILD', 'FLD1', 'FLDZ', 'FLDPI', 'FLDL2T', 'FLDL2E', 'FLDLG2', 'FLDLN2', 'FSINCOS', 'FPTAN', 'FXTRACT', 'FBLD']); // prettier-ignore
const POPS_TWO = new Set(['FCOMPP', 'FUCOMPP']);
const POPS = new Set(['FADDP', 'FSUBP', 'FSUBRP', 'FMULP', 'FDIVP', 'FDIVRP', 'FSTP', 'FISTP', 'FISTTP', 'FCOMP', 'FUCOMP', 'FICOMP', 'FCOMIP', 'FUCOMIP', 'FYL2X', 'FYL2XP1', 'FPATAN', 'FBSTP']); // prettier-ignore
/** They look at no register of the stack. */
const CONTROL = new Set(['FNSTSW', 'FNSTCW', 'FLDCW']);
/** They write a register that need not be in use. */
const COPIES = new Set(['FST', 'FSTP']);

export const popsOf = (mnemonic: string): number => (POPS_TWO.has(mnemonic) ? 2 : POPS.has(mnemonic) ? 1 : 0);

/** Distances from ST(0) of the registers that an instruction reads, and of the one that it fills. */
function registersOf({ mnemonic, operands }: Instruction): { reads: number[]; fills: number | undefined } {
  const named = operands.flatMap((o) => (o.kind === 'st' ? [o.index] : []));
  if (CONTROL.has(mnemonic)) return { reads: [], fills: undefined };
  if (PUSHES.has(mnemonic)) return { reads: mnemonic === 'FLD' ? named : [], fills: undefined };
  if (POPS_TWO.has(mnemonic)) return { reads: [0, 1], fills: undefined };
  if (COPIES.has(mnemonic)) return { reads: [0], fills: named[0] };
  return { reads: [0, ...named], fills: undefined };
}

export class X87State {
  presence: Presence = 'off';
  /** Registers are named by their distance from a base; that of ST(0). A guess while off. */
  top = 0;
  readonly tags: Tag[] = [];
  /** Bits of the registers whose contents are in their variables. */
  held = 0;
  nearest = true;
  /** Ways with different tops meet here: all that lead here write the state to memory. */
  forced = false;

  constructor(from?: X87State) {
    if (from === undefined) return;
    this.presence = from.presence;
    this.top = from.top;
    this.tags = [...from.tags];
    this.held = from.held;
    this.nearest = from.nearest;
    this.forced = from.forced;
  }

  /** Bits of the registers with a tag. */
  tagged(tag: Tag): number {
    let bits = 0;
    for (let i = 0; i < 8; i++) if (this.tags[i] === tag) bits |= 1 << i;
    return bits;
  }
  index(i: number): number {
    return (this.top + i) & 7;
  }
  /** The stack is not known to be used wrongly. */
  fits(instruction: Instruction): boolean {
    if (this.presence === 'off') return true;
    const { reads } = registersOf(instruction);
    if (PUSHES.has(instruction.mnemonic) && this.tags[this.index(7)] === 'valid') return false;
    return reads.every((i) => this.tags[this.index(i)] !== 'empty');
  }
  /** Behind an instruction that is emitted in place. */
  pass(instruction: Instruction): void {
    const { mnemonic } = instruction;
    if (this.presence === 'off') this.load();
    this.presence = 'on';
    const { reads, fills } = registersOf(instruction);
    for (const i of reads) this.hold(this.index(i));
    if (fills !== undefined) this.hold(this.index(fills));
    if (mnemonic === 'FLDCW') this.nearest = false;
    this.move(mnemonic);
  }
  /** Behind one that works on the state in memory. */
  leave(mnemonic = ''): void {
    this.move(mnemonic);
    this.presence = 'off';
    this.forget();
  }
  /** The state has just been loaded. */
  load(): void {
    this.forget();
    this.nearest = true;
  }
  private forget(): void {
    this.tags.length = 0;
    this.held = 0;
  }
  /** The register is in use, and its contents are in its variables. */
  hold(register: number): void {
    this.tags[register] = 'valid';
    this.held |= 1 << register;
  }
  private move(mnemonic: string): void {
    if (PUSHES.has(mnemonic)) {
      this.top = this.index(7);
      this.hold(this.top);
    }
    for (let n = popsOf(mnemonic); n > 0; n--) {
      this.tags[this.top] = 'empty';
      this.top = this.index(1);
    }
  }

  /** What is known where a way meets those before it, the first of which has chosen the top. */
  static meet(a: X87State | undefined, b: X87State): X87State {
    if (a === undefined) return new X87State(b);
    const out = new X87State(a);
    if (a.forced || b.presence === 'off') {
      if (a.presence === 'on') out.presence = 'maybe';
      return out;
    }
    if (a.top !== b.top) return out.force();
    if (a.presence === 'off') {
      const taken = new X87State(b);
      taken.presence = 'maybe';
      return taken;
    }
    for (let i = 0; i < 8; i++) if (a.tags[i] !== b.tags[i]) out.tags[i] = undefined;
    out.held = a.held & b.held;
    out.nearest = a.nearest && b.nearest;
    if (b.presence !== 'on') out.presence = 'maybe';
    return out;
  }
  private force(): this {
    this.forced = true;
    this.presence = 'off';
    this.forget();
    return this;
  }
  same(other: X87State): boolean {
    for (let i = 0; i < 8; i++) if (this.tags[i] !== other.tags[i]) return false;
    const { presence, top, nearest, forced } = this;
    return (
      presence === other.presence &&
      top === other.top &&
      this.held === other.held &&
      nearest === other.nearest &&
      forced === other.forced
    );
  }
}
