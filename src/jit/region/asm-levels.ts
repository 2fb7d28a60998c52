/** How tightly operators bind: parentheses are written where they are needed, for reading them costs the host more than what is between them. */

export const ANY = 0;
export const OR = 1;
export const XOR = 2;
export const AND = 3;
export const EQUAL = 4;
export const COMPARE = 5;
export const SHIFT = 6;
export const SUM = 7;
export const PRODUCT = 8;
/** Names, numbers, elements, calls and what is in parentheses. */
export const ATOM = 10;

/** As the subset of asm-printer.ts writes them. */
export const OF = {
  '|': OR,
  '^': XOR,
  '&': AND,
  '==': EQUAL,
  '!=': EQUAL,
  '<': COMPARE,
  '<=': COMPARE,
  '>': COMPARE,
  '>=': COMPARE,
  '<<': SHIFT,
  '>>': SHIFT,
  '>>>': SHIFT,
  '/': PRODUCT,
} as const;
export type Operator = keyof typeof OF;

/** The text of an operation where at least `least` is wanted. */
export const within = (least: number, level: number, text: string): string =>
  level < least ? `(${text})` : text;
