/** The guest's text screen on a terminal, redrawn while it changes; the terminal is left as it was, whatever ends the process. */
import { scanOut } from '../../display/scan-out.js';
import { textScreen } from '../../display/screen-text.js';
import type { TextScreen } from '../../display/screen-text.js';
import {
  ENTER_TERMINAL,
  LEAVE_TERMINAL,
  terminalNote,
  terminalUpdate,
  visiblePart,
} from '../../display/terminal.js';
import type { TerminalSize } from '../../display/terminal.js';
import type { VgaState } from '../../devices/vga-state.js';

export interface ViewedScreen {
  readonly changes: number;
  readonly state: VgaState;
}
/** A terminal, such as `process.stdout`. */
export interface TerminalOutput {
  write(text: string): unknown;
  /** Undefined for what is no terminal. */
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  readonly writableNeedDrain: boolean;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

const INTERVAL_MS = 33;
/** How long a note stands. */
const NOTE_MS = 3000;

export class TerminalView {
  readonly #screen: ViewedScreen;
  readonly #output: TerminalOutput;
  #timer: NodeJS.Timeout | undefined;
  /** What the terminal shows, undefined when that is not known. */
  #shown: TextScreen | undefined;
  #seen = -1;
  /** Of the host's clock: nothing is drawn before. */
  #noteUntil = 0;

  constructor(screen: ViewedScreen, output: TerminalOutput) {
    this.#screen = screen;
    this.#output = output;
  }

  open(): void {
    this.#output.on('resize', this.#redraw);
    process.on('exit', this.#leave);
    // Before the stack trace, which is meant to stay.
    process.on('uncaughtExceptionMonitor', this.#leave);
    this.show();
  }

  /** Draws from now on. */
  show(): void {
    if (this.#timer !== undefined) return;
    this.#output.write(ENTER_TERMINAL);
    this.#redraw();
    this.#timer = setInterval(() => this.#draw(), INTERVAL_MS);
  }

  /** Shows a line in reverse at the bottom for a moment; false while the view is hidden. */
  note(text: string): boolean {
    if (this.#timer === undefined) return false;
    const { columns, rows } = this.#size;
    const line = ` ${text} `.slice(0, Math.min(columns, 1000));
    this.#output.write(`\x1b[${Math.min(rows, 999)};1H\x1b[0;7m${line}\x1b[0m`);
    this.#noteUntil = Date.now() + NOTE_MS;
    this.#redraw();
    return true;
  }

  /** Lets others have the terminal until `show`. */
  hide(): void {
    this.#leave();
  }

  close(): void {
    this.#leave();
    this.#output.off('resize', this.#redraw);
    process.off('exit', this.#leave);
    process.off('uncaughtExceptionMonitor', this.#leave);
  }

  readonly #leave = (): void => {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#output.write(LEAVE_TERMINAL);
  };

  /** Draws everything when its turn comes. */
  readonly #redraw = (): void => {
    this.#shown = undefined;
    this.#seen = -1;
  };

  get #size(): TerminalSize {
    const { columns = Infinity, rows = Infinity } = this.#output;
    return { columns, rows };
  }

  #draw(): void {
    const { changes, state } = this.#screen;
    if (changes === this.#seen || this.#output.writableNeedDrain || Date.now() < this.#noteUntil) return;
    this.#seen = changes;
    const whole = textScreen(state);
    if (whole === undefined) {
      this.#shown = undefined;
      this.#output.write(terminalNote(noteOf(state)));
      return;
    }
    const next = visiblePart(whole, this.#size);
    this.#output.write(terminalUpdate(this.#shown, next, this.#size));
    this.#shown = next;
  }
}

function noteOf(state: VgaState): string {
  const { kind, width, height } = scanOut(state);
  return kind === 'blank' ? '' : `(graphics, ${width} by ${height})`;
}
