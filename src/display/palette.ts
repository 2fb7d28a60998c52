/** From pixel values to colours: the DAC's 256 entries, and the attribute controller's 16 that lead into them. */
import { DISPI, DISPI_8BIT_DAC } from '../devices/vga-state.js';
import type { VgaState } from '../devices/vga-state.js';
import { pixelOf } from './frame.js';

const ATTRIBUTE_MODE = 0x10,
  PLANE_ENABLE = 0x12,
  COLOUR_SELECT = 0x14;
const PALETTE_SIZE_SELECT = 0x80;

/** Of 6 bits the full range of 8: 0x3f is 0xff. */
function component(state: VgaState, index: number): number {
  const value = state.palette[index]!;
  return state.dispi[DISPI.ENABLE]! & DISPI_8BIT_DAC ? value : (value << 2) | (value >> 4);
}

/** A pixel of `Frame` for each of the 256 values that reach the DAC. */
export function dacColours(state: VgaState, into = new Uint32Array(256)): Uint32Array {
  for (let i = 0; i < 256; i++) {
    const at = (i & state.pelMask) * 3;
    into[i] = pixelOf(component(state, at), component(state, at + 1), component(state, at + 2));
  }
  return into;
}

/** A pixel for each value of four planes; planes that are not enabled count as 0. */
export function attributeColours(state: VgaState, dac: Uint32Array): Uint32Array {
  const { attribute } = state;
  const select = attribute[COLOUR_SELECT]!;
  const colours = new Uint32Array(16);
  for (let i = 0; i < 16; i++) {
    const entry = attribute[i & attribute[PLANE_ENABLE]!]!;
    const low = attribute[ATTRIBUTE_MODE]! & PALETTE_SIZE_SELECT ? (entry & 15) | ((select & 3) << 4) : entry;
    colours[i] = dac[(low & 0x3f) | ((select & 12) << 4)]!;
  }
  return colours;
}
