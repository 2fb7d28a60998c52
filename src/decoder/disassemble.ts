/**
 * Instruction text in Intel syntax, as iced-x86's MASM formatter writes it with `0x` hexadecimal in small letters, memory
 * sizes always shown, no pseudo-operations and no leading zeros in branch targets. Prefixes without effect are not shown.
 *
 * Departures from that formatter: operation sizes are told by the name and never by a suffix that depends on the code size (pushad, ret
 * and not pusha, retw); int3, shl (for sal), xlatb without operands; 16-bit registers where only 16 bits are read (mov ds,ax);
 * prefetch and x87 environments have no memory size; the reserved NOPs one operand; monitor, mwait, maskmovq no implied ones.
 */
import { conditionName, generalRegisterName, registerName } from './decode.js';
import type {
  ImmediateOperand,
  Instruction,
  MemoryOperand,
  Operand,
  RegisterOperand,
} from './instruction.js';
import { DS, SS } from './instruction.js';
import { OPCODES } from './opcodes.js';
import type { Mnemonic } from './opcodes.js';

const STRINGS: ReadonlySet<Mnemonic> = new Set(['MOVS', 'STOS', 'LODS', 'SCAS', 'CMPS', 'INS', 'OUTS']);
const COMPARING: ReadonlySet<Mnemonic> = new Set(['SCAS', 'CMPS']);

/** Names by operand size 16, 32, 64. */
const BY_SIZE: Readonly<Record<string, readonly [string, string, string]>> = {
  CBW: ['cbw', 'cwde', 'cdqe'],
  CWD: ['cwd', 'cdq', 'cqo'],
  PUSHF: ['pushf', 'pushfd', 'pushfq'],
  POPF: ['popf', 'popfd', 'popfq'],
  PUSHA: ['pusha', 'pushad', 'pushad'],
  POPA: ['popa', 'popad', 'popad'],
  IRET: ['iret', 'iretd', 'iretq'],
};
const BY_ADDRESS_SIZE: Readonly<Record<string, readonly [string, string, string]>> = {
  JCXZ: ['jcxz', 'jecxz', 'jrcxz'],
};
const RENAMED: Readonly<Record<string, string>> = {
  PUSHSEG: 'push',
  POPSEG: 'pop',
  CALLF: 'call',
  JMPF: 'jmp',
  MOVCR: 'mov',
  MOVDR: 'mov',
  MOVSEG: 'mov',
  XLAT: 'xlatb',
  FWAIT: 'wait',
  FSTPNCE: 'fstp',
};
const CONDITIONAL: Readonly<Record<string, string>> = { JCC: 'j', SETCC: 'set', CMOVCC: 'cmov' };
const ONE_STACK_OPERAND: ReadonlySet<Mnemonic> = new Set(['FCOM', 'FCOMP', 'FXCH', 'FUCOM', 'FUCOMP']);
const SEGMENT_NAMES = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
const WIDTH_SUFFIX: Readonly<Record<number, string>> = { 8: 'b', 16: 'w', 32: 'd', 64: 'q' };
const MEMORY_SIZE: Readonly<Record<number, string>> = {
  8: 'byte ptr ',
  16: 'word ptr ',
  32: 'dword ptr ',
  48: 'fword ptr ',
  64: 'qword ptr ',
  80: 'tbyte ptr ',
  128: 'xmmword ptr ',
};

function sizeIndex(size: 16 | 32 | 64): 0 | 1 | 2 {
  return size === 16 ? 0 : size === 32 ? 1 : 2;
}

function number(value: number): string {
  return value < 10 ? String(value) : `0x${value.toString(16)}`;
}

/** A negative number stands for its 64-bit two's complement. */
function number64(value: number): string {
  return value < 0 ? `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}` : number(value);
}

function truncated(value: number, bits: number): number {
  return bits === 8 ? value & 0xff : bits === 16 ? value & 0xffff : value >>> 0;
}

function immediateText(operand: ImmediateOperand): string {
  if (operand.width !== 64 || operand.high === 0) return number(truncated(operand.value, operand.width));
  const low = (operand.value >>> 0).toString(16).padStart(8, '0');
  return `0x${(operand.high >>> 0).toString(16)}${low}`;
}

/** Whether the string instruction reads memory through a segment override, which only its long form can show. */
function overriddenSource(instruction: Instruction): boolean {
  return instruction.segment !== DS && /X/.test(OPCODES[instruction.row]!.operands);
}

/** Empty in the long form, whose operands show the size. */
function stringSuffix(instruction: Instruction): string {
  if (overriddenSource(instruction)) return '';
  for (const operand of instruction.operands)
    if (operand.kind === 'memory') return WIDTH_SUFFIX[operand.width]!;
  return '';
}

function mnemonicText(instruction: Instruction): string {
  const { mnemonic } = instruction;
  const conditional = CONDITIONAL[mnemonic];
  if (conditional) return conditional + conditionName(instruction.condition).toLowerCase();
  if (STRINGS.has(mnemonic)) return mnemonic.toLowerCase() + stringSuffix(instruction);
  const sized = BY_SIZE[mnemonic];
  if (sized) return sized[sizeIndex(instruction.operandSize)];
  const addressed = BY_ADDRESS_SIZE[mnemonic];
  if (addressed) return addressed[sizeIndex(instruction.addressSize)];
  return RENAMED[mnemonic] ?? mnemonic.toLowerCase();
}

