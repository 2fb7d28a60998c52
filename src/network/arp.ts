/** ARP for IPv4 over Ethernet (RFC 826). */
import type { Ipv4Address, MacAddress } from './addresses.js';

export const ARP_REQUEST = 1,
  ARP_REPLY = 2;
const LENGTH = 28,
  /** Ethernet, IPv4, six and four bytes of address. */
  PREFIX = [0, 1, 8, 0, 6, 4] as const;

export interface ArpPacket {
  readonly operation: number;
  readonly senderMac: MacAddress;
  readonly sender: Ipv4Address;
  readonly targetMac: MacAddress;
  readonly target: Ipv4Address;
}

export function parseArp(bytes: Uint8Array): ArpPacket | undefined {
  if (bytes.length < LENGTH || !PREFIX.every((byte, i) => byte === bytes[i])) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return {
    operation: view.getUint16(6),
    senderMac: bytes.slice(8, 14),
    sender: view.getUint32(14),
    targetMac: bytes.slice(18, 24),
    target: view.getUint32(24),
  };
}

export function buildArp(packet: ArpPacket): Uint8Array {
  const bytes = new Uint8Array(LENGTH);
  const view = new DataView(bytes.buffer);
  bytes.set(PREFIX);
  view.setUint16(6, packet.operation);
  bytes.set(packet.senderMac, 8);
  view.setUint32(14, packet.sender);
  bytes.set(packet.targetMac, 18);
  view.setUint32(24, packet.target);
  return bytes;
}
