/** Writes a frame as PNG (ISO/IEC 15948): 8 bits per sample, true colour without alpha, filter "up" on every line. */
import type { Frame } from './frame.js';

/** A complete zlib stream (RFC 1950) of the bytes. */
export type ZlibCompress = (bytes: Uint8Array) => Uint8Array;

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const FILTER_UP = 2;
const TRUE_COLOUR = 2;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32 of ISO 3309, as PNG chunks carry it. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(new TextEncoder().encode(type), 4);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}

function header({ width, height }: Frame): Uint8Array {
  const data = new Uint8Array(13);
  const view = new DataView(data.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  data.set([8, TRUE_COLOUR, 0, 0, 0], 8);
  return data;
}

/** Each line begins with its filter; samples are differences from the line above. */
function filteredLines({ width, height, pixels }: Frame): Uint8Array {
  const rgba = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  const stride = 1 + width * 3;
  const out = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    out[y * stride] = FILTER_UP;
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 4;
      for (let c = 0; c < 3; c++) {
        const above = y === 0 ? 0 : rgba[from - width * 4 + c]!;
        out[y * stride + 1 + x * 3 + c] = rgba[from + c]! - above;
      }
    }
  }
  return out;
}

export function encodePng(frame: Frame, compress: ZlibCompress): Uint8Array {
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk('IHDR', header(frame)),
    chunk('IDAT', compress(filteredLines(frame))),
    chunk('IEND', new Uint8Array()),
  ];
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
