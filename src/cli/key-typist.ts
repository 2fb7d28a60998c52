/** Types on the guest's keyboard no faster than a guest reads: one key at a time, each after a pause of guest time. */
import type { KeyEvent } from '../display/us-keyboard.js';
import type { Typing } from './run-loop.js';
import type { KeyReceiver } from './screen-watcher.js';

export interface TypedKeyboard {
  key(key: number, down: boolean): void;
  /** Everything that keys sent has been read. */
  readonly idle: boolean;
}

/** Guest nanoseconds between movements of keys: a BIOS keeps 16 strokes and its programs may look once in a timer tick. */
const PAUSE_NS = 10_000_000;
/** A guest that reads no keyboard must not fill the host's memory. */
const MOST_EVENTS = 65_536;

export class KeyTypist implements Typing, KeyReceiver {
  readonly #keyboard: TypedKeyboard;
  readonly #now: () => number;
  #queue: KeyEvent[] = [];
  #done = 0;
  #freeNs = 0;

  /** `now` is guest time in nanoseconds. */
  constructor(keyboard: TypedKeyboard, now: () => number) {
    this.#keyboard = keyboard;
    this.#now = now;
  }

  enqueue(keys: readonly KeyEvent[]): void {
    if (this.#queue.length - this.#done + keys.length > MOST_EVENTS) return;
    this.#queue.push(...keys);
  }

  type(): void {
    if (this.busy && this.#now() >= this.#freeNs) this.#typeOne();
  }

  typeNow(): boolean {
    return this.#typeOne();
  }

  get busy(): boolean {
    return this.#done < this.#queue.length;
  }

  #typeOne(): boolean {
    if (!this.busy || !this.#keyboard.idle) return false;
    const { key, down } = this.#queue[this.#done++]!;
    this.#keyboard.key(key, down);
    this.#freeNs = this.#now() + PAUSE_NS;
    if (!this.busy) {
      this.#queue = [];
      this.#done = 0;
    }
    return true;
  }
}

/** Several that type, as one. */
export function typingTogether(typists: readonly Typing[]): Typing {
  return {
    type: () => typists.forEach((typist) => typist.type()),
    // Each gets its turn: no short cut after the first.
    typeNow: () => typists.filter((typist) => typist.typeNow()).length > 0,
    get busy() {
      // Asked for each slice.
      for (let i = 0; i < typists.length; i++) if (typists[i]!.busy) return true;
      return false;
    },
  };
}
