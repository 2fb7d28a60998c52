/**
 * A qcow2 disk image, versions 2 and 3, over a store of bytes (QEMU's docs/interop/qcow2): backing files, compressed and zero clusters, and clusters
 * shared with internal snapshots, which are copied before they are written. Changes reach the store at once, counts before pointers.
 * Not implemented: zstd, encryption, external data files, extended L2 entries, writing compressed clusters, taking snapshots; persistent bitmaps
 * are marked as out of date.
 */
import { BlockError } from '../block-device.js';
import type { BlockDevice } from '../block-device.js';
import { DiskImageError } from './byte-store.js';
import type { ByteStore } from './byte-store.js';
import { AUTOCLEAR_AT, readHeader } from './qcow2-header.js';
import type { Qcow2Header } from './qcow2-header.js';
import { Refcounts, u64Bytes } from './qcow2-refcounts.js';
import { TableCache } from './table-cache.js';

/** In the upper half of a table entry. */
const COPIED = 0x80000000,
  COMPRESSED = 0x40000000,
  OFFSET_HIGH = 0x00ffffff;
/** In the lower half. */
const ZERO = 1,
  OFFSET_LOW = 0xfffffe00;
const LARGEST_OFFSET = 2 ** 53;

/** Decompresses a raw deflate stream (RFC 1951) that may be followed by anything; throws when it is broken or longer than `most` bytes. */
export type InflateRaw = (bytes: Uint8Array, most: number) => Uint8Array;

export interface Qcow2Host {
  readonly inflateRaw: InflateRaw;
  /** Opens the file that the header names, for reading. Throws when it cannot. */
  readonly openBacking: (name: string, format: string | undefined) => BlockDevice;
}

type Mapping =
  | { readonly kind: 'hole' }
  | { readonly kind: 'zero' | 'data'; readonly offset: number; readonly copied: boolean }
  | { readonly kind: 'compressed'; readonly offset: number; readonly bytes: number };
const HOLE: Mapping = { kind: 'hole' };

function corrupt(what: string): never {
  throw new BlockError(`the qcow2 image is corrupt: ${what}`);
}

export class Qcow2Image implements BlockDevice {
  readonly size: number;
  readonly readOnly: boolean;
  private readonly store: ByteStore;
  private readonly host: Qcow2Host;
  private readonly header: Qcow2Header;
  private readonly cluster: number;
  /** Guest clusters that one L2 table maps. */
  private readonly perTable: number;
  private readonly l1: DataView;
  private readonly l2: TableCache;
  private readonly refcounts: Refcounts | undefined;
  private readonly backing: BlockDevice | undefined;
  /** The compressed cluster that was read last. */
  private inflated: { readonly offset: number; readonly bytes: Uint8Array } | undefined;

  /** Throws DiskImageError when the file is no usable image, or damaged and not opened read-only. */
  constructor(store: ByteStore, host: Qcow2Host) {
    this.store = store;
    this.host = host;
    this.header = readHeader(store);
    this.readOnly = store.readOnly;
    if (!this.readOnly && this.header.readOnlyBecause !== undefined)
      throw new DiskImageError(`${this.header.readOnlyBecause}, or open it read-only`);
    this.size = this.header.size;
    this.cluster = 2 ** this.header.clusterBits;
    this.perTable = this.cluster / 8;
    this.l2 = new TableCache(store, this.cluster);
    this.l1 = this.readL1();
    this.refcounts = this.readOnly ? undefined : new Refcounts(store, this.header);
    const { backing } = this.header;
    this.backing = backing === undefined ? undefined : host.openBacking(backing.name, backing.format);
    if (!this.readOnly && this.header.autoclear) store.write(AUTOCLEAR_AT, new Uint8Array(8));
  }

  private readL1(): DataView {
    const bytes = new Uint8Array(this.header.l1Entries * 8);
    this.store.read(this.header.l1Offset, bytes);
    return new DataView(bytes.buffer);
  }

