/** Drives a machine slice by slice until something ends the run; between slices the host gets its turn, idle guests sleep. */
import { Sleeper, turn } from './host/waiting.js';
import { standardOutputDrained } from './host/output.js';
import type { ByteSink } from './host/output.js';
import type { SerialWatcher } from './serial-watcher.js';

/** What the loop needs of `Machine`. */
export interface DrivenMachine<End> {
  runSlice(instructions: number): { ended?: End | undefined; idleUntil?: number | undefined };
  /** Guest nanoseconds since power-on. */
  now(): number;
  readonly instructionsRetired: number;
  /** Only on the virtual clock: when idle time does not pass at once, but by `passIdle`, up to a guest time. */
  holdIdle?(held: () => boolean): void;
  passIdle?(until: number): void;
}
export type LoopEnd<End> =
  | { readonly kind: 'guest'; readonly end: End }
  | { readonly kind: 'until' | 'fail'; readonly line: string }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'leave' }
  | { readonly kind: 'signal'; readonly signal: string; readonly status: number };

/** Types for the user, on the serial line or the keyboard (`Typist`). */
export interface Typing {
  type(): void;
  typeNow(): boolean;
  readonly busy: boolean;
}
/** Looks at the guest between slices. */
export interface Observer {
  settle(): void;
  /** Set when what was waited for has come: ends the run as `--until` does. */
  readonly found?: string | undefined;
}

export interface LoopSetup<End> {
  readonly machine: DrivenMachine<End>;
  readonly watcher: SerialWatcher;
  readonly typist: Typing;
  readonly observers?: readonly Observer[];
  /** What is collected between slices and has to go out before the host waits. */
  readonly sinks: readonly Pick<ByteSink, 'flush'>[];
  /** On the virtual clock: sleep as long as the idle time that was skipped, because somebody is watching. */
  readonly paceIdle: boolean;
  /** The guest waits for something outside: idle time passes no faster than the host's. */
  readonly hostBusy?: () => boolean;
  readonly timeoutSeconds: number | undefined;
  /** Boots again after this end if the guest may; false ends the run. */
  restart(end: End): boolean;
}

/** Part of what decides when a `--send` is typed, so it must not depend on the host: instruction counts repeat exactly. */
const SLICE_INSTRUCTIONS = 250_000;
/** A slice this short lets a slow reader of the serial line keep up with typing. */
const TYPING_SLICE_INSTRUCTIONS = 50_000;
/** A guest that resets at once, again and again, must not flood the terminal. */
const RESTART_PAUSE_MS = 50;
/** Skipped idle time that is worth a sleep. */
const PACE_MS = 5;
/** A guest that only lets timers pass retires nothing; then the host need not hurry. */
const NOTHING_RETIRED_MS = 10;
/** An idle guest with a full receiver may start to read at its next timer tick. */
const RETRY_TYPING_MS = 5;
const LONGEST_PAUSE_MS = 60_000;
/** How long the host's events may wait while the guest runs, and while it is idle and nothing has come from outside for some time. */
const TURN_MS = 5;
const CALM_TURN_MS = 33;
const CALM_AFTER_MS = 1000;

export class RunLoop<End> {
  readonly #setup: LoopSetup<End>;
  readonly #sleeper = new Sleeper();
  readonly #deadline: number;
  #stop: LoopEnd<End> | undefined;
  #paused = false;
  #lastTurn = performance.now();
  #lastEvent = performance.now();
  #skippedMs = 0;

  constructor(setup: LoopSetup<End>) {
    this.#setup = setup;
    this.#deadline =
      setup.timeoutSeconds === undefined ? Infinity : performance.now() + setup.timeoutSeconds * 1000;
  }

  /** Ends the run at the next opportunity. */
  stop(end: LoopEnd<End>): void {
    this.#stop ??= end;
    this.wake();
  }

  get paused(): boolean {
    return this.#paused;
  }
  /** Runs no further slice until it is let go on. */
  set paused(paused: boolean) {
    this.#paused = paused;
    this.wake();
  }

  /** Something happened outside that an idle guest should see. */
  wake(): void {
    this.#lastEvent = performance.now();
    this.#sleeper.wake();
  }

