/** What the keyboard controller expects of a device on one of its two PS/2 lines. */

export interface Ps2Device {
  /** A byte from the host: a command or its data. */
  receive(byte: number): void;
  /** The next byte for the host, -1 when there is none; a byte is given once. */
  next(): number;
  /** Power-on values. */
  reset(): void;
}

export const ACK = 0xfa,
  RESEND = 0xfe,
  SELF_TEST_PASSED = 0xaa;

/** A device's answers are short; nothing legitimate needs more. */
const LONGEST_ANSWER = 16;

/** Appends what fits. */
export function pushBytes(queue: number[], bytes: readonly number[], limit = LONGEST_ANSWER): void {
  for (const byte of bytes) if (queue.length < limit) queue.push(byte);
}
