/** Guest-physical addresses that are not RAM: routes a request to the server of its range, buffers writes that nobody waits for. */
import debug from 'debug';
import type { Device, DirectMemory, MmioClaim } from '../devices/device.js';
import { BUFFERED_LIMIT, BufferedWrites } from './buffered-io.js';
import { IoRequest, IoType } from './ioreq.js';
import type { IoServer, NamedRange } from './ioreq.js';
import { MovableRanges } from './movable-ranges.js';

const log = debug('hvm:io');

export interface Range {
  readonly first: number;
  readonly last: number;
}

/** A device's claim, or a foreign server, with its range. */
class RangeServer implements IoServer, Range {
  readonly name: string;
  readonly width = 4;
  readonly first: number;
  readonly last: number;
  private readonly claim: MmioClaim;
  /** A write that waited, without a request of its own. Claims have many shapes, functions one. */
  readonly take: (address: number, size: number, value: number) => void;

  constructor(name: string, claim: MmioClaim) {
    this.name = name;
    this.first = claim.first;
    this.last = claim.last;
    this.claim = claim;
    this.take = claim.write.bind(claim);
    if (this.buffered && claim.last >= BUFFERED_LIMIT) throw new Error(`${name} buffers writes above 1 MiB`);
  }

  get buffered(): boolean {
    return this.claim.buffered === true;
  }
  get direct(): DirectMemory | undefined {
    return this.claim.direct;
  }

  handle(request: IoRequest): void {
    const { claim } = this;
    if (request.isRead) request.respond(claim.read(request.address, request.size));
    else {
      claim.write(request.address, request.size, request.data);
      request.respond();
    }
  }
}
/** A range of the bus, in the order in which they are asked; those before it answer where they meet. */
export interface BusRange extends Range {
  readonly direct?: DirectMemory | undefined;
}
interface Registered extends BusRange {
  readonly server: IoServer & {
    readonly buffered?: boolean;
    take?(address: number, size: number, value: number): void;
  };
}

