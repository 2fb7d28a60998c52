/** Semantics: near branches, calls, loops, far transfers, interrupts (SDM vol. 1, 7.3.8). */
import type { Builder } from '../builder.js';
import type { Value } from '../ir.js';
import { ECX, ESP } from '../../runtime/state.js';
import { Vector } from '../../runtime/fault.js';

const operandSize = (b: Builder): 16 | 32 => (b.instruction.operandSize === 16 ? 16 : 32);
const returnOffset = (b: Builder): Value =>
  operandSize(b) === 16 ? b.truncate(16, b.nextEip()) : b.nextEip();

function jump(b: Builder): void {
  if (b.operand(0).kind === 'relative') return jumpDirect(b);
  const to = b.let(b.offset(b.read(0)));
  b.checkTarget(to);
  b.jump(to, 'indirect');
}
function jumpDirect(b: Builder, condition?: Value): void {
  b.checkTarget(b.target(), condition);
  b.jump(b.target(), 'direct', condition);
}
function call(b: Builder): void {
  const direct = b.operand(0).kind === 'relative';
  const to = direct ? b.target() : b.let(b.offset(b.read(0)));
  b.checkTarget(to);
  b.push(operandSize(b), returnOffset(b));
  b.jump(to, direct ? 'call' : 'callIndirect');
}
function nearReturn(b: Builder): void {
  const size = operandSize(b);
  const to = b.let(b.offset(b.peek(size)));
  b.checkTarget(to);
  if (b.operandCount === 0) b.dropStack(size / 8);
  else {
    const above = b.zeroExtend(b.mode.stackSize, b.read(0, 16));
    const { stackSize } = b.mode;
    b.setStackPointer(b.add(b.add(b.gpr(ESP, stackSize), b.constant(stackSize, size / 8)), above));
  }
  b.jump(to, 'return');
}
/** LOOP, LOOPE, LOOPNE: the counter has the address size. */
function loop(zeroFlag: 0 | 1 | undefined) {
  return (b: Builder): void => {
    const size = b.instruction.addressSize === 16 ? 16 : 32;
    const count = b.let(b.sub(b.gpr(ECX, size), b.constant(size, 1)));
    const counting = b.binary('ne', count, b.constant(size, 0));
    const taken = zeroFlag === undefined ? counting : b.and(counting, b.condition(zeroFlag === 1 ? 4 : 5));
    b.checkTarget(b.target(), taken);
    b.setGpr(ECX, size, count);
    b.jump(b.target(), 'direct', taken);
  };
}
function jumpIfCounterZero(b: Builder): void {
  jumpDirect(b, b.isZero(b.gpr(ECX, b.instruction.addressSize === 16 ? 16 : 32)));
}

/** Far JMP and CALL: a pointer in the instruction or in memory (offset first). */
function farTransfer(helper: string) {
  return (b: Builder): void => {
    const size = b.constant(32, operandSize(b));
    const operand = b.operand(0);
    if (operand.kind === 'far') {
      return b.transfer(
        helper,
        b.constant(32, operand.selector),
        b.constant(32, operand.offset),
        size,
        b.nextEip(),
      );
    }
    const bytes = operandSize(b) / 8;
    const address = b.wholeLinear(0, false, bytes + 2);
    const offset = b.zeroExtend(32, b.load(operandSize(b), address));
    const selector = b.zeroExtend(32, b.load(16, b.add(address, b.constant(32, bytes))));
    b.transfer(helper, selector, offset, size, b.nextEip());
  };
}
function softwareInterrupt(vector: (b: Builder) => Value) {
  return (b: Builder): void => b.transfer('softwareInterrupt', vector(b), b.nextEip());
}

export const CONTROL = {
  JMP: jump,
  CALL: call,
  RET: nearReturn,
  JCC: (b: Builder): void => jumpDirect(b, b.condition(b.instruction.condition)),
  LOOP: loop(undefined),
  LOOPE: loop(1),
  LOOPNE: loop(0),
  JCXZ: jumpIfCounterZero,
  JMPF: farTransfer('farJump'),
  CALLF: farTransfer('farCall'),
  RETF: (b: Builder): void =>
    b.transfer(
      'farReturn',
      b.constant(32, operandSize(b)),
      b.operandCount > 0 ? b.zeroExtend(32, b.read(0, 16)) : b.constant(32, 0),
    ),
  IRET: (b: Builder): void => b.transfer('iret', b.constant(32, operandSize(b)), b.nextEip()),
  INT: softwareInterrupt((b) => b.read(0, 32)),
  INT3: (b: Builder): void => b.transfer('softwareTrap', b.constant(32, Vector.BP), b.nextEip()),
  INTO: (b: Builder): void =>
    b.when(b.condition(0), () => b.transfer('softwareTrap', b.constant(32, Vector.OF), b.nextEip())),
  INT1: (b: Builder): void => b.transfer('icebp', b.nextEip()),
  BOUND: (b: Builder): void => {
    const size = b.width(0) === 16 ? 16 : 32;
    const address = b.wholeLinear(1, false, size / 4);
    const lower = b.signExtend(32, b.load(size, address));
    const upper = b.signExtend(32, b.load(size, b.add(address, b.constant(32, size / 8))));
    const index = b.let(b.signExtend(32, b.read(0)));
    b.when(b.or(b.binary('ltS', index, lower), b.binary('ltS', upper, index)), () => b.fault(Vector.BR));
  },
  UD0: (b: Builder): void => b.fault(Vector.UD),
  UD1: (b: Builder): void => b.fault(Vector.UD),
  UD2: (b: Builder): void => b.fault(Vector.UD),
} as const;
