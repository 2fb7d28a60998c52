/** The Internet checksum (RFC 1071). */

/** Sum of big-endian 16-bit words, not yet folded; an odd last byte counts as the high half of a word. */
export function sumWords(bytes: Uint8Array, initial = 0): number {
  let sum = initial;
  const even = bytes.length & ~1;
  for (let i = 0; i < even; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
  return even < bytes.length ? sum + (bytes[even]! << 8) : sum;
}

/** Sum of the pseudo header that UDP and TCP checksums cover. */
export function pseudoHeader(source: number, destination: number, protocol: number, length: number): number {
  return (
    (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length
  );
}

/** One's complement of the sum folded to 16 bits. A sum over a block that contains its checksum gives 0. */
export function foldChecksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

export const checksum = (bytes: Uint8Array, initial = 0): number => foldChecksum(sumWords(bytes, initial));
