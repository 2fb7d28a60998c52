/** The run's side of display and keyboard: what watches the screen, what types, what is written of it. */
import type { Frame } from '../display/frame.js';
import { renderFrame } from '../display/render.js';
import { screenText } from '../display/screen-text.js';
import { blinkPhase } from '../display/text-mode.js';
import type { Machine } from './guest.js';
import { TerminalView } from './host/terminal-view.js';
import { VncServer } from './host/vnc-server.js';
import type { VncScreen } from './host/vnc-server.js';
import { tcpListener } from './host/vnc-transport.js';
import { keysOfTerminal } from './key-text.js';
import { KeyTypist } from './key-typist.js';
import type { Observer } from './run-loop.js';
import type { RunConfiguration } from './run-options.js';
import { Screenshots } from './screenshots.js';
import { ScreenWatcher } from './screen-watcher.js';
import type { ScreenSource } from './screen-watcher.js';
import { readPassword } from './vnc-options.js';

type ScreenConfiguration = Pick<
  RunConfiguration,
  'screenshots' | 'keySends' | 'untilScreen' | 'display' | 'vnc'
>;
/** The shortest phase of what blinks. */
const BLINK_NS = 8 * 16_666_667;

export class Screen {
  readonly typist: KeyTypist;
  readonly observers: readonly Observer[];
  readonly #screenshots: Screenshots;
  readonly #config: ScreenConfiguration;
  readonly #machine: () => Machine;
  readonly #vncPassword: Uint8Array | undefined;
  #vnc: VncServer | undefined;
  #view: TerminalView | undefined;

  /** `machine` is asked for when the run begins: screenshots open their files before. Throws UsageError for a file that cannot be written. */
  constructor(config: ScreenConfiguration, machine: () => Machine) {
    this.#config = config;
    this.#machine = machine;
    const passwordFile = config.vnc?.passwordFile;
    this.#vncPassword = passwordFile === undefined ? undefined : readPassword(passwordFile);
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

  /** Shows the screen where the options say; `wake` is called for input that an idle guest should see. Rejects with UsageError. */
  async open(wake: () => void): Promise<void> {
    const { vga } = this.#machine();
    if (this.#config.display === 'terminal') {
      this.#view = new TerminalView(vga, process.stdout);
      this.#view.open();
    }
    if (this.#config.vnc === undefined) return;
    const { address, webSocket } = this.#config.vnc;
    const server = new VncServer(this.#vncScreen(wake), this.#vncPassword);
    this.#vnc = server;
    await server.listen(tcpListener(address));
    if (webSocket === undefined) return;
    // Its libraries take time to load, which only those who want them should wait for.
    const { webSocketListener } = await import('./host/vnc-websocket.js');
    await server.listen(webSocketListener(webSocket, this.#vncPassword !== undefined));
  }

  #vncScreen(wake: () => void): VncScreen {
    const machine = this.#machine();
    const picture = new Picture(machine);
    return {
      get changes() {
        return `${picture.version} ${machine.i8042.keyboard.state.leds}`;
      },
      frame: () => picture.frame(),
      leds: () => machine.i8042.keyboard.state.leds,
      keys: (events) => {
        this.typist.enqueue(events);
        wake();
      },
      mouse: ({ dx, dy, dz, buttons }) => {
        machine.i8042.mouse.move(dx, dy, dz, buttons);
        wake();
      },
    };
  }

  /** What a terminal sent. */
  terminalInput(bytes: Uint8Array): void {
    this.typist.enqueue(keysOfTerminal(bytes));
  }

  /** Shows a line on the terminal's view for a moment; false when there is none. */
  note(text: string): boolean {
    return this.#view?.note(text) ?? false;
  }

  /** The terminal is the monitor's for a while. */
  giveTerminal(away: boolean): void {
    if (away) this.#view?.hide();
    else this.#view?.show();
  }

  close(): void {
    this.#vnc?.close();
    this.#view?.close();
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

/** The screen as one picture for all who look, drawn again only when it may have changed. */
class Picture {
  readonly #machine: Machine;
  #frame: Frame | undefined;
  #drawn = '';

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Differs when there may be something new to see. */
  get version(): string {
    const { vga } = this.#machine;
    return `${vga.changes} ${Math.floor(this.#machine.now() / BLINK_NS)}`;
  }

  /** Valid until the next call. */
  frame(): Frame {
    const { version } = this;
    if (this.#frame !== undefined && version === this.#drawn) return this.#frame;
    this.#drawn = version;
    this.#frame = renderFrame(this.#machine.vga.state, blinkPhase(this.#machine.now()), this.#frame);
    return this.#frame;
  }
}
