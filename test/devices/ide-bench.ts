/** An IDE controller on a bench: memory, clock and wires that a test can look into, and the steps a driver takes. */
import { BlockError } from '../../src/devices/block-device.js';
import type { BlockDevice } from '../../src/devices/block-device.js';
import type { AtaUnit } from '../../src/devices/ata-unit.js';
import { IdePiix3 } from '../../src/devices/ide-piix3.js';
import { ManualClock, RecordedWire, advance, portsOf } from '../hv/fakes.js';

export const SECTOR = 512;
export const BSY = 0x80,
  DRDY = 0x40,
  DF = 0x20,
  DSC = 0x10,
  DRQ = 0x08,
  ERR = 0x01;

/** A medium in memory that can be told to fail. */
export class MemoryMedium implements BlockDevice {
  readonly bytes: Uint8Array;
  readOnly = false;
  failing = false;
  flushes = 0;
  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    for (let i = 0; i < size; i += 4) new DataView(this.bytes.buffer).setUint32(i, i * 2654435761);
  }
  get size(): number {
    return this.bytes.length;
  }
  read(offset: number, into: Uint8Array): void {
    this.check(offset, into.length);
    into.set(this.bytes.subarray(offset, offset + into.length));
  }
  write(offset: number, bytes: Uint8Array): void {
    this.check(offset, bytes.length);
    this.bytes.set(bytes, offset);
  }
  flush(): void {
    this.flushes++;
    this.check(0, 0);
  }
  private check(offset: number, length: number): void {
    if (this.failing) throw new BlockError('the medium was told to fail');
    if (offset < 0 || offset + length > this.size) throw new Error('access beyond the medium');
  }
  sectors(first: number, count: number): Uint8Array {
    return this.bytes.slice(first * SECTOR, (first + count) * SECTOR);
  }
}

export class IdeBench {
  readonly clock = new ManualClock();
  readonly irqs = [new RecordedWire(), new RecordedWire()] as const;
  readonly memory = new Uint8Array(1 << 20);
  readonly ide: IdePiix3;
  readonly ports;
  /** Base of the command block; the other channel's is 0x170. */
  base = 0x1f0;

  constructor(units: (clock: ManualClock) => (AtaUnit | undefined)[]) {
    const inside = (address: number, length: number): boolean => address + length <= this.memory.length;
    this.ide = new IdePiix3({
      clock: this.clock,
      irqs: [this.irqs[0].set, this.irqs[1].set],
      units: units(this.clock),
      reaches: inside,
      memory: {
        read: (address, into) => {
          into.fill(0xff);
          into.set(this.memory.subarray(address, address + into.length));
        },
        write: (address, bytes) => {
          if (inside(address, bytes.length)) this.memory.set(bytes, address);
        },
      },
    });
    this.ports = portsOf(this.ide);
    this.ide.reset();
    // A driver lets the function be a bus master.
    this.ide.pci.write(4, 5);
  }

  get irq(): RecordedWire {
    return this.irqs[this.base === 0x1f0 ? 0 : 1];
  }
  status = (): number => this.ports.in(this.base + 7);
  alternate = (): number => this.ports.in(this.base + 0x206);
  register = (n: number): number => this.ports.in(this.base + n);
  set = (n: number, value: number): void => this.ports.out(this.base + n, value);
  control = (value: number): void => this.ports.out(this.base + 0x206, value);

  /** Passes time until nothing is due, at most a second. */
  settle(): void {
    advance(this.clock, this.ide, this.clock.time + 1e9);
  }

  /** Task file of an LBA28 command, command written, and time passed. */
  command28(command: number, lba: number, count: number, features = 0): void {
    const values = [features, count, lba, lba >>> 8, lba >>> 16, 0xe0 | ((lba >>> 24) & 15)];
    values.forEach((value, i) => this.set(i + 1, value & 0xff));
    this.set(7, command);
    this.settle();
  }

  command48(command: number, lba: number, count: number): void {
    this.set(6, 0xe0);
    const high = Math.floor(lba / 0x1000000);
    [count >> 8, high, high >>> 8, high >>> 16].forEach((v, i) => this.set(i + 2, v & 0xff));
    [count, lba, lba >>> 8, lba >>> 16].forEach((v, i) => this.set(i + 2, v & 0xff));
    this.set(7, command);
    this.settle();
  }

  commandChs(command: number, cylinder: number, head: number, sector: number, count: number): void {
    [0, count, sector, cylinder & 0xff, cylinder >> 8, 0xa0 | head].forEach((v, i) => this.set(i + 1, v));
    this.set(7, command);
    this.settle();
  }

  readBytes(count: number, size = 2): Uint8Array {
    const bytes = new Uint8Array(count);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < count; i += size) {
      if (size === 4) view.setUint32(i, this.ports.in(this.base, 4), true);
      else view.setUint16(i, this.ports.in(this.base, 2), true);
    }
    return bytes;
  }
  writeBytes(bytes: Uint8Array, size = 2): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let i = 0; i < bytes.length; i += size)
      this.ports.out(this.base, size === 4 ? view.getUint32(i, true) : view.getUint16(i, true), size);
  }

  /** REP INSW or OUTSW as the port bus asks for it: the elements that need no attention. */
  quiet(write: boolean, bytes: Uint8Array, size: number): number {
    const claim = this.ide.ports.find(({ first }) => first === this.base)!;
    const move = write ? claim.writeBlock! : claim.readBlock!;
    return move(this.base, size, bytes, 0, bytes.length / size);
  }

  private master(offset: number): number {
    return (this.base === 0x1f0 ? 0 : 8) + offset;
  }
  bm = (offset: number, size = 1): number => this.ide.pci.bars[4]!.read(this.master(offset), size);
  setBm = (offset: number, value: number, size = 1): void =>
    this.ide.pci.bars[4]!.write(this.master(offset), size, value);

  /** Writes a descriptor table and makes the master point to it. */
  table(at: number, ...descriptors: readonly (readonly [address: number, bytes: number])[]): void {
    const view = new DataView(this.memory.buffer);
    descriptors.forEach(([address, bytes], i) => {
      view.setUint32(at + 8 * i, address, true);
      view.setUint32(
        at + 8 * i + 4,
        (bytes & 0xffff) | (i === descriptors.length - 1 ? 0x80000000 : 0),
        true,
      );
    });
    this.setBm(4, at, 4);
  }
  startMaster(toMemory: boolean): void {
    this.setBm(0, toMemory ? 9 : 1);
    this.settle();
  }
}

export const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) * 13 + seed) & 0xff);
export const word = (bytes: Uint8Array, n: number): number => bytes[2 * n]! | (bytes[2 * n + 1]! << 8);
