/** The display adapter as INT 10h drives it: indexed registers, palette, fonts, and setting a mode. */
import { characterFont } from '../font.js';
import type { BiosMemory, BiosPorts } from './host.js';
import type { VideoMode } from './video-modes.js';
import { initialPalette } from './video-palette.js';

export const SEQUENCER = 0x3c4,
  GRAPHICS = 0x3ce;
const ATTRIBUTE = 0x3c0,
  MISC = 0x3c2,
  MISC_READ = 0x3cc,
  PEL_MASK = 0x3c6,
  DAC_READ = 0x3c7,
  DAC_WRITE = 0x3c8,
  DAC_DATA = 0x3c9,
  STATUS = 0x3da,
  CRTC = 0x3d4,
  CRTC_MONO = 0x3b4;
const PALETTE_SOURCE = 0x20;
const DISPI_INDEX = 0x1ce,
  DISPI_DATA = 0x1cf;
export const DISPI = {
  ID: 0,
  WIDTH: 1,
  HEIGHT: 2,
  BITS: 3,
  ENABLE: 4,
  BANK: 5,
  VIRTUAL_WIDTH: 6,
  X: 8,
  Y: 9,
  MEMORY_64K: 10,
} as const;
const FONT_WINDOW = 0xa0000,
  GLYPH_BYTES = 32;

export class VideoAdapter {
  private readonly ports: BiosPorts;
  private readonly memory: Pick<BiosMemory, 'write'>;

  constructor(ports: BiosPorts, memory: Pick<BiosMemory, 'write'>) {
    this.ports = ports;
    this.memory = memory;
  }

  set(port: number, index: number, value: number): void {
    this.ports.write(port, index);
    this.ports.write(port + 1, value);
  }
  get(port: number, index: number): number {
    this.ports.write(port, index);
    return this.ports.read(port + 1);
  }
  private setAll(port: number, first: number, values: readonly number[]): void {
    values.forEach((value, i) => this.set(port, first + i, value));
  }

  /** The CRT controller moves between colour and monochrome addresses. */
  get crtc(): number {
    return (this.misc & 1) === 0 ? CRTC_MONO : CRTC;
  }

  get misc(): number {
    return this.ports.read(MISC_READ);
  }
  set misc(value: number) {
    this.ports.write(MISC, value);
  }

  private toAttributeIndex(): void {
    this.ports.read(this.crtc === CRTC ? STATUS : STATUS - 0x20);
  }
  /** Attribute register `index`; the picture stays on. */
  setAttribute(index: number, value: number): void {
    this.toAttributeIndex();
    this.ports.write(ATTRIBUTE, index);
    this.ports.write(ATTRIBUTE, value);
    this.ports.write(ATTRIBUTE, PALETTE_SOURCE);
  }
  getAttribute(index: number): number {
    this.toAttributeIndex();
    this.ports.write(ATTRIBUTE, index);
    const value = this.ports.read(ATTRIBUTE + 1);
    this.toAttributeIndex();
    this.ports.write(ATTRIBUTE, PALETTE_SOURCE);
    return value;
  }

  setColour(index: number, red: number, green: number, blue: number): void {
    this.ports.write(DAC_WRITE, index);
    for (const value of [red, green, blue]) this.ports.write(DAC_DATA, value);
  }
  getColour(index: number): [number, number, number] {
    this.ports.write(DAC_READ, index);
    return [this.ports.read(DAC_DATA), this.ports.read(DAC_DATA), this.ports.read(DAC_DATA)];
  }
  getPelMask(): number {
    return this.ports.read(PEL_MASK);
  }
  setPelMask(mask: number): void {
    this.ports.write(PEL_MASK, mask);
  }

  readDispi(index: number): number {
    this.ports.write(DISPI_INDEX, index, 2);
    return this.ports.read(DISPI_DATA, 2);
  }
  writeDispi(index: number, value: number): void {
    this.ports.write(DISPI_INDEX, index, 2);
    this.ports.write(DISPI_DATA, value, 2);
  }

  private setRegisters(mode: VideoMode): void {
    this.ports.write(MISC, mode.misc);
    this.setAll(SEQUENCER, 0, [0x01, ...mode.sequencer]);
    this.set(SEQUENCER, 0, 3);
    const { crtc } = this;
    this.set(crtc, 0x11, 0);
    this.setAll(crtc, 0, mode.crtc);
    this.setAll(GRAPHICS, 0, mode.graphics);
    this.toAttributeIndex();
    mode.attribute.forEach((value, index) => {
      this.ports.write(ATTRIBUTE, index);
      this.ports.write(ATTRIBUTE, value);
    });
    this.ports.write(ATTRIBUTE, PALETTE_SOURCE);
  }

  loadPalette(mode: VideoMode): void {
    this.setPelMask(0xff);
    initialPalette(mode.palette).forEach(([red, green, blue], i) => this.setColour(i, red, green, blue));
  }

  /** `palette`: whether the colours are set too. */
  setMode(mode: VideoMode, palette: boolean): void {
    this.writeDispi(DISPI.ENABLE, 0);
    this.setRegisters(mode);
    if (palette) this.loadPalette(mode);
    if (mode.layout === 'text') this.loadFont(characterFont(mode.height), mode.height, 0, 0);
  }

  /** Glyphs of `height` rows into plane 2, from character `first` on of one of eight blocks; the registers are as before afterwards. */
  loadFont(glyphs: Uint8Array, height: number, first: number, block: number): void {
    const start = FONT_WINDOW + ((block & 3) << 14) + ((block & 4) << 11);
    const saved = [2, 4].map((i) => this.get(SEQUENCER, i));
    const savedGraphics = [4, 5, 6].map((i) => this.get(GRAPHICS, i));
    this.set(SEQUENCER, 2, 4);
    this.set(SEQUENCER, 4, 6);
    this.setAll(GRAPHICS, 4, [2, 0, 4]);
    for (let i = 0; i * height < glyphs.length && first + i < 256; i++)
      this.memory.write(
        start + (first + i) * GLYPH_BYTES,
        glyphs.subarray(i * height, Math.min((i + 1) * height, i * height + GLYPH_BYTES)),
      );
    this.set(SEQUENCER, 2, saved[0]!);
    this.set(SEQUENCER, 4, saved[1]!);
    this.setAll(GRAPHICS, 4, savedGraphics);
  }
}
