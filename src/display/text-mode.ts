/** Text modes: cells of character and attribute (planes 0 and 1), fonts in plane 2, cursor, underline, blinking. */
import { LineCounter, AddressMode } from './scan-out.js';
import type { ScanOut } from './scan-out.js';
import type { VgaState } from '../devices/vga-state.js';
import type { Frame } from './frame.js';

/** Which half of their period the blinking things are in. */
export interface BlinkPhase {
  readonly cursor: boolean;
  readonly text: boolean;
}
export const ALL_VISIBLE: BlinkPhase = { cursor: true, text: true };

/** One frame of 60 Hz. */
const FRAME_NS = 16_666_667;
/** The cursor blinks once in 16 frames, text once in 32 (IBM VGA, CRT controller). */
export function blinkPhase(now: number): BlinkPhase {
  const frame = Math.floor(now / FRAME_NS);
  return { cursor: (frame & 8) === 0, text: (frame & 16) === 0 };
}

const LINE_GRAPHICS = 4,
  BLINK = 8,
  PAN_STOPS_AT_SPLIT = 0x20;
const CURSOR_OFF = 0x20;
/** Characters whose ninth column repeats the eighth. */
const LINE_FIRST = 0xc0,
  LINE_LAST = 0xdf;
const GLYPH_BYTES = 32;

/** Plane-2 address of a font by its number of three bits. */
function fontAddress(number: number): number {
  return ((number & 3) << 14) | ((number & 4) << 11);
}

/** Attributes with bit 3 clear use font B, with bit 3 set font A. */
function fonts(state: VgaState): readonly [number, number] {
  const select = state.sequencer[3]!;
  const b = (select & 3) | ((select >> 2) & 4);
  const a = ((select >> 2) & 3) | ((select >> 3) & 4);
  return [fontAddress(b), fontAddress(a)];
}

interface Style {
  readonly colours: Uint32Array;
  readonly blinks: boolean;
  readonly visible: boolean;
  readonly lineGraphics: boolean;
  readonly fonts: readonly [number, number];
  readonly underline: number;
  /** Address counter value of the cursor's cell, -1 for none. */
  readonly cursor: number;
  readonly cursorFirst: number;
  readonly cursorLast: number;
}

function styleOf(state: VgaState, colours: Uint32Array, phase: BlinkPhase): Style {
  const { crtc, attribute } = state;
  const shown = phase.cursor && !(crtc[0x0a]! & CURSOR_OFF);
  return {
    colours,
    blinks: (attribute[0x10]! & BLINK) !== 0,
    visible: phase.text,
    lineGraphics: (attribute[0x10]! & LINE_GRAPHICS) !== 0,
    fonts: fonts(state),
    underline: crtc[0x14]! & 31,
    cursor: shown ? (crtc[0x0e]! << 8) | crtc[0x0f]! : -1,
    cursorFirst: crtc[0x0a]! & 31,
    cursorLast: crtc[0x0b]! & 31,
  };
}

/** Dots of one row of a cell, the leftmost in bit 8. */
function glyphRow(memory: Uint8Array, style: Style, cell: number, row: number): number {
  const character = memory[cell * 4]!;
  const attributes = memory[cell * 4 + 1]!;
  const font = style.fonts[(attributes >> 3) & 1]!;
  const bits = memory[((font + character * GLYPH_BYTES + row) & 0xffff) * 4 + 2]!;
  const ninth = style.lineGraphics && character >= LINE_FIRST && character <= LINE_LAST ? bits & 1 : 0;
  const underlined = row === style.underline && (attributes & 7) === 1;
  return underlined ? 0x1ff : (bits << 1) | ninth;
}

function drawDots(frame: Frame, at: number, dots: number, scan: ScanOut, fore: number, back: number): void {
  const { pixels } = frame;
  let to = at;
  for (let dot = 0; dot < scan.characterWidth; dot++) {
    const colour = dots & (0x100 >> dot) ? fore : back;
    pixels[to++] = colour;
    if (scan.dotWidth === 2) pixels[to++] = colour;
  }
}

function drawCell(
  frame: Frame,
  at: number,
  cell: number,
  dots: number,
  style: Style,
  scan: ScanOut,
  memory: Uint8Array,
): void {
  const attributes = memory[cell * 4 + 1]!;
  const fore = style.colours[attributes & 15]!;
  const back = style.colours[style.blinks ? (attributes >> 4) & 7 : attributes >> 4]!;
  const hidden = style.blinks && attributes & 0x80 && !style.visible;
  drawDots(frame, at, hidden ? 0 : dots, scan, fore, back);
}

/** Dots that the left edge cuts off. */
function panning(state: VgaState, scan: ScanOut, split: boolean): number {
  if (split && state.attribute[0x10]! & PAN_STOPS_AT_SPLIT) return 0;
  const pan = state.attribute[0x13]! & 15;
  return scan.characterWidth === 9 ? (pan + 1) % 9 : pan & 7;
}

export function drawText(
  state: VgaState,
  scan: ScanOut,
  frame: Frame,
  colours: Uint32Array,
  phase: BlinkPhase,
): void {
  const style = styleOf(state, colours, phase);
  const lines = new LineCounter(state, scan);
  const mode = new AddressMode(state);
  const line: Frame = { width: 0, height: 1, pixels: new Uint32Array((scan.columns + 1) * 9 * 2) };
  for (let y = 0; y < frame.height; y++, lines.next()) {
    drawLine(state, scan, line, style, lines, mode);
    const pan = panning(state, scan, lines.split) * scan.dotWidth;
    frame.pixels.set(line.pixels.subarray(pan, pan + frame.width), y * frame.width);
  }
}

/** One scan line with one cell more than is seen, for panning. */
function drawLine(
  state: VgaState,
  scan: ScanOut,
  line: Frame,
  style: Style,
  lines: LineCounter,
  mode: AddressMode,
): void {
  const { row, address } = lines;
  const inCursor = row >= style.cursorFirst && row <= style.cursorLast;
  for (let column = 0; column <= scan.columns; column++) {
    const counter = (address + column) & 0xffff;
    const cell = mode.resolve(counter, row);
    const dots = inCursor && counter === style.cursor ? 0x1ff : glyphRow(state.memory, style, cell, row);
    const at = column * scan.characterWidth * scan.dotWidth;
    drawCell(line, at, cell, dots, style, scan, state.memory);
  }
}
