/**
 * VESA BIOS Extension 3.0 over the Bochs dispi registers: information, modes with and without linear framebuffer, windows, scan lines, start
 * of display, palette, EDID.
 * Not implemented: protected-mode interface (4F0A, which VBE 3.0 leaves open), refresh rates, triple buffering, power management beyond "on".
 */
import { BDA } from './data-area.js';
import type { BiosMemory } from './host.js';
import type { Registers } from './registers.js';
import { AT, ROM_SEGMENT } from './rom.js';
import type { BiosState } from './state.js';
import { DISPI } from './video-adapter.js';
import type { VideoAdapter } from './video-adapter.js';
import { VBE_PARTS } from './video-state.js';
import type { VideoState } from './video-state.js';

const OK = 0x004f,
  FAILED = 0x014f,
  NOT_NOW = 0x034f;
const ENABLED = 1,
  EIGHT_BIT_DAC = 0x20,
  LINEAR = 0x40,
  KEEP_MEMORY = 0x80;
const USE_LINEAR = 0x4000,
  KEEP = 0x8000,
  OWN_TIMING = 0x0800;
const WINDOW = 0xa000,
  WINDOW_KIB = 64;
const TEXT_MODES = 0x100;

interface VbeMode {
  readonly number: number;
  readonly width: number;
  readonly height: number;
  readonly bits: number;
}

/** Depths by the mode numbers that VESA gave them; 32 bits where Bochs has them. */
const SIZES: readonly (readonly [number, number, Readonly<Record<number, number>>])[] = [
  [320, 200, { 15: 0x10d, 16: 0x10e, 24: 0x10f, 32: 0x140 }],
  [640, 400, { 8: 0x100, 32: 0x141 }],
  [640, 480, { 8: 0x101, 15: 0x110, 16: 0x111, 24: 0x112, 32: 0x142 }],
  [800, 600, { 4: 0x102, 8: 0x103, 15: 0x113, 16: 0x114, 24: 0x115, 32: 0x143 }],
  [1024, 768, { 4: 0x104, 8: 0x105, 15: 0x116, 16: 0x117, 24: 0x118, 32: 0x144 }],
  [1280, 1024, { 4: 0x106, 8: 0x107, 15: 0x119, 16: 0x11a, 24: 0x11b, 32: 0x145 }],
  [1600, 1200, { 8: 0x11c, 15: 0x11d, 16: 0x11e, 24: 0x11f, 32: 0x147 }],
];
export const VBE_MODES: readonly VbeMode[] = SIZES.flatMap(([width, height, numbers]) =>
  Object.entries(numbers).map(([bits, number]) => ({ number, width, height, bits: Number(bits) })),
);
/** Strings and the list of modes, for the ROM. */
export const VBE_NAMES = ['HVMJS VBE', 'HVMJS', 'Bochs dispi adapter', '1'];

export function putVbeTables(rom: Uint8Array): void {
  let at: number = AT.VBE_NAMES;
  for (const name of VBE_NAMES) {
    rom.set(
      [...name].map((c) => c.charCodeAt(0)),
      at,
    );
    at += name.length + 1;
  }
  const view = new DataView(rom.buffer, rom.byteOffset);
  VBE_MODES.forEach(({ number }, i) => view.setUint16(AT.VBE_MODES + 2 * i, number, true));
  view.setUint16(AT.VBE_MODES + 2 * VBE_MODES.length, 0xffff, true);
}

const pitchOf = (width: number, bits: number): number =>
  bits === 4 ? width >> 3 : width * ((bits + 7) >> 3);

/** Size and position of red, green, blue and the reserved bits. */
function colourFields(bits: number): number[] {
  if (bits === 15) return [5, 10, 5, 5, 5, 0, 1, 15];
  if (bits === 16) return [5, 11, 6, 5, 5, 0, 0, 0];
  if (bits === 24) return [8, 16, 8, 8, 8, 0, 0, 0];
  return bits === 32 ? [8, 16, 8, 8, 8, 0, 8, 24] : [0, 0, 0, 0, 0, 0, 0, 0];
}

export interface VbeParts {
  readonly framebuffer: () => number;
  readonly setMode: (mode: number) => void;
  readonly saved: VideoState;
}

export class Vbe {
  private readonly adapter: VideoAdapter;
  private readonly memory: BiosMemory;
  private readonly framebuffer: () => number;
  private readonly setTextMode: (mode: number) => void;
  private readonly saved: VideoState;
  private readonly state: BiosState;

