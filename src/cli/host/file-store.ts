/** A file on the host as a store of bytes for a disk image: what the host cannot do becomes a BlockError, which the guest sees as an I/O error. */
import * as fs from 'node:fs';
import { BlockError } from '../../devices/block-device.js';
import type { ByteStore } from '../../devices/images/byte-store.js';

/** System calls give up on a request that makes no progress. */
function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new BlockError(`${what}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`, {
      cause: error,
    });
  }
}

export class FileStore implements ByteStore {
  readonly readOnly: boolean;
  size: number;
  private readonly descriptor: number;

  /** Throws the file system's error. */
  constructor(path: string, readOnly: boolean) {
    this.readOnly = readOnly;
    this.descriptor = fs.openSync(path, readOnly ? 'r' : 'r+');
    this.size = fs.fstatSync(this.descriptor).size;
  }

  read(offset: number, into: Uint8Array): void {
    attempt('read', () => {
      let done = 0;
      while (done < into.length && offset + done < this.size) {
        const count = fs.readSync(this.descriptor, into, done, into.length - done, offset + done);
        if (count === 0) break;
        done += count;
      }
      into.fill(0, done);
    });
  }

  write(offset: number, bytes: Uint8Array): void {
    attempt('write', () => {
      for (let done = 0; done < bytes.length;) {
        done += fs.writeSync(this.descriptor, bytes, done, bytes.length - done, offset + done);
        this.size = Math.max(this.size, offset + done);
      }
    });
  }

  flush(): void {
    if (!this.readOnly) attempt('flush', () => fs.fdatasyncSync(this.descriptor));
  }

  close(): void {
    fs.closeSync(this.descriptor);
  }
}
