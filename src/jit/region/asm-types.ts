/** Types of expressions of asm.js (working draft, section 2), and how one is written where another is wanted. */
import type { Expression } from 'estree';

export class NotInSubset extends Error {}

export function refuse(what: string): never {
  throw new NotInSubset(`${what} is not in the subset`);
}

/** `INT` is an int32 or uint32 of unknown sign, `INTISH` may exceed 32 bits before the coercion that has to follow; `FLOAT` a double that is a single. */
export const Type = { FIXNUM: 0, SIGNED: 1, UNSIGNED: 2, INT: 3, INTISH: 4, DOUBLE: 5, FLOAT: 6 } as const;
export type Type = (typeof Type)[keyof typeof Type];
/** What a variable holds: one of INT, DOUBLE, FLOAT. */
export type Kind = 3 | 5 | 6;

export const INITIAL: Readonly<Record<Kind, string>> = {
  [Type.INT]: '0',
  [Type.DOUBLE]: '0.0',
  [Type.FLOAT]: 'fround(0)',
};

const LITERAL = /^-?\d+$/;

/** With a point, which makes it one. */
export function doubleLiteral(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text.replace(/^(\d+)e/, '$1.0e') : `${text}.0`;
}
export function signedForm(text: string, type: Type): string {
  if (type > Type.INT || type === Type.UNSIGNED) refuse('a value that need not be an int32');
  return type === Type.INT ? `(${text} | 0)` : text;
}
function unsignedForm(text: string, type: Type): string {
  if (type !== Type.UNSIGNED && type !== Type.FIXNUM) refuse('a comparison of signed with unsigned');
  return text;
}
export function doubleForm(text: string, type: Type): string {
  if (type === Type.DOUBLE) return text;
  if (type === Type.INTISH) refuse('a sum without a coercion');
  if (type === Type.FLOAT) return `(+${text})`;
  if (LITERAL.test(text)) return `(${text}.0)`;
  return type === Type.UNSIGNED ? `(+(${text} >>> 0))` : `(+(${text} | 0))`;
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
  if (type === Type.FLOAT) return text;
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
  if (typeA === Type.FLOAT || typeB === Type.FLOAT) {
    const x = floatForm(left, a, typeA);
    const y = floatForm(right, b, typeB);
    if (x !== undefined && y !== undefined) return [Type.FLOAT, [x, y]];
  }
  if (typeA >= Type.DOUBLE || typeB >= Type.DOUBLE)
    return [Type.DOUBLE, [doubleForm(a, typeA), doubleForm(b, typeB)]];
  const unsigned = typeA === Type.UNSIGNED || typeB === Type.UNSIGNED;
  const form = unsigned ? unsignedForm : signedForm;
  return [unsigned ? Type.UNSIGNED : Type.SIGNED, [form(a, typeA), form(b, typeB)]];
}
