/** Delivery of exceptions, external and software interrupts through IVT, gates and task gates (SDM vol. 3, chapter 6). */
import { ExitReason } from '../exits.js';
import { fault, FROZEN, GuestFault, HAS_ERROR_CODE, Vector } from '../fault.js';
import { getEflags, setEflags } from '../flags.js';
import { CR0, EFLAGS, ESP, PENDING, R_BUDGET, R_CPL, R_EIP, R_PENDING, type Cpu } from '../state.js';
import { checkEip, enterCode, enterRealCode, enterStack } from './code-segment.js';
import {
  codeDescriptor,
  gateDescriptor,
  isNull,
  markAccessed,
  readDescriptor,
  stackDescriptor,
  SystemType,
  unpackDescriptor,
} from './descriptors.js';
import { CS, isVm86, setSegment, SS } from './segments.js';
import {
  openCurrentStack,
  openInnerStack,
  push,
  pushStack,
  readInnerStack,
  reserve,
  setStackPointer,
} from './stack.js';
import { switching, taskGate } from './task-switch.js';
import { isRedirected, isVirtualized, virtualFlags } from './virtual-flags.js';

/** General detect enable. */
const DR7_GD = 1 << 13;

/** Stands for "this vector pushes no error code". */
const NO_ERROR_CODE = -1;

/** Fault-class vectors, whose EFLAGS image has RF set so that the restarted instruction does not hit its breakpoint again. */
const SETS_RF = ~(
  (1 << Vector.DB) |
  (1 << Vector.NMI) |
  (1 << Vector.BP) |
  (1 << Vector.OF) |
  (1 << Vector.DF) |
  (1 << Vector.MC)
);

const GATE_TYPES =
  (1 << SystemType.TASK_GATE) |
  (1 << SystemType.INTERRUPT_GATE16) |
  (1 << SystemType.TRAP_GATE16) |
  (1 << SystemType.INTERRUPT_GATE32) |
  (1 << SystemType.TRAP_GATE32);

/**
 * Delivers an exception at r[R_EIP]; `address` goes to CR2 for #PF. Faults on the way become #DF or shutdown (SDM vol. 3, table 6-5).
 * Charges nothing: the caller counts the delivery.
 */
export function deliverException(cpu: Cpu, vector: number, errorCode: number, address = 0): void {
  beginDelivery(cpu);
  cpu.exceptionCounts[vector & 31]!++;
  let current = vector;
  let code = HAS_ERROR_CODE.has(vector) ? errorCode : NO_ERROR_CODE;
  if (vector === Vector.PF) cpu.cr2 = address;
  // Its handler may use the debug registers (SDM vol. 3, 17.2.4).
  if (vector === Vector.DB) cpu.dr[7]! &= ~DR7_GD;
  for (;;) {
    const second = tryException(cpu, current, code);
    if (second === null) return;
    if (second.vector === Vector.PF) cpu.cr2 = second.address;
    const next = combine(current, second.vector);
    if (next < 0) return shutdown(cpu);
    code = next === Vector.DF ? 0 : HAS_ERROR_CODE.has(next) ? second.errorCode : NO_ERROR_CODE;
    current = next;
  }
}

/** The instruction at r[R_EIP] waits; an interrupt returns to it. */
function freeze(cpu: Cpu): void {
  cpu.halted = true;
  cpu.exitReason = ExitReason.HLT;
  cpu.r[R_PENDING]! |= PENDING.EXIT;
}

/** Delivers a caught `GuestFault`. */
export function deliverFault(cpu: Cpu, caught: GuestFault): void {
  if (caught.vector === FROZEN) return freeze(cpu);
  deliverException(cpu, caught.vector, caught.errorCode, caught.address);
}

/** Breakpoints that the instruction at hand has matched are forgotten; those that the delivery matches are reported before the handler runs. */
function beginDelivery(cpu: Cpu): void {
  cpu.halted = false;
  cpu.trace.hits = 0;
}

/** RF of what comes between two iterations of a REP instruction. */
function repeatedRf(cpu: Cpu): number {
  return cpu.trace.repeating === cpu.r[R_EIP] ? EFLAGS.RF : 0;
}

function tryException(cpu: Cpu, vector: number, errorCode: number): GuestFault | null {
  try {
    const rf = (SETS_RF >>> vector) & 1 ? EFLAGS.RF : vector === Vector.DB ? repeatedRf(cpu) : 0;
    enterHandler(cpu, vector, cpu.r[R_EIP]!, 0, errorCode, rf);
    cpu.trace.repeating = -1;
    return null;
  } catch (error) {
    if (error instanceof GuestFault) return error;
    throw error;
  }
}

const CONTRIBUTORY =
  (1 << Vector.DE) | (1 << Vector.TS) | (1 << Vector.NP) | (1 << Vector.SS) | (1 << Vector.GP);

/** What two exceptions in a row make: a vector, or -1 for shutdown. */
function combine(first: number, second: number): number {
  const secondSerious = second === Vector.PF || ((CONTRIBUTORY >> second) & 1) !== 0;
  if (!secondSerious) return second;
  if (first === Vector.DF) return -1;
  if (first === Vector.PF) return Vector.DF;
  if ((CONTRIBUTORY >> first) & 1 && second !== Vector.PF) return Vector.DF;
  return second;
}

