/** Builds the IR of one instruction; semantics call this and nothing else. */
import type { Instruction, MemoryOperand, Operand, SegmentIndex, Width } from '../decoder/instruction.js';
import { SS } from '../decoder/instruction.js';
import { ESP, R_SEGMENT_BASE } from '../runtime/state.js';
import { packOperands } from './pack-operands.js';
import { checksTargets, type ModeView } from './translation-mode.js';
import { binary, constant, select, signExtend, truncate, unary, zeroExtend } from './fold.js';
import {
  FlagKind,
  type BinaryOp,
  type JumpKind,
  type Register,
  type Semantic,
  type Statement,
  type Value,
} from './ir.js';

export { checksTargets, type ModeView } from './translation-mode.js';

/** How operands appear in the IR: as themselves, or as fields of an interpreter slot. */
export type OperandStyle = 'concrete' | 'slot';

const memoryBits = (operand: MemoryOperand): Width => operand.width as Width;

export class Builder {
  private statements: Statement[] = [];
  private temps = 0;
  private hasHelper = false;
  private ends = false;
  private readonly linearAddresses: (Value | undefined)[] = [];
  private readonly loads: number[] = [];

  readonly instruction: Instruction;
  readonly mode: ModeView;
  private readonly style: OperandStyle;
  private readonly immediateAt: number;

  /** `immediateAt`: machine address from which the immediate operand is read each time; -1 if it is what it was. */
  constructor(instruction: Instruction, mode: ModeView, style: OperandStyle = 'concrete', immediateAt = -1) {
    this.instruction = instruction;
    this.immediateAt = immediateAt;
    this.mode = mode;
    this.style = style;
  }

  finish(): Semantic {
    return {
      statements: this.statements,
      temps: this.temps,
      hasHelper: this.hasHelper,
      endsBlock: this.ends,
    };
  }

  // ---- operands -------------------------------------------------------------------------------------------------------
  operand(n: number): Operand {
    const operand = this.instruction.operands[n];
    if (operand === undefined) throw new Error(`${this.instruction.mnemonic} has no operand ${n}`);
    return operand;
  }
  get operandCount(): number {
    return this.instruction.operands.length;
  }
  isMemory(n: number): boolean {
    return this.operand(n).kind === 'memory';
  }
  isRegister(n: number): boolean {
    return this.operand(n).kind === 'register';
  }
  width(n: number): Width {
    const operand = this.operand(n);
    if (operand.kind === 'memory') return memoryBits(operand);
    if (operand.kind === 'register' || operand.kind === 'immediate') return operand.width;
    throw new Error(`${this.instruction.mnemonic} operand ${n} has no width`);
  }
  /** File register number of a segment, control, debug, st, mm or xmm operand. */
  fileIndex(n: number): number {
    const operand = this.operand(n);
    if ('index' in operand && operand.kind !== 'memory') return operand.index;
    throw new Error(`${this.instruction.mnemonic} operand ${n} is not a register`);
  }
  private register(n: number): Register {
    const operand = this.operand(n);
    if (operand.kind !== 'register')
      throw new Error(`${this.instruction.mnemonic} operand ${n} is not a GPR`);
    if (this.style === 'slot' && n < 2) return { kind: 'slot', field: n === 0 ? 'a' : 'b' };
    return { kind: 'fixed', index: operand.high ? operand.index - 4 : operand.index, high: operand.high };
  }
  /** Reads an operand at its own width; immediates at `width` (default: that of operand 0). */
  read(n: number, width: Width = this.width(n)): Value {
    const operand = this.operand(n);
    switch (operand.kind) {
      case 'register':
        return { op: 'gpr', width: operand.width, register: this.register(n) };
      case 'immediate':
        if (this.immediateAt >= 0 && width === 32) return { op: 'code', width, at: this.immediateAt };
        return this.style === 'slot' ? { op: 'immediate', width } : constant(width, operand.value);
      case 'memory':
        return this.load(memoryBits(operand), this.linear(n, false), n);
      default:
        throw new Error(
          `${this.instruction.mnemonic} operand ${n} (${operand.kind}) is not readable as a value`,
        );
    }
  }
  /** Reads a destination: memory is checked for writing first and the later `write` goes to the same place. */
  readForWrite(n: number): Value {
    const operand = this.operand(n);
    if (operand.kind !== 'memory') return this.read(n);
    return this.load(memoryBits(operand), this.linear(n, true), n, true);
  }
  write(n: number, value: Value): void {
    const operand = this.operand(n);
    if (operand.kind === 'register') {
      this.setRegister(this.register(n), operand.width, value);
    } else if (operand.kind === 'memory') {
      const of = this.loads[n] ?? -1;
      this.store(memoryBits(operand), this.linear(n, true), value, of);
    } else {
      throw new Error(`${this.instruction.mnemonic} operand ${n} (${operand.kind}) is not writable`);
    }
  }

