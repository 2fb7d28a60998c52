/** Exact conversion between nanoseconds and the ticks of an oscillator, so that a deadline and the count read at it always agree. */
import type { Nanoseconds } from '../devices/device.js';

const SECOND = 1_000_000_000;

/** Whole periods of `hertz` (below 4 MHz) that have passed at `now`. Split at whole seconds: the products stay below 2^53. */
export function ticksAt(now: Nanoseconds, hertz: number): number {
  const seconds = Math.floor(now / SECOND);
  return seconds * hertz + Math.floor(((now - seconds * SECOND) * hertz) / SECOND);
}

/** First nanosecond at which `ticksAt` is `tick`; Infinity for Infinity. */
export function timeOfTick(tick: number, hertz: number): Nanoseconds {
  if (tick === Infinity) return Infinity;
  const seconds = Math.floor(tick / hertz);
  return seconds * SECOND + Math.ceil(((tick - seconds * hertz) * SECOND) / hertz);
}