function shutdown(cpu: Cpu): void {
  cpu.shutdown = true;
  cpu.exitReason = ExitReason.TRIPLE_FAULT;
  cpu.r[R_PENDING]! |= PENDING.EXIT;
}

/** Catches what a task-switching instruction threw: once the new task has begun, the fault is delivered in it and charged here. */
export function deliverInNewTask(cpu: Cpu, error: unknown): void {
  if (!(error instanceof GuestFault) || !switching.committed) throw error;
  deliverFault(cpu, error);
  cpu.r[R_BUDGET]! -= 1;
}

/** Delivers an external interrupt (or NMI, which then blocks further ones) at r[R_EIP]; faults on the way are delivered too. */
export function deliverInterrupt(cpu: Cpu, vector: number): void {
  cpu.interruptCount++;
  beginDelivery(cpu);
  try {
    enterHandler(cpu, vector, cpu.r[R_EIP]!, 0, NO_ERROR_CODE, repeatedRf(cpu));
    cpu.trace.repeating = -1;
  } catch (error) {
    if (!(error instanceof GuestFault)) throw error;
    deliverFault(cpu, error);
  }
}

/** NMI: vector 2, held off until the next IRET (SDM vol. 3, 6.7.1). */
export function deliverNmi(cpu: Cpu): void {
  cpu.nmiPending = false;
  cpu.nmiBlocked = true;
  deliverInterrupt(cpu, Vector.NMI);
}

/** INT n; in virtual-8086 mode by one of the methods of SDM vol. 3, table 20-2. */
export function softwareInterrupt(cpu: Cpu, vector: number, nextEip: number): void {
  if (isVm86(cpu)) {
    if (isRedirected(cpu, vector)) return enterRedirected(cpu, vector, nextEip);
    if (isVirtualized(cpu)) fault(Vector.GP, 0);
  }
  softwareTrap(cpu, vector, nextEip);
}

/** To the handler in the table at linear address 0, on the program's own stack and without leaving virtual-8086 mode. */
function enterRedirected(cpu: Cpu, vector: number, nextEip: number): void {
  const virtual = isVirtualized(cpu);
  const entry = cpu.mmu.readSystem32(vector * 4);
  openCurrentStack(cpu, 0);
  push(cpu, 16, virtual ? virtualFlags(cpu) : getEflags(cpu));
  push(cpu, 16, cpu.segments.selector[CS]!);
  push(cpu, 16, nextEip);
  enterRealCode(cpu, entry >>> 16, entry & 0xffff);
  cpu.r[ESP] = pushStack.pointer;
  setEflags(cpu, 0, EFLAGS.TF | EFLAGS.RF | (virtual ? EFLAGS.VIF : EFLAGS.IF));
  cpu.trace.entered = true;
}

/** INT3 and a taken INTO: like INT n without the IOPL check of virtual-8086 mode. */
export function softwareTrap(cpu: Cpu, vector: number, nextEip: number): void {
  switching.committed = false;
  try {
    enterHandler(cpu, vector, nextEip, 1, NO_ERROR_CODE, 0);
    cpu.trace.entered = true;
  } catch (error) {
    deliverInNewTask(cpu, error);
  }
}

/** INT1 (F1): #DB without the check of the gate's DPL. */
export function icebp(cpu: Cpu, nextEip: number): void {
  enterHandler(cpu, Vector.DB, nextEip, 0, NO_ERROR_CODE, 0);
  cpu.trace.entered = true;
}

/** Goes to the handler or throws with registers unchanged. `software` 1: gate DPL is checked and error codes have EXT = 0. */
function enterHandler(
  cpu: Cpu,
  vector: number,
  returnEip: number,
  software: number,
  errorCode: number,
  rf: number,
): void {
  const words = errorCode === NO_ERROR_CODE ? 0 : 1;
  if (cpu.events?.enterGate(vector, returnEip, software, words, errorCode, rf) === 1) return;
  if (!(cpu.cr0 & CR0.PE)) return enterRealHandler(cpu, vector, returnEip);
  readGate(cpu, vector, software);
  const ext = software ^ 1;
  const image = getEflags(cpu) | rf;
  if (gateDescriptor.type === SystemType.TASK_GATE)
    return taskGate(cpu, gateDescriptor.gateSelector, returnEip, errorCode, ext, image);
  readHandlerCode(cpu, gateDescriptor.gateSelector, ext);
  if (codeDescriptor.isConforming || codeDescriptor.dpl === cpu.r[R_CPL]) {
    enterSameRing(cpu, returnEip, image, errorCode, ext);
  } else enterInnerRing(cpu, returnEip, image, errorCode, ext);
}

