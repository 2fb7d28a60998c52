/** A store of bytes in memory that can be told to fail or to be full, and an image maker for qcow2 that needs nothing but Node. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { BlockError } from '../../../src/devices/block-device.js';
import type { ByteStore } from '../../../src/devices/images/byte-store.js';
import type { InflateRaw } from '../../../src/devices/images/qcow2.js';

export class MemoryStore implements ByteStore {
  private space: Uint8Array;
  size: number;
  readOnly = false;
  flushes = 0;
  /** Writes beyond this byte fail, as on a full disk. */
  capacity = Infinity;
  /** After so many writes every further one fails. */
  writesLeft = Infinity;
  constructor(bytes: Uint8Array) {
    this.space = bytes;
    this.size = bytes.length;
  }
  get bytes(): Uint8Array {
    return this.space.subarray(0, this.size);
  }
  read(offset: number, into: Uint8Array): void {
    if (!(offset >= 0 && Number.isSafeInteger(offset))) throw new Error(`read at ${offset}`);
    const part = this.bytes.subarray(Math.min(offset, this.size), offset + into.length);
    into.fill(0, part.length);
    into.set(part);
  }
  write(offset: number, bytes: Uint8Array): void {
    if (this.readOnly || offset + bytes.length > this.capacity || this.writesLeft-- <= 0)
      throw new BlockError('write: ENOSPC');
    this.size = Math.max(this.size, offset + bytes.length);
    if (this.size > this.space.length) {
      const grown = new Uint8Array(2 * this.size);
      grown.set(this.space);
      this.space = grown;
    }
    this.bytes.set(bytes, offset);
  }
  flush(): void {
    this.flushes++;
  }
}

export const inflateRaw: InflateRaw = (bytes, most) =>
  inflateRawSync(bytes, { maxOutputLength: most, finishFlush: 2 });

export interface MadeImage {
  readonly version?: 2 | 3;
  readonly clusterBits?: number;
  readonly size: number;
  /** Guest cluster → its content, compressed or not. */
  readonly clusters?: readonly {
    readonly index: number;
    readonly bytes: Uint8Array;
    readonly packed?: boolean;
  }[];
  readonly zeros?: readonly number[];
  readonly backing?: string;
  readonly incompatible?: number;
}

/** A clean image: header, refcount table and one block, L1, L2 tables, then data; counts of 16 bits. */
export function makeQcow2(made: MadeImage): Uint8Array {
  const { version = 3, clusterBits = 9, size } = made;
  const cluster = 2 ** clusterBits;
  const perTable = cluster / 8;
  const tables = Math.ceil(size / (cluster * perTable));
  const l1Clusters = Math.ceil((tables * 8) / cluster);
  const l2At = 3 + l1Clusters;
  const dataAt = l2At + tables;
  const bytes = new Uint8Array((dataAt + 2 * (made.clusters?.length ?? 0)) * cluster);
  const view = new DataView(bytes.buffer);
  const put64 = (at: number, value: number, flags = 0): void => {
    view.setUint32(at, (Math.floor(value / 2 ** 32) | flags) >>> 0);
    view.setUint32(at + 4, value >>> 0);
  };
  const header: readonly (readonly [number, number])[] = [
    [0, 0x514649fb],
    [4, version],
    [20, clusterBits],
    [36, tables],
    [56, 1],
    [96, 4],
    [100, 104],
    [76, made.incompatible ?? 0],
  ];
  for (const [at, value] of header) if (at < 72 || version === 3) view.setUint32(at, value);
  put64(24, size);
  put64(40, 3 * cluster);
  put64(48, cluster);
  if (made.backing !== undefined) {
    const name = new TextEncoder().encode(made.backing);
    put64(8, 256);
    view.setUint32(16, name.length);
    bytes.set(name, 256);
  }
  put64(cluster, 2 * cluster);
  for (let i = 0; i < tables; i++) put64(3 * cluster + 8 * i, (l2At + i) * cluster, 0x80000000);
  const entryAt = (index: number): number =>
    (l2At + Math.floor(index / perTable)) * cluster + 8 * (index % perTable);
  let next = dataAt;
  for (const { index, bytes: content, packed } of made.clusters ?? []) {
    if (packed === true) {
      const stream = deflateRawSync(content);
      const start = next * cluster + 8;
      bytes.set(stream, start);
      const sectors = Math.floor((start + stream.length - 1) / 512) - Math.floor(start / 512);
      const shift = 62 - (clusterBits - 8) - 32;
      put64(entryAt(index), start, 0x40000000 | (sectors << shift));
      next += Math.ceil((8 + stream.length) / cluster);
    } else {
      bytes.set(content, next * cluster);
      put64(entryAt(index), next++ * cluster, 0x80000000);
    }
  }
  for (const index of made.zeros ?? []) put64(entryAt(index), 1);
  for (let i = 0; i < next; i++) view.setUint16(2 * cluster + 2 * i, 1);
  return bytes.subarray(0, next * cluster).slice();
}
