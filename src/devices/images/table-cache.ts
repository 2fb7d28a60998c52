/** Clusters of an image that are tables, kept in memory up to a number of bytes; what changes is written through at once. */
import type { ByteStore } from './byte-store.js';

const MOST_BYTES = 16 << 20;

export class TableCache {
  private readonly store: ByteStore;
  private readonly tableBytes: number;
  /** By offset in the file; the least recently used first. */
  private readonly tables = new Map<number, DataView>();

  constructor(store: ByteStore, tableBytes: number) {
    this.store = store;
    this.tableBytes = tableBytes;
  }

  get(offset: number): DataView {
    const cached = this.tables.get(offset);
    if (cached !== undefined) {
      this.tables.delete(offset);
      this.tables.set(offset, cached);
      return cached;
    }
    const bytes = new Uint8Array(this.tableBytes);
    this.store.read(offset, bytes);
    return this.keep(offset, new DataView(bytes.buffer));
  }

  /** Puts a whole new table into the file. */
  create(offset: number, table: DataView): void {
    this.store.write(offset, new Uint8Array(table.buffer));
    this.keep(offset, table);
  }

  /** Stores 1 to 8 bytes of a table: in the file first, so that memory never knows more than the file. */
  update(offset: number, at: number, bytes: Uint8Array): void {
    const table = this.get(offset);
    this.store.write(offset + at, bytes);
    new Uint8Array(table.buffer).set(bytes, at);
  }

  forget(offset: number): void {
    this.tables.delete(offset);
  }

  private keep(offset: number, table: DataView): DataView {
    this.tables.set(offset, table);
    for (const oldest of this.tables.keys()) {
      if (this.tables.size * this.tableBytes <= MOST_BYTES || this.tables.size <= 2) break;
      this.tables.delete(oldest);
    }
    return table;
  }
}
