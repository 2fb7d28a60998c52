/** An RTL8139 on a bench: registers by offset, 1 MiB of memory at 0, a cable whose other end is held by the test. */
import type { GuestMemory } from '../../src/devices/guest-memory.js';
import type { NetworkBackend, NetworkCard } from '../../src/devices/network-backend.js';
import { Rtl8139 } from '../../src/devices/rtl8139.js';
import { ManualClock, RecordedWire } from '../hv/fakes.js';

export const STATION = Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56);
export const RING = 0x10000,
  TRANSMIT = 0x40000;
const MEMORY_BYTES = 0x100000;

export class FlatMemory implements GuestMemory {
  readonly bytes = new Uint8Array(MEMORY_BYTES);
  read(address: number, into: Uint8Array): void {
    for (let i = 0; i < into.length; i++) into[i] = this.bytes[(address + i) >>> 0] ?? 0xff;
  }
  write(address: number, bytes: Uint8Array): void {
    bytes.forEach((byte, i) => {
      const at = (address + i) >>> 0;
      if (at < MEMORY_BYTES) this.bytes[at] = byte;
    });
  }
}

export class HeldCable implements NetworkBackend {
  card!: NetworkCard;
  readonly sent: Uint8Array[] = [];
  resets = 0;
  /** Called with what is sent, after it was noted. */
  answer: (frame: Uint8Array) => void = () => {};
  attach(card: NetworkCard): void {
    this.card = card;
  }
  transmit(frame: Uint8Array): void {
    this.sent.push(frame);
    this.answer(frame);
  }
  reset(): void {
    this.resets++;
  }
  deadline(): number {
    return Infinity;
  }
  tick(): void {}
}

export class CardBench {
  readonly clock = new ManualClock();
  readonly irq = new RecordedWire();
  readonly memory = new FlatMemory();
  readonly cable = new HeldCable();
  readonly card: Rtl8139;

  constructor(rom?: Uint8Array) {
    const { clock, irq, memory, cable } = this;
    this.card = new Rtl8139({ clock, irq: irq.set, memory, backend: cable, station: STATION, rom });
    this.card.reset();
    this.card.pci.write(4, 7);
  }

  read(offset: number, size = 4): number {
    return this.card.pci.bars[0]!.read(offset, size);
  }
  write(offset: number, value: number, size = 4): void {
    this.card.pci.bars[1]!.write(offset, size, value);
  }

  /** Receiver and transmitter on, ring of 8 KiB that wraps, own and broadcast frames, all interrupts. */
  start(receiveConfig = 0x0a): void {
    this.write(0x30, RING);
    this.write(0x37, 0x0c, 1);
    this.write(0x44, receiveConfig);
    this.write(0x3c, 0xe07f, 2);
  }

  /** A frame arrives; time goes on until the card is not interested any more. */
  arrive(frame: Uint8Array): void {
    this.cable.card.deliver(frame);
    this.settle();
  }
  settle(): void {
    for (let i = 0; this.card.deadline() <= this.clock.time && i < 1000; i++) this.card.tick(this.clock.time);
  }

  send(index: number, frame: Uint8Array): void {
    this.memory.write(TRANSMIT + index * 0x1000, frame);
    this.write(0x20 + 4 * index, TRANSMIT + index * 0x1000);
    this.write(0x10 + 4 * index, frame.length);
  }
}

export function frameTo(destination: ArrayLike<number>, length: number, fill = 0x5a): Uint8Array {
  const frame = new Uint8Array(length).fill(fill);
  frame.set(destination, 0);
  frame.set([2, 0, 0, 0, 0, 9, 8, 0], 6);
  return frame;
}
