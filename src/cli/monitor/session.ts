/** One user of the monitor: bytes in, lines out; an echo and simple editing for terminals, which send each key at once. */
import { printable } from '../usage-error.js';

const LONGEST_LINE = 4096;
const PROMPT = '(hvm) ';
const BACKSPACE = 8,
  LINE_FEED = 10,
  RETURN = 13,
  CTRL_U = 21,
  SPACE = 32,
  DELETE = 127;

export interface SessionSetup {
  /** Typed keys are not shown by whoever sends them. */
  readonly echo: boolean;
  execute(line: string): string;
  send(text: string): void;
}

export class MonitorSession {
  readonly #setup: SessionSetup;
  #line: number[] = [];
  /** A line feed right behind a return belongs to it. */
  #returned = false;

  constructor(setup: SessionSetup) {
    this.#setup = setup;
  }

  /** Greets. */
  open(): void {
    this.#setup.send(`hvm monitor - type 'help' for the commands\r\n${PROMPT}`);
  }

  receive(bytes: Uint8Array): void {
    for (const byte of bytes) this.#byte(byte);
  }

  #byte(byte: number): void {
    const returned = this.#returned;
    this.#returned = byte === RETURN;
    if (byte === LINE_FEED && returned) return;
    if (byte === LINE_FEED || byte === RETURN) this.#enter();
    else if (byte === BACKSPACE || byte === DELETE) this.#erase(1);
    else if (byte === CTRL_U) this.#erase(this.#line.length);
    else if ((byte >= SPACE || byte === 9) && this.#line.length < LONGEST_LINE) {
      this.#line.push(byte);
      if (this.#setup.echo) this.#setup.send(String.fromCharCode(byte));
    }
  }

  #erase(count: number): void {
    const erased = this.#line.splice(Math.max(0, this.#line.length - count)).length;
    if (this.#setup.echo) this.#setup.send('\b \b'.repeat(erased));
  }

  #enter(): void {
    const line = new TextDecoder().decode(Uint8Array.from(this.#line));
    this.#line = [];
    if (this.#setup.echo) this.#setup.send('\r\n');
    const answer = this.#setup.execute(line);
    if (answer !== '') this.#setup.send(`${answer.split('\n').map(printable).join('\r\n')}\r\n`);
    this.#setup.send(PROMPT);
  }
}
