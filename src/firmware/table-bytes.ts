/** Little pieces that firmware tables are made of. */

export const word = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff];
export const dword = (value: number): number[] => [...word(value), ...word(value >>> 16)];
export const ascii = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));

/** Stores at `at` the byte that makes the sum of bytes `from` to `end` zero. */
export function sealBytes(bytes: number[], at: number, from = 0, end = bytes.length): number[] {
  bytes[at] = 0;
  bytes[at] = -bytes.slice(from, end).reduce((sum, byte) => sum + byte, 0) & 0xff;
  return bytes;
}
