/** A case of the engine fuzzer as plain data, and the machine code it stands for: every row of the opcode table can be drawn. */
import { decode } from '../decoder/decode.js';
import type { Instruction } from '../decoder/instruction.js';
import { ROWS } from '../decoder/lookup.js';
import { OPCODES } from '../decoder/opcodes.js';
import type { OpcodeRow } from '../decoder/opcodes.js';
import { usesModrm } from '../decoder/operand-notation.js';
import { Environment, FRAGMENTS } from './fuzz-modes.js';

/** One instruction: each number is reduced to what the row can take, so that any numbers make a case. */
export interface FuzzInstruction {
  /** Index into DRAWN_ROWS. */
  readonly row: number;
  /** 0-15: none in the lower half, see `prefixBytes`. */
  readonly prefix: number;
  readonly modrm: number;
  readonly sib: number;
  /** Displacement; with an absolute address, which one; with a relative branch, to which instruction. */
  readonly displacement: number;
  readonly immediate: number;
  /** Number of a sequence that switches modes, in place of the row. */
  readonly fragment?: number;
}

/** A hardware interrupt that is requested after so many instructions; lost while interrupts are off. */
export interface FuzzInterrupt {
  readonly after: number;
  readonly vector: number;
}

/** How the block is repeated. */
export const Loop = { NONE: 0, LOOP: 1, DEC_JNZ: 2, ENDLESS: 3 } as const;

export interface FuzzCase {
  readonly bits: 16 | 32;
  readonly cpl: 0 | 3;
  readonly instructions: readonly FuzzInstruction[];
  readonly loop: number;
  /** Initial value of the loop's counter. */
  readonly iterations: number;
  /** EAX to EDI. */
  readonly registers: readonly number[];
  readonly flags: number;
  /** Where in the pattern memory starts. */
  readonly memory: number;
  /** x87 and SSE state; 0 is the state after reset. */
  readonly fpu: number;
  /** 0 normal, 1 CR0.TS, 2 CR0.EM, 3 no CR4.OSFXSR. */
  readonly control: number;
  /** A number of `Environment`; PLAIN when absent. Real and virtual-8086 mode are for 16 bits. */
  readonly environment?: number;
  /** In order. */
  readonly interrupts?: readonly FuzzInterrupt[];
  /** Page offset of the first byte. */
  readonly offset: number;
  /** Budgets of the runs between comparisons, used in turn. */
  readonly steps: readonly number[];
  /** Instructions after which the case is over. */
  readonly budget: number;
}

const STRINGS = new Set(['MOVS', 'CMPS', 'STOS', 'LODS', 'SCAS', 'INS', 'OUTS']);
/** Mnemonics that fault or leave the block most of the time. */
const RARE =
  /^(INT|IRET|RET|CALLF|JMPF|UD|L[DEFGS]S|LSS|L[GIL]DT|LTR|LMSW|MOVSEG|POPSEG|VM|RSM|MWAIT|ARPL|VER|LAR|LSL|BOUND|DIV|IDIV|ENTER|AAM)/;
const isCore = (row: OpcodeRow): boolean =>
  row.cpuid === undefined && row.privilege === undefined && !/^F/.test(row.mnemonic);

/** Rows of 16- and 32-bit code; the integer ones three times, because they interact most. */
export const DRAWN_ROWS: readonly number[] = OPCODES.flatMap((row: OpcodeRow, index) => {
  if (row.mode === 'o64') return [];
  return isCore(row) ? [index, index, index] : [index];
});

/** Positions in DRAWN_ROWS of integer instructions that seldom fault. */
export const CALM: readonly number[] = [...DRAWN_ROWS.keys()].filter((n) => {
  const row: OpcodeRow = OPCODES[DRAWN_ROWS[n]!]!;
  return isCore(row) && !RARE.test(row.mnemonic);
});

/** Positions of those that set or read flags in ways that passes and emission rules know. */
export const FLAG_USERS: readonly number[] = CALM.filter((n) =>
  /^(SUB|CMP|ADD|AND|TEST|ADC|SBB|JCC|SETCC|CMOVCC|INC|DEC|NEG)$/.test(OPCODES[DRAWN_ROWS[n]!]!.mnemonic),
);

