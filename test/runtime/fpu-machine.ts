/** Runs one silicon vector through an FPU helper on a flat fake memory, and compares everything outside the masks. */
import { decode } from '../../src/decoder/decode.js';
import type { Instruction, MemoryOperand } from '../../src/decoder/instruction.js';
import { fault, GuestFault, pageFault } from '../../src/runtime/fault.js';
import { getEflags, setEflags } from '../../src/runtime/flags.js';
import { Fpu, FPU_HELPERS, packInfo } from '../../src/runtime/fpu/index.js';
import { setSegment } from '../../src/runtime/helpers/segments.js';
import type { Mmu } from '../../src/runtime/mmu.js';
import { CR0, CR4, Cpu, type CpuModel, R_EIP } from '../../src/runtime/state.js';

export interface FpState {
  cw?: string;
  sw?: string;
  tw?: string;
  st?: string[] | Record<string, string>;
}
export interface Outcome {
  ip: string;
  r?: Record<string, string>;
  fl?: string;
  m?: [string, string][];
  fp?: FpState;
  mx?: string;
  x?: Record<string, string>;
  t?: number;
  e?: string;
  cr2?: string;
}
export interface Vector {
  f: string;
  b: string;
  ip: string;
  r: string[];
  fl: string;
  m?: [string, string][];
  fp?: FpState;
  mx?: string;
  x?: Record<string, string>;
  fm?: string;
  cm?: string;
  ig?: [string, number][];
  pf?: number;
  o: Outcome;
}

/** The low 32 bits (a few recorded values are the host's 64-bit registers). */
function hex(text: string): number {
  return parseInt(text.slice(-8), 16);
}

/** Sparse bytes with the address map of the vector files. */
class FlatMemory {
  readonly bytes = new Map<number, number>();
  readonly mode: 16 | 32;
  constructor(mode: 16 | 32) {
    this.mode = mode;
  }

  mapped(address: number, write: boolean): boolean {
    if (this.mode === 16) return address < 0x60000;
    if (address >= 0x203000 && address < 0x204000) return !write;
    return (
      (address >= 0x8000 && address < 0xc000) ||
      (address >= 0x200000 && address < 0x203000) ||
      (address >= 0x300000 && address < 0x304000) ||
      (address >= 0x400000 && address < 0x403000 && !write)
    );
  }

  check(address: number, size: number, write: boolean): void {
    for (let i = 0; i < size; i++) {
      const at = (address + i) >>> 0;
      if (!this.mapped(at, write)) {
        const present = this.mapped(at, false) ? 1 : 0;
        pageFault(at, 4 | (write ? 2 : 0) | present);
      }
    }
  }

  read(address: number, size: number): number {
    this.check(address, size, false);
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.byte((address + i) >>> 0);
    return value;
  }
  byte(at: number): number {
    return this.bytes.get(at) ?? (at >= 0x400000 ? 0xcc : 0);
  }

  write(address: number, value: number, size: number): void {
    this.check(address, size, true);
    for (let i = 0; i < size; i++) this.bytes.set((address + i) >>> 0, (value >>> (8 * i)) & 0xff);
  }

  load(list: [string, string][] | undefined): void {
    for (const [address, text] of list ?? []) {
      for (let i = 0; i < text.length / 2; i++)
        this.bytes.set(hex(address) + i, hex(text.slice(2 * i, 2 * i + 2)));
    }
  }

  mmu(): Mmu {
    return {
      read8: (a: number) => this.read(a, 1),
      read16: (a: number) => this.read(a, 2),
      read32: (a: number) => this.read(a, 4) | 0,
      write8: (a: number, v: number) => this.write(a, v, 1),
      write16: (a: number, v: number) => this.write(a, v, 2),
      write32: (a: number, v: number) => this.write(a, v, 4),
      probeRead: (a: number, n: number) => this.check(a, n, false),
      probeWrite: (a: number, n: number) => this.check(a, n, true),
    } as unknown as Mmu;
  }
}

