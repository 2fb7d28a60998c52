/** Instructions where a region has them, and what its graph asks of each: where control goes from it, whether it is left out, what it weighs. */
import type { Instruction } from '../../decoder/instruction.js';
import { OPCODES, type OpcodeRow } from '../../decoder/opcodes.js';

/** An instruction at an offset relative to the entry's page (negative or above 4095 on neighbour pages). */
export interface Placed {
  readonly offset: number;
  readonly instruction: Instruction;
  /** The offset plus CONTEXT times the number of the inlined call that the instruction belongs to, 0 for none. */
  readonly key: number;
}
/** Apart from any offset, so that each inlined call has its own copies of the callee's instructions. */
export const CONTEXT = 2 ** 33;

const CONDITIONAL = new Set(['JCC', 'LOOP', 'LOOPE', 'LOOPNE', 'JCXZ']);
/** Left to the interpreter: they are rare, or change what translated code assumes without a word in r[R_PENDING]. */
const LEFT_OUT = new Set(
  (
    'INT1 INTO HLT LSS LES LDS LFS LGS MOVCR MOVDR LMSW LGDT LIDT LLDT LTR INVD WBINVD ' +
    'UD0 UD1 UD2 INS OUTS FNSAVE FRSTOR FXSAVE FXRSTOR FLDENV FNSTENV'
  ).split(' '),
);
/** Their helpers leave the region for where they set r[R_EIP]. */
const TRANSFERS = new Set('JMPF CALLF RETF IRET INT INT3 SYSENTER SYSEXIT'.split(' '));
/** By row of the opcode table. */
const Trait = { CONDITIONAL: 1, LEFT_OUT: 2, TRANSFER: 4, ENDS: 8 } as const;
const TRAITS = Uint8Array.from(OPCODES, ({ mnemonic }: OpcodeRow) => {
  const conditional = CONDITIONAL.has(mnemonic) ? Trait.CONDITIONAL | Trait.ENDS : 0;
  const transfer = TRANSFERS.has(mnemonic) ? Trait.TRANSFER | Trait.ENDS : 0;
  const ends = ['CALL', 'RET', 'JMP'].includes(mnemonic) ? Trait.ENDS : 0;
  return conditional | transfer | ends | (LEFT_OUT.has(mnemonic) ? Trait.LEFT_OUT : 0);
});
/** Reading control registers is harmless; loads of CR2 and CR3 say what they change. */
export const isLeftOut = (i: Instruction): boolean =>
  (TRAITS[i.row]! & Trait.LEFT_OUT) !== 0 && !(i.mnemonic === 'MOVCR' && changesNoMode(i));
/** Control does not simply go on behind it. */
export const isWayOut = (i: Instruction): boolean => (TRAITS[i.row]! & Trait.TRANSFER) !== 0 || isLeftOut(i);
function changesNoMode(i: Instruction): boolean {
  const to = i.operands[0]!;
  return to.kind !== 'control' || to.index === 2 || to.index === 3;
}

export const isConditional = (i: Instruction): boolean => (TRAITS[i.row]! & Trait.CONDITIONAL) !== 0;
export const isDirect = (i: Instruction): boolean => i.operands[0]?.kind === 'relative';
/** Offset of a direct branch's target before truncation to the operand size. */
export function targetOf(p: Placed): number {
  const operand = p.instruction.operands[0]!;
  return p.offset + p.instruction.length + (operand.kind === 'relative' ? operand.value : 0);
}
/** Emitted code of an instruction against that of an ordinary one: regions are limited by what the host's compiler takes. */
export function weightOf(i: Instruction): number {
  if (!hasVectorOperand(i)) return i.mnemonic.startsWith('F') ? 2 : 1;
  if (i.mnemonic.startsWith('MOV') || i.mnemonic.endsWith('SD') || i.mnemonic.endsWith('SS')) return 2;
  return i.mnemonic.endsWith('PS') || i.mnemonic.endsWith('B') || i.mnemonic.endsWith('W') ? 6 : 3;
}
function hasVectorOperand({ operands }: Instruction): boolean {
  for (let n = 0; n < operands.length; n++) if (operands[n]!.kind === 'xmm') return true;
  return false;
}
export const after = (p: Placed): number => p.offset + p.instruction.length;
export const keyAfter = (p: Placed): number => p.key + p.instruction.length;
export const contextOf = (p: Placed): number => p.key - p.offset;

export const endsBlock = (i: Instruction): boolean => (TRAITS[i.row]! & Trait.ENDS) !== 0 || isLeftOut(i);
