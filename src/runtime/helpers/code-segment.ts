/** What far transfers, interrupts and IRET share: checks of the code and stack segments they go to, and the commit (SDM vol. 3, 5.8). */
import { fault, Vector } from '../fault.js';
import { ATTRIBUTE, R_CPL, R_EIP, type Cpu } from '../state.js';
import { isNull, markAccessed, readDescriptor, type Descriptor } from './descriptors.js';
import { CS, loadRealSegment, setCpl, setSegment, SS } from './segments.js';

/** Where the instruction pointer must lie; `errorCode` is that of the #GP. */
export function checkEip(eip: number, limit: number, errorCode = 0): void {
  if (eip >>> 0 > limit) fault(Vector.GP, errorCode);
}

/** A near branch to `to`, before it has any effect; for code segments below 4 GiB. */
export function checkBranch(cpu: Cpu, to: number): void {
  if (to >>> 0 > cpu.segments.limit[CS]!) fault(Vector.GP, 0);
}

/** Commits CS, CPL and EIP after every check has passed. */
export function enterCode(cpu: Cpu, descriptor: Descriptor, cpl: number, eip: number): void {
  const selector = (descriptor.selector & ~3) | cpl;
  setSegment(cpu, CS, selector, descriptor.base, descriptor.limit, descriptor.attributes);
  setCpl(cpu, cpl);
  cpu.r[R_EIP] = eip;
}

/** Real and virtual-8086 mode: CS:EIP with the limit check first. */
export function enterRealCode(cpu: Cpu, selector: number, eip: number): void {
  checkEip(eip, cpu.segments.limit[CS]!);
  loadRealSegment(cpu, CS, selector);
  cpu.r[R_EIP] = eip;
}

/** The target of a far RET or IRET: privilege comes from the selector's RPL, which may not be inner. */
export function readReturnCode(cpu: Cpu, selector: number, into: Descriptor): void {
  const errorCode = selector & 0xfffc;
  if (isNull(selector)) fault(Vector.GP, 0);
  readDescriptor(cpu, selector, into, Vector.GP);
  const rpl = selector & 3;
  if (rpl < cpu.r[R_CPL]! || !into.isCode) fault(Vector.GP, errorCode);
  if (into.isConforming ? into.dpl > rpl : into.dpl !== rpl) fault(Vector.GP, errorCode);
  if (!into.present) fault(Vector.NP, errorCode);
  markAccessed(cpu, into);
}

/** The stack segment a far RET or IRET to an outer ring loads. */
export function readReturnStack(cpu: Cpu, selector: number, cpl: number, into: Descriptor): void {
  const errorCode = selector & 0xfffc;
  if (isNull(selector)) fault(Vector.GP, 0);
  readDescriptor(cpu, selector, into, Vector.GP);
  if ((selector & 3) !== cpl || into.dpl !== cpl || !into.isWritableData) fault(Vector.GP, errorCode);
  if (!into.present) fault(Vector.SS, errorCode);
  markAccessed(cpu, into);
}

/** After a return to an outer ring: data segments the new CPL may not use become null. */
export function dropInnerSegments(cpu: Cpu): void {
  dropInnerSegment(cpu, 0);
  dropInnerSegment(cpu, 3);
  dropInnerSegment(cpu, 4);
  dropInnerSegment(cpu, 5);
}

const CONFORMING = ATTRIBUTE.CODE | ATTRIBUTE.EXPAND_DOWN_CONFORMING;

function dropInnerSegment(cpu: Cpu, segment: number): void {
  const attributes = cpu.segments.attributes[segment]!;
  if (!(attributes & ATTRIBUTE.P) || (attributes & CONFORMING) === CONFORMING) return;
  if (((attributes >> 5) & 3) < cpu.r[R_CPL]!) setSegment(cpu, segment, 0, 0, 0, 0);
}

/** Commits an inner stack; its selector carries the new CPL. */
export function enterStack(cpu: Cpu, descriptor: Descriptor): void {
  setSegment(cpu, SS, descriptor.selector, descriptor.base, descriptor.limit, descriptor.attributes);
}
