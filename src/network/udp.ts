/** UDP datagrams (RFC 768). */
import { checksum, pseudoHeader } from './checksum.js';
import { LARGEST_PAYLOAD, PROTOCOL } from './ipv4.js';
import type { Datagram } from './ipv4.js';
import type { Ipv4Address } from './addresses.js';

const HEADER = 8;
export const LARGEST_UDP_PAYLOAD = LARGEST_PAYLOAD - HEADER;

export interface Endpoint {
  readonly address: Ipv4Address;
  readonly port: number;
}
export interface UdpDatagram {
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly payload: Uint8Array;
}

/** Undefined when length or checksum are wrong. */
export function parseUdp({ source, destination, payload: bytes }: Datagram): UdpDatagram | undefined {
  if (bytes.length < HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint16(4);
  if (length < HEADER || length > bytes.length) return undefined;
  const whole = bytes.subarray(0, length);
  // A checksum of 0 says that there is none.
  if (
    view.getUint16(6) !== 0 &&
    checksum(whole, pseudoHeader(source, destination, PROTOCOL.UDP, length)) !== 0
  )
    return undefined;
  return {
    source: { address: source, port: view.getUint16(0) },
    destination: { address: destination, port: view.getUint16(2) },
    payload: whole.subarray(HEADER),
  };
}

/** `payload` of at most LARGEST_UDP_PAYLOAD bytes. */
export function buildUdp({ source, destination, payload }: UdpDatagram): Datagram {
  const bytes = new Uint8Array(HEADER + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, source.port);
  view.setUint16(2, destination.port);
  view.setUint16(4, bytes.length);
  bytes.set(payload, HEADER);
  const pseudo = pseudoHeader(source.address, destination.address, PROTOCOL.UDP, bytes.length);
  view.setUint16(6, checksum(bytes, pseudo) || 0xffff);
  return {
    source: source.address,
    destination: destination.address,
    protocol: PROTOCOL.UDP,
    payload: bytes,
  };
}
