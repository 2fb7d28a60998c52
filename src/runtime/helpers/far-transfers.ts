/** Far JMP, CALL and RET: direct, through call gates with parameter copy, and to other tasks (SDM vol. 3, 5.8 and 7.3). */
import { fault, Vector } from '../fault.js';
import { ESP, R_CPL, type Cpu } from '../state.js';
import {
  checkEip,
  dropInnerSegments,
  enterCode,
  enterRealCode,
  enterStack,
  readReturnCode,
  readReturnStack,
} from './code-segment.js';
import {
  codeDescriptor,
  gateDescriptor,
  isNull,
  markAccessed,
  readDescriptor,
  stackDescriptor,
  SystemType,
} from './descriptors.js';
import { deliverInNewTask } from './interrupts.js';
import { CS, isProtected, SS } from './segments.js';
import {
  openCurrentStack,
  openInnerStack,
  peek,
  push,
  pushStack,
  readInnerStack,
  setStackPointer,
} from './stack.js';
import { TaskSwitch, taskSwitch } from './task-switch.js';

const CALL = 1,
  JUMP = 0;

/** JMP ptr16:16/32 and m16:16/32. `nextEip` is saved when the target is a task. */
export function farJump(
  cpu: Cpu,
  selector: number,
  offset: number,
  operandSize: number,
  nextEip: number,
): void {
  selector &= 0xffff;
  const eip = operandSize === 16 ? offset & 0xffff : offset;
  if (!isProtected(cpu)) return enterRealCode(cpu, selector, eip);
  readTarget(cpu, selector);
  if (codeDescriptor.isSystem) return transferThroughSystem(cpu, selector, nextEip, JUMP);
  checkDirectCode(cpu, selector);
  checkEip(eip, codeDescriptor.limit);
  markAccessed(cpu, codeDescriptor);
  enterCode(cpu, codeDescriptor, cpu.r[R_CPL]!, eip);
}

/** CALL ptr16:16/32 and m16:16/32; `nextEip` is the return address. */
export function farCall(
  cpu: Cpu,
  selector: number,
  offset: number,
  operandSize: number,
  nextEip: number,
): void {
  selector &= 0xffff;
  const eip = operandSize === 16 ? offset & 0xffff : offset;
  if (!isProtected(cpu)) return callReal(cpu, selector, eip, operandSize, nextEip);
  readTarget(cpu, selector);
  if (codeDescriptor.isSystem) return transferThroughSystem(cpu, selector, nextEip, CALL);
  checkDirectCode(cpu, selector);
  checkEip(eip, codeDescriptor.limit);
  markAccessed(cpu, codeDescriptor);
  callSameRing(cpu, eip, operandSize, nextEip);
}

function readTarget(cpu: Cpu, selector: number): void {
  if (isNull(selector)) fault(Vector.GP, 0);
  readDescriptor(cpu, selector, codeDescriptor, Vector.GP);
}

/** A code segment named directly: RPL matters only for non-conforming code. */
function checkDirectCode(cpu: Cpu, selector: number): void {
  const code = codeDescriptor;
  const errorCode = selector & 0xfffc;
  const cpl = cpu.r[R_CPL]!;
  if (!code.isCode) fault(Vector.GP, errorCode);
  const allowed = code.isConforming ? code.dpl <= cpl : code.dpl === cpl && (selector & 3) <= cpl;
  if (!allowed) fault(Vector.GP, errorCode);
  if (!code.present) fault(Vector.NP, errorCode);
}

function callReal(cpu: Cpu, selector: number, eip: number, operandSize: number, nextEip: number): void {
  checkEip(eip, cpu.segments.limit[CS]!);
  pushReturn(cpu, operandSize, nextEip);
  enterRealCode(cpu, selector, eip);
  cpu.r[ESP] = pushStack.pointer;
}

function callSameRing(cpu: Cpu, eip: number, size: number, nextEip: number): void {
  pushReturn(cpu, size, nextEip);
  enterCode(cpu, codeDescriptor, cpu.r[R_CPL]!, eip);
  cpu.r[ESP] = pushStack.pointer;
}

function pushReturn(cpu: Cpu, size: number, nextEip: number): void {
  openCurrentStack(cpu, 0);
  push(cpu, size, cpu.segments.selector[CS]!);
  push(cpu, size, nextEip);
}

