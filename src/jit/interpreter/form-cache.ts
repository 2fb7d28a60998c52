/** Finds an instruction's form without spelling its key, which takes longer than decoding it. */
import type { Instruction } from '../../decoder/instruction.js';
import type { ModeView } from '../builder.js';
import { FORM_NUMBERS } from './generated.js';
import { formKey } from './forms.js';

/** By row of the opcode table, then by what else the key depends on; -1 where there is no form. */
type Forms = (Map<number, number> | undefined)[];
const byMode = new WeakMap<ModeView, Forms>();

/** The form's number, or undefined when there is none. */
export function formOf(i: Instruction, mode: ModeView): number | undefined {
  let forms = byMode.get(mode);
  if (forms === undefined) byMode.set(mode, (forms = []));
  const known = (forms[i.row] ??= new Map<number, number>());
  const traits = traitsOf(i, mode);
  let form = known.get(traits);
  if (form === undefined) {
    const key = formKey(i, mode);
    form = (key === undefined ? undefined : FORM_NUMBERS.get(key)) ?? -1;
    known.set(traits, form);
  }
  return form < 0 ? undefined : form;
}

/** What `formKey` looks at besides the row and the mode, in 29 bits. */
function traitsOf(i: Instruction, mode: ModeView): number {
  const { operands } = i;
  let traits =
    (i.operandSize >> 5) |
    ((i.addressSize >> 5) << 2) |
    ((i.condition + 1) << 4) |
    ((i.rep & 3) << 9) |
    (i.segment << 11);
  let segment = i.segment;
  for (let n = 0; n < operands.length; n++) {
    const operand = operands[n]!;
    switch (operand.kind) {
      case 'memory':
        segment = operand.segment;
        traits |= (n + 1) << 14;
        if (operand.base === 4) traits |= 1 << 17;
        break;
      case 'register':
        if (n >= 2) traits |= (operand.index + 1) << 18;
        break;
      case 'segment':
      case 'control':
      case 'debug':
        traits |= (operand.index + 1) << 23;
    }
  }
  return mode.flat(segment) ? traits | (1 << 28) : traits;
}
