/** Where the beam is: scan position and retrace as a function of the CRTC's registers and the time (IBM VGA, CRT controller). */
import { isLinearMode } from './vga-state.js';
import type { VgaState } from './vga-state.js';

/** Pixel clocks by misc output bits 2 and 3, in Hz; the external ones count as the first. */
const PIXEL_CLOCK = [25_175_000, 28_322_000, 25_175_000, 25_175_000];
const NANOSECONDS = 1e9;
export const STATUS_DISPLAY_DISABLED = 0x01,
  STATUS_VERTICAL_RETRACE = 0x08;

export interface ScanTiming {
  readonly frameNs: number;
  readonly lineNs: number;
  readonly totalLines: number;
  readonly displayedLines: number;
  readonly retraceStart: number;
  readonly retraceEnd: number;
  /** Share of a line that is displayed. */
  readonly displayedPart: number;
}

/** 60 frames of 525 lines, for framebuffers and where the registers give no picture. */
const DEFAULT: ScanTiming = {
  frameNs: 16_666_667,
  lineNs: 31_746,
  totalLines: 525,
  displayedLines: 480,
  retraceStart: 490,
  retraceEnd: 492,
  displayedPart: 0.8,
};
/** A mode with shorter frames is not set up yet. */
const SHORTEST_FRAME_NS = 1_000_000;

/** A 10-bit vertical value: low byte, bits 8 and 9 from the overflow register. */
export function vertical(crtc: Uint8Array, register: number, bit8: number, bit9: number): number {
  const overflow = crtc[7]!;
  return crtc[register]! | (((overflow >> bit8) & 1) << 8) | (((overflow >> bit9) & 1) << 9);
}

export function scanTiming(state: VgaState): ScanTiming {
  if (isLinearMode(state)) return DEFAULT;
  const { crtc, sequencer } = state;
  const halved = sequencer[1]! & 8 ? 2 : 1;
  const characterNs =
    ((sequencer[1]! & 1 ? 8 : 9) * halved * NANOSECONDS) / PIXEL_CLOCK[(state.misc >> 2) & 3]!;
  const totalCharacters = crtc[0]! + 5;
  const lineNs = totalCharacters * characterNs;
  const totalLines = vertical(crtc, 6, 0, 5) + 2;
  if (lineNs * totalLines < SHORTEST_FRAME_NS) return DEFAULT;
  const retraceStart = vertical(crtc, 0x10, 2, 7);
  // The end register holds the low four bits of the line where retrace stops.
  const retraceLines = (crtc[0x11]! - retraceStart) & 15 || 16;
  return {
    frameNs: lineNs * totalLines,
    lineNs,
    totalLines,
    displayedLines: vertical(crtc, 0x12, 1, 6) + 1,
    retraceStart,
    retraceEnd: retraceStart + retraceLines,
    displayedPart: (crtc[1]! + 1) / totalCharacters,
  };
}

/** Bits 0 and 3 of input status 1 at `now`. */
export function scanStatus(state: VgaState, now: number): number {
  const timing = scanTiming(state);
  const line = (now % timing.frameNs) / timing.lineNs;
  const row = Math.floor(line);
  const displayed = row < timing.displayedLines && line - row < timing.displayedPart;
  const retrace = row >= timing.retraceStart && row < timing.retraceEnd;
  return (displayed ? 0 : STATUS_DISPLAY_DISABLED) | (retrace ? STATUS_VERTICAL_RETRACE : 0);
}
