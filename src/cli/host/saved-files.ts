/** Saved machines as files: written whole or not at all, read piece by piece. */
import * as fs from 'node:fs';
import { dirname, join, basename } from 'node:path';
import type { SavedFile } from '../../machine.js';
import { UsageError, quote } from '../usage-error.js';
import { fileError, pathKind } from './files.js';

/** The pieces go to a file beside `path`, which takes its place once they are on stable storage. Throws UsageError; a file that was there stays then. */
export function writeAtomically(label: string, path: string, pieces: readonly Uint8Array[]): void {
  const kind = pathKind(path);
  if (kind === 'directory') throw new UsageError(`${label} ${quote(path)}: is a directory, expected a file`);
  if (kind === 'other') throw new UsageError(`${label} ${quote(path)}: not a regular file`);
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}`);
  try {
    const descriptor = fs.openSync(draft, 'w');
    try {
      for (const piece of pieces)
        for (let at = 0; at < piece.length;) at += fs.writeSync(descriptor, piece, at);
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
    fs.renameSync(draft, path);
  } catch (error) {
    fs.rmSync(draft, { force: true });
    throw fileError(label, path, error);
  }
}

export interface OpenSavedFile extends SavedFile {
  close(): void;
}

/** Throws UsageError for what cannot be read. */
export function openSavedFile(label: string, path: string): OpenSavedFile {
  try {
    const descriptor = fs.openSync(path, 'r');
    const stat = fs.fstatSync(descriptor);
    const close = (): void => fs.closeSync(descriptor);
    if (!stat.isFile()) {
      close();
      throw new UsageError(
        `${label} ${quote(path)}: ${stat.isDirectory() ? 'is a directory, expected a file' : 'not a regular file'}`,
      );
    }
    return { size: stat.size, read: (at, length) => readPiece(label, path, descriptor, at, length), close };
  } catch (error) {
    throw error instanceof UsageError ? error : fileError(label, path, error);
  }
}

function readPiece(label: string, path: string, descriptor: number, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  try {
    for (let done = 0; done < length;) {
      const count = fs.readSync(descriptor, bytes, done, length - done, at + done);
      if (count === 0) throw new UsageError(`${label} ${quote(path)}: became shorter while it was read`);
      done += count;
    }
    return bytes;
  } catch (error) {
    throw error instanceof UsageError ? error : fileError(label, path, error);
  }
}
