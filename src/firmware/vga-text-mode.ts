/** The display as a BIOS leaves it: 80 by 25 characters of 9 by 16 dots (mode 3), colours, font, an empty screen. */
import { characterFont } from './font.js';

/** What setting a mode needs of the adapter. */
export interface VgaAccess {
  writePort(port: number, value: number): void;
  /** One byte at a guest-physical address of video memory. */
  writeMemory(address: number, value: number): void;
  /** Reading input status 1 makes the next write to 3C0 an index. */
  readPort(port: number): number;
}

const SEQUENCER = [0x03, 0x00, 0x03, 0x00, 0x02];
const CRTC = [
  0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e,
  0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
];
const GRAPHICS = [0, 0, 0, 0, 0, 0x10, 0x0e, 0x0f, 0xff];
const ATTRIBUTE = [
  0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0, 0x0f, 8, 0,
];
const MISC = 0x67;
const PALETTE_SOURCE = 0x20;
const FONT_WINDOW = 0xa0000,
  TEXT_WINDOW = 0xb8000,
  TEXT_BYTES = 0x8000;
const GLYPH_BYTES = 32,
  FONT_HEIGHT = 16;
const BLANK = 0x20,
  LIGHT_GREY = 0x07;

function setIndexed(access: VgaAccess, port: number, values: readonly number[]): void {
  values.forEach((value, index) => {
    access.writePort(port, index);
    access.writePort(port + 1, value);
  });
}

/** Port and index to value: the registers of mode 3. */
function setRegisters(access: VgaAccess): void {
  access.writePort(0x3c2, MISC);
  setIndexed(access, 0x3c4, SEQUENCER);
  access.writePort(0x3d4, 0x11);
  access.writePort(0x3d5, 0);
  setIndexed(access, 0x3d4, CRTC);
  setIndexed(access, 0x3ce, GRAPHICS);
  access.readPort(0x3da);
  ATTRIBUTE.forEach((value, index) => {
    access.writePort(0x3c0, index);
    access.writePort(0x3c0, value);
  });
  access.writePort(0x3c0, PALETTE_SOURCE);
}

/** The 64 colours of the EGA: two bits each of red, green and blue, the lower ones in bits 5 to 3. */
function setPalette(access: VgaAccess): void {
  access.writePort(0x3c6, 0xff);
  access.writePort(0x3c8, 0);
  for (let i = 0; i < 64; i++)
    for (const bit of [2, 1, 0])
      access.writePort(0x3c9, ((i >> bit) & 1) * 0x2a + ((i >> (bit + 3)) & 1) * 0x15);
}

/** Plane 2 alone, addressed byte after byte at A0000. */
function loadFont(access: VgaAccess, font: Uint8Array): void {
  setIndexed(access, 0x3c4, [0x03, 0x01, 0x04, 0x00, 0x06]);
  setIndexed(access, 0x3ce, [0, 0, 0, 0, 2, 0, 0x04, 0x0f, 0xff]);
  for (let code = 0; code < 256; code++)
    for (let row = 0; row < FONT_HEIGHT; row++)
      access.writeMemory(FONT_WINDOW + code * GLYPH_BYTES + row, font[code * FONT_HEIGHT + row]!);
}

/** Sets mode 3 and clears the screen. */
export function setTextMode(access: VgaAccess): void {
  setRegisters(access);
  loadFont(access, characterFont(FONT_HEIGHT));
  setRegisters(access);
  setPalette(access);
  for (let at = 0; at < TEXT_BYTES; at += 2) {
    access.writeMemory(TEXT_WINDOW + at, BLANK);
    access.writeMemory(TEXT_WINDOW + at + 1, LIGHT_GREY);
  }
}