/** The selector names a gate or a TSS; its descriptor is in `codeDescriptor`. */
function transferThroughSystem(cpu: Cpu, selector: number, nextEip: number, kind: number): void {
  const errorCode = selector & 0xfffc;
  const target = codeDescriptor;
  if (target.dpl < cpu.r[R_CPL]! || target.dpl < (selector & 3)) fault(Vector.GP, errorCode);
  const reason = kind === CALL ? TaskSwitch.CALL : TaskSwitch.JUMP;
  switch (target.type) {
    case SystemType.CALL_GATE16:
    case SystemType.CALL_GATE32:
      return callGate(cpu, selector, nextEip, kind);
    case SystemType.TASK_GATE: {
      if (!target.present) fault(Vector.NP, errorCode);
      return farTask(cpu, target.gateSelector, reason, nextEip);
    }
    case SystemType.TSS16_AVAILABLE:
    case SystemType.TSS32_AVAILABLE:
      return farTask(cpu, selector, reason, nextEip);
    default:
      fault(Vector.GP, errorCode);
  }
}

function farTask(cpu: Cpu, selector: number, reason: TaskSwitch, nextEip: number): void {
  try {
    taskSwitch(cpu, selector, reason, nextEip, 0);
  } catch (error) {
    deliverInNewTask(cpu, error);
  }
}

function callGate(cpu: Cpu, selector: number, nextEip: number, kind: number): void {
  readDescriptor(cpu, selector, gateDescriptor, Vector.GP);
  if (!gateDescriptor.present) fault(Vector.NP, selector & 0xfffc);
  const cpl = cpu.r[R_CPL]!;
  const size = gateDescriptor.type & 8 ? 32 : 16;
  const eip = gateDescriptor.gateOffset;
  readGateCode(cpu, gateDescriptor.gateSelector, kind);
  if (kind === CALL && !codeDescriptor.isConforming && codeDescriptor.dpl < cpl)
    return callInnerRing(cpu, eip, size, nextEip);
  checkEip(eip, codeDescriptor.limit);
  if (kind === CALL) callSameRing(cpu, eip, size, nextEip);
  else enterCode(cpu, codeDescriptor, cpl, eip);
}

function readGateCode(cpu: Cpu, selector: number, kind: number): void {
  const code = codeDescriptor;
  const errorCode = selector & 0xfffc;
  const cpl = cpu.r[R_CPL]!;
  readTarget(cpu, selector);
  if (!code.isCode || code.dpl > cpl) fault(Vector.GP, errorCode);
  if (kind === JUMP && !code.isConforming && code.dpl !== cpl) fault(Vector.GP, errorCode);
  if (!code.present) fault(Vector.NP, errorCode);
  markAccessed(cpu, code);
}

function callInnerRing(cpu: Cpu, eip: number, size: number, nextEip: number): void {
  const cpl = codeDescriptor.dpl;
  const pointer = readInnerStack(cpu, cpl, stackDescriptor, 0);
  checkEip(eip, codeDescriptor.limit);
  openInnerStack(stackDescriptor, pointer, 0);
  push(cpu, size, cpu.segments.selector[SS]!);
  push(cpu, size, cpu.r[ESP]!);
  copyParameters(cpu, size, gateDescriptor.parameterCount);
  push(cpu, size, cpu.segments.selector[CS]!);
  push(cpu, size, nextEip);
  enterStack(cpu, stackDescriptor);
  setStackPointer(cpu, pushStack.pointer);
  enterCode(cpu, codeDescriptor, cpl, eip);
}

/** The caller's words, deepest first, read at the caller's privilege. */
function copyParameters(cpu: Cpu, size: number, count: number): void {
  for (let i = count - 1; i >= 0; i--) push(cpu, size, peek(cpu, size, i * (size >> 3)));
}

/** RETF and RETF imm16: `immediate` bytes of parameters are dropped from both stacks. */
export function farReturn(cpu: Cpu, operandSize: number, immediate: number): void {
  const bytes = operandSize >> 3;
  const eip = peek(cpu, operandSize, 0);
  const selector = peek(cpu, operandSize, bytes) & 0xffff;
  const released = bytes * 2 + immediate;
  if (!isProtected(cpu)) {
    enterRealCode(cpu, selector, eip);
    return setStackPointer(cpu, cpu.r[ESP]! + released);
  }
  readReturnCode(cpu, selector, codeDescriptor);
  checkEip(eip, codeDescriptor.limit);
  if ((selector & 3) !== cpu.r[R_CPL]) return returnOuter(cpu, operandSize, immediate, selector & 3, eip);
  enterCode(cpu, codeDescriptor, selector & 3, eip);
  setStackPointer(cpu, cpu.r[ESP]! + released);
}

function returnOuter(cpu: Cpu, operandSize: number, immediate: number, cpl: number, eip: number): void {
  const bytes = operandSize >> 3;
  const pointer = peek(cpu, operandSize, bytes * 2 + immediate);
  const selector = peek(cpu, operandSize, bytes * 3 + immediate) & 0xffff;
  readReturnStack(cpu, selector, cpl, stackDescriptor);
  enterCode(cpu, codeDescriptor, cpl, eip);
  enterStack(cpu, stackDescriptor);
  setStackPointer(cpu, pointer + immediate);
  dropInnerSegments(cpu);
}
