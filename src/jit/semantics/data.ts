/** Semantics: moves, extensions, exchanges, stack, flags moves (SDM vol. 1, 7.3.1, 7.3.2, 7.3.13). */
import type { Builder } from '../builder.js';
import type { Value, Width } from '../ir.js';
import { EAX, EBP, EBX, EDX, EFLAGS, R_EFLAGS, STATUS_FLAGS } from '../../runtime/state.js';

const AH = 0;
const operandSize = (b: Builder): 16 | 32 => (b.instruction.operandSize === 16 ? 16 : 32);

function move(b: Builder): void {
  b.write(0, b.read(1, b.width(0)));
}
const extend =
  (signed: boolean) =>
  (b: Builder): void => {
    const value = b.read(1);
    b.write(0, signed ? b.signExtend(b.width(0), value) : b.zeroExtend(b.width(0), value));
  };

function exchange(b: Builder): void {
  const first = b.let(b.readForWrite(0));
  const second = b.let(b.isMemory(1) ? b.readForWrite(1) : b.read(1));
  b.write(0, second);
  b.write(1, first);
}

/** PUSH r/m, imm: immediates are sign-extended to the operand size. */
function push(b: Builder): void {
  const size = operandSize(b);
  b.push(size, b.read(0, size));
}
/** POP r/m: a memory destination addressed through ESP uses the incremented ESP (SDM vol. 2, POP). */
function pop(b: Builder): void {
  const size = operandSize(b);
  const value = b.peek(size);
  if (b.isMemory(0)) {
    b.store(size, b.linear(0, true, size / 8, size / 8), value);
    b.dropStack(size / 8);
  } else {
    b.dropStack(size / 8);
    b.write(0, value);
  }
}

function leave(b: Builder): void {
  const size = operandSize(b);
  const stackSize = b.mode.stackSize;
  const frame = b.let(b.gpr(EBP, stackSize));
  const value = b.load(size, b.segmentLinear(2, b.zeroExtend(32, frame), size / 8, false));
  b.setStackPointer(b.add(frame, b.constant(stackSize, size / 8)));
  b.setGpr(EBP, size, value);
}

function translateByte(b: Builder): void {
  const { segment, addressSize } = b.instruction;
  const sum = b.add(b.gpr(EBX), b.zeroExtend(32, b.gpr(EAX, 8)));
  const offset = addressSize === 16 ? b.and(sum, b.constant(32, 0xffff)) : sum;
  b.setGpr(EAX, 8, b.load(8, b.segmentLinear(segment, offset, 1, false)));
}

/** CBW, CWDE. */
function convertAccumulator(b: Builder): void {
  const size = operandSize(b);
  b.setGpr(EAX, size, b.signExtend(size, b.gpr(EAX, (size / 2) as Width)));
}
/** CWD, CDQ. */
function convertDouble(b: Builder): void {
  const size = operandSize(b);
  b.setGpr(EDX, size, b.shift('shrS', b.gpr(EAX, size), size - 1));
}

const PUSHED_BY_LAHF = EFLAGS.SF | EFLAGS.ZF | EFLAGS.AF | EFLAGS.PF | EFLAGS.CF;

function loadFlags(b: Builder): void {
  const flags = b.or(b.and(b.statusFlags(), b.constant(32, PUSHED_BY_LAHF)), b.constant(32, 2));
  b.setGpr(AH, 8, b.truncate(8, flags), true);
}
function storeFlags(b: Builder): void {
  const fromAh = b.and(b.zeroExtend(32, b.gpr(AH, 8, true)), b.constant(32, PUSHED_BY_LAHF));
  b.setExplicitFlags(
    b.let(b.or(fromAh, b.and(b.statusFlags(), b.constant(32, STATUS_FLAGS & ~PUSHED_BY_LAHF)))),
  );
}
const setCarry = (bits: (b: Builder) => Value) => (b: Builder) => b.patchFlags(EFLAGS.CF, b.let(bits(b)));
const setDirection = (on: boolean) => (b: Builder) => {
  const eflags = b.state(R_EFLAGS);
  b.setState(
    R_EFLAGS,
    on ? b.or(eflags, b.constant(32, EFLAGS.DF)) : b.and(eflags, b.constant(32, ~EFLAGS.DF)),
  );
};

const nothing = (): void => undefined;

export const DATA = {
  MOV: move,
  MOVNTI: move,
  MOVZX: extend(false),
  MOVSX: extend(true),
  LEA: (b: Builder): void => b.write(0, b.truncate(b.width(0), b.effectiveAddress(1))),
  XCHG: exchange,
  PUSH: push,
  POP: pop,
  PUSHA: (b: Builder): void => b.helper('pusha', b.constant(32, operandSize(b))),
  POPA: (b: Builder): void => b.helper('popa', b.constant(32, operandSize(b))),
  ENTER: (b: Builder): void =>
    b.helper('enter', b.read(0, 32), b.read(1, 32), b.constant(32, operandSize(b))),
  LEAVE: leave,
  XLAT: translateByte,
  CBW: convertAccumulator,
  CWD: convertDouble,
  LAHF: loadFlags,
  SAHF: storeFlags,
  SALC: (b: Builder): void => b.setGpr(EAX, 8, b.neg(b.truncate(8, b.carry()))),
  SETCC: (b: Builder): void => b.write(0, b.truncate(8, b.condition(b.instruction.condition))),
  CMOVCC: (b: Builder): void => {
    const source = b.let(b.read(1));
    b.write(0, b.select(b.condition(b.instruction.condition), source, b.read(0)));
  },
  CLC: setCarry((b) => b.constant(32, 0)),
  STC: setCarry((b) => b.constant(32, 1)),
  CMC: setCarry((b) => b.xor(b.carry(), b.constant(32, 1))),
  CLD: setDirection(false),
  STD: setDirection(true),
  NOP: nothing,
  PAUSE: nothing,
  LFENCE: nothing,
  SFENCE: nothing,
  MFENCE: nothing,
  PREFETCHNTA: nothing,
  PREFETCHT0: nothing,
  PREFETCHT1: nothing,
  PREFETCHT2: nothing,
} as const;
