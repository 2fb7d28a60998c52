/** Short ways of x87, SSE and SSE2 instructions in translated code; the helpers (runtime/fpu) remain their meaning and do what is left out here. */
import type { Expression, Statement as JsStatement } from 'estree';
import type { Instruction } from '../../decoder/instruction.js';
import type { KnownFlags } from './flags.js';
import { block, breakTo, labelled } from './quote.js';
import { compared, VECTOR_ARITHMETIC } from './vector-arithmetic.js';
import { VECTOR_INTEGER } from './vector-integer.js';
import { LaneCache, VectorCode, type VectorHost } from './vector-lanes.js';
import { X87_RULES } from './x87.js';
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

/** Mnemonics that have a short way with some operands. */
export const hasShortWay = (mnemonic: string): boolean => RULES.has(mnemonic);

export interface VectorResult {
  readonly code: JsStatement[];
  readonly flags: KnownFlags | undefined | 'kept';
}

export class VectorEmitter {
  private readonly code = new VectorCode();
  private labels = 0;

  /** What is known where emission stands: kept along edges that lead nowhere else. */
  get cache(): LaneCache {
    return this.code.cache;
  }
  /** undefined: nothing is known. */
  restore(cache: LaneCache | undefined): void {
    this.code.cache = new LaneCache(cache);
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
    const { code } = this;
    const before = new LaneCache(code.cache);
    const label = `S${this.labels++}`;
    code.host = slow ? { ...host, misaligned: true, miss: () => [breakTo(label)] } : host;
    code.out = [];
    code.written.clear();
    try {
      rule({ code, instruction, address });
    } catch (problem) {
      if (!(problem instanceof NoShortWay)) throw problem;
      code.cache = before;
      return undefined;
    }
    const flags = SETS_FLAGS.has(instruction.mnemonic) ? compared.flags : 'kept';
    if (slow === undefined) return { code: code.out, flags };
    return { code: this.withSlowWay(label, before, slow), flags: flags === 'kept' ? flags : undefined };
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
