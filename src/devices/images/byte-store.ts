/** Bytes on the host that an image format is kept in: a file, or memory in tests. */

export interface ByteStore {
  /** Bytes now; writing beyond makes it grow. */
  readonly size: number;
  readonly readOnly: boolean;
  /** Fills `into` from byte `offset`; what lies beyond the end reads 0. Throws BlockError when the host fails. */
  read(offset: number, into: Uint8Array): void;
  /** Throws BlockError when the host fails, is full, or the store is read-only. */
  write(offset: number, bytes: Uint8Array): void;
  /** Returns once everything written is on stable storage; throws BlockError when the host fails. */
  flush(): void;
}

/** The file is not what its format says it is, or uses something that is not implemented: a sentence without the file's name. */
export class DiskImageError extends Error {}
