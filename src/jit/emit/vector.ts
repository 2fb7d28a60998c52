/** Short ways of x87, SSE and SSE2 instructions in translated code; the helpers (runtime/fpu) remain their meaning and do what is left out here. */
import type { Expression, Statement as JsStatement } from 'estree';
import type { Instruction } from '../../decoder/instruction.js';
import { OPCODES } from '../../decoder/opcodes.js';
import type { KnownFlags } from './flags.js';
import { block, breakTo, labelled } from './quote.js';
import { compared, VECTOR_ARITHMETIC } from './vector-arithmetic.js';
import { VECTOR_INTEGER } from './vector-integer.js';
import { LaneCache, type Expected } from './lane-cache.js';
import { effectsOf, type VectorEffects } from './vector-effects.js';
import { VectorCode, type VectorHost } from './vector-lanes.js';
import { X87_RULES } from './x87.js';
import { X87_INLINE } from './x87-inline.js';
import type { X87Variables } from './x87-known.js';
import type { X87State } from './x87-state.js';
import { MOVES, NoShortWay, type Rule } from './vector-moves.js';

const RULES = new Map<string, Rule>(
  Object.entries({ ...MOVES, ...VECTOR_ARITHMETIC, ...VECTOR_INTEGER, ...X87_RULES }),
);
const SETS_FLAGS = new Set([
  'COMISS',
  'COMISD',
  'UCOMISS',
  'UCOMISD',
  'FCOMI',
  'FCOMIP',
  'FUCOMI',
  'FUCOMIP',
]);

const known = new WeakMap<Instruction, { readonly effects: VectorEffects | undefined }>();
/** Of an SSE instruction that has a short way with its operands; undefined for others. */
export function vectorEffects(instruction: Instruction): VectorEffects | undefined {
  let found = known.get(instruction);
  if (found === undefined) {
    const rule = isX87(instruction.mnemonic) ? undefined : RULES.get(instruction.mnemonic);
    found = { effects: rule && effectsOf(instruction, rule) };
    known.set(instruction, found);
  }
  return found.effects;
}

/** Mnemonics that have a short way with some operands. */
export const hasShortWay = (mnemonic: string): boolean => RULES.has(mnemonic);
/** 1 for each row of the opcode table whose mnemonic has; all x87 instructions that are emitted at all are among them. */
const SHORT_WAYS = Uint8Array.from(OPCODES, (row) => (RULES.has(row.mnemonic) ? 1 : 0));
export const isFloating = (instruction: Instruction): boolean => SHORT_WAYS[instruction.row] === 1;
export const isX87 = (mnemonic: string): boolean => Object.hasOwn(X87_RULES, mnemonic);
/** x87 instructions that are emitted in place. */
export const isInlineX87 = (mnemonic: string): boolean => Object.hasOwn(X87_INLINE, mnemonic);

export interface VectorResult {
  readonly code: JsStatement[];
  readonly flags: KnownFlags | undefined | 'kept';
}

export class VectorEmitter {
  private readonly code = new VectorCode();
  private readonly inlines: boolean;
  private labels = 0;

  /** No instruction has a short way: nothing is ever known. */
  private readonly idle: boolean;

  /** `inlines`: x87 arithmetic in place, for the control word that is usual; `idle`: no instruction of the region has a short way. */
  constructor(inlines: boolean, idle: boolean) {
    this.inlines = inlines;
    this.idle = idle;
  }

  /** What is known where emission stands: kept along edges that lead nowhere else. */
  get cache(): LaneCache {
    return this.code.cache;
  }
  get x87Variables(): X87Variables {
    return this.code.x87Variables;
  }
  /** What is known, for another place. */
  snapshot(): LaneCache {
    return this.idle ? this.code.cache : new LaneCache(this.code.cache);
  }
  /** Where emission goes on. */
  restore(cache: LaneCache): void {
    if (!this.idle) this.code.cache = new LaneCache(cache);
  }
  /** Behind a helper. */
  forget(): void {
    if (!this.idle) this.code.cache.dropAll();
  }
  /** At the beginning of a block. */
  begin(expected: Expected): void {
    if (this.idle) return;
    this.code.cache = LaneCache.expected(expected);
    for (const key of expected.waiting) this.code.variables.add(key);
  }
  /** Variables that registers have. */
  get variables(): ReadonlySet<number> {
    return this.code.variables;
  }
  /** On the way to a block. */
  arrive(host: VectorHost, expected: Expected, leave: (control: boolean) => JsStatement[]): JsStatement[] {
    return this.gather(host, () => this.code.arrive(expected, leave));
  }
  marks(): JsStatement[] {
    return this.idle ? [] : this.code.marks();
  }
  /** Before a helper: all XMM registers in memory. */
  settle(host: VectorHost): JsStatement[] {
    return this.gather(host, () => this.code.settleAll());
  }
  private gather(host: VectorHost, emit: () => void): JsStatement[] {
    if (this.idle) return [];
    const { code } = this;
    code.host = host;
    code.out = [];
    emit();
    return code.out;
  }

