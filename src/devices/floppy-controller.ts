/**
 * An 82077AA floppy disk controller in PC-AT mode with two drives: ports 3F0-3F5 and 3F7, IRQ 6, DMA channel 2 (82077AA data sheet, chapters 2 to 6).
 * Not implemented: transfers without DMA (they end as an overrun), SCAN, status registers A and B, sector sizes other than 512 bytes, deleted
 * data marks (such sectors are like any others), tape drives.
 */
import type { BlockDevice } from './block-device.js';
import type { Clock, Device, Nanoseconds, Wire } from './device.js';
import { FloppyData, LAST_TRACK, ST0_ABNORMAL } from './floppy-data.js';
import type { FloppyDriveState, FloppyState } from './floppy-data.js';
import { DEFAULT_DRIVE_TYPE } from './floppy-media.js';
import type { IsaDma } from './isa-dma.js';

const DRIVES = 2;
const DOR_RUN = 0x04,
  DOR_GATE = 0x08;
const DSR_RESET = 0x80;
const MSR_RQM = 0x80,
  MSR_DIO = 0x40,
  MSR_BUSY = 0x10;
const ST0_INVALID = 0x80,
  ST0_CHANGED = 0xc0,
  ST0_SEEK_END = 0x20,
  ST0_CHECK = 0x10;
const CONFIG_NO_POLLING = 0x10,
  POWER_ON_CONFIG = 0x20;
const RESET_NS = 20_000,
  COMMAND_NS = 50_000,
  SECTOR_NS = 100_000,
  STEP_NS = 20_000;

const idleDrive = (): FloppyDriveState => ({
  track: 0,
  changed: true,
  st0: -1,
  seekTarget: 0,
  seekDueNs: Infinity,
});

export interface FloppyOptions {
  readonly clock: Clock;
  readonly irq: Wire;
  readonly dma: IsaDma;
  /** Drive A and B: a medium, `empty`, or no drive. */
  readonly drives: readonly (BlockDevice | 'empty' | undefined)[];
}

const LENGTHS: Readonly<Record<number, number>> = {
  0x02: 9,
  0x03: 3,
  0x04: 2,
  0x05: 9,
  0x06: 9,
  0x07: 2,
  0x08: 1,
  0x09: 9,
  0x0a: 2,
  0x0c: 9,
  0x0d: 6,
  0x0e: 1,
  0x0f: 3,
  0x10: 1,
  0x12: 2,
  0x13: 4,
  0x14: 1,
  0x16: 9,
};
/** Commands that take time and end with an interrupt and seven bytes. */
const EXECUTED: ReadonlySet<number> = new Set([0x02, 0x05, 0x06, 0x09, 0x0a, 0x0c, 0x0d, 0x16]);

export class FloppyController implements Device<FloppyState> {
  readonly name = 'floppy';
  readonly version = 1;
  readonly state: FloppyState = {
    dor: 0,
    tdr: 0,
    rate: 2,
    phase: 'reset',
    bytes: [],
    dueNs: Infinity,
    irq: false,
    specify: [0, 0],
    config: POWER_ON_CONFIG,
    precompensation: 0,
    perpendicular: 0,
    locked: false,
    lastSector: 0,
    drives: Array.from({ length: 4 }, idleDrive),
  };
  readonly ports = [
    {
      first: 0x3f0,
      last: 0x3f5,
      read: (port: number) => this.read(port & 7),
      write: (port: number, _: number, value: number) => this.write(port & 7, value),
    },
    {
      first: 0x3f7,
      last: 0x3f7,
      read: () => this.read(7),
      write: (_port: number, _: number, value: number) => this.write(7, value),
    },
  ];
  private readonly clock: Clock;
  private readonly irq: Wire;
  private readonly data: FloppyData;
  private readonly present: readonly boolean[];
  private readonly media: (BlockDevice | undefined)[];
  /** As CMOS has them, 0 for none. */
  readonly driveTypes: readonly number[];

  constructor({ clock, irq, dma, drives }: FloppyOptions) {
    this.clock = clock;
    this.irq = irq;
    this.media = Array.from({ length: DRIVES }, (_, i) => (drives[i] === 'empty' ? undefined : drives[i]));
    this.data = new FloppyData(this.state, this.media, dma);
    this.present = Array.from({ length: DRIVES }, (_, i) => drives[i] !== undefined);
    this.driveTypes = this.present.map((there, i) =>
      there ? (this.data.format(i)?.driveType ?? DEFAULT_DRIVE_TYPE) : 0,
    );
  }