  read(offset: number, into: Uint8Array): void {
    this.eachCluster(offset, into, (index, at, piece) => this.readPiece(index, at, piece));
  }

  write(offset: number, bytes: Uint8Array): void {
    if (this.readOnly) throw new BlockError('the image is read-only');
    this.eachCluster(offset, bytes, (index, at, piece) => this.writePiece(index, at, piece));
  }

  flush(): void {
    if (!this.readOnly) this.store.flush();
  }

  private eachCluster(
    offset: number,
    bytes: Uint8Array,
    visit: (index: number, at: number, piece: Uint8Array) => void,
  ): void {
    for (let done = 0; done < bytes.length;) {
      const index = Math.floor((offset + done) / this.cluster);
      const at = offset + done - index * this.cluster;
      const piece = bytes.subarray(done, done + this.cluster - at);
      visit(index, at, piece);
      done += piece.length;
    }
  }

  /** Offset of a table or cluster from the two halves of an entry; it has to be a cluster boundary. */
  private offsetOf(high: number, low: number, what: string): number {
    const offset = (high & OFFSET_HIGH) * 2 ** 32 + ((low & OFFSET_LOW) >>> 0);
    if (offset % this.cluster !== 0 || offset >= LARGEST_OFFSET) corrupt(`${what} lies between clusters`);
    return offset;
  }

  /** Offset of the L2 table for a guest cluster, 0 for none. */
  private tableOf(index: number): number {
    const at = 8 * Math.floor(index / this.perTable);
    return this.offsetOf(this.l1.getUint32(at), this.l1.getUint32(at + 4), 'an L2 table');
  }

  private map(index: number): Mapping {
    const table = this.tableOf(index);
    if (table === 0) return HOLE;
    const view = this.l2.get(table);
    const at = 8 * (index % this.perTable);
    const high = view.getUint32(at);
    const low = view.getUint32(at + 4);
    if ((high & COMPRESSED) !== 0) return this.compressedMapping(high, low);
    const offset = this.offsetOf(high, low, 'a cluster');
    const copied = (high & COPIED) !== 0;
    if (this.header.version === 3 && (low & ZERO) !== 0) return { kind: 'zero', offset, copied };
    return offset === 0 ? HOLE : { kind: 'data', offset, copied };
  }

  /** Bits 0 to x-1 are the offset, x to 61 the further sectors of 512 bytes, x = 62 - (cluster bits - 8). */
  private compressedMapping(high: number, low: number): Mapping {
    const shift = 62 - (this.header.clusterBits - 8) - 32;
    const offset = (high & ((1 << shift) - 1)) * 2 ** 32 + low;
    const sectors = (high & 0x3fffffff) >>> shift;
    if (offset >= LARGEST_OFFSET) corrupt('a compressed cluster lies beyond all files');
    return { kind: 'compressed', offset, bytes: (sectors + 1) * 512 - (offset % 512) };
  }

  private readPiece(index: number, at: number, piece: Uint8Array): void {
    const mapping = this.map(index);
    if (mapping.kind === 'hole') this.readBacking(index * this.cluster + at, piece);
    else if (mapping.kind === 'zero') piece.fill(0);
    else if (mapping.kind === 'compressed')
      piece.set(this.inflate(mapping.offset, mapping.bytes).subarray(at, at + piece.length));
    else this.store.read(mapping.offset + at, piece);
  }

  /** A backing file may be shorter than the disk: zeros follow. */
  private readBacking(offset: number, piece: Uint8Array): void {
    const there = Math.max(0, Math.min(piece.length, (this.backing?.size ?? 0) - offset));
    if (there > 0) this.backing!.read(offset, piece.subarray(0, there));
    piece.fill(0, there);
  }

  private inflate(offset: number, length: number): Uint8Array {
    if (this.inflated?.offset === offset) return this.inflated.bytes;
    const packed = new Uint8Array(Math.max(0, Math.min(length, this.store.size - offset)));
    this.store.read(offset, packed);
    let bytes: Uint8Array;
    try {
      bytes = this.host.inflateRaw(packed, this.cluster);
    } catch {
      corrupt('a compressed cluster cannot be decompressed');
    }
    if (bytes.length !== this.cluster) corrupt('a compressed cluster has the wrong length');
    this.inflated = { offset, bytes };
    return bytes;
  }

