/**
 * Interpreter forms: a form is a mnemonic with its operand kinds and sizes; the operands themselves are slot fields. The key is text, so that the generated
 * table and the predecoder agree without numbering by hand.
 */
import type { Instruction, Operand } from '../../decoder/instruction.js';
import { packOperands } from '../pack-operands.js';
import { checksTargets, type ModeView } from '../builder.js';
import { FORM_NEXT } from '../../runtime/code-cache.js';
import { R_SEGMENT_BASE, R_ZERO } from '../../runtime/state.js';

/** Forms that the generator does not write. */
export const SpecialForm = {
  /** Slot of a page offset that was never decoded. */
  NONE: 0,
  /** Entry of a translated region. */
  REGION: 1,
  /** Goes on at the slot in word 1: joins a chain that was decoded before. */
  GOTO: 2,
  /** The chain's limit or the page's end: go on at the offset in word 2 through the dispatcher. */
  NEXT: FORM_NEXT,
  /** Runs the concrete IR in the evaluator. */
  EVALUATE: 4,
  /** The instruction crosses the page's end, or is too long: decoded each time. */
  CROSS: 5,
} as const;
export const FIRST_GENERATED_FORM = 8;

/** Chains are cut so that the budget check at their ends suffices. */
export const CHAIN_LIMIT = 64;
/** Budget below which instructions are stepped one by one: no chain is longer. */
export const NEAR = CHAIN_LIMIT + 32;
/** Budget from which on it tells of code that it is run: more than any region asks for, which is left where the budget is less. */
export const ENOUGH = 512;

/** How the hot switch ended. */
export const RunEnd = {
  /** At r[R_EIP], which is the dispatcher's. */
  DISPATCH: 0,
  /** The same, and what begins there has become hot. */
  HOT: 1,
  /** At slot r[R_SLOT], which its handler has to run. */
  HANDLER: 2,
} as const;

function operandKey(operand: Operand, n: number): string {
  switch (operand.kind) {
    case 'register':
      return n < 2 ? `r${operand.width}` : `r${operand.width}=${operand.index}`;
    case 'memory':
      return `m${operand.width}`;
    case 'immediate':
      return 'i';
    case 'relative':
      return 'rel';
    case 'far':
      return 'far';
    case 'segment':
    case 'control':
    case 'debug':
      return `${operand.kind}${operand.index}`;
    default:
      return operand.kind;
  }
}

/** Whether IR in slot style can express the instruction; the rest is evaluated. */
function isExpressible(i: Instruction): boolean {
  let memories = 0;
  for (const operand of i.operands) {
    if (operand.kind === 'far') return false;
    if (operand.kind === 'memory') {
      memories++;
      if (operand.addressSize === 64) return false;
      if (i.mnemonic === 'POP' && operand.base === 4) return false;
      if (i.mnemonic.startsWith('BT') && operand.addressSize === 16) return false;
    }
  }
  if (i.mnemonic === 'ENTER') return false;
  return memories <= 1 || STRINGS.has(i.mnemonic);
}
const STRINGS = new Set(['MOVS', 'CMPS', 'STOS', 'LODS', 'SCAS', 'INS', 'OUTS', 'XLAT']);
const USES_ADDRESS_SIZE = new Set([...STRINGS, 'LOOP', 'LOOPE', 'LOOPNE', 'JCXZ', 'MASKMOVQ', 'MASKMOVDQU']);
const USES_STACK = new Set('PUSH POP PUSHSEG POPSEG PUSHF POPF CALL RET LEAVE'.split(' '));

const BRANCHES = new Set('JMP CALL RET JCC LOOP LOOPE LOOPNE JCXZ'.split(' '));
/** Checks that the generated forms leave out: of branch targets against CS, of the alignment of wide operands. */
const needsMoreChecks = (i: Instruction, mode: ModeView): boolean =>
  (BRANCHES.has(i.mnemonic) && checksTargets(mode, i.operandSize)) ||
  (mode.aligned === true && i.operands.some((o) => o.kind === 'memory' && o.width > 32));

/** The form key, or undefined when there is no such form. */
export function formKey(i: Instruction, mode: ModeView): string | undefined {
  if (!isExpressible(i) || needsMoreChecks(i, mode)) return undefined;
  let key = `${i.mnemonic}/${i.operandSize}`;
  if (i.condition >= 0) key += `/c${i.condition}`;
  i.operands.forEach((operand, n) => (key += ` ${operandKey(operand, n)}`));
  const memory = i.operands.find((o) => o.kind === 'memory');
  if (STRINGS.has(i.mnemonic)) {
    key += ` a${i.addressSize} s${i.segment}${mode.flat(i.segment) ? 'f' : ''} x${i.rep.toString(16)}`;
  } else if (memory && memory.kind === 'memory') {
    key += ` a${memory.addressSize}${mode.flat(memory.segment) ? 'f' : 's'}`;
  } else if (USES_ADDRESS_SIZE.has(i.mnemonic))
    key += ` a${i.addressSize}${mode.flat(i.segment) ? 'f' : `s${i.segment}`}`;
  // Without a form: rare.
  if (mode.vm86 === true && i.mnemonic === 'PUSHF') return undefined;
  if (USES_STACK.has(i.mnemonic)) key += ` ss${mode.stackSize}${mode.flat(2) ? 'f' : 's'}`;
  return key;
}

export interface SlotFields {
  a: number;
  b: number;
  base: number;
  index: number;
  scale: number;
  word1: number;
  word2: number;
  segmentRegister: number;
}

/** GPR number; for 8-bit registers the byte index into the register file. */
function registerField(operand: Operand): number {
  if (operand.kind !== 'register') return 0;
  if (operand.width !== 8) return operand.index;
  return operand.high ? (operand.index - 4) * 4 + 1 : operand.index * 4;
}

/** The slot's fields; direct branches keep their displacement in word 2 for the predecoder to rebase. */
export function slotFields(i: Instruction): SlotFields {
  const fields: SlotFields = {
    a: 0,
    b: 0,
    base: R_ZERO,
    index: R_ZERO,
    scale: 0,
    word1: 0,
    word2: 0,
    segmentRegister: R_SEGMENT_BASE + i.segment,
  };
  i.operands.forEach((operand, n) => {
    if (operand.kind === 'register' && n === 0) fields.a = registerField(operand);
    else if (operand.kind === 'register' && n === 1) fields.b = registerField(operand);
    else if (operand.kind === 'immediate') fields.word1 = operand.value;
    else if (operand.kind === 'relative') fields.word2 = operand.value;
    else if (operand.kind === 'memory') {
      if (operand.base >= 0) fields.base = operand.base;
      if (operand.index >= 0) fields.index = operand.index;
      fields.scale = operand.scale;
      fields.word2 = operand.displacement;
      fields.segmentRegister = R_SEGMENT_BASE + operand.segment;
    }
  });
  if (usesPackedOperands(i)) fields.word1 = packOperands(i);
  return fields;
}

const FILES = new Set(['st', 'mm', 'xmm']);
/** x87, MMX and SSE instructions take their operands packed in word 1. */
function usesPackedOperands(i: Instruction): boolean {
  return i.mnemonic.startsWith('F') || FPU_NAMES.has(i.mnemonic) || i.operands.some((o) => FILES.has(o.kind));
}
const FPU_NAMES = new Set('EMMS LDMXCSR STMXCSR CVTSS2SI CVTTSS2SI CVTSD2SI CVTTSD2SI'.split(' '));
