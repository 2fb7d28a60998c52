/** The receiving half of the RTL8139C: which frames are for this station, and the ring in guest memory that they are written to (data sheet, 5.6 and 7.1). */
import type { GuestMemory } from './guest-memory.js';
import { RCR, RECEIVED } from './rtl8139-state.js';
import type { Rtl8139State } from './rtl8139-state.js';

/** Ethernet without FCS: what is shorter is a runt and is padded on the cable. */
export const SHORTEST_FRAME = 60;
/** Longest frame the chip takes, FCS not counted. */
export const LONGEST_FRAME = 1792 - 4;
const HEADER = 4,
  FCS = 4;
/** CAPR runs 16 bytes behind. */
export const CAPR_BIAS = 16;
const SMALLEST_RING = 8192,
  LARGEST_RING = 65536;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** IEEE 802.3 frame check sequence of the first `length` bytes, as it is stored (little-endian). */
export function frameCheck(bytes: Uint8Array, length = bytes.length): number {
  let crc = 0xffffffff;
  for (let i = 0; i < length; i++) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}

/** Bit of the multicast filter: the six most significant bits of the address's CRC, most significant first. */
function multicastBit(frame: Uint8Array): number {
  const crc = ~frameCheck(frame, 6);
  let index = 0;
  for (let bit = 0; bit < 6; bit++) index = (index << 1) | ((crc >>> bit) & 1);
  return index;
}

const isBroadcast = (frame: Uint8Array): boolean => frame.subarray(0, 6).every((byte) => byte === 0xff);

/** The status bits that say why the frame is taken, -1 when it is not for this station. */
export function acceptance(s: Rtl8139State, frame: Uint8Array): number {
  const all = (s.receiveConfig & RCR.ALL) !== 0;
  const wants = (bit: number): boolean => (s.receiveConfig & bit) !== 0;
  if (isBroadcast(frame)) return wants(RCR.BROADCAST) ? RECEIVED.BROADCAST : -1;
  if (frame[0]! & 1) {
    const bit = multicastBit(frame);
    const listed = ((s.multicast[bit >> 3]! >> (bit & 7)) & 1) === 1;
    return all || (wants(RCR.MULTICAST) && listed) ? RECEIVED.MULTICAST : -1;
  }
  const own = s.station.every((byte, i) => byte === frame[i]);
  if (own && (all || wants(RCR.PHYSICAL))) return RECEIVED.PHYSICAL;
  return all ? 0 : -1;
}

export const ringSize = (s: Rtl8139State): number => SMALLEST_RING << ((s.receiveConfig >>> 11) & 3);
export const ringEmpty = (s: Rtl8139State): boolean => s.writeOffset === s.readOffset;

const packetBytes = (frameLength: number): number =>
  (HEADER + Math.max(frameLength, SHORTEST_FRAME) + FCS + 3) & ~3;

/** A ring that is written full looks empty, so the last byte is never used. */
export function hasRoom(s: Rtl8139State, frameLength: number): boolean {
  if (ringEmpty(s)) return true;
  const size = ringSize(s);
  return packetBytes(frameLength) < (s.readOffset - s.writeOffset + size) % size;
}

function packetOf(frame: Uint8Array, status: number): Uint8Array {
  const length = Math.max(frame.length, SHORTEST_FRAME);
  const packet = new Uint8Array(packetBytes(frame.length));
  packet.set(frame, HEADER);
  const view = new DataView(packet.buffer);
  view.setUint16(0, status | RECEIVED.OK, true);
  view.setUint16(2, length + FCS, true);
  view.setUint32(HEADER + length, frameCheck(packet.subarray(HEADER), length), true);
  return packet;
}

/** Writes a frame behind the last one. Past the end of the ring it goes on at its start, or with NO_WRAP right behind the ring. */
export function writeToRing(s: Rtl8139State, memory: GuestMemory, frame: Uint8Array, status: number): void {
  const packet = packetOf(frame, status);
  const size = ringSize(s);
  const noWrap = (s.receiveConfig & RCR.NO_WRAP) !== 0 && size < LARGEST_RING;
  const first = noWrap ? packet.length : Math.min(packet.length, size - s.writeOffset);
  memory.write((s.receiveStart + s.writeOffset) >>> 0, packet.subarray(0, first));
  if (first < packet.length) memory.write(s.receiveStart, packet.subarray(first));
  s.writeOffset = (s.writeOffset + packet.length) % size;
}