const MODEL: CpuModel = { name: 'vectors', cpuid: () => [0, 0, 0, 0] };

export function loadFp(fpu: Fpu, state: FpState | undefined): void {
  fpu.control = hex(state?.cw ?? '37f');
  fpu.setStatusWord(hex(state?.sw ?? '0'));
  fpu.valid = hex(state?.tw ?? '0');
  for (const [i, text] of Object.entries(state?.st ?? {})) setStack(fpu, Number(i), text);
}

function setStack(fpu: Fpu, i: number, text: string): void {
  const register = (fpu.top + i) & 7;
  fpu.exponent[register] = hex(text.slice(0, 4));
  fpu.significand[2 * register + 1] = hex(text.slice(4, 12));
  fpu.significand[2 * register] = hex(text.slice(12));
}

function stackText(fpu: Fpu, i: number): string {
  const register = (fpu.top + i) & 7;
  const word = (n: number) => (n >>> 0).toString(16).padStart(8, '0');
  return (
    fpu.exponent[register]!.toString(16).padStart(4, '0') +
    word(fpu.significand[2 * register + 1]!) +
    word(fpu.significand[2 * register]!)
  );
}

function setXmm(fpu: Fpu, i: number, text: string): void {
  for (let w = 0; w < 4; w++) fpu.xmm[4 * i + w] = hex(text.slice(24 - 8 * w, 32 - 8 * w));
}
function xmmText(fpu: Fpu, i: number): string {
  return [3, 2, 1, 0].map((w) => (fpu.xmm[4 * i + w]! >>> 0).toString(16).padStart(8, '0')).join('');
}

function loadXmm(fpu: Fpu, values: Record<string, string> | undefined): void {
  for (let i = 0; i < 8; i++) setXmm(fpu, i, values?.[i] ?? (0xa0 + i).toString(16).repeat(16));
}

function linearAddress(cpu: Cpu, operand: MemoryOperand, mode: 16 | 32): number {
  let offset = operand.displacement;
  if (operand.base >= 0) offset += cpu.r[operand.base]!;
  if (operand.index >= 0) offset += cpu.r[operand.index]! << operand.scale;
  offset = operand.addressSize === 16 ? offset & 0xffff : offset | 0;
  return (offset + segmentBase(operand.segment, mode)) | 0;
}

/** 16-bit: ES 40000, CS 20000, SS 50000, DS 30000; 32-bit: GS 201000. */
function segmentBase(segment: number, mode: 16 | 32): number {
  if (mode === 32) return segment === 5 ? 0x201000 : 0;
  return [0x40000, 0x20000, 0x50000, 0x30000, 0x30000, 0x30000][segment]!;
}

export interface Run {
  cpu: Cpu;
  memory: FlatMemory;
  fault: GuestFault | null;
  instruction: Instruction;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => hex(text.slice(2 * i, 2 * i + 2)));
}

export function setUp(vector: Vector, mode: 16 | 32): Run {
  const cpu = new Cpu(MODEL);
  const memory = new FlatMemory(mode);
  cpu.fpu = new Fpu();
  cpu.mmu = memory.mmu();
  cpu.cr0 = CR0.PE | CR0.NE | CR0.MP | CR0.ET | CR0.WP;
  cpu.cr4 = CR4.OSFXSR | CR4.OSXMMEXCPT;
  for (let i = 0; i < 6; i++) {
    const type = i === 1 ? 0xfb : 0xf3;
    setSegment(cpu, i, 0, segmentBase(i, mode), mode === 32 ? 0xffffffff : 0xffff, type);
  }
  cpu.fpu.reset();
  vector.r.forEach((value, i) => (cpu.r[i] = hex(value)));
  setEflags(cpu, hex(vector.fl), -1);
  cpu.r[R_EIP] = hex(vector.ip);
  memory.load(vector.m);
  loadFp(cpu.fpu, vector.fp);
  cpu.fpu.mxcsr = hex(vector.mx ?? '1f80');
  loadXmm(cpu.fpu, vector.x);
  const code = bytesOf(vector.b);
  const instruction = decode(code, 0, code.length, mode);
  if (typeof instruction === 'number') throw new Error(`does not decode: ${vector.b}`);
  return { cpu, memory, fault: null, instruction: instruction as Instruction };
}

