/**
 * Emission target of regions: GPRs, flags and the instruction count in locals, memory through one merged check, every exit precise. An access leaves at its
 * instruction when the check fails; where that has happened often the access is completed by a call instead, with all state in memory around it.
 */
import type { Expression, Statement as JsStatement } from 'estree';
import type { Instruction } from '../../decoder/instruction.js';
import type { JumpKind, Register, Statement, Value, Width } from '../ir.js';
import {
  EFLAGS,
  R_BUDGET,
  R_EFLAGS,
  R_EIP,
  R_FAULT,
  R_FLAG_A,
  R_FLAG_B,
  R_FLAG_KIND,
  R_FLAG_RESULT,
  R_PENDING,
} from '../../runtime/state.js';
import {
  fastLoad,
  fastStore,
  groupCheck,
  memberAddress,
  missTestMisaligned,
  readAt,
  writeAt,
} from '../emit/access.js';
import type { Member } from '../passes/group-accesses.js';
import { blockOf, call as callOf } from '../emit/nodes.js';
import { breakTo, identifier, js, statements } from '../emit/quote.js';
import type { QuickCode, Target } from '../emit/target.js';
import { STRING_RUNS, stringRun } from '../emit/string.js';
import { isX87, VectorEmitter } from '../emit/vector.js';
import type { X87State } from '../emit/x87-state.js';
import type { VectorHost } from '../emit/vector-lanes.js';
import type { Expected } from '../emit/lane-cache.js';
import { Budget } from './charges.js';
import { choose } from './choose.js';
import type { Case, Position } from './position.js';
import { quickEvent, type QuickEvent } from './quick-events.js';
import type { TranslationOptions } from './translate.js';
import {
  SITE_ACCESS,
  SITE_CONTROL,
  SITE_EXPECTED,
  SITE_GOES_ON,
  SITE_INTERPRET,
  SITE_QUICK,
  type Call,
  type Site,
  type SiteKind,
} from './sites.js';

export const GPR_NAMES = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const;
const GPRS = GPR_NAMES.map(identifier);
export const VIEWS = { dv: 'dv', u8: 'u8', read: 'RT', write: 'WT' };
const MISALIGNED = { ...VIEWS, dv: 'du' };
const FLAG_LOCALS = [
  ['fk', R_FLAG_KIND],
  ['fa', R_FLAG_A],
  ['fb', R_FLAG_B],
  ['fr', R_FLAG_RESULT],
] as const;

/** A block whose statements are added later: the list itself stays shared. */
const shared = blockOf;
const OUT = breakTo('OUT');

export class RegionTarget implements Target {
  readonly sites: Site[] = [{ offset: 0, uncounted: 0, kind: SITE_GOES_ON, machines: [], mnemonic: '' }];
  readonly usedRegisters = new Set<number>();
  readonly writtenRegisters = new Set<number>();
  readonly helpers = new Set<string>();
  /** Instructions, or parts of them, that are calls of helpers. */
  helperCalls = 0;
  readonly calls: Call[] = [];
  /** Accesses that are checked together. */
  readonly members = new Map<Statement, Member>();
  readonly spillBody: JsStatement[] = [];
  readonly reloadBody: JsStatement[] = [];
  readonly vectors: VectorEmitter;
  readonly inlinesFlags = true;
  /** No x87, MMX or SSE instruction is part of the region. */
  isPlain = false;
  usesVectors = false;
  usesX87 = false;
  readonly x87Names = new Set<string>();
  readonly events = new Set<string>();
  usesSystem = false;
  at!: Position;
  /** The instruction called something that may have made an event pending. */
  private called = false;
  readonly budget: Budget;

  constructor(
    longest: number,
    { inlinesX87, precise, special }: Pick<TranslationOptions, 'inlinesX87' | 'precise' | 'special'>,
    idle: boolean,
  ) {
    this.budget = new Budget(longest);
    this.vectorHost = { ...this.vectorHost, precise, special };
    this.vectors = new VectorEmitter(inlinesX87, idle);
  }

  readonly flags = {
    kind: identifier('fk'),
    a: identifier('fa'),
    b: identifier('fb'),
    result: identifier('fr'),
  };

