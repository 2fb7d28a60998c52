/**
 * The file around a saved machine:
 *
 *     0   8  "HVMSTATE"
 *     8   4  version of this format
 *     12  4  bytes of the header
 *     16  8  bytes of the whole file (float64)
 *     24  .  stream: chunks of 1 MiB (the last one shorter), each a raw deflate stream, or nothing for zeros
 *     .   .  header: JSON, { stream: bytes, chunks: [compressed bytes of each], data: anything }
 *     .   4  CRC-32 of everything before
 *
 * Numbers are little-endian.
 */
import { SavedStateError } from './saved-state-error.js';

export const FORMAT_VERSION = 1;
const MAGIC = [0x48, 0x56, 0x4d, 0x53, 0x54, 0x41, 0x54, 0x45];
const PROLOGUE = 24,
  TRAILER = 4,
  CHUNK = 1 << 20,
  LARGEST_HEADER = 1 << 26;

/** What the host lends: compression (RFC 1951) and checksums. */
export interface Codec {
  deflate(bytes: Uint8Array): Uint8Array;
  /** Throws anything for what is no deflate stream or would be longer than `most`. */
  inflate(bytes: Uint8Array, most: number): Uint8Array;
  /** CRC-32 (ISO 3309) of `bytes` behind bytes with the checksum `before`. */
  crc32(bytes: Uint8Array, before: number): number;
}

