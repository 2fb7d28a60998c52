/**
 * The network's DHCP server, which answers BOOTP as well (RFC 2131, 2132 and 951): a fixed address for each station address, leases for a day.
 * Not implemented: declined addresses are offered again.
 */
import { BROADCAST, FIRST_GUEST, GATEWAY, NAME_SERVER, NETMASK, inNetwork } from './addresses.js';
import type { Ipv4Address } from './addresses.js';
import type { UdpDatagram } from './udp.js';

export const DHCP_SERVER_PORT = 67,
  DHCP_CLIENT_PORT = 68;
const REQUEST = 1,
  REPLY = 2,
  ETHERNET = 1;
const MESSAGE = { DISCOVER: 1, OFFER: 2, REQUEST: 3, ACK: 5, NAK: 6, INFORM: 8 } as const;
const OPTION = {
  PAD: 0,
  MASK: 1,
  ROUTER: 3,
  NAME_SERVER: 6,
  REQUESTED_ADDRESS: 50,
  LEASE: 51,
  MESSAGE: 53,
  SERVER: 54,
  BOOT_FILE: 67,
  END: 255,
} as const;
const OPTIONS = 240,
  MAGIC = 0x63825363,
  BROADCAST_FLAG = 0x8000;
/** BOOTP clients expect messages of at least this size. */
const SHORTEST_REPLY = 300;
const FIELD_FILE = 108,
  FILE_BYTES = 128;
const LEASE_SECONDS = 86400;
/** Stations that have an address at a time. */
const MOST_STATIONS = 16;

interface DhcpRequest {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  /** Undefined for BOOTP. */
  readonly message: number | undefined;
  readonly station: string;
  readonly client: Ipv4Address;
  readonly requested: Ipv4Address | undefined;
  readonly server: Ipv4Address | undefined;
  readonly broadcast: boolean;
}

export interface DhcpReply {
  readonly datagram: UdpDatagram;
  /** Where the reply goes on the cable. */
  readonly station: Uint8Array;
}

export class DhcpServer {
  private readonly bootFile: string | undefined;
  /** Station address in hexadecimal → number of its lease. */
  private readonly leases = new Map<string, number>();

  /** `bootFile`: at most 127 bytes of ASCII, what a network boot loads. */
  constructor(bootFile?: string) {
    this.bootFile = bootFile;
  }

  /** What to answer to a datagram for port 67, undefined for nothing. */
  answer(payload: Uint8Array): DhcpReply | undefined {
    const request = parseRequest(payload);
    if (request === undefined) return undefined;
    const { message } = request;
    if (message === undefined) return this.reply(request, undefined, this.lease(request.station));
    if (message === MESSAGE.DISCOVER) return this.reply(request, MESSAGE.OFFER, this.lease(request.station));
    if (message === MESSAGE.INFORM) return this.reply(request, MESSAGE.ACK, 0);
    return message === MESSAGE.REQUEST ? this.confirm(request) : undefined;
  }

  /** The next free address for a station; the one that came first gives way when there is none. */
  private lease(station: string): Ipv4Address {
    let index = this.leases.get(station);
    if (index === undefined) {
      if (this.leases.size >= MOST_STATIONS) this.leases.delete(this.leases.keys().next().value!);
      const taken = new Set(this.leases.values());
      index = 0;
      while (taken.has(index)) index++;
      this.leases.set(station, index);
    }
    return FIRST_GUEST + index;
  }

  private confirm(request: DhcpRequest): DhcpReply | undefined {
    if (request.server !== undefined && request.server !== GATEWAY) return undefined;
    const wanted = request.requested ?? request.client;
    const own = this.lease(request.station);
    return wanted === own ? this.reply(request, MESSAGE.ACK, own) : this.reply(request, MESSAGE.NAK, 0);
  }