  async run(): Promise<LoopEnd<End>> {
    const { machine, watcher, typist, paceIdle } = this.#setup;
    const held = this.#setup.hostBusy ?? (() => false);
    machine.holdIdle?.(held);
    watcher.start();
    for (;;) {
      if (this.#paused) {
        const end = await this.#pause();
        if (end) return end;
      }
      const typing = typist.busy;
      if (typing) typist.type();
      const from = machine.instructionsRetired;
      const since = paceIdle ? machine.now() : 0;
      const slice = machine.runSlice(typing && typist.busy ? TYPING_SLICE_INSTRUCTIONS : SLICE_INSTRUCTIONS);
      const retired = machine.instructionsRetired - from;
      watcher.settle(slice.idleUntil !== undefined);
      for (const observer of this.#setup.observers ?? []) observer.settle();
      const end = this.#ended(slice.ended);
      if (end) return end;
      if (slice.ended !== undefined) await this.#sleep(RESTART_PAUSE_MS);
      if (paceIdle) this.#skippedMs += (machine.now() - since - retired) / 1e6;
      const sleepMs = slice.idleUntil === undefined ? 0 : this.#idleTime(slice.idleUntil, retired);
      const waits = held();
      const slept = waits ? performance.now() : 0;
      if (waits || !this.#nap(sleepMs)) await this.#yieldToHost(sleepMs);
      if (waits && slice.idleUntil !== undefined) this.#passIdle(slice.idleUntil, performance.now() - slept);
    }
  }

  /** Sleeps until the guest may go on, or until the run is over. */
  async #pause(): Promise<LoopEnd<End> | undefined> {
    while (this.#paused) {
      this.#flush();
      const end = this.#ended(undefined);
      if (end) return end;
      await this.#sleeper.sleep(Math.min(LONGEST_PAUSE_MS, Math.max(0, this.#deadline - performance.now())));
    }
    return this.#ended(undefined);
  }

  /** What the host slept passes for the guest too, up to when it has something to do. */
  #passIdle(idleUntil: number, milliseconds: number): void {
    const { machine } = this.#setup;
    machine.passIdle?.(Math.min(idleUntil, machine.now() + Math.floor(milliseconds * 1e6)));
  }

  /** Milliseconds the host may sleep before the idle guest has something to do. */
  #idleTime(idleUntil: number, retired: number): number {
    const { machine, typist } = this.#setup;
    // On the virtual clock time stands still now: the next byte need not wait for the line.
    if (idleUntil === Infinity && typist.typeNow()) return 0;
    const idleMs = (idleUntil - machine.now()) / 1e6;
    return Math.max(idleMs, retired === 0 && idleMs <= 0 ? NOTHING_RETIRED_MS : 0);
  }

  /**
   * Sleeps without a turn of the host's, whose timers cost more than what most guests do in their tick; false where the host is to have its turn. Only
   * while nothing comes from outside: then the first event waits up to CALM_TURN_MS.
   */
  #nap(milliseconds: number): boolean {
    if (milliseconds <= 0 || this.#setup.paceIdle || this.#setup.typist.busy || this.#paused) return false;
    const now = performance.now();
    const until = now + milliseconds;
    if (until > this.#lastTurn + CALM_TURN_MS || until >= this.#deadline) return false;
    if (now < this.#lastEvent + CALM_AFTER_MS) return false;
    this.#flush();
    this.#sleeper.nap(milliseconds);
    return true;
  }

  async #yieldToHost(idleMs: number): Promise<void> {
    let sleepMs = idleMs;
    if (this.#skippedMs >= PACE_MS) {
      sleepMs = Math.max(sleepMs, this.#skippedMs);
      this.#skippedMs = 0;
    }
    if (sleepMs > 0) await this.#sleep(sleepMs);
    else if (performance.now() - this.#lastTurn >= TURN_MS) await this.#hostTurn();
  }

  #ended(end: End | undefined): LoopEnd<End> | undefined {
    const { watcher } = this.#setup;
    if (watcher.verdict) return { kind: watcher.verdict, line: watcher.verdictLine };
    const found = this.#setup.observers?.find((observer) => observer.found !== undefined)?.found;
    if (found !== undefined) return { kind: 'until', line: found };
    if (end !== undefined && !this.#setup.restart(end)) return { kind: 'guest', end };
    if (this.#stop) return this.#stop;
    return this.#deadline !== Infinity && performance.now() >= this.#deadline
      ? { kind: 'timeout' }
      : undefined;
  }

  async #sleep(wantedMs: number): Promise<void> {
    this.#flush();
    const timeoutMs = this.#deadline - performance.now();
    const milliseconds = Math.min(wantedMs, timeoutMs, this.#setup.typist.busy ? RETRY_TYPING_MS : Infinity);
    if (milliseconds > 0) await this.#sleeper.sleep(milliseconds);
    else await turn();
    this.#lastTurn = performance.now();
  }

  async #hostTurn(): Promise<void> {
    this.#flush();
    await standardOutputDrained();
    await turn();
    this.#lastTurn = performance.now();
  }

  #flush(): void {
    for (const sink of this.#setup.sinks) sink.flush();
  }
}
