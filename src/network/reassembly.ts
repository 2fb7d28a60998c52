/** Puts fragments of IPv4 datagrams together again (RFC 815's result, by counting bytes): bounded in number, size and time. */
import type { Nanoseconds } from '../devices/device.js';
import { LARGEST_PAYLOAD } from './ipv4.js';
import type { Datagram, Ipv4Packet } from './ipv4.js';

/** Datagrams that may be incomplete at a time; the oldest gives way. */
const MOST_INCOMPLETE = 16;
const LIFETIME: Nanoseconds = 15e9;

interface Incomplete {
  readonly since: Nanoseconds;
  readonly bytes: Uint8Array;
  /** One per unit of 8 bytes. */
  readonly present: Uint8Array;
  /** Bytes of the whole, -1 until the last fragment has come. */
  length: number;
}

export class Reassembly {
  private readonly incomplete = new Map<string, Incomplete>();

  /** The datagram, as soon as it is whole. */
  add(packet: Ipv4Packet, now: Nanoseconds): Datagram | undefined {
    if (packet.fragmentOffset === 0 && !packet.moreFragments) return packet;
    const key = `${packet.source} ${packet.destination} ${packet.protocol} ${packet.identification}`;
    const entry = this.entry(key, now);
    if (!place(entry, packet)) this.incomplete.delete(key);
    else if (isWhole(entry)) {
      this.incomplete.delete(key);
      const { source, destination, protocol } = packet;
      return { source, destination, protocol, payload: entry.bytes.slice(0, entry.length) };
    }
    return undefined;
  }

  clear(): void {
    this.incomplete.clear();
  }

  private entry(key: string, now: Nanoseconds): Incomplete {
    for (const [old, { since }] of this.incomplete) if (now - since > LIFETIME) this.incomplete.delete(old);
    const known = this.incomplete.get(key);
    if (known !== undefined) return known;
    if (this.incomplete.size >= MOST_INCOMPLETE) this.incomplete.delete(this.incomplete.keys().next().value!);
    const entry = {
      since: now,
      bytes: new Uint8Array(LARGEST_PAYLOAD),
      present: new Uint8Array((LARGEST_PAYLOAD + 7) >> 3),
      length: -1,
    };
    this.incomplete.set(key, entry);
    return entry;
  }
}

/** False when the fragment contradicts those before. */
function place(entry: Incomplete, { payload, fragmentOffset, moreFragments }: Ipv4Packet): boolean {
  const end = fragmentOffset + payload.length;
  if (end > LARGEST_PAYLOAD || payload.length === 0) return false;
  if (moreFragments && payload.length & 7) return false;
  if (!moreFragments) {
    if (entry.length >= 0 && entry.length !== end) return false;
    entry.length = end;
  }
  if (entry.length >= 0 && end > entry.length) return false;
  entry.bytes.set(payload, fragmentOffset);
  entry.present.fill(1, fragmentOffset >> 3, (end + 7) >> 3);
  return true;
}

function isWhole({ length, present }: Incomplete): boolean {
  return length >= 0 && present.subarray(0, (length + 7) >> 3).every((unit) => unit === 1);
}
