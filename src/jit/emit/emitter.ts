/** Emission rules: IR → ESTree, the same for regions, the interpreter's hot switch and its handler table. */
import type { Expression, Statement as JsStatement } from 'estree';
import { FlagKind, type Semantic, type Statement, type Value, type Width } from '../ir.js';
import {
  assignFlags,
  carryValue,
  conditionTest,
  knownAfterPatch,
  patchFlags,
  statusFlagsValue,
  type KnownFlags,
} from './flags.js';
import { identifier, js, numeral, statements } from './quote.js';
import type { Target } from './target.js';

const maskOf = (width: Width): number => (width === 8 ? 0xff : 0xffff);
const masked = (width: Width, e: Expression): Expression =>
  width === 32 ? js`${e} | 0` : js`${e} & ${maskOf(width)}`;
const signed = (width: Width, e: Expression): Expression =>
  width === 32 ? e : js`${e} << ${32 - width} >> ${32 - width}`;

export class Emitter {
  /** What is known of the flags where emission stands; undefined at joins. */
  known: KnownFlags | undefined = undefined;

  private readonly target: Target;

  /** Keeps the temps of different instructions apart. */
  private prefix = 't';

  constructor(target: Target) {
    this.target = target;
  }

  /** Emits one instruction. */
  instruction(semantic: Semantic, prefix: string): JsStatement[] {
    this.prefix = prefix;
    return this.list(semantic.statements);
  }

  private list(body: readonly Statement[]): JsStatement[] {
    if (body.length === 1) return this.statement(body[0]!);
    const out: JsStatement[] = [];
    for (let i = 0; i < body.length; i++) {
      const made = this.statement(body[i]!);
      for (let j = 0; j < made.length; j++) out.push(made[j]!);
    }
    return out;
  }
  private temp(id: number): string {
    return `${this.prefix}${id}`;
  }

  private statement(s: Statement): JsStatement[] {
    const { target } = this;
    switch (s.op) {
      case 'let':
        return statements`const ${this.temp(s.id)} = ${this.value(s.value)};`;
      case 'load':
        return target.load(this.temp(s.id), s.width, this.value(s.address), s.forWrite, s);
      case 'store':
        return target.store(
          s.width,
          this.value(s.address),
          this.value(s.value),
          s.of < 0 ? undefined : this.temp(s.of),
          s,
        );
      case 'setGpr':
        return target.writeRegister(s.register, s.width, this.value(s.value));
      case 'setFlags':
        return this.setFlags(s);
      case 'jump':
        return target.jump(this.value(s.to), s.condition && this.test(s.condition), s.kind, s.to);
      case 'setState':
        return target.writeState(s.index, this.value(s.value));
      case 'segment':
        return target.segment(this.temp(s.id), this.value(s.segment), this.value(s.offset), s.size, s.write);
      case 'fault':
        return target.fault(s.vector, s.errorCode);
      case 'helper':
        return this.helper(s);
      case 'quick':
        return this.quick(s);
      case 'repeat':
        return target.repeat(this.test(s.condition));
      case 'when':
        return this.when(s);
      case 'patchFlags': {
        const out = patchFlags(target.flags, this.known, s.mask, this.value(s.bits));
        this.known = knownAfterPatch(this.known);
        return out;
      }
    }
  }

  private helper(s: Extract<Statement, { op: 'helper' }>): JsStatement[] {
    const out = this.target.helper(
      s.name,
      s.args.map((a) => this.value(a)),
      s.id < 0 ? undefined : this.temp(s.id),
      s.control,
    );
    this.known = undefined;
    return out;
  }

  private quick(s: Extract<Statement, { op: 'quick' }>): JsStatement[] {
    const before = this.known;
    const slow = (): JsStatement[] => this.list(s.slow);
    const fast = this.target.quick?.(s, s.address && this.value(s.address), slow);
    if (fast === undefined) return slow();
    this.known = fast.flags === 'kept' ? before : fast.flags;
    return fast.code;
  }

  private when(s: Extract<Statement, { op: 'when' }>): JsStatement[] {
    const test = this.test(s.condition);
    const before = this.known;
    const leave = s.rare ? this.target.leaveRarely?.() : undefined;
    if (leave) return [...statements`if (${test}) { ${leave} }`, ...this.list(s.else)];
    const then = this.list(s.then);
    const afterThen = this.known;
    this.known = before;
    const otherwise = this.list(s.else);
    if (this.known !== afterThen) this.known = undefined;
    if (s.then.every((t) => t.op === 'fault')) this.known = before;
    return otherwise.length > 0
      ? statements`if (${test}) { ${then} } else { ${otherwise} }`
      : statements`if (${test}) { ${then} }`;
  }

  private setFlags(s: Extract<Statement, { op: 'setFlags' }>): JsStatement[] {
    const out = assignFlags(this.target.flags, s.kind, s.width, {
      a: this.value(s.a),
      b: this.value(s.b),
      result: this.value(s.result),
    });
    const noCarries = s.kind === FlagKind.RESULT && s.a.op === 'const' && s.a.value === 0;
    this.known = { kind: s.kind, width: s.width, exact: s.exact, noCarries };
    return out;
  }

