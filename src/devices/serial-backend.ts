/** What a UART needs of the host: a sink for bytes and a queue of typed bytes that it empties at its own pace. */

export interface SerialBackend {
  /** A byte the guest sent. */
  write(byte: number): void;
  /** Takes the next byte for the guest, -1 when there is none now. */
  read(): number;
  /** Set by the UART; the host calls it after it has queued bytes. */
  onInput: (() => void) | null;
}

/** The usual backend: `push` queues input, `output` gets what the guest sends. */
export class SerialLine implements SerialBackend {
  onInput: (() => void) | null = null;
  private readonly output: (byte: number) => void;
  private queue: number[] = [];
  private head = 0;

  constructor(output: (byte: number) => void) {
    this.output = output;
  }

  write(byte: number): void {
    this.output(byte);
  }

  read(): number {
    if (this.head === this.queue.length) return -1;
    const byte = this.queue[this.head++]!;
    if (this.head === this.queue.length) {
      this.queue = [];
      this.head = 0;
    }
    return byte;
  }

  /** Call between slices only: input is part of what the guest observes. */
  push(bytes: Iterable<number>): void {
    for (const byte of bytes) this.queue.push(byte & 0xff);
    this.onInput?.();
  }
}
