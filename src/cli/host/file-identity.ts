/** What tells a file from another one, or from itself after a change: size, time of the last change, and a sample of its contents. */
import * as fs from 'node:fs';
import { crc32 } from 'node:zlib';

export interface FileIdentity {
  readonly size: number;
  /** Nanoseconds since 1970, decimal. */
  readonly changed: string;
  /** CRC-32 of the first and the last 64 KiB. */
  readonly sample: number;
}

const SAMPLE = 65_536;

/** Throws the file system's error. */
export function identityOf(path: string): FileIdentity {
  const descriptor = fs.openSync(path, 'r');
  try {
    const { size, mtimeNs } = fs.fstatSync(descriptor, { bigint: true });
    const bytes = new Uint8Array(SAMPLE);
    let sample = 0;
    for (const at of [0, Math.max(0, Number(size) - SAMPLE)])
      sample = crc32(bytes.subarray(0, fs.readSync(descriptor, bytes, 0, SAMPLE, at)), sample);
    return { size: Number(size), changed: String(mtimeNs), sample };
  } finally {
    fs.closeSync(descriptor);
  }
}

/** How `now` differs from `then`; undefined when it does not. */
export function difference(then: unknown, now: FileIdentity): string | undefined {
  const { size, changed, sample } = (then ?? {}) as Partial<FileIdentity>;
  if (size !== now.size) return `${now.size} bytes, not ${String(size)}`;
  if (changed !== now.changed) return 'written to since';
  return sample === now.sample ? undefined : 'other contents';
}