  // ---- addresses --------------------------------------------------------------------------------------------------------
  private memory(n: number): MemoryOperand {
    const operand = this.operand(n);
    if (operand.kind !== 'memory') throw new Error(`${this.instruction.mnemonic} operand ${n} is not memory`);
    return operand;
  }
  /** Offset in its segment; `adjust` is added when the base is ESP (POP m). */
  effectiveAddress(n: number, adjust = 0): Value {
    const m = this.memory(n);
    const size = m.addressSize as 16 | 32;
    if (this.style === 'slot') return { op: 'slotAddress', width: 32, addressSize: size, segmented: false };
    let sum: Value = constant(32, 0);
    if (m.base >= 0) sum = this.gpr(m.base);
    if (m.index >= 0)
      sum = binary('add', 32, sum, binary('shl', 32, this.gpr(m.index), constant(32, m.scale)));
    sum = binary('add', 32, sum, constant(32, m.displacement + (m.base === ESP ? adjust : 0)));
    return size === 16 ? binary('and', 32, sum, constant(32, 0xffff)) : sum;
  }
  /** Linear address of memory operand n, checked against its segment; computed once. */
  linear(n: number, write: boolean, size = this.memory(n).width / 8, adjust = 0): Value {
    const known = this.linearAddresses[n];
    if (known !== undefined) return known;
    const m = this.memory(n);
    let address: Value;
    if (this.style === 'slot' && this.mode.flat(m.segment)) {
      address = { op: 'slotAddress', width: 32, addressSize: m.addressSize as 16 | 32, segmented: true };
    } else {
      const offset = this.effectiveAddress(n, adjust);
      const segment: Value =
        this.style === 'slot' ? { op: 'slotSegment', width: 32 } : constant(32, m.segment);
      address = this.mode.flat(m.segment)
        ? this.flatMemory(m.segment, offset, size, write)
        : this.segmented(segment, offset, size, write);
    }
    const result = address.op === 'const' ? address : this.let(address);
    this.linearAddresses[n] = result;
    return result;
  }
  /** As `linear`, for operands that a helper accesses piece by piece: flat segments, too, end at 4 GiB. */
  wholeLinear(n: number, write: boolean, bytes = this.memory(n).width / 8): Value {
    const m = this.memory(n);
    // With 16-bit addresses the area of FXSAVE wraps, which is its helper's business.
    const size = bytes === 512 && m.addressSize === 16 ? 16 : bytes;
    if (this.mode.flat(m.segment) && size > 1 && this.linearAddresses[n] === undefined) {
      const offset = this.let(this.effectiveAddress(n));
      const segment: Value =
        this.style === 'slot' ? { op: 'slotSegment', width: 32 } : constant(32, m.segment);
      this.checkEnd(segment, offset, size, write);
    }
    return this.linear(n, write, size);
  }
  /** A flat segment, too, ends at 4 GiB. */
  private checkEnd(segment: Value, offset: Value, size: number, write: boolean): void {
    this.when(
      binary('ltU', 32, constant(32, -size), offset),
      () => void this.segmented(segment, offset, size, write),
    );
  }
  /** Where bases are not 0, an address within a page can still wrap; the interpreter looks at all that are misaligned. */
  private flatMemory(segment: SegmentIndex, offset: Value, size: number, write: boolean): Value {
    if (segment < 4 || size === 1) return this.flatLinear(segment, offset);
    const kept = this.let(offset);
    this.checkEnd(constant(32, segment), kept, size, write);
    return this.flatLinear(segment, kept);
  }
  private flatLinear(segment: SegmentIndex, offset: Value): Value {
    return segment < 4 ? offset : binary('add', 32, offset, this.state(R_SEGMENT_BASE + segment));
  }
  /** Linear address of the bit-string cell that register `offset` (int32, in bits) selects in memory operand n (SDM vol. 2, BT). */
  bitStringLinear(n: number, offset: Value, write: boolean): Value {
    const m = this.memory(n);
    const bits = memoryBits(m);
    const cell = this.shift('shl', this.shift('shrS', offset, bits === 16 ? 4 : 5), bits === 16 ? 1 : 2);
    if (this.style === 'slot' && this.mode.flat(m.segment)) {
      return this.let(
        this.add(
          { op: 'slotAddress', width: 32, addressSize: m.addressSize as 16 | 32, segmented: true },
          cell,
        ),
      );
    }
    let ea = this.add(this.effectiveAddress(n), cell);
    if (m.addressSize === 16) ea = this.and(ea, constant(32, 0xffff));
    if (this.mode.flat(m.segment)) return this.let(this.flatMemory(m.segment, ea, bits / 8, write));
    const segment: Value = this.style === 'slot' ? { op: 'slotSegment', width: 32 } : constant(32, m.segment);
    return this.segmented(segment, ea, bits / 8, write);
  }
  private segmented(segment: Value, offset: Value, size: number, write: boolean): Value {
    const id = this.temps++;
    this.statements.push({ op: 'segment', id, segment, offset, size, write });
    return { op: 'temp', width: 32, id };
  }
  /** Address of `size` bytes at `offset` in `segment`. */
  segmentLinear(segment: SegmentIndex, offset: Value, size: number, write: boolean): Value {
    return this.mode.flat(segment)
      ? this.let(this.flatLinear(segment, offset))
      : this.segmented(constant(32, segment), offset, size, write);
  }