  // ---- registers -------------------------------------------------------------------------------------------------------
  readRegister(register: Register, width: Width): Expression {
    if (register.kind !== 'fixed') throw new Error('slot operand in concrete IR');
    this.usedRegisters.add(register.index);
    const name = GPRS[register.index]!;
    if (width === 32) return name;
    if (width === 16) return js`${name} & 65535`;
    return register.high ? js`${name} >>> 8 & 255` : js`${name} & 255`;
  }
  writeRegister(register: Register, width: Width, value: Expression): JsStatement[] {
    if (register.kind !== 'fixed') throw new Error('slot operand in concrete IR');
    this.usedRegisters.add(register.index);
    this.writtenRegisters.add(register.index);
    const name = GPRS[register.index]!;
    if (width === 32) return statements`${name} = ${value};`;
    if (width === 16) return statements`${name} = ${name} & -65536 | ${value};`;
    return register.high
      ? statements`${name} = ${name} & -65281 | ${value} << 8;`
      : statements`${name} = ${name} & -256 | ${value};`;
  }
  code(at: number): Expression {
    if ((at & 3) === 0) return readAt(VIEWS, 32, js`${at}`);
    return js`u8[${at}] | u8[${at + 1}] << 8 | u8[${at + 2}] << 16 | u8[${at + 3}] << 24`;
  }
  immediate(): Expression {
    throw new Error('slot operand in concrete IR');
  }
  slotAddress(): Expression {
    throw new Error('slot operand in concrete IR');
  }
  slotSegment(): Expression {
    throw new Error('slot operand in concrete IR');
  }
  readState(index: number): Expression {
    return index === R_BUDGET ? js`n + ${this.at.remaining - this.budget.uncharged} | 0` : js`r[${index}]`;
  }
  writeState(index: number, value: Expression): JsStatement[] {
    return statements`r[${index}] = ${value};`;
  }
  eip(next: boolean): Expression {
    return js`vb + ${this.at.offset + (next ? this.at.length : 0)} | 0`;
  }
  branchTarget(): Expression {
    return this.target;
  }
  /** Set per direct branch. */
  target: Expression = js`0`;

  // ---- leaving -------------------------------------------------------------------------------------------------------------
  /** Leaves with eip at `offset`; the caller says how many counted instructions did not run. */
  leaveAt(
    offset: number,
    uncounted: number,
    kind: SiteKind = SITE_GOES_ON,
    machines: readonly number[] = [],
  ): JsStatement[] {
    const mnemonic = this.at?.mnemonic ?? '';
    this.sites.push({ offset, uncounted: uncounted - this.budget.uncharged, kind, machines, mnemonic });
    return statements`site = ${this.sites.length - 1}; ${this.out()}`;
  }
  leaveFor(to: Expression): JsStatement[] {
    return statements`eip = ${to}; ${this.budget.settle()}; ${this.out()}`;
  }
  private out(): JsStatement[] {
    const out = this.vectors.marks();
    out.push(OUT);
    return out;
  }
  /** Leaves before the current instruction, which is the interpreter's. */
  private leaveHere(
    kind: SiteKind = SITE_INTERPRET,
    machines: readonly number[] = [this.at.machine],
  ): JsStatement[] {
    return this.leaveAt(this.at.offset, this.at.remaining, kind, machines);
  }
  /** Leaves after the current instruction has completed. */
  private leaveNext(): JsStatement[] {
    return this.leaveAt(this.at.offset + this.at.length, this.at.remaining - 1);
  }
  leaveBefore(): JsStatement[] {
    return this.leaveHere();
  }

