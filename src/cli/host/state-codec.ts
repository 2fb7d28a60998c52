/** Compression and checksums of saved machines by the host's zlib. */
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Codec } from '../../machine.js';

export const STATE_CODEC: Codec = {
  deflate: (bytes) => deflateRawSync(bytes, { level: 1 }),
  inflate: (bytes, most) => inflateRawSync(bytes, { maxOutputLength: Math.max(1, most) }),
  crc32: (bytes, before) => crc32(bytes, before),
};
