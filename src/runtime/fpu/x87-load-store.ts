/** x87 data transfer: loads, stores, constants, exchange and conditional moves (SDM vol. 1, 8.3.1-3). */
import { getStatusFlags } from '../flags.js';
import { type Cpu, EFLAGS } from '../state.js';
import {
  checkWaiting,
  hasMemory,
  type Helper,
  isEmpty,
  isStore,
  notePointers,
  physical,
  pop,
  readWords,
  stackIndex,
  WIDTH,
  widthOf,
  words,
  writeWords,
} from './access.js';
import {
  clearC1,
  noteRounding,
  packRegister,
  raise,
  roundingMode,
  setIndefinite,
  stackFault,
  unpack,
  unpackRegister,
} from './float80.js';
import {
  doubleHighBits,
  doubleLowBits,
  fromDouble,
  fromInt64,
  fromSingle,
  roundToFormat,
  singleBits,
  toInteger,
} from './formats.js';
import {
  DE,
  DOUBLE,
  IE,
  INFINITY,
  Num,
  OE,
  PE,
  QNAN,
  rounding,
  SINGLE,
  SNAN,
  TRUNCATE,
  UE,
  UNSUPPORTED,
  UP,
} from './number.js';
import { type Fpu } from './state.js';

const value = new Num();

/** Makes room on the stack; false if an unmasked overflow stops the instruction. A masked one pushes the indefinite. */
export function canPush(fpu: Fpu): boolean {
  if (isEmpty(fpu, (fpu.top - 1) & 7)) return true;
  if (stackFault(fpu, true)) {
    fpu.top = (fpu.top - 1) & 7;
    setIndefinite(value);
    packRegister(fpu, fpu.top, value);
  }
  return false;
}

export function push(fpu: Fpu, v: Num): void {
  fpu.top = (fpu.top - 1) & 7;
  packRegister(fpu, fpu.top, v);
}

function copyRegister(fpu: Fpu, to: number, from: number): void {
  fpu.exponent[to] = fpu.exponent[from]!;
  fpu.significand[2 * to] = fpu.significand[2 * from]!;
  fpu.significand[2 * to + 1] = fpu.significand[2 * from + 1]!;
  fpu.valid |= 1 << to;
}

/** Masked stack underflow: the indefinite goes to `register`. False if unmasked. */
export function underflowInto(fpu: Fpu, register: number): boolean {
  if (!stackFault(fpu, false)) return false;
  setIndefinite(value);
  packRegister(fpu, register, value);
  return true;
}

function loadRegister(fpu: Fpu, info: number): void {
  const source = physical(fpu, stackIndex(info));
  if (isEmpty(fpu, source)) {
    if (stackFault(fpu, false)) {
      setIndefinite(value);
      push(fpu, value);
    }
    return;
  }
  if (!canPush(fpu)) return;
  clearC1(fpu);
  fpu.top = (fpu.top - 1) & 7;
  copyRegister(fpu, fpu.top, source);
}

function loadExtended(cpu: Cpu, address: number): void {
  const fpu = cpu.fpu;
  readWords(cpu, address, 2);
  const signExponent = cpu.mmu.read16((address + 8) | 0);
  if (!canPush(fpu)) return;
  clearC1(fpu);
  const top = (fpu.top - 1) & 7;
  fpu.top = top;
  fpu.exponent[top] = signExponent;
  fpu.significand[2 * top] = words[0]!;
  fpu.significand[2 * top + 1] = words[1]!;
  fpu.valid |= 1 << top;
}

/** Single and double become extended; a signalling NaN is invalid, a denormal raises DE. */
function loadReal(cpu: Cpu, address: number, info: number): void {
  const fpu = cpu.fpu;
  if (widthOf(info) === WIDTH.W64) {
    readWords(cpu, address, 2);
    fromDouble(value, words[1]!, words[0]!);
  } else fromSingle(value, cpu.mmu.read32(address) | 0);
  const flags = value.kind === SNAN ? IE : value.denormal ? DE : 0;
  if (value.kind === SNAN) value.high |= 0x40000000;
  if (!canPush(fpu)) return;
  clearC1(fpu);
  // Silicon completes the load even if DE is unmasked.
  if ((raise(fpu, flags) & IE) === 0) push(fpu, value);
}

const fld: Helper = (cpu, address, info) => {
  checkWaiting(cpu);
  if (!hasMemory(info)) loadRegister(cpu.fpu, info);
  else if (widthOf(info) === WIDTH.W80) loadExtended(cpu, address);
  else loadReal(cpu, address, info);
  notePointers(cpu, address, info);
};

