/**
 * Reference counts of a qcow2 file's clusters (QEMU's docs/interop/qcow2, "Host cluster management"): finding free clusters, taking and giving them
 * back. A cluster is counted before anything points to it, so that a file which was left in the middle leaks clusters and loses none.
 */
import { BlockError } from '../block-device.js';
import type { ByteStore } from './byte-store.js';
import { REFCOUNT_TABLE_AT, readU64 } from './qcow2-header.js';
import type { Qcow2Header } from './qcow2-header.js';
import { TableCache } from './table-cache.js';

/** Clusters beyond this byte of the file cannot be described by a table entry. */
const LARGEST_FILE = 2 ** 53;
const LARGEST_TABLE_BYTES = 8 << 20;
/** A file that was left in the middle may count clusters behind its end; many more than this are nonsense. */
const MOST_BEHIND_END = 0x10000;

export function u64Bytes(value: number, flags = 0): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, (Math.floor(value / 2 ** 32) | flags) >>> 0);
  view.setUint32(4, value >>> 0);
  return bytes;
}

export class Refcounts {
  private readonly store: ByteStore;
  private readonly cluster: number;
  private readonly order: number;
  private readonly perBlock: number;
  private readonly blocks: TableCache;
  /** Offset of the table and of the block for each of its entries, 0 for none. */
  private tableOffset: number;
  private table: Float64Array;
  /** No cluster below this one is free. */
  private hint = 0;

  constructor(store: ByteStore, header: Qcow2Header) {
    this.store = store;
    this.cluster = 2 ** header.clusterBits;
    this.order = header.refcountOrder;
    this.perBlock = (this.cluster * 8) >> this.order;
    this.blocks = new TableCache(store, this.cluster);
    this.tableOffset = header.refcountTableOffset;
    this.table = this.load(header.refcountTableClusters);
  }

  private load(clusters: number): Float64Array {
    const bytes = new Uint8Array(clusters * this.cluster);
    this.store.read(this.tableOffset, bytes);
    const view = new DataView(bytes.buffer);
    return Float64Array.from({ length: bytes.length / 8 }, (_, i) => readU64(view, 8 * i));
  }

  /** Bytes of the file that hold the table: nobody may write guest data there. */
  get tableRange(): readonly [number, number] {
    return [this.tableOffset, this.tableOffset + this.table.length * 8];
  }

  private blockOf(index: number): number {
    const offset = this.table[Math.floor(index / this.perBlock)] ?? 0;
    if (offset % this.cluster !== 0 || offset >= LARGEST_FILE)
      throw new BlockError('the qcow2 image is corrupt: a refcount block lies between clusters');
    return offset;
  }

  /** Counts of 64 bits may be inexact. */
  count(index: number): number {
    const offset = this.blockOf(index);
    if (offset === 0) return 0;
    const view = this.blocks.get(offset);
    const at = index % this.perBlock;
    if (this.order === 6) return readU64(view, 8 * at);
    if (this.order === 5) return view.getUint32(4 * at);
    if (this.order === 4) return view.getUint16(2 * at);
    if (this.order === 3) return view.getUint8(at);
    const bits = 1 << this.order;
    return (view.getUint8((at * bits) >> 3) >> ((at * bits) & 7)) & ((1 << bits) - 1);
  }

  /** The block of this cluster exists. */
  private setCount(index: number, count: number): void {
    const offset = this.blockOf(index);
    const at = index % this.perBlock;
    if (this.order >= 3) {
      const width = 1 << (this.order - 3);
      this.blocks.update(offset, at * width, u64Bytes(count).slice(8 - width));
      return;
    }
    const bits = 1 << this.order;
    const byte = (at * bits) >> 3;
    const shift = (at * bits) & 7;
    const old = this.blocks.get(offset).getUint8(byte);
    const mask = ((1 << bits) - 1) << shift;
    this.blocks.update(offset, byte, Uint8Array.of((old & ~mask) | (count << shift)));
  }

  /** Takes a free cluster and counts it once; the result is its offset in the file. Throws BlockError when the host fails. */
  allocate(): number {
    const last = Math.ceil(this.store.size / this.cluster) + MOST_BEHIND_END;
    for (let index = this.hint; ; index++) {
      if (index > last) throw new BlockError('the qcow2 image is corrupt: it counts clusters behind its end');
      const block = Math.floor(index / this.perBlock);
      if (block >= this.table.length) this.growTable();
      if (this.table[block] === 0) this.addBlock(block, index);
      else if (this.count(index) === 0) {
        this.setCount(index, 1);
        this.hint = index + 1;
        return index * this.cluster;
      }
    }
  }

  /** A block that does not exist counts nothing, so the free cluster that was found becomes that block, and counts itself. */
  private addBlock(block: number, index: number): void {
    const offset = index * this.cluster;
    this.blocks.create(offset, new DataView(new ArrayBuffer(this.cluster)));
    this.table[block] = offset;
    try {
      this.setCount(index, 1);
      this.store.write(this.tableOffset + 8 * block, u64Bytes(offset));
    } catch (error) {
      this.table[block] = 0;
      this.blocks.forget(offset);
      throw error;
    }
  }

  /** A larger table goes behind everything that the old one could count, with the blocks that count it. */
  private growTable(): void {
    const { cluster, perBlock, table } = this;
    const clusters = Math.ceil((table.length * 8 * 1.5) / cluster) + 1;
    if (clusters * cluster > LARGEST_TABLE_BYTES) throw new BlockError('the qcow2 image is full');
    const first = table.length * perBlock;
    let blocks = 1;
    while (blocks * perBlock < clusters + blocks) blocks++;
    const grown = new Float64Array((clusters * cluster) / 8);
    grown.set(table);
    for (let i = 0; i < blocks; i++) grown[table.length + i] = (first + clusters + i) * cluster;
    this.install(grown, first, clusters + blocks, blocks);
  }

  private install(grown: Float64Array, first: number, used: number, blocks: number): void {
    const { table: old, tableOffset: oldOffset, cluster } = this;
    this.table = grown;
    try {
      for (let i = 0; i < blocks; i++)
        this.blocks.create(grown[old.length + i]!, new DataView(new ArrayBuffer(cluster)));
      for (let i = 0; i < used; i++) this.setCount(first + i, 1);
      const bytes = new Uint8Array(grown.length * 8);
      grown.forEach((offset, i) => bytes.set(u64Bytes(offset), 8 * i));
      this.store.write(first * cluster, bytes);
      const header = new Uint8Array(12);
      header.set(u64Bytes(first * cluster));
      new DataView(header.buffer).setUint32(8, bytes.length / cluster);
      this.store.write(REFCOUNT_TABLE_AT, header);
    } catch (error) {
      this.table = old;
      throw error;
    }
    this.tableOffset = first * cluster;
    for (let at = 0; at < old.length * 8; at += cluster) this.release(oldOffset + at);
  }

  /** One reference less to the cluster at this offset; a count that is 0 already stays so. */
  release(offset: number): void {
    const index = Math.floor(offset / this.cluster);
    const count = this.blockOf(index) === 0 ? 0 : this.count(index);
    if (count === 0 || count >= LARGEST_FILE) return;
    this.setCount(index, count - 1);
    if (count === 1) this.hint = Math.min(this.hint, index);
  }
}
