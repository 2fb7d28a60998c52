/** A guest for tests of the user-mode network: its own encoder and decoder of frames (written from the RFCs, apart from the code under test), and a host whose sockets the test plays. */
import type { NetworkCard } from '../../src/devices/network-backend.js';
import type {
  HostEndpoint,
  HostSockets,
  HostTcpEvents,
  HostTcpSocket,
  HostUdpSocket,
} from '../../src/network/host-sockets.js';
import { UserNetwork } from '../../src/network/user-network.js';
import type { UserNetworkOptions } from '../../src/network/user-network.js';
import { ManualClock } from '../hv/fakes.js';

export const GUEST_MAC = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
export const GATEWAY_MAC = [0x52, 0x55, 10, 0, 2, 2];
export const BROADCAST_MAC = [255, 255, 255, 255, 255, 255];
export const GUEST = [10, 0, 2, 15];
export const GATEWAY = [10, 0, 2, 2];
export const NAME_SERVER = [10, 0, 2, 3];
export const FIN = 1,
  SYN = 2,
  RST = 4,
  PSH = 8,
  ACK = 16;

export const be16 = (value: number): number[] => [(value >>> 8) & 255, value & 255];
export const be32 = (value: number): number[] => [...be16(value >>> 16), ...be16(value & 0xffff)];
export const read16 = (bytes: ArrayLike<number>, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
export const read32 = (bytes: ArrayLike<number>, at: number): number =>
  ((read16(bytes, at) << 16) | read16(bytes, at + 2)) >>> 0;

/** One's complement sum of big-endian words, complemented. */
export function internetChecksum(bytes: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return 0xffff - sum;
}

export function ipPacket(
  protocol: number,
  source: readonly number[],
  destination: readonly number[],
  payload: readonly number[],
  fragment = 0,
): number[] {
  const header = [
    ...[0x45, 0, ...be16(20 + payload.length), 0x12, 0x34, ...be16(fragment)],
    ...[64, protocol, 0, 0, ...source, ...destination],
  ];
  header.splice(10, 2, ...be16(internetChecksum(header)));
  return [...header, ...payload];
}

/** Adds the checksum over the pseudo header to a UDP (at 6) or TCP (at 16) message. */
export function sealed(
  protocol: number,
  source: readonly number[],
  destination: readonly number[],
  message: readonly number[],
): number[] {
  const copy = [...message];
  const pseudo = [...source, ...destination, 0, protocol, ...be16(message.length)];
  copy.splice(protocol === 6 ? 16 : 6, 2, ...be16(internetChecksum([...pseudo, ...message])));
  return copy;
}

export function udpPacket(
  source: readonly number[],
  sourcePort: number,
  destination: readonly number[],
  port: number,
  payload: readonly number[],
): number[] {
  const message = [...be16(sourcePort), ...be16(port), ...be16(8 + payload.length), 0, 0, ...payload];
  return ipPacket(17, source, destination, sealed(17, source, destination, message));
}

export interface Segment {
  readonly sourcePort: number;
  readonly port: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  readonly window: number;
  readonly options: readonly number[];
  readonly payload: readonly number[];
}

export interface Received {
  readonly destination: readonly number[];
  readonly type: number;
  readonly payload: readonly number[];
}
export interface ReceivedIp {
  readonly source: readonly number[];
  readonly destination: readonly number[];
  readonly protocol: number;
  readonly payload: readonly number[];
}

/** Checks header checksums as a careful receiver would. */
export function decodeIp(bytes: readonly number[]): ReceivedIp {
  if (internetChecksum(bytes.slice(0, 20)) !== 0) throw new Error('wrong checksum in an IPv4 header');
  const source = bytes.slice(12, 16);
  const destination = bytes.slice(16, 20);
  const protocol = bytes[9]!;
  const payload = bytes.slice(20, read16(bytes, 2));
  const whole = (read16(bytes, 6) & 0x3fff) === 0;
  if (whole && (protocol === 6 || protocol === 17)) {
    const pseudo = [...source, ...destination, 0, protocol, ...be16(payload.length)];
    if (internetChecksum([...pseudo, ...payload]) !== 0) throw new Error('wrong checksum in UDP or TCP');
  } else if (whole && internetChecksum(payload) !== 0) throw new Error('wrong checksum in ICMP');
  return { source, destination, protocol, payload };
}

export function decodeSegment(bytes: readonly number[]): Segment {
  const header = (bytes[12]! >> 4) * 4;
  return {
    sourcePort: read16(bytes, 0),
    port: read16(bytes, 2),
    sequence: read32(bytes, 4),
    acknowledgement: read32(bytes, 8),
    flags: bytes[13]!,
    window: read16(bytes, 14),
    options: bytes.slice(20, header),
    payload: bytes.slice(header),
  };
}

/** A host socket that the test plays: it notes what it is told. */
export class PlayedTcp implements HostTcpSocket {
  readonly address: string;
  readonly port: number;
  events: HostTcpEvents;
  buffered = 0;
  readonly written: number[] = [];
  readonly told: string[] = [];
  constructor(address: string, port: number, events: HostTcpEvents) {
    this.address = address;
    this.port = port;
    this.events = events;
  }
  write(bytes: Uint8Array): void {
    for (const byte of bytes) this.written.push(byte);
  }
  end(): void {
    this.told.push('end');
  }
  reset(): void {
    this.told.push('reset');
  }
  pause(): void {
    this.told.push('pause');
  }
  resume(): void {
    this.told.push('resume');
  }
}
export class PlayedUdp implements HostUdpSocket {
  readonly loopback: boolean;
  readonly received: (bytes: Uint8Array, address: string, port: number) => void;
  readonly sent: { bytes: number[]; address: string; port: number }[] = [];
  closed = false;
  constructor(loopback: boolean, received: PlayedUdp['received']) {
    this.loopback = loopback;
    this.received = received;
  }
  send(bytes: Uint8Array, address: string, port: number): void {
    this.sent.push({ bytes: [...bytes], address, port });
  }
  close(): void {
    this.closed = true;
  }
}

export class PlayedHost implements HostSockets {
  resolvers: HostEndpoint[] = [{ address: '192.0.2.53', port: 53 }];
  readonly tcp: PlayedTcp[] = [];
  readonly udp: PlayedUdp[] = [];
  connectTcp(address: string, port: number, events: HostTcpEvents): HostTcpSocket {
    const socket = new PlayedTcp(address, port, events);
    this.tcp.push(socket);
    return socket;
  }
  openUdp(loopback: boolean, received: PlayedUdp['received']): HostUdpSocket {
    const socket = new PlayedUdp(loopback, received);
    this.udp.push(socket);
    return socket;
  }
}

export class TestGuest {
  readonly clock = new ManualClock();
  readonly host = new PlayedHost();
  readonly network: UserNetwork;
  /** Frames nobody has looked at yet. */
  frames: Uint8Array[] = [];
  /** Frames that reach the guest; others are lost. */
  cableWorks = true;

  /** The host is played unless `sockets` are given. */
  constructor(options: Partial<UserNetworkOptions> = {}) {
    this.network = new UserNetwork({ sockets: this.host, ...options });
    const card: NetworkCard = {
      clock: this.clock,
      deliver: (frame) => {
        if (this.cableWorks) this.frames.push(frame);
        return this.cableWorks;
      },
    };
    this.network.attach(card);
  }

  sendFrame(type: number, payload: readonly number[], destination: readonly number[] = GATEWAY_MAC): void {
    this.network.transmit(Uint8Array.from([...destination, ...GUEST_MAC, ...be16(type), ...payload]));
  }
  sendIp(packet: readonly number[]): void {
    this.sendFrame(0x0800, packet);
  }

  /** Takes the frames that have come; checks their addresses. */
  take(): Received[] {
    const taken = this.frames.map((frame) => [...frame]);
    this.frames = [];
    return taken.map((bytes) => {
      if (bytes.slice(6, 12).join() !== GATEWAY_MAC.join()) throw new Error('not from the gateway');
      return { destination: bytes.slice(0, 6), type: read16(bytes, 12), payload: bytes.slice(14) };
    });
  }
  takeIp(): ReceivedIp[] {
    return this.take()
      .filter((frame) => frame.type === 0x0800)
      .map((frame) => decodeIp(frame.payload));
  }
  takeSegments(): Segment[] {
    return this.takeIp()
      .filter((packet) => packet.protocol === 6)
      .map((packet) => decodeSegment(packet.payload));
  }

  /** Lets time go on, with everything the network does by itself. */
  pass(nanoseconds: number): void {
    const until = this.clock.time + nanoseconds;
    while (this.network.deadline() <= until) {
      this.clock.time = Math.max(this.clock.time, this.network.deadline());
      this.network.tick(this.clock.time);
    }
    this.clock.time = until;
  }

  /** Lets the network know the guest's station address. */
  announce(): void {
    const arp = [0, 1, 8, 0, 6, 4, 0, 1, ...GUEST_MAC, ...GUEST, 0, 0, 0, 0, 0, 0, ...GATEWAY];
    this.sendFrame(0x0806, arp, BROADCAST_MAC);
    this.frames = [];
  }
}

/** The guest's end of a connection, which takes what comes in order and acknowledges it. */
export class TcpPeer {
  sequence = 1000;
  expected = 0;
  window = 65535;
  readonly received: number[] = [];
  finished = false;
  reset = false;
  readonly guest: TestGuest;
  readonly remote: readonly number[];
  readonly port: number;
  readonly sourcePort: number;

  constructor(guest: TestGuest, remote: readonly number[], port: number, sourcePort = 40000) {
    this.guest = guest;
    this.remote = remote;
    this.port = port;
    this.sourcePort = sourcePort;
  }

  send(flags: number, payload: readonly number[] = [], options: readonly number[] = []): void {
    this.sendAt(this.sequence, flags, payload, options);
    this.sequence += payload.length + (flags & (SYN | FIN) ? 1 : 0);
  }
  sendAt(
    sequence: number,
    flags: number,
    payload: readonly number[] = [],
    options: readonly number[] = [],
  ): void {
    const message = [
      ...be16(this.sourcePort),
      ...be16(this.port),
      ...be32(sequence),
      ...be32(flags & ACK ? this.expected : 0),
      ...[((20 + options.length) / 4) << 4, flags, ...be16(this.window), 0, 0, 0, 0],
      ...[...options, ...payload],
    ];
    this.guest.sendIp(ipPacket(6, GUEST, this.remote, sealed(6, GUEST, this.remote, message)));
  }

  /** SYN, the host's connection, SYN and ACK, ACK. */
  open(options: readonly number[] = [2, 4, ...be16(1460)]): PlayedTcp {
    this.send(SYN, [], options);
    const socket = this.guest.host.tcp.at(-1)!;
    socket.events.connected();
    const [answer] = this.guest.takeSegments();
    if (answer?.flags !== (SYN | ACK) || answer.acknowledgement !== this.sequence)
      throw new Error('no SYN and ACK');
    this.expected = answer.sequence + 1;
    this.send(ACK);
    return socket;
  }

  /** Takes waiting segments; answers as long as data comes. */
  settle(): void {
    for (let rounds = 0; rounds < 1000; rounds++) {
      const segments = this.guest.takeSegments().filter((segment) => segment.port === this.sourcePort);
      let answer = false;
      for (const segment of segments) answer = this.take(segment) || answer;
      if (!answer) return;
      this.send(ACK);
    }
  }
  private take({ flags, sequence, payload }: Segment): boolean {
    if (flags & RST) this.reset = true;
    const length = payload.length + (flags & FIN ? 1 : 0);
    if (length === 0 || flags & RST) return false;
    if (sequence === this.expected >>> 0 && payload.length <= this.window) {
      for (const byte of payload) this.received.push(byte);
      this.expected += length;
      if (flags & FIN) this.finished = true;
    }
    return true;
  }
}
