/** Types bytes into the guest's serial port no faster than its receiver takes them. */

export interface SerialReceiver {
  /** Bytes the port can take now without losing one; `hurry` ignores the speed of the line. */
  room(hurry: boolean): number;
  send(bytes: Uint8Array): void;
}
/** Holds back a source that produces faster than the guest reads. */
export interface FlowControl {
  pause(): void;
  resume(): void;
}

const PAUSE_ABOVE = 65_536;
const RESUME_BELOW = 16_384;

export class Typist {
  #queue: number[] = [];
  /** Bytes of the queue already handed over. */
  #done = 0;
  #paused = false;
  readonly #receiver: SerialReceiver;
  /** Set once the source exists. */
  flow: FlowControl | undefined;

  constructor(receiver: SerialReceiver) {
    this.#receiver = receiver;
  }

  /** Queues bytes behind those already waiting. */
  enqueue(bytes: Uint8Array): void {
    for (const byte of bytes) this.#queue.push(byte);
    if (!this.#paused && this.#waiting > PAUSE_ABOVE) {
      this.#paused = true;
      this.flow?.pause();
    }
  }

  /** Hands over what the port has room for; called between slices. */
  type(): void {
    this.#handOver(false);
  }

  /** The same for a guest that does nothing until it gets a byte; false when there is nothing or no room. */
  typeNow(): boolean {
    return this.#handOver(true);
  }

  #handOver(hurry: boolean): boolean {
    if (this.#waiting === 0) return false;
    const count = Math.min(this.#receiver.room(hurry), this.#waiting);
    if (count <= 0) return false;
    const bytes = Uint8Array.from(this.#queue.slice(this.#done, this.#done + count));
    this.#done += count;
    this.#receiver.send(bytes);
    this.#release();
    return true;
  }

  get busy(): boolean {
    return this.#waiting > 0;
  }

  get #waiting(): number {
    return this.#queue.length - this.#done;
  }

  #release(): void {
    if (this.#waiting === 0 || this.#done > PAUSE_ABOVE) {
      this.#queue = this.#queue.slice(this.#done);
      this.#done = 0;
    }
    if (this.#paused && this.#waiting < RESUME_BELOW) {
      this.#paused = false;
      this.flow?.resume();
    }
  }
}
