/** Why translated or interpreted code stopped: a closed union, numbered as the Intel manual does (SDM vol. 3, appendix C) where it has a number. */
export const ExitReason = {
  /** The instruction budget is used up. */
  BUDGET: 1000,
  /** An interrupt may be deliverable: re-evaluate at this boundary. */
  EXTERNAL_INTERRUPT: 1,
  /** Triple fault: shutdown. */
  TRIPLE_FAULT: 2,
  /** HLT with nothing pending. */
  HLT: 12,
  /** A device asked for the run to end or the machine to reset (power-off, 0xCF9, debug-exit). */
  PLATFORM: 1001,
  /** A stub of the BIOS ROM calls its service. */
  FIRMWARE: 1002,
} as const;
export type ExitReason = (typeof ExitReason)[keyof typeof ExitReason];
