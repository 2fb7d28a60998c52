/** Segment registers: loads with all their checks, the address computation, LAR LSL VERR VERW and LDTR/TR (SDM vol. 3, chapters 3 and 5). */
import { fault, Vector } from '../fault.js';
import { setStatusFlags, getStatusFlags } from '../flags.js';
import { codeLimitBits, isFlat } from '../mode.js';
import {
  ATTRIBUTE,
  CR0,
  EFLAGS,
  LDTR,
  PENDING,
  R_CPL,
  R_EFLAGS,
  R_PENDING,
  R_SEGMENT_BASE,
  TR,
  type Cpu,
} from '../state.js';
import {
  dataDescriptor,
  Descriptor,
  isNull,
  markAccessed,
  readDescriptor,
  setBusy,
  SystemType,
  tryReadDescriptor,
} from './descriptors.js';

export const ES = 0,
  CS = 1,
  SS = 2,
  DS = 3;

/** Present, writable, accessed data: what real mode and power-on put into `attributes`. */
export const REAL_MODE_ATTRIBUTES = 0x93;
/** The same with DPL 3. */
export const VM86_ATTRIBUTES = 0xf3;

export function isProtected(cpu: Cpu): boolean {
  return (cpu.cr0 & CR0.PE) !== 0 && (cpu.r[R_EFLAGS]! & EFLAGS.VM) === 0;
}
export function isVm86(cpu: Cpu): boolean {
  return (cpu.cr0 & CR0.PE) !== 0 && (cpu.r[R_EFLAGS]! & EFLAGS.VM) !== 0;
}
export function requireProtected(cpu: Cpu): void {
  if (!isProtected(cpu)) fault(Vector.UD);
}
export function requireCpl0(cpu: Cpu): void {
  if (cpu.r[R_CPL] !== 0) fault(Vector.GP, 0);
}

/** Attributes that the mode key does not depend on: they are looked at where the segment is loaded. */
const QUIET = ATTRIBUTE.DPL | ATTRIBUTE.ACCESSED;

/** The only writer of `Segments`: mirrors the base and raises PENDING.MODE if the mode key changes. */
export function setSegment(
  cpu: Cpu,
  index: number,
  selector: number,
  base: number,
  limit: number,
  attributes: number,
): void {
  const { segments } = cpu;
  const { flat } = segments;
  const oldAttributes = segments.attributes[index]!;
  const oldLimit = segments.limit[index]!;
  segments.selector[index] = selector;
  if (oldLimit === limit && segments.base[index] === base && ((oldAttributes ^ attributes) & ~QUIET) === 0) {
    segments.attributes[index] = attributes;
    return;
  }
  segments.base[index] = base;
  segments.limit[index] = limit;
  segments.attributes[index] = attributes;
  if (index >= 6) return;
  cpu.r[R_SEGMENT_BASE + index] = base;
  segments.flat = isFlat(cpu, index) ? flat | (1 << index) : flat & ~(1 << index);
  const sizeChanged = ((oldAttributes ^ attributes) & ATTRIBUTE.DB) !== 0 && (index === CS || index === SS);
  const limitChanged = index === CS && codeLimitBits(oldLimit) !== codeLimitBits(limit);
  if (flat !== segments.flat || sizeChanged || limitChanged) cpu.r[R_PENDING]! |= PENDING.MODE;
}

/** Loads a segment register from a checked descriptor. */
export function setSegmentFrom(cpu: Cpu, index: number, selector: number, descriptor: Descriptor): void {
  setSegment(cpu, index, selector, descriptor.base, descriptor.limit, descriptor.attributes);
}

export function setCpl(cpu: Cpu, cpl: number): void {
  if ((cpu.r[R_CPL] === 3) !== (cpl === 3)) cpu.r[R_PENDING]! |= PENDING.MODE;
  cpu.r[R_CPL] = cpl;
}

/** Real mode keeps limit and rights, which is what makes "unreal mode" work; virtual-8086 mode sets them. */
export function loadRealSegment(cpu: Cpu, segment: number, selector: number): void {
  const { segments } = cpu;
  let limit = segments.limit[segment]!;
  let attributes = segments.attributes[segment]!;
  if (isVm86(cpu)) {
    limit = 0xffff;
    attributes = VM86_ATTRIBUTES;
  } else if (!(attributes & ATTRIBUTE.P)) {
    limit = 0xffff;
    attributes = REAL_MODE_ATTRIBUTES;
  } else if (segment === CS) {
    attributes = (attributes & (ATTRIBUTE.DB | ATTRIBUTE.G)) | REAL_MODE_ATTRIBUTES;
  }
  setSegment(cpu, segment, selector & 0xffff, (selector & 0xffff) << 4, limit, attributes);
}