  // ---- memory ----------------------------------------------------------------------------------------------------------------
  load(
    name: string,
    width: Width,
    address: Expression,
    forWrite: boolean,
    statement: Statement,
  ): JsStatement[] {
    const member = this.members.get(statement);
    if (member !== undefined) {
      const at = `p_${name}`;
      return [
        ...this.checkGroup(member, statement, address),
        ...(forWrite
          ? statements`const ${at} = ${memberAddress(member)}, ${name} = ${readAt(VIEWS, width, js`${at}`)};`
          : statements`const ${name} = ${readAt(VIEWS, width, memberAddress(member))};`),
      ];
    }
    if (!this.at.calls)
      return fastLoad(VIEWS, name, width, address, forWrite, () => this.leaveHere(SITE_ACCESS));
    this.called = true;
    const a = `a_${name}`;
    const x = `x_${name}`;
    const at = `p_${name}`;
    const table = forWrite ? 'WT' : 'RT';
    const read = `${forWrite ? 'readToWrite' : 'read'}${width}`;
    return statements`
      const ${a} = ${address}, ${x} = ${table}[${a} >>> 12];
      let ${name} = 0, ${at} = -1;
      if (${missTestMisaligned(width, x, a)}) { ${this.spill()}; ${name} = ${read}(${a}); ${this.recount()}; ${this.faulted()} }
      else { ${at} = ${x} ^ ${a}; ${name} = ${readAt(MISALIGNED, width, identifier(at))}; }`;
  }
  store(
    width: Width,
    address: Expression,
    value: Expression,
    of: string | undefined,
    statement: Statement,
  ): JsStatement[] {
    const member = this.members.get(statement);
    if (member !== undefined)
      return [
        ...this.checkGroup(member, statement, address),
        ...writeAt(VIEWS, width, memberAddress(member), value),
      ];
    if (!this.at.calls) return fastStore(VIEWS, width, address, value, of, () => this.leaveHere(SITE_ACCESS));
    this.called = true;
    const write = `write${width}`;
    if (of !== undefined) {
      return statements`
        if (${`p_${of}`} < 0) { ${this.spill()}; ${`writeBack${width}`}(${`a_${of}`}, ${value}); ${this.recount()} }
        else { ${writeAt(MISALIGNED, width, identifier(`p_${of}`), value)} }`;
    }
    return statements`{
      const to = ${address}, entry = WT[to >>> 12];
      if (${missTestMisaligned(width, 'entry', 'to')}) {
        if (storeDevice(to, ${width / 8}, ${value}) === 0) { ${this.spill()}; ${write}(to, ${value}); ${this.recount()}; ${this.faulted()} }
      } else { const at = entry ^ to; ${writeAt(MISALIGNED, width, identifier('at'), value)} }
    }`;
  }
  /** The access that was completed by a call met a page fault. All state is in memory, but for registers of the FPU that wait in variables. */
  private faulted(): JsStatement[] {
    const then = this.isPlain ? statements`return deliverNoted();` : this.leaveHere();
    return statements`if (r[${R_FAULT}] !== 0) { ${then} }`;
  }
  private checkGroup({ group }: Member, statement: Statement, address: Expression): JsStatement[] {
    if (group.leader !== statement) return [];
    return groupCheck(VIEWS, group, address, () => this.leaveHere(SITE_ACCESS, group.machines));
  }
  segment(
    name: string,
    segment: Expression,
    offset: Expression,
    size: number,
    write: boolean,
  ): JsStatement[] {
    const at = `o_${name}`;
    return statements`
      const ${at} = ${offset};
      if (!segmentAllows(cpu, ${segment}, ${at}, ${size}, ${write ? 1 : 0})) { ${this.leaveHere()} }
      const ${name} = ${at} + r[${segment} + 9] | 0;`;
  }

