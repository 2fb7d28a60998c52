/** Ethernet and IPv4 addresses: six bytes in an array, and numbers from 0 to 2^32 - 1. */

export type MacAddress = Uint8Array;
/** uint32, first byte most significant. */
export type Ipv4Address = number;

export const BROADCAST_MAC: MacAddress = new Uint8Array(6).fill(0xff);
export const BROADCAST: Ipv4Address = 0xffffffff;

export const ipv4 = (a: number, b: number, c: number, d: number): Ipv4Address =>
  ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;

/** Four decimal numbers from 0 to 255; undefined for anything else. */
export function parseIpv4Address(text: string): Ipv4Address | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256))
    return undefined;
  const [a, b, c, d] = parts.map(Number) as [number, number, number, number];
  return ipv4(a, b, c, d);
}

export const formatIpv4 = (address: Ipv4Address): string =>
  [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');

export const sameMac = (a: MacAddress, b: MacAddress): boolean => a.every((byte, i) => byte === b[i]);

/** The network that QEMU's user-mode networking gives its guests. */
export const NETWORK: Ipv4Address = ipv4(10, 0, 2, 0);
export const NETMASK: Ipv4Address = ipv4(255, 255, 255, 0);
export const GATEWAY: Ipv4Address = ipv4(10, 0, 2, 2);
export const NAME_SERVER: Ipv4Address = ipv4(10, 0, 2, 3);
export const FIRST_GUEST: Ipv4Address = ipv4(10, 0, 2, 15);
/** Station address of gateway and name server; locally administered. */
export const GATEWAY_MAC: MacAddress = Uint8Array.of(0x52, 0x55, 10, 0, 2, 2);

export const inNetwork = (address: Ipv4Address): boolean => (address & NETMASK) >>> 0 === NETWORK;
export const isOwn = (address: Ipv4Address): boolean => address === GATEWAY || address === NAME_SERVER;

/** Addresses that a datagram can be sent to by way of the gateway: no loopback, "this network", multicast or broadcast, nor a neighbour. */
export function isOutside(address: Ipv4Address): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 224 && !inNetwork(address);
}
