/**
 * Machine memory of one domain: the RAM buffer, the guest-to-machine frame map (p2m), page flags, and tracked guest-physical access.
 *
 * A guest-physical address (gpa) is taken modulo 4 GiB; a machine address indexes `u8` and is always below 2^31.
 *
 * Not implemented: RAM above the PCI hole (guest frames beyond 2^20).
 */
import { FrameAllocator } from './frame-allocator.js';
import { processorArea, type ProcessorArea } from './processor-area.js';

/** The frame holds translated or predecoded code. */
export const PAGE_CODE = 1;
/** The walker used the frame as a page table or page directory. */
export const PAGE_TABLE = 2;
/** Writes by the guest and by devices are ignored. */
export const PAGE_ROM = 4;
/** The next write is noted (`noteWrites`). */
export const PAGE_NOTED = 8;

/** What answers where there is no RAM; sizes in bytes, values unsigned or int32. */
export interface MmioBus {
  read(gpa: number, size: 1 | 2 | 4): number;
  write(gpa: number, size: 1 | 2 | 4, value: number): void;
}

const GUEST_FRAMES = 1 << 20;
const HOLE_FIRST = 0xa0;
const HOLE_LAST = 0xbf;
/** Frames beyond the guest's RAM, for ROM images and overlay pages: 1 MiB. */
const SPARE_FRAMES = 256;
const MACHINE_LIMIT = 0x80000000;

const EMPTY_BUS: MmioBus = { read: () => -1, write: () => undefined };

export class PhysicalMemory {
  /** The frames, and the processor's area behind them. */
  readonly buffer: ArrayBuffer;
  readonly processor: ProcessorArea;
  /** Views of the frames. */
  readonly u8: Uint8Array;
  readonly view: DataView;
  readonly i32: Int32Array;
  /** Guest frame → machine frame, -1 where there is no RAM. Written only by `setFrame`. */
  readonly p2m: Int32Array;
  /** PAGE_* bits per machine frame. Written only by `setPageFlag` and `clearPageFlag`. */
  readonly pageFlags: Uint8Array;
  readonly ramBytes: number;
  /** The first of the contiguous machine frames that belong to devices, behind all others, and their number. */
  readonly deviceFirst: number;
  readonly deviceFrames: number;
  /** ROM frame → RAM frame that takes the writes to it (shadowing in progress). */
  readonly writeThrough = new Map<number, number>();
  bus: MmioBus = EMPTY_BUS;
  a20 = true;

  /** After a write into a PAGE_CODE frame; never spans two frames. */
  onCodeWrite: (machineAddress: number, length: number) => void = ignore;
  /** After a write into a PAGE_TABLE frame; never spans two frames. */
  onTableWrite: (machineAddress: number, length: number) => void = ignore;
  /** A frame without flags got one: fast write translations of it must go. */
  onWriteProtect: (mfn: number) => void = ignore;
  /** The same for several frames at once. */
  onWriteProtectAll: (first: number, count: number) => void = ignore;
  /** The first write into a frame after `noteWrites`. */
  onNotedWrite: (mfn: number) => void = ignore;
  onP2mChange: () => void = ignore;
  onA20Change: () => void = ignore;

  readonly #frames: FrameAllocator;

  /** Devices get no frames where machine addresses do not suffice. Throws RangeError when the host cannot give that much memory. */
  constructor(ramBytes: number, options: { scatter?: number; deviceBytes?: number } = {}) {
    const guestFrames = Math.floor(ramBytes / 4096);
    const ownFrames = guestFrames + SPARE_FRAMES;
    if (!(ramBytes >= 4096) || ownFrames * 4096 > MACHINE_LIMIT)
      throw new RangeError(`cannot allocate ${ramBytes} bytes of RAM`);
    this.ramBytes = guestFrames * 4096;
    const wanted = (options.deviceBytes ?? 0) >>> 12;
    this.deviceFirst = ownFrames;
    this.deviceFrames = (ownFrames + wanted) * 4096 > MACHINE_LIMIT ? 0 : wanted;
    const frames = ownFrames + this.deviceFrames;
    const bytes = frames * 4096;
    this.processor = processorArea(bytes);
    this.buffer = this.processor.buffer;
    this.u8 = new Uint8Array(this.buffer, 0, bytes);
    this.view = new DataView(this.buffer, 0, bytes);
    this.i32 = new Int32Array(this.buffer, 0, bytes >>> 2);
    this.p2m = new Int32Array(GUEST_FRAMES).fill(-1);
    this.pageFlags = new Uint8Array(frames);
    this.#frames = new FrameAllocator(ownFrames, options.scatter);
    for (let gfn = 0; gfn < guestFrames; gfn++) {
      if (gfn < HOLE_FIRST || gfn > HOLE_LAST) this.p2m[gfn] = this.#frames.allocate();
    }
  }

