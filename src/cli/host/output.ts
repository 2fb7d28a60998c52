/** Byte sinks for guest output: standard output, a file, or nowhere. Bytes are collected and written between slices. */
import { once } from 'node:events';
import { closeFile, openOutputFile, writeFully } from './files.js';

export interface ByteSink {
  /** The last byte written, -1 before the first. */
  readonly lastByte: number;
  write(byte: number): void;
  /** Hands the collected bytes to the host. */
  flush(): void;
  close(): void;
}
export type SinkTarget =
  { readonly kind: 'stdio' } | { readonly kind: 'null' } | { readonly kind: 'file'; readonly path: string };

const CHUNK = 16_384;

/** Collects bytes and passes them on in pieces. */
class BufferedSink implements ByteSink {
  lastByte = -1;
  readonly #buffer = new Uint8Array(CHUNK);
  #length = 0;
  readonly #emit: (bytes: Uint8Array) => void;
  readonly #end: () => void;

  constructor(emit: (bytes: Uint8Array) => void, end: () => void) {
    this.#emit = emit;
    this.#end = end;
  }
  write(byte: number): void {
    this.lastByte = byte;
    this.#buffer[this.#length++] = byte;
    if (this.#length === CHUNK) this.flush();
  }
  flush(): void {
    if (this.#length === 0) return;
    const bytes = this.#buffer.slice(0, this.#length);
    this.#length = 0;
    this.#emit(bytes);
  }
  close(): void {
    this.flush();
    this.#end();
  }
}

const NOWHERE: ByteSink = { lastByte: -1, write() {}, flush() {}, close() {} };

/** Shared, so that bytes from different sources keep their order. */
export const STANDARD_OUTPUT: ByteSink = new BufferedSink(
  (bytes) => process.stdout.write(bytes),
  () => {},
);

export function openSink(label: string, target: SinkTarget): ByteSink {
  if (target.kind === 'null') return NOWHERE;
  if (target.kind === 'stdio') return STANDARD_OUTPUT;
  const descriptor = openOutputFile(label, target.path);
  return new BufferedSink(
    (bytes) => writeFully(label, descriptor, bytes),
    () => closeFile(descriptor),
  );
}

/** Resolves when the reader of standard output has caught up; a guest must not fill the host's memory with output. */
export async function standardOutputDrained(): Promise<void> {
  if (process.stdout.writableNeedDrain && !process.stdout.destroyed) await once(process.stdout, 'drain');
}

/** Status of a process whose reader went away: 128 + SIGPIPE, as other tools report it. */
const STATUS_PIPE_CLOSED = 141;

/** A reader that went away ends the process quietly instead of with an exception. */
export function endQuietlyOnClosedPipe(): void {
  const onError = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE') process.exit(STATUS_PIPE_CLOSED);
    throw error;
  };
  process.stdout.on('error', onError);
  process.stderr.on('error', onError);
}
