/**
 * The data commands of the floppy controller (82077AA data sheet, 5.1 and 6): finding sectors on the disk in the drive, moving them by DMA,
 * formatting, and the seven bytes of their result.
 */
import { BlockError } from './block-device.js';
import type { BlockDevice } from './block-device.js';
import type { Nanoseconds } from './device.js';
import { FLOPPY_SECTOR, floppyFormat } from './floppy-media.js';
import type { FloppyFormat } from './floppy-media.js';
import type { IsaDma } from './isa-dma.js';

const DMA_CHANNEL = 2;
export const ST0_ABNORMAL = 0x40;
const ST1_MISSING_MARK = 0x01,
  ST1_PROTECTED = 0x02,
  ST1_NO_DATA = 0x04,
  ST1_OVERRUN = 0x10,
  ST1_CRC = 0x20,
  ST1_END = 0x80;
const ST2_WRONG_CYLINDER = 0x10;
const MULTI_TRACK = 0x80;
const CONFIG_IMPLIED_SEEK = 0x40;
/** As far as drives can step. */
export const LAST_TRACK = 83;
const WRITES: ReadonlySet<number> = new Set([0x05, 0x09, 0x0d]);

export interface FloppyDriveState {
  track: number;
  changed: boolean;
  /** ST0 that SENSE INTERRUPT STATUS will tell, -1 for none. */
  st0: number;
  seekTarget: number;
  seekDueNs: Nanoseconds;
}

export interface FloppyState {
  dor: number;
  tdr: number;
  rate: number;
  phase: 'reset' | 'command' | 'execution' | 'result';
  /** Bytes of the command so far, or of the result that are left. */
  bytes: number[];
  dueNs: Nanoseconds;
  irq: boolean;
  specify: [number, number];
  config: number;
  precompensation: number;
  perpendicular: number;
  locked: boolean;
  lastSector: number;
  drives: FloppyDriveState[];
}

/** Where a data command is. */
interface Place {
  cylinder: number;
  head: number;
  sector: number;
  readonly last: number;
}
/** Bits of ST1, or -1 at terminal count. */
type Work = (sector: Uint8Array) => number;

function finish(select: number, errors: readonly [st1: number, st2: number], place: Place): number[] {
  const [st1, st2] = errors;
  const st0 = (select & 7) | (st1 !== 0 || st2 !== 0 ? ST0_ABNORMAL : 0);
  return [st0, st1, st2, place.cylinder, place.head, place.sector, 2];
}

export class FloppyData {
  private readonly state: FloppyState;
  private readonly media: readonly (BlockDevice | undefined)[];
  private readonly dma: IsaDma;
  private readonly buffer = new Uint8Array(FLOPPY_SECTOR);

  /** `media` by drive, as they are changed. */
  constructor(state: FloppyState, media: readonly (BlockDevice | undefined)[], dma: IsaDma) {
    this.state = state;
    this.media = media;
    this.dma = dma;
  }

  format(drive: number): FloppyFormat | undefined {
    const medium = this.media[drive];
    return medium === undefined ? undefined : floppyFormat(medium.size);
  }

  /** Executes the command with all its bytes; gives back the bytes of the result. */
  run(p: readonly number[]): number[] {
    const command = p[0]! & 0x1f;
    const place: Place = { cylinder: p[2]!, head: p[3]!, sector: p[4]!, last: p[6]! };
    if (command === 0x0a) return this.readId(p[1]!);
    return command === 0x0d ? this.formatTrack(p) : this.moveSectors(command, p, place);
  }

  /** What keeps the head from finding any sector, as bits of ST1. */
  private obstacle(command: number, select: number): number {
    const drive = select & 3;
    const format = this.format(drive);
    const head = (select >> 2) & 1;
    const { rate, drives } = this.state;
    if (format === undefined || !format.rates.includes(rate)) return ST1_MISSING_MARK;
    if (head >= format.heads || drives[drive]!.track >= format.cylinders) return ST1_MISSING_MARK;
    return WRITES.has(command) && this.media[drive]!.readOnly ? ST1_PROTECTED : 0;
  }

  private readId(select: number): number[] {
    const { track } = this.state.drives[select & 3]!;
    const place = { cylinder: track, head: (select >> 2) & 1, sector: 1, last: 0 };
    return finish(select, [this.obstacle(0x0a, select), 0], place);
  }

