// A headless Chromium that is driven by its DevTools protocol over a WebSocket, with nothing but `ws`.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';

const START_SECONDS = 60;
const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--remote-debugging-port=0',
  '--window-size=1400,1000',
];

/** The address that the browser says on standard error. */
async function debuggerAddress(child) {
  let said = '';
  let status;
  child.on('error', (error) => (status = error.message));
  child.on('exit', (code) => (status = `ended with status ${code}`));
  child.stderr.on('data', (data) => (said += data));
  for (let waited = 0; waited < START_SECONDS * 10 && status === undefined; waited++) {
    const match = /DevTools listening on (ws:\S+)/.exec(said);
    if (match !== null) return match[1];
    await sleep(100);
  }
  throw new Error(`chromium did not start (${status}): ${said}`);
}

/** Calls of the protocol by number; events are dropped. */
class Protocol {
  #socket;
  #next = 1;
  #waiting = new Map();

  constructor(socket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const { id, result, error } = JSON.parse(data);
      const call = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) call?.reject(new Error(`${call.method}: ${error.message}`));
      else call?.resolve(result);
    });
  }
  call(method, params = {}, sessionId = undefined) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { method, resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    });
  }
}

export class Chromium {
  #child;
  #directory;
  #socket;
  #protocol;
  #session;

  /** Starts the browser and opens the address. */
  static async open(url) {
    const browser = new Chromium();
    try {
      await browser.#start(url);
    } catch (error) {
      await browser.close();
      throw error;
    }
    return browser;
  }

  async #start(url) {
    this.#directory = mkdtempSync(`${tmpdir()}/chromium-`);
    this.#child = spawn('chromium', [...FLAGS, `--user-data-dir=${this.#directory}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#socket = new WebSocket(await debuggerAddress(this.#child), { maxPayload: 1 << 28 });
    await new Promise((resolve, reject) => this.#socket.on('open', resolve).on('error', reject));
    this.#protocol = new Protocol(this.#socket);
    const { targetId } = await this.#protocol.call('Target.createTarget', { url });
    const attached = await this.#protocol.call('Target.attachToTarget', { targetId, flatten: true });
    this.#session = attached.sessionId;
    await this.send('Page.bringToFront');
  }

  send(method, params) {
    return this.#protocol.call(method, params, this.#session);
  }

  /** The value of an expression in the page. */
  async evaluate(expression) {
    const settings = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', settings);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Presses and lets go of a key: its name and place as in KeyboardEvent, its virtual key code. */
  async press(key, code, windowsVirtualKeyCode) {
    const text = key.length === 1 ? key : undefined;
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key, code, windowsVirtualKeyCode, text });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key, code, windowsVirtualKeyCode });
  }

  /** `type` is mouseMoved, mousePressed or mouseReleased; `buttons` those held. */
  mouse(type, x, y, buttons = 0) {
    const button = type === 'mouseMoved' ? 'none' : 'left';
    return this.send('Input.dispatchMouseEvent', { type, x, y, button, buttons, clickCount: 1 });
  }

  async close() {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      this.#protocol?.call('Browser.close').catch(() => {});
      await Promise.race([gone, sleep(5000)]);
      child.kill('SIGKILL');
    }
    this.#socket?.terminate();
    if (this.#directory) rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
