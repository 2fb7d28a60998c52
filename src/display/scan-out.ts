/** What the CRT controller makes of its registers: which kind of picture, its size, and the memory address of every scan line. */
import { linePitch } from '../devices/vga-dispi.js';
import { vertical } from '../devices/vga-timing.js';
import { DISPI, isLinearMode } from '../devices/vga-state.js';
import type { VgaState } from '../devices/vga-state.js';

export type PictureKind = 'blank' | 'text' | 'planar' | 'packed' | 'linear';

export interface ScanOut {
  readonly kind: PictureKind;
  /** Pixels of the picture; 0 while no mode is set. */
  readonly width: number;
  readonly height: number;
  /** Dots of a character, 8 or 9. */
  readonly characterWidth: number;
  /** Each dot is this many pixels wide. */
  readonly dotWidth: 1 | 2;
  readonly columns: number;
  /** Scan lines of a character row, and how often each is shown. */
  readonly rowHeight: number;
  readonly lineRepeat: 1 | 2;
}

const PALETTE_SOURCE = 0x20,
  SCREEN_OFF = 0x20,
  GRAPHICS = 1,
  PACKED_256 = 0x40,
  HALF_DOT_CLOCK = 8;
const BYTE_MODE = 0x40,
  DOUBLEWORD_MODE = 0x40,
  WORD_WRAP_15 = 0x20;
/** Smaller than any picture: registers that are being written. */
const LEAST_COLUMNS = 8,
  LEAST_LINES = 16;

function kindOf(state: VgaState): PictureKind {
  if (state.sequencer[1]! & SCREEN_OFF) return 'blank';
  if (isLinearMode(state)) return 'linear';
  if (!(state.attributeIndex & PALETTE_SOURCE)) return 'blank';
  if (!(state.graphics[6]! & GRAPHICS)) return 'text';
  return state.graphics[5]! & PACKED_256 ? 'packed' : 'planar';
}

/** The size of the picture and how it is made; a blank screen keeps the size of its mode. */
export function scanOut(state: VgaState): ScanOut {
  if (isLinearMode(state)) return linearScanOut(state);
  const { crtc, sequencer, graphics } = state;
  const columns = crtc[1]! + 1;
  const lines = vertical(crtc, 0x12, 1, 6) + 1;
  const isText = !(graphics[6]! & GRAPHICS);
  const characterWidth = isText && !(sequencer[1]! & 1) ? 9 : 8;
  const dotWidth = sequencer[1]! & HALF_DOT_CLOCK ? 2 : 1;
  const isMode = columns >= LEAST_COLUMNS && lines >= LEAST_LINES;
  return {
    kind: isMode ? kindOf(state) : 'blank',
    width: isMode ? columns * characterWidth * dotWidth : 0,
    height: isMode ? lines : 0,
    characterWidth,
    dotWidth,
    columns,
    rowHeight: (crtc[9]! & 31) + 1,
    lineRepeat: crtc[9]! & 0x80 ? 2 : 1,
  };
}

function linearScanOut(state: VgaState): ScanOut {
  const width = state.dispi[DISPI.XRES]!;
  return {
    kind: kindOf(state),
    width,
    height: state.dispi[DISPI.YRES]!,
    characterWidth: 8,
    dotWidth: 1,
    columns: width >> 3,
    rowHeight: 1,
    lineRepeat: 1,
  };
}

/** First byte of the picture in the linear framebuffer. */
export function linearStart(state: VgaState): number {
  const { dispi } = state;
  const bytes =
    dispi[DISPI.BPP] === 4
      ? dispi[DISPI.X_OFFSET]! >> 1
      : dispi[DISPI.X_OFFSET]! * ((dispi[DISPI.BPP]! + 7) >> 3);
  return dispi[DISPI.Y_OFFSET]! * linePitch(state) + bytes;
}

/** Walks down the scan lines: where the address counter starts in each, and which line of its character row it is. */
export class LineCounter {
  /** Value of the address counter at the left edge. */
  address: number;
  /** Line within the character row. */
  row: number;
  /** Below the split, panning may be off. */
  split = false;
  private repeat = 0;
  private line = 0;
  private readonly perRow: number;
  private readonly lineCompare: number;
  private readonly scan: ScanOut;

  constructor(state: VgaState, scan: ScanOut) {
    const { crtc } = state;
    this.scan = scan;
    this.address = ((crtc[0x0c]! << 8) | crtc[0x0d]!) + ((crtc[8]! >> 5) & 3);
    this.row = Math.min(crtc[8]! & 31, scan.rowHeight - 1);
    this.perRow = crtc[0x13]! * 2;
    this.lineCompare = crtc[0x18]! | ((crtc[7]! & 0x10) << 4) | ((crtc[9]! & 0x40) << 3);
  }

  /** The line after the one that equals line compare starts at address 0. */
  next(): void {
    if (this.line++ === this.lineCompare) {
      this.address = this.row = this.repeat = 0;
      this.split = true;
      return;
    }
    if (++this.repeat < this.scan.lineRepeat) return;
    this.repeat = 0;
    if (++this.row < this.scan.rowHeight) return;
    this.row = 0;
    this.address += this.perRow;
  }
}

/** Turns the address counter into a plane address: byte, word or doubleword mode, and the row counter in place of bits 13 and 14. */
export class AddressMode {
  private readonly shift: 0 | 1 | 2;
  private readonly wrapBit: 13 | 15;
  private readonly mode: number;

  constructor(state: VgaState) {
    const { crtc } = state;
    this.mode = crtc[0x17]!;
    this.shift = crtc[0x14]! & DOUBLEWORD_MODE ? 2 : this.mode & BYTE_MODE ? 0 : 1;
    this.wrapBit = this.mode & WORD_WRAP_15 ? 15 : 13;
  }

  /** Plane address, 0 to 0xffff. */
  resolve(counter: number, row: number): number {
    let address = counter;
    if (this.shift === 1) address = (counter << 1) | ((counter >> this.wrapBit) & 1);
    else if (this.shift === 2) address = (counter << 2) | ((counter >> 14) & 3);
    if (!(this.mode & 1)) address = (address & ~0x2000) | ((row & 1) << 13);
    if (!(this.mode & 2)) address = (address & ~0x4000) | ((row & 2) << 13);
    return address & 0xffff;
  }
}
