/** IRET: to the same ring, an outer ring, virtual-8086 mode or the previous task (SDM vol. 2, IRET; vol. 3, 20.2). */
import { setEflags } from '../flags.js';
import { CR0, EFLAGS, ESP, PENDING, R_CPL, R_EFLAGS, R_PENDING, type Cpu } from '../state.js';
import {
  checkEip,
  dropInnerSegments,
  enterCode,
  enterRealCode,
  enterStack,
  readReturnCode,
  readReturnStack,
} from './code-segment.js';
import { codeDescriptor, stackDescriptor } from './descriptors.js';
import { deliverInNewTask } from './interrupts.js';
import { CS, loadRealSegment, setCpl } from './segments.js';
import { peek, peekAt, setStackPointer, topWords } from './stack.js';
import { switching, taskReturn } from './task-switch.js';
import {
  ANY_CPL_FLAGS,
  checkVirtualFlags,
  isVirtualized,
  loadVirtualFlags,
  requireVirtualFlags,
} from './virtual-flags.js';

/** IRET (16) and IRETD (32); ends the blocking of NMIs, even if it faults (SDM vol. 3, 27.2.3). `nextEip` is saved when IRET returns from a nested task. */
export function iret(cpu: Cpu, operandSize: number, nextEip: number): void {
  const eflags = cpu.r[R_EFLAGS]!;
  if (operandSize === 32 && cpu.events?.iret() === 1) {
    cpu.trace.loadedResume = true;
    return;
  }
  cpu.nmiBlocked = false;
  if (cpu.nmiPending) cpu.r[R_PENDING]! |= PENDING.INTERRUPT;
  if (!(cpu.cr0 & CR0.PE)) iretReal(cpu, operandSize);
  else if (eflags & EFLAGS.VM) iretVm86(cpu, operandSize);
  else if (eflags & EFLAGS.NT) iretTask(cpu, nextEip);
  else iretProtected(cpu, operandSize);
  cpu.trace.loadedResume = true;
}

/** RF without armed breakpoints would never be noticed nor cleared, so it is not taken over then. */
function flagsMask(cpu: Cpu, operandSize: number, mask: number): number {
  const wide = operandSize === 32 ? mask : mask & 0xffff;
  return cpu.dr[7]! & 0xff ? wide : wide & ~EFLAGS.RF;
}

function iretTask(cpu: Cpu, nextEip: number): void {
  switching.committed = false;
  try {
    taskReturn(cpu, nextEip);
  } catch (error) {
    deliverInNewTask(cpu, error);
  }
}

function iretReal(cpu: Cpu, operandSize: number): void {
  const bytes = operandSize >> 3;
  const eip = peek(cpu, operandSize, 0);
  const selector = peek(cpu, operandSize, bytes) & 0xffff;
  const flags = peek(cpu, operandSize, bytes * 2);
  enterRealCode(cpu, selector, eip);
  setStackPointer(cpu, cpu.r[ESP]! + bytes * 3);
  setEflags(cpu, flags, flagsMask(cpu, operandSize, ANY_CPL_FLAGS | EFLAGS.IF | EFLAGS.IOPL));
}

function iretVm86(cpu: Cpu, operandSize: number): void {
  const virtual = isVirtualized(cpu);
  if (virtual) requireVirtualFlags(cpu, operandSize);
  const bytes = operandSize >> 3;
  const eip = peek(cpu, operandSize, 0);
  const selector = peek(cpu, operandSize, bytes) & 0xffff;
  const flags = peek(cpu, operandSize, bytes * 2);
  if (virtual) checkVirtualFlags(cpu, flags);
  enterRealCode(cpu, selector, eip);
  setStackPointer(cpu, cpu.r[ESP]! + bytes * 3);
  if (virtual) loadVirtualFlags(cpu, flags);
  else setEflags(cpu, flags, flagsMask(cpu, operandSize, ANY_CPL_FLAGS | EFLAGS.IF));
}

function iretProtected(cpu: Cpu, operandSize: number): void {
  const bytes = operandSize >> 3;
  const cpl = cpu.r[R_CPL]!;
  const top = topWords(cpu, operandSize, 5);
  const eip = peekAt(cpu, top, operandSize, 0);
  const selector = peekAt(cpu, top, operandSize, bytes) & 0xffff;
  const flags = peekAt(cpu, top, operandSize, bytes * 2);
  if (operandSize === 32 && flags & EFLAGS.VM && cpl === 0) return enterVm86(cpu, eip, selector, flags);
  const mask = flagsMask(cpu, operandSize, protectedMask(cpu, cpl));
  readReturnCode(cpu, selector, codeDescriptor);
  checkEip(eip, codeDescriptor.limit);
  if ((selector & 3) === cpl) {
    enterCode(cpu, codeDescriptor, cpl, eip);
    setStackPointer(cpu, cpu.r[ESP]! + bytes * 3);
  } else iretOuter(cpu, top, operandSize, selector & 3, eip);
  setEflags(cpu, flags, mask);
}

/** Bits a popped EFLAGS may change at this CPL and IOPL. */
function protectedMask(cpu: Cpu, cpl: number): number {
  if (cpl === 0) return ANY_CPL_FLAGS | EFLAGS.IF | EFLAGS.IOPL | EFLAGS.VIF | EFLAGS.VIP;
  return cpl <= ((cpu.r[R_EFLAGS]! >> 12) & 3) ? ANY_CPL_FLAGS | EFLAGS.IF : ANY_CPL_FLAGS;
}

function iretOuter(cpu: Cpu, top: number, operandSize: number, cpl: number, eip: number): void {
  const bytes = operandSize >> 3;
  const pointer = peekAt(cpu, top, operandSize, bytes * 3);
  const selector = peekAt(cpu, top, operandSize, bytes * 4) & 0xffff;
  readReturnStack(cpu, selector, cpl, stackDescriptor);
  enterCode(cpu, codeDescriptor, cpl, eip);
  enterStack(cpu, stackDescriptor);
  setStackPointer(cpu, pointer);
  dropInnerSegments(cpu);
}

function enterVm86(cpu: Cpu, eip: number, code: number, flags: number): void {
  checkEip(eip, 0xffff);
  const pointer = peek(cpu, 32, 12);
  const stack = peek(cpu, 32, 16);
  const es = peek(cpu, 32, 20);
  const ds = peek(cpu, 32, 24);
  const fs = peek(cpu, 32, 28);
  const gs = peek(cpu, 32, 32);
  const mask = ANY_CPL_FLAGS | EFLAGS.IF | EFLAGS.IOPL | EFLAGS.VM | EFLAGS.VIF | EFLAGS.VIP;
  setEflags(cpu, flags, flagsMask(cpu, 32, mask));
  setCpl(cpu, 3);
  loadRealSegment(cpu, CS, code);
  loadRealSegment(cpu, 2, stack);
  loadRealSegment(cpu, 0, es);
  loadRealSegment(cpu, 3, ds);
  loadRealSegment(cpu, 4, fs);
  loadRealSegment(cpu, 5, gs);
  cpu.r[ESP] = pointer;
  enterRealCode(cpu, code, eip);
}