/** MOV, POP, LDS … to a segment register other than CS; SS without the interrupt shadow, see `loadStackSegment`. */
export function loadSegment(cpu: Cpu, segment: number, selector: number): void {
  selector &= 0xffff;
  if (!isProtected(cpu)) loadRealSegment(cpu, segment, selector);
  else if (segment === SS) loadProtectedStack(cpu, selector);
  else loadProtectedData(cpu, segment, selector);
}

/** MOV SS and POP SS: holds interrupts and debug exceptions off for one instruction. */
export function loadStackSegment(cpu: Cpu, selector: number): void {
  loadSegment(cpu, SS, selector);
  cpu.r[R_PENDING]! |= PENDING.SHADOW | PENDING.STACK_SHADOW;
}

function loadProtectedStack(cpu: Cpu, selector: number): void {
  if (isNull(selector)) fault(Vector.GP, 0);
  const descriptor = dataDescriptor;
  readDescriptor(cpu, selector, descriptor, Vector.GP);
  const cpl = cpu.r[R_CPL];
  if ((selector & 3) !== cpl || descriptor.dpl !== cpl || !descriptor.isWritableData)
    fault(Vector.GP, selector & 0xfffc);
  if (!descriptor.present) fault(Vector.SS, selector & 0xfffc);
  markAccessed(cpu, descriptor);
  setSegmentFrom(cpu, SS, selector, descriptor);
}

function loadProtectedData(cpu: Cpu, segment: number, selector: number): void {
  if (isNull(selector)) return setSegment(cpu, segment, selector, 0, 0, 0);
  const descriptor = dataDescriptor;
  readDescriptor(cpu, selector, descriptor, Vector.GP);
  if (!descriptor.isReadable || !privilegeAllows(cpu, selector, descriptor))
    fault(Vector.GP, selector & 0xfffc);
  if (!descriptor.present) fault(Vector.NP, selector & 0xfffc);
  markAccessed(cpu, descriptor);
  setSegmentFrom(cpu, segment, selector, descriptor);
}

/** CPL and RPL against DPL; conforming code is open to all. */
function privilegeAllows(cpu: Cpu, selector: number, descriptor: Descriptor): boolean {
  if (descriptor.isConforming) return true;
  const dpl = descriptor.dpl;
  return dpl >= (selector & 3) && dpl >= cpu.r[R_CPL]!;
}

/** Whether `size` bytes at `offset` lie inside a segment (SDM vol. 3, 5.3). */
export function limitAllows(attributes: number, limit: number, offset: number, size: number): boolean {
  const first = offset >>> 0;
  const last = first + size - 1;
  if ((attributes & (ATTRIBUTE.CODE | ATTRIBUTE.EXPAND_DOWN_CONFORMING)) !== ATTRIBUTE.EXPAND_DOWN_CONFORMING)
    return last <= limit;
  return first > limit && last <= (attributes & ATTRIBUTE.DB ? 0xffffffff : 0xffff);
}

function typeAllows(cpu: Cpu, attributes: number, write: number): boolean {
  if (!(attributes & ATTRIBUTE.P)) return false;
  if ((cpu.cr0 & CR0.PE) === 0) return true;
  if (write) return (attributes & (ATTRIBUTE.CODE | ATTRIBUTE.READ_WRITE)) === ATTRIBUTE.READ_WRITE;
  return (attributes & (ATTRIBUTE.CODE | ATTRIBUTE.READ_WRITE)) !== ATTRIBUTE.CODE;
}

/** Linear address of segment:offset after null, type and limit checks; #SS(0) for SS, else #GP(0). `write` is 0 or 1. */
export function segmentAddress(
  cpu: Cpu,
  segment: number,
  offset: number,
  size: number,
  write: number,
): number {
  const { segments } = cpu;
  const attributes = segments.attributes[segment]!;
  if (!typeAllows(cpu, attributes, write) || !limitAllows(attributes, segments.limit[segment]!, offset, size))
    fault(segment === SS ? Vector.SS : Vector.GP, 0);
  return (segments.base[segment]! + offset) | 0;
}

