/** ICMP: echo and destination unreachable (RFC 792). */
import { checksum } from './checksum.js';
import type { Ipv4Packet } from './ipv4.js';

const ECHO_REPLY = 0,
  DESTINATION_UNREACHABLE = 3,
  ECHO_REQUEST = 8;
export const UNREACHABLE = { NETWORK: 0, HOST: 1, PROTOCOL: 2, PORT: 3, PROHIBITED: 13 } as const;
/** Bytes of the payload that an error quotes. */
const QUOTED = 8;

function sealed(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer).setUint16(2, checksum(bytes));
  return bytes;
}

/** The answer to an echo request; undefined for other or damaged messages. */
export function echoReply(message: Uint8Array): Uint8Array | undefined {
  if (message.length < 8 || message[0] !== ECHO_REQUEST || message[1] !== 0 || checksum(message) !== 0)
    return undefined;
  const reply = message.slice();
  reply.set([ECHO_REPLY, 0, 0, 0]);
  return sealed(reply);
}

/** Tells the sender of `packet` why it went nowhere. */
export function unreachable(
  { header, payload }: Pick<Ipv4Packet, 'header' | 'payload'>,
  code: number,
): Uint8Array {
  const quoted = payload.subarray(0, QUOTED);
  const bytes = new Uint8Array(8 + header.length + quoted.length);
  bytes[0] = DESTINATION_UNREACHABLE;
  bytes[1] = code;
  bytes.set(header, 8);
  bytes.set(quoted, 8 + header.length);
  return sealed(bytes);
}
