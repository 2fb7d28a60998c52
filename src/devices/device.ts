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
  /** Widest access the chip takes whole; default 1. */
  readonly width?: 1 | 2 | 4;
}
export interface MmioClaim {
  /** Guest-physical byte addresses, `last` inclusive. */
  readonly first: number;
  readonly last: number;
  read(address: number, size: number): number;
  write(address: number, size: number, value: number): void;
}
/** Sets an interrupt or signal line; level semantics, the receiver does edge detection. */
export type Wire = (level: boolean) => void;

export interface Device<State extends object = object> {
  readonly name: string;
  readonly version: number;
  /** Plain data: numbers, booleans, strings, arrays, typed arrays. */
  readonly state: State;
  readonly ports?: readonly PortClaim[];
  readonly mmio?: readonly MmioClaim[];
  /** Power-on values. */
  reset(): void;
  /** Absolute time of the next thing this device does by itself, Infinity for never. */
  deadline?(): Nanoseconds;
  /** Time has come to `now` (>= deadline, or asked for). */
  tick?(now: Nanoseconds): void;
  /** Turns an older version's state into today's. */
  migrate?(version: number, state: unknown): State;
}

/** Reads the machine's clock; devices get it as a constructor argument. */
export interface Clock {
  now(): Nanoseconds;
}
