/** Encodings of rectangles: raw, hextile, zlib and ZRLE (RFC 6143, section 7.7; zlib as in the RFB community's protocol description). */
import type { Frame } from '../frame.js';
import { pixelsOf } from './pixel-format.js';
import type { PixelWriter, Rectangle } from './pixel-format.js';

export const ENCODING = { RAW: 0, HEXTILE: 5, ZLIB: 6, ZRLE: 16 } as const;

/** A piece of a raw deflate stream that ends on a byte and refers to nothing before it, so that pieces can follow each other. */
export type CompressPiece = (bytes: Uint8Array) => Uint8Array;
/** Deflate with a window of 32 KiB: the header of a zlib stream (RFC 1950). */
const ZLIB_HEADER = [0x78, 0x01];

/** One zlib stream that lasts as long as the connection. */
export class ZlibStream {
  private started = false;
  private readonly compress: CompressPiece;

  constructor(compress: CompressPiece) {
    this.compress = compress;
  }

  /** Length and bytes of the next part. */
  part(bytes: Uint8Array): Uint8Array {
    const piece = this.compress(bytes);
    const head = this.started ? [] : ZLIB_HEADER;
    this.started = true;
    const out = new Uint8Array(4 + head.length + piece.length);
    new DataView(out.buffer).setUint32(0, head.length + piece.length);
    out.set(head, 4);
    out.set(piece, 4 + head.length);
    return out;
  }
}

export function encodeRaw(frame: Frame, area: Rectangle, writer: PixelWriter): Uint8Array {
  const pixels = pixelsOf(frame, area);
  const out = new Uint8Array(pixels.length * writer.bytesPerPixel);
  let at = 0;
  for (let i = 0; i < pixels.length; i++) at = writer.put(out, at, pixels[i]!);
  return out;
}

/** Calls back with each tile of the rectangle, left to right, then down. */
function eachTile(area: Rectangle, size: number, visit: (tile: Rectangle) => void): void {
  for (let y = 0; y < area.height; y += size)
    for (let x = 0; x < area.width; x += size)
      visit({
        x: area.x + x,
        y: area.y + y,
        width: Math.min(size, area.width - x),
        height: Math.min(size, area.height - y),
      });
}

/** Different pixel values in order of appearance; one more than `most` when there are more. */
function coloursOf(pixels: Uint32Array, most: number): number[] {
  const colours: number[] = [];
  let last = -1;
  for (let i = 0; i < pixels.length && colours.length <= most; i++) {
    const pixel = pixels[i]!;
    if (pixel === last) continue;
    last = pixel;
    if (!colours.includes(pixel)) colours.push(pixel);
  }
  return colours;
}

const HEXTILE_SIZE = 16;
const TILE_RAW = 1,
  TILE_BACKGROUND = 2,
  TILE_FOREGROUND = 4,
  TILE_SUBRECTS = 8,
  TILE_COLOURED = 16;

interface Subrect extends Rectangle {
  readonly colour: number;
}

/** Rectangles of one colour that cover everything but the background, at most `limit`; undefined when there are more. */
function subrectsOf(
  pixels: Uint32Array,
  width: number,
  background: number,
  limit: number,
): Subrect[] | undefined {
  const height = pixels.length / width;
  const covered = new Uint8Array(pixels.length);
  const found: Subrect[] = [];
  for (let at = 0; at < pixels.length; at++) {
    const colour = pixels[at]!;
    if (colour === background || covered[at] !== 0) continue;
    if (found.length === limit) return undefined;
    const x = at % width;
    const y = (at - x) / width;
    const free = (i: number): boolean => pixels[i] === colour && covered[i] === 0;
    let w = 1;
    while (x + w < width && free(at + w)) w++;
    let h = 1;
    while (y + h < height && rowIsFree(at + h * width, w, free)) h++;
    for (let row = 0; row < h; row++) covered.fill(1, at + row * width, at + row * width + w);
    found.push({ x, y, width: w, height: h, colour });
  }
  return found;
}

function rowIsFree(from: number, width: number, free: (i: number) => boolean): boolean {
  for (let i = 0; i < width; i++) if (!free(from + i)) return false;
  return true;
}

/** The colour that most pixels of a tile of few colours have. */
function commonest(pixels: Uint32Array, colours: readonly number[]): number {
  let best = colours[0]!,
    most = 0;
  for (const colour of colours) {
    let count = 0;
    for (let i = 0; i < pixels.length; i++) if (pixels[i] === colour) count++;
    if (count > most) [best, most] = [colour, count];
  }
  return best;
}

