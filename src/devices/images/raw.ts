/** A raw image: byte n of the disk is byte n of the file. A last partial sector is filled up with zeros. */
import { BlockError } from '../block-device.js';
import type { BlockDevice } from '../block-device.js';
import type { ByteStore } from './byte-store.js';

export class RawImage implements BlockDevice {
  readonly size: number;
  readonly readOnly: boolean;
  private readonly store: ByteStore;

  /** `sectorBytes`: 512, or 2,048 for optical media. */
  constructor(store: ByteStore, sectorBytes = 512) {
    this.store = store;
    this.size = Math.ceil(store.size / sectorBytes) * sectorBytes;
    this.readOnly = store.readOnly;
  }

  read(offset: number, into: Uint8Array): void {
    this.store.read(offset, into);
  }

  write(offset: number, bytes: Uint8Array): void {
    if (this.readOnly) throw new BlockError('the image is read-only');
    this.store.write(offset, bytes);
  }

  flush(): void {
    if (!this.readOnly) this.store.flush();
  }
}