  constructor(adapter: VideoAdapter, memory: BiosMemory, parts: VbeParts, state: BiosState) {
    this.adapter = adapter;
    this.memory = memory;
    this.framebuffer = parts.framebuffer;
    this.setTextMode = parts.setMode;
    this.saved = parts.saved;
    this.state = state;
  }

  handle(r: Registers): void {
    const answer = this.call(r);
    // Unknown functions answer as a BIOS without VBE.
    if (answer !== undefined) r.ax = answer;
  }

  private call(r: Registers): number | undefined {
    switch (r.al) {
      case 0x00:
        return this.information(r.es(r.di));
      case 0x01:
        return this.modeInformation(r.cx, r.es(r.di));
      case 0x02:
        return this.setMode(r.bx);
      case 0x03:
        r.bx = this.currentMode();
        return OK;
      case 0x04:
        return this.saveOrRestore(r);
      case 0x05:
        return this.window(r);
      case 0x06:
        return this.scanLine(r);
      case 0x07:
        return this.displayStart(r);
      case 0x08:
        return this.dacFormat(r);
      case 0x09:
        return this.palette(r);
      case 0x10:
        return this.power(r);
      case 0x15:
        return this.edid(r);
      default:
        return undefined;
    }
  }

  private get active(): boolean {
    return (this.adapter.readDispi(DISPI.ENABLE) & ENABLED) !== 0;
  }
  private currentMode(): number {
    return this.active ? this.state.vbeMode : this.memory.read8(BDA.VIDEO_MODE);
  }
  private get memoryUnits(): number {
    return this.adapter.readDispi(DISPI.MEMORY_64K);
  }
  private find(number: number): VbeMode | undefined {
    const mode = VBE_MODES.find((m) => m.number === (number & 0x1ff));
    if (mode === undefined) return undefined;
    const planes = mode.bits === 4 ? 4 : 1;
    const bytes = pitchOf(mode.width, mode.bits) * mode.height * planes;
    return bytes <= this.memoryUnits * 0x10000 ? mode : undefined;
  }

  private information(at: number): number {
    const { memory } = this;
    const isVbe2 = memory.read32(at) === 0x32454256;
    const block = new DataView(new ArrayBuffer(isVbe2 ? 512 : 256));
    const far = (offset: number, target: number): void =>
      block.setUint32(offset, ROM_SEGMENT * 0x10000 + target, true);
    block.setUint32(0, 0x41534556, true);
    block.setUint16(4, 0x300, true);
    far(6, AT.VBE_NAMES);
    block.setUint32(10, 1, true);
    far(14, AT.VBE_MODES);
    block.setUint16(18, this.memoryUnits, true);
    if (isVbe2) {
      block.setUint16(20, 1, true);
      let name: number = AT.VBE_NAMES;
      VBE_NAMES.forEach((text, i) => {
        if (i > 0) far(18 + 4 * i, name);
        name += text.length + 1;
      });
    }
    memory.write(at, new Uint8Array(block.buffer));
    return OK;
  }

  private modeInformation(number: number, at: number): number {
    const mode = this.find(number);
    if (mode === undefined || number < TEXT_MODES) return FAILED;
    const { width, height, bits } = mode;
    const block = new DataView(new ArrayBuffer(256));
    const pitch = pitchOf(width, bits);
    const size = pitch * height;
    const images = Math.min(255, Math.max(1, Math.floor((this.memoryUnits * 0x10000) / size)) - 1);
    // Supported, described, colour, graphics; linear framebuffer except for planes.
    block.setUint16(0, bits === 4 ? 0x1b : 0x9b, true);
    block.setUint8(2, 7);
    block.setUint16(4, WINDOW_KIB, true);
    block.setUint16(6, WINDOW_KIB, true);
    block.setUint16(8, WINDOW, true);
    block.setUint16(16, pitch, true);
    block.setUint16(18, width, true);
    block.setUint16(20, height, true);
    new Uint8Array(block.buffer).set([8, 16, bits === 4 ? 4 : 1, bits, 1, modelOf(bits), 0, images, 1], 22);
    const fields = colourFields(bits);
    fields.forEach((value, i) => block.setUint8(31 + i, value));
    block.setUint8(39, bits > 8 ? 2 : 0);
    if (bits !== 4) {
      block.setUint32(40, this.framebuffer(), true);
      block.setUint16(50, pitch, true);
      fields.forEach((value, i) => block.setUint8(54 + i, value));
    }
    block.setUint8(53, images);
    block.setUint8(52, images);
    this.memory.write(at, new Uint8Array(block.buffer));
    return OK;
  }