  // ---- memory -----------------------------------------------------------------------------------------------------------
  /** Loads for a later `storeBack`: checked for writing. */
  loadForWrite(width: Width, address: Value): Value {
    return this.load(width, address, -1, true);
  }
  storeBack(width: Width, address: Value, value: Value, loaded: Value): void {
    this.store(width, address, value, loaded.op === 'temp' ? loaded.id : -1);
  }
  load(width: Width, address: Value, operand = -1, forWrite = false): Value {
    const id = this.temps++;
    this.statements.push({ op: 'load', id, width, address, forWrite });
    if (forWrite && operand >= 0) this.loads[operand] = id;
    return { op: 'temp', width, id };
  }
  store(width: Width, address: Value, value: Value, of = -1): void {
    this.statements.push({ op: 'store', width, address, value, of });
  }
  private stackPointer(): Value {
    return this.mode.stackSize === 32 ? this.gpr(ESP) : this.gpr(ESP, 16);
  }
  private stackMove(bytes: number): Value {
    const size = this.mode.stackSize;
    return binary('add', size, this.stackPointer(), constant(size, bytes));
  }
  private stackLinear(offset: Value, size: number, write: boolean): Value {
    return this.segmentLinear(SS, zeroExtend(32, offset), size, write);
  }
  /** Pushes a value of 16 or 32 bits: memory first, then the stack pointer. */
  push(width: 16 | 32, value: Value): void {
    const kept = value.op === 'const' || value.op === 'temp' ? value : this.let(value);
    const top = this.let(this.stackMove(-width / 8));
    this.store(width, this.stackLinear(top, width / 8, true), kept);
    this.setStackPointer(top);
  }
  /** Reads `width` bits at `depth` bytes above the stack pointer, which stays. */
  peek(width: 16 | 32, depth = 0): Value {
    return this.load(
      width,
      this.stackLinear(depth === 0 ? this.stackPointer() : this.stackMove(depth), width / 8, false),
    );
  }
  dropStack(bytes: number): void {
    this.setStackPointer(this.stackMove(bytes));
  }
  setStackPointer(value: Value): void {
    this.setGpr(ESP, this.mode.stackSize, value);
  }