const fild: Helper = (cpu, address, info) => {
  checkWaiting(cpu);
  const width = widthOf(info);
  if (width === WIDTH.W64) readWords(cpu, address, 2);
  else words[0] = width === WIDTH.W32 ? cpu.mmu.read32(address) : (cpu.mmu.read16(address) << 16) >> 16;
  if (width !== WIDTH.W64) words[1] = words[0]! >> 31;
  fromInt64(value, words[1]!, words[0]!);
  notePointers(cpu, address, info);
  if (!canPush(cpu.fpu)) return;
  clearC1(cpu.fpu);
  push(cpu.fpu, value);
};

function storeRegister(fpu: Fpu, info: number): boolean {
  const destination = physical(fpu, stackIndex(info));
  if (isEmpty(fpu, fpu.top)) return underflowInto(fpu, destination);
  clearC1(fpu);
  copyRegister(fpu, destination, fpu.top);
  return true;
}

/** Writes `count` words and perhaps the upper 16 bits `tail`, then completes: flags and C1. False if unmasked flags forbid the store. */
export function completeStore(
  cpu: Cpu,
  address: number,
  size: number,
  flags: number,
  underflow: boolean,
): boolean {
  const fpu = cpu.fpu;
  if (flags & ~fpu.control & (IE | OE | UE)) {
    if (underflow) stackFault(fpu, false);
    else {
      clearC1(fpu);
      // Silicon does not report PE with an unmasked overflow or underflow of a store.
      raise(fpu, flags & ~PE);
    }
    return false;
  }
  writeSized(cpu, address, size);
  clearC1(fpu);
  if (underflow) stackFault(fpu, false);
  else {
    if (rounding.up) noteRounding(fpu);
    raise(fpu, flags);
  }
  return true;
}

function writeSized(cpu: Cpu, address: number, size: number): void {
  if (size === 2) cpu.mmu.write16(address, words[0]! & 0xffff);
  else if (size === 4) cpu.mmu.write32(address, words[0]!);
  else if (size === 8) writeWords(cpu, address, 2);
  else {
    cpu.mmu.probeWrite(address, 10);
    cpu.mmu.write32(address, words[0]!);
    cpu.mmu.write32((address + 4) | 0, words[1]!);
    cpu.mmu.write16((address + 8) | 0, words[2]! & 0xffff);
  }
}

function storeReal(cpu: Cpu, address: number, isDouble: boolean): boolean {
  const fpu = cpu.fpu;
  const empty = isEmpty(fpu, fpu.top);
  let flags = IE;
  rounding.up = false;
  if (empty) setIndefinite(value);
  else {
    unpackRegister(fpu, fpu.top, value);
    if (value.kind === UNSUPPORTED) setIndefinite(value);
    else flags = roundToFormat(value, isDouble ? DOUBLE : SINGLE, roundingMode(fpu), fpu.control);
  }
  words[0] = isDouble ? doubleLowBits(value) : singleBits(value);
  words[1] = doubleHighBits(value);
  return completeStore(cpu, address, isDouble ? 8 : 4, flags, empty);
}

function storeExtended(cpu: Cpu, address: number): boolean {
  const fpu = cpu.fpu;
  const top = fpu.top;
  const empty = isEmpty(fpu, top);
  rounding.up = false;
  words[0] = empty ? 0 : fpu.significand[2 * top]!;
  words[1] = empty ? -0x40000000 : fpu.significand[2 * top + 1]!;
  words[2] = empty ? 0xffff : fpu.exponent[top]!;
  return completeStore(cpu, address, 10, empty ? IE : 0, empty);
}

function store(cpu: Cpu, address: number, info: number): boolean {
  if (!isStore(info) || !hasMemory(info)) return storeRegister(cpu.fpu, info);
  const width = widthOf(info);
  return width === WIDTH.W80 ? storeExtended(cpu, address) : storeReal(cpu, address, width === WIDTH.W64);
}

function fst(pops: boolean): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    const stored = store(cpu, address, info);
    notePointers(cpu, address, info);
    if (stored && pops) pop(cpu.fpu);
  };
}

/** D9 D8: FSTP ST(i) that does not report an empty ST(0). */
const fstpnce: Helper = (cpu, address, info) => {
  checkWaiting(cpu);
  notePointers(cpu, address, info);
  const fpu = cpu.fpu;
  clearC1(fpu);
  if (!isEmpty(fpu, fpu.top)) copyRegister(fpu, physical(fpu, stackIndex(info)), fpu.top);
  pop(fpu);
};

