/** What differs between the picture a client has and the one it should have. */
import type { Frame } from '../frame.js';
import type { Rectangle } from './pixel-format.js';

const TILE_WIDTH = 64,
  TILE_HEIGHT = 16;

function differs(
  a: Uint32Array,
  b: Uint32Array,
  at: number,
  width: number,
  stride: number,
  rows: number,
): boolean {
  for (let row = 0; row < rows; row++, at += stride)
    for (let i = at; i < at + width; i++) if (a[i] !== b[i]) return true;
  return false;
}

/** Rectangles of whole tiles that cover every difference, neighbours in a row joined; both frames have the same size. */
export function changedAreas(before: Frame, after: Frame): Rectangle[] {
  const { width, height } = after;
  const areas: Rectangle[] = [];
  for (let y = 0; y < height; y += TILE_HEIGHT) {
    const rows = Math.min(TILE_HEIGHT, height - y);
    let start = -1;
    for (let x = 0; x < width; x += TILE_WIDTH) {
      const columns = Math.min(TILE_WIDTH, width - x);
      const dirty = differs(before.pixels, after.pixels, y * width + x, columns, width, rows);
      if (dirty && start < 0) start = x;
      if (!dirty && start >= 0) {
        areas.push({ x: start, y, width: x - start, height: rows });
        start = -1;
      }
    }
    if (start >= 0) areas.push({ x: start, y, width: width - start, height: rows });
  }
  return areas;
}
