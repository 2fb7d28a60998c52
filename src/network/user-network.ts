/**
 * A network for one guest that needs no privileges on the host, with the addresses QEMU's user-mode network has: guest 10.0.2.15, gateway and DHCP server
 * 10.0.2.2 (which is also the host's loopback), name server 10.0.2.3. The guest's TCP and UDP go through sockets of the host.
 * Not implemented: IPv6, TFTP, ICMP beyond the gateway.
 */
import type { Nanoseconds } from '../devices/device.js';
import type { NetworkBackend, NetworkCard } from '../devices/network-backend.js';
import {
  BROADCAST,
  BROADCAST_MAC,
  GATEWAY,
  GATEWAY_MAC,
  NAME_SERVER,
  formatIpv4,
  inNetwork,
  isOutside,
  isOwn,
  sameMac,
} from './addresses.js';
import type { Ipv4Address, MacAddress } from './addresses.js';
import { ARP_REPLY, ARP_REQUEST, buildArp, parseArp } from './arp.js';
import { DHCP_SERVER_PORT, DhcpServer } from './dhcp.js';
import { ETHERTYPE, buildEthernet, parseEthernet } from './ethernet.js';
import type {
  HostEndpoint,
  HostSockets,
  HostTcpEvents,
  HostTcpSocket,
  HostUdpSocket,
} from './host-sockets.js';
import { UNREACHABLE, echoReply, unreachable } from './icmp.js';
import { PROTOCOL, buildIpv4, parseIpv4 } from './ipv4.js';
import type { Datagram, Ipv4Packet } from './ipv4.js';
import { Neighbours } from './neighbours.js';
import { Reassembly } from './reassembly.js';
import { Tcp } from './tcp.js';
import { UdpFlows } from './udp-flows.js';
import { UdpForwards } from './udp-forwards.js';
import type { UdpTarget } from './udp-flows.js';
import { buildUdp, parseUdp } from './udp.js';
import type { Endpoint, UdpDatagram } from './udp.js';

const DNS_PORT = 53;
const LOOPBACK = '127.0.0.1';
/** Header of a DNS message, and the flags of the answer that says the server failed. */
const DNS_HEADER = 12,
  DNS_FAILURE = [0x81, 0x82] as const;

export interface UserNetworkOptions {
  readonly sockets: HostSockets;
  /** The guest reaches nothing but DHCP, the gateway's echo, and connections made to it. */
  readonly restrict?: boolean | undefined;
  /** What DHCP tells those who boot from the network; at most 127 bytes of ASCII. */
  readonly bootFile?: string | undefined;
}

export class UserNetwork implements NetworkBackend {
  private readonly options: UserNetworkOptions;
  private readonly dhcp: DhcpServer;
  private readonly reassembly = new Reassembly();
  private readonly neighbours = new Neighbours();
  private readonly tcp: Tcp;
  private readonly udp: UdpFlows;
  private readonly forwards: UdpForwards;
  private card: NetworkCard | undefined;
  private identification = 0;
  private resolverIndex = 0;
  private lastQuery = '';

  constructor(options: UserNetworkOptions) {
    this.options = options;
    this.dhcp = new DhcpServer(options.bootFile);
    const now = (): Nanoseconds => this.now();
    this.tcp = new Tcp({
      sockets: options.sockets,
      now,
      send: (datagram) => this.sendDatagram(datagram),
      translate: (remote) => this.translate(remote),
      unreachable: (guest, remote) => this.tellUnreachable(guest, remote),
    });
    const deliver = (datagram: UdpDatagram): void => this.sendDatagram(buildUdp(datagram));
    this.udp = new UdpFlows(options.sockets, now, deliver);
    this.forwards = new UdpForwards(now, deliver);
  }

  attach(card: NetworkCard): void {
    this.card = card;
  }

  reset(): void {
    this.tcp.reset();
    this.udp.reset();
    this.forwards.reset();
    this.reassembly.clear();
    this.neighbours.clear();
  }

  /** Conversations with the host that are open: what makes a run depend on more than the guest. */
  get conversations(): number {
    return this.tcp.size + this.udp.size + this.forwards.size;
  }

  /** The guest has shown itself with this address. */
  knows(address: Ipv4Address): boolean {
    return this.neighbours.find(address) !== undefined;
  }

