/** Stacks as control transfers see them: pushes onto a stack that is not in use yet, reads relative to the one that is. */
import { fault, Vector } from '../fault.js';
import { ATTRIBUTE, ESP, R_CPL, TR, type Cpu } from '../state.js';
import { wordsAt } from '../tlb.js';
import { isNull, markAccessed, readDescriptor, type Descriptor } from './descriptors.js';
import { limitAllows, segmentAddress, SS } from './segments.js';

/** A stack being filled; ESP and SS change only when the transfer commits. */
export class PushStack {
  base = 0;
  limit = 0;
  attributes = 0;
  pointer = 0;
  mask = 0;
  /** Of the #SS that a push beyond the limit raises. */
  errorCode = 0;
  /** Writes are supervisor accesses: the privilege level the transfer goes to. */
  supervisor = false;
  /** Machine address of the top while pushes need no look of their own (`reserve`), -1 otherwise. */
  machine = -1;
}
export const pushStack = new PushStack();

export function stackMask(attributes: number): number {
  return attributes & ATTRIBUTE.DB ? -1 : 0xffff;
}

/** Prepares pushes onto SS:ESP at the current privilege level. */
export function openCurrentStack(cpu: Cpu, errorCode: number): void {
  const { segments } = cpu;
  pushStack.base = segments.base[SS]!;
  pushStack.limit = segments.limit[SS]!;
  pushStack.attributes = segments.attributes[SS]!;
  pushStack.pointer = cpu.r[ESP]!;
  pushStack.mask = stackMask(pushStack.attributes);
  pushStack.errorCode = errorCode;
  pushStack.supervisor = cpu.r[R_CPL] !== 3;
  pushStack.machine = -1;
}

/** Prepares pushes onto a checked stack segment of an inner ring. */
export function openInnerStack(descriptor: Descriptor, pointer: number, ext: number): void {
  pushStack.base = descriptor.base;
  pushStack.limit = descriptor.limit;
  pushStack.attributes = descriptor.attributes;
  pushStack.pointer = pointer;
  pushStack.mask = stackMask(descriptor.attributes);
  pushStack.errorCode = (descriptor.selector & 0xfffc) | ext;
  pushStack.supervisor = true;
  pushStack.machine = -1;
}

const KIND_MASK = ATTRIBUTE.CODE | ATTRIBUTE.EXPAND_DOWN_CONFORMING | ATTRIBUTE.READ_WRITE | ATTRIBUTE.DB;
const WIDE_STACK = ATTRIBUTE.READ_WRITE | ATTRIBUTE.DB;

/** The segment reaches everywhere: any offset below 4 GiB may be read and written, as far as segmentation goes. */
function isUnlimited(attributes: number, limit: number): boolean {
  return limit === 0xffffffff && (attributes & KIND_MASK) === WIDE_STACK;
}

/** One look for the next `count` pushes of doublewords; where one would not do, each push looks for itself. */
export function reserve(cpu: Cpu, size: number, count: number): void {
  const stack = pushStack;
  const bytes = count * 4;
  if (size !== 32 || !isUnlimited(stack.attributes, stack.limit) || stack.pointer >>> 0 < bytes) return;
  const low = (stack.base + stack.pointer - bytes) | 0;
  const machine = wordsAt(cpu.mmu.writeTlb[stack.supervisor ? 0 : 1], low, bytes);
  if (machine >= 0) stack.machine = machine + bytes;
}

/** Pushes a word (16) or doubleword (32). */
export function push(cpu: Cpu, size: number, value: number): void {
  const stack = pushStack;
  const { machine } = stack;
  if (machine >= 0) {
    stack.machine = machine - 4;
    stack.pointer = (stack.pointer - 4) | 0;
    cpu.mmu.words[(machine - 4) >> 2] = value;
    return;
  }
  const bytes = size >> 3;
  const offset = (stack.pointer - bytes) & stack.mask;
  if (!limitAllows(stack.attributes, stack.limit, offset, bytes)) fault(Vector.SS, stack.errorCode);
  writeStack(cpu, stack.supervisor, size, (stack.base + offset) | 0, value);
  stack.pointer = (stack.pointer & ~stack.mask) | offset;
}

