/** Reads and opens files for the command line; every failure becomes a one-line UsageError naming the file. */
import * as fs from 'node:fs';
import { UsageError, quote } from '../usage-error.js';

const REASON: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EISDIR: 'is a directory, expected a file',
  ENOTDIR: 'a part of the path is not a directory',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'too many symbolic links',
  ENOSPC: 'no space left on the device',
  EROFS: 'the file system is read-only',
  EMFILE: 'too many open files',
};

/** `label` is what the user wrote before the path, such as `--kernel`. */
export function fileError(label: string, path: string, error: unknown): UsageError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  return new UsageError(`${label} ${quote(path)}: ${REASON[code] ?? code}`);
}

function statFile(label: string, path: string): fs.Stats {
  try {
    return fs.statSync(path);
  } catch (error) {
    throw fileError(label, path, error);
  }
}

/** The whole of a regular, non-empty file of at most `limit` bytes; `limitName` says what it would not fit into. */
export function readInputFile(label: string, path: string, limit: number, limitName: string): Uint8Array {
  const stat = statFile(label, path);
  if (stat.isDirectory()) throw new UsageError(`${label} ${quote(path)}: is a directory, expected a file`);
  if (!stat.isFile()) throw new UsageError(`${label} ${quote(path)}: not a regular file`);
  if (stat.size === 0) throw new UsageError(`${label} ${quote(path)}: the file is empty`);
  if (stat.size > limit) {
    throw new UsageError(`${label} ${quote(path)}: ${stat.size} bytes do not fit ${limitName}`);
  }
  try {
    return fs.readFileSync(path);
  } catch (error) {
    throw fileError(label, path, error);
  }
}

/** A descriptor for writing; the file is created or emptied at once so that a wrong path is known before the guest runs. */
export function openOutputFile(label: string, path: string): number {
  if (path === '') throw new UsageError(`${label}: expected a file name`);
  try {
    return fs.openSync(path, 'w');
  } catch (error) {
    throw fileError(label, path, error);
  }
}

/** Writes everything; UsageError when the disk is full or gone. */
export function writeFully(label: string, descriptor: number, bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length;) at += fs.writeSync(descriptor, bytes, at);
  } catch (error) {
    throw fileError(label, `descriptor ${descriptor}`, error);
  }
}

export function closeFile(descriptor: number): void {
  fs.closeSync(descriptor);
}

export type PathKind = 'file' | 'directory' | 'other' | 'missing';
export function pathKind(path: string): PathKind {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (!stat) return 'missing';
  return stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other';
}

/** Entry names of a directory, sorted. */
export function listDirectory(label: string, path: string): string[] {
  try {
    return fs.readdirSync(path).sort();
  } catch (error) {
    throw fileError(label, path, error);
  }
}
