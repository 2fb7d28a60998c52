/** A raw image: byte n of the disk is byte n of the file. A last partial sector is filled up with zeros. */
import { BlockError } from '../block-device.js';
import type { BlockDevice } from '../block-device.js';
import type { ByteStore } from './byte-store.js';

const QCOW2_MAGIC = [0x51, 0x46, 0x49, 0xfb];

/** Whether these first bytes of a file are those of a qcow2 image (QEMU's docs/interop/qcow2, "Header"). */
export function isQcow2(bytes: Uint8Array): boolean {
  return QCOW2_MAGIC.every((byte, i) => bytes[i] === byte);
}

export class RawImage implements BlockDevice {
  readonly size: number;
  readonly readOnly: boolean;
  private readonly store: ByteStore;
  private readonly guarded: boolean;

  /**
   * `sectorBytes`: 512, or 2,048 for optical media. `guarded` when the format was guessed: the guest then may not write what would make the next
   * guess a different one, with a backing file of its choice.
   */
  constructor(store: ByteStore, { sectorBytes = 512, guarded = false } = {}) {
    this.store = store;
    this.guarded = guarded;
    this.size = Math.ceil(store.size / sectorBytes) * sectorBytes;
    this.readOnly = store.readOnly;
  }

  read(offset: number, into: Uint8Array): void {
    this.store.read(offset, into);
  }

  write(offset: number, bytes: Uint8Array): void {
    if (this.readOnly) throw new BlockError('the image is read-only');
    if (this.guarded && offset === 0 && isQcow2(bytes))
      throw new BlockError('a qcow2 header would change what the file is; say format=raw');
    this.store.write(offset, bytes);
  }

  flush(): void {
    if (!this.readOnly) this.store.flush();
  }
}
