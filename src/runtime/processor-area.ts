/**
 * Where a processor's registers, those of its FPU and translation tables lie: behind the machine's RAM and in the same buffer, so that translated code reaches everything
 * by constant offsets from one base, which is what the host's ahead-of-time compiler for a subset of JavaScript (asm.js) asks for.
 */

/** Byte offsets in `buffer`. */
export interface ProcessorArea {
  readonly buffer: ArrayBuffer;
  /** Int32 × R_COUNT (state.ts), in a page that only `fpu` shares. */
  readonly registers: number;
  /** State of the FPU, MMX and SSE units (fpu/state.ts has the layout). */
  readonly fpu: number;
  /** Int32 × 2^20 each: reads, then writes, each for the supervisor, then for the user. */
  readonly tables: number;
}

const FPU_AT = 512;
const TABLE_BYTES = 4 << 20;
const TABLES = 4;
/** asm.js takes buffers whose size is a multiple of this. */
const GRANULE = 16 << 20;

/** Byte offset of the table of reads or writes. */
export const tableAt = (area: ProcessorArea, write: boolean, user: 0 | 1): number =>
  area.tables + ((write ? 2 : 0) + user) * TABLE_BYTES;

/** A zeroed buffer with `ramBytes` (whole pages) and the area behind them. Throws RangeError when the host cannot give that much. */
export function processorArea(ramBytes: number): ProcessorArea {
  const tables = Math.ceil((ramBytes + 4096) / TABLE_BYTES) * TABLE_BYTES;
  const bytes = Math.ceil((tables + TABLES * TABLE_BYTES) / GRANULE) * GRANULE;
  return { buffer: new ArrayBuffer(bytes), registers: ramBytes, fpu: ramBytes + FPU_AT, tables };
}
