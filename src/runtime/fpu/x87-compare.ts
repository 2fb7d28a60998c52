/** x87 comparisons, FTST and FXAM (SDM vol. 1, 8.3.6). */
import { setStatusFlags } from '../flags.js';
import type { Cpu } from '../state.js';
import {
  checkWaiting,
  hasMemory,
  type Helper,
  isEmpty,
  notePointers,
  physical,
  pop,
  stackIndex,
} from './access.js';
import { clearC1, raise, stackFault, unpackRegister } from './float80.js';
import { DE, FINITE, IE, INFINITY, Num, QNAN, ZERO } from './number.js';
import { order, UNORDERED } from './operations.js';
import { type Fpu, STATUS } from './state.js';
import { readOperand } from './x87-arithmetic.js';

const left = new Num();
const right = new Num();
const zero = new Num();

/** Did the last comparison meet an unmasked exception? It sets the conditions all the same, but pops nothing. */
let suppressed = false;

/** `quiet`: a QNaN is not invalid. */
function compare(fpu: Fpu, a: Num, b: Num, quiet: boolean): number {
  if (a.kind >= QNAN || b.kind >= QNAN) {
    const silent = quiet && a.kind <= QNAN && b.kind <= QNAN;
    suppressed = raise(fpu, silent ? 0 : IE) !== 0;
    return UNORDERED;
  }
  suppressed = raise(fpu, a.denormal || b.denormal ? DE : 0) !== 0;
  return order(a, b);
}

/** Compares ST(0) with `right` or with register `other` (-1: right). */
function compareTop(fpu: Fpu, other: number, quiet: boolean): number {
  if (isEmpty(fpu, fpu.top) || (other >= 0 && isEmpty(fpu, other))) {
    suppressed = !stackFault(fpu, false);
    return UNORDERED;
  }
  unpackRegister(fpu, fpu.top, left);
  if (other >= 0) unpackRegister(fpu, other, right);
  return compare(fpu, left, right, quiet);
}

function setConditions(fpu: Fpu, outcome: number): void {
  fpu.status = (fpu.status & ~(STATUS.C0 | STATUS.C2 | STATUS.C3)) | outcome;
}

function popTimes(fpu: Fpu, pops: number): void {
  for (let i = 0; i < pops; i++) pop(fpu);
}

function fcom(quiet: boolean, pops: number, integer: boolean): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    const fpu = cpu.fpu;
    let other = -1;
    if (hasMemory(info)) readOperand(cpu, address, info, right, integer);
    else other = physical(fpu, pops === 2 ? 1 : stackIndex(info));
    notePointers(cpu, address, info);
    clearC1(fpu);
    setConditions(fpu, compareTop(fpu, other, quiet));
    if (!suppressed) popTimes(fpu, pops);
  };
}

/** C0 → CF, C2 → PF, C3 → ZF; OF, SF and AF become 0. */
function setFlags(cpu: Cpu, outcome: number): void {
  setStatusFlags(cpu, outcome >>> 8);
}

/** Silicon leaves C1 alone here unless the stack underflows, where the Intel manual says it becomes 0. */
function fcomi(quiet: boolean, pops: number): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    notePointers(cpu, address, info);
    setFlags(cpu, compareTop(cpu.fpu, physical(cpu.fpu, stackIndex(info)), quiet));
    if (!suppressed) popTimes(cpu.fpu, pops);
  };
}

const ftst: Helper = (cpu, address, info) => {
  checkWaiting(cpu);
  notePointers(cpu, address, info);
  right.copy(zero);
  clearC1(cpu.fpu);
  setConditions(cpu.fpu, compareTop(cpu.fpu, -1, false));
};

/** C3 C2 C0 by class (SDM vol. 2, FXAM). */
function examine(fpu: Fpu): number {
  if (isEmpty(fpu, fpu.top)) return STATUS.C3 | STATUS.C0;
  unpackRegister(fpu, fpu.top, left);
  switch (left.kind) {
    case ZERO:
      return STATUS.C3;
    case FINITE:
      return left.denormal ? STATUS.C3 | STATUS.C2 : STATUS.C2;
    case INFINITY:
      return STATUS.C2 | STATUS.C0;
    default:
      return left.kind === QNAN || left.kind === QNAN + 1 ? STATUS.C0 : 0;
  }
}

const fxam: Helper = (cpu, address, info) => {
  checkWaiting(cpu);
  notePointers(cpu, address, info);
  const fpu = cpu.fpu;
  setConditions(fpu, examine(fpu));
  fpu.status = (fpu.status & ~STATUS.C1) | (fpu.exponent[fpu.top]! & 0x8000 ? STATUS.C1 : 0);
};

export const X87_COMPARE: Record<string, Helper> = {
  FCOM: fcom(false, 0, false),
  FCOMP: fcom(false, 1, false),
  FCOMPP: fcom(false, 2, false),
  FUCOM: fcom(true, 0, false),
  FUCOMP: fcom(true, 1, false),
  FUCOMPP: fcom(true, 2, false),
  FICOM: fcom(false, 0, true),
  FICOMP: fcom(false, 1, true),
  FCOMI: fcomi(false, 0),
  FCOMIP: fcomi(false, 1),
  FUCOMI: fcomi(true, 0),
  FUCOMIP: fcomi(true, 1),
  FTST: ftst,
  FXAM: fxam,
};