  /** Somebody connected to the host for a port of the guest; undefined when the socket was cut because there are too many. */
  acceptTcp(socket: HostTcpSocket, guest: Endpoint): HostTcpEvents | undefined {
    return this.tcp.accept(socket, GATEWAY, guest);
  }

  /** Somebody sent a datagram to a port of the host that is the guest's; answers go through `socket`. */
  acceptUdp(socket: HostUdpSocket, guest: Endpoint, from: HostEndpoint, payload: Uint8Array): void {
    this.forwards.receive(socket, guest, from, payload);
  }

  deadline(): Nanoseconds {
    return Math.min(this.tcp.deadline(), this.udp.deadline(), this.forwards.deadline());
  }

  tick(now: Nanoseconds): void {
    this.tcp.tick(now);
    this.udp.tick(now);
    this.forwards.tick(now);
  }

  private now(): Nanoseconds {
    return this.card?.clock.now() ?? 0;
  }

  // From the guest

  transmit(bytes: Uint8Array): void {
    const frame = parseEthernet(bytes);
    if (frame === undefined || frame.source[0]! & 1) return;
    if (!sameMac(frame.destination, GATEWAY_MAC) && (frame.destination[0]! & 1) === 0) return;
    if (frame.type === ETHERTYPE.ARP) this.takeArp(frame.payload, frame.source);
    else if (frame.type === ETHERTYPE.IPV4) this.takeIpv4(frame.payload, frame.source);
  }

  private takeArp(payload: Uint8Array, station: MacAddress): void {
    const packet = parseArp(payload);
    if (packet === undefined || !sameMac(packet.senderMac, station)) return;
    this.learn(packet.sender, station);
    if (packet.operation !== ARP_REQUEST || !isOwn(packet.target)) return;
    this.sendArp(ARP_REPLY, packet.target, station, packet.sender);
  }

  private learn(address: Ipv4Address, station: MacAddress): void {
    if (!inNetwork(address) || isOwn(address)) return;
    for (const packet of this.neighbours.learn(address, station))
      this.sendFrame(station, ETHERTYPE.IPV4, packet);
  }

  private takeIpv4(payload: Uint8Array, station: MacAddress): void {
    const packet = parseIpv4(payload);
    if (packet === undefined) return;
    this.learn(packet.source, station);
    const datagram = this.reassembly.add(packet, this.now());
    if (datagram === undefined) return;
    if (packet.protocol === PROTOCOL.UDP) this.takeUdp(datagram, packet);
    else if (!inNetwork(packet.source) || isOwn(packet.source)) return;
    else if (packet.protocol === PROTOCOL.TCP) this.tcp.receive(datagram);
    else if (packet.protocol === PROTOCOL.ICMP) this.takeIcmp(datagram, packet);
    else this.sendUnreachable(packet, UNREACHABLE.PROTOCOL);
  }

  private takeIcmp(datagram: Datagram, packet: Ipv4Packet): void {
    const reply = echoReply(datagram.payload);
    if (reply === undefined) return;
    const { source, destination } = datagram;
    if (isOwn(destination))
      this.sendDatagram({
        source: destination,
        destination: source,
        protocol: PROTOCOL.ICMP,
        payload: reply,
      });
    else if (isOutside(destination)) this.sendUnreachable(packet, UNREACHABLE.PROHIBITED);
  }

  private takeUdp(datagram: Datagram, packet: Ipv4Packet): void {
    const udp = parseUdp(datagram);
    if (udp === undefined) return;
    const { address, port } = udp.destination;
    if (port === DHCP_SERVER_PORT && (address === BROADCAST || address === GATEWAY)) this.takeDhcp(udp);
    else if (inNetwork(udp.source.address) && !isOwn(udp.source.address)) this.relay(udp, packet);
  }

  private takeDhcp({ payload }: UdpDatagram): void {
    const reply = this.dhcp.answer(payload);
    if (reply === undefined) return;
    const { address } = reply.datagram.destination;
    const station = address === BROADCAST ? BROADCAST_MAC : reply.station;
    for (const packet of this.packets(buildUdp(reply.datagram)))
      this.sendFrame(station, ETHERTYPE.IPV4, packet);
  }

