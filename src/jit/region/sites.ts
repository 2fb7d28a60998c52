/** Where and why regions are left. */

/** Why a region is left: to go on anywhere, because the instruction there is the interpreter's, or because its access missed the fast path. */
export const SITE_GOES_ON = 0,
  SITE_INTERPRET = 1,
  SITE_ACCESS = 2,
  /** A short way of an x87 or SSE instruction ended there. */
  SITE_QUICK = 3,
  /** MXCSR, or what a block expects of XMM registers, was otherwise. */
  SITE_CONTROL = 4,
  SITE_EXPECTED = 5;
export type SiteKind = 0 | 1 | 2 | 3 | 4 | 5;

/**
 * Where a region may be left: offset relative to its page, and instructions charged but not executed, less those executed but not charged. A way out only names its site and breaks: anything more
 * would need type feedback that a way never taken cannot have, and cost the whole region its optimised code when it is.
 */
export interface Site {
  readonly offset: number;
  readonly uncounted: number;
  readonly kind: SiteKind;
  /** Machine addresses of the instructions whose accesses the missed check stands for. */
  readonly machines: readonly number[];
  readonly mnemonic: string;
}

/** A call whose return address is in the region, or an indirect jump. Offsets are relative to the page. */
export interface Call {
  /** The return address, and its block; -1 for a jump. */
  readonly back: number;
  readonly node: number;
  /** Its own offset and machine address. */
  readonly at: number;
  readonly machine: number;
  readonly direct: boolean;
}