  /** The value as an int32 in canonical form. */
  value(v: Value): Expression {
    switch (v.op) {
      case 'temp':
        return identifier(this.temp(v.id));
      case 'const':
        return numeral(v.value);
      case 'gpr':
        return this.target.readRegister(v.register, v.width);
      case 'add':
      case 'sub':
      case 'and':
      case 'xor':
      case 'or':
      case 'shl':
        return this.binary(v);
      case 'immediate':
        return this.target.immediate(v.width);
      case 'code':
        if (this.target.code === undefined) throw new Error('only regions read operands from code');
        return this.target.code(v.at);
      case 'state':
        return this.target.readState(v.index);
      case 'eip':
        return this.target.eip(v.next);
      case 'target':
        return this.target.branchTarget();
      case 'slotAddress':
        return this.target.slotAddress(v.addressSize, v.segmented);
      case 'slotSegment':
        return this.target.slotSegment();
      case 'zeroExtend':
        return this.value(v.value);
      case 'signExtend':
        return this.signExtend(v.width, v.value);
      case 'truncate':
        return js`${this.value(v.value)} & ${maskOf(v.width)}`;
      case 'select':
        return js`(${this.test(v.condition)} ? ${this.value(v.then)} : ${this.value(v.else)})`;
      case 'carry':
        return carryValue(this.target.flags, this.known, this.target.inlinesFlags);
      case 'divideLong':
        return this.divideLong(this.value(v.high), this.value(v.low), this.value(v.divisor));
      case 'statusFlags':
        return statusFlagsValue(this.target.flags);
      case 'not':
        return v.width === 32
          ? js`~${this.value(v.value)}`
          : js`~${this.value(v.value)} & ${maskOf(v.width)}`;
      case 'neg':
        return masked(v.width, js`-${this.value(v.value)}`);
      case 'clz':
        return js`Math.clz32(${this.value(v.value)})`;
      case 'isZero':
      case 'condition':
      case 'eq':
      case 'ne':
      case 'ltU':
      case 'leU':
      case 'ltS':
      case 'leS':
      case 'mulOverflows':
        return js`(${this.test(v)} ? 1 : 0)`;
      default:
        return this.binary(v);
    }
  }
  /** Dividends of 32 bits are usual. */
  private divideLong(high: Expression, low: Expression, divisor: Expression): Expression {
    return js`(${high} === 0 ? (${low} >>> 0) / (${divisor} >>> 0) | 0 : divideLong(${high}, ${low}, ${divisor}))`;
  }
  private signExtend(width: Width, value: Value): Expression {
    const wide = signed(value.width, this.value(value));
    return width === 32 ? wide : js`${wide} & ${maskOf(width)}`;
  }
  private binary(v: Extract<Value, { left: Value }>): Expression {
    const a = this.value(v.left);
    const b = this.value(v.right);
    const { width } = v;
    switch (v.op) {
      case 'add':
        return masked(width, js`${a} + ${b}`);
      case 'sub':
        return masked(width, js`${a} - ${b}`);
      case 'mul':
        return js`Math.imul(${a}, ${b})`;
      case 'and':
        return js`${a} & ${b}`;
      case 'or':
        return js`${a} | ${b}`;
      case 'xor':
        return js`${a} ^ ${b}`;
      case 'shl':
        return width === 32 ? js`${a} << ${b}` : js`${a} << ${b} & ${maskOf(width)}`;
      case 'shrU':
        return width === 32 ? js`${a} >>> ${b} | 0` : js`${a} >>> ${b}`;
      case 'shrS':
        return width === 32 ? js`${a} >> ${b}` : js`${signed(width, a)} >> ${b} & ${maskOf(width)}`;
      case 'divS':
        return js`${a} / ${b} | 0`;
      case 'mulHighU':
        // The low half less 2^31 is taken away, which leaves the high one and a half: see fold.ts.
        return js`((${a} >>> 0) * (${b} >>> 0) - (Math.imul(${a}, ${b}) ^ 0x80000000)) * 2.3283064365386963e-10 | 0`;
      case 'mulHighS':
        return js`Math.floor((${a} * ${b} - (Math.imul(${a}, ${b}) ^ 0x80000000)) * 2.3283064365386963e-10) | 0`;
      default:
        throw new Error(`${v.op} has no value form`);
    }
  }

  /** The value as a JavaScript boolean. */
  test(v: Value): Expression {
    const unsigned = (x: Value): Expression =>
      x.op === 'const' ? numeral(x.value >>> 0) : x.width === 32 ? js`${this.value(x)} >>> 0` : this.value(x);
    switch (v.op) {
      case 'condition':
        return conditionTest(this.target.flags, this.known, v.cc);
      case 'isZero':
        return js`${this.value(v.value)} === 0`;
      case 'eq':
        return js`${this.value(v.left)} === ${this.value(v.right)}`;
      case 'ne':
        return js`${this.value(v.left)} !== ${this.value(v.right)}`;
      case 'ltU':
        return js`${unsigned(v.left)} < ${unsigned(v.right)}`;
      case 'leU':
        return js`${unsigned(v.left)} <= ${unsigned(v.right)}`;
      case 'ltS':
        return js`${this.value(v.left)} < ${this.value(v.right)}`;
      case 'leS':
        return js`${this.value(v.left)} <= ${this.value(v.right)}`;
      case 'mulOverflows':
        return js`Math.imul(${this.value(v.left)}, ${this.value(v.right)}) !== ${this.value(v.left)} * ${this.value(v.right)}`;
      default:
        return js`${this.value(v)} !== 0`;
    }
  }
}