/** First addresses: read-write data, its end (then a read-only page, then none), stack, code. */
export const LAYOUT = {
  32: {
    code: 0x400000,
    absolute: [0x200010, 0x200ffe, 0x202ffc, 0x202ffe, 0x203040, 0x203ffe, 0x204000, 0x300100, 0x400020],
  },
  16: { code: 0x1000, absolute: [0x10, 0xffe, 0x6ffc, 0x6fff, 0x7000, 0x8ffe, 0x9004, 0xfffe, 0xffff] },
} as const;

function prefixBytes(row: OpcodeRow, choice: number): number[] {
  const plain = choice & 15;
  const chosen: readonly number[] =
    plain < 8
      ? STRINGS.has(row.mnemonic) && plain >= 3
        ? [plain >= 6 ? 0xf2 : 0xf3]
        : []
      : [[0x66], [0x67], [0x66, 0x67], [0xf3], [0xf2], [0xf0], [0x64], [0x26]][plain - 8]!;
  if (row.prefix === undefined) return [...chosen];
  const others = chosen.filter((byte) => byte !== 0x66 && byte !== 0xf3 && byte !== 0xf2);
  return row.prefix === 'np' ? others : [...others, parseInt(row.prefix, 16)];
}

/** Opcode bytes, the last of which may be a whole ModRM byte. */
function opcodeBytes(row: OpcodeRow, choice: number): { bytes: number[]; hasModrm: boolean } {
  const texts = row.opcode.split(' ');
  const bytes = texts.map((text) => {
    const [byte, suffix] = text.split('+');
    const added = suffix === undefined ? 0 : suffix === 'cc' ? choice & 15 : choice & 7;
    return parseInt(byte!, 16) + added;
  });
  return { bytes, hasModrm: texts.length > (texts[0] === '0F' ? 2 : 1) };
}

const little = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => (value >> (8 * i)) & 255);

function modrmBytes(row: OpcodeRow, i: FuzzInstruction, bits: 16 | 32): number[] {
  let mod = (i.modrm >> 6) & 3;
  if (row.mod === 'register') mod = 3;
  else if (row.mod === 'memory' && mod === 3) mod = 1;
  const rm = i.modrm & 7;
  const modrm = (mod << 6) | ((row.digit ?? (i.modrm >> 3) & 7) << 3) | rm;
  if (mod === 3) return [modrm];
  const out = [modrm];
  if (bits === 32 && rm === 4) out.push(i.sib & 255);
  const base = bits === 32 && rm === 4 ? i.sib & 7 : rm;
  const absolute = mod === 0 && (bits === 32 ? base === 5 : rm === 6);
  const { absolute: places } = LAYOUT[bits];
  if (absolute) out.push(...little(places[(i.displacement >>> 0) % places.length]!, bits / 8));
  else if (mod === 1) out.push(i.displacement & 255);
  else if (mod === 2) out.push(...little(i.displacement, bits / 8));
  return out;
}

/** Prefixes, opcode, ModRM, SIB and displacement; immediates follow. */
function headBytes(i: FuzzInstruction, bits: 16 | 32): number[] {
  const index = DRAWN_ROWS[(i.row >>> 0) % DRAWN_ROWS.length]!;
  const row: OpcodeRow = OPCODES[index]!;
  const prefixes = prefixBytes(row, i.prefix);
  const { bytes, hasModrm } = opcodeBytes(row, i.modrm);
  const needsModrm = !hasModrm && (row.digit !== undefined || ROWS[index]!.operands.some(usesModrm));
  const addressBits = prefixes.includes(0x67) ? (bits === 32 ? 16 : 32) : bits;
  return [...prefixes, ...bytes, ...(needsModrm ? modrmBytes(row, i, addressBits) : [])];
}

export interface EncodedInstruction {
  readonly bytes: number[];
  readonly instruction: Instruction | undefined;
}

/** What does not run at CPL 0 in plain cases: it would take the ground from under the harness (paging off, another page directory). */
const isHarmful = (instruction: Instruction): boolean =>
  (instruction.mnemonic === 'MOVCR' &&
    instruction.operands[0]!.kind === 'control' &&
    instruction.operands[0]!.index !== 2) ||
  instruction.mnemonic === 'LMSW';
