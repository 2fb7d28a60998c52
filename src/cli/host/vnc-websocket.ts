/** RFB over WebSocket, for clients in a browser (noVNC): each message carries a piece of the stream. */
import { WebSocketServer } from 'ws';
import type { RawData, WebSocket } from 'ws';
import type { ConnectionEvents, VncAddress, VncConnection, VncListener } from './vnc-transport.js';

/** Clients send keys and mouse movements; nothing legitimate needs more at once. */
const LONGEST_MESSAGE = 1 << 20;
/** Status codes of RFC 6455, section 7.4.1. */
const NORMAL = 1000,
  UNSUPPORTED_DATA = 1003;

class WebSocketConnection implements VncConnection {
  readonly #socket: WebSocket;
  #events: ConnectionEvents | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }
  send(bytes: Uint8Array): void {
    const socket = this.#socket;
    if (socket.readyState === socket.OPEN) socket.send(bytes, () => this.#events?.drain());
  }
  get backlog(): number {
    return this.#socket.bufferedAmount;
  }
  end(): void {
    this.#socket.close(NORMAL);
  }
  destroy(): void {
    this.#socket.terminate();
  }
  attach(events: ConnectionEvents): void {
    const socket = this.#socket;
    this.#events = events;
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) events.data(data as Buffer);
      else socket.close(UNSUPPORTED_DATA, 'RFB is binary');
    });
    // A connection that breaks is closed like any other.
    socket.on('error', () => {});
    socket.on('close', () => events.close());
  }
}

const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * Whether a page may connect. Browsers let every page of every site connect to loopback and say which one it is in `Origin`; without a
 * password only pages that this computer serves may, and programs, which send no origin.
 */
export function mayConnect(origin: string | undefined, hasPassword: boolean): boolean {
  if (origin === undefined || hasPassword) return true;
  return URL.canParse(origin) && LOOPBACK_HOST.test(new URL(origin).hostname);
}

export function webSocketListener({ host, port }: VncAddress, hasPassword: boolean): VncListener {
  let server: WebSocketServer | undefined;
  return {
    name: `websocket=${host}:${port}`,
    listen: (accept) =>
      new Promise((resolve, reject) => {
        const opened = new WebSocketServer({
          host,
          port,
          // Pictures are compressed already.
          perMessageDeflate: false,
          maxPayload: LONGEST_MESSAGE,
          handleProtocols: (offered) => (offered.has('binary') ? 'binary' : false),
          verifyClient: ({ origin }: { origin?: string }) => mayConnect(origin, hasPassword),
        });
        server = opened;
        opened.once('error', reject);
        opened.on('connection', (socket) => accept(new WebSocketConnection(socket)));
        opened.on('listening', () => {
          opened.off('error', reject);
          opened.on('error', () => {});
          resolve((opened.address() as { port: number }).port);
        });
      }),
    close: () => server?.close(),
  };
}