  private moveSectors(command: number, p: readonly number[], place: Place): number[] {
    const select = p[1]!;
    const drive = select & 3;
    this.state.lastSector = place.last;
    const state = this.state.drives[drive]!;
    if ((this.state.config & CONFIG_IMPLIED_SEEK) !== 0) state.track = Math.min(LAST_TRACK, place.cylinder);
    const obstacle = this.obstacle(command, select);
    if (obstacle !== 0) return finish(select, [obstacle, 0], place);
    if (place.cylinder !== state.track) return finish(select, [ST1_NO_DATA, ST2_WRONG_CYLINDER], place);
    const sides = (p[0]! & MULTI_TRACK) !== 0 ? 2 : 1;
    const ok = p[5] === 2 && place.head === ((select >> 2) & 1);
    const st1 = ok ? this.sectors(drive, place, sides, this.work(command, drive, place)) : ST1_NO_DATA;
    // VERIFY moves nothing that could reach terminal count.
    const errors = command === 0x16 ? st1 & ~ST1_END : st1;
    return finish((select & 3) | (place.head << 2), [errors, 0], place);
  }

  /** What is done with each sector; it gives back bits of ST1, or -1 at terminal count. */
  private work(command: number, drive: number, place: Place): Work {
    const medium = this.media[drive]!;
    const offset = (): number => this.offset(drive, place);
    if (command === 0x16)
      return (sector) => {
        medium.read(offset(), sector);
        return 0;
      };
    if (WRITES.has(command)) return (sector) => this.writeSector(medium, offset(), sector);
    return (sector) => {
      medium.read(offset(), sector);
      const moved = this.dma.toMemory(DMA_CHANNEL, sector);
      return this.afterMoving(moved);
    };
  }

  /** A sector that terminal count cuts short is filled up with zeros. */
  private writeSector(medium: BlockDevice, offset: number, sector: Uint8Array): number {
    sector.fill(0);
    const moved = this.dma.fromMemory(DMA_CHANNEL, sector);
    if (moved === 0) return ST1_OVERRUN;
    sector.fill(0, moved);
    medium.write(offset, sector);
    return this.afterMoving(moved);
  }

  private afterMoving(moved: number): number {
    if (moved === 0) return ST1_OVERRUN;
    return this.dma.reachedTerminalCount(DMA_CHANNEL) ? -1 : 0;
  }

  private offset(drive: number, { cylinder, head, sector }: Place): number {
    const { heads, sectors } = this.format(drive)!;
    return ((cylinder * heads + head) * sectors + sector - 1) * FLOPPY_SECTOR;
  }

  /** Goes from sector to sector up to terminal count or the last one; the result is ST1, and `place` is the sector after. */
  private sectors(drive: number, place: Place, sides: number, work: Work): number {
    const format = this.format(drive)!;
    for (;;) {
      if (place.sector < 1 || place.sector > format.sectors) return ST1_NO_DATA;
      let st1: number;
      try {
        st1 = work(this.buffer);
      } catch (error) {
        if (!(error instanceof BlockError)) throw error;
        st1 = ST1_CRC;
      }
      if (st1 > 0) return st1;
      const goesOn = this.next(place, sides, format);
      if (st1 < 0) return 0;
      if (!goesOn) return ST1_END;
    }
  }

  /** False behind the last sector of the last side. */
  private next(place: Place, sides: number, format: FloppyFormat): boolean {
    if (place.sector !== place.last) {
      place.sector = (place.sector + 1) & 0xff;
      return true;
    }
    place.sector = 1;
    if (sides === 2 && place.head === 0 && format.heads === 2) {
      place.head = 1;
      return true;
    }
    if (sides === 2) place.head = 0;
    place.cylinder = (place.cylinder + 1) & 0xff;
    return false;
  }

  /** The host gives cylinder, head, number and size of each sector; all that follow this disk's format are filled. */
  private formatTrack(p: readonly number[]): number[] {
    const select = p[1]!;
    const drive = select & 3;
    const place: Place = { cylinder: 0, head: (select >> 2) & 1, sector: 1, last: 0 };
    let st1 = this.obstacle(0x0d, select);
    place.cylinder = this.state.drives[drive]!.track;
    const id = new Uint8Array(4);
    for (let i = 0; i < p[3]! && st1 === 0; i++) {
      const moved = this.dma.fromMemory(DMA_CHANNEL, id);
      st1 = moved < 4 ? ST1_OVERRUN : this.fillSector(drive, place, id, p[5]!);
      if (this.dma.reachedTerminalCount(DMA_CHANNEL)) break;
    }
    return finish(select, [st1, 0], place);
  }

  private fillSector(drive: number, place: Place, id: Uint8Array, fill: number): number {
    const { sectors } = this.format(drive)!;
    const [cylinder, head, sector, size] = id as unknown as [number, number, number, number];
    if (cylinder !== place.cylinder || head !== place.head || size !== 2 || sector < 1 || sector > sectors)
      return ST1_NO_DATA;
    try {
      this.media[drive]!.write(this.offset(drive, { ...place, sector }), this.buffer.fill(fill));
      return 0;
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      return ST1_CRC;
    }
  }
}
