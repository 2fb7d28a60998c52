/** Every x87, MMX and SSE helper by mnemonic. */
import type { Helper } from './access.js';
import { PACKED_INTEGER } from './packed-integer.js';
import { SSE_ARITHMETIC } from './sse-arithmetic.js';
import { SSE_COMPARE } from './sse-compare.js';
import { SSE_CONVERT } from './sse-convert.js';
import { X87_TRANSCENDENTAL } from './transcendental.js';
import { VECTOR_MOVE } from './vector-move.js';
import { X87_ARITHMETIC } from './x87-arithmetic.js';
import { X87_BCD } from './x87-bcd.js';
import { X87_COMPARE } from './x87-compare.js';
import { X87_CONTROL } from './x87-control.js';
import { X87_LOAD_STORE } from './x87-load-store.js';
import { X87_REMAINDER } from './x87-remainder.js';

export type { Helper } from './access.js';
export { packInfo } from './pack-info.js';
export { Fpu } from './state.js';

export const FPU_HELPERS: Readonly<Record<string, Helper>> = {
  ...X87_ARITHMETIC,
  ...X87_BCD,
  ...X87_COMPARE,
  ...X87_CONTROL,
  ...X87_LOAD_STORE,
  ...X87_REMAINDER,
  ...X87_TRANSCENDENTAL,
  ...PACKED_INTEGER,
  ...VECTOR_MOVE,
  ...SSE_ARITHMETIC,
  ...SSE_COMPARE,
  ...SSE_CONVERT,
};
