/** SSE and SSE2 conversions between single, double and integers in XMM, MMX and general registers (SDM vol. 1, 11.4.1.4, 11.6). */
import type { Cpu } from '../state.js';
import {
  checkMmx,
  checkSse,
  enterMmx,
  FILE,
  firstRegister,
  hasMemory,
  type Helper,
  INFO,
  secondRegister,
} from './access.js';
import { fromInt32, toInteger } from './formats.js';
import { DE, FINITE, INFINITY, Num, QNAN, TRUNCATE } from './number.js';
import {
  begin,
  complete,
  control,
  DOUBLES,
  type Element,
  noteAfter,
  noteBefore,
  quiet,
  round,
  SINGLES,
} from './sse-core.js';
import { MM_WORDS } from './state.js';
import {
  B,
  checkAlignment,
  loadMemory,
  loadRegister,
  R,
  type Scratch,
  storeResult,
} from './vector-access.js';

const value = new Num();

/** Loads B from memory or the second XMM register. */
function loadXmmSource(cpu: Cpu, address: number, info: number): void {
  if (hasMemory(info)) {
    checkAlignment(address, info);
    loadMemory(cpu, B, address, info);
  } else loadRegister(cpu, B, 4 * secondRegister(info), 4);
}

/** An element of `from` becomes an int32 in word i of R. */
function toInt32(element: Element, i: number, truncate: boolean): void {
  const x = element === SINGLES ? B.f32[i]! : B.f64[i]!;
  if ((x | 0) === x || (truncate && control.quick && x < 2147483647 && x > -2147483648 && Math.abs(x) >= 1)) {
    R.i32[i] = x | 0;
    return;
  }
  element.load(value, B, i);
  if (value.kind >= INFINITY) value.kind = QNAN;
  const flags = toInteger(value, 32, truncate ? TRUNCATE : control.mode);
  if (flags & 1) noteBefore(flags);
  else noteAfter(flags);
  R.i32[i] = flags & 1 ? -0x80000000 : value.low;
}

/** A word of B becomes element i of R. */
function fromInteger(element: Element, i: number): void {
  if (element === DOUBLES) {
    R.f64[i] = B.i32[i]!;
    return;
  }
  fromInt32(value, B.i32[i]!);
  if (value.kind === FINITE) round(value, element.format);
  element.store(value, R, i);
}

/** Between single and double. */
function changeFormat(from: Element, to: Element, i: number, source: Scratch): void {
  from.load(value, source, i);
  if (value.kind >= QNAN) quiet(value);
  else if (value.denormal) noteBefore(DE);
  if (value.kind === FINITE) round(value, to.format);
  to.store(value, R, i);
}

/** XMM → XMM conversions of `count` elements; words from `clearFrom` on become 0, others stay. */
function convert(step: (i: number) => void, count: number, clearFrom: number): Helper {
  return (cpu, address, info) => {
    checkSse(cpu);
    loadXmmSource(cpu, address, info);
    loadRegister(cpu, R, 4 * firstRegister(info), 4);
    begin(cpu);
    for (let i = 0; i < count; i++) step(i);
    for (let i = clearFrom; i < 4; i++) R.i32[i] = 0;
    complete(cpu);
    storeResult(cpu, R, info);
  };
}

/** To a general register. */
function toGeneral(element: Element, truncate: boolean): Helper {
  return (cpu, address, info) => {
    checkSse(cpu);
    loadXmmSource(cpu, address, info);
    begin(cpu);
    toInt32(element, 0, truncate);
    complete(cpu);
    cpu.r[firstRegister(info)] = R.i32[0]!;
  };
}

/** From a general register or memory. */
function fromGeneral(element: Element): Helper {
  return (cpu, address, info) => {
    checkSse(cpu);
    B.i32[0] = hasMemory(info) ? cpu.mmu.read32(address) : cpu.r[secondRegister(info)]!;
    loadRegister(cpu, R, 4 * firstRegister(info), 4);
    begin(cpu);
    fromInteger(element, 0);
    complete(cpu);
    storeResult(cpu, R, info);
  };
}

/** From an MMX register or 64 bits of memory. */
function fromMmx(element: Element): Helper {
  return (cpu, address, info) => {
    checkSse(cpu);
    checkMmx(cpu);
    if (hasMemory(info)) loadMemory(cpu, B, address, info);
    else loadRegister(cpu, B, MM_WORDS + 2 * secondRegister(info), 2);
    loadRegister(cpu, R, 4 * firstRegister(info), 4);
    begin(cpu);
    fromInteger(element, 0);
    fromInteger(element, 1);
    complete(cpu);
    if (!hasMemory(info)) enterMmx(cpu.fpu);
    storeResult(cpu, R, info);
  };
}

function toMmx(element: Element, truncate: boolean): Helper {
  return (cpu, address, info) => {
    checkSse(cpu);
    checkMmx(cpu);
    loadXmmSource(cpu, address, info);
    begin(cpu);
    toInt32(element, 0, truncate);
    toInt32(element, 1, truncate);
    // The change to the MMX state happens even if #XM follows.
    enterMmx(cpu.fpu);
    complete(cpu);
    storeResult(cpu, R, (info & ~(3 << INFO.FILE_SHIFT)) | (FILE.MM << INFO.FILE_SHIFT));
  };
}

const singlesToInts = (i: number): void => toInt32(SINGLES, i, false);
const singlesToIntsTruncating = (i: number): void => toInt32(SINGLES, i, true);
const doublesToInts = (i: number): void => toInt32(DOUBLES, i, false);
const doublesToIntsTruncating = (i: number): void => toInt32(DOUBLES, i, true);
const intsToSingles = (i: number): void => fromInteger(SINGLES, i);
const intsToDoubles = (i: number): void => fromInteger(DOUBLES, i);
const singlesToDoubles = (i: number): void => changeFormat(SINGLES, DOUBLES, i, B);
const doublesToSingles = (i: number): void => changeFormat(DOUBLES, SINGLES, i, B);

export const SSE_CONVERT: Record<string, Helper> = {
  CVTPS2DQ: convert(singlesToInts, 4, 4),
  CVTTPS2DQ: convert(singlesToIntsTruncating, 4, 4),
  CVTPD2DQ: convert(doublesToInts, 2, 2),
  CVTTPD2DQ: convert(doublesToIntsTruncating, 2, 2),
  CVTDQ2PS: convert(intsToSingles, 4, 4),
  CVTDQ2PD: convert(intsToDoubles, 2, 4),
  CVTPS2PD: convert(singlesToDoubles, 2, 4),
  CVTPD2PS: convert(doublesToSingles, 2, 2),
  CVTSS2SD: convert(singlesToDoubles, 1, 4),
  CVTSD2SS: convert(doublesToSingles, 1, 4),
  CVTSS2SI: toGeneral(SINGLES, false),
  CVTTSS2SI: toGeneral(SINGLES, true),
  CVTSD2SI: toGeneral(DOUBLES, false),
  CVTTSD2SI: toGeneral(DOUBLES, true),
  CVTSI2SS: fromGeneral(SINGLES),
  CVTSI2SD: fromGeneral(DOUBLES),
  CVTPI2PS: fromMmx(SINGLES),
  CVTPI2PD: fromMmx(DOUBLES),
  CVTPS2PI: toMmx(SINGLES, false),
  CVTTPS2PI: toMmx(SINGLES, true),
  CVTPD2PI: toMmx(DOUBLES, false),
  CVTTPD2PI: toMmx(DOUBLES, true),
};
