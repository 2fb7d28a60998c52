/**
 * Devices' memory that the processor reaches as it reaches RAM: machine frames behind the guest's, which the p2m shows wherever the memory bus
 * would let the device answer. RAM goes before it, as on the bus. Writes are noted by page, so that whoever looks knows whether to look again.
 */
import type { DirectMemory } from '../devices/device.js';
import type { PhysicalMemory } from '../runtime/memory.js';
import type { BusRange } from './mmio-bus.js';

/** The memory of one device: all device frames. */
export class DirectFrames implements DirectMemory {
  readonly bytes: Uint8Array;
  shown = false;
  /** Called when `shown` has changed. */
  onShow: () => void = () => {};
  private readonly memory: PhysicalMemory;
  private readonly start: number;
  private wasWritten = false;

  /** `memory` has frames for devices. */
  constructor(memory: PhysicalMemory) {
    this.memory = memory;
    this.start = memory.deviceFirst * 4096;
    this.bytes = memory.u8.subarray(this.start, this.start + memory.deviceFrames * 4096);
    memory.onNotedWrite = () => (this.wasWritten = true);
    memory.noteWrites(memory.deviceFirst, memory.deviceFrames);
  }

  /** What was made of the contents while they were not shown is out of date. */
  show(direct: boolean): void {
    if (direct === this.shown) return;
    this.shown = direct;
    if (direct) this.memory.wrote(this.start, this.bytes.length);
    this.onShow();
  }

  written(offset: number, length: number): void {
    if (this.shown) this.memory.wrote(this.start + offset, length);
  }

  takeWritten(): boolean {
    if (!this.wasWritten) return false;
    this.wasWritten = false;
    this.memory.noteWrites(this.memory.deviceFirst, this.memory.deviceFrames);
    return true;
  }
}

interface Shown {
  readonly gfn: number;
  readonly count: number;
  readonly mfn: number;
}

/** Keeps the p2m in step with the memory bus. */
export class DirectRanges {
  private readonly memory: PhysicalMemory;
  private readonly frames: DirectFrames;
  private readonly moved: () => void;
  private ranges: readonly BusRange[] = [];
  private shown: readonly Shown[] = [];

  /** `moved` is called when frames came, went or moved. */
  constructor(memory: PhysicalMemory, frames: DirectFrames, moved: () => void) {
    this.memory = memory;
    this.frames = frames;
    this.moved = moved;
    frames.onShow = () => this.update();
  }

  /** `MmioBus.onOrder`. */
  readonly order = (ranges: readonly BusRange[]): void => {
    this.ranges = ranges;
    this.update();
  };

  private update(): void {
    const { memory } = this;
    const wanted = this.wanted();
    if (sameRuns(wanted, this.shown)) return;
    for (const { gfn, count } of this.shown) memory.showFrames(gfn, count, -1);
    this.shown = wanted;
    for (const { gfn, count, mfn } of wanted) memory.showFrames(gfn, count, mfn);
    this.moved();
  }

  private wanted(): Shown[] {
    const at = this.ranges.findIndex(({ direct }) => direct === this.frames);
    if (at < 0 || !this.frames.shown) return [];
    const before = this.ranges.slice(0, at);
    const firstPage = this.ranges[at]!.first / 4096;
    const { deviceFirst, deviceFrames } = this.memory;
    const runs: Shown[] = [];
    for (let i = 0; i < deviceFrames; i++) {
      const start = i;
      while (i < deviceFrames && this.isFree(firstPage + i, before)) i++;
      if (i > start) runs.push({ gfn: firstPage + start, count: i - start, mfn: deviceFirst + start });
    }
    return runs;
  }

  /** Neither RAM nor another device is seen in the page. */
  private isFree(gfn: number, before: readonly BusRange[]): boolean {
    const mfn = this.memory.p2m[gfn]!;
    if (mfn >= 0 && mfn < this.memory.deviceFirst) return false;
    const address = gfn * 4096;
    return !before.some(({ first, last }) => first <= address + 4095 && address <= last);
  }
}

function sameRuns(a: readonly Shown[], b: readonly Shown[]): boolean {
  return a.length === b.length && a.every((run, i) => run.gfn === b[i]!.gfn && run.count === b[i]!.count);
}