  private writePiece(index: number, at: number, piece: Uint8Array): void {
    const table = this.ownTable(index);
    const old = this.map(index);
    const owned = (old.kind === 'data' || old.kind === 'zero') && old.copied && old.offset !== 0;
    if (owned) this.protectTables(old.offset);
    if (owned && old.kind === 'data') this.store.write(old.offset + at, piece);
    else {
      const whole = this.merge(index, at, piece);
      if (owned) this.replace(table, index, old.offset, whole);
      else this.placeNew(table, index, old, whole);
    }
  }

  /** The cluster's content with `piece` in it. */
  private merge(index: number, at: number, piece: Uint8Array): Uint8Array {
    if (piece.length === this.cluster) return piece;
    const whole = new Uint8Array(this.cluster);
    const start = index * this.cluster;
    this.read(start, whole.subarray(0, Math.min(this.cluster, this.size - start)));
    whole.set(piece, at);
    return whole;
  }

  /** Content first, then the entry that shows it. */
  private replace(table: number, index: number, offset: number, whole: Uint8Array): void {
    this.store.write(offset, whole);
    this.l2.update(table, 8 * (index % this.perTable), u64Bytes(offset, COPIED));
  }

  private placeNew(table: number, index: number, old: Mapping, whole: Uint8Array): void {
    const offset = this.refcounts!.allocate();
    this.guarded(offset, () => this.replace(table, index, offset, whole));
    if (old.kind === 'compressed') this.releaseCompressed(old.offset, old.bytes);
    else if (old.kind !== 'hole' && old.offset !== 0) this.refcounts!.release(old.offset);
  }

  /** When the host fails, the new cluster is given back, if the host can do that. */
  private guarded(offset: number, work: () => void): void {
    try {
      work();
    } catch (error) {
      try {
        this.refcounts!.release(offset);
      } catch {
        // The cluster is lost, which qemu-img check calls a leak; the first error tells more.
      }
      throw error;
    }
  }

  /** Compressed data may lie across clusters, each of which it holds a reference to. */
  private releaseCompressed(offset: number, bytes: number): void {
    this.inflated = undefined;
    const last = Math.floor((offset + bytes - 1) / this.cluster);
    for (let index = Math.floor(offset / this.cluster); index <= last; index++)
      this.refcounts!.release(index * this.cluster);
  }

  /** Guest data that an entry puts onto header or tables would destroy the image. */
  private protectTables(offset: number): void {
    const { l1Offset, l1Entries } = this.header;
    const meets = (first: number, end: number): boolean => offset < end && first < offset + this.cluster;
    if (offset === 0 || meets(l1Offset, l1Offset + 8 * l1Entries) || meets(...this.refcounts!.tableRange))
      corrupt('a cluster of data lies on its tables');
  }

  /** Offset of an L2 table that only this disk uses, made or copied if need be. */
  private ownTable(index: number): number {
    const l1Index = Math.floor(index / this.perTable);
    const old = this.tableOf(index);
    if (old !== 0 && (this.l1.getUint32(8 * l1Index) & COPIED) !== 0) {
      this.protectTables(old);
      return old;
    }
    const content = old === 0 ? new ArrayBuffer(this.cluster) : this.l2.get(old).buffer.slice(0);
    const offset = this.refcounts!.allocate();
    this.guarded(offset, () => {
      this.l2.create(offset, new DataView(content as ArrayBuffer));
      this.store.write(this.header.l1Offset + 8 * l1Index, u64Bytes(offset, COPIED));
    });
    new Uint8Array(this.l1.buffer).set(u64Bytes(offset, COPIED), 8 * l1Index);
    if (old !== 0) this.refcounts!.release(old);
    return offset;
  }
}
