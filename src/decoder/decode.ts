/** The instruction decoder: bytes to `Instruction`, driven by the rows of opcodes.ts. Knows no semantics. */
import { DecodeFailure, CS, DS, ES, SS } from './instruction.js';
import type {
  FileOperand,
  ImmediateOperand,
  Instruction,
  MemoryOperand,
  MemoryWidth,
  Operand,
  RegisterOperand,
  SegmentIndex,
  Width,
} from './instruction.js';
import { buildLookup, CELLS, CONDITION_IN_OPCODE, ModeAttribute, PREFIXES, ROWS } from './lookup.js';
import type { CompiledRow, Lookup } from './lookup.js';
import { Form, Size } from './operand-notation.js';
import type { OperandSpec } from './operand-notation.js';

const MAXIMUM_LENGTH = 15;
const legacyLookup = buildLookup(false);
let longLookup: Lookup | undefined;

function registersOf(
  width: Width,
  count: number,
  high: (index: number) => boolean,
): readonly RegisterOperand[] {
  return Array.from(
    { length: count },
    (_, index) => ({ kind: 'register', width, index, high: high(index) }) as const,
  );
}
const low = (): boolean => false;
const BYTE_REGISTERS = registersOf(8, 8, (index) => index >= 4);
const BYTE_REGISTERS_REX = registersOf(8, 16, low);
const WORD_REGISTERS = registersOf(16, 16, low);
const DOUBLE_REGISTERS = registersOf(32, 16, low);
const QUAD_REGISTERS = registersOf(64, 16, low);

function fileOf(kind: FileOperand['kind']): readonly FileOperand[] {
  return Array.from({ length: 16 }, (_, index) => ({ kind, index }));
}
const SEGMENT_REGISTERS = fileOf('segment');
const CONTROL_REGISTERS = fileOf('control');
const DEBUG_REGISTERS = fileOf('debug');
const ST_REGISTERS = fileOf('st');
const MM_REGISTERS = fileOf('mm');
const XMM_REGISTERS = fileOf('xmm');
const ONE: ImmediateOperand = { kind: 'immediate', width: 8, value: 1, high: 0 };

/** 16-bit addressing, SDM volume 2 table 2-1: base and index by r/m. */
const BASE_16 = [3, 3, 5, 5, 6, 7, 5, 3];
const INDEX_16 = [6, 7, 6, 7, -1, -1, -1, -1];

// State of the one decode in progress.
let code: Uint8Array = new Uint8Array(0);
let position = 0;
let limit = 0;
let overrun = false;
let invalid = false;
let long = false;
let operandPrefix = false;
let addressPrefix = false;
let lock = false;
let rep: 0 | 0xf3 | 0xf2 = 0;
let override = -1;
let rex = 0;
let opcode = 0;
let modrm = 0;
let registerForm = false;
let operandSize: 16 | 32 | 64 = 32;
let addressSize: 16 | 32 | 64 = 32;
let memoryBase = -1;
let memoryIndex = -1;
let memoryScale: 0 | 1 | 2 | 3 = 0;
let displacement = 0;
let ripRelative = false;

function fetch8(): number {
  if (position >= limit) {
    overrun = true;
    return 0;
  }
  return code[position++]!;
}
function fetchSigned8(): number {
  return (fetch8() << 24) >> 24;
}
function fetch16(): number {
  return fetch8() | (fetch8() << 8);
}
function fetchSigned16(): number {
  return (fetch16() << 16) >> 16;
}
function fetch32(): number {
  return fetch16() | (fetch16() << 16);
}
function fetchSigned(bits: number): number {
  return bits === 8 ? fetchSigned8() : bits === 16 ? fetchSigned16() : fetch32();
}

function overrideSegment(segment: SegmentIndex): void {
  // 64-bit code ignores ES, CS, SS and DS overrides, also after FS or GS (SDM volume 1, 3.4.2.1).
  if (!long || segment > DS) override = segment;
}

/** Takes one prefix byte; false when it is none. */
function takePrefix(byte: number): boolean {
  // prettier-ignore
  switch (byte) {
    case 0x26: overrideSegment(ES); break;
    case 0x2e: overrideSegment(CS); break;
    case 0x36: overrideSegment(SS); break;
    case 0x3e: overrideSegment(DS); break;
    case 0x64: overrideSegment(4); break;
    case 0x65: overrideSegment(5); break;
    case 0x66: operandPrefix = true; break;
    case 0x67: addressPrefix = true; break;
    case 0xf0: lock = true; break;
    case 0xf2: rep = 0xf2; break;
    case 0xf3: rep = 0xf3; break;
    default:
      if (!long || (byte & 0xf0) !== 0x40) return false;
      rex = byte;
      return true;
  }
  rex = 0; // REX counts only directly before the opcode.
  return true;
}

