/** Breakpoints of DR0-DR3: which of them an access matches, and what the instruction at hand has matched so far (SDM vol. 3, 17.2). */
import type { Cpu } from './state.js';

/** R/W fields of DR7. */
export const BREAK_ON = { EXECUTION: 0, WRITE: 1, PORT: 2, ACCESS: 3 } as const;

/** Masks of the length codes 0-3; 2 is eight bytes where it is anything (SDM vol. 3, 17.2.5). */
const LENGTH_MASK = [0, 1, 7, 3] as const;
const ENABLES = 0xff;
const CONTROL_SHIFT = 16;

/** What single-stepping needs to know of the instruction at hand; meaningful only while it goes on. */
export class InstructionTrace {
  /** Bits B0-B3 of the breakpoints that its accesses matched, or those of the delivery of an event before it. */
  hits = 0;
  /** One iteration of a REP instruction at a time. */
  single = false;
  /** It went to an interrupt handler or another task, which leaves no single-step trap behind (SDM vol. 3, 17.3.1.4). */
  entered = false;
  /** It loaded RF, which then lasts until the next one has completed (SDM vol. 3, 17.3.1.1). */
  loadedResume = false;
  /** EIP of the REP instruction that has just completed an iteration but its last; what interrupts it there pushes RF (SDM vol. 3, 17.3.1.1). -1: none. */
  repeating = -1;
}

export const isArmed = (dr7: number): boolean => (dr7 & ENABLES) !== 0;
const controlOf = (dr7: number, n: number): number => (dr7 >>> (CONTROL_SHIFT + 4 * n)) & 15;
const isEnabled = (dr7: number, n: number): boolean => ((dr7 >>> (2 * n)) & 3) !== 0;

/** B0-B3 of all breakpoints of the two kinds that `size` bytes at `address` match, or 0 if no enabled one is among them. */
export function matchBreakpoints(
  dr: Int32Array,
  address: number,
  size: number,
  kind: number,
  alternative: number,
): number {
  const dr7 = dr[7]!;
  let matched = 0;
  let enabled = false;
  for (let n = 0; n < 4; n++) {
    const control = controlOf(dr7, n);
    if ((control & 3) !== kind && (control & 3) !== alternative) continue;
    const mask = LENGTH_MASK[control >> 2]!;
    const start = dr[n]! & ~mask;
    if ((address - start) >>> 0 > mask && (start - address) >>> 0 >= size) continue;
    matched |= 1 << n;
    enabled ||= isEnabled(dr7, n);
  }
  return enabled ? matched : 0;
}

/** Linear pages that hold an enabled data breakpoint. */
export function watchedPages(dr: Int32Array): number[] {
  const dr7 = dr[7]!;
  const pages: number[] = [];
  for (let n = 0; n < 4; n++) {
    if (isEnabled(dr7, n) && (controlOf(dr7, n) & 1) !== 0) pages.push(dr[n]! >>> 12);
  }
  return pages;
}

/** An access to a watched page. */
export function noteAccess(cpu: Cpu, linear: number, size: number, write: boolean): void {
  const kind = write ? BREAK_ON.WRITE : BREAK_ON.ACCESS;
  cpu.trace.hits |= matchBreakpoints(cpu.dr, linear, size, kind, BREAK_ON.ACCESS);
}
