/**
 * The Bochs dispi registers: resolution, depth, bank, virtual screen and origin of the linear framebuffer (VBE_DISPI, ids B0C0 to B0C5).
 * Impossible values become the nearest possible ones when the mode is enabled, so that nothing ever shows memory that is not there.
 */
import { DISPI, DISPI_COUNT, DISPI_ENABLED, DISPI_GETCAPS, DISPI_NOCLEARMEM } from './vga-state.js';
import type { VgaState } from './vga-state.js';

const FIRST_ID = 0xb0c0,
  LAST_ID = 0xb0c5;
export const MAX_XRES = 4096,
  MAX_YRES = 4096,
  MAX_BPP = 32;
const DEPTHS = [4, 8, 15, 16, 24, 32];

/** Bytes from one line of the framebuffer to the next; 4 bits per pixel count plane bytes. */
export function linePitch(state: VgaState): number {
  return pitchOf(state.dispi[DISPI.VIRT_WIDTH]!, state.dispi[DISPI.BPP]!);
}

/** Of 4-bit modes the address of one plane, which is four bytes of memory. */
function pitchOf(width: number, bpp: number): number {
  if (bpp === 4) return (width >>> 3) * 4;
  return width * ((bpp + 7) >> 3);
}

export function readDispi(state: VgaState, index: number): number {
  if (index >= DISPI_COUNT) return 0;
  if (state.dispi[DISPI.ENABLE]! & DISPI_GETCAPS) {
    if (index === DISPI.XRES) return MAX_XRES;
    if (index === DISPI.YRES) return MAX_YRES;
    if (index === DISPI.BPP) return MAX_BPP;
  }
  return state.dispi[index]!;
}

export function writeDispi(state: VgaState, index: number, value: number): void {
  switch (index) {
    case DISPI.ID:
      if (value >= FIRST_ID && value <= LAST_ID) state.dispi[index] = value;
      return;
    case DISPI.ENABLE:
      return writeEnable(state, value);
    case DISPI.BANK:
      state.dispi[index] = value % (state.memory.length >>> 16);
      return;
    case DISPI.XRES:
    case DISPI.YRES:
    case DISPI.BPP:
    case DISPI.VIRT_WIDTH:
    case DISPI.X_OFFSET:
    case DISPI.Y_OFFSET:
      state.dispi[index] = value;
      if (state.dispi[DISPI.ENABLE]! & DISPI_ENABLED) makePossible(state);
  }
}

function writeEnable(state: VgaState, value: number): void {
  const { dispi } = state;
  const begins = (value & ~dispi[DISPI.ENABLE]! & DISPI_ENABLED) !== 0;
  dispi[DISPI.ENABLE] = value;
  if (!begins) {
    if (!(value & DISPI_ENABLED)) dispi[DISPI.BANK] = 0;
    return;
  }
  dispi[DISPI.VIRT_WIDTH] = dispi[DISPI.X_OFFSET] = dispi[DISPI.Y_OFFSET] = 0;
  dispi[DISPI.BANK] = 0;
  makePossible(state);
  if (!(value & DISPI_NOCLEARMEM)) state.memory.fill(0, 0, linePitch(state) * dispi[DISPI.YRES]!);
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

function makePossible(state: VgaState): void {
  const { dispi, memory } = state;
  if (!DEPTHS.includes(dispi[DISPI.BPP]!)) dispi[DISPI.BPP] = 8;
  const bpp = dispi[DISPI.BPP]!;
  dispi[DISPI.XRES] = clamp(dispi[DISPI.XRES]! & ~7, 8, MAX_XRES);
  const width = Math.max(dispi[DISPI.XRES]!, dispi[DISPI.VIRT_WIDTH]!) & ~7;
  dispi[DISPI.VIRT_WIDTH] = Math.min(width, 0x7ff8);
  const lines = Math.floor(memory.length / linePitch(state));
  dispi[DISPI.YRES] = clamp(dispi[DISPI.YRES]!, 1, Math.min(lines, MAX_YRES));
  dispi[DISPI.VIRT_HEIGHT] = Math.min(lines, 0xffff);
  dispi[DISPI.X_OFFSET] = Math.min(dispi[DISPI.X_OFFSET]!, dispi[DISPI.VIRT_WIDTH]! - dispi[DISPI.XRES]!);
  dispi[DISPI.Y_OFFSET] = Math.min(dispi[DISPI.Y_OFFSET]!, lines - dispi[DISPI.YRES]!);
  if (bpp === 4) dispi[DISPI.X_OFFSET]! &= ~7;
}
