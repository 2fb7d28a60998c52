/** Captures what passes between card and network in the classic pcap format: microseconds, little-endian, Ethernet (draft-ietf-opsawg-pcap). */
import type { Nanoseconds } from '../devices/device.js';
import type { NetworkBackend, NetworkCard } from '../devices/network-backend.js';

const MAGIC = 0xa1b2c3d4,
  SNAP_LENGTH = 65535,
  LINK_ETHERNET = 1;

export function pcapHeader(): Uint8Array {
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, SNAP_LENGTH, true);
  view.setUint32(20, LINK_ETHERNET, true);
  return bytes;
}

/** `time` in nanoseconds since 1970. */
export function pcapRecord(time: Nanoseconds, frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + frame.length);
  const view = new DataView(bytes.buffer);
  const microseconds = Math.floor(time / 1000);
  view.setUint32(0, Math.floor(microseconds / 1e6), true);
  view.setUint32(4, microseconds % 1e6, true);
  view.setUint32(8, frame.length, true);
  view.setUint32(12, frame.length, true);
  bytes.set(frame, 16);
  return bytes;
}

/** A backend that writes down every frame of the backend behind it, in the order the cable carries them. */
export class CapturedNetwork implements NetworkBackend {
  private readonly inner: NetworkBackend;
  private readonly write: (bytes: Uint8Array) => void;
  private readonly epoch: Nanoseconds;
  private now: () => Nanoseconds = () => 0;

  /** `epoch`: nanoseconds since 1970 when guest time is 0. The header is written at once. */
  constructor(inner: NetworkBackend, write: (bytes: Uint8Array) => void, epoch: Nanoseconds) {
    this.inner = inner;
    this.write = write;
    this.epoch = epoch;
    write(pcapHeader());
  }

  attach(card: NetworkCard): void {
    const { clock } = card;
    this.now = () => clock.now();
    this.inner.attach({
      clock,
      deliver: (frame) => {
        this.record(frame);
        return card.deliver(frame);
      },
    });
  }

  private record(frame: Uint8Array): void {
    this.write(pcapRecord(this.epoch + this.now(), frame));
  }

  transmit(frame: Uint8Array): void {
    this.record(frame);
    this.inner.transmit(frame);
  }
  reset(): void {
    this.inner.reset();
  }
  deadline(): Nanoseconds {
    return this.inner.deadline();
  }
  tick(now: Nanoseconds): void {
    this.inner.tick(now);
  }
}
