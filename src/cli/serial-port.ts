/** The host's end of the guest's serial line: output goes to a sink and a watcher, typed bytes arrive at line speed. */
import type { SerialBackend } from '../devices/serial-backend.js';
import type { SerialReceiver } from './typist.js';

/** A line at 115,200 baud moves a byte in ten bits; guests' terminal layers lose input that comes in bursts. */
const NANOSECONDS_PER_BYTE = 86_806;
const FIFO = 16;

export class SerialPort implements SerialBackend, SerialReceiver {
  onInput: (() => void) | null = null;
  /** Guest time; set once the machine exists. */
  now: () => number = () => 0;
  readonly #output: (byte: number) => void;
  readonly #queue: number[] = [];
  /** When the line is free for the next byte. */
  #freeNs = 0;

  constructor(output: (byte: number) => void) {
    this.#output = output;
  }

  write(byte: number): void {
    this.#output(byte);
  }

  read(): number {
    return this.#queue.shift() ?? -1;
  }

  room(hurry: boolean): number {
    const free = FIFO - this.#queue.length;
    if (hurry) return free;
    const sinceFree = this.now() - this.#freeNs;
    if (sinceFree < 0) return 0;
    return Math.min(free, 1 + Math.floor(sinceFree / NANOSECONDS_PER_BYTE));
  }

  send(bytes: Uint8Array): void {
    this.#freeNs = this.now() + NANOSECONDS_PER_BYTE;
    for (const byte of bytes) this.#queue.push(byte);
    this.onInput?.();
  }
}
