/** Drive numbers of INT 13h: floppies from 00, disks from 80, CDs from E0, and the drive that a CD's image poses as. */
import { CD_BLOCK, EMULATION, emulatedMedium } from './el-torito.js';
import type { CdEntry } from './el-torito.js';
import { SECTOR, diskGeometry, floppyGeometry } from './geometry.js';
import type { Geometry } from './geometry.js';
import type { BiosDrives, Drive, Medium } from './host.js';

export const FIRST_DISK = 0x80,
  FIRST_CD = 0xe0;

export interface FoundDrive {
  readonly kind: 'floppy' | 'disk' | 'cdrom';
  readonly medium: Medium | undefined;
  /** Bytes. */
  readonly sectorSize: number;
}

export interface CdBoot {
  readonly entry: CdEntry;
  readonly drive: number;
  readonly controllerIndex: number;
}

export class Drives {
  private readonly drives: BiosDrives;
  /** How the CD was booted; its emulation may be over. */
  cdBoot: CdBoot | undefined;
  private emulated: Drive | undefined;
  private geometryOf: { readonly medium: Medium; readonly geometry: Geometry } | undefined;

  constructor(drives: BiosDrives) {
    this.drives = drives;
  }

  reset(): void {
    this.cdBoot = undefined;
    this.emulated = undefined;
    this.geometryOf = undefined;
  }

  /** The drive number of what was booted. */
  bootCd(index: number, medium: Medium, entry: CdEntry): number {
    const { emulation } = entry;
    const drive =
      emulation === EMULATION.NONE ? FIRST_CD + index : emulation === EMULATION.DISK ? FIRST_DISK : 0;
    if (emulation !== EMULATION.NONE) {
      const image = emulatedMedium(medium, entry);
      // Taken out, the CD takes its image with it.
      this.emulated = () => (this.drives.cdroms[index]?.() === medium ? image : undefined);
    }
    this.cdBoot = { entry, drive, controllerIndex: index };
    return drive;
  }

  endEmulation(): void {
    this.emulated = undefined;
  }

  private list(kind: 'floppy' | 'disk'): readonly Drive[] {
    const real = kind === 'floppy' ? this.drives.floppies : this.drives.disks;
    const first = kind === 'floppy' ? 0 : FIRST_DISK;
    return this.emulated !== undefined && this.cdBoot?.drive === first ? [this.emulated, ...real] : real;
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
      return drive && { kind: 'cdrom', medium: drive(), sectorSize: CD_BLOCK };
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