  // ---- registers, state, temps ---------------------------------------------------------------------------------------------
  gpr(index: number, width: Width = 32, high = false): Value {
    return { op: 'gpr', width, register: { kind: 'fixed', index, high } };
  }
  setGpr(index: number, width: Width, value: Value, high = false): void {
    this.setRegister({ kind: 'fixed', index, high }, width, value);
  }
  private setRegister(register: Register, width: Width, value: Value): void {
    this.statements.push({ op: 'setGpr', width, register, value });
  }
  state(index: number): Value {
    return { op: 'state', width: 32, index };
  }
  setState(index: number, value: Value): void {
    this.statements.push({ op: 'setState', index, value });
  }
  let(value: Value): Value {
    if (value.op === 'const' || value.op === 'temp') return value;
    const id = this.temps++;
    this.statements.push({ op: 'let', id, width: value.width, value });
    return { op: 'temp', width: value.width, id };
  }

  // ---- values -------------------------------------------------------------------------------------------------------------
  constant(width: Width, value: number): Value {
    return constant(width, value);
  }
  binary(op: BinaryOp, left: Value, right: Value): Value {
    return binary(op, left.width, left, right);
  }
  add(a: Value, b: Value): Value {
    return this.binary('add', a, b);
  }
  sub(a: Value, b: Value): Value {
    return this.binary('sub', a, b);
  }
  and(a: Value, b: Value): Value {
    return this.binary('and', a, b);
  }
  or(a: Value, b: Value): Value {
    return this.binary('or', a, b);
  }
  xor(a: Value, b: Value): Value {
    return this.binary('xor', a, b);
  }
  /** Shift by a count 0-31 of any width. */
  shift(op: 'shl' | 'shrU' | 'shrS', value: Value, count: Value | number): Value {
    return binary(op, value.width, value, typeof count === 'number' ? constant(32, count) : count);
  }
  not(a: Value): Value {
    return unary('not', a.width, a);
  }
  neg(a: Value): Value {
    return unary('neg', a.width, a);
  }
  divideLong(high: Value, low: Value, divisor: Value): Value {
    return { op: 'divideLong', width: 32, high, low, divisor };
  }
  isZero(a: Value): Value {
    return unary('isZero', a.width, a);
  }
  clz(a: Value): Value {
    return unary('clz', 32, a);
  }
  zeroExtend(width: Width, a: Value): Value {
    return zeroExtend(width, a);
  }
  signExtend(width: Width, a: Value): Value {
    return signExtend(width, a);
  }
  truncate(width: Width, a: Value): Value {
    return truncate(width, a);
  }
  select(condition: Value, then: Value, otherwise: Value): Value {
    return select(condition, then, otherwise);
  }
  condition(cc: number): Value {
    return { op: 'condition', width: 32, cc };
  }
  carry(): Value {
    return { op: 'carry', width: 32 };
  }
  statusFlags(): Value {
    return { op: 'statusFlags', width: 32 };
  }
  eip(): Value {
    return { op: 'eip', width: 32, next: false };
  }
  nextEip(): Value {
    return { op: 'eip', width: 32, next: true };
  }

  /**
   * An instruction that translated code may run by a shorter way than `slow`, its meaning. `n`: its memory operand, -1 for none. In modes where it may
   * fault for other reasons than its operands, or where its segment needs checks, only `slow` is built.
   */
  quick(n: number, slow: () => void): void {
    const memory = n < 0 ? undefined : this.memory(n);
    if (this.style === 'slot' || this.mode.aligned || (memory && !this.mode.flat(memory.segment)))
      return slow();
    const address = memory && this.flatLinear(memory.segment, this.effectiveAddress(n));
    this.hasHelper = true;
    this.statements.push({
      op: 'quick',
      instruction: this.instruction,
      address,
      slow: this.nested(slow),
    });
  }

  /** Operands of an x87, MMX or SSE instruction packed for its helper (runtime/fpu). */
  packedOperands(): Value {
    return this.style === 'slot'
      ? { op: 'immediate', width: 32 }
      : constant(32, packOperands(this.instruction));
  }

