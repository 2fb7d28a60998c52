/**
 * INT 10h of a VGA: modes, cursor, pages, characters, dots, strings; colours and fonts are in files of their own.
 * Not implemented: light pen, static functionality tables beyond the mode list, 512 characters.
 */
import { BDA } from './data-area.js';
import type { BiosMemory } from './host.js';
import type { Registers } from './registers.js';
import { AT, ROM_SEGMENT } from './rom.js';
import type { BiosState } from './state.js';
import type { VideoAdapter } from './video-adapter.js';
import { videoColours } from './video-colours.js';
import { VideoFonts } from './video-fonts.js';
import { videoMode } from './video-modes.js';
import type { VideoMode } from './video-modes.js';
import { surfaceOf } from './video-surface.js';
import type { Surface } from './video-surface.js';
import { Vbe } from './vbe.js';
import { VGA_PARTS, VideoState } from './video-state.js';

const BELL = 7,
  BACKSPACE = 8,
  LINE_FEED = 10,
  RETURN = 13;
const BLANK = 0x20,
  NORMAL = 7;
const KEEP_MEMORY = 0x80;
const TEXT_MODE = videoMode(3)!;
/** Of functions that text BIOSes answer with their own number: 1A, 12, 4F. */
const VGA_COLOUR = 8;

interface Cursor {
  column: number;
  row: number;
}

export class VideoService {
  readonly adapter: VideoAdapter;
  private readonly memory: BiosMemory;
  private readonly fonts: VideoFonts;
  private readonly vbe: Vbe;
  private readonly saved: VideoState;

  constructor(adapter: VideoAdapter, memory: BiosMemory, framebuffer: () => number, state: BiosState) {
    this.adapter = adapter;
    this.memory = memory;
    this.fonts = new VideoFonts(adapter, memory);
    this.saved = new VideoState(adapter, memory);
    const setMode = (mode: number): void => this.setMode(mode);
    this.vbe = new Vbe(adapter, memory, { framebuffer, setMode, saved: this.saved }, state);
  }

  handle(r: Registers): void {
    switch (r.ah) {
      case 0x00:
        return this.setMode(r.al);
      case 0x01:
        return this.setCursorShape(r.cx);
      case 0x02:
        return this.setCursor(r.bh & 7, { column: r.dl, row: r.dh });
      case 0x03:
        return this.getCursor(r);
      case 0x05:
        return this.setPage(r.al);
      case 0x06:
        return this.scroll(r, 1);
      case 0x07:
        return this.scroll(r, -1);
      case 0x08:
        return this.readCell(r);
      case 0x09:
        return this.writeCells(r, r.bl);
      case 0x0a:
        return this.writeCells(r, this.isText ? -1 : r.bl);
      case 0x0c:
        return this.surface().putDot(this.pageStart(r.bh), r.cx, r.dx, r.al);
      case 0x0d:
        r.al = this.surface().getDot(this.pageStart(r.bh), r.cx, r.dx);
        return;
      case 0x0e:
        return this.teletype(r.al, this.memory.read8(BDA.ACTIVE_PAGE), this.isText ? -1 : r.bl);
      case 0x0f:
        return this.getMode(r);
      case 0x13:
        return this.writeString(r);
      default:
        return this.handleVga(r);
    }
  }

  private handleVga(r: Registers): void {
    if (r.ah === 0x0b || r.ah === 0x10) videoColours(r, this.adapter, this.memory);
    else if (r.ah === 0x11) this.fonts.handle(r);
    else if (r.ah === 0x12) this.alternateSelect(r);
    else if (r.ah === 0x1a) this.displayCombination(r);
    else if (r.ah === 0x1b) this.functionality(r);
    else if (r.ah === 0x1c) this.saveOrRestore(r);
    else if (r.ah === 0x4f) this.vbe.handle(r);
  }

  private get mode(): VideoMode {
    return videoMode(this.memory.read8(BDA.VIDEO_MODE) & 0x7f) ?? TEXT_MODE;
  }
  private get isText(): boolean {
    return this.mode.layout === 'text';
  }
  private get columns(): number {
    return this.memory.read16(BDA.COLUMNS) || 80;
  }
  private get lastRow(): number {
    return this.memory.read8(BDA.LAST_ROW) || 24;
  }

