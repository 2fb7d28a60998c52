/** Code of x87 and SSE instructions as it grows: names, checks that come before all effects, and memory operands at any alignment. */
import type { Expression, Statement as JsStatement } from 'estree';
import { FPU_SCRATCH } from '../../runtime/fpu/state.js';
import type { Target } from './target.js';
import { block, breakTo, js, labelled, statements } from './quote.js';

/** How 32 or 64 bits are held. */
export type Form = 'double' | 'single' | 'word';

/** What a vector instruction needs of the code around it. */
export interface VectorHost {
  readonly flags: Target['flags'];
  /** Accesses that are misaligned within their page are served. */
  readonly misaligned: boolean;
  /** PE has to be noted; if not, it is known to be set where MXCSR has been looked at. */
  readonly precise: boolean;
  /** IE, OE and PE are known to be set where MXCSR has been looked at, and all exceptions masked: clean numbers may be default NaNs. */
  readonly special: boolean;
  /** How what a register is loaded with will be used. */
  form(register: number): Form | undefined;
  /** Machine address of the memory operand, where another check has served it. */
  readonly checked?: Expression | undefined;
  /** Leaves because MXCSR is not as expected. */
  missControl(): JsStatement[];
  /** What x87 code cannot do in place is done by calls, as far as they serve. */
  readonly calls: boolean;
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

/** Word of the unit's state that is nobody's (runtime/fpu/state.ts). */
const SCRATCH = FPU_SCRATCH / 4;

const tests = {
  10: (x: string, a: string): Expression => js`(${x} & 1) !== 0 || (${a} & 4095) > 4086`,
  8: (x: string, a: string): Expression => js`((${x} | ${a}) & 7) !== 0`,
  16: (x: string, a: string): Expression => js`((${x} | ${a}) & 15) !== 0`,
  4: (x: string, a: string): Expression => js`((${x} | ${a}) & 3) !== 0`,
  2: (x: string, a: string): Expression => js`((${x} | ${a}) & 1) !== 0`,
} as const;
export type AccessSize = keyof typeof tests;

interface Check {
  readonly usual: readonly Expression[];
  readonly fine: readonly (readonly Expression[])[];
}
/** Goes there where all tests hold. */
const whereAll = (tests: readonly Expression[], label: string): JsStatement =>
  tests.reduceRight<JsStatement>((then, test) => statements`if (${test}) ${then}`[0]!, breakTo(label));

/** The code of one instruction as it grows. */
export class CodeWriter {
  host!: VectorHost;
  out: JsStatement[] = [];
  private serial = 0;
  private scales = 0;

  /** What is to hold of operands and results, before anything is changed. */
  checks: Check[] = [];

  /** Code with effects. */
  push(code: readonly JsStatement[]): void {
    this.decide();
    this.out.push(...code);
  }
  /** A power of two that the last places have not had, for tests behind the usual ones (see `isClean`). */
  apart(): number {
    return 2 ** (1 + (this.scales++ & 31));
  }
  /** Leaves unless all of `usual` hold, or all of one of `fine`, which should have no comparison in common with them. */
  check(usual: readonly Expression[], ...fine: (readonly Expression[])[]): void {
    this.checks.push({ usual, fine });
  }
  /** One way out for all that was to be checked. */
  decide(): void {
    const { checks } = this;
    if (checks.length === 0) return;
    this.checks = [];
    const [good, bad] = [`C${this.serial}`, `F${this.serial++}`];
    const usual = whereAll(
      checks.flatMap((each) => each.usual),
      good,
    );
    const others = checks.map(({ fine }) => {
      const next = `K${this.serial++}`;
      return labelled(next, block([...fine.map((tests) => whereAll(tests, next)), breakTo(bad)]));
    });
    const tests = labelled(bad, block([usual, ...others, breakTo(good)]));
    this.out.push(labelled(good, block([tests, ...this.host.miss()])));
  }
  fresh(): string {
    return `v${this.serial++}`;
  }
  label(): string {
    return `U${this.serial++}`;
  }
  /** Names what a value is now, be it that of a variable. */
  copy(value: Expression): string {
    const name = this.fresh();
    this.out.push(...statements`const ${name} = ${value};`);
    return name;
  }
  /** Names a value. */
  name(value: Expression): string {
    return value.type === 'Identifier' ? value.name : this.copy(value);
  }
  /** Names what a general register holds now. */
  general(index: number): string {
    const name = this.fresh();
    this.out.push(...statements`const ${name} = ${this.host.readGeneral(index)};`);
    return name;
  }
  missIf(test: Expression, all = false): void {
    this.out.push(...statements`if (${test}) { ${this.host.miss(all)} }`);
  }

