/** A picture: rows from the top, each pixel four bytes red, green, blue, 255. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  /** One element per pixel, 0xffBBGGRR: in memory the bytes R, G, B, 255 (hosts are little-endian). */
  readonly pixels: Uint32Array;
}

export const BLACK = 0xff000000;

/** The old frame when it has the right size; its pixels are whatever they were. */
export function frameOf(width: number, height: number, reuse?: Frame): Frame {
  if (reuse !== undefined && reuse.width === width && reuse.height === height) return reuse;
  return { width, height, pixels: new Uint32Array(width * height) };
}

/** Components 0 to 255. */
export function pixelOf(red: number, green: number, blue: number): number {
  return (BLACK | (blue << 16) | (green << 8) | red) >>> 0;
}