  private surface(): Surface {
    const { memory, adapter, columns } = this;
    const height = Math.min(32, memory.read16(BDA.CHARACTER_HEIGHT)) || 8;
    return surfaceOf(this.mode, { memory, adapter, columns, height, glyphs: (c) => this.fonts.glyph(c) });
  }

  private pageStart(page: number): number {
    return (page & 7) * this.memory.read16(BDA.PAGE_BYTES);
  }

  /** Bit 7 keeps what is in the memory. Unknown modes change nothing. */
  setMode(number: number): void {
    const mode = videoMode(number & 0x7f);
    if (mode === undefined) return;
    const { memory, adapter } = this;
    const keepsPalette = (memory.read8(BDA.VIDEO_FLAGS) & 8) !== 0;
    adapter.setMode(mode, !keepsPalette);
    this.fonts.modeSet(mode);
    if ((number & KEEP_MEMORY) === 0) this.clear(mode);
    this.fillDataArea(mode, number & KEEP_MEMORY);
  }

  private clear(mode: VideoMode): void {
    const bytes = mode.layout === 'text' ? 0x8000 : mode.window === 0xa0000 ? 0x10000 : 0x8000;
    const blank = new Uint8Array(bytes);
    if (mode.layout === 'text')
      for (let i = 0; i < bytes; i += 2) {
        blank[i] = BLANK;
        blank[i + 1] = NORMAL;
      }
    this.memory.write(mode.window, blank);
  }

  private fillDataArea(mode: VideoMode, keep: number): void {
    const { memory } = this;
    memory.write8(BDA.VIDEO_MODE, mode.number);
    memory.write16(BDA.COLUMNS, mode.columns);
    memory.write16(BDA.PAGE_BYTES, mode.pageBytes & 0xffff);
    memory.write16(BDA.PAGE_START, 0);
    for (let page = 0; page < 8; page++) memory.write16(BDA.CURSORS + 2 * page, 0);
    memory.write16(BDA.CURSOR_SHAPE, mode.layout === 'text' ? 0x0d0e : 0);
    memory.write8(BDA.ACTIVE_PAGE, 0);
    memory.write16(BDA.CRTC_PORT, this.adapter.crtc);
    memory.write8(BDA.MODE_CONTROL, mode.layout === 'text' ? 0x29 : 0x2a);
    memory.write8(BDA.CGA_PALETTE, 0x30);
    memory.write8(BDA.LAST_ROW, mode.rows - 1);
    memory.write16(BDA.CHARACTER_HEIGHT, mode.height);
    memory.write8(BDA.VIDEO_CONTROL, 0x60 | keep);
    memory.write8(BDA.VIDEO_SWITCHES, 0xf9);
    memory.write8(BDA.VIDEO_FLAGS, (memory.read8(BDA.VIDEO_FLAGS) & 0x0e) | 0x51);
    memory.write8(BDA.DISPLAY_CODE, VGA_COLOUR);
  }

  /** CH first line, CL last line; shapes for a box of eight lines grow with the font. */
  private setCursorShape(shape: number): void {
    this.memory.write16(BDA.CURSOR_SHAPE, shape);
    const height = this.memory.read16(BDA.CHARACTER_HEIGHT);
    let first = (shape >> 8) & 0x3f;
    let last = shape & 0x1f;
    const emulates = (this.memory.read8(BDA.VIDEO_CONTROL) & 1) === 0;
    if (emulates && height > 8 && last < 8 && first < 0x20) {
      const scale = (line: number): number => Math.floor(((line + 1) * height) / 8) - 1;
      const isLine = last !== first + 1;
      first = isLine ? scale(first) : scale(last) - 1;
      last = scale(last);
    }
    const { crtc } = this.adapter;
    this.adapter.set(crtc, 0x0a, first);
    this.adapter.set(crtc, 0x0b, last);
  }

  private cursorOf(page: number): Cursor {
    const word = this.memory.read16(BDA.CURSORS + 2 * (page & 7));
    return { column: word & 0xff, row: word >> 8 };
  }

  private setCursor(page: number, { column, row }: Cursor): void {
    this.memory.write16(BDA.CURSORS + 2 * page, (row << 8) | column);
    if (page !== this.memory.read8(BDA.ACTIVE_PAGE)) return;
    const at = this.memory.read16(BDA.PAGE_START) / 2 + row * this.columns + column;
    const { crtc } = this.adapter;
    this.adapter.set(crtc, 0x0e, (at >> 8) & 0xff);
    this.adapter.set(crtc, 0x0f, at & 0xff);
  }