/** The bytes a segment check would refuse; those vectors are the caller's business. */
export function run(vector: Vector, mode: 16 | 32): Run {
  const state = setUp(vector, mode);
  const { cpu, instruction } = state;
  const helper = FPU_HELPERS[helperName(vector, instruction)];
  if (!helper) throw new Error(`no helper for ${instruction.mnemonic}`);
  const memory = instruction.operands.find((operand) => operand.kind === 'memory');
  let address = 0;
  if (memory) address = linearAddress(cpu, memory, mode);
  else if (instruction.mnemonic.startsWith('MASKMOV')) address = stringDestination(cpu, instruction, mode);
  try {
    if (memory) checkSegment(memory, address, mode, instruction);
    helper(cpu, address, packInfo(instruction));
  } catch (error) {
    if (!(error instanceof GuestFault)) throw error;
    state.fault = error;
  }
  return state;
}

/** The decoder calls D9 D8+i FSTP; the alias differs when ST(0) is empty. */
function helperName(vector: Vector, instruction: Instruction): string {
  return /^d9d[89a-f]$/.test(vector.b) ? 'FSTPNCE' : instruction.mnemonic;
}

/** The caller's part of the contract: CS is not writable, 16-bit segments end at FFFF, nothing wraps. */
function checkSegment(
  operand: MemoryOperand,
  address: number,
  mode: 16 | 32,
  instruction: Instruction,
): void {
  const stores = instruction.operands[0] === operand && WRITES.test(instruction.mnemonic);
  if (mode === 32 && operand.segment === 1 && stores) fault(13);
  const offset = (address - segmentBase(operand.segment, mode)) >>> 0;
  const end = offset + (operand.width === 4096 ? 1 : operand.width / 8);
  if (end > (mode === 16 ? 0x10000 : 0x100000000)) fault(operand.segment === 2 ? 12 : 13);
}
const WRITES = /^(FST|FIST|FBSTP|FNST|FNSAVE|FXSAVE|MOV|STMXCSR)/;

function stringDestination(cpu: Cpu, instruction: Instruction, mode: 16 | 32): number {
  const offset = instruction.addressSize === 16 ? cpu.r[7]! & 0xffff : cpu.r[7]!;
  return (offset + segmentBase(instruction.segment, mode)) | 0;
}

export type Compare80 = (actual: string, expected: string) => boolean;
const exactly: Compare80 = (actual, expected) => actual === expected;

/** Differences between the run and the recorded outcome; empty if none. */
export function differences(
  vector: Vector,
  mode: 16 | 32,
  same: Compare80 = exactly,
  sameXmm: Compare80 = exactly,
): string[] {
  const state = run(vector, mode);
  const { cpu } = state;
  const found: string[] = [];
  const expect = (what: string, actual: string, expected: string) => {
    if (actual !== expected) found.push(`${what} ${actual} instead of ${expected}`);
  };
  const o = vector.o;
  expect('fault', faultText(state.fault), o.t === undefined ? 'none' : expectedFault(vector));
  const eflags = (cpu: Cpu) => (getEflags(cpu) & ~hex(vector.fm ?? '0') & ~0x10000).toString(16);
  expect('eflags', eflags(cpu), (hex(o.fl ?? vector.fl) & ~hex(vector.fm ?? '0') & ~0x10000).toString(16));
  for (let i = 0; i < 8; i++) {
    // Returning to a 16-bit stack leaves host bits in the upper half of ESP: the recording shows them as a change.
    const mask = mode === 16 && i === 4 ? 0xffff : -1;
    expect(
      `r${i}`,
      ((cpu.r[i]! & mask) >>> 0).toString(16),
      ((hex(o.r?.[i] ?? vector.r[i]!) & mask) >>> 0).toString(16),
    );
  }
  compareFp(vector, cpu.fpu, same, found);
  const wanted = new Fpu();
  loadXmm(wanted, { ...vector.x, ...o.x });
  for (let i = 0; i < 8; i++) {
    const [actual, expected] = [xmmText(cpu.fpu, i), xmmText(wanted, i)];
    if (!sameXmm(actual, expected)) found.push(`xmm${i} ${actual} instead of ${expected}`);
  }
  expect('mxcsr', cpu.fpu.mxcsr.toString(16), o.mx ?? vector.mx ?? '1f80');
  compareMemory(vector, mode, state.memory, found);
  return found;
}

