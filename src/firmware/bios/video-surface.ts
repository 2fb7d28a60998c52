/** Characters and dots in the memory of a mode: text cells, the CGA's interleaved lines, planes, bytes. */
import type { BiosMemory } from './host.js';
import { GRAPHICS, SEQUENCER } from './video-adapter.js';
import type { VideoAdapter } from './video-adapter.js';
import type { VideoMode } from './video-modes.js';

export interface Cell {
  readonly character: number;
  readonly attribute: number;
}

/** Where glyphs come from: `height` bytes of a character. */
export type Glyphs = (character: number) => Uint8Array;

/** Of colours in graphics modes: exclusive-or with what is there. */
const XOR = 0x80;

export interface Surface {
  /** Writes a character; `start` is the first byte of the page. */
  put(start: number, column: number, row: number, cell: Cell): void;
  get(start: number, column: number, row: number): Cell;
  /** Copies cells of one row to another, columns `left` to `right`. */
  copyRow(start: number, from: number, to: number, left: number, right: number): void;
  clearRow(start: number, row: number, left: number, right: number, attribute: number): void;
  putDot(start: number, x: number, y: number, colour: number): void;
  getDot(start: number, x: number, y: number): number;
}

class TextSurface implements Surface {
  private readonly memory: BiosMemory;
  private readonly window: number;
  private readonly columns: number;

  constructor(memory: BiosMemory, window: number, columns: number) {
    this.memory = memory;
    this.window = window;
    this.columns = columns;
  }
  private at(start: number, column: number, row: number): number {
    return this.window + ((start + 2 * (row * this.columns + column)) & 0x7fff);
  }
  put(start: number, column: number, row: number, { character, attribute }: Cell): void {
    const at = this.at(start, column, row);
    this.memory.write8(at, character);
    // A negative attribute keeps the one that is there.
    if (attribute >= 0) this.memory.write8(at + 1, attribute);
  }
  get(start: number, column: number, row: number): Cell {
    const at = this.at(start, column, row);
    return { character: this.memory.read8(at), attribute: this.memory.read8(at + 1) };
  }
  copyRow(start: number, from: number, to: number, left: number, right: number): void {
    const bytes = this.memory.read(this.at(start, left, from), 2 * (right - left + 1));
    this.memory.write(this.at(start, left, to), bytes);
  }
  clearRow(start: number, row: number, left: number, right: number, attribute: number): void {
    const bytes = new Uint8Array(2 * (right - left + 1));
    for (let i = 0; i < bytes.length; i += 2) {
      bytes[i] = 0x20;
      bytes[i + 1] = attribute;
    }
    this.memory.write(this.at(start, left, row), bytes);
  }
  putDot(): void {
    // Text modes have no dots.
  }
  getDot(): number {
    return 0;
  }
}

/** What graphics modes share: characters are drawn dot by dot in bytes of eight. */
abstract class GraphicsSurface implements Surface {
  protected readonly memory: BiosMemory;
  protected readonly mode: VideoMode;
  private readonly glyphs: Glyphs;
  /** Rows of dots of a character; the data area may say another than the mode. */
  private readonly height: number;

  constructor(memory: BiosMemory, mode: VideoMode, glyphs: Glyphs, height: number) {
    this.memory = memory;
    this.mode = mode;
    this.glyphs = glyphs;
    this.height = height;
  }

  abstract putDot(start: number, x: number, y: number, colour: number): void;
  abstract getDot(start: number, x: number, y: number): number;
  /** Copies a line of dots, whole characters. */
  protected abstract copyLine(start: number, from: number, to: number, left: number, right: number): void;
  protected abstract clearLine(start: number, y: number, left: number, right: number, colour: number): void;
  /** A row of eight dots: those set in `bits` in `colour`, the others in `background`, or left when `over`. */
  protected abstract putBits(
    start: number,
    column: number,
    y: number,
    bits: number,
    colour: number,
    background: number,
  ): void;