  // ---- memory -----------------------------------------------------------------------------------------------------------
  /** Checks an access and names its machine address. `aligned`: misaligned operands fault. */
  locate(
    address: Expression,
    size: AccessSize,
    write: boolean,
    aligned = false,
  ): { at: string; linear: string } {
    if (this.host.checked !== undefined) return { at: this.name(this.host.checked), linear: '' };
    const a = this.fresh();
    const x = this.fresh();
    const at = this.fresh();
    this.out.push(...statements`const ${a} = ${address}, ${x} = ${write ? 'WT' : 'RT'}[${a} >>> 12];`);
    this.missIf(
      this.host.misaligned && !aligned
        ? js`(${x} & 1) !== 0 || (${a} & 4095) > ${4096 - size}`
        : tests[size](x, a),
    );
    this.out.push(...statements`const ${at} = ${x} ^ ${a};`);
    return { at, linear: a };
  }

  /** Machine address of a part of an operand, by name where it may be misaligned. */
  private partAt(at: string, offset: number): Expression {
    if (offset === 0) return js`${at}`;
    const sum = js`${at} + ${offset} | 0`;
    return this.host.misaligned ? js`${this.name(sum)}` : sum;
  }
  loadWord(at: string, offset: number): string {
    const part = this.partAt(at, offset);
    return this.name(this.host.misaligned ? js`du.getInt32(${part}, true)` : js`dv.getInt32(${part}, true)`);
  }
  storeWord(at: string, offset: number, value: Expression): void {
    const part = this.partAt(at, offset);
    this.push(
      this.host.misaligned
        ? statements`du.setInt32(${part}, ${value}, true);`
        : statements`dv.setInt32(${part}, ${value}, true);`,
    );
  }
  /** A number that need not be aligned goes by words through a place of its own. */
  protected loadDouble(at: string, offset: number): string {
    if (!this.host.misaligned) return this.name(js`dv.getFloat64(${this.partAt(at, offset)}, true)`);
    const low = this.loadWord(at, offset), high = this.loadWord(at, offset + 4); // prettier-ignore
    this.push(statements`xw[${SCRATCH}] = ${low}; xw[${SCRATCH + 1}] = ${high};`);
    return this.name(js`xf[${SCRATCH / 2}]`);
  }
  protected loadSingle(at: string, offset: number): string {
    if (!this.host.misaligned) return this.name(js`dv.getFloat32(${this.partAt(at, offset)}, true)`);
    this.push(statements`xw[${SCRATCH}] = ${this.loadWord(at, offset)};`);
    return this.name(js`xs[${SCRATCH}]`);
  }
  protected storeDouble(at: string, offset: number, value: string): void {
    if (!this.host.misaligned)
      return this.push(statements`dv.setFloat64(${this.partAt(at, offset)}, ${value}, true);`);
    this.push(statements`xf[${SCRATCH / 2}] = ${value};`);
    for (const i of [0, 1]) this.storeWord(at, offset + 4 * i, js`xw[${SCRATCH + i}]`);
  }

  protected storeSingle(at: string, offset: number, value: string): void {
    if (!this.host.misaligned)
      return this.push(statements`dv.setFloat32(${this.partAt(at, offset)}, ${value}, true);`);
    this.push(statements`xs[${SCRATCH}] = ${value};`);
    this.storeWord(at, offset, js`xw[${SCRATCH}]`);
  }
}
