/** Standard input as the guest's serial keyboard: raw mode on a terminal, always restored; pipes are passed through. */
import { EscapeKeys } from '../escape-keys.js';

export interface InputEvents {
  input(bytes: Uint8Array): void;
  leave(): void;
  /** Ctrl-A h: what the keys behind Ctrl-A do. */
  help(text: string): void;
  /** Ctrl-A c: what is typed goes to the monitor from here on, or to the guest again. */
  monitor(on: boolean): void;
  monitorInput(bytes: Uint8Array): void;
}

const HELP = 'Ctrl-A x  leave    Ctrl-A c  monitor and back    Ctrl-A Ctrl-A  send Ctrl-A';

export class HostInput {
  readonly isTerminal = process.stdin.isTTY === true;
  readonly #keys = new EscapeKeys();
  readonly #events: InputEvents;
  readonly #restore = (): void => this.#setRaw(false);
  #open = false;
  #inMonitor = false;

  constructor(events: InputEvents) {
    this.#events = events;
  }

  open(): void {
    this.#open = true;
    process.on('exit', this.#restore);
    this.#setRaw(true);
    process.stdin.on('data', this.#onData);
    // A closed or unreadable standard input is a keyboard nobody types on.
    process.stdin.on('error', () => {});
    process.stdin.resume();
  }

  pause(): void {
    process.stdin.pause();
  }
  resume(): void {
    if (this.#open) process.stdin.resume();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    process.stdin.off('data', this.#onData);
    process.stdin.pause();
    this.#restore();
    process.off('exit', this.#restore);
  }

  readonly #onData = (data: Uint8Array): void => {
    const { forward, command, rest } = this.#keys.feed(data);
    if (forward.length > 0 && this.#inMonitor) this.#events.monitorInput(forward);
    else if (forward.length > 0) this.#events.input(forward);
    if (command === 'help') this.#events.help(HELP);
    if (command === 'leave') this.#events.leave();
    if (command !== 'monitor') return;
    this.#inMonitor = !this.#inMonitor;
    this.#events.monitor(this.#inMonitor);
    this.#onData(rest);
  };

  #setRaw(raw: boolean): void {
    if (!this.isTerminal) return;
    try {
      process.stdin.setRawMode(raw);
    } catch {
      // The terminal has been hung up: nothing is left to restore.
    }
  }
}
