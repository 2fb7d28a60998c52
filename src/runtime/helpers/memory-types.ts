/** What PAT and the memory-type range registers may hold (SDM vol. 3, 11.11 and 11.12). Memory types have no effect: there are no caches. */

export const Mtrr = {
  CAPABILITIES: 0xfe,
  FIRST_VARIABLE: 0x200,
  LAST_VARIABLE: 0x20f,
  DEFAULT_TYPE: 0x2ff,
} as const;
export const PAT = 0x277;
const FIXED: ReadonlySet<number> = new Set([
  0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f,
]);
/** Eight variable ranges, fixed ranges, write combining. */
export const MTRR_CAPABILITIES_VALUE = 0x508;
/** Addresses have 36 bits. */
const RESERVED_HIGH = 0xfffffff0 | 0;
const BASE_RESERVED = 0xf00;
const MASK_RESERVED = 0x7ff;
const DEFAULT_RESERVED = ~0xcff;

/** UC, WC, WT, WP, WB. */
const isType = (type: number): boolean => type <= 6 && type !== 2 && type !== 3;

/** Four memory types, with UC- among those of PAT. */
function areTypes(half: number, most: number): boolean {
  for (let shift = 0; shift < 32; shift += 8) {
    const type = (half >>> shift) & 0xff;
    if (type > most || type === 2 || type === 3) return false;
  }
  return true;
}

/** A range register that can be written: variable bases and masks, fixed ranges, the default type. */
export function isMtrr(index: number): boolean {
  if (index >= Mtrr.FIRST_VARIABLE && index <= Mtrr.LAST_VARIABLE) return true;
  return index === Mtrr.DEFAULT_TYPE || FIXED.has(index);
}

/** Whether PAT or a range register can hold the value; otherwise WRMSR is #GP(0). */
export function isMemoryType(index: number, low: number, high: number): boolean {
  if (index === PAT) return areTypes(low, 7) && areTypes(high, 7);
  if (FIXED.has(index)) return areTypes(low, 6) && areTypes(high, 6);
  if (index === Mtrr.DEFAULT_TYPE) return high === 0 && (low & DEFAULT_RESERVED) === 0 && isType(low & 0xff);
  if ((high & RESERVED_HIGH) !== 0) return false;
  return (index & 1) === 0 ? (low & BASE_RESERVED) === 0 && isType(low & 0xff) : (low & MASK_RESERVED) === 0;
}
