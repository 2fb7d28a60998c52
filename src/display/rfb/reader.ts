/** Bytes that arrive in pieces of any size, taken in messages. */

export class ByteQueue {
  private bytes = new Uint8Array(1024);
  private from = 0;
  private to = 0;
  /** Bytes still to be dropped as they arrive. */
  private skipping = 0;

  get length(): number {
    return this.to - this.from;
  }

  push(piece: Uint8Array): void {
    const dropped = Math.min(this.skipping, piece.length);
    this.skipping -= dropped;
    const rest = piece.subarray(dropped);
    this.makeRoom(rest.length);
    this.bytes.set(rest, this.to);
    this.to += rest.length;
  }

  private makeRoom(count: number): void {
    if (this.to + count <= this.bytes.length) return;
    const kept = this.bytes.subarray(this.from, this.to);
    const size = Math.max(1024, 2 * (kept.length + count));
    const larger = new Uint8Array(size);
    larger.set(kept);
    this.bytes = larger;
    this.to = kept.length;
    this.from = 0;
  }

  /** The waiting bytes from the first on; valid until the next push. */
  view(): DataView {
    return new DataView(this.bytes.buffer, this.from, this.length);
  }

  take(count: number): Uint8Array {
    const taken = this.bytes.slice(this.from, this.from + count);
    this.from += count;
    return taken;
  }

  /** Drops bytes, those that have not come yet included. */
  skip(count: number): void {
    const now = Math.min(count, this.length);
    this.from += now;
    this.skipping += count - now;
  }
}
