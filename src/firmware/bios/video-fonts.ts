/** INT 10h function 11: fonts in the adapter's memory, and where programs find the ones in the ROM. */
import { BDA } from './data-area.js';
import type { BiosMemory } from './host.js';
import type { Registers } from './registers.js';
import { AT, ROM_SEGMENT } from './rom.js';
import type { VideoAdapter } from './video-adapter.js';
import type { VideoMode } from './video-modes.js';

const ROM = ROM_SEGMENT * 16;
/** Vectors that point to the upper and to all characters of graphics modes. */
const VECTOR_UPPER = 0x1f * 4,
  VECTOR_FONT = 0x43 * 4;
const HEIGHT: Readonly<Record<number, 8 | 14 | 16>> = { 1: 14, 2: 8, 4: 16 };
const PLACE = { 14: AT.FONT_14, 16: AT.FONT_16, 8: AT.FONT_8 } as const;

export class VideoFonts {
  private readonly adapter: VideoAdapter;
  private readonly memory: BiosMemory;

  constructor(adapter: VideoAdapter, memory: BiosMemory) {
    this.adapter = adapter;
    this.memory = memory;
  }

  /** The 8 by 8 font lies in two halves. */
  private romFont(height: 8 | 14 | 16): Uint8Array {
    if (height !== 8) return this.memory.read(ROM + PLACE[height], 256 * height);
    const font = new Uint8Array(0x800);
    font.set(this.memory.read(ROM + AT.FONT_8, 0x400));
    font.set(this.memory.read(ROM + AT.FONT_8_UPPER, 0x400), 0x400);
    return font;
  }

  private pointer(vector: number): number {
    return this.memory.read16(vector) + 16 * this.memory.read16(vector + 2);
  }

  /** In graphics modes, through the vectors that programs may have changed. */
  glyph(character: number): Uint8Array {
    const height = Math.min(32, this.memory.read16(BDA.CHARACTER_HEIGHT)) || 8;
    const upper = height === 8 && character >= 128;
    const from = upper ? this.pointer(VECTOR_UPPER) : this.pointer(VECTOR_FONT);
    return this.memory.read(from + (upper ? character - 128 : character) * height, height);
  }

  modeSet({ height }: VideoMode): void {
    this.point(VECTOR_FONT, PLACE[height]);
  }
  private point(vector: number, offset: number, segment = ROM_SEGMENT): void {
    this.memory.write16(vector, offset);
    this.memory.write16(vector + 2, segment);
  }

  /** AL = 0x load, 1x load and set the number of rows, 2x graphics, 30 inform. */
  handle(r: Registers): void {
    const kind = r.al & 0xf0;
    if (r.al === 0x30) this.inform(r);
    else if (kind === 0x20) this.graphics(r);
    else if (kind <= 0x10) this.load(r, kind === 0x10);
  }

  private load(r: Registers, activate: boolean): void {
    const which = r.al & 0x0f;
    if (which === 3) return this.adapter.set(0x3c4, 3, r.bl);
    const height = which === 0 ? Math.min(32, r.bh) : HEIGHT[which];
    if (height === undefined || height === 0) return;
    const isOwn = which === 0;
    const glyphs = isOwn
      ? this.memory.read(r.es(r.bp), Math.min(r.cx, 256) * height)
      : this.romFont(height as 8 | 14 | 16);
    this.adapter.loadFont(glyphs, height, isOwn ? r.dx : 0, r.bl & 7);
    if (activate) this.setHeight(height);
  }

  /** As many rows as 400 lines give. */
  private setHeight(height: number): void {
    const { adapter, memory } = this;
    const { crtc } = adapter;
    adapter.set(crtc, 9, (adapter.get(crtc, 9) & 0xe0) | (height - 1));
    const rows = Math.floor(400 / height);
    const end = rows * height * ((adapter.get(crtc, 9) & 0x80) !== 0 ? 2 : 1) - 1;
    adapter.set(crtc, 0x12, end & 0xff);
    adapter.set(crtc, 7, (adapter.get(crtc, 7) & ~0x42) | ((end >> 7) & 2) | ((end >> 3) & 0x40));
    adapter.set(crtc, 0x0a, height - 2);
    adapter.set(crtc, 0x0b, height - 1);
    memory.write8(BDA.LAST_ROW, rows - 1);
    memory.write16(BDA.CHARACTER_HEIGHT, height);
    memory.write16(BDA.CURSOR_SHAPE, ((height - 2) << 8) | (height - 1));
    memory.write16(BDA.PAGE_BYTES, memory.read16(BDA.COLUMNS) * rows * 2 + 0x100);
  }

  private graphics(r: Registers): void {
    const rows = [r.dl, 14, 25, 43][r.bl & 3]!;
    const which = r.al & 0x0f;
    if (which === 0) return this.point(VECTOR_UPPER, r.bp, r.es(0) >>> 4);
    // 21: the caller's font; 22, 23, 24: 14, 8 and 16 rows.
    const height = which === 1 ? r.cx : HEIGHT[which === 2 ? 1 : which === 3 ? 2 : which];
    if (height === undefined) return;
    if (which === 1) this.point(VECTOR_FONT, r.bp, r.es(0) >>> 4);
    else this.point(VECTOR_FONT, PLACE[height as 8 | 14 | 16]);
    this.memory.write16(BDA.CHARACTER_HEIGHT, height);
    this.memory.write8(BDA.LAST_ROW, rows - 1);
  }

  private inform(r: Registers): void {
    const own = [AT.FONT_14, AT.FONT_8, AT.FONT_8_UPPER, AT.FONT_14, AT.FONT_16, AT.FONT_16];
    r.cx = this.memory.read16(BDA.CHARACTER_HEIGHT);
    r.dl = this.memory.read8(BDA.LAST_ROW);
    const vector = r.bh === 0 ? VECTOR_UPPER : r.bh === 1 ? VECTOR_FONT : undefined;
    const offset = vector === undefined ? own[r.bh - 2] : this.memory.read16(vector);
    if (offset === undefined) return;
    r.loadEs(vector === undefined ? ROM_SEGMENT : this.memory.read16(vector + 2));
    r.bp = offset;
  }
}
