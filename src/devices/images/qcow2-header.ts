/**
 * The header of a qcow2 image, versions 2 and 3 (QEMU's docs/interop/qcow2, "Header"): read, checked against the file, and with limits on
 * what it may make us hold in memory.
 */
import { DiskImageError } from './byte-store.js';
import type { ByteStore } from './byte-store.js';
import { isQcow2 } from './raw.js';

const V2_BYTES = 72,
  V3_BYTES = 104;
const SMALLEST_CLUSTER_BITS = 9,
  LARGEST_CLUSTER_BITS = 21;
/** The limits that QEMU sets itself. */
const LARGEST_L1_BYTES = 32 << 20,
  LARGEST_REFCOUNT_TABLE_BYTES = 8 << 20,
  LONGEST_BACKING_NAME = 1023;
const DIRTY = 1,
  CORRUPT = 2;
const INCOMPATIBLE_NAMES = [
  'dirty',
  'corrupt',
  'external data file',
  'compression type',
  'extended L2 entries',
];
const COMPRESSION_NAMES = ['zlib', 'zstd'];
const EXTENSION_END = 0,
  EXTENSION_BACKING_FORMAT = 0xe2792aca,
  EXTENSION_FEATURE_NAMES = 0x6803f857;
const FEATURE_NAME_BYTES = 48;
/** Offset of the eight bytes of auto-clear features. */
export const AUTOCLEAR_AT = 88;
export const REFCOUNT_TABLE_AT = 48;
/** File offsets beyond this are not exact in a float64. */
const LARGEST_OFFSET = 2 ** 53;

export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  /** Of the disk, in bytes. */
  readonly size: number;
  readonly l1Entries: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  /** Width of a reference count is `1 << refcountOrder` bits. */
  readonly refcountOrder: number;
  readonly backing: { readonly name: string; readonly format: string | undefined } | undefined;
  /** Why the image may not be written to, undefined when it may. */
  readonly readOnlyBecause: string | undefined;
  readonly autoclear: boolean;
}

/** A big-endian 64-bit number; inexact above 2^53, where every check refuses it. */
export function readU64(view: DataView, at: number): number {
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}

function fail(message: string): never {
  throw new DiskImageError(message);
}

function start(store: ByteStore): DataView {
  const bytes = new Uint8Array(V3_BYTES + 8);
  store.read(0, bytes);
  if (!isQcow2(bytes)) fail('is no qcow2 image: it does not start with "QFI" and 0xfb');
  if (store.size < V2_BYTES) fail('is cut off inside its qcow2 header');
  return new DataView(bytes.buffer);
}

/** A table must lie on cluster boundaries and inside the file. */
function checkTable(store: ByteStore, name: string, offset: number, bytes: number, cluster: number): void {
  if (offset >= LARGEST_OFFSET || offset % cluster !== 0 || (offset === 0 && bytes > 0))
    fail(`has a ${name} at ${offset}, which is no cluster boundary`);
  if (offset + bytes > store.size) fail(`ends before its ${name} does`);
}

/** Names of unknown incompatible features may be in the file itself. */
function featureName(names: ReadonlyMap<number, string>, bit: number): string {
  return INCOMPATIBLE_NAMES[bit] ?? names.get(bit) ?? `bit ${bit}`;
}

