/** The memory between A0000 and FFFFF as the host bridge shows it: ROM or the RAM behind it, for reads and writes apart, by edits of the p2m. */
import { PAGE_ROM } from '../runtime/memory.js';
import type { PhysicalMemory } from '../runtime/memory.js';

const SMRAM_FIRST = 0xa0,
  SHADOW_FIRST = 0xc0,
  SHADOW_END = 0x100;
/** Nothing answers but the bus. */
const NO_FRAME = -1;

export class ShadowRam {
  private readonly memory: PhysicalMemory;
  /** Machine frames by guest frame minus C0: RAM, and ROM or NO_FRAME. */
  private readonly ram: number[] = [];
  private readonly rom: number[] = [];
  /** RAM under the video memory, for SMM. */
  private readonly smram: number[] = [];
  /** What each frame is shown as: read from RAM | write to RAM << 1. */
  private readonly shown = new Uint8Array(SHADOW_END - SHADOW_FIRST);
  private smramShown = false;

  /** Takes the RAM that lies there; everything shows RAM until told otherwise. */
  constructor(memory: PhysicalMemory) {
    this.memory = memory;
    for (let gfn = SHADOW_FIRST; gfn < SHADOW_END; gfn++) {
      const mfn = memory.p2m[gfn]!;
      this.ram.push(mfn < 0 ? memory.allocateFrame() : mfn);
      this.rom.push(NO_FRAME);
    }
    for (let gfn = SMRAM_FIRST; gfn < SHADOW_FIRST; gfn++) this.smram.push(memory.allocateFrame());
    this.shown.fill(3);
  }

  /** Puts a copy of `bytes`, whole pages, as ROM at guest-physical `address`; seen where reads do not go to RAM. */
  setRom(address: number, bytes: Uint8Array): void {
    const { memory } = this;
    for (let at = 0; at < bytes.length; at += 4096) {
      const mfn = memory.allocateFrame();
      memory.u8.set(bytes.subarray(at, at + 4096), mfn << 12);
      memory.setPageFlag(mfn, PAGE_ROM);
      const index = ((address + at) >>> 12) - SHADOW_FIRST;
      this.rom[index] = mfn;
      const shown = this.shown[index]!;
      this.shown[index] = 0xff;
      this.show(index, shown);
    }
  }

  /** Whether reads and writes from guest-physical `first` to `last`, whole pages, go to RAM. */
  readonly set = (first: number, last: number, readRam: boolean, writeRam: boolean): void => {
    const how = (readRam ? 1 : 0) | (writeRam ? 2 : 0);
    for (let gfn = first >>> 12; gfn <= last >>> 12; gfn++)
      if (this.shown[gfn - SHADOW_FIRST] !== how) this.show(gfn - SHADOW_FIRST, how);
  };

  /** The machine frames that this has beside or behind what the p2m shows, in an order that depends on nothing; -1 for none. */
  frames(): readonly number[] {
    return [...this.ram, ...this.rom, ...this.smram];
  }

  private show(index: number, how: number): void {
    const { memory } = this;
    const ram = this.ram[index]!;
    const rom = this.rom[index]!;
    this.shown[index] = how;
    memory.writeThrough.delete(rom);
    if ((how & 1) !== 0) {
      if ((how & 2) !== 0) memory.clearPageFlag(ram, PAGE_ROM);
      else memory.setPageFlag(ram, PAGE_ROM);
      memory.setFrame(SHADOW_FIRST + index, ram);
      return;
    }
    memory.clearPageFlag(ram, PAGE_ROM);
    if ((how & 2) !== 0 && rom !== NO_FRAME) memory.writeThrough.set(rom, ram);
    memory.setFrame(SHADOW_FIRST + index, rom);
  }

  /** Shows SMM's RAM instead of video memory. */
  readonly setSmram = (open: boolean): void => {
    if (open === this.smramShown) return;
    this.smramShown = open;
    this.smram.forEach((mfn, i) => this.memory.setFrame(SMRAM_FIRST + i, open ? mfn : NO_FRAME));
  };
}
