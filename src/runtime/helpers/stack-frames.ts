/** PUSHA, POPA, ENTER and CMPXCHG8B: instructions whose memory accesses must all succeed before anything changes (SDM vol. 2). */
import { getStatusFlags, setStatusFlags } from '../flags.js';
import { CR0, EAX, EBP, EBX, ECX, EDX, EFLAGS, ESP, type Cpu } from '../state.js';
import { segmentAddress, SS } from './segments.js';
import { peek, setStackPointer, stackMask } from './stack.js';

function mask(cpu: Cpu): number {
  return stackMask(cpu.segments.attributes[SS]!);
}

/** Linear address of `bytes` at a stack offset, checked for writing. */
function stackSlot(cpu: Cpu, offset: number, bytes: number): number {
  return segmentAddress(cpu, SS, offset & mask(cpu), bytes, 1);
}

function store(cpu: Cpu, linear: number, operandSize: number, value: number): void {
  if (operandSize === 32) cpu.mmu.write32(linear, value);
  else cpu.mmu.write16(linear, value & 0xffff);
}

/** PUSHA (16) and PUSHAD (32). */
export function pusha(cpu: Cpu, operandSize: number): void {
  const { r } = cpu;
  const bytes = operandSize >> 3;
  const esp = r[ESP]!;
  for (let i = 1; i <= 8; i++) cpu.mmu.probeWrite(stackSlot(cpu, esp - i * bytes, bytes), bytes);
  for (let i = 0; i < 8; i++) store(cpu, stackSlot(cpu, esp - (i + 1) * bytes, bytes), operandSize, r[i]!);
  setStackPointer(cpu, esp - 8 * bytes);
}

const popped = new Int32Array(8);

/** POPA (16) and POPAD (32); the ESP image is skipped. */
export function popa(cpu: Cpu, operandSize: number): void {
  const { r } = cpu;
  const bytes = operandSize >> 3;
  for (let i = 0; i < 8; i++) popped[7 - i] = peek(cpu, operandSize, i * bytes);
  for (let i = 0; i < 8; i++) {
    if (i === ESP) continue;
    r[i] = operandSize === 32 ? popped[i]! : (r[i]! & ~0xffff) | popped[i]!;
  }
  setStackPointer(cpu, r[ESP]! + 8 * bytes);
}

/** ENTER size, level: the frame's lowest byte must be writable too (SDM vol. 2, ENTER). */
export function enter(cpu: Cpu, size: number, level: number, operandSize: number): void {
  const { r } = cpu;
  const bytes = operandSize >> 3;
  const depth = level & 31;
  const esp = r[ESP]!;
  const frame = (esp - bytes) | 0;
  const final = frame - depth * bytes - (size & 0xffff);
  cpu.mmu.probeWrite(stackSlot(cpu, final, bytes), bytes);
  store(cpu, stackSlot(cpu, frame, bytes), operandSize, r[EBP]!);
  for (let i = 1; i < depth; i++)
    store(cpu, stackSlot(cpu, frame - i * bytes, bytes), operandSize, displayEntry(cpu, i, operandSize));
  if (depth > 0)
    store(cpu, stackSlot(cpu, frame - depth * bytes, bytes), operandSize, framePointer(cpu, frame));
  r[EBP] = operandSize === 32 ? framePointer(cpu, frame) : (r[EBP]! & ~0xffff) | (frame & 0xffff);
  setStackPointer(cpu, final);
}

/** The frame pointer of an enclosing procedure, from the caller's display. */
function displayEntry(cpu: Cpu, index: number, operandSize: number): number {
  const bytes = operandSize >> 3;
  const offset = (cpu.r[EBP]! - index * bytes) & mask(cpu);
  const linear = segmentAddress(cpu, SS, offset, bytes, 0);
  return operandSize === 32 ? cpu.mmu.read32(linear) : cpu.mmu.read16(linear);
}

/** ESP after the first push, whose high half a 16-bit stack does not touch. */
function framePointer(cpu: Cpu, frame: number): number {
  const m = mask(cpu);
  return (cpu.r[ESP]! & ~m) | (frame & m);
}

/** CMPXCHG8B at a checked linear address; it always writes. */
export function cmpxchg8b(cpu: Cpu, linear: number): void {
  const { r, mmu } = cpu;
  mmu.probeWrite(linear, 8);
  const high = (linear + 4) | 0;
  const oldLow = mmu.read32(linear) | 0;
  const oldHigh = mmu.read32(high) | 0;
  const equal = oldLow === r[EAX] && oldHigh === r[EDX];
  mmu.write32(linear, equal ? r[EBX]! : oldLow);
  mmu.write32(high, equal ? r[ECX]! : oldHigh);
  if (!equal) {
    r[EAX] = oldLow;
    r[EDX] = oldHigh;
  }
  const flags = getStatusFlags(cpu) & ~EFLAGS.ZF;
  setStatusFlags(cpu, equal ? flags | EFLAGS.ZF : flags);
}

/** #AC for an x87, MMX or SSE operand of 64 or 80 bits, unless the instruction faults before it gets to its operand. */
export function checkWideAlignment(cpu: Cpu, linear: number, write: number): void {
  if (cpu.cr0 & (CR0.EM | CR0.TS) || cpu.fpu.status & FPU_ES) return;
  if (write) cpu.mmu.probeWrite(linear, 8);
  else cpu.mmu.probeRead(linear, 8);
}
/** Exception summary: a pending x87 exception, raised first. */
const FPU_ES = 1 << 7;
