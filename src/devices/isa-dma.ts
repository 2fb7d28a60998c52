/** The ISA bus's DMA as a device on it sees it: it asks for transfers on its channel. */

export interface IsaDma {
  /** The channel would take a request now: unmasked, not cascading, its controller on. */
  isReady(channel: number): boolean;
  /** Device to memory: takes `bytes` until terminal count; how many it were (on channels 5-7 whole words). A channel that is set up for another direction counts and stores nothing. */
  toMemory(channel: number, bytes: Uint8Array): number;
  /** Memory to device: fills `into` until terminal count; how many bytes it were. */
  fromMemory(channel: number, into: Uint8Array): number;
  /** The last transfer on the channel ended with terminal count. */
  reachedTerminalCount(channel: number): boolean;
}