  private reply(request: DhcpRequest, message: number | undefined, address: Ipv4Address): DhcpReply {
    const bytes = new Uint8Array(SHORTEST_REPLY + FILE_BYTES);
    const view = new DataView(bytes.buffer);
    // Hardware type and length, transaction, flags, relay and station are the request's.
    bytes.set(request.bytes.subarray(0, 12));
    bytes.set(request.bytes.subarray(24, 44), 24);
    bytes[0] = REPLY;
    bytes[3] = 0;
    view.setUint16(8, 0);
    view.setUint16(10, request.view.getUint16(10));
    if (message !== MESSAGE.NAK) {
      view.setUint32(12, request.client);
      view.setUint32(16, address);
      view.setUint32(20, GATEWAY);
      bytes.set(new TextEncoder().encode(this.bootFile ?? '').subarray(0, FILE_BYTES - 1), FIELD_FILE);
    }
    view.setUint32(236, MAGIC);
    const end = writeOptions(bytes, OPTIONS, this.options(message, address));
    return {
      datagram: {
        source: { address: GATEWAY, port: DHCP_SERVER_PORT },
        destination: { address: destinationOf(request, message, address), port: DHCP_CLIENT_PORT },
        payload: bytes.slice(0, Math.max(end, SHORTEST_REPLY)),
      },
      station: request.bytes.slice(28, 34),
    };
  }

  private options(message: number | undefined, address: Ipv4Address): [number, number[]][] {
    const options: [number, number[]][] = [];
    if (message !== undefined) options.push([OPTION.MESSAGE, [message]], [OPTION.SERVER, word(GATEWAY)]);
    if (message === MESSAGE.NAK) return options;
    options.push([OPTION.MASK, word(NETMASK)], [OPTION.ROUTER, word(GATEWAY)]);
    options.push([OPTION.NAME_SERVER, word(NAME_SERVER)]);
    if (message !== undefined && address !== 0) options.push([OPTION.LEASE, word(LEASE_SECONDS)]);
    if (message !== undefined && this.bootFile !== undefined)
      options.push([OPTION.BOOT_FILE, [...new TextEncoder().encode(this.bootFile)].slice(0, FILE_BYTES - 1)]);
    return options;
  }
}

/** RFC 2131, 4.1: a client that has an address gets the reply there; refusals and those who ask for it are broadcast. */
function destinationOf(request: DhcpRequest, message: number | undefined, address: Ipv4Address): Ipv4Address {
  if (message === MESSAGE.NAK) return BROADCAST;
  if (inNetwork(request.client)) return request.client;
  return request.broadcast || address === 0 ? BROADCAST : address;
}

const word = (value: number): number[] => [
  value >>> 24,
  (value >>> 16) & 255,
  (value >>> 8) & 255,
  value & 255,
];

function writeOptions(bytes: Uint8Array, start: number, options: readonly [number, number[]][]): number {
  let at = start;
  for (const [code, value] of options) {
    bytes.set([code, value.length, ...value], at);
    at += 2 + value.length;
  }
  bytes[at] = OPTION.END;
  return at + 1;
}

function parseRequest(bytes: Uint8Array): DhcpRequest | undefined {
  if (bytes.length < OPTIONS || bytes[0] !== REQUEST || bytes[1] !== ETHERNET || bytes[2] !== 6)
    return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(236) !== MAGIC) return undefined;
  const options = parseOptions(bytes);
  const address = (code: number): Ipv4Address | undefined => {
    const value = options.get(code);
    return value?.length === 4 ? new DataView(value.buffer, value.byteOffset).getUint32(0) : undefined;
  };
  return {
    view,
    bytes,
    message: options.get(OPTION.MESSAGE)?.[0],
    station: [...bytes.subarray(28, 34)].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
    client: view.getUint32(12),
    requested: address(OPTION.REQUESTED_ADDRESS),
    server: address(OPTION.SERVER),
    broadcast: (view.getUint16(10) & BROADCAST_FLAG) !== 0,
  };
}

function parseOptions(bytes: Uint8Array): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  for (let at = OPTIONS; at < bytes.length;) {
    const code = bytes[at]!;
    if (code === OPTION.END) break;
    if (code === OPTION.PAD) {
      at++;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    if (at + 2 + length > bytes.length) break;
    options.set(code, bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return options;
}