  private setMode(wanted: number): number {
    const number = wanted & 0x1ff;
    if (number < TEXT_MODES) {
      this.setTextMode(number | ((wanted & KEEP) >> 8));
      return OK;
    }
    const mode = this.find(number);
    if (mode === undefined || (wanted & OWN_TIMING) !== 0) return FAILED;
    if (mode.bits === 4 && (wanted & USE_LINEAR) !== 0) return FAILED;
    this.programMode(mode, wanted);
    this.state.vbeMode = wanted & (USE_LINEAR | KEEP | 0x1ff);
    return OK;
  }

  private programMode({ width, height, bits }: VbeMode, wanted: number): void {
    const { adapter } = this;
    // Whatever the registers of the VGA held does no harm from mode 13 or 12 on.
    this.setTextMode((bits === 4 ? 0x12 : 0x13) | 0x80);
    adapter.writeDispi(DISPI.ENABLE, 0);
    adapter.writeDispi(DISPI.WIDTH, width);
    adapter.writeDispi(DISPI.HEIGHT, height);
    adapter.writeDispi(DISPI.BITS, bits);
    const linear = (wanted & USE_LINEAR) !== 0 ? LINEAR : 0;
    adapter.writeDispi(DISPI.ENABLE, ENABLED | linear | ((wanted & KEEP) !== 0 ? KEEP_MEMORY : 0));
  }

  /** DL: 0 how many blocks of 64 bytes, 1 save, 2 restore what CX says. */
  private saveOrRestore(r: Registers): number {
    const parts = r.cx & VBE_PARTS;
    if (r.dl > 2) return FAILED;
    if (r.dl === 0) r.bx = this.saved.size(parts);
    else if (r.dl === 1) this.saved.save(parts, r.es(r.bx));
    else {
      this.saved.restore(parts, r.es(r.bx));
      this.state.vbeMode = this.modeOfRegisters();
    }
    return OK;
  }

  /** The number of the mode that the dispi registers have. */
  private modeOfRegisters(): number {
    const { adapter } = this;
    const [width, height, bits] = [DISPI.WIDTH, DISPI.HEIGHT, DISPI.BITS].map((i) => adapter.readDispi(i));
    const found = VBE_MODES.find((m) => m.width === width && m.height === height && m.bits === bits);
    const linear = (adapter.readDispi(DISPI.ENABLE) & LINEAR) !== 0 ? USE_LINEAR : 0;
    return found === undefined ? this.state.vbeMode : found.number | linear;
  }

  /** Bank of window A; there is no window B. */
  private window(r: Registers): number {
    if (!this.active || (this.state.vbeMode & USE_LINEAR) !== 0) return NOT_NOW;
    if (r.bl !== 0) return FAILED;
    if (r.bh === 1) {
      r.dx = this.adapter.readDispi(DISPI.BANK);
      return OK;
    }
    if (r.bh !== 0 || r.dx >= this.memoryUnits) return FAILED;
    this.adapter.writeDispi(DISPI.BANK, r.dx);
    return OK;
  }

  /** BL: 0 set in dots, 1 get, 2 set in bytes, 3 get the longest. */
  private scanLine(r: Registers): number {
    if (!this.active) return NOT_NOW;
    const { adapter } = this;
    const bits = adapter.readDispi(DISPI.BITS);
    const perDot = pitchOf(8, bits) / 8;
    const height = adapter.readDispi(DISPI.HEIGHT);
    const longest = Math.floor((this.memoryUnits * 0x10000) / height / perDot) & ~7;
    if (r.bl > 3) return FAILED;
    const wanted = r.bl === 0 ? r.cx : Math.ceil(r.cx / perDot);
    if (r.bl === 0 || r.bl === 2) {
      if (wanted > longest) return 0x024f;
      adapter.writeDispi(DISPI.VIRTUAL_WIDTH, (wanted + 7) & ~7);
    }
    const dots = r.bl === 3 ? longest : adapter.readDispi(DISPI.VIRTUAL_WIDTH);
    r.cx = dots;
    r.bx = dots * perDot;
    r.dx = Math.min(0xffff, Math.floor((this.memoryUnits * 0x10000) / (dots * perDot)));
    return OK;
  }

