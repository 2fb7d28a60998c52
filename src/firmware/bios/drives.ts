/** Drive numbers of INT 13h: floppies from 00, disks from 80, CDs from E0, and the drive that a CD's image poses as. */
import { CD_BLOCK, EMULATION, emulatedMedium } from './el-torito.js';
import type { CdEntry } from './el-torito.js';
import { SECTOR, diskGeometry, floppyGeometry } from './geometry.js';
import type { Geometry } from './geometry.js';
import type { BiosDrives, Door, Drive, Medium } from './host.js';
import type { CdBootState } from './state.js';

export const FIRST_DISK = 0x80,
  FIRST_CD = 0xe0;

export interface FoundDrive {
  readonly kind: 'floppy' | 'disk' | 'cdrom';
  readonly medium: Medium | undefined;
  /** Bytes. */
  readonly sectorSize: number;
  /** Of a drive whose medium can be locked in. */
  readonly door?: Door | undefined;
}

export class Drives {
  private readonly drives: BiosDrives;
  /** How the CD was booted; its emulation may be over. */
  readonly cd: CdBootState;
  private image: { readonly of: Medium; readonly medium: Medium } | undefined;
  private geometryOf: { readonly medium: Medium; readonly geometry: Geometry } | undefined;

  constructor(drives: BiosDrives, cd: CdBootState) {
    this.drives = drives;
    this.cd = cd;
  }

  reset(): void {
    this.cd.index = -1;
    this.cd.emulating = false;
    this.geometryOf = undefined;
    this.image = undefined;
  }

  /** The drive number of what was booted. */
  bootCd(index: number, entry: CdEntry): number {
    const { emulation } = entry;
    const drive =
      emulation === EMULATION.NONE ? FIRST_CD + index : emulation === EMULATION.DISK ? FIRST_DISK : 0;
    Object.assign(this.cd, entry, { index, drive, emulating: emulation !== EMULATION.NONE });
    return drive;
  }

  /** The image on the CD; taken out, the CD takes it along. */
  private readonly emulated: Drive = () => {
    const of = this.drives.cdroms[this.cd.index]?.();
    if (of === undefined) return undefined;
    if (this.image?.of !== of) this.image = { of, medium: emulatedMedium(of, this.cd) };
    return this.image.medium;
  };

  private list(kind: 'floppy' | 'disk'): readonly Drive[] {
    const real = kind === 'floppy' ? this.drives.floppies : this.drives.disks;
    const first = kind === 'floppy' ? 0 : FIRST_DISK;
    return this.cd.emulating && this.cd.drive === first ? [this.emulated, ...real] : real;
  }

  get floppyCount(): number {
    return this.list('floppy').length;
  }
  get diskCount(): number {
    return this.list('disk').length;
  }
  get cdroms(): readonly Drive[] {
    return this.drives.cdroms;
  }

  find(number: number): FoundDrive | undefined {
    if (number >= FIRST_CD) {
      const drive = this.drives.cdroms[number - FIRST_CD];
      const door = this.drives.doors[number - FIRST_CD];
      return drive && { kind: 'cdrom', medium: drive(), sectorSize: CD_BLOCK, door };
    }
    const kind = number < FIRST_DISK ? 'floppy' : 'disk';
    const drive = this.list(kind)[number & 0x7f];
    return drive && { kind, medium: drive(), sectorSize: SECTOR };
  }

  /** Of a drive with a medium; a disk's is worked out once. */
  geometry({ kind }: FoundDrive, medium: Medium): Geometry {
    if (kind === 'floppy') return floppyGeometry(medium.size);
    if (this.geometryOf?.medium !== medium) this.geometryOf = { medium, geometry: diskGeometry(medium) };
    return this.geometryOf.geometry;
  }
}