  put(start: number, column: number, row: number, { character, attribute }: Cell): void {
    const glyph = this.glyphs(character);
    const colour = attribute < 0 ? 7 : attribute;
    for (let y = 0; y < this.height; y++)
      this.putBits(start, column, row * this.height + y, glyph[y] ?? 0, colour, 0);
  }

  /** Recognised by its dots; 0 when it is none. */
  get(start: number, column: number, row: number): Cell {
    const seen = new Uint8Array(this.height);
    let attribute = 0;
    for (let y = 0; y < this.height; y++)
      for (let x = 0; x < 8; x++) {
        const dot = this.getDot(start, 8 * column + x, row * this.height + y);
        if (dot === 0) continue;
        seen[y]! |= 0x80 >> x;
        attribute = dot;
      }
    for (let character = 0; character < 256; character++)
      if (seen.every((bits, y) => bits === (this.glyphs(character)[y] ?? 0))) return { character, attribute };
    return { character: 0, attribute };
  }

  copyRow(start: number, from: number, to: number, left: number, right: number): void {
    for (let y = 0; y < this.height; y++)
      this.copyLine(start, from * this.height + y, to * this.height + y, left, right);
  }
  clearRow(start: number, row: number, left: number, right: number, attribute: number): void {
    for (let y = 0; y < this.height; y++)
      this.clearLine(start, row * this.height + y, left, right, attribute);
  }
}

class PackedSurface extends GraphicsSurface {
  private at(x: number, y: number): number {
    return this.mode.window + ((y * 8 * this.mode.columns + x) & 0xffff);
  }
  putDot(_start: number, x: number, y: number, colour: number): void {
    this.memory.write8(this.at(x, y), colour);
  }
  getDot(_start: number, x: number, y: number): number {
    return this.memory.read8(this.at(x, y));
  }
  protected copyLine(_start: number, from: number, to: number, left: number, right: number): void {
    const bytes = this.memory.read(this.at(8 * left, from), 8 * (right - left + 1));
    this.memory.write(this.at(8 * left, to), bytes);
  }
  protected clearLine(_start: number, y: number, left: number, right: number, colour: number): void {
    this.memory.write(this.at(8 * left, y), new Uint8Array(8 * (right - left + 1)).fill(colour));
  }
  protected putBits(
    _start: number,
    column: number,
    y: number,
    bits: number,
    colour: number,
    background: number,
  ): void {
    const line = Uint8Array.from({ length: 8 }, (_, x) => ((bits << x) & 0x80 ? colour : background));
    this.memory.write(this.at(8 * column, y), line);
  }
}

/** Even lines from 0 on, odd ones from 2000 on; one or two bits a dot. */
class CgaSurface extends GraphicsSurface {
  private line(y: number): number {
    return this.mode.window + (y & 1) * 0x2000 + (y >> 1) * 80;
  }
  private place(x: number, y: number): { at: number; shift: number; mask: number } {
    const { bits } = this.mode;
    const perByte = 8 / bits;
    const at = this.line(y) + Math.floor(x / perByte);
    return { at, shift: bits * (perByte - 1 - (x % perByte)), mask: (1 << bits) - 1 };
  }
  putDot(_start: number, x: number, y: number, colour: number): void {
    const { at, shift, mask } = this.place(x, y);
    const old = this.memory.read8(at);
    const dot = (colour & mask) << shift;
    this.memory.write8(at, (colour & XOR) !== 0 ? old ^ dot : (old & ~(mask << shift)) | dot);
  }
  getDot(_start: number, x: number, y: number): number {
    const { at, shift, mask } = this.place(x, y);
    return (this.memory.read8(at) >> shift) & mask;
  }
  protected copyLine(_start: number, from: number, to: number, left: number, right: number): void {
    const { bits } = this.mode;
    const bytes = this.memory.read(this.line(from) + left * bits, (right - left + 1) * bits);
    this.memory.write(this.line(to) + left * bits, bytes);
  }
  protected clearLine(_start: number, y: number, left: number, right: number, colour: number): void {
    const { bits } = this.mode;
    const fill = bits === 1 ? -(colour & 1) & 0xff : (colour & 3) * 0x55;
    this.memory.write(this.line(y) + left * bits, new Uint8Array((right - left + 1) * bits).fill(fill));
  }
  protected putBits(start: number, column: number, y: number, bits: number, colour: number): void {
    const xor = (colour & XOR) !== 0;
    for (let x = 0; x < 8; x++) {
      const set = ((bits << x) & 0x80) !== 0;
      if (set || !xor) this.putDot(start, 8 * column + x, y, set ? colour : 0);
    }
  }
}

