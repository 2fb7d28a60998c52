/** Pixels in the format that an RFB client asks for (RFC 6143, section 7.4). */
import type { Frame } from '../frame.js';

export interface PixelFormat {
  readonly bitsPerPixel: number;
  readonly depth: number;
  readonly bigEndian: boolean;
  readonly trueColour: boolean;
  /** Red, green, blue. */
  readonly max: readonly [number, number, number];
  readonly shift: readonly [number, number, number];
}

/** What the server offers: 0x00RRGGBB, little-endian. */
export const OFFERED: PixelFormat = {
  bitsPerPixel: 32,
  depth: 24,
  bigEndian: false,
  trueColour: true,
  max: [255, 255, 255],
  shift: [16, 8, 0],
};
/** What a client with a colour map gets: the map is these values' colours. */
const MAPPED: PixelFormat = { ...OFFERED, bitsPerPixel: 8, depth: 8, max: [7, 7, 3], shift: [0, 3, 6] };
export const FORMAT_BYTES = 16;

export function writeFormat(view: DataView, at: number, format: PixelFormat): void {
  [format.bitsPerPixel, format.depth, Number(format.bigEndian), Number(format.trueColour)].forEach(
    (value, i) => view.setUint8(at + i, value),
  );
  format.max.forEach((value, i) => view.setUint16(at + 4 + 2 * i, value));
  format.shift.forEach((value, i) => view.setUint8(at + 10 + i, value));
}

/** Undefined for a format that nothing can be drawn in. */
export function readFormat(view: DataView, at: number): PixelFormat | undefined {
  const bitsPerPixel = view.getUint8(at);
  const trueColour = view.getUint8(at + 3) !== 0;
  if (!trueColour) return bitsPerPixel === 8 ? { ...MAPPED, trueColour } : undefined;
  const max = [4, 6, 8].map((offset) => view.getUint16(at + offset)) as [number, number, number];
  const shift = [10, 11, 12].map((offset) => view.getUint8(at + offset)) as [number, number, number];
  const fits = max.every((value, i) => value > 0 && shift[i]! + 32 - Math.clz32(value) <= bitsPerPixel);
  if (![8, 16, 32].includes(bitsPerPixel) || !fits) return undefined;
  return {
    bitsPerPixel,
    depth: view.getUint8(at + 1),
    bigEndian: view.getUint8(at + 2) !== 0,
    trueColour,
    max,
    shift,
  };
}

/** The 256 colours of the map, red, green and blue of 16 bits each. */
export function mapColours(): Uint16Array {
  const out = new Uint16Array(768);
  for (let value = 0; value < 256; value++)
    MAPPED.max.forEach((max, i) => {
      out[value * 3 + i] = Math.round((((value >> MAPPED.shift[i]!) & max) * 0xffff) / max);
    });
  return out;
}

/** Turns pixels of a frame into values and bytes of one format. */
export class PixelWriter {
  readonly bytesPerPixel: number;
  /** Bytes of a pixel in ZRLE, which drops one that is always 0. */
  readonly compactBytes: number;
  private readonly red: Uint32Array;
  private readonly green: Uint32Array;
  private readonly blue: Uint32Array;
  private readonly bigEndian: boolean;
  /** First byte, in the order of writing, that ZRLE keeps. */
  private readonly compactStart: number;

  constructor(format: PixelFormat) {
    this.bytesPerPixel = format.bitsPerPixel >> 3;
    this.bigEndian = format.bigEndian;
    const table = (i: number) =>
      Uint32Array.from(
        { length: 256 },
        (_, v) => (Math.round((v * format.max[i]!) / 255) << format.shift[i]!) >>> 0,
      );
    this.red = table(0);
    this.green = table(1);
    this.blue = table(2);
    const used = (this.red[255]! | this.green[255]! | this.blue[255]!) >>> 0;
    const low = used <= 0xffffff;
    const compact = this.bytesPerPixel === 4 && format.depth <= 24 && (low || (used & 0xff) === 0);
    this.compactBytes = compact ? 3 : this.bytesPerPixel;
    this.compactStart = compact && low === this.bigEndian ? 1 : 0;
  }

  /** The value of a pixel of `Frame`. */
  value(pixel: number): number {
    return this.red[pixel & 0xff]! | this.green[(pixel >>> 8) & 0xff]! | this.blue[(pixel >>> 16) & 0xff]!;
  }

  /** Writes a pixel of `Frame`; the position after it. */
  put(out: Uint8Array, at: number, pixel: number): number {
    return this.bytes(out, at, this.value(pixel), 0, this.bytesPerPixel);
  }

  putCompact(out: Uint8Array, at: number, pixel: number): number {
    return this.bytes(out, at, this.value(pixel), this.compactStart, this.compactBytes);
  }

  private bytes(out: Uint8Array, at: number, value: number, start: number, count: number): number {
    for (let i = start; i < start + count; i++)
      out[at++] = value >>> (8 * (this.bigEndian ? this.bytesPerPixel - 1 - i : i));
    return at;
  }
}

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The pixels of a rectangle, row by row. */
export function pixelsOf({ pixels, width }: Frame, area: Rectangle): Uint32Array {
  const out = new Uint32Array(area.width * area.height);
  for (let row = 0; row < area.height; row++) {
    const from = (area.y + row) * width + area.x;
    out.set(pixels.subarray(from, from + area.width), row * area.width);
  }
  return out;
}