  // ---- helpers ---------------------------------------------------------------------------------------------------------------
  /** All state to memory, exact for this instruction. */
  private spill(): JsStatement[] {
    return statements`${shared(this.spillBody)}; r[${R_EIP}] = vb + ${this.at.offset} | 0; r[${R_BUDGET}] = n + ${this.at.remaining - this.budget.uncharged} | 0;`;
  }
  /** The budget may have been charged or cut by what was called. */
  private recount(): JsStatement[] {
    return statements`n = r[${R_BUDGET}] + ${this.budget.uncharged - this.at.remaining} | 0;`;
  }
  quick(
    statement: Extract<Statement, { op: 'quick' }>,
    address: Expression | undefined,
    slow: () => JsStatement[],
  ): QuickCode | undefined {
    const { instruction } = statement;
    if (STRING_RUNS.has(instruction.mnemonic)) return this.at.calls ? undefined : this.string(instruction);
    if (this.at.helps) return undefined;
    const member = this.members.get(statement);
    const check = member ? this.checkGroup(member, statement, address!) : [];
    const host = member ? { ...this.vectorHost, checked: memberAddress(member) } : this.vectorHost;
    const made = this.vectors.emit(instruction, address, host, this.at.calls ? slow : undefined);
    if (made && !isX87(instruction.mnemonic)) this.usesVectors = true;
    return made && check.length > 0 ? { ...made, code: [...check, ...made.code] } : made;
  }
  /** A repeated string instruction as far as RAM, DF and budget allow; what is left of it is the interpreter's. */
  private string(instruction: Instruction): QuickCode {
    const run = stringRun(instruction, `s${this.at.offset & 4095}_`, this.budget.least, (i) =>
      this.register(i),
    );
    for (const i of run.changed) this.writtenRegisters.add(i);
    return {
      code: statements`
        if ((r[${R_EFLAGS}] & ${EFLAGS.DF}) !== 0) { ${this.leaveHere()} }
        ${run.body};
        if (${run.unfinished}) { ${this.leaveHere()} }
        n = n + (${run.done} !== 0 ? 1 : 0) | 0;`,
      flags: run.setsFlags ? undefined : 'kept',
    };
  }
  register(index: number): string {
    this.usedRegisters.add(index);
    return GPR_NAMES[index]!;
  }
  private readonly vectorHost: VectorHost = {
    flags: this.flags,
    misaligned: false,
    precise: true,
    special: false,
    form: (register) => this.at.form(register),
    missControl: () => this.leaveHere(SITE_CONTROL),
    calls: false,
    miss: (all) => this.leaveHere(SITE_QUICK, all === true ? this.at.quick : undefined),
    eip: () => this.eip(false),
    offset: () => this.at.offset,
    x87: (name) => {
      this.usesX87 = true;
      if (name !== 'xi') this.x87Names.add(name);
      return name;
    },
    readGeneral: (index) => this.readRegister({ kind: 'fixed', index, high: false }, 32),
    writeGeneral: (index, value) => this.writeRegister({ kind: 'fixed', index, high: false }, 32, value),
  };
  /** On the way to a block at `offset`, whose first instruction is at `machine`. */
  arrive(expected: Expected, offset: number, machine: number): JsStatement[] {
    const leave = (control: boolean): JsStatement[] =>
      this.leaveAt(offset, 0, control ? SITE_CONTROL : SITE_EXPECTED, [machine]);
    return this.vectors.arrive(this.vectorHost, expected, leave);
  }
  /** All XMM registers to memory. */
  settleVectors(): JsStatement[] {
    return this.vectors.settle(this.vectorHost);
  }
  /** All of the x87 unit's state to memory, for an instruction that works on it there or is not one of x87. */
  leaveX87(mnemonic?: string): JsStatement[] {
    return this.vectors.leaveX87(this.vectorHost, mnemonic);
  }
  /** Before another block, which other ways lead to as well. */
  meetX87(state: X87State): JsStatement[] {
    return this.vectors.meetX87(this.vectorHost, state);
  }
  helper(
    helper: string,
    args: readonly Expression[],
    name: string | undefined,
    control: boolean,
  ): JsStatement[] {
    const quick = this.event(helper, args, name);
    if (quick !== undefined && quick.done === undefined) return quick.code;
    this.helpers.add(helper);
    const flush = [...this.settleVectors(), ...this.leaveX87()];
    if (quick === undefined) this.helperCalls++;
    this.vectors.forget();
    this.called = true;
    const call = callOf(identifier(`H_${helper}`), [identifier('cpu'), ...args]);
    if (control) {
      const made = quick?.done ? statements`if (${quick.done} === 0) { ${call}; }` : statements`${call};`;
      return [...flush, ...this.spill(), ...made];
    }
    const long = [
      ...this.spill(),
      ...(name === undefined ? statements`${call};` : statements`${name} = ${call} | 0;`),
      ...statements`${shared(this.reloadBody)}`,
      ...this.recount(),
    ];
    const result = name === undefined ? [] : statements`let ${name} = ${quick?.result ?? js`0`};`;
    if (quick?.done === undefined) return [...flush, ...result, ...long];
    const made = statements`if (${quick.done} === 0) { ${long} }`;
    return [...flush, ...result, blockOf([...quick.code, ...made])];
  }
  /** The shorter way of a helper, if there is one: see event-functions.ts. */
  private event(
    helper: string,
    args: readonly Expression[],
    name: string | undefined,
  ): QuickEvent | undefined {
    const made = quickEvent(helper, args, name, this);
    if (made?.uses !== undefined) this.events.add(made.uses);
    return made;
  }
  leaveRarely(): JsStatement[] | undefined {
    return this.at.calls ? undefined : this.leaveHere(SITE_ACCESS);
  }
  fault(): JsStatement[] {
    return this.leaveHere();
  }
  repeat(condition: Expression): JsStatement[] {
    const again = this.leaveAt(this.at.offset, this.at.remaining - 1);
    return statements`if (${condition}) { ${again} }`;
  }
  /**
   * To be emitted behind each instruction: leaves if a call made something pending, or used up the budget of the path ahead. `falls`: it is the last of its
   * block and goes on to the next one.
   */
  settle(falls: boolean): JsStatement[] {
    const { called } = this;
    this.called = false;
    if (!called || (this.at.last && !falls)) return [];
    return statements`if (r[${R_PENDING}] !== 0 || n < ${this.budget.least}) { ${this.leaveNext()} }`;
  }