  /**
   * The instruction, or undefined if it has no short way. With `slow`, what the short way cannot do is done by that code, in place; otherwise
   * `host.miss` leaves.
   */
  emit(
    instruction: Instruction,
    address: Expression | undefined,
    host: VectorHost,
    slow: (() => JsStatement[]) | undefined,
  ): VectorResult | undefined {
    const rule = RULES.get(instruction.mnemonic);
    if (rule === undefined) return undefined;
    if (this.inlines && isX87(instruction.mnemonic))
      return this.emitX87(instruction, address, { ...host, calls: slow !== undefined });
    const { code } = this;
    const label = `S${this.labels++}`;
    code.host = slow ? { ...host, misaligned: true, miss: () => [breakTo(label)] } : host;
    const untouched = new LaneCache(code.cache);
    code.out = [];
    if (slow) code.settleAll();
    const settled = code.out;
    const before = new LaneCache(code.cache);
    if (!this.attempt(() => rule({ code, instruction, address }))) {
      code.cache = untouched;
      return undefined;
    }
    const flags = SETS_FLAGS.has(instruction.mnemonic) ? compared.flags : 'kept';
    if (slow === undefined) return { code: code.out, flags };
    code.settleAll();
    return {
      code: [...settled, ...this.withSlowWay(label, before, slow)],
      flags: flags === 'kept' ? flags : undefined,
    };
  }

  /** In place, but for wrong uses of the stack. */
  private emitX87(
    instruction: Instruction,
    address: Expression | undefined,
    host: VectorHost,
  ): VectorResult | undefined {
    const { code } = this;
    if (!code.cache.x87.state.fits(instruction)) return undefined;
    code.host = host;
    code.out = [];
    X87_INLINE[instruction.mnemonic]!({ code, instruction, address });
    return { code: code.out, flags: SETS_FLAGS.has(instruction.mnemonic) ? compared.flags : 'kept' };
  }

  /** False where the rule does not serve: nothing is emitted and known then. */
  private attempt(rule: () => void): boolean {
    const { code } = this;
    const before = new LaneCache(code.cache);
    code.out = [];
    code.checks = [];
    code.written.clear();
    try {
      rule();
      code.decide();
      return true;
    } catch (problem) {
      if (!(problem instanceof NoShortWay)) throw problem;
      code.cache = before;
      code.checks = [];
      return false;
    }
  }
  /** Writes the x87 unit's state to memory, if it is in variables; `mnemonic`: an x87 instruction that works on it there. */
  leaveX87(host: VectorHost, mnemonic?: string): JsStatement[] {
    const { code } = this;
    return this.gather(host, () => code.cache.x87.leave(code, mnemonic));
  }
  /** Makes what is known of the x87 unit be what `state` says, where another block follows. */
  meetX87(host: VectorHost, state: X87State): JsStatement[] {
    const { code } = this;
    if (state.presence === 'off') return this.leaveX87(host);
    return this.gather(host, () => code.cache.x87.meet(code, state));
  }

  /** What either way has written is read from memory afterwards. */
  private withSlowWay(label: string, before: LaneCache, slow: () => JsStatement[]): JsStatement[] {
    const { code } = this;
    const fast = code.out;
    const written = [...code.written];
    const done = `Q${label}`;
    const slowCode = slow();
    code.cache = before;
    for (const register of written) code.cache.dropRegister(register);
    return [labelled(done, block([labelled(label, block([...fast, breakTo(done)])), ...slowCode]))];
  }
}
