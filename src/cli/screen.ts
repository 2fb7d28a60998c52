/** The run's side of display and keyboard: what watches the screen, what types, what is written of it. */
import { screenText } from '../display/screen-text.js';
import type { Machine } from './guest.js';
import { KeyTypist } from './key-typist.js';
import type { Observer } from './run-loop.js';
import type { RunConfiguration } from './run-options.js';
import { Screenshots } from './screenshots.js';
import { ScreenWatcher } from './screen-watcher.js';
import type { ScreenSource } from './screen-watcher.js';

type ScreenConfiguration = Pick<RunConfiguration, 'screenshots' | 'keySends' | 'untilScreen'>;

export class Screen {
  readonly typist: KeyTypist;
  readonly observers: readonly Observer[];
  readonly #screenshots: Screenshots;

  /** `machine` is asked for when the run begins: screenshots open their files before. Throws UsageError for a file that cannot be written. */
  constructor(config: ScreenConfiguration, machine: () => Machine) {
    const source: ScreenSource = {
      lines: () => screenText(machine().vga.state),
      get changes() {
        return machine().vga.changes;
      },
    };
    const now = (): number => machine().now();
    const keyboard = {
      key: (key: number, down: boolean) => machine().i8042.keyboard.key(key, down),
      get idle() {
        return machine().i8042.keyboard.idle;
      },
    };
    this.typist = new KeyTypist(keyboard, now);
    const watcher = new ScreenWatcher(source, this.typist, config.untilScreen, config.keySends);
    this.#screenshots = new Screenshots({
      requests: config.screenshots,
      state: () => machine().vga.state,
      source,
      now,
    });
    this.observers = [watcher, this.#screenshots];
  }

  /** A byte of serial output. */
  serialByte(byte: number): void {
    this.#screenshots.byte(byte);
  }

  /** The run has ended. */
  finish(): void {
    this.#screenshots.finish();
  }
}