function repeatText(instruction: Instruction): string {
  if (instruction.rep === 0 || !STRINGS.has(instruction.mnemonic)) return '';
  if (instruction.rep === 0xf2) return 'repne ';
  return COMPARING.has(instruction.mnemonic) ? 'repe ' : 'rep ';
}

function registerOf(index: number, size: number): string {
  return generalRegisterName(size, index, false);
}

function displacementText(operand: MemoryOperand, alone: boolean): string {
  const { displacement, addressSize } = operand;
  if (alone)
    return addressSize === 64 ? number64(displacement) : number(truncated(displacement, addressSize));
  if (displacement === 0) return '';
  return displacement < 0 ? `-${number(-displacement)}` : `+${number(displacement)}`;
}

/** An index without a base is marked as one by its scale. */
function scaleText(operand: MemoryOperand): string {
  return operand.scale > 0 || operand.base < 0 ? `*${1 << operand.scale}` : '';
}

function addressText(operand: MemoryOperand): string {
  const terms: string[] = [];
  if (operand.ripRelative) terms.push(operand.addressSize === 64 ? 'rip' : 'eip');
  if (operand.base >= 0) terms.push(registerOf(operand.base, operand.addressSize));
  if (operand.index >= 0) {
    terms.push(registerOf(operand.index, operand.addressSize) + scaleText(operand));
  }
  return terms.join('+') + displacementText(operand, terms.length === 0);
}

function defaultSegment(operand: MemoryOperand): number {
  return operand.base === 5 || (operand.base === 4 && operand.addressSize !== 16) ? SS : DS;
}

/** MMX memory operands have a size name of their own, pseudo-descriptors one for both sizes. */
function sizeText(operand: MemoryOperand, instruction: Instruction): string {
  if (/^[LS][GI]DT$/.test(instruction.mnemonic)) return MEMORY_SIZE[48]!;
  const mmx = operand.width === 64 && /^Pq,|^Mq,Pq/.test(OPCODES[instruction.row]!.operands);
  return mmx && instruction.mnemonic !== 'MOVQ' ? 'mmword ptr ' : (MEMORY_SIZE[operand.width] ?? '');
}

function segmentText(operand: MemoryOperand, instruction: Instruction): string {
  const absolute =
    operand.base < 0 && operand.index < 0 && !operand.ripRelative && operand.addressSize !== 64;
  if (!absolute && (operand.segment === defaultSegment(operand) || instruction.mnemonic === 'LEA')) return '';
  return `${SEGMENT_NAMES[operand.segment]!}:`;
}

function memoryText(operand: MemoryOperand, instruction: Instruction): string {
  return `${sizeText(operand, instruction)}${segmentText(operand, instruction)}[${addressText(operand)}]`;
}

function targetText(value: number, instruction: Instruction, address: number): string {
  const target = address + instruction.length + value;
  return instruction.operandSize === 64
    ? number64(target)
    : number(truncated(target, instruction.operandSize));
}

function operandText(operand: Operand, instruction: Instruction, address: number): string {
  switch (operand.kind) {
    case 'memory':
      return memoryText(operand, instruction);
    case 'immediate':
      return immediateText(operand);
    case 'relative':
      return targetText(operand.value, instruction, address);
    case 'far':
      return `${number(operand.selector)}:${number(operand.offset >>> 0)}`;
    default:
      return registerName(operand);
  }
}

/** x87 registers: the row tells `ST` from ST(0). */
function stackText(instruction: Instruction): string[] {
  const notation = OPCODES[instruction.row]!.operands.split(',');
  const texts = instruction.operands.map((operand, place) =>
    operand.kind === 'st'
      ? notation[place] === 'ST'
        ? 'st'
        : `st(${operand.index})`
      : registerName(operand as RegisterOperand),
  );
  return ONE_STACK_OPERAND.has(instruction.mnemonic) ? texts.slice(1) : texts;
}

function stringTexts(instruction: Instruction, address: number): string[] {
  if (!overriddenSource(instruction)) return [];
  const shown = instruction.mnemonic === 'LODS' ? instruction.operands.slice(1) : instruction.operands;
  return shown.map((operand) => operandText(operand, instruction, address));
}

function operandTexts(instruction: Instruction, address: number): string[] {
  const { operands, mnemonic } = instruction;
  if (operands.length > 0 && operands[0]!.kind === 'st') return stackText(instruction);
  if (STRINGS.has(mnemonic)) return stringTexts(instruction, address);
  if ((mnemonic === 'AAM' || mnemonic === 'AAD') && (operands[0] as ImmediateOperand).value === 10) return [];
  const texts = operands.map((operand) => operandText(operand, instruction, address));
  return mnemonic === 'XCHG' && OPCODES[instruction.row]!.operands.startsWith('E') ? texts.reverse() : texts;
}

/** Text of the instruction at `address` (the offset of its first byte in its code segment). */
export function disassemble(instruction: Instruction, address: number): string {
  const prefix = (instruction.lock ? 'lock ' : '') + repeatText(instruction);
  const operands = operandTexts(instruction, address);
  const text = prefix + mnemonicText(instruction);
  return operands.length === 0 ? text : `${text} ${operands.join(',')}`;
}
