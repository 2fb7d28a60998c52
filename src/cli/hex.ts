/** Hexadecimal as the manual's tables print it. */

/** Unsigned, at least `digits` digits. */
export function hex(value: number, digits = 8): string {
  return (value < 0 ? value >>> 0 : value).toString(16).padStart(digits, '0');
}

export function hexBytes(bytes: Uint8Array, separator = ' '): string {
  return Array.from(bytes, (byte) => hex(byte, 2)).join(separator);
}

/** Bytes of an even number of hexadecimal digits, spaces and commas ignored; undefined for anything else. */
export function parseHexBytes(text: string): Uint8Array | undefined {
  const digits = text.replace(/[\s,_]|0x(?=[0-9a-f]{2})/gi, '');
  if (digits.length === 0 || digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) return undefined;
  return Uint8Array.from(digits.match(/../g)!, (pair) => parseInt(pair, 16));
}
