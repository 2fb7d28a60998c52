/** Reads along on the text screen between slices: decides `--until-screen` and says when a `--send-keys` is due. */
import type { KeyEvent } from '../display/us-keyboard.js';
import type { Observer } from './run-loop.js';

export interface KeySend {
  readonly keys: readonly KeyEvent[];
  /** Typed at once when absent; otherwise when a line of the screen matches. */
  readonly after?: RegExp;
}
export interface ScreenSource {
  /** Lines of the text screen, none while it shows something else. */
  lines(): readonly string[];
  /** Differs when the screen may have changed. */
  readonly changes: number;
}
export interface KeyReceiver {
  enqueue(keys: readonly KeyEvent[]): void;
  readonly busy: boolean;
}

/** The first line that matches; the pattern has the `g` flag, which is not used. */
export function matchingLine(lines: readonly string[], pattern: RegExp): string | undefined {
  return lines.find((line) => {
    pattern.lastIndex = 0;
    return pattern.test(line);
  });
}

export class ScreenWatcher implements Observer {
  found: string | undefined;
  readonly #source: ScreenSource;
  readonly #keyboard: KeyReceiver;
  readonly #until: RegExp | undefined;
  readonly #sends: readonly KeySend[];
  #nextSend = 0;
  #seen = -1;
  /** The sends have been compared with what was seen last. */
  #sendsSeen = false;
  /** The screen at the last send: the next one waits for another, so that one prompt is not answered twice. */
  #answered = '';

  constructor(
    source: ScreenSource,
    keyboard: KeyReceiver,
    until: RegExp | undefined,
    sends: readonly KeySend[],
  ) {
    this.#source = source;
    this.#keyboard = keyboard;
    this.#until = until;
    this.#sends = sends;
  }

  settle(): void {
    // While keys are being typed, the prompt on the screen is the one that they answer.
    const sends = this.#nextSend < this.#sends.length && !this.#keyboard.busy;
    if (!sends && this.#until === undefined) return;
    const changed = this.#source.changes !== this.#seen;
    if (!(sends && (changed || !this.#sendsSeen)) && !(this.#until !== undefined && changed)) return;
    this.#seen = this.#source.changes;
    this.#sendsSeen = sends;
    const lines = this.#source.lines();
    if (this.#until !== undefined) this.found ??= matchingLine(lines, this.#until);
    if (sends) this.#send(lines);
  }

  #send(lines: readonly string[]): void {
    for (; this.#nextSend < this.#sends.length; this.#nextSend++) {
      const { keys, after } = this.#sends[this.#nextSend]!;
      if (after !== undefined) {
        const screen = lines.join('\n');
        if (screen === this.#answered || matchingLine(lines, after) === undefined) return;
        this.#answered = screen;
      }
      this.#keyboard.enqueue(keys);
    }
  }
}