  // ---- flags ----------------------------------------------------------------------------------------------------------------
  setFlags(
    kind: FlagKind,
    result: Value,
    a: Value,
    b: Value = constant(result.width, 0),
    exact = true,
  ): void {
    this.statements.push({ op: 'setFlags', kind, width: result.width, a, b, result, exact });
  }
  /** ZF SF PF from the result, the others from EFLAGS bits in `bits` (width 32). */
  setResultFlags(result: Value, bits: Value = constant(32, 0)): void {
    this.setFlags(FlagKind.RESULT, result, bits);
  }
  /** Replaces CF, OF or AF (EFLAGS bits in `mask`) and keeps the other flags. */
  patchFlags(mask: number, bits: Value): void {
    this.statements.push({ op: 'patchFlags', mask, bits });
  }
  setExplicitFlags(bits: Value): void {
    this.setFlags(FlagKind.EXPLICIT, constant(32, 0), bits);
  }

  // ---- control ----------------------------------------------------------------------------------------------------------------
  /** `condition` not 0: `then`, else `otherwise`; constant conditions choose now. */
  when(condition: Value, then: () => void, otherwise: () => void = () => undefined): void {
    if (condition.op === 'const') return condition.value !== 0 ? then() : otherwise();
    this.branch(condition, then, otherwise, false);
  }
  /** As `when` for the whole of an instruction whose first way is hardly ever gone. */
  rarely(condition: Value, then: () => void, otherwise: () => void): void {
    this.branch(condition, then, otherwise, true);
  }
  private branch(condition: Value, then: () => void, otherwise: () => void, rare: boolean): void {
    const yes = this.nested(then);
    this.statements.push({ op: 'when', condition, then: yes, else: this.nested(otherwise), rare });
  }
  private nested(body: () => void): Statement[] {
    const outer = this.statements;
    this.statements = [];
    body();
    const inner = this.statements;
    this.statements = outer;
    return inner;
  }
  fault(vector: number, errorCode = 0): void {
    this.statements.push({ op: 'fault', vector, errorCode });
  }
  /** Calls a helper for its effect on `cpu`. */
  helper(name: string, ...args: Value[]): void {
    this.callHelper(name, args, -1, false);
  }
  /** Calls a helper that returns an int32. */
  helperValue(name: string, ...args: Value[]): Value {
    const id = this.temps++;
    this.callHelper(name, args, id, false);
    return { op: 'temp', width: 32, id };
  }
  /** Calls a helper that sets r[R_EIP]; the instruction ends the block. */
  transfer(name: string, ...args: Value[]): void {
    this.callHelper(name, args, -1, true);
    this.ends = true;
    this.statements.push({ op: 'jump', to: this.eip(), condition: undefined, kind: 'helper' });
  }
  private callHelper(name: string, args: readonly Value[], id: number, control: boolean): void {
    this.hasHelper = true;
    this.statements.push({ op: 'helper', name, args, id, control });
  }
  /** A REP helper's result: not 0 = not finished, stay at this instruction. */
  repeatWhile(condition: Value): void {
    this.statements.push({ op: 'repeat', condition });
    this.ends = true;
  }
  /** Near branch target of a direct branch, truncated to the operand size. */
  target(): Value {
    const operand = this.operand(0);
    if (operand.kind !== 'relative') throw new Error('not a direct branch');
    return this.offset({ op: 'target', width: 32 });
  }
  /** A CS offset truncated to the operand size. */
  offset(value: Value): Value {
    return this.instruction.operandSize === 16
      ? binary('and', 32, zeroExtend(32, value), constant(32, 0xffff))
      : zeroExtend(32, value);
  }
  /** #GP(0) for a target beyond the limit of CS, before the branch has any effect; `condition`: where it is taken. */
  checkTarget(to: Value, condition?: Value): void {
    if (!checksTargets(this.mode, this.instruction.operandSize)) return;
    if (condition) this.when(condition, () => this.helper('checkBranch', to));
    else this.helper('checkBranch', to);
  }
  jump(to: Value, kind: JumpKind, condition?: Value): void {
    this.ends = true;
    this.statements.push({ op: 'jump', to, condition, kind });
  }
}