  private getCursor(r: Registers): void {
    const { column, row } = this.cursorOf(r.bh);
    r.dl = column;
    r.dh = row;
    r.cx = this.memory.read16(BDA.CURSOR_SHAPE);
    r.ax = 0;
  }

  private setPage(page: number): void {
    const { adapter, memory, mode } = this;
    if (page >= mode.pages) return;
    const start = this.pageStart(page);
    memory.write16(BDA.PAGE_START, start);
    memory.write8(BDA.ACTIVE_PAGE, page);
    const address = mode.layout === 'text' ? start >> 1 : start;
    adapter.set(adapter.crtc, 0x0c, address >> 8);
    adapter.set(adapter.crtc, 0x0d, address & 0xff);
    this.setCursor(page, this.cursorOf(page));
  }

  /** AL lines (0: all of the window) up or down; BH is what the new lines look like. */
  private scroll(r: Registers, direction: 1 | -1): void {
    const bottom = Math.min(r.dh, this.lastRow);
    const right = Math.min(r.dl, this.columns - 1);
    if (r.ch > bottom || r.cl > right) return;
    this.scrollWindow({ top: r.ch, left: r.cl, bottom, right }, r.al * direction || 256, r.bh);
  }

  /** Positive: up. As many lines as there are, or more: clears all. */
  private scrollWindow(
    box: { top: number; left: number; bottom: number; right: number },
    lines: number,
    attribute: number,
  ): void {
    const { top, left, bottom, right } = box;
    const surface = this.surface();
    const start = this.pageStart(this.memory.read8(BDA.ACTIVE_PAGE));
    const rows = bottom - top + 1;
    const moved = Math.min(Math.abs(lines), rows);
    for (let i = 0; i < rows; i++) {
      const to = lines > 0 ? top + i : bottom - i;
      const from = lines > 0 ? to + moved : to - moved;
      if (i < rows - moved) surface.copyRow(start, from, to, left, right);
      else surface.clearRow(start, to, left, right, attribute);
    }
  }

  private readCell(r: Registers): void {
    const { column, row } = this.cursorOf(r.bh);
    const { character, attribute } = this.surface().get(this.pageStart(r.bh), column, row);
    r.al = character;
    r.ah = attribute;
  }

  /** CX times from the cursor on, which stays; in graphics not beyond the end of the row. */
  private writeCells(r: Registers, attribute: number): void {
    const surface = this.surface();
    const start = this.pageStart(r.bh);
    const { columns } = this;
    const cursor = this.cursorOf(r.bh);
    const most = this.isText ? columns * (this.lastRow + 1) : columns - cursor.column;
    const cell = { character: r.al, attribute };
    for (let i = 0; i < Math.min(r.cx, most); i++) {
      const at = cursor.column + i;
      surface.put(start, at % columns, cursor.row + Math.floor(at / columns), cell);
    }
  }

  /** Writes one character and moves the cursor, scrolling at the end of the screen. */
  teletype(character: number, page: number, attribute: number): void {
    const cursor = this.cursorOf(page);
    if (character === BELL) return;
    if (character === RETURN) cursor.column = 0;
    else if (character === BACKSPACE) cursor.column = Math.max(0, cursor.column - 1);
    else if (character === LINE_FEED) cursor.row++;
    else {
      this.surface().put(this.pageStart(page), cursor.column++, cursor.row, { character, attribute });
    }
    if (cursor.column >= this.columns) {
      cursor.column = 0;
      cursor.row++;
    }
    if (cursor.row > this.lastRow) {
      this.scrollUp(page, cursor);
      cursor.row = this.lastRow;
    }
    this.setCursor(page & 7, cursor);
  }

  /** The new line looks like the last one. */
  private scrollUp(page: number, cursor: Cursor): void {
    const surface = this.surface();
    const start = this.pageStart(page);
    const last = this.lastRow;
    const column = Math.min(cursor.column, this.columns - 1);
    const attribute = this.isText ? surface.get(start, column, last).attribute : 0;
    for (let row = 0; row < last; row++) surface.copyRow(start, row + 1, row, 0, this.columns - 1);
    surface.clearRow(start, last, 0, this.columns - 1, attribute);
  }

