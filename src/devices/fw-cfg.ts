/**
 * QEMU's firmware configuration device: numbered items and named files that a BIOS reads at 510/511, or by DMA through 514-51B
 * (QEMU, docs/specs/fw_cfg.rst). Items are part of the machine's configuration; only the place of reading is state.
 * Not implemented: writing items.
 */
import type { Device } from './device.js';
import type { GuestMemory } from './guest-memory.js';

/** Items that the device makes itself. */
const KEY_SIGNATURE = 0x00,
  KEY_ID = 0x01,
  KEY_DIRECTORY = 0x19,
  FIRST_FILE = 0x20;
const ID_TRADITIONAL = 1,
  ID_DMA = 2;
const SELECTOR = 0x510,
  DATA = 0x511,
  DMA_HIGH = 0x514;
const DMA_ERROR = 1,
  DMA_READ = 2,
  DMA_SKIP = 4,
  DMA_SELECT = 8,
  DMA_WRITE = 16;
/** A transfer longer than this is an error: no item is. */
const LONGEST = 1 << 26;
const PIECE = 1 << 16;
const NAME_BYTES = 56,
  ENTRY_BYTES = 64;

export interface FwCfgState {
  key: number;
  offset: number;
  /** Upper half of the address of the next DMA descriptor. */
  dmaHigh: number;
}

export interface FwCfgItems {
  /** Little-endian as QEMU has them: key → contents. */
  readonly items: Readonly<Record<number, Uint8Array>>;
  /** Name → contents, in the order of the directory. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** Count, then size, key and name of each file, big-endian. Throws RangeError for a name that does not fit. */
function directory(files: FwCfgItems['files']): Uint8Array {
  const names = Object.keys(files);
  const view = new DataView(new ArrayBuffer(4 + ENTRY_BYTES * names.length));
  view.setUint32(0, names.length);
  names.forEach((name, i) => {
    if (name.length >= NAME_BYTES) throw new RangeError(`firmware file name '${name}' is too long`);
    const at = 4 + ENTRY_BYTES * i;
    view.setUint32(at, files[name]!.length);
    view.setUint16(at + 4, FIRST_FILE + i);
    new Uint8Array(view.buffer).set(ascii(name), at + 8);
  });
  return new Uint8Array(view.buffer);
}

export class FwCfg implements Device<FwCfgState> {
  readonly name = 'fw-cfg';
  readonly version = 1;
  readonly state: FwCfgState = { key: 0, offset: 0, dmaHigh: 0 };
  readonly ports = [
    {
      first: SELECTOR,
      last: DATA,
      width: 2 as const,
      read: (p: number, size: number) => (size === 2 ? 0 : p === DATA ? this.next() : 0),
      readBlock: (p: number, size: number, bytes: Uint8Array, at: number, count: number) =>
        p === DATA && size === 1 ? this.nextBlock(bytes, at, count) : 0,
      write: (p: number, size: number, v: number) => {
        if (p === SELECTOR && size === 2) this.select(v);
      },
    },
    {
      first: DMA_HIGH,
      last: DMA_HIGH + 7,
      width: 4 as const,
      read: (p: number, size: number) => this.readDmaPort(p - DMA_HIGH, size),
      write: (p: number, size: number, v: number) => this.writeDmaPort(p - DMA_HIGH, size, v),
    },
  ];
  private readonly items = new Map<number, Uint8Array>();
  private readonly memory: GuestMemory;
  private readonly descriptor = new DataView(new ArrayBuffer(16));

  constructor(memory: GuestMemory, { items, files }: FwCfgItems) {
    this.memory = memory;
    this.items.set(KEY_SIGNATURE, ascii('QEMU'));
    this.items.set(KEY_ID, Uint8Array.of(ID_TRADITIONAL | ID_DMA, 0, 0, 0));
    this.items.set(KEY_DIRECTORY, directory(files));
    for (const [key, bytes] of Object.entries(items)) this.items.set(Number(key), bytes);
    Object.values(files).forEach((bytes, i) => this.items.set(FIRST_FILE + i, bytes));
  }

  reset(): void {
    this.state.key = this.state.offset = this.state.dmaHigh = 0;
  }

  private select(key: number): void {
    this.state.key = key;
    this.state.offset = 0;
  }

  /** The item read at the moment; empty when there is none. */
  private item(): Uint8Array | undefined {
    return this.items.get(this.state.key);
  }

  /** The next byte; 0 beyond the end. */
  private next(): number {
    return this.item()?.[this.state.offset++] ?? 0;
  }

  private nextBlock(bytes: Uint8Array, at: number, count: number): number {
    this.copy(bytes.subarray(at, at + count));
    return count;
  }

  private copy(into: Uint8Array): void {
    const { offset } = this.state;
    const part = this.item()?.subarray(offset, offset + into.length);
    into.fill(0);
    if (part !== undefined) into.set(part);
    this.state.offset = Math.min(LONGEST, offset + into.length);
  }

  /** "QEMU CFG", read from its end as the registers are big-endian. */
  private readDmaPort(offset: number, size: number): number {
    const signature = ascii('QEMU CFG');
    let value = 0;
    for (let i = 0; i < size; i++) value += signature[offset + i]! * 256 ** i;
    return value;
  }

  private writeDmaPort(offset: number, size: number, value: number): void {
    if (size !== 4 || offset & 3) return;
    const swapped =
      ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
    if (offset === 0) this.state.dmaHigh = swapped;
    else this.runDma(swapped);
  }

  /** Reads the descriptor, does what it says and stores 0 or the error bit in its control word. */
  private runDma(address: number): void {
    const { descriptor: d, memory } = this;
    const reachable = this.state.dmaHigh === 0;
    this.state.dmaHigh = 0;
    if (!reachable) return;
    memory.read(address, new Uint8Array(d.buffer));
    const control = d.getUint32(0);
    if (control & DMA_SELECT) this.select(control >>> 16);
    const done = this.move(control, d.getUint32(4), d.getUint32(8) === 0 ? d.getUint32(12) : -1);
    d.setUint32(0, done ? 0 : DMA_ERROR);
    memory.write(address, new Uint8Array(d.buffer, 0, 4));
  }

  private move(control: number, length: number, address: number): boolean {
    if (length > LONGEST || control & DMA_WRITE) return length === 0;
    if (control & DMA_READ) return this.readInto(address, length);
    if (control & DMA_SKIP) this.state.offset = Math.min(LONGEST, this.state.offset + length);
    return true;
  }

  private readInto(address: number, length: number): boolean {
    if (address < 0) return length === 0;
    const piece = new Uint8Array(Math.min(PIECE, length));
    for (let done = 0; done < length; done += piece.length) {
      const part = piece.subarray(0, Math.min(piece.length, length - done));
      this.copy(part);
      this.memory.write((address + done) >>> 0, part);
    }
    return true;
  }
}
