/** TCP and UDP sockets of the host for the guest's network, and the ports the host listens on for it. IPv4 only. */
import * as dgram from 'node:dgram';
import * as dns from 'node:dns';
import * as net from 'node:net';
import type {
  HostEndpoint,
  HostFailure,
  HostSockets,
  HostTcpEvents,
  HostTcpSocket,
  HostUdpSocket,
} from '../../network/host-sockets.js';
import { UsageError } from '../usage-error.js';

const LOOPBACK = '127.0.0.1',
  ANY = '0.0.0.0';
const DNS_PORT = 53;

/** Names failures by what the guest can be told. */
function failureOf(error: Error): HostFailure {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ECONNREFUSED':
      return 'refused';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
    case 'EADDRNOTAVAIL':
    case 'EACCES':
    case 'EPERM':
      return 'unreachable';
    default:
      return 'broken';
  }
}

class TcpSocket implements HostTcpSocket {
  readonly #socket: net.Socket;
  readonly #forget: () => void;

  constructor(socket: net.Socket, forget: () => void) {
    this.#socket = socket;
    this.#forget = forget;
    socket.setNoDelay(true);
    // Before somebody listens, and after a reset, errors are nobody's.
    socket.on('error', () => {});
    socket.once('close', forget);
  }

  listen(events: HostTcpEvents, activity: () => void): void {
    const told =
      <T extends unknown[]>(handler: (...values: T) => void) =>
      (...values: T): void => {
        handler(...values);
        activity();
      };
    const socket = this.#socket;
    socket.once(
      'connect',
      told(() => events.connected()),
    );
    socket.on(
      'data',
      told((bytes: Buffer) => events.data(bytes)),
    );
    socket.on(
      'drain',
      told(() => events.drained()),
    );
    socket.once(
      'end',
      told(() => events.ended()),
    );
    socket.on(
      'error',
      told((error: Error) => events.failed(failureOf(error))),
    );
  }

  get buffered(): number {
    return this.#socket.writableLength;
  }
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }
  end(): void {
    this.#socket.end();
  }
  reset(): void {
    const socket = this.#socket;
    for (const event of ['connect', 'data', 'drain', 'end', 'error']) socket.removeAllListeners(event);
    socket.on('error', () => {});
    if (socket.connecting) socket.destroy();
    else socket.resetAndDestroy();
    this.#forget();
  }
  pause(): void {
    this.#socket.pause();
  }
  resume(): void {
    this.#socket.resume();
  }
}

class UdpSocket implements HostUdpSocket {
  readonly #socket = dgram.createSocket('udp4');
  #closed = false;

  constructor(loopback: boolean, received: (bytes: Uint8Array, address: string, port: number) => void) {
    const socket = this.#socket;
    // What cannot be sent or received is lost, as datagrams may be.
    socket.on('error', () => {});
    socket.on('message', (bytes, from) => {
      if (!this.#closed) received(bytes, from.address, from.port);
    });
    socket.bind(0, loopback ? LOOPBACK : ANY);
  }

  send(bytes: Uint8Array, address: string, port: number): void {
    if (!this.#closed) this.#socket.send(bytes, port, address, () => {});
  }
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }
}

function parseResolver(text: string): HostEndpoint | undefined {
  const [address, port] = text.split(':') as [string, string?];
  return net.isIPv4(address) ? { address, port: port === undefined ? DNS_PORT : Number(port) } : undefined;
}

export interface Listening {
  /** What the user wrote, for messages. */
  readonly label: string;
  readonly address: string;
  readonly port: number;
  /** Somebody has connected; undefined when the socket was cut. */
  accept(socket: HostTcpSocket): HostTcpEvents | undefined;
}
export interface ListeningUdp extends Pick<Listening, 'label' | 'address' | 'port'> {
  received(socket: HostUdpSocket, from: HostEndpoint, bytes: Uint8Array): void;
}

const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'the host has no such address',
};

function listenError(label: string, error: NodeJS.ErrnoException): UsageError {
  const code = error.code ?? 'unknown error';
  return new UsageError(`${label}: ${LISTEN_ERRORS[code] ?? code}`);
}

export class NodeSockets implements HostSockets {
  readonly resolvers: readonly HostEndpoint[];
  /** Called after every event, so that a sleeping run goes on. */
  activity: () => void = () => {};
  readonly #open = new Set<{ reset(): void } | { close(): void }>();
  readonly #servers: net.Server[] = [];

  constructor() {
    this.resolvers = dns
      .getServers()
      .map(parseResolver)
      .filter((resolver) => resolver !== undefined);
  }

  connectTcp(address: string, port: number, events: HostTcpEvents): HostTcpSocket {
    const socket = net.connect({ host: address, port, allowHalfOpen: true, family: 4 });
    const wrapped = this.#wrap(socket);
    wrapped.listen(events, () => this.activity());
    return wrapped;
  }

  #wrap(socket: net.Socket): TcpSocket {
    const wrapped: TcpSocket = new TcpSocket(socket, () => this.#open.delete(wrapped));
    this.#open.add(wrapped);
    return wrapped;
  }

  openUdp(
    loopback: boolean,
    received: (bytes: Uint8Array, address: string, port: number) => void,
  ): HostUdpSocket {
    const socket = new UdpSocket(loopback, (bytes, address, port) => {
      received(bytes, address, port);
      this.activity();
    });
    this.#open.add(socket);
    return {
      send: (bytes, address, port) => socket.send(bytes, address, port),
      close: () => {
        this.#open.delete(socket);
        socket.close();
      },
    };
  }

  /** Resolves when the host listens; throws UsageError when it cannot. */
  listen(listening: Listening): Promise<void> {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      const wrapped = this.#wrap(socket);
      const events = listening.accept(wrapped);
      if (events !== undefined) wrapped.listen(events, () => this.activity());
      this.activity();
    });
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(listening.label, error)));
      server.listen(listening.port, listening.address, () => resolve());
    });
  }

  /** Resolves when the host takes datagrams for the guest; throws UsageError when it cannot. */
  listenUdp({ label, address, port, received }: ListeningUdp): Promise<void> {
    const socket = dgram.createSocket('udp4');
    const answering: HostUdpSocket = {
      // What cannot be sent is lost, as datagrams may be.
      send: (bytes, to, toPort) => socket.send(bytes, toPort, to, () => {}),
      close: () => socket.close(),
    };
    socket.on('message', (bytes, from) => {
      received(answering, { address: from.address, port: from.port }, bytes);
      this.activity();
    });
    return new Promise((resolve, reject) => {
      socket.once('error', (error: NodeJS.ErrnoException) => reject(listenError(label, error)));
      socket.bind(port, address, () => {
        socket.removeAllListeners('error').on('error', () => {});
        this.#open.add(answering);
        resolve();
      });
    });
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#open)
      if ('reset' in socket) socket.reset();
      else socket.close();
    this.#open.clear();
  }
}
