/** Removes values that nothing uses, as those that were made for flags which nobody sees. Accesses and calls stay, whatever becomes of their results. */
import type { Semantic, Statement, Value } from '../ir.js';

function isNode(part: unknown): part is Value | Statement {
  return part !== null && typeof part === 'object' && 'op' in part;
}
/** Adds the temps that a value or statement reads. */
function addUses(node: Value | Statement, used: Set<number>): void {
  if (node.op === 'temp') used.add(node.id);
  if (node.op === 'store' && node.of >= 0) used.add(node.of);
  for (const part of Object.values(node) as unknown[]) {
    if (isNode(part)) addUses(part, used);
    else if (Array.isArray(part)) for (const item of part) if (isNode(item)) addUses(item, used);
  }
}

export function removeDeadValues(semantic: Semantic): Semantic {
  const { statements } = semantic;
  const used = new Set<number>();
  const kept: Statement[] = [];
  for (let i = statements.length - 1; i >= 0; i--) {
    const s = statements[i]!;
    if (s.op === 'let' && !used.has(s.id)) continue;
    addUses(s, used);
    kept.push(s);
  }
  return kept.length === statements.length ? semantic : { ...semantic, statements: kept.reverse() };
}