interface Extensions {
  backingFormat: string | undefined;
  featureNames: Map<number, string>;
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function readExtensions(store: ByteStore, from: number, cluster: number): Extensions {
  const found: Extensions = { backingFormat: undefined, featureNames: new Map() };
  const bytes = new Uint8Array(Math.min(cluster, store.size));
  store.read(0, bytes);
  const view = new DataView(bytes.buffer);
  for (let at = from; at + 8 <= bytes.length;) {
    const type = view.getUint32(at);
    const length = view.getUint32(at + 4);
    if (type === EXTENSION_END) break;
    if (length > bytes.length - at - 8) fail('has a header extension that leaves its first cluster');
    const data = bytes.subarray(at + 8, at + 8 + length);
    if (type === EXTENSION_BACKING_FORMAT) found.backingFormat = text(data);
    if (type === EXTENSION_FEATURE_NAMES) readFeatureNames(data, found.featureNames);
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return found;
}

function readFeatureNames(data: Uint8Array, names: Map<number, string>): void {
  for (let at = 0; at + FEATURE_NAME_BYTES <= data.length; at += FEATURE_NAME_BYTES)
    if (data[at] === 0) names.set(data[at + 1]!, text(data.subarray(at + 2, at + FEATURE_NAME_BYTES)));
}

/** Refuses what we cannot read; dirty and corrupt images can be read, and must not be written. */
function checkFeatures(view: DataView, names: ReadonlyMap<number, string>): string | undefined {
  const low = view.getUint32(76);
  const high = view.getUint32(72);
  for (let bit = 2; bit < 64; bit++) {
    const set = bit < 32 ? (low >>> bit) & 1 : (high >>> (bit - 32)) & 1;
    // The compression type is looked at where it is used.
    if (set && bit !== 3)
      fail(`uses the feature '${featureName(names, bit)}', which is not implemented; qemu-img convert helps`);
  }
  if ((low & CORRUPT) !== 0) return 'is marked corrupt; qemu-img check -r all repairs it';
  return (low & DIRTY) !== 0 ? 'was not closed properly; qemu-img check -r all repairs it' : undefined;
}

function checkCompression(view: DataView, headerLength: number): void {
  const type = headerLength > V3_BYTES ? view.getUint8(104) : 0;
  if (type !== 0)
    fail(
      `is compressed with ${COMPRESSION_NAMES[type] ?? `method ${type}`}, expected zlib; qemu-img convert helps`,
    );
}

function readBacking(
  store: ByteStore,
  view: DataView,
  cluster: number,
  format: string | undefined,
): Qcow2Header['backing'] {
  const offset = readU64(view, 8);
  const length = view.getUint32(16);
  if (offset === 0) return undefined;
  if (length === 0 || length > LONGEST_BACKING_NAME || offset + length > Math.min(cluster, store.size))
    fail('has the name of its backing file outside its first cluster');
  const bytes = new Uint8Array(length);
  store.read(offset, bytes);
  return { name: text(bytes), format };
}

function clusterBitsOf(view: DataView): number {
  const bits = view.getUint32(20);
  if (bits < SMALLEST_CLUSTER_BITS || bits > LARGEST_CLUSTER_BITS)
    fail(`has clusters of 2^${bits} bytes, expected 2^${SMALLEST_CLUSTER_BITS} to 2^${LARGEST_CLUSTER_BITS}`);
  return bits;
}

/** Throws DiskImageError saying what is wrong. */
export function readHeader(store: ByteStore): Qcow2Header {
  const view = start(store);
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) fail(`is of qcow2 version ${version}, expected 2 or 3`);
  const clusterBits = clusterBitsOf(view);
  const cluster = 2 ** clusterBits;
  if (view.getUint32(32) !== 0) fail('is encrypted, which is not implemented; qemu-img convert helps');
  const headerLength = version === 2 ? V2_BYTES : view.getUint32(100);
  if (
    headerLength < (version === 2 ? V2_BYTES : V3_BYTES) ||
    headerLength > cluster ||
    headerLength % 8 !== 0
  )
    fail(`has a header of ${headerLength} bytes, expected ${V3_BYTES} or more, inside its first cluster`);
  const extensions = readExtensions(store, headerLength, cluster);
  const header: Qcow2Header = {
    version,
    clusterBits,
    size: Math.ceil(readU64(view, 24) / 512) * 512,
    l1Entries: view.getUint32(36),
    l1Offset: readU64(view, 40),
    refcountTableOffset: readU64(view, REFCOUNT_TABLE_AT),
    refcountTableClusters: view.getUint32(56),
    refcountOrder: version === 2 ? 4 : view.getUint32(96),
    readOnlyBecause: version === 2 ? undefined : checkFeatures(view, extensions.featureNames),
    backing: readBacking(store, view, cluster, extensions.backingFormat),
    autoclear: version === 3 && readU64(view, AUTOCLEAR_AT) !== 0,
  };
  if (version === 3) checkCompression(view, headerLength);
  checkTables(store, header);
  return header;
}

function checkTables(store: ByteStore, header: Qcow2Header): void {
  const cluster = 2 ** header.clusterBits;
  if (header.refcountOrder > 6)
    fail(`has reference counts of 2^${header.refcountOrder} bits, expected at most 64`);
  if (header.size > LARGEST_OFFSET) fail('describes a disk of more than 2^53 bytes');
  const l1Bytes = header.l1Entries * 8;
  if (l1Bytes > LARGEST_L1_BYTES) fail(`has an L1 table of ${header.l1Entries} entries, more than 32 MiB`);
  if (header.l1Entries < Math.ceil(header.size / (cluster * (cluster / 8))))
    fail(`has an L1 table of ${header.l1Entries} entries, too few for a disk of ${header.size} bytes`);
  checkTable(store, 'L1 table', header.l1Offset, l1Bytes, cluster);
  const refcountBytes = header.refcountTableClusters * cluster;
  if (refcountBytes > LARGEST_REFCOUNT_TABLE_BYTES) fail('has a refcount table of more than 8 MiB');
  if (refcountBytes === 0) fail('has no refcount table');
  checkTable(store, 'refcount table', header.refcountTableOffset, refcountBytes, cluster);
}
