/** Which station has which address of the network, and what waits until that is known; bounded. */
import type { Ipv4Address, MacAddress } from './addresses.js';

const MOST_STATIONS = 32;
const MOST_WAITING = 64;

export class Neighbours {
  /** In order of last use. */
  private readonly stations = new Map<Ipv4Address, MacAddress>();
  private waiting: { address: Ipv4Address; packet: Uint8Array }[] = [];

  find(address: Ipv4Address): MacAddress | undefined {
    return this.stations.get(address);
  }

  /** Returns the packets that waited for this. */
  learn(address: Ipv4Address, station: MacAddress): Uint8Array[] {
    this.stations.delete(address);
    if (this.stations.size >= MOST_STATIONS) this.stations.delete(this.stations.keys().next().value!);
    this.stations.set(address, station.slice());
    if (this.waiting.length === 0) return [];
    const ready = this.waiting.filter((entry) => entry.address === address);
    this.waiting = this.waiting.filter((entry) => entry.address !== address);
    return ready.map((entry) => entry.packet);
  }

  /** Keeps a packet until its destination is known; the oldest gives way. */
  wait(address: Ipv4Address, packet: Uint8Array): void {
    if (this.waiting.length >= MOST_WAITING) this.waiting.shift();
    this.waiting.push({ address, packet });
  }

  clear(): void {
    this.stations.clear();
    this.waiting = [];
  }
}
