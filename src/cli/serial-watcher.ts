/**
 * Reads along with the serial output: decides `--until` and `--fail` line by line and says when a `--send` is due.
 * An unfinished line (a prompt) is looked at only when the output pauses, so `^OK$` never matches the first half of a line.
 */
export interface Send {
  readonly bytes: Uint8Array;
  /** Sent at once when absent; otherwise after output, later than the previous send's match, that matches. */
  readonly after?: RegExp;
}

/** A guest that never ends its line must not fill the host's memory. */
const LONGEST_LINE = 65_536;
const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

export class SerialWatcher {
  verdict: 'until' | 'fail' | undefined;
  /** The line that decided. */
  verdictLine = '';
  /** The last byte seen, -1 before the first. */
  lastByte = -1;
  readonly #line = new Uint8Array(LONGEST_LINE);
  #length = 0;
  #nextSend = 0;
  /** In the current line, where the next send's pattern starts to look. */
  #consumed = 0;
  #changed = false;
  #changedSinceSettle = false;
  readonly #until: RegExp | undefined;
  readonly #fail: RegExp | undefined;
  readonly #sends: readonly Send[];
  readonly #type: (bytes: Uint8Array) => void;

  /** Patterns need the `g` flag. `type` is called with the bytes of each send as it becomes due. */
  constructor(
    until: RegExp | undefined,
    fail: RegExp | undefined,
    sends: readonly Send[],
    type: (bytes: Uint8Array) => void,
  ) {
    this.#until = until;
    this.#fail = fail;
    this.#sends = sends;
    this.#type = type;
  }

  /** Sends that wait for nothing. */
  start(): void {
    this.#fireSends('');
  }

  byte(value: number): void {
    this.lastByte = value;
    this.#changed = true;
    this.#changedSinceSettle = true;
    if (value === NEWLINE) {
      this.#examine();
      this.#newLine();
      return;
    }
    this.#line[this.#length++] = value;
    if (this.#length === LONGEST_LINE) {
      this.#examine();
      this.#newLine();
    }
  }

  /** Called between slices; `idle` when the guest waits for something. */
  settle(idle: boolean): void {
    const paused = idle || !this.#changedSinceSettle;
    this.#changedSinceSettle = false;
    if (!paused || !this.#changed || this.#length === 0) return;
    this.#changed = false;
    this.#examine();
  }

  get sendsPending(): boolean {
    return this.#nextSend < this.#sends.length;
  }

  #newLine(): void {
    this.#length = 0;
    this.#consumed = 0;
    this.#changed = false;
  }

  #examine(): void {
    if (!this.#until && !this.#fail && !this.sendsPending) return;
    let length = this.#length;
    while (length > 0 && this.#line[length - 1] === CARRIAGE_RETURN) length--;
    const text = new TextDecoder().decode(this.#line.subarray(0, length));
    this.#judge(text);
    this.#fireSends(text);
  }

  #judge(text: string): void {
    if (this.verdict) return;
    if (matches(this.#fail, text, 0)) this.verdict = 'fail';
    else if (matches(this.#until, text, 0)) this.verdict = 'until';
    if (this.verdict) this.verdictLine = text;
  }

  #fireSends(text: string): void {
    for (; this.#nextSend < this.#sends.length; this.#nextSend++) {
      const send = this.#sends[this.#nextSend]!;
      if (send.after) {
        if (!matches(send.after, text, this.#consumed)) return;
        this.#consumed = send.after.lastIndex;
      }
      this.#type(send.bytes);
    }
  }
}

function matches(pattern: RegExp | undefined, text: string, from: number): boolean {
  if (!pattern) return false;
  pattern.lastIndex = from;
  return pattern.test(text);
}
