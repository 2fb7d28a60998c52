/**
 * Finds the memory accesses of a loop whose addresses go up or down by the same number of bytes in each iteration, so that one check holds until the page ends. Registers
 * are followed as sums of multiples of what they were at the loop's head. Nothing in the loop may change a translation.
 */
import { vectorEffects } from '../emit/vector.js';
import type { Semantic, Statement, Value } from '../ir.js';

/** A block of a loop; the first is the head, the last the one that goes back to it. */
export interface LoopBlock {
  readonly semantics: readonly Semantic[];
  /** Indices of the blocks of the loop that lead here. */
  readonly before: readonly number[];
  /** Every iteration comes through it. */
  readonly always: boolean;
}
/** The sum of the registers at the loop's head times `times`, plus `displacement`, modulo 2^32. */
export interface Affine {
  readonly times: readonly number[];
  readonly displacement: number;
}
export interface LoopAccess {
  readonly address: Affine;
  /** Bytes from one iteration to the next. */
  readonly stride: number;
}

type Known = Affine | undefined;
const NONE: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0];
/** Strides above that leave a page too soon. */
const WIDEST = 1024;

/** By statement. Undefined if something in the loop may change a translation. */
export function loopAccesses(blocks: readonly LoopBlock[]): Map<Statement, LoopAccess> | undefined {
  const ends: Known[][] = [];
  const found = new Map<Statement, Affine>();
  for (const [i, { semantics, before, always }] of blocks.entries()) {
    const registers = i === 0 ? NONE.map((_, r) => register(r)) : meet(before.map((b) => ends[b]!));
    const walk = new Walk(registers);
    for (const semantic of semantics) if (!walk.instruction(semantic)) return undefined;
    ends.push(registers);
    if (always) for (const [statement, address] of walk.accesses) found.set(statement, address);
  }
  return withStrides(found, ends.at(-1)!.map(stepOf));
}

const register = (r: number): Affine => ({ times: NONE.map((_, i) => (i === r ? 1 : 0)), displacement: 0 });
const isSame = (a: Known, b: Known): boolean =>
  a !== undefined &&
  b !== undefined &&
  a.displacement === b.displacement &&
  a.times.every((t, i) => t === b.times[i]);
function meet(ways: readonly (readonly Known[])[]): Known[] {
  const [first, ...others] = ways;
  return NONE.map((_, r) => (others.every((way) => isSame(way[r], first![r])) ? first![r] : undefined));
}
/** What an iteration adds to a register; undefined if that differs. */
function stepOf(end: Known, r: number): number | undefined {
  return end !== undefined && isSame({ ...end, displacement: 0 }, register(r)) ? end.displacement : undefined;
}
function withStrides(
  found: ReadonlyMap<Statement, Affine>,
  steps: readonly (number | undefined)[],
): Map<Statement, LoopAccess> {
  const out = new Map<Statement, LoopAccess>();
  for (const [statement, address] of found) {
    let stride = 0;
    if (address.times.some((t, r) => t !== 0 && steps[r] === undefined)) continue;
    address.times.forEach((t, r) => (stride = (stride + Math.imul(t, steps[r] ?? 0)) | 0));
    if (Math.abs(stride) <= WIDEST) out.set(statement, { address, stride });
  }
  return out;
}

/** One block; `registers` is what they are as far as it has been followed. */
class Walk {
  readonly accesses = new Map<Statement, Affine>();
  private readonly registers: Known[];
  private temps = new Map<number, Known>();

  constructor(registers: Known[]) {
    this.registers = registers;
  }

  /** False if it may change a translation. */
  instruction({ statements }: Semantic): boolean {
    this.temps = new Map();
    return statements.every((s) => this.statement(s, true));
  }

  private statement(s: Statement, certain: boolean): boolean {
    switch (s.op) {
      case 'let':
        this.temps.set(s.id, this.value(s.value));
        return true;
      case 'load':
      case 'store': {
        const address = certain && !(s.op === 'store' && s.of >= 0) ? this.value(s.address) : undefined;
        if (address !== undefined) this.accesses.set(s, address);
        return true;
      }
      case 'quick':
        return certain && this.quick(s);
      case 'setGpr':
        if (s.register.kind !== 'fixed') return false;
        this.registers[s.register.index] = certain && s.width === 32 ? this.value(s.value) : undefined;
        return true;
      case 'when':
        return [...s.then, ...s.else].every((inner) => this.statement(inner, false));
      case 'setFlags':
      case 'patchFlags':
      case 'fault':
      case 'jump':
        return true;
      default:
        return false;
    }
  }

  private quick(s: Extract<Statement, { op: 'quick' }>): boolean {
    const effects = vectorEffects(s.instruction);
    if (effects === undefined) return false;
    const address = effects.access && this.value(s.address!);
    if (address !== undefined) this.accesses.set(s, address);
    for (const register of effects.general) this.registers[register] = undefined;
    return true;
  }

  private value(v: Value): Known {
    switch (v.op) {
      case 'const':
        return { times: NONE, displacement: v.value | 0 };
      case 'gpr':
        return v.width === 32 && v.register.kind === 'fixed' ? this.registers[v.register.index] : undefined;
      case 'temp':
        return this.temps.get(v.id);
      case 'add':
      case 'sub':
        return v.width === 32
          ? sum(this.value(v.left), this.value(v.right), v.op === 'add' ? 1 : -1)
          : undefined;
      case 'shl':
        return v.width === 32 && v.right.op === 'const'
          ? scaled(this.value(v.left), 1 << v.right.value)
          : undefined;
      default:
        return undefined;
    }
  }
}
function sum(a: Known, b: Known, sign: 1 | -1): Known {
  if (a === undefined || b === undefined) return undefined;
  return {
    times: a.times.map((t, i) => (t + sign * b.times[i]!) | 0),
    displacement: (a.displacement + sign * b.displacement) | 0,
  };
}
function scaled(a: Known, factor: number): Known {
  if (a === undefined) return undefined;
  return {
    times: a.times.map((t) => Math.imul(t, factor)),
    displacement: Math.imul(a.displacement, factor),
  };
}
