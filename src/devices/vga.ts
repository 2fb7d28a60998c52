/**
 * A VGA with the Bochs dispi extension, PCI 1234:1111 (QEMU's "standard VGA"): legacy ports and memory, linear framebuffer in BAR 0,
 * registers in BAR 2, the VGA BIOS in the expansion ROM. What it shows is drawn by `src/display` from its state.
 * Not implemented: EDID (reads 0), and what the files of the parts list.
 */
import type { Clock, Device, DirectMemory, MmioClaim, PciBar } from './device.js';
import { PciFunction } from './pci-function.js';
import { readDispi, writeDispi } from './vga-dispi.js';
import { VgaMemory } from './vga-memory.js';
import { VgaRegisters } from './vga-registers.js';
import { createVgaState, isLinearMode, resetVgaState, VGA_MEMORY_BYTES } from './vga-state.js';
import type { VgaState } from './vga-state.js';

const DISPI_INDEX = 0x1ce,
  DISPI_LAST = 0x1d0;
const LEGACY_FIRST = 0xa0000,
  LEGACY_LAST = 0xbffff;
/** BAR 2: VGA ports 3C0-3DF, dispi registers, then a block that says its size and chooses the byte order. */
const REGISTERS_BYTES = 0x1000,
  PORTS_FIRST = 0x400,
  PORTS_LAST = 0x41f,
  DISPI_FIRST = 0x500,
  DISPI_END = 0x516,
  EXTENSION = 0x600,
  EXTENSION_BYTES = 8,
  LITTLE_ENDIAN = 0x1e1e1e1e;

/** Zeros follow the image up to the next power of two. */
function romBar(rom: Uint8Array): PciBar {
  const size = 2 ** Math.max(11, Math.ceil(Math.log2(rom.length)));
  return {
    kind: 'memory',
    size,
    read: (offset, count) => {
      let value = 0;
      for (let i = count - 1; i >= 0; i--) value = value * 256 + (rom[offset + i] ?? 0);
      return value;
    },
    write: () => undefined,
  };
}

export class Vga implements Device<VgaState> {
  readonly name = 'vga';
  readonly version = 1;
  readonly state: VgaState;
  readonly ports;
  readonly mmio: readonly [MmioClaim];
  readonly pci: PciFunction;
  private readonly memory: VgaMemory;
  private readonly registers: VgaRegisters;
  private readonly direct: DirectMemory | undefined;
  private readonly worked: () => void;
  private revision = 0;

  /**
   * `rom` is the VGA BIOS, at most 64 KiB; without one the function has no expansion ROM. `direct`, of VGA_MEMORY_BYTES, is shown as the
   * framebuffer while there is one. `worked` is called when a write has taken the host long: the picture memory was cleared.
   */
  constructor(clock: Clock, rom?: Uint8Array, direct?: DirectMemory, worked: () => void = () => {}) {
    this.worked = worked;
    const state = (this.state = createVgaState(direct?.bytes));
    this.direct = direct;
    this.memory = new VgaMemory(state, direct);
    this.registers = new VgaRegisters(state, clock);
    this.mmio = [this.legacyMemory()];
    const legacy = (first: number, last: number) => ({
      first,
      last,
      timeless: true,
      read: (port: number) => this.registers.read(port),
      write: (port: number, _size: number, value: number) => this.writePort(port, value),
    });
    this.ports = [
      legacy(0x3b4, 0x3b5),
      legacy(0x3ba, 0x3ba),
      legacy(0x3c0, 0x3cf),
      legacy(0x3d4, 0x3d5),
      legacy(0x3da, 0x3da),
      {
        first: DISPI_INDEX,
        last: DISPI_LAST,
        width: 2 as const,
        read: (port: number, size: number) => this.readDispiPort(port, size),
        write: (port: number, size: number, value: number) => this.writeDispiPort(port, size, value),
      },
    ];
    this.pci = new PciFunction({
      vendor: 0x1234,
      device: 0x1111,
      revision: 2,
      classCode: [3, 0, 0],
      bars: [
        ...[this.framebuffer(), undefined, this.registerBlock()],
        ...(rom === undefined ? [] : [undefined, undefined, undefined, romBar(rom)]),
      ],
      registers: { 0x2c: [0xf4, 0x1a, 0x00, 0x11] },
    });
  }