  // ---- control -----------------------------------------------------------------------------------------------------------------
  jump(to: Expression, condition: Expression | undefined, kind: JumpKind, _value: Value): JsStatement[] {
    const { called } = this;
    this.called = false;
    // The helper has moved r[R_EIP], and all state is in memory.
    if (kind === 'helper') return statements`r[${R_BUDGET}] = r[${R_BUDGET}] - 1 | 0; return 0;`;
    if (this.at.inlined && (kind === 'call' || kind === 'return')) return this.inlined(to, called, this.at);
    if (kind === 'return') {
      const { cases } = this.at;
      if (cases.length > 0) return this.returnInside(to, called, cases);
    }
    if (kind === 'indirect' || kind === 'callIndirect') return this.indirect(to, called, this.at);
    if (kind === 'call' && this.at.continuation >= 0) return this.call(to, this.at.continuation, false);
    if (kind === 'direct') {
      // Both ways emit other blocks, which move `at` on.
      const { at } = this;
      if (condition === undefined) return at.taken(to);
      const branch = statements`if (${condition}) { ${at.taken(to)} }`;
      branch.push(...at.notTaken());
      return branch;
    }
    return this.leaveFor(to);
  }

  /** Goes into an inlined callee or back from it. */
  private inlined(to: Expression, called: boolean, at: Position): JsStatement[] {
    const { back } = at;
    const elsewhere =
      back === undefined ? [] : statements`if (${to} !== (vb + ${back} | 0)) { ${this.leaveFor(to)} }`;
    const settled = called
      ? statements`if (r[${R_PENDING}] !== 0 || n < ${this.budget.least}) { ${this.leaveFor(to)} }`
      : [];
    return [...settled, ...elsewhere, ...at.taken(to)];
  }

  /** A return that may go behind a call of the region itself. */
  private returnInside(to: Expression, called: boolean, cases: readonly Case[]): JsStatement[] {
    const leave = this.leaveFor(to);
    const settled = called
      ? statements`if (r[${R_PENDING}] !== 0 || n < ${this.budget.least}) { ${leave} }`
      : [];
    const name = `j${this.at.offset & 4095}_`;
    const sorted = [...cases].sort((a, b) => a.offset - b.offset);
    return [...settled, ...statements`const ${name} = ${to} - vb | 0;`, ...choose(name, sorted), ...leave];
  }

  /** Where the jump has often gone it stays in the region. */
  private indirect(to: Expression, called: boolean, { cases, continuation }: Position): JsStatement[] {
    const leave = this.call(to, continuation, true);
    if (cases.length === 0) return leave;
    const settled = called
      ? statements`if (r[${R_PENDING}] !== 0 || n < ${this.budget.least}) { ${leave} }`
      : [];
    const name = `j${this.calls.length}`;
    const sorted = [...cases].sort((a, b) => a.offset - b.offset);
    return [...settled, ...statements`const ${name} = ${to} - vb | 0;`, ...choose(name, sorted), ...leave];
  }

  /** Leaves to a callee that is to come back to block `node`; see `Links`. */
  private call(to: Expression, node: number, indirect: boolean): JsStatement[] {
    const { offset, length, machine } = this.at;
    this.calls.push({ back: offset + length, node, at: offset, machine, direct: !indirect });
    return statements`site = ${-this.calls.length}; ${this.leaveFor(to)}`;
  }

  /** Fills the shared spill and reload lists once all uses are known. */
  finish(): void {
    this.vectors.x87Variables.finish();
    for (const i of this.writtenRegisters) this.spillBody.push(...statements`r[${i}] = ${GPR_NAMES[i]!};`);
    for (const i of this.usedRegisters) this.reloadBody.push(...statements`${GPR_NAMES[i]!} = r[${i}];`);
    for (const [name, index] of FLAG_LOCALS) {
      this.spillBody.push(...statements`r[${index}] = ${name};`);
      this.reloadBody.push(...statements`${name} = r[${index}];`);
    }
  }
}
