/** Renders what iced-x86 decodes and what our decoder decodes in one comparable notation. */
import * as iced from 'iced-x86';
import type { Instruction, MemoryOperand, Operand } from '../../src/decoder/instruction.js';
import { registerName } from '../../src/decoder/decode.js';

const { Code, CpuidFeature, Mnemonic, OpKind, Register, MemorySizeExt, DecoderOptions } = iced;

/** Features of the rows in opcodes.ts; an instruction that needs another one must be invalid for us. */
const FEATURES = new Set(
  (
    'INTEL8086 INTEL8086_ONLY INTEL186 INTEL286 INTEL286_ONLY INTEL386 INTEL386_ONLY INTEL486 X64 CMOV CPUID CX8 FPU FPU287 FPU387 ' +
    'FXSR MMX MONITOR MSR MULTIBYTENOP PAUSE RDPMC RDTSCP SEP SMM SSE SSE2 SSE3 SYSCALL TSC CLFSH'
  )
    .split(' ')
    .map((name) => CpuidFeature[name as keyof typeof CpuidFeature]),
);
/** Rows whose feature has more instructions than we know. */
const SINGLE = new Set(['Vmcall', 'Vmmcall']);

const OPTIONS = DecoderOptions.NoMPFX_0FBC | DecoderOptions.NoMPFX_0FBD | DecoderOptions.NoWbnoinvd;

export function icedDecode(bytes: Uint8Array, bits: number, options: number, ip: bigint): iced.Instruction {
  const decoder = new iced.Decoder(bits, bytes, options);
  decoder.ip = ip;
  const instruction = decoder.decode();
  decoder.free();
  return instruction;
}

/** As `icedDecode`, with the later meanings of the hint NOPs (ENDBR, CLDEMOTE …) taken away. */
export function icedDecodeEarly(bytes: Uint8Array, bits: number, ip = 0n): iced.Instruction {
  const instruction = icedDecode(bytes, bits, OPTIONS, ip);
  if (isKnown(instruction)) return instruction;
  const plain = icedDecode(bytes, bits, OPTIONS | DecoderOptions.ForceReservedNop, ip);
  const reserved = /^(Reservednop|Nop_)/.test(Code[plain.code]!);
  (reserved ? instruction : plain).free();
  return reserved ? plain : instruction;
}

export function isKnown(instruction: iced.Instruction): boolean {
  if (SINGLE.has(Mnemonic[instruction.mnemonic]!)) return true;
  if (/^(Cmpxchg16b|Loadall)/.test(Code[instruction.code]!)) return false;
  return [...instruction.cpuidFeatures()].every((feature) => FEATURES.has(feature));
}

const RENAMED: Readonly<Record<string, string>> = {
  Pushfd: 'PUSHF', Pushfq: 'PUSHF', Popfd: 'POPF', Popfq: 'POPF', Pushad: 'PUSHA', Popad: 'POPA', Iretd: 'IRET', Iretq: 'IRET',
  Cwde: 'CBW', Cdqe: 'CBW', Cdq: 'CWD', Cqo: 'CWD', Jecxz: 'JCXZ', Jrcxz: 'JCXZ', Sal: 'SHL', Xlatb: 'XLAT', Wait: 'FWAIT',
  Reservednop: 'NOP',
  Prefetch: 'NOP',
  Prefetchw: 'NOP',
  Prefetchwt1: 'NOP', Sysexitq: 'SYSEXIT', Sysretq: 'SYSRET', Fxsave64: 'FXSAVE', Fxrstor64: 'FXRSTOR',
}; // prettier-ignore

/** Our mnemonic for an iced `Code` name such as `Mov_r32_rm32`, and iced's mnemonic. */
export function expectedMnemonic(code: string, mnemonic: string): string {
  if (/^(Movs|Cmps|Lods|Stos|Scas|Ins|Outs)[bwdq]$/.test(mnemonic) && !code.includes('xmm')) {
    return mnemonic.slice(0, -1).toUpperCase();
  }
  if (/^(Call|Jmp)_(ptr|m)16/.test(code)) return `${mnemonic.toUpperCase()}F`;
  if (/^J(?!mp|c?e?r?cxz)/.test(mnemonic)) return 'JCC';
  if (/^Set/.test(mnemonic)) return 'SETCC';
  if (/^Cmov/.test(mnemonic)) return 'CMOVCC';
  if (/^Mov_.*cr/.test(code)) return 'MOVCR';
  if (/^Mov_.*dr(_|$)/.test(code)) return 'MOVDR';
  if (/^Mov_.*Sreg/.test(code)) return 'MOVSEG';
  if (/^(Push|Pop)[wdq]_[C-GS]S$/.test(code)) return `${mnemonic.toUpperCase()}SEG`;
  if (/^Movq_(mm|xmm)_rm64$|^Movq_rm64_/.test(code)) return 'MOVD';
  return RENAMED[mnemonic] ?? mnemonic.toUpperCase();
}