  /** Registers return to their power-on values; the picture memory is not cleared, as on the card. */
  reset(): void {
    resetVgaState(this.state);
    this.modeChanged();
  }

  restored(): void {
    this.direct?.written(0, VGA_MEMORY_BYTES);
    this.modeChanged();
  }

  /** Grows with everything that may change the picture; tells a viewer that there may be something new. Not part of the state. */
  get changes(): number {
    if (this.direct?.takeWritten() === true) this.revision++;
    return this.revision;
  }

  private modeChanged(): void {
    this.revision++;
    this.direct?.show(isLinearMode(this.state));
  }

  /** Writes to a framebuffer that the processor also reaches past this chip may not wait. */
  private legacyMemory(): MmioClaim {
    const { state } = this;
    return {
      first: LEGACY_FIRST,
      last: LEGACY_LAST,
      get buffered() {
        return !isLinearMode(state);
      },
      read: (address, size) => this.memory.read(address, size),
      write: (address, size, value) => {
        this.revision++;
        this.memory.write(address, size, value);
      },
    };
  }

  private writePort(port: number, value: number): void {
    this.revision++;
    this.registers.write(port, value);
  }

  /** The registers are 16 bits wide; index at 1CE, data at 1CF or 1D0. A byte reads the low half and is not written. */
  private readDispiPort(port: number, size: number): number {
    const { state } = this;
    const value = port === DISPI_INDEX ? state.dispiIndex : readDispi(state, state.dispiIndex);
    return size === 1 ? value & 0xff : value;
  }

  private writeDispiPort(port: number, size: number, value: number): void {
    if (size === 1) return;
    if (port === DISPI_INDEX) this.state.dispiIndex = value;
    else this.writeDispi(this.state.dispiIndex, value);
  }

  private writeDispi(index: number, value: number): void {
    const wasLinear = isLinearMode(this.state);
    writeDispi(this.state, index, value);
    if (!wasLinear && isLinearMode(this.state)) this.worked();
    this.modeChanged();
  }

  private framebuffer(): PciBar {
    const { memory: bytes } = this.state;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return {
      kind: 'memory',
      size: VGA_MEMORY_BYTES,
      prefetchable: true,
      direct: this.direct,
      read: (offset, size) => {
        if (offset > VGA_MEMORY_BYTES - size) return 0;
        if (size === 4) return view.getUint32(offset, true);
        return size === 2 ? view.getUint16(offset, true) : bytes[offset]!;
      },
      write: (offset, size, value) => {
        if (offset > VGA_MEMORY_BYTES - size) return;
        this.revision++;
        if (size === 4) view.setUint32(offset, value, true);
        else if (size === 2) view.setUint16(offset, value, true);
        else bytes[offset] = value;
      },
    };
  }

  private registerBlock(): PciBar {
    return {
      kind: 'memory',
      size: REGISTERS_BYTES,
      read: (offset, size) => this.readBlock(offset, size),
      write: (offset, size, value) => this.writeBlock(offset, size, value),
    };
  }

  private readBlock(offset: number, size: number): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.readBlockByte(offset + i);
    return value;
  }

  private readBlockByte(offset: number): number {
    if (offset >= PORTS_FIRST && offset <= PORTS_LAST)
      return this.registers.read(offset - PORTS_FIRST + 0x3c0);
    if (offset >= DISPI_FIRST && offset < DISPI_END)
      return (readDispi(this.state, (offset - DISPI_FIRST) >> 1) >> (8 * (offset & 1))) & 0xff;
    if (offset >= EXTENSION + 4 && offset < EXTENSION + EXTENSION_BYTES) return LITTLE_ENDIAN & 0xff;
    return offset === EXTENSION ? EXTENSION_BYTES : 0;
  }

  /** The dispi registers take 16-bit writes only. */
  private writeBlock(offset: number, size: number, value: number): void {
    if (offset >= PORTS_FIRST && offset <= PORTS_LAST)
      for (let i = 0; i < size; i++)
        this.writePort(offset + i - PORTS_FIRST + 0x3c0, (value >>> (8 * i)) & 0xff);
    else if (size === 2 && offset >= DISPI_FIRST && offset < DISPI_END && (offset & 1) === 0)
      this.writeDispi((offset - DISPI_FIRST) >> 1, value);
  }
}
