/** Which conditions and choices of generated code are worth computing without a branch: those whose parts cost less than a branch that the host predicts wrongly. */
import type { Expression, LogicalExpression } from 'estree';
import type { Operator } from './asm-levels.js';

/** Operators of comparisons, and how the ahead-of-time subset writes them. */
export const COMPARISONS: ReadonlyMap<string, Operator> = new Map([
  ['<', '<'],
  ['<=', '<='],
  ['>', '>'],
  ['>=', '>='],
  ['===', '=='],
  ['!==', '!='],
]);

/** Gives true or false, which are 1 and 0 in the ahead-of-time subset. */
export function isBoolean(e: Expression): boolean {
  switch (e.type) {
    case 'Literal':
      return typeof e.value === 'boolean';
    case 'UnaryExpression':
      return e.operator === '!';
    case 'BinaryExpression':
      return COMPARISONS.has(e.operator);
    case 'LogicalExpression':
      return e.operator !== '??' && isBoolean(e.left) && isBoolean(e.right);
    case 'ConditionalExpression':
      return isBoolean(e.consequent) && isBoolean(e.alternate);
    default:
      return false;
  }
}

/** A literal or a variable. */
export const isAtom = (e: Expression): boolean =>
  e.type === 'Identifier' ||
  e.type === 'Literal' ||
  (e.type === 'UnaryExpression' && e.operator === '-' && e.argument.type === 'Literal');

/** Operators on variables and literals, at most `most` of them. */
const isCheap = (e: Expression, most: number): boolean => operators(e) <= most;

function operators(e: Expression): number {
  if (isAtom(e)) return 0;
  switch (e.type) {
    case 'UnaryExpression':
      return 1 + operators(e.argument);
    case 'BinaryExpression':
      if (e.operator === '/' || e.operator === '*') return Infinity;
      return 1 + operators(e.left as Expression) + operators(e.right);
    case 'LogicalExpression':
      return 1 + operators(e.left) + operators(e.right);
    default:
      return Infinity;
  }
}

/** Operators that a right-hand side may have and be computed although the left decides. */
const SPARE = 10;

/** Both sides may be computed and joined by `&` or `|`. */
export const joinsBoth = ({ left, right }: LogicalExpression): boolean =>
  isBoolean(left) && isBoolean(right) && isCheap(right, SPARE);

/** Source of a choice between two ints by a comparison; of 1 and 0 it is the comparison itself. */
export function masked(truth: string, a: string, b: string): string {
  if (b !== '0') return `((${a} ^ ${b}) & -(${truth} | 0) ^ ${b})`;
  return a === '1' ? truth : `(-(${truth} | 0) & ${a})`;
}
