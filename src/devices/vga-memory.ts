/**
 * The processor's window on video memory at A0000-BFFFF: windows, odd/even and chain-4 addressing, latches, read modes and write modes
 * (IBM VGA technical reference, graphics controller), and the 64 KiB bank of a linear mode.
 *
 *     plane addresses  0       1       2            plane p of address a is memory[4 a + p],
 *     memory           0 1 2 3 4 5 6 7 8 ...        so a latch load or an unmasked write is one 32-bit access
 */
import type { DirectMemory } from './device.js';
import { DISPI, isLinearMode, PLANE_BYTES } from './vga-state.js';
import type { VgaState } from './vga-state.js';

const WINDOW_FIRST = [0xa0000, 0xa0000, 0xb0000, 0xb8000];
const WINDOW_BYTES = [0x20000, 0x10000, 0x8000, 0x8000];
const RAM_ENABLE = 2;
const CHAIN_4 = 8,
  NOT_ODD_EVEN = 4;
const READ_MODE_1 = 8,
  HOST_ODD_EVEN = 0x10;
const PLANE_MASK = PLANE_BYTES - 1;

/** Each of the low four bits spread over a byte: 0b0101 → 0x00ff00ff. */
const SPREAD = Int32Array.from({ length: 16 }, (_, bits) =>
  [0, 1, 2, 3].reduce((word, p) => word | (bits & (1 << p) ? 0xff << (8 * p) : 0), 0),
);
const everywhere = (byte: number): number => Math.imul(byte, 0x01010101);

export class VgaMemory {
  private readonly state: VgaState;
  private readonly words: Int32Array;
  private readonly direct: DirectMemory | undefined;

  /** `direct` is told of writes. */
  constructor(state: VgaState, direct?: DirectMemory) {
    this.state = state;
    this.direct = direct;
    const { buffer, byteOffset, length } = state.memory;
    this.words = new Int32Array(buffer, byteOffset, length >> 2);
  }

  /** Size 1, 2 or 4; unsigned. What no window shows reads all ones. */
  read(address: number, size: number): number {
    if (size === 1) return this.readByte(address);
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.readByte(address + i) << (8 * i);
    return value >>> 0;
  }

  write(address: number, size: number, value: number): void {
    if (size === 2 && (address & 1) === 0 && this.showsCells()) {
      const offset = this.offsetOf(address);
      if (offset >= 0) this.writeCell(offset & PLANE_MASK, value);
      return;
    }
    for (let i = 0; i < size; i++) this.writeByte(address + i, (value >>> (8 * i)) & 0xff);
  }

  /** Offset in the window, or -1 when the adapter does not answer there. */
  private offsetOf(address: number): number {
    const { graphics, misc } = this.state;
    const map = (graphics[6]! >> 2) & 3;
    const offset = address - WINDOW_FIRST[map]!;
    return offset >= 0 && offset < WINDOW_BYTES[map]! && misc & RAM_ENABLE ? offset : -1;
  }

  /** Packed pixels of a linear mode go through the bank; 4 bits per pixel are planes. */
  private isBanked(): boolean {
    return isLinearMode(this.state) && this.state.dispi[DISPI.BPP] !== 4;
  }

  private bankAddress(address: number): number {
    return this.state.dispi[DISPI.BANK]! * 0x10000 + (address & 0xffff);
  }

  /** Planes have 64 KiB; those of a linear mode have banks as well. */
  private planeAddress(offset: number): number {
    if (!isLinearMode(this.state)) return offset & PLANE_MASK;
    return this.bankAddress(offset) % this.words.length;
  }

