/**
 * Where a processor's registers, those of its FPU and translation tables lie: behind the machine's RAM and in the same buffer, so that translated code reaches everything
 * by constant offsets from one base, which is what the host's ahead-of-time compiler for a subset of JavaScript (asm.js) asks for.
 */

/** Byte offsets in `buffer`. */
export interface ProcessorArea {
  readonly buffer: ArrayBuffer;
  /** Int32 × R_COUNT (state.ts), in a page that `system` and `fpu` share. */
  readonly registers: number;
  /** Int32 × S_COUNT (state.ts): hidden parts of segment registers, tables of descriptors. */
  readonly system: number;
  /** State of the FPU, MMX and SSE units (fpu/state.ts has the layout). */
  readonly fpu: number;
  /** Uint16 × 8: selectors of segment registers, in a gap of `fpu` (X87_SELECTORS of fpu/x87-pairs.ts). */
  readonly selectors: number;
  /** Int32 × 1024: writes to devices that wait (hv/buffered-io.ts). */
  readonly ring: number;
  /** Int32 × 2^20 each: reads, then writes, each for the supervisor, then for the user. */
  readonly tables: number;
  /** What the interpreter runs; undefined where it would lie beyond the 31 bits that generated code can address. */
  readonly code: CodeArea | undefined;
}

/** Byte offsets in the same buffer. */
export interface CodeArea {
  /** Two tables like those of reads and writes, of instruction fetches. */
  readonly execute: number;
  /** Int32 × 4 × CODE_SLOTS, twice Int32 × CODE_SLOTS, Int32 × 4096 × CODE_PAGES: see code-cache.ts. */
  readonly slots: number;
  readonly heat: number;
  readonly ways: number;
  readonly map: number;
  /** Int32 × frames × CODE_MODES. */
  readonly pages: number;
  /** Int32 × LINK_WORDS: how regions reach each other (jit/region/link-area.ts). */
  readonly links: number;
}
export const CODE_SLOTS = 1 << 20;
export const CODE_PAGES = 1 << 12;
/** The first of them is always empty. */
export const CODE_MODES = 24;
export const LINK_WORDS = 1 << 21;

const SYSTEM_AT = 128;
const FPU_AT = 512;
const SELECTORS_AT = FPU_AT + 400;
const TABLE_BYTES = 4 << 20;
const TABLES = 4;
/** asm.js takes buffers whose size is a multiple of this. */
const GRANULE = 16 << 20;
const LIMIT = 0x7fffffff;

/** Byte offset of the table of reads or writes. */
export const tableAt = (area: ProcessorArea, write: boolean, user: 0 | 1): number =>
  area.tables + ((write ? 2 : 0) + user) * TABLE_BYTES;

/** A zeroed buffer with `ramBytes` (whole pages) and the area behind them. Throws RangeError when the host cannot give that much. */
export function processorArea(ramBytes: number): ProcessorArea {
  const tables = Math.ceil((ramBytes + 2 * 4096) / TABLE_BYTES) * TABLE_BYTES;
  const execute = tables + TABLES * TABLE_BYTES;
  const slots = execute + 2 * TABLE_BYTES;
  const heat = slots + 16 * CODE_SLOTS;
  const ways = heat + 4 * CODE_SLOTS;
  const map = ways + 4 * CODE_SLOTS;
  const pages = map + 4 * 4096 * CODE_PAGES;
  const links = pages + (ramBytes >>> 12) * 4 * CODE_MODES;
  const whole = granules(links + 4 * LINK_WORDS);
  const fits = whole <= LIMIT;
  return {
    buffer: new ArrayBuffer(fits ? whole : granules(execute)),
    registers: ramBytes,
    system: ramBytes + SYSTEM_AT,
    fpu: ramBytes + FPU_AT,
    selectors: ramBytes + SELECTORS_AT,
    ring: ramBytes + 4096,
    tables,
    code: fits ? { execute, slots, heat, ways, map, pages, links } : undefined,
  };
}
const granules = (bytes: number): number => Math.ceil(bytes / GRANULE) * GRANULE;
