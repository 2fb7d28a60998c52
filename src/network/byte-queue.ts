/** A queue of bytes that arrive in chunks, are looked at from any position and are removed from the front. */

export class ByteQueue {
  private chunks: Uint8Array[] = [];
  /** Bytes of the first chunk that are gone already. */
  private head = 0;
  length = 0;

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.chunks.push(bytes);
    this.length += bytes.length;
  }

  /** Copies bytes from `offset` on into `into`; that many must be there. */
  copy(offset: number, into: Uint8Array): void {
    let skip = offset + this.head;
    let filled = 0;
    for (const chunk of this.chunks) {
      if (filled === into.length) break;
      if (skip >= chunk.length) {
        skip -= chunk.length;
        continue;
      }
      const part = chunk.subarray(skip, skip + into.length - filled);
      into.set(part, filled);
      filled += part.length;
      skip = 0;
    }
  }

  drop(count: number): void {
    this.length -= count;
    this.head += count;
    let gone = 0;
    while (gone < this.chunks.length && this.head >= this.chunks[gone]!.length)
      this.head -= this.chunks[gone++]!.length;
    if (gone > 0) this.chunks = this.chunks.slice(gone);
  }

  clear(): void {
    this.chunks = [];
    this.head = 0;
    this.length = 0;
  }
}
