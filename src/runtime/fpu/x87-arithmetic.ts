/** x87 FADD, FSUB, FMUL, FDIV and FSQRT in all their forms (SDM vol. 1, 8.3.5). */
import type { Cpu } from '../state.js';
import {
  checkWaiting,
  firstRegister,
  hasMemory,
  type Helper,
  isEmpty,
  notePointers,
  physical,
  pop,
  readWords,
  secondRegister,
  WIDTH,
  widthOf,
  words,
} from './access.js';
import {
  clearC1,
  isSpecial,
  noteRounding,
  packRegister,
  precision,
  propagateNan,
  propagateNan1,
  raise,
  roundingMode,
  setIndefinite,
  stackFault,
  unpackRegister,
} from './float80.js';
import { fromDouble, fromInt32, fromSingle } from './formats.js';
import { squareRoot } from './kernels.js';
import { DE, EXTENDED, FINITE, finish, INFINITY, Num, rounding, ZERO } from './number.js';
import {
  add,
  divide,
  divideReversed,
  invalid,
  multiply,
  type Operation,
  subtract,
  subtractReversed,
} from './operations.js';
import type { Fpu } from './state.js';

const left = new Num();
const right = new Num();
const result = new Num();

/** Leaves the rounded result in `out`; false if an unmasked exception forbids storing it. */
function compute(fpu: Fpu, operation: Operation, out: Num, a: Num, b: Num): boolean {
  clearC1(fpu);
  if (isSpecial(a, b)) return raise(fpu, propagateNan(out, a, b)) === 0;
  let flags = operation(out, a, b, roundingMode(fpu));
  if ((a.denormal || b.denormal) && flags === 0) flags |= DE;
  if (raise(fpu, flags) !== 0) return false;
  round(fpu, out);
  return true;
}

function round(fpu: Fpu, out: Num): void {
  if (out.kind !== FINITE) return;
  const flags = finish(out, EXTENDED, precision(fpu), roundingMode(fpu), fpu.control);
  if (rounding.inexact) noteRounding(fpu);
  raise(fpu, flags);
}

/** The indefinite as the masked response to an empty operand. */
function underflowInto(fpu: Fpu, register: number): boolean {
  if (!stackFault(fpu, false)) return false;
  setIndefinite(result);
  packRegister(fpu, register, result);
  return true;
}

/** Reads a single, double or (`integer`) int16 or int32 operand. */
export function readOperand(cpu: Cpu, address: number, info: number, v: Num, integer: boolean): void {
  const width = widthOf(info);
  if (integer)
    fromInt32(v, width === WIDTH.W16 ? (cpu.mmu.read16(address) << 16) >> 16 : cpu.mmu.read32(address) | 0);
  else if (width === WIDTH.W64) {
    readWords(cpu, address, 2);
    fromDouble(v, words[1]!, words[0]!);
  } else fromSingle(v, cpu.mmu.read32(address) | 0);
}

function withMemory(cpu: Cpu, operation: Operation): void {
  const fpu = cpu.fpu;
  if (isEmpty(fpu, fpu.top)) {
    underflowInto(fpu, fpu.top);
    return;
  }
  unpackRegister(fpu, fpu.top, left);
  if (compute(fpu, operation, result, left, right)) packRegister(fpu, fpu.top, result);
}

/** Destination first; true if the instruction completed (and may pop). */
function withRegisters(fpu: Fpu, operation: Operation, info: number): boolean {
  const destination = physical(fpu, firstRegister(info));
  const source = physical(fpu, secondRegister(info));
  if (isEmpty(fpu, destination) || isEmpty(fpu, source)) return underflowInto(fpu, destination);
  unpackRegister(fpu, destination, left);
  unpackRegister(fpu, source, right);
  if (!compute(fpu, operation, result, left, right)) return false;
  packRegister(fpu, destination, result);
  return true;
}

function arithmetic(operation: Operation, integer: boolean): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    if (hasMemory(info)) {
      readOperand(cpu, address, info, right, integer);
      notePointers(cpu, address, info);
      withMemory(cpu, operation);
    } else {
      notePointers(cpu, address, info);
      withRegisters(cpu.fpu, operation, info);
    }
  };
}

function arithmeticPop(operation: Operation): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    notePointers(cpu, address, info);
    if (withRegisters(cpu.fpu, operation, info)) pop(cpu.fpu);
  };
}

const fsqrt: Helper = (cpu, address, info) => {
  checkWaiting(cpu);
  notePointers(cpu, address, info);
  const fpu = cpu.fpu;
  if (isEmpty(fpu, fpu.top)) {
    underflowInto(fpu, fpu.top);
    return;
  }
  clearC1(fpu);
  unpackRegister(fpu, fpu.top, left);
  if (squareRootOf(fpu, left)) packRegister(fpu, fpu.top, result);
};

function squareRootOf(fpu: Fpu, a: Num): boolean {
  if (a.kind > INFINITY) return raise(fpu, propagateNan1(result, a)) === 0;
  if (a.kind !== ZERO && a.sign) return raise(fpu, invalid(result)) === 0;
  if (raise(fpu, a.denormal ? DE : 0) !== 0) return false;
  if (a.kind === FINITE) squareRoot(result, a);
  else result.copy(a);
  round(fpu, result);
  return true;
}

/** Register 0 = register 0 `operation` register 1, or its square root. */
export function computeRegisters(fpu: Fpu, operation: Operation | undefined): boolean {
  unpackRegister(fpu, 0, left);
  unpackRegister(fpu, 1, right);
  clearC1(fpu);
  if (!(operation ? compute(fpu, operation, result, left, right) : squareRootOf(fpu, left))) return false;
  packRegister(fpu, 0, result);
  return true;
}

export const X87_ARITHMETIC: Record<string, Helper> = {
  FADD: arithmetic(add, false),
  FMUL: arithmetic(multiply, false),
  FSUB: arithmetic(subtract, false),
  FSUBR: arithmetic(subtractReversed, false),
  FDIV: arithmetic(divide, false),
  FDIVR: arithmetic(divideReversed, false),
  FIADD: arithmetic(add, true),
  FIMUL: arithmetic(multiply, true),
  FISUB: arithmetic(subtract, true),
  FISUBR: arithmetic(subtractReversed, true),
  FIDIV: arithmetic(divide, true),
  FIDIVR: arithmetic(divideReversed, true),
  FADDP: arithmeticPop(add),
  FMULP: arithmeticPop(multiply),
  FSUBP: arithmeticPop(subtract),
  FSUBRP: arithmeticPop(subtractReversed),
  FDIVP: arithmeticPop(divide),
  FDIVRP: arithmeticPop(divideReversed),
  FSQRT: fsqrt,
};