function start(bytes: Uint8Array, offset: number, end: number, bits: number): void {
  code = bytes;
  position = offset;
  limit = Math.min(end, offset + MAXIMUM_LENGTH);
  overrun = false;
  invalid = false;
  long = bits === 64;
  operandPrefix = false;
  addressPrefix = false;
  lock = false;
  rep = 0;
  override = -1;
  rex = 0;
  registerForm = false;
}

function fetchOpcode(): number {
  let byte = fetch8();
  while (takePrefix(byte)) byte = fetch8();
  return byte === 0x0f ? 0x100 | fetch8() : byte;
}

/** The row of the opcode, or -1; takes the ModRM byte if the opcode has one. */
function findRow(): number {
  const lookup = long ? (longLookup ??= buildLookup(true)) : legacyLookup;
  const column = rep === 0xf3 ? 2 : rep === 0xf2 ? 3 : operandPrefix ? 1 : 0;
  let cell = (opcode * PREFIXES + column) * CELLS;
  if (lookup.modrm[opcode] !== 0) {
    modrm = fetch8();
    registerForm = modrm >= 0xc0;
    cell += registerForm ? modrm - 0xc0 + 8 : (modrm >> 3) & 7;
  } else if (opcode === 0x90 && (rex & 1) !== 0 && rep !== 0xf3) {
    cell += PREFIXES * CELLS; // XCHG r8,rAX: the row of 91
  }
  return lookup.cells[cell]!;
}

function setSizes(row: CompiledRow, bits: number): void {
  const prefixed = operandPrefix && row.prefix !== 0x66;
  if (!long) {
    operandSize = (bits === 16) === prefixed ? 32 : 16;
    addressSize = (bits === 16) === addressPrefix ? 32 : 16;
    return;
  }
  addressSize = addressPrefix ? 32 : 64;
  if ((rex & 8) !== 0 || row.mode === ModeAttribute.FORCE_64) operandSize = 64;
  else if (prefixed) operandSize = 16;
  else operandSize = row.mode === ModeAttribute.DEFAULT_64 ? 64 : 32;
}

function fetchMemory16(): void {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  memoryBase = BASE_16[rm]!;
  memoryIndex = INDEX_16[rm]!;
  displacement = 0;
  if (mod === 0 && rm === 6) {
    memoryBase = -1;
    displacement = fetchSigned16();
  } else if (mod === 1) displacement = fetchSigned8();
  else if (mod === 2) displacement = fetchSigned16();
}

function fetchSib(): number {
  const sib = fetch8();
  const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
  if (index !== 4) {
    memoryIndex = index;
    memoryScale = (sib >> 6) as 0 | 1 | 2 | 3;
  }
  return sib & 7;
}

function fetchMemory32(): void {
  const mod = modrm >> 6;
  let base = modrm & 7;
  const sib = base === 4;
  if (sib) base = fetchSib();
  displacement = mod === 1 ? fetchSigned8() : mod === 2 ? fetch32() : 0;
  if (mod === 0 && base === 5) {
    ripRelative = long && !sib;
    displacement = fetch32();
  } else memoryBase = base | ((rex & 1) << 3);
}

/** Takes SIB byte and displacement, which precede every immediate. */
function fetchMemory(): void {
  memoryBase = -1;
  memoryIndex = -1;
  memoryScale = 0;
  ripRelative = false;
  if (addressSize === 16) fetchMemory16();
  else fetchMemory32();
}

function sizeOf(size: number): number {
  // prettier-ignore
  switch (size) {
    case Size.V: return operandSize;
    case Size.Z: return operandSize === 16 ? 16 : 32;
    case Size.Y: return (rex & 8) !== 0 ? 64 : 32;
    case Size.FAR: return operandSize + 16;
    case Size.PAIR: return operandSize * 2;
    case Size.NATIVE: return long ? 64 : 32;
    case Size.ENVIRONMENT: return operandSize === 16 ? 112 : 224;
    case Size.STATE: return operandSize === 16 ? 752 : 864;
    case Size.DESCRIPTOR: return long ? 80 : 48;
    default: return size;
  }
}

function register(width: number, index: number): RegisterOperand {
  if (width === 32) return DOUBLE_REGISTERS[index]!;
  if (width === 16) return WORD_REGISTERS[index]!;
  if (width === 64) return QUAD_REGISTERS[index]!;
  return rex === 0 ? BYTE_REGISTERS[index]! : BYTE_REGISTERS_REX[index]!;
}

