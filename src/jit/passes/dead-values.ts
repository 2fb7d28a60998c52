/** Removes values that nothing uses, as those that were made for flags which nobody sees. Accesses and calls stay, whatever becomes of their results. */
import type { Semantic, Statement, Value } from '../ir.js';

/** By temp: whether it is read. */
type Used = boolean[];

function addValue(v: Value, used: Used): void {
  switch (v.op) {
    case 'temp':
      used[v.id] = true;
      return;
    case 'const':
    case 'immediate':
    case 'code':
    case 'gpr':
    case 'state':
    case 'eip':
    case 'target':
    case 'slotAddress':
    case 'slotSegment':
    case 'condition':
    case 'carry':
    case 'statusFlags':
      return;
    case 'not':
    case 'neg':
    case 'clz':
    case 'isZero':
    case 'zeroExtend':
    case 'signExtend':
    case 'truncate':
      return addValue(v.value, used);
    case 'select':
      addValue(v.condition, used);
      addValue(v.then, used);
      return addValue(v.else, used);
    case 'divideLong':
      addValue(v.high, used);
      addValue(v.low, used);
      return addValue(v.divisor, used);
    default:
      addValue(v.left, used);
      addValue(v.right, used);
  }
}

/** Adds the temps that a statement reads. */
function addUses(s: Statement, used: Used): void {
  switch (s.op) {
    case 'let':
    case 'setGpr':
    case 'setState':
      return addValue(s.value, used);
    case 'load':
      return addValue(s.address, used);
    case 'store':
      addValue(s.address, used);
      addValue(s.value, used);
      if (s.of >= 0) used[s.of] = true;
      return;
    case 'setFlags':
      addValue(s.a, used);
      addValue(s.b, used);
      return addValue(s.result, used);
    case 'patchFlags':
      return addValue(s.bits, used);
    case 'when':
      addValue(s.condition, used);
      addAll(s.then, used);
      return addAll(s.else, used);
    case 'fault':
      return;
    case 'helper':
      for (const arg of s.args) addValue(arg, used);
      return;
    case 'quick':
      if (s.address !== undefined) addValue(s.address, used);
      return addAll(s.slow, used);
    case 'segment':
      addValue(s.segment, used);
      return addValue(s.offset, used);
    case 'jump':
      addValue(s.to, used);
      if (s.condition !== undefined) addValue(s.condition, used);
      return;
    case 'repeat':
      addValue(s.condition, used);
  }
}
function addAll(list: readonly Statement[], used: Used): void {
  for (let i = 0; i < list.length; i++) addUses(list[i]!, used);
}

export function removeDeadValues(semantic: Semantic): Semantic {
  const { statements } = semantic;
  const used: Used = [];
  let dead = 0;
  const kept: Statement[] = [];
  for (let i = statements.length - 1; i >= 0; i--) {
    const s = statements[i]!;
    if (s.op === 'let' && used[s.id] !== true) {
      dead++;
      continue;
    }
    addUses(s, used);
    kept.push(s);
  }
  return dead === 0 ? semantic : withStatements(semantic, kept.reverse());
}

/** The same otherwise. */
export const withStatements = (semantic: Semantic, statements: readonly Statement[]): Semantic => ({
  statements,
  temps: semantic.temps,
  hasHelper: semantic.hasHelper,
  endsBlock: semantic.endsBlock,
});