const NOP = 0x90;

/** `at`: offset in CS; `wild`: whatever may happen to the modes. */
export function encodeInstruction(
  i: FuzzInstruction,
  bits: 16 | 32,
  cpl: 0 | 3,
  { at = 0, wild = false } = {},
): EncodedInstruction {
  if (i.fragment !== undefined)
    return { bytes: FRAGMENTS[(i.fragment >>> 0) % FRAGMENTS.length]!(bits, at), instruction: undefined };
  const head = headBytes(i, bits);
  const padded = Uint8Array.from([...head, ...little(i.immediate, 4), ...little(i.sib * 257, 4), 0, 0]);
  const instruction = decode(padded, 0, padded.length, bits);
  if (typeof instruction === 'number') return { bytes: head, instruction: undefined };
  if (cpl === 0 && !wild && isHarmful(instruction)) return { bytes: [NOP], instruction: undefined };
  return { bytes: [...padded.subarray(0, instruction.length)], instruction };
}

export interface Program {
  readonly bytes: Uint8Array;
  /** Offsets of the instructions and of the end, relative to the first. */
  readonly boundaries: readonly number[];
}

/** Such a case may change everything, memory of the harness included. */
export const isWild = (c: FuzzCase): boolean => (c.environment ?? Environment.PLAIN) !== Environment.PLAIN;

const INT3 = 0xcc;

/** Machine code of the block and its loop; INT3 ends it. */
export function assemble(c: FuzzCase): Program {
  const wild = isWild(c);
  const first = LAYOUT[c.bits].code + c.offset;
  const boundaries = [0];
  const encoded = c.instructions.map((i) => {
    const at = boundaries.at(-1)!;
    const made = encodeInstruction(i, c.bits, c.cpl, { at: first + at, wild });
    boundaries.push(at + made.bytes.length);
    return made;
  });
  encoded.forEach((e, n) => {
    const target = (c.instructions[n]!.displacement >>> 0) % boundaries.length;
    aimBranch(e, boundaries[n + 1]!, boundaries[target]!);
  });
  const tail = loopBytes(c, boundaries.at(-1)!);
  const bytes = encoded.flatMap((e) => e.bytes).concat(tail.flat(), INT3, INT3);
  for (const part of tail) boundaries.push(boundaries.at(-1)! + part.length);
  return { bytes: Uint8Array.from(bytes), boundaries };
}

/** Relative branches go to an instruction of the block. */
function aimBranch({ bytes, instruction }: EncodedInstruction, next: number, target: number): void {
  const operand = instruction?.operands[0];
  if (operand?.kind !== 'relative') return;
  const opcode =
    instruction!.mnemonic === 'JCC' ? [...bytes].findIndex((b) => (b & 0xf0) === 0x70 || b === 0x0f) : -1;
  const short = instruction!.mnemonic === 'JCC' ? bytes[opcode] !== 0x0f : isShort(bytes);
  const width = short ? 1 : instruction!.operandSize / 8;
  little(target - next, width).forEach((byte, k) => (bytes[bytes.length - width + k] = byte));
}
/** JMP rel8, LOOPcc and JCXZ. */
const isShort = (bytes: readonly number[]): boolean => {
  const opcode = bytes[bytes.length - 2]!;
  return opcode === 0xeb || (opcode >= 0xe0 && opcode <= 0xe3);
};

/** Register of the loop counter. */
export const counterOf = (c: FuzzCase): number =>
  c.loop === Loop.DEC_JNZ ? [1, 2, 3, 7][c.iterations & 3]! : 1;

function loopBytes(c: FuzzCase, length: number): number[][] {
  const near = c.bits / 8;
  const back = (at: number): number[] => little(-(at + near), near);
  if (c.loop === Loop.LOOP && length < 120) return [[0xe2, -(length + 2) & 255]];
  if (c.loop === Loop.ENDLESS) return [[0xe9, ...back(length + 1)]];
  if (c.loop === Loop.NONE) return [];
  return [[0x48 + counterOf(c)], [0x0f, 0x85, ...back(length + 3)]];
}
