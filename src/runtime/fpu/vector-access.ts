/** MMX and XMM operands: availability, alignment, and scratch copies that vector operations compute on. */
import { fault, Vector } from '../fault.js';
import type { Cpu } from '../state.js';
import {
  checkMmx,
  checkSse,
  enterMmx,
  FILE,
  fileOf,
  firstRegister,
  hasMemory,
  secondRegister,
  WIDTH,
  widthOf,
} from './access.js';
import { MM_WORDS } from './state.js';

/** First operand, second operand and result of the operation in progress, under every element type. */
export class Scratch {
  readonly buffer = new ArrayBuffer(16);
  readonly u8 = new Uint8Array(this.buffer);
  readonly i8 = new Int8Array(this.buffer);
  readonly u16 = new Uint16Array(this.buffer);
  readonly i16 = new Int16Array(this.buffer);
  readonly i32 = new Int32Array(this.buffer);
  readonly u32 = new Uint32Array(this.buffer);
  readonly f32 = new Float32Array(this.buffer);
  readonly f64 = new Float64Array(this.buffer);
}
export const A = new Scratch();
export const B = new Scratch();
export const R = new Scratch();

/** Words of a register of the file: 2 or 4. */
export function wordCount(info: number): number {
  return fileOf(info) === FILE.XMM ? 4 : 2;
}

export function registerWord(info: number, register: number): number {
  return fileOf(info) === FILE.XMM ? 4 * register : MM_WORDS + 2 * register;
}

/** #UD, #NM, #MF as the register file asks for. */
export function checkVector(cpu: Cpu, info: number): void {
  if (fileOf(info) === FILE.XMM) checkSse(cpu);
  else checkMmx(cpu);
}

/** #GP(0) for a 128-bit operand that is not on a 16-byte boundary (SDM vol. 1, 10.4.1.1). */
export function checkAlignment(address: number, info: number): void {
  if (widthOf(info) === WIDTH.W128 && address & 15) fault(Vector.GP, 0);
}

const MEMORY_WORDS = [0, 1, 1, 2, 0, 4, 0, 0];

export function loadRegister(cpu: Cpu, to: Scratch, word: number, count: number): void {
  const words = cpu.fpu.words;
  for (let i = 0; i < count; i++) to.i32[i] = words[word + i]!;
}

/** Reads as many words as the operand is wide; a 16-bit operand goes to the low half of word 0. */
export function loadMemory(cpu: Cpu, to: Scratch, address: number, info: number): void {
  const width = widthOf(info);
  if (width === WIDTH.W16) to.i32[0] = cpu.mmu.read16(address);
  else {
    const count = MEMORY_WORDS[width]!;
    for (let i = 0; i < count; i++) to.i32[i] = cpu.mmu.read32((address + 4 * i) | 0);
  }
}

/** Loads the second operand: memory, or the second register. */
export function loadSource(cpu: Cpu, to: Scratch, address: number, info: number): void {
  if (hasMemory(info)) {
    checkAlignment(address, info);
    loadMemory(cpu, to, address, info);
  } else loadRegister(cpu, to, registerWord(info, secondRegister(info)), wordCount(info));
}

/** Puts `from` into the first register operand; an MMX register gets its exponent and tags. */
export function storeResult(cpu: Cpu, from: Scratch, info: number): void {
  const fpu = cpu.fpu;
  const register = firstRegister(info);
  const word = registerWord(info, register);
  const count = wordCount(info);
  for (let i = 0; i < count; i++) fpu.words[word + i] = from.i32[i]!;
  if (count === 2) {
    enterMmx(fpu);
    fpu.exponent[register] = 0xffff;
  }
}

/** Writes `count` words of `from`, all or none. */
export function storeMemory(cpu: Cpu, from: Scratch, address: number, count: number): void {
  if (count > 1) cpu.mmu.probeWrite(address, 4 * count);
  for (let i = 0; i < count; i++) cpu.mmu.write32((address + 4 * i) | 0, from.i32[i]!);
}