function enterRealHandler(cpu: Cpu, vector: number, returnEip: number): void {
  if (vector * 4 + 3 > cpu.idtLimit) fault(Vector.GP, vector * 8 + 2);
  const entry = cpu.mmu.readSystem32((cpu.idtBase + vector * 4) | 0);
  openCurrentStack(cpu, 0);
  push(cpu, 16, getEflags(cpu));
  push(cpu, 16, cpu.segments.selector[CS]!);
  push(cpu, 16, returnEip);
  enterRealCode(cpu, entry >>> 16, entry & 0xffff);
  cpu.r[ESP] = pushStack.pointer;
  setEflags(cpu, 0, EFLAGS.IF | EFLAGS.TF | EFLAGS.AC | EFLAGS.RF);
}

function readGate(cpu: Cpu, vector: number, software: number): void {
  const errorCode = (vector << 3) | 2 | (software ^ 1);
  if (vector * 8 + 7 > cpu.idtLimit) fault(Vector.GP, errorCode);
  unpackDescriptor(cpu, (cpu.idtBase + vector * 8) | 0, gateDescriptor);
  if (!gateDescriptor.isSystem || !((GATE_TYPES >> gateDescriptor.type) & 1)) fault(Vector.GP, errorCode);
  if (software && gateDescriptor.dpl < cpu.r[R_CPL]!) fault(Vector.GP, errorCode);
  if (!gateDescriptor.present) fault(Vector.NP, errorCode);
}

function readHandlerCode(cpu: Cpu, selector: number, ext: number): void {
  const errorCode = (selector & 0xfffc) | ext;
  const code = codeDescriptor;
  if (isNull(selector)) fault(Vector.GP, ext);
  readDescriptor(cpu, selector, code, Vector.GP, ext);
  if (!code.isCode || code.dpl > cpu.r[R_CPL]!) fault(Vector.GP, errorCode);
  if (!code.present) fault(Vector.NP, errorCode);
  // From virtual-8086 mode only ring 0 can be entered (SDM vol. 3, 20.3.1.1).
  if (isVm86(cpu) && (code.isConforming || code.dpl !== 0)) fault(Vector.GP, errorCode);
  markAccessed(cpu, code);
}

/** EFLAGS, CS, EIP and the error code, as wide as the gate. */
function pushFrame(cpu: Cpu, size: number, returnEip: number, image: number, errorCode: number): void {
  push(cpu, size, image);
  push(cpu, size, cpu.segments.selector[CS]!);
  push(cpu, size, returnEip);
  if (errorCode !== NO_ERROR_CODE) push(cpu, size, errorCode);
}

function gateSize(): number {
  return gateDescriptor.type & 8 ? 32 : 16;
}

function enterSameRing(cpu: Cpu, returnEip: number, image: number, errorCode: number, ext: number): void {
  const eip = gateDescriptor.gateOffset;
  checkEip(eip, codeDescriptor.limit, ext);
  const size = gateSize();
  openCurrentStack(cpu, ext);
  reserve(cpu, size, errorCode === NO_ERROR_CODE ? 3 : 4);
  pushFrame(cpu, size, returnEip, image, errorCode);
  enterCode(cpu, codeDescriptor, cpu.r[R_CPL]!, eip);
  cpu.r[ESP] = pushStack.pointer;
  clearHandlerFlags(cpu);
}

function enterInnerRing(cpu: Cpu, returnEip: number, image: number, errorCode: number, ext: number): void {
  const eip = gateDescriptor.gateOffset;
  const cpl = codeDescriptor.dpl;
  const size = gateSize();
  const fromVm86 = isVm86(cpu);
  const pointer = readInnerStack(cpu, cpl, stackDescriptor, ext);
  checkEip(eip, codeDescriptor.limit, ext);
  openInnerStack(stackDescriptor, pointer, ext);
  reserve(cpu, size, (fromVm86 ? 9 : 5) + (errorCode === NO_ERROR_CODE ? 0 : 1));
  if (fromVm86) pushVm86Segments(cpu, size);
  push(cpu, size, cpu.segments.selector[SS]!);
  push(cpu, size, cpu.r[ESP]!);
  pushFrame(cpu, size, returnEip, image, errorCode);
  enterStack(cpu, stackDescriptor);
  setStackPointer(cpu, pushStack.pointer);
  clearHandlerFlags(cpu);
  enterCode(cpu, codeDescriptor, cpl, eip);
  if (fromVm86) clearDataSegments(cpu);
}

function pushVm86Segments(cpu: Cpu, size: number): void {
  const { selector } = cpu.segments;
  push(cpu, size, selector[5]!);
  push(cpu, size, selector[4]!);
  push(cpu, size, selector[3]!);
  push(cpu, size, selector[0]!);
}

function clearDataSegments(cpu: Cpu): void {
  setSegment(cpu, 0, 0, 0, 0, 0);
  setSegment(cpu, 3, 0, 0, 0, 0);
  setSegment(cpu, 4, 0, 0, 0, 0);
  setSegment(cpu, 5, 0, 0, 0, 0);
}

/** TF, NT, RF and VM are cleared; an interrupt gate (even type) also clears IF. */
function clearHandlerFlags(cpu: Cpu): void {
  const interruptGate = (gateDescriptor.type & 1) === 0;
  setEflags(cpu, 0, EFLAGS.TF | EFLAGS.NT | EFLAGS.RF | EFLAGS.VM | (interruptGate ? EFLAGS.IF : 0));
}
