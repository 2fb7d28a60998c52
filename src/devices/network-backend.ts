/** What a network card needs of the world behind its cable. Frames are Ethernet from destination address to payload, without preamble and FCS. */
import type { Clock, Nanoseconds } from './device.js';

/** The card's side of the cable, as the backend sees it. */
export interface NetworkCard {
  readonly clock: Clock;
  /** A frame for the guest; the card keeps the array. False when the cable is full and the frame is lost. Call between slices or from `transmit` and `tick`. */
  deliver(frame: Uint8Array): boolean;
}

export interface NetworkBackend {
  /** Called once, when the card is built. */
  attach(card: NetworkCard): void;
  /** A frame from the guest, 0 to 8,191 bytes of any content; the array is the backend's to keep. Never throws for what is in it. */
  transmit(frame: Uint8Array): void;
  /** The guest was switched off and on: forgets it. */
  reset(): void;
  /** Guest time at which the backend next does something by itself, Infinity for never. */
  deadline(): Nanoseconds;
  /** Time has come to `now`; afterwards `deadline` lies behind it. */
  tick(now: Nanoseconds): void;
}

/** A cable with nothing at its other end. */
export class Unplugged implements NetworkBackend {
  attach(): void {}
  transmit(): void {}
  reset(): void {}
  deadline(): Nanoseconds {
    return Infinity;
  }
  tick(): void {}
}
