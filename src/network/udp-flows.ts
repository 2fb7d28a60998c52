/** The guest's UDP conversations, each behind a host socket of its own: bounded in number, forgotten after a minute of silence. */
import type { Nanoseconds } from '../devices/device.js';
import type { HostSockets, HostUdpSocket } from './host-sockets.js';
import { LARGEST_UDP_PAYLOAD } from './udp.js';
import type { Endpoint, UdpDatagram } from './udp.js';

const MOST_FLOWS = 128;
/** Partners whose answers one port of the guest gets. */
const MOST_PARTNERS = 64;
const LIFETIME: Nanoseconds = 60e9;

/** Where a datagram goes on the host, and who an answer from there seems to come from. */
export interface UdpTarget {
  readonly address: string;
  readonly port: number;
  readonly loopback: boolean;
  /** Answers seem to come from this address, and from this port if there is one; else from the port they came from. */
  readonly seenAs: number;
  readonly seenPort?: number;
}

interface Flow {
  readonly socket: HostUdpSocket;
  /** Host address, or address and port where only that port may answer → how the guest sees it. */
  readonly partners: Map<string, UdpTarget>;
  used: Nanoseconds;
}

export class UdpFlows {
  private readonly sockets: HostSockets;
  private readonly now: () => Nanoseconds;
  private readonly deliver: (datagram: UdpDatagram) => void;
  /** In order of last use. */
  private readonly flows = new Map<string, Flow>();

  constructor(sockets: HostSockets, now: () => Nanoseconds, deliver: (datagram: UdpDatagram) => void) {
    this.sockets = sockets;
    this.now = now;
    this.deliver = deliver;
  }

  get size(): number {
    return this.flows.size;
  }

  send({ source, payload }: UdpDatagram, target: UdpTarget): void {
    const kind = target.seenPort === undefined ? (target.loopback ? 'host' : 'world') : 'service';
    const key = `${source.address}:${source.port} ${kind} ${target.loopback}`;
    const flow = this.flows.get(key) ?? this.open(key, source, target.loopback);
    flow.used = this.now();
    this.flows.delete(key);
    this.flows.set(key, flow);
    const partner = partnerKey(target);
    flow.partners.delete(partner);
    if (flow.partners.size >= MOST_PARTNERS) flow.partners.delete(flow.partners.keys().next().value!);
    flow.partners.set(partner, target);
    flow.socket.send(payload, target.address, target.port);
  }

  private open(key: string, guest: Endpoint, loopback: boolean): Flow {
    if (this.flows.size >= MOST_FLOWS) this.close(this.flows.keys().next().value!);
    const partners = new Map<string, UdpTarget>();
    const socket = this.sockets.openUdp(loopback, (bytes, address, port) => {
      const target = partners.get(`${address}:${port}`) ?? partners.get(address);
      if (!this.flows.has(key) || target === undefined || bytes.length > LARGEST_UDP_PAYLOAD) return;
      const source = { address: target.seenAs, port: target.seenPort ?? port };
      this.deliver({ source, destination: guest, payload: bytes });
    });
    const flow = { socket, partners, used: this.now() };
    this.flows.set(key, flow);
    return flow;
  }

  private close(key: string): void {
    this.flows.get(key)?.socket.close();
    this.flows.delete(key);
  }

  deadline(): Nanoseconds {
    for (const { used } of this.flows.values()) return used + LIFETIME;
    return Infinity;
  }

  tick(now: Nanoseconds): void {
    for (const [key, { used }] of this.flows) {
      if (used + LIFETIME > now) return;
      this.close(key);
    }
  }

  reset(): void {
    for (const key of [...this.flows.keys()]) this.close(key);
  }
}

const partnerKey = ({ address, port, seenPort }: UdpTarget): string =>
  seenPort === undefined ? address : `${address}:${port}`;
