/** The local APIC's timer as a function of its state and the time: nothing counts, counts and expiries are computed when asked for. */
import type { Nanoseconds } from '../devices/device.js';

/** One cycle of the APIC's bus clock (100 MHz, as Xen's). */
export const BUS_CYCLE_NS = 10;
export const TIMER_ONE_SHOT = 0,
  TIMER_PERIODIC = 1,
  TIMER_TSC_DEADLINE = 2;

export interface LapicTimerState {
  /** Bits 17-18 of the LVT timer register. */
  mode: number;
  /** Divide configuration register. */
  divide: number;
  initial: number;
  /** The count at `start`; 0: stopped. */
  count: number;
  start: Nanoseconds;
  /** IA32_TSC_DEADLINE, uint32 halves; both 0: disarmed. */
  deadlineLow: number;
  deadlineHigh: number;
}

/** The time at which the time-stamp counter reaches a value. */
export type TimeOfTsc = (low: number, high: number) => Nanoseconds;

export function createTimer(): LapicTimerState {
  return {
    mode: TIMER_ONE_SHOT,
    divide: 0,
    initial: 0,
    count: 0,
    start: 0,
    deadlineLow: 0,
    deadlineHigh: 0,
  };
}

/** Nanoseconds per count: 2, 4 … 128, 1 bus cycles by bits 0, 1 and 3 (SDM vol. 3, figure 10-10). */
function countNs(t: LapicTimerState): number {
  const code = (t.divide & 3) | ((t.divide & 8) >> 1);
  return BUS_CYCLE_NS << ((code + 1) & 7);
}

/** When the timer expires next, Infinity when it is not armed. */
export function nextExpiry(t: LapicTimerState, timeOfTsc: TimeOfTsc): Nanoseconds {
  if (t.mode === TIMER_TSC_DEADLINE)
    return (t.deadlineLow | t.deadlineHigh) === 0 ? Infinity : timeOfTsc(t.deadlineLow, t.deadlineHigh);
  return t.count === 0 ? Infinity : t.start + t.count * countNs(t);
}

/** Brings the state to `now`; true if the timer expired since it was looked at last. */
export function expire(t: LapicTimerState, now: Nanoseconds, timeOfTsc: TimeOfTsc): boolean {
  const due = nextExpiry(t, timeOfTsc);
  if (due > now) return false;
  if (t.mode === TIMER_TSC_DEADLINE) t.deadlineLow = t.deadlineHigh = 0;
  else if (t.mode === TIMER_PERIODIC && t.initial !== 0) {
    const period = t.initial * countNs(t);
    t.start = due + Math.floor((now - due) / period) * period;
    t.count = t.initial;
  } else t.count = 0;
  return true;
}

/** The current-count register; the state has been brought to `now`. */
export function currentCount(t: LapicTimerState, now: Nanoseconds): number {
  if (t.mode === TIMER_TSC_DEADLINE || t.count === 0) return 0;
  return t.count - Math.floor((now - t.start) / countNs(t));
}

/** A write of the initial count starts the countdown, 0 stops it; ignored in TSC-deadline mode. */
export function setInitialCount(t: LapicTimerState, value: number, now: Nanoseconds): void {
  if (t.mode === TIMER_TSC_DEADLINE) return;
  t.initial = t.count = value;
  t.start = now;
}

/** A running count goes on from where it is at the new speed. */
export function setDivide(t: LapicTimerState, value: number, now: Nanoseconds): void {
  t.count = currentCount(t, now);
  t.start = now;
  t.divide = value & 0xb;
}

/** Entering and leaving TSC-deadline mode disarms the timer (SDM vol. 3, 10.5.4.1). */
export function setMode(t: LapicTimerState, mode: number): void {
  if (mode !== t.mode && (mode === TIMER_TSC_DEADLINE || t.mode === TIMER_TSC_DEADLINE)) {
    t.initial = t.count = 0;
    t.deadlineLow = t.deadlineHigh = 0;
  }
  t.mode = mode;
}

/** IA32_TSC_DEADLINE; ignored in the other modes. */
export function setDeadline(t: LapicTimerState, low: number, high: number): void {
  if (t.mode !== TIMER_TSC_DEADLINE) return;
  t.deadlineLow = low >>> 0;
  t.deadlineHigh = high >>> 0;
}
