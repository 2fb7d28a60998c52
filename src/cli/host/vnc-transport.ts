/** How RFB's bytes travel between a client and the VNC server, and the plain way: TCP. */
import { createServer } from 'node:net';
import type { Socket } from 'node:net';

export interface VncAddress {
  readonly host: string;
  /** 0 is any free one. */
  readonly port: number;
}

/** One client's way to the server. After `destroy` or `end` what is sent is dropped. */
export interface VncConnection {
  send(bytes: Uint8Array): void;
  /** Bytes sent that the client has not taken. */
  readonly backlog: number;
  /** Closes once everything sent is taken. */
  end(): void;
  destroy(): void;
  /** Called once, before any byte can come. */
  attach(events: ConnectionEvents): void;
}
export interface ConnectionEvents {
  data(bytes: Uint8Array): void;
  /** The backlog has become smaller. */
  drain(): void;
  close(): void;
}

export interface VncListener {
  /** As in messages. */
  readonly name: string;
  /** Resolves with the port once clients can come; rejects with the host's error. */
  listen(accept: (connection: VncConnection) => void): Promise<number>;
  /** No further client; those that are there stay. */
  close(): void;
}

class TcpConnection implements VncConnection {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
  }
  send(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }
  get backlog(): number {
    return this.#socket.writableLength;
  }
  end(): void {
    this.#socket.end();
  }
  destroy(): void {
    this.#socket.destroy();
  }
  attach({ data, drain, close }: ConnectionEvents): void {
    const socket = this.#socket;
    socket.on('data', data);
    socket.on('drain', drain);
    // A connection that breaks is closed like any other.
    socket.on('error', () => {});
    socket.on('close', close);
  }
}

export function tcpListener({ host, port }: VncAddress): VncListener {
  const server = createServer();
  return {
    name: `${host}:${port}`,
    listen: (accept) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.on('connection', (socket) => accept(new TcpConnection(socket)));
        server.listen(port, host, () => {
          // Errors from here on are those of single connections.
          server.off('error', reject);
          server.on('error', () => {});
          resolve((server.address() as { port: number }).port);
        });
      }),
    close: () => void server.close(),
  };
}
