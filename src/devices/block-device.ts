/** A disk's contents as a drive sees them: sectors of 512 bytes (2,048 for optical media), moved synchronously. */

/** The host could not do what was asked: the drive tells its guest (uncorrectable data, write fault); never an error of ours. */
export class BlockError extends Error {}

export interface BlockDevice {
  /** Bytes, a multiple of the sector size. */
  readonly size: number;
  readonly readOnly: boolean;
  /** Fills `into` from byte `offset`; throws BlockError when the host fails. The range lies within `size`. */
  read(offset: number, into: Uint8Array): void;
  /** Throws BlockError when the host fails or the medium is read-only. */
  write(offset: number, bytes: Uint8Array): void;
  /** Returns once everything written is on stable storage; throws BlockError when the host fails. */
  flush(): void;
}
