/** Semantics: string instructions; one helper each, which iterates as far as budget, faults and pending events allow (SDM vol. 1, 7.3.9). */
import { ES, FS, GS, type SegmentIndex } from '../../decoder/instruction.js';
import type { Builder } from '../builder.js';

/** Those that translated code may do by runtime/helpers/string-runs.ts. */
const RUNS = new Set(['movs', 'stos', 'scas', 'cmps']);
const isUnsegmented = (b: Builder, segment: SegmentIndex): boolean =>
  segment !== FS && segment !== GS && b.mode.flat(segment);

/** `widthOf` names the operand that has the element width; `source`: the instruction reads through DS or its override. */
function stringInstruction(helper: string, widthOf: number, source: boolean) {
  return (b: Builder): void => {
    const { addressSize, segment, rep } = b.instruction;
    const args = source
      ? [b.width(widthOf), addressSize, segment, rep]
      : [b.width(widthOf), addressSize, rep];
    const whole = (): void => {
      const unfinished = b.helperValue(helper, ...args.map((a) => b.constant(32, a)));
      if (rep !== 0) b.repeatWhile(unfinished);
    };
    const isPlain =
      rep !== 0 && addressSize === 32 && isUnsegmented(b, ES) && (!source || isUnsegmented(b, segment));
    if (isPlain && RUNS.has(helper)) b.quick(-1, whole);
    else whole();
  };
}

export const STRINGS = {
  MOVS: stringInstruction('movs', 0, true),
  CMPS: stringInstruction('cmps', 0, true),
  STOS: stringInstruction('stos', 0, false),
  LODS: stringInstruction('lods', 0, true),
  SCAS: stringInstruction('scas', 1, false),
  INS: stringInstruction('ins', 0, false),
  OUTS: stringInstruction('outs', 1, true),
} as const;
