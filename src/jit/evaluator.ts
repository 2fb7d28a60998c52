/** Runs the IR of one instruction directly on the processor state: plain and slow, the reference that the other engines are compared with. */
import type { Instruction } from '../decoder/instruction.js';
import { WRAPPED, fault } from '../runtime/fault.js';
import { carry, condition, flagKind, statusFlags } from '../runtime/flags.js';
import { wraps } from '../runtime/mode.js';
import { R_EIP, R_FLAG_A, R_FLAG_B, R_FLAG_KIND, R_FLAG_RESULT, type Cpu } from '../runtime/state.js';
import { canonical, divideLong, evaluateBinary, evaluateUnary } from './fold.js';
import { callHelper } from './helper-table.js';
import { FlagKind, type Register, type Semantic, type Statement, type Value, type Width } from './ir.js';

/** How an instruction ended. */
export const Outcome = {
  /** Falls through to the next instruction. */
  NEXT: 0,
  /** r[R_EIP] is where to go on. */
  JUMPED: 1,
  /** A REP instruction has iterations left; it stays the current one. */
  REPEAT: 2,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

export class Evaluator {
  private temps: number[] = [];
  private instruction!: Instruction;
  private eip = 0;
  private outcome: Outcome = Outcome.NEXT;

  private readonly cpu: Cpu;
  /** No segment is taken for flat, so that addresses are checked before they get here. */
  private readonly segmented: boolean;

  constructor(cpu: Cpu, segmented = false) {
    this.cpu = cpu;
    this.segmented = segmented;
  }

  /** Executes one instruction at r[R_EIP]; r[R_EIP] moves only on completion. Throws GuestFault with state as before it. */
  execute(instruction: Instruction, semantic: Semantic): Outcome {
    this.instruction = instruction;
    this.eip = this.cpu.r[R_EIP]!;
    this.outcome = Outcome.NEXT;
    this.temps.length = 0;
    this.run(semantic.statements);
    if (this.outcome === Outcome.NEXT) this.cpu.r[R_EIP] = this.next();
    return this.outcome;
  }

  private next(): number {
    return (this.eip + this.instruction.length) | 0;
  }

  private run(list: readonly Statement[]): void {
    for (const s of list) this.statement(s);
  }

  private statement(s: Statement): void {
    const { cpu, temps } = this;
    switch (s.op) {
      case 'let':
        temps[s.id] = this.value(s.value);
        break;
      case 'load':
        temps[s.id] = this.load(s.width, this.value(s.address), s.forWrite);
        break;
      case 'store':
        this.store(s.width, this.value(s.address), this.value(s.value));
        break;
      case 'setGpr':
        this.writeRegister(s.register, s.width, this.value(s.value));
        break;
      case 'setState':
        cpu.r[s.index] = this.value(s.value);
        break;
      case 'setFlags':
        this.setFlags(s);
        break;
      case 'patchFlags':
        this.patchFlags(s.mask, this.value(s.bits));
        break;
      case 'when':
        this.run(this.value(s.condition) !== 0 ? s.then : s.else);
        break;
      case 'fault':
        fault(s.vector, s.errorCode);
        break;
      case 'segment':
        temps[s.id] = callHelper(cpu, 'segmentAddress', [
          this.value(s.segment),
          this.value(s.offset),
          s.size,
          s.write ? 1 : 0,
        ]);
        break;
      case 'helper':
        this.helper(s);
        break;
      case 'quick':
        this.run(s.slow);
        break;
      case 'jump':
        this.jump(s);
        break;
      case 'repeat':
        if (this.value(s.condition) !== 0) this.outcome = Outcome.REPEAT;
        break;
    }
  }

  private helper(s: Extract<Statement, { op: 'helper' }>): void {
    const result = callHelper(
      this.cpu,
      s.name,
      s.args.map((a) => this.value(a)),
    );
    if (s.id >= 0) this.temps[s.id] = result | 0;
  }
  private jump(s: Extract<Statement, { op: 'jump' }>): void {
    if (s.condition && this.value(s.condition) === 0) return;
    this.outcome = Outcome.JUMPED;
    if (s.kind !== 'helper') this.cpu.r[R_EIP] = this.value(s.to);
  }

  private load(width: Width, address: number, forWrite: boolean): number {
    const { mmu } = this.cpu;
    this.checkWrap(address, width / 8);
    if (forWrite) mmu.probeWrite(address, width / 8);
    if (width === 8) return mmu.read8(address);
    return width === 16 ? mmu.read16(address) : mmu.read32(address);
  }
  private store(width: Width, address: number, value: number): void {
    const { mmu } = this.cpu;
    this.checkWrap(address, width / 8);
    if (width === 8) mmu.write8(address, value);
    else if (width === 16) mmu.write16(address, value);
    else mmu.write32(address, value);
  }

  private checkWrap(address: number, size: number): void {
    if (!this.segmented && (address & (size - 1)) !== 0 && wraps(address, size)) fault(WRAPPED);
  }

  private readRegister(register: Register, width: Width): number {
    if (register.kind !== 'fixed') throw new Error('slot operand in concrete IR');
    const whole = this.cpu.r[register.index]!;
    return canonical(width, register.high ? whole >>> 8 : whole);
  }
  private writeRegister(register: Register, width: Width, value: number): void {
    if (register.kind !== 'fixed') throw new Error('slot operand in concrete IR');
    const { r } = this.cpu;
    const { index } = register;
    if (width === 32) r[index] = value;
    else if (width === 16) r[index] = (r[index]! & ~0xffff) | (value & 0xffff);
    else if (register.high) r[index] = (r[index]! & ~0xff00) | ((value & 0xff) << 8);
    else r[index] = (r[index]! & ~0xff) | (value & 0xff);
  }

  private setFlags(s: Extract<Statement, { op: 'setFlags' }>): void {
    const { r } = this.cpu;
    const a = this.value(s.a);
    const b = this.value(s.b);
    const result = this.value(s.result);
    const arithmetic = s.kind === FlagKind.ADD || s.kind === FlagKind.SUB;
    const shift = 32 - s.width;
    r[R_FLAG_KIND] = flagKind(s.kind, s.width);
    r[R_FLAG_A] = arithmetic ? a << shift : a;
    r[R_FLAG_B] = b << shift;
    r[R_FLAG_RESULT] = result << shift;
  }
  private patchFlags(mask: number, bits: number): void {
    const { r } = this.cpu;
    const all = this.statusFlags();
    r[R_FLAG_KIND] = FlagKind.EXPLICIT;
    r[R_FLAG_A] = (all & ~mask) | bits;
  }
  private statusFlags(): number {
    const { r } = this.cpu;
    return statusFlags(r[R_FLAG_KIND]!, r[R_FLAG_A]!, r[R_FLAG_B]!, r[R_FLAG_RESULT]!);
  }

  private value(v: Value): number {
    const { r } = this.cpu;
    switch (v.op) {
      case 'const':
        return v.value;
      case 'gpr':
        return this.readRegister(v.register, v.width);
      case 'temp':
        return this.temps[v.id]!;
      case 'state':
        return r[v.index]!;
      case 'eip':
        return v.next ? this.next() : this.eip;
      case 'target':
        return (this.next() + this.relative()) | 0;
      case 'zeroExtend':
        return this.value(v.value);
      case 'signExtend':
        return canonical(v.width, this.signed(v.value));
      case 'truncate':
        return canonical(v.width, this.value(v.value));
      case 'select':
        return this.value(v.condition) !== 0 ? this.value(v.then) : this.value(v.else);
      case 'divideLong':
        return divideLong(this.value(v.high), this.value(v.low), this.value(v.divisor));
      case 'condition':
        return condition(r[R_FLAG_KIND]!, r[R_FLAG_A]!, r[R_FLAG_B]!, r[R_FLAG_RESULT]!, v.cc);
      case 'carry':
        return carry(r[R_FLAG_KIND]!, r[R_FLAG_A]!, r[R_FLAG_B]!, r[R_FLAG_RESULT]!);
      case 'statusFlags':
        return this.statusFlags();
      case 'not':
      case 'neg':
      case 'clz':
      case 'isZero':
        return evaluateUnary(v.op, v.width, this.value(v.value));
      case 'code':
      case 'immediate':
      case 'slotAddress':
      case 'slotSegment':
        throw new Error('slot operand in concrete IR');
      default:
        return evaluateBinary(v.op, v.width, this.value(v.left), this.value(v.right));
    }
  }
  private signed(v: Value): number {
    const shift = 32 - v.width;
    return (this.value(v) << shift) >> shift;
  }
  private relative(): number {
    const operand = this.instruction.operands[0]!;
    if (operand.kind !== 'relative') throw new Error('not a direct branch');
    return operand.value;
  }
}
