/** Short ways of x87, SSE and SSE2 instructions in translated code; the helpers (runtime/fpu) remain their meaning and do what is left out here. */
import type { Expression, Statement as JsStatement } from 'estree';
import type { Instruction } from '../../decoder/instruction.js';
import type { X87Pending } from '../../runtime/fpu/x87-pairs.js';
import type { KnownFlags } from './flags.js';
import { block, breakTo, labelled } from './quote.js';
import { compared, VECTOR_ARITHMETIC } from './vector-arithmetic.js';
import { VECTOR_INTEGER } from './vector-integer.js';
import { LaneCache, type Expected } from './lane-cache.js';
import { VectorCode, type VectorHost } from './vector-lanes.js';
import { X87_RULES } from './x87.js';
import { X87_INLINE } from './x87-inline.js';
import { NoInlineWay, X87Known } from './x87-known.js';
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

/** x87 instructions that leave registers, tags and control as they are. */
const X87_READS = new Set(['FNSTSW', 'FNSTCW']);

/** Mnemonics that have a short way with some operands. */
export const hasShortWay = (mnemonic: string): boolean => RULES.has(mnemonic);

export interface VectorResult {
  readonly code: JsStatement[];
  readonly flags: KnownFlags | undefined | 'kept';
}

export class VectorEmitter {
  private readonly code = new VectorCode();
  private readonly inlines: boolean;
  private labels = 0;

  /** `inlines`: x87 arithmetic in place, for the control word that is usual. */
  constructor(inlines: boolean) {
    this.inlines = inlines;
  }

  /** What is known where emission stands: kept along edges that lead nowhere else. */
  get cache(): LaneCache {
    return this.code.cache;
  }
  /** Where emission goes on. */
  restore(cache: LaneCache): void {
    this.code.cache = new LaneCache(cache);
  }
  /** Behind a helper. */
  forget(): void {
    this.code.cache.dropAll();
  }
  /** At the beginning of a block. */
  begin(expected: Expected): void {
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
    return this.code.marks();
  }
  /** Before a helper: all XMM registers in memory. */
  settle(host: VectorHost): JsStatement[] {
    return this.gather(host, () => this.code.settleAll());
  }
  private gather(host: VectorHost, emit: () => void): JsStatement[] {
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
    const { code } = this;
    const isX87 = Object.hasOwn(X87_RULES, instruction.mnemonic);
    const label = `S${this.labels++}`;
    code.host = slow ? { ...host, misaligned: true, miss: () => [breakTo(label)] } : host;
    const untouched = new LaneCache(code.cache);
    code.out = [];
    if (slow) code.settleAll();
    const settled = code.out;
    const before = new LaneCache(code.cache);
    const task = { code, instruction, address };
    const inline = this.inlines && slow === undefined ? X87_INLINE[instruction.mnemonic] : undefined;
    if (!inline || !this.attempt(() => inline(task))) {
      const all = (): void => {
        if (isX87) code.cache.x87.flush(code);
        rule(task);
      };
      if (!this.attempt(all)) {
        code.cache = untouched;
        return undefined;
      }
      if (isX87 && !X87_READS.has(instruction.mnemonic)) {
        code.cache.x87 = new X87Known();
        before.x87 = new X87Known();
      }
    }
    const flags = SETS_FLAGS.has(instruction.mnemonic) ? compared.flags : 'kept';
    if (slow === undefined) return { code: code.out, flags };
    code.settleAll();
    return {
      code: [...settled, ...this.withSlowWay(label, before, slow)],
      flags: flags === 'kept' ? flags : undefined,
    };
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
      if (!(problem instanceof NoShortWay || problem instanceof NoInlineWay)) throw problem;
      code.cache = before;
      code.checks = [];
      return false;
    }
  }
  /** Writes what waits of the x87 unit's state. */
  flush(host: VectorHost): JsStatement[] {
    const { code } = this;
    return this.gather(host, () => code.cache.x87.flush(code));
  }
  get pending(): X87Pending | undefined {
    return this.code.cache.x87.pending;
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
