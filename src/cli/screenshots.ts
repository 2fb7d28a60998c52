/** `--screenshot FILE[,after=SECONDS|REGEX]`: writes the screen as text or PNG once its moment has come. */
import type { VgaState } from '../devices/vga-state.js';
import { encodePng } from '../display/png.js';
import { renderFrame } from '../display/render.js';
import { screenText } from '../display/screen-text.js';
import { compressZlib } from './host/compression.js';
import { closeFile, openOutputFile, writeFully } from './host/files.js';
import { parsePattern } from './options.js';
import type { Observer } from './run-loop.js';
import { matchingLine } from './screen-watcher.js';
import type { ScreenSource } from './screen-watcher.js';
import { SerialWatcher } from './serial-watcher.js';
import { UsageError, printable, quote } from './usage-error.js';

export interface ScreenshotRequest {
  readonly path: string;
  readonly format: 'text' | 'png';
  /** Guest seconds, or what serial output or screen show first; at the end of the run when absent. */
  readonly after?: number | RegExp;
}

/** The last `,after=` counts. Throws UsageError for a name that is neither .txt nor .png. */
export function parseScreenshot(value: string): ScreenshotRequest {
  const at = value.lastIndexOf(',after=');
  const path = at < 0 ? value : value.slice(0, at);
  const format = /\.png$/i.test(path) ? 'png' : /\.txt$/i.test(path) ? 'text' : undefined;
  if (format === undefined)
    throw new UsageError(`--screenshot ${quote(path)}: expected a name that ends in .png or .txt`);
  if (at < 0) return { path, format };
  const after = value.slice(at + ',after='.length);
  return {
    path,
    format,
    after: /^\d*\.?\d+$/.test(after) ? Number(after) : parsePattern('--screenshot after=', after),
  };
}

/** The bytes of a screenshot file. */
export function screenshotBytes(state: VgaState, format: 'text' | 'png'): Uint8Array {
  if (format === 'png') return encodePng(renderFrame(state), compressZlib);
  const lines = screenText(state);
  return new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''));
}

interface Screenshot extends ScreenshotRequest {
  readonly serial: SerialWatcher | undefined;
  readonly descriptor: number;
  taken: boolean;
}

export interface ScreenshotSetup {
  readonly requests: readonly ScreenshotRequest[];
  /** The machine's, once it exists. */
  readonly state: () => VgaState;
  readonly source: ScreenSource;
  /** Guest nanoseconds. */
  readonly now: () => number;
}

export class Screenshots implements Observer {
  readonly #setup: ScreenshotSetup;
  readonly #shots: readonly Screenshot[];
  #seen = -1;

  /** Files are created at once: throws UsageError for one that cannot be. */
  constructor(setup: ScreenshotSetup) {
    this.#setup = setup;
    this.#shots = setup.requests.map((request) => ({
      ...request,
      serial:
        request.after instanceof RegExp
          ? new SerialWatcher(request.after, undefined, [], () => {})
          : undefined,
      descriptor: openOutputFile('--screenshot', request.path),
      taken: false,
    }));
  }

  /** A byte of serial output. */
  byte(value: number): void {
    for (const { serial, taken } of this.#shots) if (!taken) serial?.byte(value);
  }

  settle(): void {
    const { source, now } = this.#setup;
    const waiting = this.#shots.filter((shot) => !shot.taken && shot.after !== undefined);
    if (waiting.length === 0) return;
    const changed = source.changes !== this.#seen;
    this.#seen = source.changes;
    const lines = changed ? source.lines() : [];
    for (const shot of waiting) {
      shot.serial?.settle(false);
      if (typeof shot.after === 'number' ? now() >= shot.after * 1e9 : this.#isDue(shot, lines))
        this.#take(shot);
    }
  }

  #isDue({ serial, after }: Screenshot, lines: readonly string[]): boolean {
    return serial?.verdict !== undefined || matchingLine(lines, after as RegExp) !== undefined;
  }

  /** Takes what was to be taken at the end; says which never came. */
  finish(): void {
    for (const shot of this.#shots) {
      if (!shot.taken && shot.after !== undefined)
        process.stderr.write(
          `hvm: ${printable(`--screenshot ${quote(shot.path)}: its moment never came; this is the end`)}\n`,
        );
      if (!shot.taken) this.#take(shot);
    }
  }

  #take(shot: Screenshot): void {
    shot.taken = true;
    writeFully('--screenshot', shot.descriptor, screenshotBytes(this.#setup.state(), shot.format));
    closeFile(shot.descriptor);
  }
}