  private displayStart(r: Registers): number {
    if (!this.active) return NOT_NOW;
    const { adapter } = this;
    if (r.bl === 1) {
      r.bh = 0;
      r.cx = adapter.readDispi(DISPI.X);
      r.dx = adapter.readDispi(DISPI.Y);
      return OK;
    }
    if (r.bl !== 0 && r.bl !== 0x80) return FAILED;
    adapter.writeDispi(DISPI.X, r.cx);
    adapter.writeDispi(DISPI.Y, r.dx);
    return adapter.readDispi(DISPI.X) === r.cx && adapter.readDispi(DISPI.Y) === r.dx ? OK : FAILED;
  }

  private dacFormat(r: Registers): number {
    const { adapter } = this;
    if (this.active && adapter.readDispi(DISPI.BITS) > 8) return NOT_NOW;
    if (r.bl > 1) return FAILED;
    const enable = adapter.readDispi(DISPI.ENABLE);
    if (r.bl === 0)
      adapter.writeDispi(DISPI.ENABLE, r.bh >= 8 ? enable | EIGHT_BIT_DAC : enable & ~EIGHT_BIT_DAC);
    r.bh = (adapter.readDispi(DISPI.ENABLE) & EIGHT_BIT_DAC) !== 0 ? 8 : 6;
    return OK;
  }

  /** Entries of four bytes: blue, green, red, nothing. */
  private palette(r: Registers): number {
    const { adapter, memory } = this;
    const at = r.es(r.di);
    if (r.dx + r.cx > 256) return FAILED;
    for (let i = 0; i < r.cx; i++) {
      const entry = at + 4 * i;
      if (r.bl === 0 || r.bl === 0x80) {
        const [blue, green, red] = memory.read(entry, 3) as unknown as [number, number, number];
        adapter.setColour(r.dx + i, red, green, blue);
      } else if (r.bl === 1) {
        const [red, green, blue] = adapter.getColour(r.dx + i);
        memory.write(entry, Uint8Array.of(blue, green, red, 0));
      } else return FAILED;
    }
    return OK;
  }

  /** A monitor that is always on. */
  private power(r: Registers): number {
    if (r.bl === 0) r.bx = 0x0010;
    else if (r.bl === 2) r.bh = 0;
    else if (r.bl !== 1 || r.bh !== 0) return FAILED;
    return OK;
  }

  private edid(r: Registers): number {
    if (r.bl === 0) {
      r.bx = 0x0102;
      return OK;
    }
    if (r.bl !== 1 || r.dx !== 0) return FAILED;
    this.memory.write(r.es(r.di), edidBlock());
    return OK;
  }
}

/** Memory model: planes, packed dots, direct colour. */
function modelOf(bits: number): number {
  return bits === 4 ? 3 : bits === 8 ? 4 : 6;
}

/** EDID 1.3 of a monitor that prefers 1024 by 768 at 60 Hz and shows the established timings up to it. */
function edidBlock(): Uint8Array {
  const block = new Uint8Array(128);
  block.set([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
  // HVM, product 1, week 1 of 2024; version 1.3; analogue, 32 by 24 cm, gamma 2.2, RGB, preferred timing first.
  block.set([0x22, 0xcd, 1, 0, 1, 0, 0, 0, 1, 34, 1, 3, 0x08, 32, 24, 120, 0x0a], 8);
  block.set([0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54], 25);
  block.set([0x21, 0x08, 0], 35);
  block.fill(1, 38, 54);
  // 65 MHz, 1024 + 320 dots, 768 + 38 lines (VESA DMT 1024 x 768 at 60 Hz).
  block.set([0x64, 0x19, 0, 0x40, 0x41, 0, 0x26, 0x30, 24, 136, 0x36, 0, 64, 240, 0, 0, 0, 0x18], 54);
  block.set(
    [0, 0, 0, 0xfc, 0, 0x48, 0x56, 0x4d, 0x4a, 0x53, 0x0a, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20],
    72,
  );
  block.set([0, 0, 0, 0xfd, 0, 50, 85, 30, 80, 16, 0, 0x0a, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20], 90);
  block.set([0, 0, 0, 0x10], 108);
  block[127] = -block.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return block;
}
