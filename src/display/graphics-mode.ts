/** Graphics modes of the VGA: four planes, two bits per pixel of the CGA, and 256 colours chained or not; and the dispi framebuffers. */
import { linePitch } from '../devices/vga-dispi.js';
import { DISPI } from '../devices/vga-state.js';
import type { VgaState } from '../devices/vga-state.js';
import { pixelOf } from './frame.js';
import type { Frame } from './frame.js';
import { AddressMode, LineCounter, linearStart } from './scan-out.js';
import type { ScanOut } from './scan-out.js';

const SHIFT_INTERLEAVED = 0x20,
  PAN_STOPS_AT_SPLIT = 0x20;

/** Puts the eight pixel values of a plane address into `out`. */
type Serializer = (word: number, out: Uint8Array, at: number) => void;

function planarPixels(word: number, out: Uint8Array, at: number): void {
  for (let i = 0; i < 8; i++) {
    const bits = word >>> (7 - i);
    out[at + i] = (bits & 1) | ((bits >>> 7) & 2) | ((bits >>> 14) & 4) | ((bits >>> 21) & 8);
  }
}

/** Shift register mode 1: planes 0 and 1 give four pixels each, planes 2 and 3 their upper two bits. */
function interleavedPixels(word: number, out: Uint8Array, at: number): void {
  for (let i = 0; i < 8; i++) {
    const half = i < 4 ? word : word >>> 8;
    const shift = 6 - 2 * (i & 3);
    out[at + i] = ((half >>> shift) & 3) | ((((half >>> 16) >>> shift) & 3) << 2);
  }
}

/** 256 colours: four pixels, each two dots wide. */
function packedPixels(word: number, out: Uint8Array, at: number): void {
  for (let i = 0; i < 8; i++) out[at + i] = (word >>> (8 * (i >> 1))) & 0xff;
}

function serializer(state: VgaState, scan: ScanOut): Serializer {
  if (scan.kind === 'packed') return packedPixels;
  return state.graphics[5]! & SHIFT_INTERLEAVED ? interleavedPixels : planarPixels;
}

export function drawGraphics(state: VgaState, scan: ScanOut, frame: Frame, colours: Uint32Array): void {
  const { buffer, byteOffset, length } = state.memory;
  const words = new Int32Array(buffer, byteOffset, length >> 2);
  const lines = new LineCounter(state, scan);
  const mode = new AddressMode(state);
  const serialize = serializer(state, scan);
  const dots = new Uint8Array((scan.columns + 1) * 8);
  for (let y = 0; y < frame.height; y++, lines.next()) {
    for (let column = 0; column <= scan.columns; column++)
      serialize(words[mode.resolve(lines.address + column, lines.row)]!, dots, column * 8);
    const pan = lines.split && state.attribute[0x10]! & PAN_STOPS_AT_SPLIT ? 0 : state.attribute[0x13]! & 7;
    copyDots(dots, pan, frame, y, scan.dotWidth, colours);
  }
}

function copyDots(
  dots: Uint8Array,
  from: number,
  frame: Frame,
  y: number,
  dotWidth: 1 | 2,
  colours: Uint32Array,
): void {
  const { pixels, width } = frame;
  const start = y * width;
  const shift = dotWidth - 1;
  for (let x = 0; x < width; x++) pixels[start + x] = colours[dots[from + (x >> shift)]!]!;
}

/** A framebuffer; `dac` has 256 entries and is used by 8 bits per pixel, `attributes` 16, used by 4. */
export function drawLinear(state: VgaState, frame: Frame, dac: Uint32Array, attributes: Uint32Array): void {
  const pitch = linePitch(state);
  const start = linearStart(state);
  const draw = LINES[state.dispi[DISPI.BPP]!]!;
  const colours = state.dispi[DISPI.BPP] === 4 ? attributes : dac;
  for (let y = 0; y < frame.height; y++)
    draw(state.memory, start + y * pitch, frame.pixels, y * frame.width, frame.width, colours);
}

type LineDrawer = (
  memory: Uint8Array,
  from: number,
  pixels: Uint32Array,
  to: number,
  width: number,
  colours: Uint32Array,
) => void;

/** Five bits as eight, six as eight. */
const five = (value: number): number => (value << 3) | (value >> 2);
const six = (value: number): number => (value << 2) | (value >> 4);

const LINES: Readonly<Record<number, LineDrawer>> = {
  4: (memory, from, pixels, to, width, colours) => {
    for (let x = 0; x < width; x++) {
      const at = from + (x >> 3) * 4;
      let value = 0;
      for (let plane = 0; plane < 4; plane++) value |= ((memory[at + plane]! >> (7 - (x & 7))) & 1) << plane;
      pixels[to + x] = colours[value]!;
    }
  },
  8: (memory, from, pixels, to, width, colours) => {
    for (let x = 0; x < width; x++) pixels[to + x] = colours[memory[from + x]!]!;
  },
  15: (memory, from, pixels, to, width) => {
    for (let x = 0; x < width; x++) {
      const value = memory[from + 2 * x]! | (memory[from + 2 * x + 1]! << 8);
      pixels[to + x] = pixelOf(five((value >> 10) & 31), five((value >> 5) & 31), five(value & 31));
    }
  },
  16: (memory, from, pixels, to, width) => {
    for (let x = 0; x < width; x++) {
      const value = memory[from + 2 * x]! | (memory[from + 2 * x + 1]! << 8);
      pixels[to + x] = pixelOf(five(value >> 11), six((value >> 5) & 63), five(value & 31));
    }
  },
  24: (memory, from, pixels, to, width) => {
    for (let x = 0, at = from; x < width; x++, at += 3)
      pixels[to + x] = pixelOf(memory[at + 2]!, memory[at + 1]!, memory[at]!);
  },
  32: (memory, from, pixels, to, width) => {
    for (let x = 0, at = from; x < width; x++, at += 4)
      pixels[to + x] = pixelOf(memory[at + 2]!, memory[at + 1]!, memory[at]!);
  },
};