function fist(pops: boolean, truncate: boolean): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    const fpu = cpu.fpu;
    const size = [0, 2, 4, 8][widthOf(info)]!;
    const empty = isEmpty(fpu, fpu.top);
    if (empty) setIndefinite(value);
    else unpackRegister(fpu, fpu.top, value);
    if (value.kind >= INFINITY) value.kind = QNAN;
    const flags = toInteger(value, 8 * size, truncate ? TRUNCATE : roundingMode(fpu));
    words[0] = value.low;
    words[1] = value.high;
    const stored = completeStore(cpu, address, size, flags, empty);
    notePointers(cpu, address, info);
    if (stored && pops) pop(fpu);
  };
}

/** `extra` continues the 64-bit significand: constants follow the rounding control (SDM vol. 2, FLD1…). */
function constant(
  signExponent: number,
  high: number,
  low: number,
  extraAboveHalf: boolean,
  exact: boolean,
): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    notePointers(cpu, address, info);
    const fpu = cpu.fpu;
    if (!canPush(fpu)) return;
    clearC1(fpu);
    const mode = roundingMode(fpu);
    const up = !exact && (mode === UP || (mode === 0 && extraAboveHalf));
    unpack(value, signExponent, high | 0, (low + (up ? 1 : 0)) | 0);
    push(fpu, value);
  };
}

const fxch: Helper = (cpu, address, info) => {
  checkWaiting(cpu);
  notePointers(cpu, address, info);
  const fpu = cpu.fpu;
  const top = fpu.top;
  const other = physical(fpu, stackIndex(info));
  if (!fillEmpty(fpu, top, other)) return;
  const exponent = fpu.exponent[top]!;
  const low = fpu.significand[2 * top]!;
  const high = fpu.significand[2 * top + 1]!;
  copyRegister(fpu, top, other);
  fpu.exponent[other] = exponent;
  fpu.significand[2 * other] = low;
  fpu.significand[2 * other + 1] = high;
};

/** Masked underflow makes empty operands the indefinite; false if unmasked. */
function fillEmpty(fpu: Fpu, a: number, b: number): boolean {
  clearC1(fpu);
  if (!isEmpty(fpu, a) && !isEmpty(fpu, b)) return true;
  const emptyA = isEmpty(fpu, a),
    emptyB = isEmpty(fpu, b);
  if (emptyA && !underflowInto(fpu, a)) return false;
  return !emptyB || underflowInto(fpu, b);
}

function fcmov(flags: number, whenSet: boolean): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    notePointers(cpu, address, info);
    const fpu = cpu.fpu;
    const source = physical(fpu, stackIndex(info));
    if (isEmpty(fpu, fpu.top) || isEmpty(fpu, source)) underflowInto(fpu, fpu.top);
    else if (((getStatusFlags(cpu) & flags) !== 0) === whenSet) copyRegister(fpu, fpu.top, source);
  };
}

function changeSign(change: (signExponent: number) => number): Helper {
  return (cpu, address, info) => {
    checkWaiting(cpu);
    notePointers(cpu, address, info);
    const fpu = cpu.fpu;
    if (isEmpty(fpu, fpu.top)) {
      underflowInto(fpu, fpu.top);
      return;
    }
    clearC1(fpu);
    fpu.exponent[fpu.top] = change(fpu.exponent[fpu.top]!);
  };
}

const { CF, ZF, PF } = EFLAGS;

export const X87_LOAD_STORE: Record<string, Helper> = {
  FLD: fld,
  FILD: fild,
  FST: fst(false),
  FSTP: fst(true),
  FSTPNCE: fstpnce,
  FIST: fist(false, false),
  FISTP: fist(true, false),
  FISTTP: fist(true, true),
  FLD1: constant(0x3fff, 0x80000000, 0, false, true),
  FLDL2T: constant(0x4000, 0xd49a784b, 0xcd1b8afe, false, false),
  FLDL2E: constant(0x3fff, 0xb8aa3b29, 0x5c17f0bb, true, false),
  FLDPI: constant(0x4000, 0xc90fdaa2, 0x2168c234, true, false),
  FLDLG2: constant(0x3ffd, 0x9a209a84, 0xfbcff798, true, false),
  FLDLN2: constant(0x3ffe, 0xb17217f7, 0xd1cf79ab, true, false),
  FLDZ: constant(0, 0, 0, false, true),
  FXCH: fxch,
  FABS: changeSign((e) => e & 0x7fff),
  FCHS: changeSign((e) => e ^ 0x8000),
  FCMOVB: fcmov(CF, true),
  FCMOVE: fcmov(ZF, true),
  FCMOVBE: fcmov(CF | ZF, true),
  FCMOVU: fcmov(PF, true),
  FCMOVNB: fcmov(CF, false),
  FCMOVNE: fcmov(ZF, false),
  FCMOVNBE: fcmov(CF | ZF, false),
  FCMOVNU: fcmov(PF, false),
};
