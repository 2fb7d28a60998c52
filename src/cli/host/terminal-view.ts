/** The guest's text screen on standard output, redrawn while it changes; the terminal is left in order. */
import { textScreen } from '../../display/screen-text.js';
import type { TextScreen } from '../../display/screen-text.js';
import { terminalUpdate } from '../../display/terminal.js';
import type { VgaState } from '../../devices/vga-state.js';

export interface ViewedScreen {
  readonly changes: number;
  readonly state: VgaState;
}

const INTERVAL_MS = 33;
/** Attributes off, cursor on, below the picture. */
const LEAVE = '\x1b[0m\x1b[?25h\x1b[999;1H\r\n';
const NOTE = '(no text on the screen)';

export class TerminalView {
  readonly #screen: ViewedScreen;
  #timer: NodeJS.Timeout | undefined;
  #shown: TextScreen | undefined;
  #seen = -1;

  constructor(screen: ViewedScreen) {
    this.#screen = screen;
  }

  open(): void {
    this.#timer = setInterval(() => this.#draw(), INTERVAL_MS);
  }

  close(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#draw();
    process.stdout.write(LEAVE);
  }

  #draw(): void {
    const { changes, state } = this.#screen;
    if (changes === this.#seen || process.stdout.writableNeedDrain) return;
    this.#seen = changes;
    const next = textScreen(state);
    process.stdout.write(terminalUpdate(this.#shown, next, NOTE));
    this.#shown = next;
  }
}