export function icedMnemonic(instruction: iced.Instruction): string {
  return expectedMnemonic(Code[instruction.code]!, Mnemonic[instruction.mnemonic]!);
}

/** Sizes iced gives to memory that is never accessed, or names without a size. */
function icedMemoryWidth(instruction: iced.Instruction): number {
  return MemorySizeExt.size(instruction.memorySize) * 8;
}

const signed = (value: bigint, bits: number): string => BigInt.asIntN(bits, value).toString();

function memoryText(
  width: number,
  segment: string,
  base: string,
  index: string,
  scale: number,
  displacement: string,
): string {
  return `${width}:${segment}:[${base}+${index}*${scale}+${displacement}]`.toUpperCase();
}

function icedRegister(register: number): string {
  const name = Register[register]!;
  return /^R\d+L$/.test(name) ? name.replace('L', 'B') : name;
}

/** Displacement bits that matter: iced extends to the address size, we give an int32. */
function displacementText(value: bigint, base: string): string {
  return /^(BX|BP|SI|DI|16)/.test(base) ? signed(value, 16) : signed(value, 32);
}

function icedMemory(instruction: iced.Instruction): string {
  const base = Register[instruction.memoryBase]!;
  const index = Register[instruction.memoryIndex]!;
  const sixteen = instruction.memoryDisplSize === 2 ? '16' : '';
  const value = instruction.isIpRelMemoryOperand
    ? instruction.memoryDisplacement - BigInt(instruction.length)
    : instruction.memoryDisplacement;
  return memoryText(
    icedMemoryWidth(instruction),
    Register[instruction.memorySegment]!,
    base,
    index,
    index === 'None' ? 1 : instruction.memoryIndexScale,
    displacementText(value, base === 'None' ? sixteen : base),
  );
}

function icedStringMemory(instruction: iced.Instruction, kind: string): string {
  const destination = kind.startsWith('MemoryES');
  const base = kind.replace(/^Memory(ES|Seg)/, '');
  const segment = destination ? 'ES' : Register[instruction.memorySegment]!;
  return memoryText(icedMemoryWidth(instruction), segment, base, 'None', 1, '0');
}

function icedOperand(instruction: iced.Instruction, operand: number): string {
  const kind = OpKind[instruction.opKind(operand)]!;
  if (kind === 'Register') return icedRegister(instruction.opRegister(operand));
  if (kind === 'Memory') return icedMemory(instruction);
  if (kind.startsWith('Memory')) return icedStringMemory(instruction, kind);
  if (kind.startsWith('NearBranch'))
    return `->${signed(instruction.nearBranchTarget, Number(kind.slice(10)))}`;
  if (kind === 'FarBranch16') return `${instruction.farBranchSelector}:${instruction.farBranch16}`;
  if (kind === 'FarBranch32') return `${instruction.farBranchSelector}:${instruction.farBranch32 | 0}`;
  return immediateText(instruction.immediate(operand), kind);
}

const IMMEDIATE_BITS: Readonly<Record<string, number>> = {
  Immediate8: 8, Immediate8_2nd: 8, Immediate16: 16, Immediate32: 32, Immediate64: 64, Immediate8to16: 16, Immediate8to32: 32,
  Immediate8to64: 64, Immediate32to64: 64,
}; // prettier-ignore

function immediateText(value: bigint, kind: string): string {
  const bits = IMMEDIATE_BITS[kind]!;
  return `#${bits}:${signed(value, bits)}`;
}

export function icedOperands(instruction: iced.Instruction): string[] {
  return Array.from({ length: instruction.opCount }, (_, index) => icedOperand(instruction, index));
}

function addressRegister(index: number, size: number): string {
  return index < 0
    ? 'None'
    : registerName({ kind: 'register', width: size as 16 | 32 | 64, index, high: false });
}

function ourMemory(operand: MemoryOperand): string {
  const { addressSize } = operand;
  const base = operand.ripRelative
    ? addressSize === 64
      ? 'RIP'
      : 'EIP'
    : addressRegister(operand.base, addressSize);
  return memoryText(
    operand.width,
    registerName({ kind: 'segment', index: operand.segment }),
    base,
    addressRegister(operand.index, addressSize),
    1 << operand.scale,
    String(operand.displacement),
  );
}

function ourOperand(instruction: Instruction, operand: Operand): string {
  switch (operand.kind) {
    case 'memory':
      return ourMemory(operand);
    case 'immediate':
      return `#${operand.width}:${signed((BigInt(operand.high) << 32n) | BigInt(operand.value >>> 0), operand.width)}`;
    case 'relative':
      return `->${signed(BigInt(operand.value + instruction.length), instruction.operandSize)}`;
    case 'far':
      return `${operand.selector}:${operand.offset}`;
    default:
      return registerName(operand).toUpperCase();
  }
}

export function ourOperands(instruction: Instruction): string[] {
  return instruction.operands.map((operand) => ourOperand(instruction, operand));
}