  private relay(udp: UdpDatagram, packet: Ipv4Packet): void {
    const { address, port } = udp.destination;
    if (this.forwards.answer(udp)) return;
    if (address === NAME_SERVER) this.noteQuery(udp);
    const target = this.udpTarget(udp.destination);
    if (target !== undefined) this.udp.send(udp, target);
    else if (address === NAME_SERVER && port === DNS_PORT && !this.options.restrict) this.failQuery(udp);
    else if (isOwn(address) || isOutside(address))
      this.sendUnreachable(packet, isOwn(address) ? UNREACHABLE.PORT : UNREACHABLE.PROHIBITED);
  }

  private udpTarget({ address, port }: Endpoint): UdpTarget | undefined {
    if (this.options.restrict || port === 0) return undefined;
    if (address === GATEWAY) return { address: LOOPBACK, port, loopback: true, seenAs: GATEWAY };
    if (isOutside(address)) return { address: formatIpv4(address), port, loopback: false, seenAs: address };
    const resolver = this.resolver();
    if (address !== NAME_SERVER || port !== DNS_PORT || resolver === undefined) return undefined;
    const loopback = resolver.address.startsWith('127.');
    return { ...resolver, loopback, seenAs: NAME_SERVER, seenPort: DNS_PORT };
  }

  /** The host's name server that is asked now. */
  private resolver(): HostEndpoint | undefined {
    const { resolvers } = this.options.sockets;
    return resolvers.length === 0 ? undefined : resolvers[this.resolverIndex % resolvers.length];
  }

  /** A query that comes again had no answer: from now on another server is asked. */
  private noteQuery({ source, payload }: UdpDatagram): void {
    const query = `${source.port} ${payload[0]} ${payload[1]}`;
    if (query === this.lastQuery) this.resolverIndex++;
    this.lastQuery = query;
  }

  private failQuery({ source, destination, payload }: UdpDatagram): void {
    if (payload.length < DNS_HEADER) return;
    const answer = payload.slice();
    answer.set(DNS_FAILURE, 2);
    this.sendDatagram(buildUdp({ source: destination, destination: source, payload: answer }));
  }

  /** Where a connection to `remote` goes on the host. */
  private translate({ address, port }: Endpoint): HostEndpoint | undefined {
    if (this.options.restrict || port === 0) return undefined;
    if (address === GATEWAY) return { address: LOOPBACK, port };
    if (address === NAME_SERVER && port === DNS_PORT) return this.resolver();
    return isOutside(address) ? { address: formatIpv4(address), port } : undefined;
  }

  // To the guest

  private tellUnreachable(guest: Endpoint, remote: Endpoint): void {
    const ports = Uint8Array.of(guest.port >> 8, guest.port, remote.port >> 8, remote.port, 0, 0, 0, 0);
    const lost = {
      source: guest.address,
      destination: remote.address,
      protocol: PROTOCOL.TCP,
      payload: ports,
    };
    this.sendUnreachable(parseIpv4(buildIpv4(lost, 0)[0]!)!, UNREACHABLE.HOST);
  }

  private sendUnreachable(packet: Ipv4Packet, code: number): void {
    const { source } = packet;
    const payload = unreachable(packet, code);
    this.sendDatagram({ source: GATEWAY, destination: source, protocol: PROTOCOL.ICMP, payload });
  }

  private packets(datagram: Datagram): Uint8Array[] {
    this.identification = (this.identification + 1) & 0xffff;
    return buildIpv4(datagram, this.identification);
  }

  /** To a guest whose station address is not known, after it has been asked for. */
  private sendDatagram(datagram: Datagram): void {
    const station = this.neighbours.find(datagram.destination);
    for (const packet of this.packets(datagram)) {
      if (station !== undefined) this.sendFrame(station, ETHERTYPE.IPV4, packet);
      else this.neighbours.wait(datagram.destination, packet);
    }
    if (station === undefined) this.sendArp(ARP_REQUEST, GATEWAY, BROADCAST_MAC, datagram.destination);
  }

  private sendArp(operation: number, sender: Ipv4Address, station: MacAddress, target: Ipv4Address): void {
    const targetMac = operation === ARP_REQUEST ? new Uint8Array(6) : station;
    this.sendFrame(
      station,
      ETHERTYPE.ARP,
      buildArp({ operation, senderMac: GATEWAY_MAC, sender, targetMac, target }),
    );
  }

  private sendFrame(destination: MacAddress, type: number, payload: Uint8Array): void {
    this.card?.deliver(buildEthernet({ destination, source: GATEWAY_MAC, type, payload }));
  }
}
