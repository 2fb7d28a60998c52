/** All semantics by mnemonic: a row in the opcode table without an entry here, or the reverse, does not compile. */
import { OPCODES, type Mnemonic, type OpcodeRow } from '../../decoder/opcodes.js';
import type { Instruction } from '../../decoder/instruction.js';
import { Vector } from '../../runtime/fault.js';
import { R_CPL } from '../../runtime/state.js';
import { Builder, type ModeView, type OperandStyle } from '../builder.js';
import type { Semantic } from '../ir.js';
import { ARITHMETIC } from './arithmetic.js';
import { BITS } from './bits.js';
import { CONTROL } from './control.js';
import { DATA } from './data.js';
import { FLOATING } from './floating.js';
import { STRINGS } from './strings.js';
import { SYSTEM } from './system.js';

export type Semantics = (b: Builder) => void;

export const SEMANTICS: Record<Mnemonic, Semantics> = {
  ...ARITHMETIC,
  ...BITS,
  ...CONTROL,
  ...DATA,
  ...FLOATING,
  ...STRINGS,
  ...SYSTEM,
};

/** #UD outside protected mode goes before privilege; SYSEXIT is #GP there. */
const NOT_IN_REAL_MODE = new Set<Mnemonic>(['LLDT', 'LTR']);

/** By row of the opcode table: its semantics, and whether CPL must be 0. RSM outside system management mode is no instruction at any privilege (SDM vol. 2, RSM). */
const BY_ROW: readonly Semantics[] = OPCODES.map((row) => SEMANTICS[row.mnemonic]);
const PRIVILEGED = Uint8Array.from(OPCODES, (row: OpcodeRow) =>
  row.privilege === 'cpl0' && row.mnemonic !== 'RSM' ? 1 : 0,
);

/** Whether the last four bytes are an immediate operand of 32 bits. */
export function hasWordImmediate({ row, operandSize, operands }: Instruction): boolean {
  const notation = (OPCODES[row] as OpcodeRow).operands ?? '';
  return operandSize === 32 && /(^|,)I[zv]$/.test(notation) && operands.at(-1)?.kind === 'immediate';
}

/** The IR of an instruction; `immediateAt`: machine address of an immediate operand that the guest changes. Mode and privilege come before every operand access, as hardware does it. */
export function semanticOf(
  instruction: Instruction,
  mode: ModeView,
  style: OperandStyle = 'concrete',
  immediateAt = -1,
): Semantic {
  const b = new Builder(instruction, mode, style, immediateAt);
  if (PRIVILEGED[instruction.row] === 1) {
    if (NOT_IN_REAL_MODE.has(instruction.mnemonic)) b.helper('requireProtected');
    b.when(b.binary('ne', b.state(R_CPL), b.constant(32, 0)), () => b.fault(Vector.GP));
  }
  BY_ROW[instruction.row]!(b);
  return b.finish();
}