  private readByte(address: number): number {
    const s = this.state;
    if (this.isBanked()) return address < 0xb0000 ? s.memory[this.bankAddress(address)]! : 0xff;
    const offset = this.offsetOf(address);
    if (offset < 0) return 0xff;
    const chained = (s.sequencer[4]! & CHAIN_4) !== 0;
    const oddEven = (s.graphics[5]! & HOST_ODD_EVEN) !== 0;
    const at = this.planeAddress(chained ? offset & ~3 : oddEven ? offset & ~1 : offset);
    const latch = this.words[at]!;
    s.latch = latch;
    if (s.graphics[5]! & READ_MODE_1) return this.compare(latch);
    const select = s.graphics[4]!;
    const plane = chained ? offset & 3 : oddEven ? (select & 2) | (offset & 1) : select;
    return (latch >>> (8 * plane)) & 0xff;
  }

  /** Read mode 1: which pixels have the colour of register 2 in the planes of register 7. */
  private compare(latch: number): number {
    const { graphics } = this.state;
    const differs = (latch ^ SPREAD[graphics[2]!]!) & SPREAD[graphics[7]!]!;
    return ~(differs | (differs >>> 8) | (differs >>> 16) | (differs >>> 24)) & 0xff;
  }

  private writeByte(address: number, value: number): void {
    const s = this.state;
    if (this.isBanked()) {
      if (address < 0xb0000) this.store(this.bankAddress(address), value);
      return;
    }
    const offset = this.offsetOf(address);
    if (offset < 0) return;
    let at = this.planeAddress(offset),
      planes = s.sequencer[2]!;
    if (s.sequencer[4]! & CHAIN_4) {
      at &= ~3;
      planes &= 1 << (offset & 3);
    } else if (!(s.sequencer[4]! & NOT_ODD_EVEN)) {
      at &= ~1;
      planes &= offset & 1 ? 0b1010 : 0b0101;
    }
    const mask = SPREAD[planes]!;
    this.words[at] = (this.words[at]! & ~mask) | (this.combine(value) & mask);
    this.direct?.written(at * 4, 4);
  }

  /** A word goes to planes 0 and 1 as it is, as in text modes: odd/even addressing, write mode 0, nothing that combines. */
  private showsCells(): boolean {
    const { sequencer, graphics } = this.state;
    return (
      sequencer[2] === 0b0011 &&
      (sequencer[4]! & (CHAIN_4 | NOT_ODD_EVEN)) === 0 &&
      ((graphics[5]! & 3) | graphics[3]! | graphics[1]!) === 0 &&
      graphics[8] === 0xff &&
      !isLinearMode(this.state)
    );
  }

  private writeCell(at: number, value: number): void {
    this.words[at] = (this.words[at]! & ~0xffff) | (value & 0xffff);
    this.direct?.written(at * 4, 4);
  }

  private store(at: number, value: number): void {
    this.state.memory[at] = value;
    this.direct?.written(at, 1);
  }

  /** What the four planes get, by write mode. */
  private combine(value: number): number {
    const { graphics, latch } = this.state;
    const setReset = SPREAD[graphics[0]!]!;
    switch (graphics[5]! & 3) {
      case 0: {
        const enable = SPREAD[graphics[1]!]!;
        const source = (everywhere(this.rotate(value)) & ~enable) | (setReset & enable);
        return this.mix(source, graphics[8]!);
      }
      case 1:
        return latch;
      case 2:
        return this.mix(SPREAD[value & 15]!, graphics[8]!);
      default:
        return this.mix(setReset, this.rotate(value) & graphics[8]!);
    }
  }

  private rotate(value: number): number {
    const count = this.state.graphics[3]! & 7;
    return ((value >>> count) | (value << (8 - count))) & 0xff;
  }

  /** The logical operation with the latches, and the bits that the bit mask lets through. */
  private mix(source: number, bitMask: number): number {
    const { graphics, latch } = this.state;
    const mask = everywhere(bitMask);
    return (this.operate(source, latch, (graphics[3]! >> 3) & 3) & mask) | (latch & ~mask);
  }

  private operate(source: number, latch: number, operation: number): number {
    switch (operation) {
      case 1:
        return source & latch;
      case 2:
        return source | latch;
      case 3:
        return source ^ latch;
      default:
        return source;
    }
  }
}