function faultText(fault: GuestFault | null): string {
  if (!fault) return 'none';
  const text = `#${fault.vector}`;
  if (fault.vector === 14)
    return `${text} ${fault.errorCode.toString(16)} ${(fault.address >>> 0).toString(16)}`;
  return fault.vector === 13 ? `${text} ${fault.errorCode.toString(16)}` : text;
}
function expectedFault({ o }: Vector): string {
  if (o.t === 14) return `#14 ${o.e} ${o.cr2}`;
  return o.t === 13 ? `#13 ${o.e ?? '0'}` : `#${o.t}`;
}

function compareFp(vector: Vector, fpu: Fpu, same: Compare80, found: string[]): void {
  const before = vector.fp ?? {};
  const after = vector.o.fp ?? {};
  const wanted = new Fpu();
  loadFp(wanted, { ...before, ...after, st: {} });
  const from = new Fpu();
  loadFp(from, before);
  const mask = ~hex(vector.cm ?? '0');
  const sw = hex(after.sw ?? before.sw ?? '0') & mask;
  if ((fpu.statusWord() & mask) !== sw)
    found.push(`sw ${fpu.statusWord().toString(16)} instead of ${after.sw ?? before.sw ?? '0'}`);
  if (fpu.control !== wanted.control)
    found.push(`cw ${fpu.control.toString(16)} instead of ${wanted.control.toString(16)}`);
  if (fpu.valid !== wanted.valid)
    found.push(`tw ${fpu.valid.toString(16)} instead of ${wanted.valid.toString(16)}`);
  wanted.significand.set(from.significand);
  wanted.exponent.set(from.exponent);
  // Values not listed are unchanged at their stack position relative to the new TOP.
  for (let i = 0; i < 8; i++) setStack(wanted, i, (before.st as string[] | undefined)?.[i] ?? '0'.repeat(20));
  for (const [i, text] of Object.entries(after.st ?? {})) setStack(wanted, Number(i), text);
  for (let i = 0; i < 8; i++) {
    const [actual, expected] = [stackText(fpu, i), stackText(wanted, i)];
    if (!same(actual, expected)) found.push(`st${i} ${actual} instead of ${expected}`);
  }
}

function compareMemory(vector: Vector, mode: 16 | 32, memory: FlatMemory, found: string[]): void {
  const wanted = new FlatMemory(mode);
  wanted.load(vector.m);
  wanted.load(vector.o.m);
  const ignored = (at: number) =>
    (vector.ig ?? []).some(([from, length]) => at >= hex(from) && at < hex(from) + length);
  const all = new Set([...memory.bytes.keys(), ...wanted.bytes.keys()]);
  const wrong = [...all]
    .filter((at) => !ignored(at) && memory.byte(at) !== wanted.byte(at))
    .sort((a, b) => a - b);
  if (wrong.length === 0) return;
  const show = (m: FlatMemory) => wrong.map((at) => m.byte(at).toString(16).padStart(2, '0')).join('');
  found.push(`memory at ${wrong[0]!.toString(16)}: ${show(memory)} instead of ${show(wanted)}`);
}
