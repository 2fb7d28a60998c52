/** INT 10h functions 0B and 10: border, palette registers and the colours of the DAC. */
import { BDA } from './data-area.js';
import type { BiosMemory } from './host.js';
import type { Registers } from './registers.js';
import type { VideoAdapter } from './video-adapter.js';

const BORDER = 0x11,
  MODE_CONTROL = 0x10,
  COLOUR_SELECT = 0x14;
const BLINK = 8,
  PAGES_OF_16 = 0x80;

/** CGA: border (BH = 0) or one of two sets of colours (BH = 1). */
function cgaPalette(r: Registers, adapter: VideoAdapter, memory: BiosMemory): void {
  const old = memory.read8(BDA.CGA_PALETTE);
  if (r.bh === 0) {
    memory.write8(BDA.CGA_PALETTE, (old & 0x20) | (r.bl & 0x1f));
    const colour = (r.bl & 7) | ((r.bl & 8) << 1);
    adapter.setAttribute(BORDER, colour);
    const isGraphics = (adapter.getAttribute(MODE_CONTROL) & 1) !== 0;
    if (!isGraphics) return;
    adapter.setAttribute(0, colour);
  } else {
    memory.write8(BDA.CGA_PALETTE, (old & 0x1f) | ((r.bl & 1) << 5));
    const intense = old & 0x10;
    [2, 4, 6].forEach((colour, i) => adapter.setAttribute(i + 1, intense | colour | (r.bl & 1)));
  }
}

function setBlock(r: Registers, adapter: VideoAdapter, memory: BiosMemory): void {
  const first = r.bx;
  const bytes = memory.read(r.es(r.dx), 3 * r.cx);
  for (let i = 0; i < r.cx; i++)
    adapter.setColour((first + i) & 0xff, bytes[3 * i]!, bytes[3 * i + 1]!, bytes[3 * i + 2]!);
}
function getBlock(r: Registers, adapter: VideoAdapter, memory: BiosMemory): void {
  const bytes = new Uint8Array(3 * r.cx);
  for (let i = 0; i < r.cx; i++) bytes.set(adapter.getColour((r.bx + i) & 0xff), 3 * i);
  memory.write(r.es(r.dx), bytes);
}

function toGrey(r: Registers, adapter: VideoAdapter): void {
  for (let i = 0; i < r.cx; i++) {
    const [red, green, blue] = adapter.getColour((r.bx + i) & 0xff);
    // 30 % red, 59 % green, 11 % blue.
    const level = Math.min(63, Math.round(0.3 * red + 0.59 * green + 0.11 * blue));
    adapter.setColour((r.bx + i) & 0xff, level, level, level);
  }
}

function setPaging(r: Registers, adapter: VideoAdapter): void {
  const control = adapter.getAttribute(MODE_CONTROL);
  if (r.bl === 0)
    adapter.setAttribute(MODE_CONTROL, r.bh === 0 ? control & ~PAGES_OF_16 : control | PAGES_OF_16);
  else adapter.setAttribute(COLOUR_SELECT, (control & PAGES_OF_16) === 0 ? (r.bh & 3) << 2 : r.bh & 15);
}
function getPaging(r: Registers, adapter: VideoAdapter): void {
  const small = (adapter.getAttribute(MODE_CONTROL) & PAGES_OF_16) !== 0;
  const select = adapter.getAttribute(COLOUR_SELECT);
  r.bl = small ? 1 : 0;
  r.bh = small ? select & 15 : (select >> 2) & 3;
}

function setBlink(r: Registers, adapter: VideoAdapter): void {
  const control = adapter.getAttribute(MODE_CONTROL);
  adapter.setAttribute(MODE_CONTROL, r.bl === 0 ? control & ~BLINK : control | BLINK);
}

function setPaletteTable(r: Registers, adapter: VideoAdapter, memory: BiosMemory): void {
  const bytes = memory.read(r.es(r.dx), 17);
  bytes.forEach((value, i) => adapter.setAttribute(i === 16 ? BORDER : i, value));
}
function getPaletteTable(r: Registers, adapter: VideoAdapter, memory: BiosMemory): void {
  const bytes = Uint8Array.from({ length: 17 }, (_, i) => adapter.getAttribute(i === 16 ? BORDER : i));
  memory.write(r.es(r.dx), bytes);
}

type Function_ = (r: Registers, adapter: VideoAdapter, memory: BiosMemory) => void;
const FUNCTIONS: Readonly<Record<number, Function_>> = {
  0x00: (r, adapter) => adapter.setAttribute(r.bl & 0x1f, r.bh),
  0x01: (r, adapter) => adapter.setAttribute(BORDER, r.bh),
  0x02: setPaletteTable,
  0x03: setBlink,
  0x07: (r, adapter) => (r.bh = adapter.getAttribute(r.bl & 0x1f)),
  0x08: (r, adapter) => (r.bh = adapter.getAttribute(BORDER)),
  0x09: getPaletteTable,
  0x10: (r, adapter) => adapter.setColour(r.bx & 0xff, r.dh, r.ch, r.cl),
  0x12: setBlock,
  0x13: setPaging,
  0x15: (r, adapter) => ([r.dh, r.ch, r.cl] = adapter.getColour(r.bx & 0xff)),
  0x17: getBlock,
  0x18: (r, adapter) => adapter.setPelMask(r.bl),
  0x19: (r, adapter) => (r.bl = adapter.getPelMask()),
  0x1a: getPaging,
  0x1b: toGrey,
};

export function videoColours(r: Registers, adapter: VideoAdapter, memory: BiosMemory): void {
  if (r.ah === 0x0b) cgaPalette(r, adapter, memory);
  else FUNCTIONS[r.al]?.(r, adapter, memory);
}