/** Four planes at once through the graphics controller's set/reset and write mode 1. */
class PlanarSurface extends GraphicsSurface {
  private readonly adapter: VideoAdapter;

  constructor(memory: BiosMemory, mode: VideoMode, glyphs: Glyphs, height: number, adapter: VideoAdapter) {
    super(memory, mode, glyphs, height);
    this.adapter = adapter;
  }
  private at(start: number, column: number, y: number): number {
    return this.mode.window + ((start + y * this.mode.columns + column) & 0xffff);
  }
  private draw(at: number, mask: number, colour: number, xor: boolean): void {
    const { adapter, memory } = this;
    adapter.set(GRAPHICS, 0, colour & 15);
    adapter.set(GRAPHICS, 1, 15);
    adapter.set(GRAPHICS, 3, xor ? 0x18 : 0);
    adapter.set(GRAPHICS, 8, mask);
    memory.read8(at);
    memory.write8(at, 0xff);
    adapter.set(GRAPHICS, 1, 0);
    adapter.set(GRAPHICS, 3, 0);
    adapter.set(GRAPHICS, 8, 0xff);
  }
  putDot(start: number, x: number, y: number, colour: number): void {
    this.draw(this.at(start, x >> 3, y), 0x80 >> (x & 7), colour, (colour & XOR) !== 0);
  }
  getDot(start: number, x: number, y: number): number {
    let colour = 0;
    for (let plane = 0; plane < 4; plane++) {
      this.adapter.set(GRAPHICS, 4, plane);
      const set = (this.memory.read8(this.at(start, x >> 3, y)) >> (7 - (x & 7))) & 1;
      colour |= set << plane;
    }
    this.adapter.set(GRAPHICS, 4, 0);
    return colour & ((1 << this.mode.bits) - 1);
  }
  protected copyLine(start: number, from: number, to: number, left: number, right: number): void {
    this.adapter.set(GRAPHICS, 5, 1);
    for (let column = left; column <= right; column++) {
      this.memory.read8(this.at(start, column, from));
      this.memory.write8(this.at(start, column, to), 0);
    }
    this.adapter.set(GRAPHICS, 5, 0);
  }
  protected clearLine(start: number, y: number, left: number, right: number, colour: number): void {
    this.adapter.set(SEQUENCER, 2, 15);
    this.adapter.set(GRAPHICS, 0, colour & 15);
    this.adapter.set(GRAPHICS, 1, 15);
    for (let column = left; column <= right; column++) this.memory.write8(this.at(start, column, y), 0);
    this.adapter.set(GRAPHICS, 1, 0);
  }
  protected putBits(
    start: number,
    column: number,
    y: number,
    bits: number,
    colour: number,
    background: number,
  ): void {
    const at = this.at(start, column, y);
    const xor = (colour & XOR) !== 0;
    if (!xor) this.draw(at, 0xff, background, false);
    if (bits !== 0) this.draw(at, bits, colour, xor);
  }
}

export interface SurfaceParts {
  readonly memory: BiosMemory;
  readonly adapter: VideoAdapter;
  readonly glyphs: Glyphs;
  /** From the data area. */
  readonly height: number;
  readonly columns: number;
}

export function surfaceOf(mode: VideoMode, parts: SurfaceParts): Surface {
  const { memory, adapter, glyphs, height, columns } = parts;
  switch (mode.layout) {
    case 'text':
      return new TextSurface(memory, mode.window, columns);
    case 'cga':
      return new CgaSurface(memory, mode, glyphs, height);
    case 'planar':
      return new PlanarSurface(memory, mode, glyphs, height, adapter);
    case 'packed':
      return new PackedSurface(memory, mode, glyphs, height);
  }
}
