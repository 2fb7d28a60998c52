/** The monitor on a socket or on standard input: every client is a session of its own. */
import * as fs from 'node:fs';
import * as net from 'node:net';
import type { MonitorAddress } from '../monitor-options.js';
import { MonitorSession } from '../monitor/session.js';
import { UsageError, quote } from '../usage-error.js';

/** Does what a line says; the answer. */
export type Execute = (line: string) => string;

const MOST_CLIENTS = 16;
/** A client that only asks and never takes is cut off. */
const HOPELESS_BYTES = 1 << 24;

const describe = (address: MonitorAddress): string =>
  address.kind === 'stdio'
    ? 'stdio'
    : address.kind === 'unix'
      ? `unix:${address.path}`
      : `tcp:${address.host}:${address.port}`;

function connects(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** A socket that nobody listens on any more is left over from a run that was killed. */
async function clearPath(path: string): Promise<void> {
  if (fs.statSync(path, { throwIfNoEntry: false })?.isSocket() === true && !(await connects(path)))
    fs.rmSync(path, { force: true });
}

export class MonitorServer {
  readonly #execute: Execute;
  readonly #clients = new Set<net.Socket>();
  #server: net.Server | undefined;
  #session: MonitorSession | undefined;

  constructor(execute: Execute) {
    this.#execute = execute;
  }

  /** Resolves with the TCP port, or 0, once clients can come. Rejects with UsageError when the address cannot be had. */
  async open(address: MonitorAddress): Promise<number> {
    if (address.kind === 'stdio') {
      this.#openStandardInput();
      return 0;
    }
    if (address.kind === 'unix') await clearPath(address.path);
    const server = net.createServer((socket) => this.#accept(socket));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const reason = error.code === 'EADDRINUSE' ? 'somebody listens there already' : error.code;
        reject(
          new UsageError(
            `--monitor ${quote(describe(address))}: cannot listen there (${reason ?? error.message})`,
          ),
        );
      });
      const listening = (): void => {
        // Errors of single connections are theirs.
        server.on('error', () => {});
        const place = server.address();
        resolve(typeof place === 'object' && place !== null ? place.port : 0);
      };
      if (address.kind === 'unix') server.listen(address.path, listening);
      else server.listen(address.port, address.host, listening);
    });
  }

  #accept(socket: net.Socket): void {
    if (this.#clients.size >= MOST_CLIENTS) {
      socket.destroy();
      return;
    }
    this.#clients.add(socket);
    const session = new MonitorSession({
      echo: false,
      execute: this.#execute,
      send: (text) => {
        if (socket.writableLength > HOPELESS_BYTES) socket.destroy();
        else if (socket.writable) socket.write(text);
      },
    });
    socket.on('data', (bytes) => session.receive(bytes));
    // A connection that breaks is closed like any other.
    socket.on('error', () => {});
    socket.on('close', () => this.#clients.delete(socket));
    session.open();
  }

  #openStandardInput(): void {
    const session = new MonitorSession({
      echo: false,
      execute: this.#execute,
      send: (text) => void process.stdout.write(text.replaceAll('\r\n', '\n')),
    });
    this.#session = session;
    process.stdin.on('data', this.#onData);
    process.stdin.on('error', () => {});
    session.open();
  }
  readonly #onData = (bytes: Uint8Array): void => this.#session?.receive(bytes);

  close(): void {
    this.#server?.close();
    // What was answered last still goes out.
    for (const socket of this.#clients) socket.destroySoon();
    if (this.#session === undefined) return;
    process.stdin.off('data', this.#onData);
    process.stdin.pause();
  }
}