function writeStack(cpu: Cpu, supervisor: boolean, size: number, address: number, value: number): void {
  if (size === 32) {
    if (supervisor) cpu.mmu.writeSystem32(address, value);
    else cpu.mmu.write32(address, value);
  } else if (supervisor) cpu.mmu.writeSystem16(address, value & 0xffff);
  else cpu.mmu.write16(address, value & 0xffff);
}

/** The word or doubleword `displacement` bytes above the top of the current stack. */
export function peek(cpu: Cpu, size: number, displacement: number): number {
  const mask = stackMask(cpu.segments.attributes[SS]!);
  const offset = (cpu.r[ESP]! + displacement) & mask;
  const address = segmentAddress(cpu, SS, offset, size >> 3, 0);
  return size === 32 ? cpu.mmu.read32(address) | 0 : cpu.mmu.read16(address) & 0xffff;
}

/** Machine address of the top `count` doublewords of the current stack where one look lets all be read; -1 where each needs its own. */
export function topWords(cpu: Cpu, size: number, count: number): number {
  const { attributes, limit, base } = cpu.segments;
  const pointer = cpu.r[ESP]!;
  if (size !== 32 || !isUnlimited(attributes[SS]!, limit[SS]!) || pointer >>> 0 > 0xffffff00) return -1;
  return wordsAt(cpu.mmu.readTlb[cpu.r[R_CPL] === 3 ? 1 : 0], (base[SS]! + pointer) | 0, count * 4);
}

/** As `peek`, with what `topWords` found. */
export function peekAt(cpu: Cpu, machine: number, size: number, displacement: number): number {
  return machine >= 0 ? cpu.mmu.words[(machine + displacement) >> 2]! : peek(cpu, size, displacement);
}

/** Writes the stack pointer: SP alone on a 16-bit stack, which leaves the high half of ESP as it is. */
export function setStackPointer(cpu: Cpu, pointer: number): void {
  const mask = stackMask(cpu.segments.attributes[SS]!);
  cpu.r[ESP] = (cpu.r[ESP]! & ~mask) | (pointer & mask);
}

/** ESP for the privilege level `dpl` from the TSS; its SS is left checked in `into` (SDM vol. 3, 5.8.5 and 6.12.1). */
export function readInnerStack(cpu: Cpu, dpl: number, into: Descriptor, ext: number): number {
  const { segments } = cpu;
  const wide = (segments.attributes[TR]! & 8) !== 0;
  const offset = wide ? 4 + dpl * 8 : 2 + dpl * 4;
  if (offset + (wide ? 5 : 3) > segments.limit[TR]!)
    fault(Vector.TS, (segments.selector[TR]! & 0xfffc) | ext);
  const address = (segments.base[TR]! + offset) | 0;
  const pointer = wide ? cpu.mmu.readSystem32(address) | 0 : cpu.mmu.readSystem16(address) & 0xffff;
  const selector = cpu.mmu.readSystem16((address + (wide ? 4 : 2)) | 0) & 0xffff;
  checkInnerStack(cpu, selector, dpl, into, ext);
  return pointer;
}

function checkInnerStack(cpu: Cpu, selector: number, dpl: number, into: Descriptor, ext: number): void {
  const errorCode = (selector & 0xfffc) | ext;
  if (isNull(selector)) fault(Vector.TS, errorCode);
  readDescriptor(cpu, selector, into, Vector.TS, ext);
  if ((selector & 3) !== dpl || into.dpl !== dpl || !into.isWritableData) fault(Vector.TS, errorCode);
  if (!into.present) fault(Vector.SS, errorCode);
  markAccessed(cpu, into);
}