function meet(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

function registered(server: RangeServer): Registered {
  return { server, first: server.first, last: server.last, direct: server.direct };
}

export class MmioBus {
  private readonly request = new IoRequest();
  private buffered = new BufferedWrites();
  /** First and last address to which writes may be buffered without a question: those of the range of the newest write that waits. */
  private window: Int32Array = new Int32Array(2);
  /** Sorted by first address. */
  private readonly fixed: Registered[] = [];
  private readonly movable = new MovableRanges<RangeServer>();
  /** Every range in the order in which they are asked: fixed ones, then movable ones by key. */
  private ranges: readonly Registered[] = [];
  /** The range that was used last; none when ranges meet, where the order counts. */
  private recent: Registered | undefined;
  private disjoint = true;
  /** 4 KiB frames that were already reported. */
  private readonly logged = new Set<number>();
  /** Called with every range when one came, went or moved. */
  onOrder: (ranges: readonly BusRange[]) => void = () => {};

  /** From now on writes wait in `page`, and `window` says for which addresses translated code may put them there by itself. Before anything was written. */
  place(page: Int32Array, window: Int32Array): void {
    this.buffered = new BufferedWrites(page);
    this.window = window;
    this.closeWindow();
  }
  private closeWindow(): void {
    this.window[0] = 1;
    this.window[1] = 0;
  }

  /** Throws an Error naming both devices when the ranges overlap. */
  add(device: Device): void {
    for (const claim of device.mmio ?? []) this.addRange(registered(new RangeServer(device.name, claim)));
  }

  /** Makes a server answer from `first` to `last`. Throws an Error naming both when something else does already. */
  register(server: IoServer, first: number, last: number): void {
    this.addRange({ server, first, last });
  }

  private addRange(range: Registered): void {
    const other = this.fixed.find((o) => meet(range, o));
    if (other !== undefined)
      throw new Error(
        `address 0x${range.first.toString(16)} is claimed by both ${other.server.name} and ${range.server.name}`,
      );
    this.fixed.push(range);
    this.fixed.sort((a, b) => a.first - b.first);
    this.order();
  }

  /** Puts, moves or takes away the range with this key (`Decoder.memory`). */
  move(key: number, name: string, claim: MmioClaim | undefined): void {
    this.movable.set(key, name, claim === undefined ? undefined : new RangeServer(name, claim));
    this.order();
  }

  private order(): void {
    this.ranges = [...this.fixed, ...this.movable.list.map((m) => registered(m.claim))];
    this.recent = undefined;
    this.closeWindow();
    const covered = this.movable.list.filter((m, i) => this.isCovered(m.claim, this.fixed.length + i));
    this.disjoint = covered.length === 0;
    for (const m of covered) this.movable.reportCovered(m);
    this.onOrder(this.ranges);
  }

  /** By one of the `before` ranges that are asked first. */
  private isCovered(range: Range, before: number): boolean {
    return this.ranges.slice(0, before).some((other) => meet(range, other));
  }

  /** Who answers where, in the order in which they are asked. */
  list(): NamedRange[] {
    return this.ranges.map(({ first, last, server }) => ({ first, last, name: server.name }));
  }

  /** size 1, 2 or 4; the result is unsigned. */
  read(address: number, size: number): number {
    this.drain();
    const at = address >>> 0;
    const range = this.rangeOf(at, size);
    if (range !== undefined) {
      this.request.beginRead(IoType.MEMORY, at, size);
      range.server.handle(this.request);
      return this.request.finish();
    }
    if (size === 1) return this.unknown(at, 'read');
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.read(at + i, 1);
    return value;
  }

  /** False when the write waits in the buffer and nothing but the device's memory can have changed. */
  write(address: number, size: number, value: number): boolean {
    const at = address >>> 0;
    const range = this.rangeOf(at, size);
    if (range === undefined) this.writeBytes(at, size, value);
    else if (range.server.buffered === true) {
      if (this.buffered.isFull) this.drain();
      this.buffered.push(at, size, value);
      if (this.disjoint) {
        this.window[0] = range.first;
        this.window[1] = range.last;
      }
      return false;
    } else {
      this.drain();
      this.deliver(range, at, size, value);
    }
    return true;
  }

  private writeBytes(at: number, size: number, value: number): void {
    if (size === 1) this.unknown(at, 'write');
    else for (let i = 0; i < size; i++) this.write(at + i, 1, (value >>> (8 * i)) & 0xff);
  }

  private deliver(range: Registered, at: number, size: number, value: number): void {
    this.request.beginWrite(IoType.MEMORY, at, size, value);
    range.server.handle(this.request);
    this.request.finish();
  }

  /** Hands over the writes that wait; everything else that a device is asked comes after it. */
  drain(): void {
    if (this.buffered.isEmpty) return;
    this.closeWindow();
    this.buffered.drain(this.drained);
  }

  private readonly drained = (address: number, size: number, value: number): void => {
    const range = this.rangeOf(address, size);
    if (range === undefined) return;
    if (range.server.take === undefined) this.deliver(range, address, size, value);
    else range.server.take(address, size, value);
  };

  /** The range that takes this access whole; an access into which an earlier range reaches is split. */
  private rangeOf(address: number, size: number): Registered | undefined {
    const end = address + size - 1;
    const { recent, ranges } = this;
    if (recent !== undefined && address >= recent.first && end <= recent.last) return recent;
    for (let i = 0; i < ranges.length; i++) {
      const range = ranges[i]!;
      if (address > range.last || end < range.first) continue;
      if (address < range.first || end > range.last) return undefined;
      if (this.disjoint) this.recent = range;
      return range;
    }
    return undefined;
  }

  private unknown(address: number, direction: string): number {
    const frame = address >>> 12;
    if (!this.logged.has(frame) && this.logged.size < 4096) {
      this.logged.add(frame);
      log('%s of address 0x%s, which nobody claims', direction, address.toString(16));
    }
    return 0xff;
  }
}

/** `size` bytes of a 32-bit register from byte `offset` on, unsigned; what lies beyond it reads 0. */
export function partOf(value: number, offset: number, size: number): number {
  if (offset > 3) return 0;
  const shifted = value >>> (8 * offset);
  return size === 4 ? shifted : shifted & (size === 2 ? 0xffff : 0xff);
}
