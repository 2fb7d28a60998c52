/** Compression by the host's zlib, for the formats that want it. */
import { constants, deflateRawSync, deflateSync } from 'node:zlib';

/** A complete zlib stream (RFC 1950). */
export function compressZlib(bytes: Uint8Array): Uint8Array {
  return deflateSync(bytes);
}

/** A piece of a raw deflate stream (RFC 1951) that ends on a byte, refers to nothing before it and may be followed by others. */
export function compressPiece(bytes: Uint8Array): Uint8Array {
  return deflateRawSync(bytes, { level: 1, finishFlush: constants.Z_SYNC_FLUSH });
}
