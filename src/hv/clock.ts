/** Guest time: counted from instructions (repeats exactly) or taken from the host; devices cannot tell. */
import type { Clock, Nanoseconds } from '../devices/device.js';
import type { InstructionCounter } from './counter.js';

export interface MachineClock extends Clock {
  readonly kind: 'virtual' | 'host';
  /** As `now()`, for whoever asks very often: from a clock of the host it may lie some microseconds beside the time, never before a time that was told. */
  glance(): Nanoseconds;
  /** How many instructions may run from `now` until `due`; at least 1. */
  instructionsUntil(due: Nanoseconds, now: Nanoseconds): number;
  /** The time `instructions` after `now`, as far as it is known. */
  after(instructions: number, now: Nanoseconds): Nanoseconds;
  /** Lets idle time pass at once; false when the host has to sleep instead. */
  skipTo(due: Nanoseconds): boolean;
  /** So many instructions were retired since the time `since`. */
  ran(instructions: number, since: Nanoseconds): void;
  /** Makes it `now`, after the instruction counter was set. */
  set(now: Nanoseconds): void;
}

/** One nanosecond per instruction, plus the idle time that was skipped. */
export class VirtualClock implements MachineClock {
  readonly kind = 'virtual';
  /** Idle nanoseconds that passed at once. */
  skipped = 0;
  /** While true, idle time does not pass by itself: whoever runs the machine lets it pass, because it waits for something outside. */
  held: () => boolean = () => false;
  private readonly counter: InstructionCounter;

  constructor(counter: InstructionCounter) {
    this.counter = counter;
  }

  now(): Nanoseconds {
    return this.counter.retired + this.skipped;
  }
  glance(): Nanoseconds {
    return this.now();
  }
  instructionsUntil(due: Nanoseconds, now: Nanoseconds): number {
    return Math.max(1, due - now);
  }
  after(instructions: number, now: Nanoseconds): Nanoseconds {
    return now + instructions;
  }
  skipTo(due: Nanoseconds): boolean {
    if (this.held()) return false;
    this.pass(due);
    return true;
  }
  /** Idle time passes up to `until`. */
  pass(until: Nanoseconds): void {
    this.skipped += Math.max(0, until - this.now());
  }
  ran(): void {}
  set(now: Nanoseconds): void {
    this.skipped = now - this.counter.retired;
  }
}

/** Longest stretch, in estimated nanoseconds, in which the host's clock is not looked at. */
const LONGEST_RUN = 1_000_000;
/** Instructions per nanosecond to begin with. */
const FIRST_SPEED = 0.02;
/** Shorter runs are measured together: however slow the host was for a while, the estimate must find its way back. */
const MEASURED_INSTRUCTIONS = 1000;

/** A glance looks at the host's clock again after so many instructions, and after so many estimated nanoseconds. */
const GLANCE_INSTRUCTIONS = 500;
const GLANCE_NS = 5000;

/** The host's monotonic clock from zero. How long instructions take is estimated from the runs before. */
export class HostClock implements MachineClock {
  readonly kind = 'host';
  private readonly hostNow: () => number;
  private start: number;
  private last = 0;
  private speed = FIRST_SPEED;
  /** Not yet part of the estimate. */
  private instructions = 0;
  private duration = 0;
  private readonly counter: InstructionCounter | undefined;
  /** When and after how many instructions a glance looked last. */
  private lookedAt = 0;
  private lookedAfter = -Infinity;

  /** `counter`, where it counts on between two looks at the host's clock, lets glances be estimates. `hostNow` in nanoseconds, never running backwards by more than this clock hides. */
  constructor(hostNow: () => number, counter?: InstructionCounter) {
    this.hostNow = hostNow;
    this.counter = counter;
    this.start = hostNow();
  }

  now(): Nanoseconds {
    this.last = Math.max(this.last, Math.floor(this.hostNow() - this.start));
    return this.last;
  }
  glance(): Nanoseconds {
    if (this.counter === undefined) return this.now();
    const { retired } = this.counter;
    const passed = retired - this.lookedAfter;
    const ns = Math.floor(passed / this.speed);
    if (passed >= 0 && passed < GLANCE_INSTRUCTIONS && ns < GLANCE_NS)
      return (this.last = Math.max(this.last, this.lookedAt + ns));
    this.lookedAfter = retired;
    return (this.lookedAt = this.now());
  }
  set(now: Nanoseconds): void {
    this.start = this.hostNow() - now;
    this.last = now;
    this.lookedAfter = -Infinity;
  }
  instructionsUntil(due: Nanoseconds, now: Nanoseconds): number {
    return Math.max(1, Math.floor(Math.min(due - now, LONGEST_RUN) * this.speed));
  }
  after(instructions: number, now: Nanoseconds): Nanoseconds {
    return now + Math.floor(instructions / this.speed);
  }
  skipTo(): boolean {
    return false;
  }
  ran(instructions: number, since: Nanoseconds): void {
    this.instructions += instructions;
    this.duration += this.now() - since;
    if (this.instructions < MEASURED_INSTRUCTIONS || this.duration <= 0) return;
    const measured = this.instructions / this.duration;
    this.speed = Math.min(10, Math.max(0.0001, 0.75 * this.speed + 0.25 * measured));
    this.instructions = 0;
    this.duration = 0;
  }
}