  private getMode(r: Registers): void {
    const keep = this.memory.read8(BDA.VIDEO_CONTROL) & KEEP_MEMORY;
    r.al = this.memory.read8(BDA.VIDEO_MODE) | keep;
    r.ah = this.columns;
    r.bh = this.memory.read8(BDA.ACTIVE_PAGE);
  }

  /** AL bit 0: the cursor moves along; bit 1: attributes are in the string. */
  private writeString(r: Registers): void {
    if (r.al > 3) return;
    const moves = (r.al & 1) !== 0;
    const coloured = (r.al & 2) !== 0;
    const page = r.bh & 7;
    const before = this.cursorOf(page);
    this.setCursor(page, { column: r.dl, row: r.dh });
    for (let i = 0, at = r.bp; i < r.cx; i++) {
      const character = this.memory.read8(r.es(at++));
      const attribute = coloured ? this.memory.read8(r.es(at++)) : r.bl;
      this.teletype(character, page, attribute);
    }
    if (!moves) this.setCursor(page, before);
  }

  /** Answers AL = 12 where the function exists. */
  private alternateSelect(r: Registers): void {
    if (r.bl === 0x10) {
      // Colour, 256 KiB, switches of a colour monitor.
      r.bx = 0x0003;
      r.cx = 0x0009;
    } else if (r.bl === 0x30) {
      // 200, 350, 400 lines in text modes; modes here have 400.
      r.al = 0x12;
    } else if (r.bl >= 0x31 && r.bl <= 0x36) {
      if (r.bl === 0x31) this.setVideoFlag(8, r.al === 1);
      if (r.bl === 0x34) this.setControlFlag(1, r.al === 1);
      r.al = 0x12;
    }
  }
  private setVideoFlag(bit: number, on: boolean): void {
    const flags = this.memory.read8(BDA.VIDEO_FLAGS);
    this.memory.write8(BDA.VIDEO_FLAGS, on ? flags | bit : flags & ~bit);
  }
  private setControlFlag(bit: number, on: boolean): void {
    const flags = this.memory.read8(BDA.VIDEO_CONTROL);
    this.memory.write8(BDA.VIDEO_CONTROL, on ? flags | bit : flags & ~bit);
  }

  private displayCombination(r: Registers): void {
    if (r.al === 0) {
      r.bx = this.memory.read8(BDA.DISPLAY_CODE);
      r.al = 0x1a;
    } else if (r.al === 1) {
      this.memory.write8(BDA.DISPLAY_CODE, r.bl);
      r.al = 0x1a;
    }
  }

  /** AL: 0 how many blocks of 64 bytes, 1 save, 2 restore what CX says. */
  private saveOrRestore(r: Registers): void {
    const parts = r.cx & VGA_PARTS;
    if (r.al > 2 || parts === 0) return;
    if (r.al === 0) r.bx = this.saved.size(parts);
    else if (r.al === 1) this.saved.save(parts, r.es(r.bx));
    else this.saved.restore(parts, r.es(r.bx));
    r.al = 0x1c;
  }

  /** 64 bytes: a pointer to what the adapter can do, the data area's values, and what is on. */
  private functionality(r: Registers): void {
    if (r.bx !== 0) return;
    const { memory, mode } = this;
    const state = new Uint8Array(64);
    const view = new DataView(state.buffer);
    view.setUint16(0, AT.VIDEO_STATE, true);
    view.setUint16(2, ROM_SEGMENT, true);
    state.set(memory.read(BDA.VIDEO_MODE, 30), 4);
    state.set(memory.read(BDA.LAST_ROW, 3), 34);
    state[34] = memory.read8(BDA.LAST_ROW) + 1;
    state[37] = VGA_COLOUR;
    view.setUint16(39, mode.layout === 'text' ? 16 : 1 << mode.bits, true);
    state[41] = mode.pages;
    state[42] = 2;
    state[49] = 3;
    memory.write(r.es(r.di), state);
    r.al = 0x1b;
  }
}

/** What function 1B points to: all modes but 0B and 0C, 200, 350 and 400 lines, eight fonts of which two are seen at once (IBM VGA). */
export const STATIC_FUNCTIONALITY = [0xff, 0xe0, 0x0f, 0, 0, 0, 0, 7, 2, 8, 0x3c, 0x0c, 0, 0, 0, 0];
