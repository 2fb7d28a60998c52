/** The mode part of the translation key as semantics see it. */
import type { SegmentIndex } from '../decoder/instruction.js';

/** What a translation may assume of the mode (the mode part of the translation key). */
export interface ModeView {
  /** Bits of CS.D: 16 or 32. */
  readonly codeSize: 16 | 32;
  /** Bits of SS.B. */
  readonly stackSize: 16 | 32;
  /** Limit 4 GiB, usable for the access, and base 0 unless FS or GS. */
  flat(segment: SegmentIndex): boolean;
  /** Near branches that may lie beyond the limit of CS: none, those with 32-bit operand size, all. */
  readonly targets?: 'free' | 'wide checked' | 'checked';
  /** Misaligned accesses are #AC. */
  readonly aligned?: boolean;
  /** 1 for each row of the opcode table that the processor model does not have. */
  readonly missing?: Uint8Array;
  readonly vm86?: boolean;
  /** x87 instructions run; SSE instructions run. */
  readonly fpu?: boolean;
  readonly sse?: boolean;
}

/** Whether a near branch of an operand size is compared with the limit of CS. */
export function checksTargets(mode: ModeView, operandSize: number): boolean {
  return mode.targets === 'checked' || (mode.targets === 'wide checked' && operandSize !== 16);
}