function memory(width: number, segment: number, base: number, index: number): MemoryOperand {
  return {
    kind: 'memory',
    width: width as MemoryWidth,
    segment: segment as SegmentIndex,
    base,
    index,
    scale: memoryScale,
    displacement,
    addressSize,
    ripRelative,
  };
}

function modrmMemory(width: number): MemoryOperand {
  const stack = memoryBase === 5 || (memoryBase === 4 && addressSize !== 16);
  return memory(width, override >= 0 ? override : stack ? SS : DS, memoryBase, memoryIndex);
}

/** Memory without a ModRM byte: string operands and A0-A3. */
function plainMemory(width: number, segment: number, base: number, offset: number): MemoryOperand {
  memoryScale = 0;
  ripRelative = false;
  displacement = offset;
  return memory(width, segment, base, -1);
}

function offsetMemory(width: number): MemoryOperand {
  const offset = addressSize === 16 ? fetchSigned16() : fetch32();
  if (addressSize === 64 && fetch32() !== offset >> 31) invalid = true;
  return plainMemory(width, override >= 0 ? override : DS, -1, offset);
}

function immediate(width: number, value: number, high: number): ImmediateOperand {
  return { kind: 'immediate', width: width as Width, value, high };
}

function signedImmediate(width: number): ImmediateOperand {
  const value = fetchSigned(width);
  return immediate(width, value, width === 64 ? fetch32() : value >> 31);
}

function extendedImmediate(width: number): ImmediateOperand {
  const value = fetchSigned8();
  return immediate(width, value, value >> 31);
}

/** `Iz` with a 64-bit operand is four bytes, sign-extended. */
function sizedImmediate(size: number): ImmediateOperand {
  if (size !== Size.Z || operandSize !== 64) return signedImmediate(sizeOf(size));
  const value = fetch32();
  return immediate(64, value, value >> 31);
}

function farPointer(): Operand {
  const offset = operandSize === 16 ? fetch16() : fetch32();
  return { kind: 'far', selector: fetch16(), offset };
}

function segmentRegister(destination: boolean): Operand {
  const index = (modrm >> 3) & 7;
  if (index > 5 || (destination && index === CS)) invalid = true;
  return SEGMENT_REGISTERS[index]!;
}

function controlRegister(): Operand {
  const index = regField();
  if (index === 1 || (index > 4 && index !== 8)) invalid = true;
  return CONTROL_REGISTERS[index]!;
}

function debugRegister(): Operand {
  const index = regField();
  if (index > 7) invalid = true;
  return DEBUG_REGISTERS[index]!;
}

function regField(): number {
  return ((modrm >> 3) & 7) | ((rex & 4) << 1);
}
function rmField(): number {
  return (modrm & 7) | ((rex & 1) << 3);
}

function operand(spec: OperandSpec, place: number): Operand {
  switch (spec.form) {
    case Form.MODRM:
      return registerForm ? register(sizeOf(spec.registerSize), rmField()) : modrmMemory(sizeOf(spec.size));
    case Form.REG:
      return register(sizeOf(spec.size), regField());
    case Form.OPCODE:
      return register(sizeOf(spec.size), (opcode & 7) | ((rex & 1) << 3));
    case Form.FIXED:
      return register(sizeOf(spec.size), spec.index);
    case Form.IMMEDIATE:
      return sizedImmediate(spec.size);
    case Form.UNSIGNED:
      return immediate(spec.size, spec.size === 8 ? fetch8() : fetch16(), 0);
    case Form.EXTENDED:
      return extendedImmediate(operandSize);
    case Form.ONE:
      return ONE;
    case Form.RELATIVE:
      return { kind: 'relative', value: fetchSigned(sizeOf(spec.size)) };
    case Form.FAR:
      return farPointer();
    case Form.OFFSET:
      return offsetMemory(sizeOf(spec.size));
    case Form.SOURCE:
      return plainMemory(sizeOf(spec.size), override >= 0 ? override : DS, 6, 0);
    case Form.DESTINATION:
      return plainMemory(sizeOf(spec.size), ES, 7, 0);
    default:
      return fileOperand(spec, place);
  }
}

