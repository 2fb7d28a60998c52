/** All TCP connections of the guest: who gets a segment, how many there may be, when one of them is due. */
import type { Nanoseconds } from '../devices/device.js';
import type { HostSockets, HostTcpEvents, HostTcpSocket } from './host-sockets.js';
import type { Datagram } from './ipv4.js';
import { TcpConnection } from './tcp-connection.js';
import type { TcpOwner } from './tcp-connection.js';
import { TCP_FLAG, buildTcp, parseTcp, resetFor } from './tcp-segment.js';
import type { TcpSegment } from './tcp-segment.js';
import type { Endpoint } from './udp.js';

const MOST_CONNECTIONS = 256;
/** Ports of the gateway that connections from the host come from. */
const FIRST_EPHEMERAL = 49152,
  LAST_PORT = 65535;
/** From one connection to the next, so that old segments fit no new one. */
const SEQUENCE_STEP = 0x01000193;

export interface TcpParts {
  readonly sockets: HostSockets;
  now(): Nanoseconds;
  send(datagram: Datagram): void;
  /** Host name or address behind an endpoint of the guest's view; undefined when the guest may not go there. */
  translate(remote: Endpoint): { address: string; port: number } | undefined;
  /** Tells the guest that its attempt reaches nobody. */
  unreachable(guest: Endpoint, remote: Endpoint): void;
}

const keyOf = (guest: Endpoint, remote: Endpoint): string =>
  `${guest.address}:${guest.port}-${remote.address}:${remote.port}`;

export class Tcp implements TcpOwner {
  private readonly parts: TcpParts;
  private readonly connections = new Map<string, TcpConnection>();
  private sequence = 0x10000;
  private port = FIRST_EPHEMERAL;
  /** Earliest time one is due; -1 when it has to be found again. */
  private nextDue: Nanoseconds = Infinity;

  constructor(parts: TcpParts) {
    this.parts = parts;
  }

  get size(): number {
    return this.connections.size;
  }

  receive(datagram: Datagram): void {
    const segment = parseTcp(datagram);
    if (segment === undefined) return;
    this.nextDue = -1;
    const known = this.connections.get(keyOf(segment.source, segment.destination));
    if (known !== undefined) known.receive(segment);
    else if ((segment.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK | TCP_FLAG.RST)) === TCP_FLAG.SYN)
      this.open(segment);
    else this.refuse(segment);
  }

  private refuse(segment: TcpSegment): void {
    const reset = resetFor(segment);
    if (reset !== undefined) this.emit(reset);
  }

  private open(syn: TcpSegment): void {
    const target = this.parts.translate(syn.destination);
    if (target === undefined || this.connections.size >= MOST_CONNECTIONS) {
      this.refuse(syn);
      return;
    }
    const connection = new TcpConnection(this, syn.source, syn.destination, this.nextSequence(), syn);
    this.connections.set(keyOf(connection.guest, connection.remote), connection);
    connection.attach(
      this.parts.sockets.connectTcp(target.address, target.port, this.watched(connection)),
      false,
    );
  }

  /** A connection that somebody made to the host is carried on to the guest. Undefined, and the socket cut, when there are too many. */
  accept(socket: HostTcpSocket, gateway: number, guest: Endpoint): HostTcpEvents | undefined {
    const remote = this.freeEndpoint(gateway, guest);
    if (remote === undefined) {
      socket.reset();
      return undefined;
    }
    const connection = new TcpConnection(this, guest, remote, this.nextSequence());
    this.connections.set(keyOf(guest, remote), connection);
    this.nextDue = -1;
    connection.attach(socket, true);
    return this.watched(connection);
  }

  private freeEndpoint(address: number, guest: Endpoint): Endpoint | undefined {
    if (this.connections.size >= MOST_CONNECTIONS) return undefined;
    for (;;) {
      const remote = { address, port: this.port };
      this.port = this.port === LAST_PORT ? FIRST_EPHEMERAL : this.port + 1;
      if (!this.connections.has(keyOf(guest, remote))) return remote;
    }
  }

  private nextSequence(): number {
    this.sequence = (this.sequence + SEQUENCE_STEP) >>> 0;
    return this.sequence;
  }

  /** Any event of the host may change when something is due. */
  private watched(connection: TcpConnection): HostTcpEvents {
    const noticed = (): TcpConnection => {
      this.nextDue = -1;
      return connection;
    };
    return {
      connected: () => noticed().connected(),
      data: (bytes) => noticed().data(bytes),
      drained: () => noticed().drained(),
      ended: () => noticed().ended(),
      failed: (failure) => noticed().failed(failure),
    };
  }

  deadline(): Nanoseconds {
    if (this.nextDue < 0) {
      this.nextDue = Infinity;
      for (const { due } of this.connections.values()) this.nextDue = Math.min(this.nextDue, due);
    }
    return this.nextDue;
  }

  tick(now: Nanoseconds): void {
    this.nextDue = -1;
    for (const connection of [...this.connections.values()]) connection.tick(now);
  }

  /** Cuts all connections without telling the guest. */
  reset(): void {
    for (const connection of [...this.connections.values()]) connection.close();
    this.nextDue = Infinity;
  }

  now(): Nanoseconds {
    return this.parts.now();
  }
  emit(segment: TcpSegment): void {
    this.parts.send(buildTcp(segment));
  }
  closed({ guest, remote }: TcpConnection): void {
    this.connections.delete(keyOf(guest, remote));
  }
  unreachable({ guest, remote }: TcpConnection): void {
    this.parts.unreachable(guest, remote);
  }
}
