/** IPv4 datagrams and their fragments (RFC 791). Not implemented: options are skipped when read and never written. */
import type { Ipv4Address } from './addresses.js';
import { checksum } from './checksum.js';
import { MTU } from './ethernet.js';

export const PROTOCOL = { ICMP: 1, TCP: 6, UDP: 17 } as const;
export const IPV4_HEADER = 20;
const TIME_TO_LIVE = 64;
const DONT_FRAGMENT = 0x4000,
  MORE_FRAGMENTS = 0x2000,
  OFFSET = 0x1fff;
/** Payload of all fragments but the last; a multiple of 8. */
const FRAGMENT_BYTES = (MTU - IPV4_HEADER) & ~7;
export const LARGEST_PAYLOAD = 65535 - IPV4_HEADER;

export interface Datagram {
  readonly source: Ipv4Address;
  readonly destination: Ipv4Address;
  readonly protocol: number;
  readonly payload: Uint8Array;
}
export interface Ipv4Packet extends Datagram {
  readonly identification: number;
  /** Bytes, a multiple of 8. */
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  /** As it came, for ICMP errors. */
  readonly header: Uint8Array;
}

/** Undefined when version, lengths or header checksum are wrong. What follows the datagram is padding. */
export function parseIpv4(bytes: Uint8Array): Ipv4Packet | undefined {
  if (bytes.length < IPV4_HEADER || bytes[0]! >> 4 !== 4) return undefined;
  const headerLength = (bytes[0]! & 15) * 4;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const total = view.getUint16(2);
  if (headerLength < IPV4_HEADER || total < headerLength || total > bytes.length) return undefined;
  const header = bytes.subarray(0, headerLength);
  if (checksum(header) !== 0) return undefined;
  const fragment = view.getUint16(6);
  return {
    source: view.getUint32(12),
    destination: view.getUint32(16),
    protocol: bytes[9]!,
    identification: view.getUint16(4),
    fragmentOffset: (fragment & OFFSET) * 8,
    moreFragments: (fragment & MORE_FRAGMENTS) !== 0,
    header,
    payload: bytes.subarray(headerLength, total),
  };
}

/** The packets that carry a datagram of at most LARGEST_PAYLOAD bytes over Ethernet: one, or several fragments. */
export function buildIpv4(datagram: Datagram, identification: number): Uint8Array[] {
  const { payload } = datagram;
  if (payload.length <= MTU - IPV4_HEADER)
    return [buildPacket(datagram, payload, identification, DONT_FRAGMENT)];
  const packets: Uint8Array[] = [];
  for (let at = 0; at < payload.length; at += FRAGMENT_BYTES) {
    const part = payload.subarray(at, at + FRAGMENT_BYTES);
    const more = at + part.length < payload.length ? MORE_FRAGMENTS : 0;
    packets.push(buildPacket(datagram, part, identification, (at >> 3) | more));
  }
  return packets;
}

function buildPacket(
  { source, destination, protocol }: Datagram,
  payload: Uint8Array,
  identification: number,
  fragment: number,
): Uint8Array {
  const bytes = new Uint8Array(IPV4_HEADER + payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x45;
  view.setUint16(2, bytes.length);
  view.setUint16(4, identification);
  view.setUint16(6, fragment);
  bytes[8] = TIME_TO_LIVE;
  bytes[9] = protocol;
  view.setUint32(12, source);
  view.setUint32(16, destination);
  view.setUint16(10, checksum(bytes.subarray(0, IPV4_HEADER)));
  bytes.set(payload, IPV4_HEADER);
  return bytes;
}