  /** Gate of address line 20; the processor applies it (`Mmu`), devices do not see it. */
  setA20(enabled: boolean): void {
    if (enabled === this.a20) return;
    this.a20 = enabled;
    this.onA20Change();
  }

  /** Makes a guest frame show a machine frame, or nothing (-1). */
  setFrame(gfn: number, mfn: number): void {
    if (this.p2m[gfn] === mfn) return;
    this.p2m[gfn] = mfn;
    this.onP2mChange();
  }

  /** Makes guest frames from `gfn` on show machine frames from `mfn` on, or nothing (-1). */
  showFrames(gfn: number, count: number, mfn: number): void {
    for (let i = 0; i < count; i++) this.p2m[gfn + i] = mfn < 0 ? -1 : mfn + i;
    if (count > 0) this.onP2mChange();
  }

  /** How many frames `allocateFrame` can still give. */
  get spareFrames(): number {
    return this.#frames.available;
  }

  /** A zeroed machine frame that no guest frame shows yet. */
  allocateFrame(): number {
    const mfn = this.#frames.allocate();
    this.u8.fill(0, mfn << 12, (mfn + 1) << 12);
    return mfn;
  }

  /** Returns a frame that no guest frame shows any more. */
  releaseFrame(mfn: number): void {
    this.pageFlags[mfn] = 0;
    this.#frames.release(mfn);
  }

  /** Shows `bytes` read-only from `gpa` on, in the RAM that is there or in new frames. */
  mapRom(gpa: number, bytes: Uint8Array): void {
    const last = (gpa + bytes.length - 1) >>> 12;
    for (let gfn = gpa >>> 12; gfn <= last && bytes.length > 0; gfn++) {
      if (this.p2m[gfn]! < 0) this.setFrame(gfn, this.allocateFrame());
      this.clearPageFlag(this.p2m[gfn]!, PAGE_ROM);
    }
    this.copyIn(gpa, bytes);
    for (let gfn = gpa >>> 12; gfn <= last && bytes.length > 0; gfn++)
      this.setPageFlag(this.p2m[gfn]!, PAGE_ROM);
  }

  setPageFlag(mfn: number, flag: number): void {
    const flags = this.pageFlags[mfn]!;
    this.pageFlags[mfn] = flags | flag;
    if (flags === 0) this.onWriteProtect(mfn);
  }

  clearPageFlag(mfn: number, flag: number): void {
    this.pageFlags[mfn] = this.pageFlags[mfn]! & ~flag;
  }

  /** Has `onNotedWrite` told of the next write into each of the frames. */
  noteWrites(first: number, count: number): void {
    const { pageFlags } = this;
    for (let mfn = first; mfn < first + count; mfn++) pageFlags[mfn] = pageFlags[mfn]! | PAGE_NOTED;
    this.onWriteProtectAll(first, count);
  }

  /** Somebody wrote `length` bytes at a machine address past this object: tells whoever tracks the frames. */
  wrote(machine: number, length: number): void {
    for (let done = 0; done < length;) {
      const at = machine + done;
      const part = Math.min(length - done, 4096 - (at & 0xfff));
      const flags = this.pageFlags[at >>> 12]!;
      if (flags !== 0) this.#written(at, part, flags);
      done += part;
    }
  }

  /** Machine address of a guest-physical address, -1 where there is no RAM. */
  machineAddress(gpa: number): number {
    const mfn = this.p2m[gpa >>> 12]!;
    return mfn < 0 ? -1 : (mfn << 12) | (gpa & 0xfff);
  }

