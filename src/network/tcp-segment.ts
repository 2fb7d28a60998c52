/** TCP segments with the options that matter here: maximum segment size and window scale (RFC 9293, RFC 7323). */
import { checksum, pseudoHeader } from './checksum.js';
import { PROTOCOL } from './ipv4.js';
import type { Datagram } from './ipv4.js';
import type { Endpoint } from './udp.js';

export const TCP_FLAG = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const;
const HEADER = 20;
const OPTION_END = 0,
  OPTION_NONE = 1,
  OPTION_SEGMENT_SIZE = 2,
  OPTION_WINDOW_SCALE = 3;
const LARGEST_SCALE = 14;

export interface TcpSegment {
  readonly source: Endpoint;
  readonly destination: Endpoint;
  /** uint32. */
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  /** As in the header, not scaled. */
  readonly window: number;
  readonly payload: Uint8Array;
  readonly maximumSegment?: number | undefined;
  /** Shift count, with SYN only. */
  readonly windowScale?: number | undefined;
}

/** Distance from `b` to `a` in sequence space, -2^31 to 2^31 - 1. */
export const sequenceDistance = (a: number, b: number): number => (a - b) | 0;
export const sequenceAdd = (a: number, count: number): number => (a + count) >>> 0;

/** What a segment takes of sequence space. */
export const segmentLength = ({ flags, payload }: Pick<TcpSegment, 'flags' | 'payload'>): number =>
  payload.length + (flags & TCP_FLAG.SYN ? 1 : 0) + (flags & TCP_FLAG.FIN ? 1 : 0);

/** Undefined when lengths or checksum are wrong. */
export function parseTcp({ source, destination, payload: bytes }: Datagram): TcpSegment | undefined {
  if (bytes.length < HEADER) return undefined;
  const headerLength = (bytes[12]! >> 4) * 4;
  if (headerLength < HEADER || headerLength > bytes.length) return undefined;
  if (checksum(bytes, pseudoHeader(source, destination, PROTOCOL.TCP, bytes.length)) !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    source: { address: source, port: view.getUint16(0) },
    destination: { address: destination, port: view.getUint16(2) },
    sequence: view.getUint32(4),
    acknowledgement: view.getUint32(8),
    flags: bytes[13]! & 0x1f,
    window: view.getUint16(14),
    payload: bytes.slice(headerLength),
    ...parseOptions(bytes.subarray(HEADER, headerLength)),
  };
}

function parseOptions(bytes: Uint8Array): Pick<TcpSegment, 'maximumSegment' | 'windowScale'> {
  let maximumSegment: number | undefined;
  let windowScale: number | undefined;
  for (let at = 0; at < bytes.length && bytes[at] !== OPTION_END;) {
    const kind = bytes[at]!;
    if (kind === OPTION_NONE) {
      at++;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    if (length < 2 || at + length > bytes.length) break;
    if (kind === OPTION_SEGMENT_SIZE && length === 4) maximumSegment = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    if (kind === OPTION_WINDOW_SCALE && length === 3) windowScale = Math.min(bytes[at + 2]!, LARGEST_SCALE);
    at += length;
  }
  return { maximumSegment, windowScale };
}

function optionsOf({ maximumSegment, windowScale }: TcpSegment): number[] {
  const options: number[] = [];
  if (maximumSegment !== undefined)
    options.push(OPTION_SEGMENT_SIZE, 4, maximumSegment >> 8, maximumSegment & 255);
  if (windowScale !== undefined) options.push(OPTION_NONE, OPTION_WINDOW_SCALE, 3, windowScale);
  return options;
}

export function buildTcp(segment: TcpSegment): Datagram {
  const { source, destination, payload } = segment;
  const options = optionsOf(segment);
  const headerLength = HEADER + options.length;
  const bytes = new Uint8Array(headerLength + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, source.port);
  view.setUint16(2, destination.port);
  view.setUint32(4, segment.sequence);
  view.setUint32(8, segment.acknowledgement);
  bytes[12] = (headerLength / 4) << 4;
  bytes[13] = segment.flags;
  view.setUint16(14, segment.window);
  bytes.set(options, HEADER);
  bytes.set(payload, headerLength);
  const pseudo = pseudoHeader(source.address, destination.address, PROTOCOL.TCP, bytes.length);
  view.setUint16(16, checksum(bytes, pseudo));
  return {
    source: source.address,
    destination: destination.address,
    protocol: PROTOCOL.TCP,
    payload: bytes,
  };
}

/** The reset that answers a segment nobody expects (RFC 9293, 3.5.2); none for a reset. */
export function resetFor(segment: TcpSegment): TcpSegment | undefined {
  if (segment.flags & TCP_FLAG.RST) return undefined;
  const answered = (segment.flags & TCP_FLAG.ACK) !== 0;
  return {
    source: segment.destination,
    destination: segment.source,
    sequence: answered ? segment.acknowledgement : 0,
    acknowledgement: answered ? 0 : sequenceAdd(segment.sequence, segmentLength(segment)),
    flags: answered ? TCP_FLAG.RST : TCP_FLAG.RST | TCP_FLAG.ACK,
    window: 0,
    payload: new Uint8Array(),
  };
}
