/** Disassembly listings: `address  bytes  text`, undecodable bytes one at a time as `(bad)`. */
import { decode } from '../decoder/decode.js';
import { disassemble } from '../decoder/disassemble.js';
import { hex, hexBytes } from './hex.js';

export type Bits = 16 | 32 | 64;
export interface ListingLine {
  readonly offset: number;
  readonly length: number;
  readonly text: string;
}

/** Columns for the bytes of a seven-byte instruction; longer ones push their text to the right. */
const BYTES_WIDTH = 3 * 8;

/** One line for the bytes at `offset`; `address` is where they lie in the guest. */
export function listOne(bytes: Uint8Array, offset: number, address: number, bits: Bits): ListingLine {
  const instruction = decode(bytes, offset, bytes.length, bits);
  const decoded = typeof instruction !== 'number';
  const length = decoded ? instruction.length : 1;
  const text = decoded ? disassemble(instruction, address) : '(bad)';
  const raw = hexBytes(bytes.subarray(offset, offset + length)).padEnd(BYTES_WIDTH);
  return { offset, length, text: `${hex(address)}  ${raw}${text}` };
}

export function* listAll(bytes: Uint8Array, address: number, bits: Bits, most = Infinity): Generator<string> {
  for (let offset = 0, lines = 0; offset < bytes.length && lines < most; lines++) {
    const line = listOne(bytes, offset, (address + offset) % 2 ** 32, bits);
    yield line.text;
    offset += line.length;
  }
}
