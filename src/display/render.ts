/** What a monitor on the adapter shows, as a picture. */
import type { VgaState } from '../devices/vga-state.js';
import { BLACK, frameOf } from './frame.js';
import type { Frame } from './frame.js';
import { drawGraphics, drawLinear } from './graphics-mode.js';
import { attributeColours, dacColours } from './palette.js';
import { scanOut } from './scan-out.js';
import { ALL_VISIBLE, drawText } from './text-mode.js';
import type { BlinkPhase } from './text-mode.js';

/** A screen whose mode is not set yet. */
const NO_MODE = { width: 640, height: 400 };

/**
 * Draws the screen with every dot as it leaves the adapter: modes of 200 lines have 400, mode 13h has 640 by 400.
 * `reuse` is overwritten and returned when it has the right size.
 */
export function renderFrame(state: VgaState, phase: BlinkPhase = ALL_VISIBLE, reuse?: Frame): Frame {
  const scan = scanOut(state);
  const frame = frameOf(scan.width || NO_MODE.width, scan.height || NO_MODE.height, reuse);
  const dac = dacColours(state);
  switch (scan.kind) {
    case 'blank':
      frame.pixels.fill(BLACK);
      break;
    case 'text':
      drawText(state, scan, frame, attributeColours(state, dac), phase);
      break;
    case 'planar':
      drawGraphics(state, scan, frame, attributeColours(state, dac));
      break;
    case 'packed':
      drawGraphics(state, scan, frame, dac);
      break;
    case 'linear':
      drawLinear(state, frame, dac, attributeColours(state, dac));
  }
  return frame;
}
