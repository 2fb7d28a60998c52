/** Removes flag settings that the next setter overwrites before anything can see them. Faults and exits see the flags as before their instruction. */
import type { Semantic, Statement, Value } from '../ir.js';
import { removeDeadValues } from './dead-values.js';

const READS = new Set(['condition', 'carry', 'statusFlags']);
const CHANGES = new Set(['setFlags', 'patchFlags']);
const MAY_LEAVE = new Set(['load', 'store', 'segment', 'fault', 'helper', 'quick', 'jump', 'repeat']);

function valueReadsFlags(v: Value): boolean {
  if (READS.has(v.op)) return true;
  for (const part of Object.values(v)) {
    if (part !== null && typeof part === 'object' && 'op' in part && valueReadsFlags(part as Value))
      return true;
  }
  return false;
}
const nested = (s: Statement): readonly Statement[] => (s.op === 'when' ? [...s.then, ...s.else] : []);

/** Whether the flags before the statement can be seen by it. */
function sees(s: Statement): boolean {
  if (MAY_LEAVE.has(s.op) || s.op === 'patchFlags') return true;
  if (s.op === 'when') return valueReadsFlags(s.condition) || nested(s).some(sees);
  for (const part of Object.values(s)) {
    if (part !== null && typeof part === 'object' && 'op' in part && valueReadsFlags(part as Value))
      return true;
  }
  return false;
}
const overwrites = (semantic: Semantic): boolean => semantic.statements.some((s) => s.op === 'setFlags');

/** Less its flags, and what was computed for them: an INC then reads no carry. */
function withoutFlags(semantic: Semantic): Semantic {
  return removeDeadValues({ ...semantic, statements: lessFlags(semantic.statements) });
}
function lessFlags(list: readonly Statement[]): Statement[] {
  return list
    .filter((s) => !CHANGES.has(s.op))
    .map((s) => (s.op === 'when' ? { ...s, then: lessFlags(s.then), else: lessFlags(s.else) } : s))
    .filter((s) => s.op !== 'when' || !nested(s).every((inner) => inner.op === 'let'));
}

/** `block`: the IR of consecutive instructions. The flags are live at its end. */
export function removeDeadFlags(block: readonly Semantic[]): Semantic[] {
  const out: Semantic[] = [];
  let live = true;
  for (let i = block.length - 1; i >= 0; i--) {
    const semantic = block[i]!;
    const kept: Semantic = live ? semantic : withoutFlags(semantic);
    live = kept.statements.some(sees) || (live && !overwrites(semantic));
    out.unshift(kept);
  }
  return out;
}