  /** The medium in drive 0 or 1. */
  inserted(drive: number): BlockDevice | undefined {
    return this.media[drive];
  }
  /** Puts a medium of a size that `floppyFormat` knows into a drive, or takes it out. */
  change(drive: number, medium: BlockDevice | undefined): void {
    this.media[drive] = medium;
    this.state.drives[drive]!.changed = true;
  }

  reset(): void {
    const s = this.state;
    s.dor = s.tdr = 0;
    s.rate = 2;
    s.locked = false;
    this.softReset();
    s.phase = 'reset';
    s.dueNs = Infinity;
  }

  restored(): void {
    this.updateIrq();
  }

  /** What both reset bits do; LOCK keeps the configuration. */
  private softReset(): void {
    const s = this.state;
    s.bytes = [];
    s.irq = false;
    s.perpendicular &= 0x3c;
    if (!s.locked) {
      s.config = POWER_ON_CONFIG;
      s.precompensation = 0;
    }
    for (const drive of s.drives) {
      drive.st0 = -1;
      drive.seekDueNs = Infinity;
    }
    s.phase = 'reset';
    s.dueNs = this.clock.now() + RESET_NS;
    this.updateIrq();
  }

  deadline(): Nanoseconds {
    const s = this.state;
    return s.drives.reduce((due, drive) => Math.min(due, drive.seekDueNs), s.dueNs);
  }

  tick(now: Nanoseconds): void {
    const s = this.state;
    s.drives.forEach((drive, i) => now >= drive.seekDueNs && this.endSeek(drive, i));
    if (now < s.dueNs) return;
    s.dueNs = Infinity;
    if (s.phase === 'reset') this.endReset();
    else if (s.phase === 'execution') this.execute();
  }

  private updateIrq(): void {
    const { irq, dor } = this.state;
    this.irq(irq && (dor & DOR_GATE) !== 0);
  }
  private setIrq(level: boolean): void {
    this.state.irq = level;
    this.updateIrq();
  }

  /** After a reset each of four drives is reported, unless polling is off. */
  private endReset(): void {
    const s = this.state;
    s.phase = 'command';
    if ((s.config & CONFIG_NO_POLLING) !== 0) return;
    s.drives.forEach((drive, i) => (drive.st0 = ST0_CHANGED | i));
    this.setIrq(true);
  }

  private endSeek(drive: FloppyDriveState, index: number): void {
    drive.seekDueNs = Infinity;
    drive.track = drive.seekTarget;
    // A step pulse with a disk in the drive takes the change signal back.
    if (this.media[index] !== undefined) drive.changed = false;
    drive.st0 = ST0_SEEK_END | index | (this.present[index] === true ? 0 : ST0_ABNORMAL | ST0_CHECK);
    this.setIrq(true);
  }

  private read(register: number): number {
    const now = this.clock.now();
    if (this.deadline() <= now) this.tick(now);
    if (register === 2) return this.state.dor;
    if (register === 3) return this.state.tdr;
    if (register === 4) return this.mainStatus();
    if (register === 5) return this.readFifo();
    return register === 7 ? this.digitalInput() : 0xff;
  }

  private mainStatus(): number {
    const { phase, bytes, drives } = this.state;
    const seeking = drives.reduce((bits, d, i) => bits | (d.seekDueNs < Infinity ? 1 << i : 0), 0);
    if (phase === 'reset') return 0;
    if (phase === 'execution') return MSR_BUSY | seeking;
    if (phase === 'result') return MSR_RQM | MSR_DIO | MSR_BUSY | seeking;
    return MSR_RQM | (bytes.length > 0 ? MSR_BUSY : 0) | seeking;
  }

  /** Disk change, from the selected drive while its motor runs. */
  private digitalInput(): number {
    const { dor, drives } = this.state;
    const drive = dor & 3;
    const listens = this.present[drive] === true && (dor & (0x10 << drive)) !== 0;
    return listens && (drives[drive]!.changed || this.media[drive] === undefined) ? 0x80 : 0;
  }

  private readFifo(): number {
    const s = this.state;
    if (s.phase !== 'result') return 0xff;
    this.setIrq(false);
    const value = s.bytes.shift()!;
    if (s.bytes.length === 0) s.phase = 'command';
    return value;
  }

  private write(register: number, value: number): void {
    const s = this.state;
    const now = this.clock.now();
    if (this.deadline() <= now) this.tick(now);
    if (register === 2) this.writeDor(value);
    else if (register === 3) s.tdr = value & 3;
    else if (register === 4) {
      s.rate = value & 3;
      if ((value & DSR_RESET) !== 0 && (s.dor & DOR_RUN) !== 0) this.softReset();
    } else if (register === 5) this.writeFifo(value);
    else if (register === 7) s.rate = value & 3;
  }