const MOST_TILE_COLOURS = 8;

function hextile(
  pixels: Uint32Array,
  width: number,
  writer: PixelWriter,
  out: Uint8Array,
  start: number,
): number {
  const colours = coloursOf(pixels, MOST_TILE_COLOURS);
  const background = commonest(pixels, colours);
  const coloured = colours.length > 2;
  const each = 2 + (coloured ? writer.bytesPerPixel : 0);
  const limit = Math.min(255, Math.floor((pixels.length * writer.bytesPerPixel) / each));
  const subrects =
    colours.length > MOST_TILE_COLOURS ? undefined : subrectsOf(pixels, width, background, limit);
  if (subrects === undefined) {
    out[start] = TILE_RAW;
    let at = start + 1;
    for (let i = 0; i < pixels.length; i++) at = writer.put(out, at, pixels[i]!);
    return at;
  }
  let at = writer.put(out, start + 1, background);
  out[start] = TILE_BACKGROUND;
  if (subrects.length === 0) return at;
  out[start] = TILE_BACKGROUND | TILE_SUBRECTS | (coloured ? TILE_COLOURED : TILE_FOREGROUND);
  if (!coloured) at = writer.put(out, at, subrects[0]!.colour);
  out[at++] = subrects.length;
  for (const { x, y, width: w, height: h, colour } of subrects) {
    if (coloured) at = writer.put(out, at, colour);
    out[at++] = (x << 4) | y;
    out[at++] = ((w - 1) << 4) | (h - 1);
  }
  return at;
}

export function encodeHextile(frame: Frame, area: Rectangle, writer: PixelWriter): Uint8Array {
  const tiles = Math.ceil(area.width / HEXTILE_SIZE) * Math.ceil(area.height / HEXTILE_SIZE);
  const most = 2 * HEXTILE_SIZE * HEXTILE_SIZE * writer.bytesPerPixel + 16;
  const out = new Uint8Array(tiles * most);
  let at = 0;
  eachTile(area, HEXTILE_SIZE, (tile) => {
    at = hextile(pixelsOf(frame, tile), tile.width, writer, out, at);
  });
  return out.slice(0, at);
}

const ZRLE_SIZE = 64;
const ZRLE_RAW = 0,
  ZRLE_SOLID = 1,
  MOST_PALETTE = 16;

function packedBits(colours: number): number {
  return colours === 2 ? 1 : colours <= 4 ? 2 : 4;
}

function zrleTile(
  pixels: Uint32Array,
  width: number,
  writer: PixelWriter,
  out: Uint8Array,
  start: number,
): number {
  const palette = coloursOf(pixels, MOST_PALETTE);
  let at = start + 1;
  if (palette.length > MOST_PALETTE) {
    out[start] = ZRLE_RAW;
    for (let i = 0; i < pixels.length; i++) at = writer.putCompact(out, at, pixels[i]!);
    return at;
  }
  out[start] = palette.length === 1 ? ZRLE_SOLID : palette.length;
  for (const colour of palette) at = writer.putCompact(out, at, colour);
  return palette.length === 1 ? at : packIndices(pixels, width, palette, out, at);
}

/** Each row begins a byte; the leftmost pixel is in the highest bits. */
function packIndices(
  pixels: Uint32Array,
  width: number,
  palette: readonly number[],
  out: Uint8Array,
  start: number,
): number {
  const bits = packedBits(palette.length);
  let at = start;
  for (let row = 0; row < pixels.length; row += width) {
    let shift = 8;
    let byte = 0;
    for (let x = 0; x < width; x++) {
      shift -= bits;
      byte |= palette.indexOf(pixels[row + x]!) << shift;
      if (shift > 0 && x < width - 1) continue;
      out[at++] = byte;
      shift = 8;
      byte = 0;
    }
  }
  return at;
}

export function encodeZrle(
  frame: Frame,
  area: Rectangle,
  writer: PixelWriter,
  stream: ZlibStream,
): Uint8Array {
  const tiles = Math.ceil(area.width / ZRLE_SIZE) * Math.ceil(area.height / ZRLE_SIZE);
  const out = new Uint8Array(area.width * area.height * writer.compactBytes + tiles * (1 + MOST_PALETTE * 4));
  let at = 0;
  eachTile(area, ZRLE_SIZE, (tile) => {
    at = zrleTile(pixelsOf(frame, tile), tile.width, writer, out, at);
  });
  return stream.part(out.subarray(0, at));
}
