/** Datagrams that reach a port of the host for the guest, and what the guest answers: each sender poses as a port of the gateway. */
import type { Nanoseconds } from '../devices/device.js';
import { GATEWAY } from './addresses.js';
import type { HostEndpoint, HostUdpSocket } from './host-sockets.js';
import { LARGEST_UDP_PAYLOAD } from './udp.js';
import type { Endpoint, UdpDatagram } from './udp.js';

const MOST_SENDERS = 128;
const LIFETIME: Nanoseconds = 60e9;
/** Ports of senders whose own number is taken. */
const FIRST_PORT = 49152,
  LAST_PORT = 65535;

interface Sender {
  readonly key: string;
  readonly socket: HostUdpSocket;
  readonly from: HostEndpoint;
  /** Guest's address and port, and the gateway's port that stands for the sender. */
  readonly pair: string;
  readonly port: number;
  used: Nanoseconds;
}

const pairOf = (guest: Endpoint, port: number): string => `${guest.address}:${guest.port} ${port}`;

export class UdpForwards {
  private readonly now: () => Nanoseconds;
  private readonly deliver: (datagram: UdpDatagram) => void;
  /** In order of last use. */
  private readonly senders = new Map<string, Sender>();
  private readonly byPair = new Map<string, Sender>();

  constructor(now: () => Nanoseconds, deliver: (datagram: UdpDatagram) => void) {
    this.now = now;
    this.deliver = deliver;
  }

  get size(): number {
    return this.senders.size;
  }

  /** `socket` has received a datagram that is meant for `guest`. */
  receive(socket: HostUdpSocket, guest: Endpoint, from: HostEndpoint, payload: Uint8Array): void {
    if (payload.length > LARGEST_UDP_PAYLOAD) return;
    const key = `${from.address}:${from.port} ${guest.address}:${guest.port}`;
    const sender = this.senders.get(key) ?? this.add(key, socket, guest, from);
    this.use(sender);
    this.deliver({ source: { address: GATEWAY, port: sender.port }, destination: guest, payload });
  }

  /** False when the guest does not answer a sender. */
  answer({ source, destination, payload }: UdpDatagram): boolean {
    const sender = this.byPair.get(pairOf(source, destination.port));
    if (destination.address !== GATEWAY || sender === undefined) return false;
    this.use(sender);
    sender.socket.send(payload, sender.from.address, sender.from.port);
    return true;
  }

  private add(key: string, socket: HostUdpSocket, guest: Endpoint, from: HostEndpoint): Sender {
    if (this.senders.size >= MOST_SENDERS) this.forget(this.senders.values().next().value!);
    let { port } = from;
    for (let other = FIRST_PORT; this.byPair.has(pairOf(guest, port)) && other <= LAST_PORT; other++)
      port = other;
    const sender = { key, socket, from, pair: pairOf(guest, port), port, used: 0 };
    this.byPair.set(sender.pair, sender);
    return sender;
  }

  private use(sender: Sender): void {
    sender.used = this.now();
    this.senders.delete(sender.key);
    this.senders.set(sender.key, sender);
  }

  private forget({ key, pair }: Sender): void {
    this.senders.delete(key);
    this.byPair.delete(pair);
  }

  deadline(): Nanoseconds {
    for (const { used } of this.senders.values()) return used + LIFETIME;
    return Infinity;
  }

  tick(now: Nanoseconds): void {
    for (const sender of [...this.senders.values()]) {
      if (sender.used + LIFETIME > now) return;
      this.forget(sender);
    }
  }

  reset(): void {
    this.senders.clear();
    this.byPair.clear();
  }
}
