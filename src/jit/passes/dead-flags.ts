/** Removes flag settings that the next setter overwrites before anything can see them. Faults and exits see the flags as before their instruction. */
import type { Semantic, Statement, Value } from '../ir.js';
import { removeDeadValues, withStatements } from './dead-values.js';

function readsFlags(v: Value): boolean {
  switch (v.op) {
    case 'condition':
    case 'carry':
    case 'statusFlags':
      return true;
    case 'const':
    case 'immediate':
    case 'code':
    case 'gpr':
    case 'temp':
    case 'state':
    case 'eip':
    case 'target':
    case 'slotAddress':
    case 'slotSegment':
      return false;
    case 'not':
    case 'neg':
    case 'clz':
    case 'isZero':
    case 'zeroExtend':
    case 'signExtend':
    case 'truncate':
      return readsFlags(v.value);
    case 'select':
      return readsFlags(v.condition) || readsFlags(v.then) || readsFlags(v.else);
    case 'divideLong':
      return readsFlags(v.high) || readsFlags(v.low) || readsFlags(v.divisor);
    default:
      return readsFlags(v.left) || readsFlags(v.right);
  }
}

/** Whether the flags before the statement can be seen by it: what may leave shows them to whoever comes next. */
function sees(s: Statement): boolean {
  switch (s.op) {
    case 'let':
    case 'setGpr':
    case 'setState':
      return readsFlags(s.value);
    case 'setFlags':
      return readsFlags(s.a) || readsFlags(s.b) || readsFlags(s.result);
    case 'when':
      return readsFlags(s.condition) || anySees(s.then) || anySees(s.else);
    default:
      return true;
  }
}
function anySees(list: readonly Statement[]): boolean {
  for (let i = 0; i < list.length; i++) if (sees(list[i]!)) return true;
  return false;
}
function overwrites(list: readonly Statement[]): boolean {
  for (let i = 0; i < list.length; i++) if (list[i]!.op === 'setFlags') return true;
  return false;
}

/** Less its flags, and what was computed for them: an INC then reads no carry. */
const withoutFlags = (semantic: Semantic): Semantic =>
  semantic.statements.some((s) => s.op === 'setFlags' || s.op === 'patchFlags' || s.op === 'when')
    ? removeDeadValues(withStatements(semantic, lessFlags(semantic.statements)))
    : removeDeadValues(semantic);
function lessFlags(list: readonly Statement[]): Statement[] {
  const out: Statement[] = [];
  for (const s of list) {
    if (s.op === 'setFlags' || s.op === 'patchFlags') continue;
    if (s.op !== 'when') out.push(s);
    else {
      const { op, condition, rare } = s;
      const [then, otherwise] = [lessFlags(s.then), lessFlags(s.else)];
      if (![...then, ...otherwise].every((inner) => inner.op === 'let'))
        out.push({ op, condition, then, else: otherwise, rare });
    }
  }
  return out;
}

/** `block`: the IR of consecutive instructions. The flags are live at its end. */
export function removeDeadFlags(block: readonly Semantic[]): Semantic[] {
  const out = block.slice();
  let live = true;
  for (let i = block.length - 1; i >= 0; i--) {
    const semantic = block[i]!;
    const kept: Semantic = live ? semantic : withoutFlags(semantic);
    out[i] = kept;
    live = anySees(kept.statements) || (live && !overwrites(semantic.statements));
  }
  return out;
}
