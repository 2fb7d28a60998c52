/** How the run loop gives the host a turn and how it sleeps until a deadline or until something wakes it. */

/** Lets standard input, timers and signals be served. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Longest single sleep; setTimeout takes no more than 2^31 - 1 ms. */
const LONGEST_SLEEP_MS = 3_600_000;

/** What nobody notifies. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));

export class Sleeper {
  #wake: (() => void) | undefined;
  #woken = false;

  /** Resolves after `milliseconds` or at `wake()`, at once if woken since the last sleep. */
  sleep(milliseconds: number): Promise<void> {
    if (this.#woken) {
      this.#woken = false;
      return turn();
    }
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => this.#finish(resolve),
        Math.min(Math.ceil(milliseconds), LONGEST_SLEEP_MS),
      );
      this.#wake = () => {
        clearTimeout(timer);
        this.#finish(resolve);
      };
    });
  }

  /** Holds the host's thread, and with it all its events, for `milliseconds`; not if woken since the last sleep. Costs a fraction of a timer. */
  nap(milliseconds: number): void {
    if (!this.#woken) Atomics.wait(NEVER, 0, 0, milliseconds);
  }

  wake(): void {
    if (this.#wake) this.#wake();
    else this.#woken = true;
  }

  #finish(resolve: () => void): void {
    this.#wake = undefined;
    resolve();
  }
}
