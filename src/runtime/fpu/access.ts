/**
 * What every FPU helper shares: the layout of `info`, availability checks, stack registers and memory operands.
 *
 * The opcode register changes at unmasked exceptions only, as on processors since the Pentium 4 (SDM vol. 1, 8.1.9.1).
 */
import { fault, FROZEN, Vector } from '../fault.js';
import { CR0, CR4, type Cpu, R_EIP, R_SEGMENT_BASE } from '../state.js';
import { type Fpu, STATUS } from './state.js';

/**
 * `address` is the linear address of the memory operand, `info` the operands:
 * bits 0-3 first register operand, 4-7 second register operand (both in the manual's operand order), 8-15 imm8.
 */
export type Helper = (cpu: Cpu, address: number, info: number) => void;

export const INFO = {
  /** There is a memory operand. */
  MEMORY: 1 << 16,
  /** It is the first operand. */
  STORE: 1 << 17,
  /** Bits 18-19: register file, one of FILE. */
  FILE_SHIFT: 18,
  /** Bits 20-22: memory width, one of WIDTH. */
  WIDTH_SHIFT: 20,
  OPERAND_SIZE_16: 1 << 23,
  /** FXSAVE and FXRSTOR with 16-bit addresses. */
  ADDRESS_16: 1 << 24,
  /** Bits 28-30: segment of the memory operand. */
  SEGMENT_SHIFT: 28,
  /** First or second register operand is a GPR. */
  GPR_FIRST: 1 << 25,
  GPR_SECOND: 1 << 26,
  /** There is an immediate. */
  IMMEDIATE: 1 << 27,
} as const;
export const FILE = { X87: 0, MM: 1, XMM: 2, GPR: 3 } as const;
export const WIDTH = { NONE: 0, W16: 1, W32: 2, W64: 3, W80: 4, W128: 5, OTHER: 6 } as const;

export function firstRegister(info: number): number {
  return info & 15;
}
export function secondRegister(info: number): number {
  return (info >>> 4) & 15;
}
/** The one register that is not ST(0), wherever the operand order put it. */
export function stackIndex(info: number): number {
  return (info | (info >>> 4)) & 7;
}
export function immediate(info: number): number {
  return (info >>> 8) & 0xff;
}
export function hasMemory(info: number): boolean {
  return (info & INFO.MEMORY) !== 0;
}
export function isStore(info: number): boolean {
  return (info & INFO.STORE) !== 0;
}
export function fileOf(info: number): number {
  return (info >>> INFO.FILE_SHIFT) & 3;
}
export function widthOf(info: number): number {
  return (info >>> INFO.WIDTH_SHIFT) & 7;
}

/** #NM for x87 instructions (SDM vol. 3, table 2-2). */
export function checkX87(cpu: Cpu): void {
  if (cpu.cr0 & (CR0.EM | CR0.TS)) fault(Vector.NM);
}

/** A waiting instruction: #NM, then a pending unmasked exception. */
export function checkWaiting(cpu: Cpu): void {
  checkX87(cpu);
  if (cpu.fpu.status & STATUS.ES) pendingException(cpu);
}

/** #MF; with CR0.NE = 0 FERR# is asserted and, unless IGNNE# is, the processor waits for an interrupt (SDM vol. 1, 8.7.2). */
export function pendingException(cpu: Cpu): void {
  if (cpu.cr0 & CR0.NE) fault(Vector.MF);
  if (!cpu.environment.numericError(cpu.fpu.errors)) fault(FROZEN);
}

const LONGEST = 15;

/** Bits 0-2 of the x87 opcode byte and the ModR/M byte at CS:EIP, where no prefix is between D8 and DF; 0 if it cannot be read. */
export function opcodeAt(cpu: Cpu): number {
  const linear = cpu.r[R_EIP]! + cpu.r[R_SEGMENT_BASE + 1]!;
  let previous = 0;
  for (let i = 0; i < LONGEST; i++) {
    const machine = cpu.mmu.probeFetch((linear + i) | 0);
    if (machine < 0) return 0;
    const byte = cpu.mmu.memory.u8[machine]!;
    if ((previous & 0xf8) === 0xd8) return ((previous & 7) << 8) | byte;
    previous = byte;
  }
  return 0;
}

const CS = 1;

export const segmentOf = (info: number): number => (info >>> INFO.SEGMENT_SHIFT) & 7;

/** Records the instruction and operand pointers of a non-control instruction. */
export function notePointers(cpu: Cpu, address: number, info: number): void {
  const fpu = cpu.fpu;
  fpu.instructionOffset = cpu.r[R_EIP]!;
  fpu.instructionSelector = cpu.segments.selector[CS]!;
  if (!hasMemory(info)) return;
  const segment = segmentOf(info);
  fpu.operandOffset = (address - cpu.r[R_SEGMENT_BASE + segment]!) | 0;
  fpu.operandSelector = cpu.segments.selector[segment]!;
}

/** MMX: #UD with CR0.EM, #NM with TS, then a pending x87 exception. */
export function checkMmx(cpu: Cpu): void {
  cpu.fpu.settle();
  if (cpu.cr0 & CR0.EM) fault(Vector.UD);
  if (cpu.cr0 & CR0.TS) fault(Vector.NM);
  if (cpu.fpu.status & STATUS.ES) pendingException(cpu);
}

export function checkSse(cpu: Cpu): void {
  if (cpu.cr0 & CR0.EM || !(cpu.cr4 & CR4.OSFXSR)) fault(Vector.UD);
  if (cpu.cr0 & CR0.TS) fault(Vector.NM);
}

/** An MMX instruction changed or read the registers: TOP becomes 0 and all are in use (SDM vol. 1, 9.5.1). */
export function enterMmx(fpu: Fpu): void {
  fpu.top = 0;
  fpu.valid = 0xff;
}

/** Physical number of ST(i). */
export function physical(fpu: Fpu, i: number): number {
  return (fpu.top + i) & 7;
}
export function isEmpty(fpu: Fpu, register: number): boolean {
  return ((fpu.valid >>> register) & 1) === 0;
}
export function pop(fpu: Fpu): void {
  fpu.valid &= ~(1 << fpu.top);
  fpu.top = (fpu.top + 1) & 7;
}

/** Operands wider than 32 bits pass through here, low word first. */
export const words = new Int32Array(4);

export function readWords(cpu: Cpu, address: number, count: number): void {
  for (let i = 0; i < count; i++) words[i] = cpu.mmu.read32((address + 4 * i) | 0);
}

/** Writes `count` words of `words`, or nothing if any part faults. */
export function writeWords(cpu: Cpu, address: number, count: number): void {
  cpu.mmu.probeWrite(address, 4 * count);
  for (let i = 0; i < count; i++) cpu.mmu.write32((address + 4 * i) | 0, words[i]!);
}