/** A file to read from; `read` is asked only for bytes within `size`. */
export interface SavedFile {
  readonly size: number;
  read(at: number, length: number): Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** `bytes` begin at a multiple of 4. */
function isZero(bytes: Uint8Array): boolean {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  for (let i = words.length * 4; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Collects a stream and cuts it into compressed chunks. */
export class ContainerWriter {
  readonly #codec: Codec;
  readonly #chunks: Uint8Array[] = [];
  readonly #open = new Uint8Array(CHUNK);
  #length = 0;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  /** Appends bytes to the stream; where they begin. */
  readonly put = (bytes: Uint8Array): number => {
    const at = this.#length;
    for (let done = 0; done < bytes.length;) {
      const used = this.#length % CHUNK;
      const piece = bytes.subarray(done, done + CHUNK - used);
      this.#open.set(piece, used);
      this.#length += piece.length;
      done += piece.length;
      if (this.#length % CHUNK === 0) this.#close(CHUNK);
    }
    return at;
  };

  #close(length: number): void {
    const bytes = this.#open.subarray(0, length);
    this.#chunks.push(isZero(bytes) ? NOTHING : this.#codec.deflate(bytes));
  }

  /** The pieces of the file in order. */
  finish(data: unknown): Uint8Array[] {
    const rest = this.#length % CHUNK;
    if (rest !== 0) this.#close(rest);
    const chunks = this.#chunks.map((chunk) => chunk.length);
    const header = new TextEncoder().encode(JSON.stringify({ stream: this.#length, chunks, data }));
    const body = [...this.#chunks, header];
    const total = body.reduce((sum, piece) => sum + piece.length, PROLOGUE + TRAILER);
    const pieces = [prologue(header.length, total), ...body];
    const trailer = new Uint8Array(TRAILER);
    const crc = pieces.reduce((sum, piece) => this.#codec.crc32(piece, sum), 0);
    new DataView(trailer.buffer).setUint32(0, crc, true);
    return [...pieces, trailer];
  }
}

function prologue(headerBytes: number, total: number): Uint8Array {
  const bytes = new Uint8Array(PROLOGUE);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, FORMAT_VERSION, true);
  view.setUint32(12, headerBytes, true);
  view.setFloat64(16, total, true);
  return bytes;
}

interface Index {
  readonly stream: number;
  /** Where each chunk begins, and where the last one ends. */
  readonly bounds: readonly number[];
  readonly data: unknown;
}

function allocate(length: number): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch {
    throw new SavedStateError(`needs more memory than the host has: ${length} bytes at once`);
  }
}

const damaged = (what: string): SavedStateError => new SavedStateError(`is damaged: ${what}`);

/** Length of the header of a file that is whole. */
function checkPrologue(file: SavedFile): number {
  const start = file.read(0, Math.min(PROLOGUE, file.size));
  if (MAGIC.slice(0, start.length).some((byte, i) => byte !== start[i]) || file.size === 0)
    throw new SavedStateError('is no saved machine: expected a file that savevm wrote');
  if (file.size < PROLOGUE + TRAILER)
    throw new SavedStateError(`is truncated: it ends after ${file.size} bytes`);
  const view = new DataView(start.buffer, start.byteOffset, PROLOGUE);
  const version = view.getUint32(8, true);
  if (version > FORMAT_VERSION)
    throw new SavedStateError(
      `is newer than this program: format ${version}, expected up to ${FORMAT_VERSION}`,
    );
  const total = view.getFloat64(16, true);
  if (file.size < total) throw new SavedStateError(`is truncated: ${file.size} of ${total} bytes are there`);
  const headerBytes = view.getUint32(12, true);
  if (
    version === 0 ||
    file.size !== total ||
    headerBytes > LARGEST_HEADER ||
    headerBytes > total - PROLOGUE - TRAILER
  )
    throw damaged('its first bytes contradict its size');
  return headerBytes;
}

function checkSum(file: SavedFile, codec: Codec): void {
  const end = file.size - TRAILER;
  let crc = 0;
  for (let at = 0; at < end; at += CHUNK) crc = codec.crc32(file.read(at, Math.min(CHUNK, end - at)), crc);
  const trailer = file.read(end, TRAILER);
  const expected = new DataView(trailer.buffer, trailer.byteOffset, TRAILER).getUint32(0, true);
  if (crc !== expected) throw damaged('its checksum is wrong');
}

function parseHeader(file: SavedFile, length: number): Index {
  const end = file.size - TRAILER - length;
  let header: { stream?: unknown; chunks?: unknown; data?: unknown } | null;
  try {
    header = JSON.parse(new TextDecoder().decode(file.read(end, length))) as typeof header;
  } catch {
    throw damaged('its header is not readable');
  }
  const { stream, chunks, data } = header ?? {};
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  if (
    !isCount(stream) ||
    !Array.isArray(chunks) ||
    !chunks.every(isCount) ||
    chunks.length !== Math.ceil(stream / CHUNK)
  )
    throw damaged('its table of chunks contradicts itself');
  const bounds = [PROLOGUE];
  for (const bytes of chunks) bounds.push(bounds.at(-1)! + bytes);
  if (bounds.at(-1) !== end) throw damaged('its table of chunks contradicts its size');
  return { stream, bounds, data };
}

/** A file whose format and checksum are right. */
export class ContainerReader {
  readonly data: unknown;
  readonly #file: SavedFile;
  readonly #codec: Codec;
  readonly #index: Index;
  /** The chunk used last. */
  #number = -1;
  #bytes = new Uint8Array(0);

  /** Throws SavedStateError for a file that is none, not whole, damaged or newer. */
  constructor(file: SavedFile, codec: Codec) {
    this.#file = file;
    this.#codec = codec;
    const headerBytes = checkPrologue(file);
    checkSum(file, codec);
    this.#index = parseHeader(file, headerBytes);
    this.data = this.#index.data;
  }

  /** Bytes of the stream, a copy. Throws SavedStateError when it has no such bytes. */
  readonly get = (at: number, length: number): Uint8Array => {
    if (at + length > this.#index.stream) throw damaged('it refers to bytes that it does not have');
    const bytes = allocate(length);
    for (let done = 0; done < length;) {
      const within = (at + done) % CHUNK;
      const piece = this.#chunk(Math.floor((at + done) / CHUNK)).subarray(within, within + length - done);
      bytes.set(piece, done);
      done += piece.length;
    }
    return bytes;
  };

  #chunk(number: number): Uint8Array {
    if (number === this.#number) return this.#bytes;
    const { bounds, stream } = this.#index;
    const expected = Math.min(CHUNK, stream - number * CHUNK);
    const start = bounds[number]!;
    const packed = this.#file.read(start, bounds[number + 1]! - start);
    this.#bytes = packed.length === 0 ? new Uint8Array(expected) : this.#inflate(packed, expected);
    this.#number = number;
    return this.#bytes;
  }

  #inflate(packed: Uint8Array, expected: number): Uint8Array<ArrayBuffer> {
    let bytes: Uint8Array | undefined;
    try {
      bytes = this.#codec.inflate(packed, expected);
    } catch {
      // Not compressed by us.
    }
    if (bytes?.length !== expected) throw damaged('its contents cannot be unpacked');
    return bytes as Uint8Array<ArrayBuffer>;
  }
}
