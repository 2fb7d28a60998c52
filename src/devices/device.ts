/**
 * The contract every chip follows: state, claims and reactions. A device knows nothing of the CPU. State is plain data (a snapshot is a
 * structured clone); when a device is next due is a function of its state; wires hold no state; nothing is queued.
 */

/** Time in guest nanoseconds since power-on, a float64 integer (exact to 2^53 ns = 104 days). */
export type Nanoseconds = number;

export interface PortClaim {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
  /** size 1, 2 or 4 bytes; returns an unsigned value. Sizes the chip does not answer are split by the bus into bytes. */
  read?(port: number, size: number): number;
  write?(port: number, size: number, value: number): void;
  /**
   * Elements of a REP INS that need no attention: puts up to `count` of `size` bytes at `bytes[at]` and on; how many it were. It stops before an element
   * that moves a wire or a deadline or looks at the clock, so that nothing tells it from single reads; `read` does the rest, one by one.
   */
  readBlock?(port: number, size: number, bytes: Uint8Array, at: number, count: number): number;
  /** REP OUTS, likewise. */
  writeBlock?(port: number, size: number, bytes: Uint8Array, at: number, count: number): number;
  /** Widest access the chip takes whole; default 1. */
  readonly width?: 1 | 2 | 4;
  /** No access of one element changes when any chip is next due. */
  readonly timeless?: boolean;
}
/** Memory of a device that the processor can reach without a call, as it reaches RAM. Its contents are part of the device's state. */
export interface DirectMemory {
  readonly bytes: Uint8Array;
  /** Whether the processor reaches it directly, where the claim with it is the one that answers; otherwise the claim is called. */
  show(direct: boolean): void;
  /** The device itself has written while the memory was shown. */
  written(offset: number, length: number): void;
  /** Whether anything was written directly since the last call. */
  takeWritten(): boolean;
}
export interface MmioClaim {
  /** Guest-physical byte addresses, `last` inclusive. */
  readonly first: number;
  readonly last: number;
  read(address: number, size: number): number;
  write(address: number, size: number, value: number): void;
  /**
   * Writes may come late, before the next access of any other kind and before the end of the slice: they move no wire and no deadline and do not look
   * at the clock. Below 1 MiB only. May change between accesses.
   */
  readonly buffered?: boolean;
  /** What lies behind the whole range. */
  readonly direct?: DirectMemory | undefined;
}
/** Sets an interrupt or signal line; level semantics, the receiver does edge detection. */
export type Wire = (level: boolean) => void;

/** A base address register: what answers in the range that the guest gives it. */
export interface PciBar {
  readonly kind: 'io' | 'memory';
  /** Bytes, a power of two; at least 4 for I/O and 16 for memory. */
  readonly size: number;
  readonly prefetchable?: boolean;
  /** What lies behind the whole range of memory. */
  readonly direct?: DirectMemory | undefined;
  /** `offset` from the start of the range; size 1, 2 or 4; unsigned. */
  read(offset: number, size: number): number;
  write(offset: number, size: number, value: number): void;
}

/** One PCI function's 256 bytes of configuration space. */
export interface PciConfiguration {
  /** Plain data; the bus saves it. */
  readonly state: object;
  /** By number of the register, 0 to 5; 6 is the expansion ROM at 30. */
  readonly bars: readonly (PciBar | undefined)[];
  read(offset: number): number;
  write(offset: number, value: number): void;
  /** The guest has written the bytes from `first` to `last`, all of one access. */
  written?(first: number, last: number): void;
  reset(): void;
}

/** Where chips put the ranges that the guest moves. A range stays until its key is given another one or none; a function of state, not of history. */
export interface Decoder {
  /** Lower keys win where ranges meet; what chips claim at construction wins over all. */
  ports(key: number, name: string, claim: PortClaim | undefined): void;
  memory(key: number, name: string, claim: MmioClaim | undefined): void;
}

export interface Device<State extends object = object> {
  readonly name: string;
  readonly version: number;
  /** Plain data: numbers, booleans, strings, arrays, typed arrays. */
  readonly state: State;
  readonly ports?: readonly PortClaim[];
  readonly mmio?: readonly MmioClaim[];
  /** Its face on the PCI bus; the board chooses slot and interrupt routing. */
  readonly pci?: PciConfiguration;
  /** Power-on values. */
  reset(): void;
  /** Absolute time of the next thing this device does by itself, Infinity for never. */
  deadline?(): Nanoseconds;
  /** Time has come to `now` (>= deadline, or asked for). */
  tick?(now: Nanoseconds): void;
  /** The state was replaced as a whole: brings what derives from it (mappings, levels of wires) up to date. */
  restored?(): void;
  /** Turns an older version's state into today's. */
  migrate?(version: number, state: unknown): State;
}

/** Reads the machine's clock; devices get it as a constructor argument. */
export interface Clock {
  now(): Nanoseconds;
}
