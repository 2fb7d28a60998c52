/** Types of expressions of asm.js (working draft, section 2), and how one is written where another is wanted. */
import type { Expression } from 'estree';

export class NotInSubset extends Error {}

export function refuse(what: string): never {
  throw new NotInSubset(`${what} is not in the subset`);
}

/** `INT` is an int32 or uint32 of unknown sign, `INTISH` may exceed 32 bits before the coercion that has to follow; `FLOAT` a double that is a single. */
export const FIXNUM = 0,
  SIGNED = 1,
  UNSIGNED = 2,
  INT = 3,
  INTISH = 4,
  DOUBLE = 5,
  FLOAT = 6;
export type Type = 0 | 1 | 2 | 3 | 4 | 5 | 6;
/** What a variable holds: one of INT, DOUBLE, FLOAT. */
export type Kind = 3 | 5 | 6;

export const INITIAL: Readonly<Record<Kind, string>> = {
  [INT]: '0',
  [DOUBLE]: '0.0',
  [FLOAT]: 'fround(0)',
};

const LITERAL = /^-?\d+$/;

/** With a point, which makes it one. */
export function doubleLiteral(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text.replace(/^(\d+)e/, '$1.0e') : `${text}.0`;
}
export function signedForm(text: string, type: Type): string {
  if (type > INT || type === UNSIGNED) refuse('a value that need not be an int32');
  return type === INT ? `(${text} | 0)` : text;
}
function unsignedForm(text: string, type: Type): string {
  if (type !== UNSIGNED && type !== FIXNUM) refuse('a comparison of signed with unsigned');
  return text;
}
export function doubleForm(text: string, type: Type): string {
  if (type === DOUBLE) return text;
  if (type === INTISH) refuse('a sum without a coercion');
  if (type === FLOAT) return `(+${text})`;
  if (LITERAL.test(text)) return `(${text}.0)`;
  return type === UNSIGNED ? `(+(${text} >>> 0))` : `(+(${text} | 0))`;
}

/** Of a negative int32. */
export const isMagnitude = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) <= 0x80000000;

/** The number that an expression spells out. */
export function constantOf(e: Expression): number | undefined {
  if (e.type === 'Literal') return typeof e.value === 'number' ? e.value : undefined;
  if (e.type !== 'UnaryExpression' || e.operator !== '-') return undefined;
  const magnitude = constantOf(e.argument);
  return magnitude === undefined ? undefined : -magnitude;
}
/** Singles as they are, and numbers spelled out that are singles. */
export function floatForm(e: Expression, text: string, type: Type): string | undefined {
  if (type === FLOAT) return text;
  const value = constantOf(e);
  if (value === undefined || Math.fround(value) !== value) return undefined;
  return `fround(${value < 0 ? '-' : ''}${doubleLiteral(Math.abs(value))})`;
}

/** The type that two values have in common, and both as that. A variable counts as signed. */
export function commonForm(
  left: Expression,
  a: string,
  typeA: Type,
  right: Expression,
  b: string,
  typeB: Type,
): [Type, readonly [string, string]] {
  if (typeA === FLOAT || typeB === FLOAT) {
    const x = floatForm(left, a, typeA);
    const y = floatForm(right, b, typeB);
    if (x !== undefined && y !== undefined) return [FLOAT, [x, y]];
  }
  if (typeA >= DOUBLE || typeB >= DOUBLE) return [DOUBLE, [doubleForm(a, typeA), doubleForm(b, typeB)]];
  const unsigned = typeA === UNSIGNED || typeB === UNSIGNED;
  const form = unsigned ? unsignedForm : signedForm;
  return [unsigned ? UNSIGNED : SIGNED, [form(a, typeA), form(b, typeB)]];
}