  private writeDor(value: number): void {
    const s = this.state;
    const before = s.dor;
    s.dor = value;
    if ((value & DOR_RUN) === 0) {
      this.softReset();
      s.dueNs = Infinity;
    } else if ((before & DOR_RUN) === 0) s.dueNs = this.clock.now() + RESET_NS;
    this.updateIrq();
  }

  private writeFifo(value: number): void {
    const s = this.state;
    if (s.phase !== 'command') return;
    s.bytes.push(value);
    const length = LENGTHS[s.bytes[0]! & 0x1f] ?? 1;
    if (s.bytes.length === length) this.begin(s.bytes[0]! & 0x1f);
  }

  /** All bytes of a command are there. */
  private begin(command: number): void {
    const s = this.state;
    if (EXECUTED.has(command)) {
      s.phase = 'execution';
      s.dueNs = this.clock.now() + COMMAND_NS + this.duration(command);
      return;
    }
    const parameters = s.bytes;
    s.bytes = [];
    const result = this.immediate(command, parameters);
    if (result.length === 0) return;
    s.bytes = result;
    s.phase = 'result';
  }

  private duration(command: number): number {
    const { bytes } = this.state;
    const sectors =
      command === 0x0a ? 1 : command === 0x0d ? bytes[3]! : Math.max(1, bytes[6]! - bytes[4]! + 1);
    return sectors * SECTOR_NS;
  }

  private immediate(command: number, p: number[]): number[] {
    const s = this.state;
    switch (command) {
      case 0x03:
        s.specify = [p[1]!, p[2]!];
        return [];
      case 0x04:
        return [this.driveStatus(p[1]!)];
      case 0x07:
        return this.seek(p[1]! & 3, 0);
      case 0x08:
        return this.senseInterrupt();
      case 0x0e:
        return this.dumpRegisters();
      case 0x0f:
        return this.seek(p[1]! & 3, this.seekTarget(p));
      case 0x10:
        return [0x90];
      case 0x12:
        s.perpendicular = p[1]! & 0x80 ? p[1]! & 0x3f : (s.perpendicular & 0x3c) | (p[1]! & 3);
        return [];
      case 0x13:
        s.config = p[2]! & 0x7f;
        s.precompensation = p[3]!;
        return [];
      case 0x14:
        s.locked = (p[0]! & 0x80) !== 0;
        return [s.locked ? 0x10 : 0];
      default:
        return [ST0_INVALID];
    }
  }

  private driveStatus(select: number): number {
    const drive = select & 3;
    const { track } = this.state.drives[drive]!;
    const isProtected = this.media[drive]?.readOnly === true;
    return 0x28 | (select & 7) | (track === 0 ? 0x10 : 0) | (isProtected ? 0x40 : 0);
  }

  /** RELATIVE SEEK has bit 7 set, inwards bit 6 as well. */
  private seekTarget(p: readonly number[]): number {
    const { track } = this.state.drives[p[1]! & 3]!;
    if ((p[0]! & 0x80) === 0) return p[2]!;
    return (p[0]! & 0x40) !== 0 ? track + p[2]! : track - p[2]!;
  }

  private seek(drive: number, target: number): number[] {
    const d = this.state.drives[drive]!;
    d.seekTarget = Math.max(0, Math.min(LAST_TRACK, target));
    d.seekDueNs = this.clock.now() + COMMAND_NS + STEP_NS * Math.abs(d.track - d.seekTarget);
    return [];
  }

  private senseInterrupt(): number[] {
    const { drives } = this.state;
    const drive = drives.find((d) => d.st0 >= 0);
    this.setIrq(false);
    if (drive === undefined) return [ST0_INVALID];
    const result = [drive.st0, drive.track];
    drive.st0 = -1;
    // Another seek that has ended asks again; the four reports after a reset come with one interrupt.
    if (drives.some((d) => d.st0 >= 0 && (d.st0 & ST0_CHANGED) !== ST0_CHANGED)) this.setIrq(true);
    return result;
  }

  private dumpRegisters(): number[] {
    const s = this.state;
    const lock = (s.locked ? 0x80 : 0) | (s.perpendicular & 0x3f);
    return [
      ...s.drives.map((drive) => drive.track),
      ...s.specify,
      s.lastSector,
      lock,
      s.config,
      s.precompensation,
    ];
  }

  private execute(): void {
    const s = this.state;
    s.bytes = this.data.run(s.bytes);
    s.phase = 'result';
    this.setIrq(true);
  }
}
