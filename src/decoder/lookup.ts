/** Lookup tables built once from OPCODES: from opcode, mandatory prefix and ModRM byte to the row. */
import { OPCODES } from './opcodes.js';
import type { Mnemonic, OpcodeRow } from './opcodes.js';
import { operandSpec, usesModrm } from './operand-notation.js';
import type { OperandSpec } from './operand-notation.js';

export const ModeAttribute = { NONE: 0, DEFAULT_64: 1, FORCE_64: 2 } as const;

/** What the decoder needs of a row. */
export interface CompiledRow {
  readonly index: number;
  readonly mnemonic: Mnemonic;
  readonly operands: readonly OperandSpec[];
  readonly mode: number;
  readonly lock: boolean;
  readonly noRexW: boolean;
  /** The row claims this mandatory prefix (0x66, 0xf3, 0xf2), else 0. */
  readonly prefix: number;
  /** Fixed condition (FCMOVcc), -1 none, -2 the low four bits of the opcode. */
  readonly condition: number;
  /** The r/m field names a register whatever mod says (MOV CR and DR). */
  readonly ignoresMod: boolean;
}

export const CONDITION_IN_OPCODE = -2;
const FCMOV: Readonly<Record<string, number>> = {
  FCMOVB: 2,
  FCMOVE: 4,
  FCMOVBE: 6,
  FCMOVU: 10,
  FCMOVNB: 3,
  FCMOVNE: 5,
  FCMOVNBE: 7,
  FCMOVNU: 11,
};

interface Claim {
  readonly first: number;
  readonly count: number;
  /** First claimed ModRM byte and how many, or -1. */
  readonly modrm: number;
  readonly modrmCount: number;
}

/** Reads `0F 40+cc`, `D8 C0+i`, `0F 01 C1`; opcodes of the two-byte map are 0x100 + byte. */
function parseOpcode(text: string): Claim {
  const parts = text.split(' ');
  const two = parts[0] === '0F';
  const [opcode = '', suffix] = (parts[two ? 1 : 0] ?? '').split('+');
  const [modrm, modrmSuffix] = (parts[two ? 2 : 1] ?? '').split('+');
  return {
    first: parseInt(opcode, 16) + (two ? 0x100 : 0),
    count: suffix === 'r' ? 8 : suffix === 'cc' ? 16 : 1,
    modrm: modrm ? parseInt(modrm, 16) : -1,
    modrmCount: modrmSuffix === 'i' ? 8 : 1,
  };
}

function specialCondition(row: OpcodeRow): number {
  if (row.opcode.endsWith('+cc')) return CONDITION_IN_OPCODE;
  return FCMOV[row.mnemonic] ?? -1;
}

function compileRow(row: OpcodeRow, index: number): CompiledRow {
  const operands = row.operands === '' ? [] : row.operands.split(',').map(operandSpec);
  return {
    index,
    mnemonic: row.mnemonic as Mnemonic,
    operands,
    mode:
      row.mode === 'd64'
        ? ModeAttribute.DEFAULT_64
        : row.mode === 'f64'
          ? ModeAttribute.FORCE_64
          : ModeAttribute.NONE,
    lock: row.lock === true,
    noRexW: row.rexW === false,
    prefix: row.prefix === undefined || row.prefix === 'np' ? 0 : parseInt(row.prefix, 16),
    condition: specialCondition(row),
    ignoresMod: row.operands.includes('Rd,') || row.operands.endsWith(',Rd'),
  };
}

export const ROWS: readonly CompiledRow[] = OPCODES.map(compileRow);

/** Cells of one opcode and prefix: memory forms by digit, then register forms by the low six ModRM bits. */
export const CELLS = 72;
export const PREFIXES = 4;
const COLUMN: Readonly<Record<string, number>> = { np: 0, '66': 1, F3: 2, F2: 3 };

/** `cells[(opcode * 4 + prefix) * 72 + modrm cell]` is a row index or -1. Without ModRM byte only cell 0 is used. */
export interface Lookup {
  readonly cells: Int16Array;
  readonly modrm: Uint8Array;
}

/** Calls `visit` with the runs of cells the row takes of one opcode and prefix. */
function cellRuns(row: OpcodeRow, claim: Claim, visit: (first: number, count: number) => void): void {
  if (claim.modrm >= 0) return visit(claim.modrm - 0xc0 + 8, claim.modrmCount);
  const { digit, mod } = row;
  if (mod !== 'register') visit(digit ?? 0, digit === undefined ? 8 : 1);
  if (mod !== 'memory') visit(8 + (digit ?? 0) * 8, digit === undefined ? 64 : 8);
}

/** Calls `visit` for every run of cells the row names, whether or not a more specific row owns them. */
export function eachRun(row: OpcodeRow, visit: (first: number, count: number) => void): void {
  const claim = parseOpcode(row.opcode);
  const narrowed =
    claim.modrm >= 0 || row.digit !== undefined || row.mod !== undefined || row.prefix !== undefined;
  if (!narrowed) return visit(claim.first * PREFIXES * CELLS, claim.count * PREFIXES * CELLS);
  for (let opcode = claim.first; opcode < claim.first + claim.count; opcode++)
    eachColumn(row, claim, opcode, visit);
}

function eachColumn(
  row: OpcodeRow,
  claim: Claim,
  opcode: number,
  visit: (first: number, count: number) => void,
): void {
  for (let column = 0; column < PREFIXES; column++) {
    if (row.prefix !== undefined && COLUMN[row.prefix] !== column) continue;
    const first = (opcode * PREFIXES + column) * CELLS;
    cellRuns(row, claim, (cell, count) => visit(first + cell, count));
  }
}

/** The more specific of two rows that name one cell wins: with a mandatory prefix, with an exact opcode. Equals collide. */
export function specificity(row: OpcodeRow): number {
  return (row.prefix === undefined ? 0 : 2) + (row.opcode.endsWith('+r') ? 0 : 1);
}

export function validIn(row: OpcodeRow, long: boolean): boolean {
  return long ? row.mode !== 'i64' : row.mode !== 'o64';
}

function needsModrm(row: OpcodeRow, compiled: CompiledRow): boolean {
  return row.digit !== undefined || parseOpcode(row.opcode).modrm >= 0 || compiled.operands.some(usesModrm);
}

/** Which opcodes of the mode take a ModRM byte: 1 for each. */
function modrmOpcodes(rows: readonly CompiledRow[]): Uint8Array {
  const modrm = new Uint8Array(512);
  for (const compiled of rows) {
    const row = OPCODES[compiled.index]!;
    const claim = parseOpcode(row.opcode);
    if (needsModrm(row, compiled)) modrm.fill(1, claim.first, claim.first + claim.count);
  }
  return modrm;
}

/** Less specific rows are entered first, so that the others overwrite them. */
export function buildLookup(long: boolean): Lookup {
  const cells = new Int16Array(512 * PREFIXES * CELLS).fill(-1);
  const rows = ROWS.filter((row) => validIn(OPCODES[row.index]!, long));
  for (let rank = 0; rank < 4; rank++) {
    for (const { index } of rows) {
      const row: OpcodeRow = OPCODES[index]!;
      if (specificity(row) === rank) eachRun(row, (first, count) => cells.fill(index, first, first + count));
    }
  }
  return { cells, modrm: modrmOpcodes(rows) };
}
