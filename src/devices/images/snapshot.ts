/** Copy-on-write in memory: writes stay here and are lost at the end, reads see them over an image that is never written to. */
import { BlockError } from '../block-device.js';
import type { BlockDevice } from '../block-device.js';

const CLUSTER = 0x4000;

interface Overlaid {
  readonly index: number;
  readonly bytes: Uint8Array;
}

export class SnapshotImage implements BlockDevice {
  readonly size: number;
  readonly readOnly = false;
  private readonly base: BlockDevice;
  private readonly clusters = new Map<number, Uint8Array>();

  constructor(base: BlockDevice) {
    this.base = base;
    this.size = base.size;
  }

  read(offset: number, into: Uint8Array): void {
    this.eachPiece(offset, into, (index, at, piece) => {
      const cluster = this.clusters.get(index);
      if (cluster === undefined) this.base.read(index * CLUSTER + at, piece);
      else piece.set(cluster.subarray(at, at + piece.length));
    });
  }

  write(offset: number, bytes: Uint8Array): void {
    this.eachPiece(offset, bytes, (index, at, piece) => {
      const cluster = this.clusters.get(index) ?? this.copy(index, piece.length === CLUSTER);
      cluster.set(piece, at);
      this.clusters.set(index, cluster);
    });
  }

  /** What was written: pieces of the image by number, as plain data. */
  get overlay(): { index: number; bytes: Uint8Array }[] {
    return [...this.clusters].map(([index, bytes]) => ({ index, bytes }));
  }
  /** False, and nothing changed, when `overlay` is none of an image of this size. */
  adoptOverlay(overlay: unknown): boolean {
    const count = Math.ceil(this.size / CLUSTER);
    const fits = (piece: Partial<Overlaid> | null): piece is Overlaid =>
      piece?.bytes instanceof Uint8Array &&
      piece.bytes.length === CLUSTER &&
      Number.isSafeInteger(piece.index) &&
      piece.index! >= 0 &&
      piece.index! < count;
    if (!Array.isArray(overlay) || !overlay.every(fits)) return false;
    this.clusters.clear();
    for (const { index, bytes } of overlay) this.clusters.set(index, bytes);
    return true;
  }

  flush(): void {
    // Nothing to keep.
  }

  private copy(index: number, overwritten: boolean): Uint8Array {
    const cluster = allocate();
    const start = index * CLUSTER;
    if (!overwritten) this.base.read(start, cluster.subarray(0, Math.min(CLUSTER, this.size - start)));
    return cluster;
  }

  private eachPiece(
    offset: number,
    bytes: Uint8Array,
    visit: (index: number, at: number, piece: Uint8Array) => void,
  ): void {
    for (let done = 0; done < bytes.length;) {
      const index = Math.floor((offset + done) / CLUSTER);
      const at = offset + done - index * CLUSTER;
      const piece = bytes.subarray(done, done + CLUSTER - at);
      visit(index, at, piece);
      done += piece.length;
    }
  }
}

/** A host without memory is a host that cannot write. */
function allocate(): Uint8Array {
  try {
    return new Uint8Array(CLUSTER);
  } catch (error) {
    throw new BlockError('the host has no memory left for what the guest writes', { cause: error });
  }
}
