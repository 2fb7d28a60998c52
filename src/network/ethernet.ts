/** Ethernet II frames. */
import type { MacAddress } from './addresses.js';

export const ETHERTYPE = { IPV4: 0x0800, ARP: 0x0806 } as const;
export const ETHERNET_HEADER = 14;
/** Largest payload. */
export const MTU = 1500;

export interface EthernetFrame {
  readonly destination: MacAddress;
  readonly source: MacAddress;
  readonly type: number;
  readonly payload: Uint8Array;
}

/** Undefined for frames too short or too long to be one. */
export function parseEthernet(frame: Uint8Array): EthernetFrame | undefined {
  if (frame.length < ETHERNET_HEADER || frame.length > ETHERNET_HEADER + MTU) return undefined;
  return {
    destination: frame.subarray(0, 6),
    source: frame.subarray(6, 12),
    type: (frame[12]! << 8) | frame[13]!,
    payload: frame.subarray(ETHERNET_HEADER),
  };
}

export function buildEthernet({ destination, source, type, payload }: EthernetFrame): Uint8Array {
  const frame = new Uint8Array(ETHERNET_HEADER + payload.length);
  frame.set(destination, 0);
  frame.set(source, 6);
  frame[12] = type >> 8;
  frame[13] = type;
  frame.set(payload, ETHERNET_HEADER);
  return frame;
}