  read8(gpa: number): number {
    const machine = this.machineAddress(gpa);
    return machine < 0 ? 0xff : this.u8[machine]!;
  }

  read16(gpa: number): number {
    if ((gpa & 0xfff) === 0xfff) return this.read8(gpa) | (this.read8(gpa + 1) << 8);
    const machine = this.machineAddress(gpa);
    return machine < 0 ? 0xffff : this.view.getUint16(machine, true);
  }

  /** int32. */
  read32(gpa: number): number {
    if ((gpa & 0xfff) > 0xffc) return this.read16(gpa) | (this.read16(gpa + 2) << 16);
    const machine = this.machineAddress(gpa);
    return machine < 0 ? -1 : this.view.getInt32(machine, true);
  }

  write8(gpa: number, value: number): void {
    const machine = this.machineAddress(gpa);
    if (machine >= 0) this.store(machine, 1, value);
  }

  write16(gpa: number, value: number): void {
    if ((gpa & 0xfff) === 0xfff) {
      this.write8(gpa, value);
      this.write8(gpa + 1, value >> 8);
      return;
    }
    const machine = this.machineAddress(gpa);
    if (machine >= 0) this.store(machine, 2, value);
  }

  write32(gpa: number, value: number): void {
    if ((gpa & 0xfff) > 0xffc) {
      this.write16(gpa, value);
      this.write16(gpa + 2, value >> 16);
      return;
    }
    const machine = this.machineAddress(gpa);
    if (machine >= 0) this.store(machine, 4, value);
  }

  copyIn(gpa: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const part = Math.min(bytes.length - done, 4096 - ((gpa + done) & 0xfff));
      const machine = this.machineAddress(gpa + done);
      if (machine >= 0) this.#storeBytes(machine, bytes.subarray(done, done + part));
      done += part;
    }
  }

  copyOut(gpa: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length).fill(0xff);
    for (let done = 0; done < length;) {
      const part = Math.min(length - done, 4096 - ((gpa + done) & 0xfff));
      const machine = this.machineAddress(gpa + done);
      if (machine >= 0) bytes.set(this.u8.subarray(machine, machine + part), done);
      done += part;
    }
    return bytes;
  }

  /** Writes at a machine address inside one frame and tells whoever tracks the frame. */
  store(machine: number, size: number, value: number): void {
    const flags = this.pageFlags[machine >>> 12]!;
    if ((flags & PAGE_ROM) !== 0) {
      const behind = this.#behindRom(machine);
      if (behind >= 0) this.store(behind, size, value);
      return;
    }
    if (size === 4) this.view.setInt32(machine, value, true);
    else if (size === 2) this.view.setInt16(machine, value, true);
    else this.u8[machine] = value;
    if (flags !== 0) this.#written(machine, size, flags);
  }

  #storeBytes(machine: number, bytes: Uint8Array): void {
    const flags = this.pageFlags[machine >>> 12]!;
    if ((flags & PAGE_ROM) !== 0) {
      const behind = this.#behindRom(machine);
      if (behind >= 0) this.#storeBytes(behind, bytes);
      return;
    }
    this.u8.set(bytes, machine);
    if (flags !== 0) this.#written(machine, bytes.length, flags);
  }

  /** Gives a machine frame other contents, ROM or not; undefined: zeros. */
  replaceFrame(mfn: number, bytes: Uint8Array | undefined): void {
    const machine = mfn << 12;
    if (bytes === undefined) this.u8.fill(0, machine, machine + 4096);
    else this.u8.set(bytes, machine);
    this.#written(machine, 4096, this.pageFlags[mfn]!);
  }

  #behindRom(machine: number): number {
    const mfn = this.writeThrough.get(machine >>> 12);
    return mfn === undefined ? -1 : (mfn << 12) | (machine & 0xfff);
  }

  #written(machine: number, length: number, flags: number): void {
    if ((flags & PAGE_CODE) !== 0) this.onCodeWrite(machine, length);
    if ((flags & PAGE_TABLE) !== 0) this.onTableWrite(machine, length);
    if ((flags & PAGE_NOTED) === 0) return;
    this.clearPageFlag(machine >>> 12, PAGE_NOTED);
    this.onNotedWrite(machine >>> 12);
  }
}

function ignore(): void {}