function fileOperand(spec: OperandSpec, place: number): Operand {
  switch (spec.form) {
    case Form.SEGMENT:
      return segmentRegister(place === 0);
    case Form.FIXED_SEGMENT:
      return SEGMENT_REGISTERS[spec.index]!;
    case Form.CONTROL:
      return controlRegister();
    case Form.DEBUG:
      return debugRegister();
    case Form.MM_REG:
      return MM_REGISTERS[(modrm >> 3) & 7]!;
    case Form.MM_MODRM:
      return registerForm ? MM_REGISTERS[modrm & 7]! : modrmMemory(spec.size);
    case Form.XMM_REG:
      return XMM_REGISTERS[regField()]!;
    case Form.XMM_MODRM:
      return registerForm ? XMM_REGISTERS[rmField()]! : modrmMemory(spec.size);
    case Form.ST:
      return ST_REGISTERS[0]!;
    default:
      return ST_REGISTERS[modrm & 7]!;
  }
}

function operandsOf(row: CompiledRow): readonly Operand[] {
  const specs = row.operands;
  // prettier-ignore
  switch (specs.length) {
    case 0: return NO_OPERANDS;
    case 1: return [operand(specs[0]!, 0)];
    case 2: return [operand(specs[0]!, 0), operand(specs[1]!, 1)];
    default: return [operand(specs[0]!, 0), operand(specs[1]!, 1), operand(specs[2]!, 2)];
  }
}
const NO_OPERANDS: readonly Operand[] = [];

function lockable(row: CompiledRow, operands: readonly Operand[]): boolean {
  return row.lock && operands[0]!.kind === 'memory';
}

/**
 * Decodes the instruction at `bytes[offset]`, reading no byte at or after `end`. The result depends on nothing else;
 * operands that are registers are shared objects.
 */
export function decode(
  bytes: Uint8Array,
  offset: number,
  end: number,
  bits: 16 | 32 | 64,
): Instruction | DecodeFailure {
  start(bytes, offset, end, bits);
  opcode = fetchOpcode();
  const index = overrun ? -1 : findRow();
  if (overrun) return failure(offset, end);
  if (index < 0) return DecodeFailure.INVALID;
  const row = ROWS[index]!;
  setSizes(row, bits);
  if (row.ignoresMod) registerForm = true;
  else if (!registerForm && hasModrm(opcode)) fetchMemory();
  const operands = operandsOf(row);
  if (overrun) return failure(offset, end);
  if ((rex & 8) !== 0 && row.noRexW) return DecodeFailure.INVALID;
  if (invalid || (lock && !lockable(row, operands))) return DecodeFailure.INVALID;
  return finish(row, operands, position - offset);
}

function hasModrm(wanted: number): boolean {
  return (long ? longLookup! : legacyLookup).modrm[wanted] !== 0;
}

function failure(offset: number, end: number): DecodeFailure {
  return end - offset >= MAXIMUM_LENGTH ? DecodeFailure.TOO_LONG : DecodeFailure.TRUNCATED;
}

function finish(row: CompiledRow, operands: readonly Operand[], length: number): Instruction {
  return {
    mnemonic: row.mnemonic,
    row: row.index,
    length,
    operandSize,
    addressSize,
    operands,
    condition: row.condition === CONDITION_IN_OPCODE ? opcode & 15 : row.condition,
    lock,
    rep: rep === row.prefix ? 0 : rep,
    segment: (override >= 0 ? override : DS) as SegmentIndex,
  };
}

const CONDITIONS = ['O', 'NO', 'B', 'AE', 'E', 'NE', 'BE', 'A', 'S', 'NS', 'P', 'NP', 'L', 'GE', 'LE', 'G'];

/** The manual's suffix for a condition code, as in JNE. */
export function conditionName(condition: number): string {
  return CONDITIONS[condition & 15]!;
}

const NAMES_8 = ['al', 'cl', 'dl', 'bl', 'ah', 'ch', 'dh', 'bh'];
const NAMES_8_REX = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
const NAMES_16 = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const SEGMENT_NAMES = ['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'seg6', 'seg7'];
const FILE_PREFIXES = { control: 'cr', debug: 'dr', st: 'st', mm: 'mm', xmm: 'xmm' } as const;

/** Name of general register `index` of a width, in small letters. */
export function generalRegisterName(width: number, index: number, high: boolean): string {
  if (index > 7) return `r${index}${width === 64 ? '' : width === 32 ? 'd' : width === 16 ? 'w' : 'b'}`;
  if (width === 8) return (high || index < 4 ? NAMES_8 : NAMES_8_REX)[index]!;
  return (width === 64 ? 'r' : width === 32 ? 'e' : '') + NAMES_16[index]!;
}

/** Name of a register operand of any file, in small letters. */
export function registerName(operand: RegisterOperand | FileOperand): string {
  if (operand.kind === 'register') return generalRegisterName(operand.width, operand.index, operand.high);
  if (operand.kind === 'segment') return SEGMENT_NAMES[operand.index]!;
  return FILE_PREFIXES[operand.kind] + String(operand.index);
}