/** The checks of `segmentAddress` without the fault. */
export function segmentAllows(
  cpu: Cpu,
  segment: number,
  offset: number,
  size: number,
  write: number,
): boolean {
  const { segments } = cpu;
  const attributes = segments.attributes[segment]!;
  return (
    typeAllows(cpu, attributes, write) && limitAllows(attributes, segments.limit[segment]!, offset, size)
  );
}

function setZero(cpu: Cpu, on: boolean): void {
  const flags = getStatusFlags(cpu) & ~EFLAGS.ZF;
  setStatusFlags(cpu, on ? flags | EFLAGS.ZF : flags);
}

/** Reads a descriptor that LAR, LSL, VERR, VERW may look at; false instead of faults. */
function inspect(cpu: Cpu, selector: number, systemTypes: number): boolean {
  if (isNull(selector) || !tryReadDescriptor(cpu, selector, dataDescriptor)) return false;
  if (dataDescriptor.isSystem && !((systemTypes >> dataDescriptor.type) & 1)) return false;
  return privilegeAllows(cpu, selector, dataDescriptor);
}

const LSL_TYPES =
  (1 << SystemType.TSS16_AVAILABLE) |
  (1 << SystemType.LDT) |
  (1 << SystemType.TSS16_BUSY) |
  (1 << SystemType.TSS32_AVAILABLE) |
  (1 << SystemType.TSS32_BUSY);
const LAR_TYPES =
  LSL_TYPES | (1 << SystemType.CALL_GATE16) | (1 << SystemType.TASK_GATE) | (1 << SystemType.CALL_GATE32);

/** LAR: sets ZF; returns the access rights (bits 8-23 of the high word), or `old` when ZF = 0. */
export function lar(cpu: Cpu, selector: number, old: number): number {
  requireProtected(cpu);
  const valid = inspect(cpu, selector, LAR_TYPES);
  setZero(cpu, valid);
  return valid ? dataDescriptor.high & 0x00ffff00 : old;
}

/** LSL: sets ZF; returns the byte-granular limit, or `old` when ZF = 0. */
export function lsl(cpu: Cpu, selector: number, old: number): number {
  requireProtected(cpu);
  const valid = inspect(cpu, selector, LSL_TYPES);
  setZero(cpu, valid);
  return valid ? dataDescriptor.limit | 0 : old;
}

/** VERR: ZF = readable at this CPL and RPL. */
export function verr(cpu: Cpu, selector: number): void {
  requireProtected(cpu);
  setZero(cpu, inspect(cpu, selector, 0) && dataDescriptor.isReadable);
}

/** VERW: ZF = writable at this CPL and RPL. */
export function verw(cpu: Cpu, selector: number): void {
  requireProtected(cpu);
  setZero(cpu, inspect(cpu, selector, 0) && dataDescriptor.isWritableData);
}

/** LLDT. */
export function lldt(cpu: Cpu, selector: number): void {
  requireProtected(cpu);
  requireCpl0(cpu);
  selector &= 0xffff;
  if (isNull(selector)) return setSegment(cpu, LDTR, selector, 0, 0, 0);
  readSystemSegment(cpu, selector, 1 << SystemType.LDT);
  setSegmentFrom(cpu, LDTR, selector, dataDescriptor);
}

/** LTR: marks the TSS busy. */
export function ltr(cpu: Cpu, selector: number): void {
  requireProtected(cpu);
  requireCpl0(cpu);
  selector &= 0xffff;
  if (isNull(selector)) fault(Vector.GP, 0);
  const types = (1 << SystemType.TSS16_AVAILABLE) | (1 << SystemType.TSS32_AVAILABLE);
  readSystemSegment(cpu, selector, types);
  setBusy(cpu, dataDescriptor.address, true);
  dataDescriptor.attributes |= 2;
  setSegmentFrom(cpu, TR, selector, dataDescriptor);
}

function readSystemSegment(cpu: Cpu, selector: number, types: number): void {
  if (selector & 4) fault(Vector.GP, selector & 0xfffc);
  readDescriptor(cpu, selector, dataDescriptor, Vector.GP);
  if (!dataDescriptor.isSystem || !((types >> dataDescriptor.type) & 1)) fault(Vector.GP, selector & 0xfffc);
  if (!dataDescriptor.present) fault(Vector.NP, selector & 0xfffc);
}

/** SLDT: the selector; CR4.UMIP does not exist in this model. */
export function sldt(cpu: Cpu): number {
  requireProtected(cpu);
  return cpu.segments.selector[LDTR]!;
}

/** STR. */
export function str(cpu: Cpu): number {
  requireProtected(cpu);
  return cpu.segments.selector[TR]!;
}
