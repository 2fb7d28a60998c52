/** What the BIOS remembers outside the guest's memory, as plain data. */
import { romScanStart } from './option-roms.js';
import type { RomScan } from './option-roms.js';

export interface CdBootState {
  /** CD-ROM drive that was booted, -1 none. */
  index: number;
  /** Number that INT 13h knows the booted medium by. */
  drive: number;
  /** The image still poses as that drive. */
  emulating: boolean;
  emulation: number;
  segment: number;
  sectors: number;
  block: number;
}

export interface BiosState {
  readonly cd: CdBootState;
  /** When the wait of INT 15h that is in progress is over, guest nanoseconds; -1 none. */
  waitUntil: number;
  /** The mode that 4F02 set last. */
  vbeMode: number;
  readonly roms: RomScan;
  /** How many devices of the boot order have been tried since INT 19h. */
  tried: number;
}

export function createBiosState(): BiosState {
  const cd = { index: -1, drive: 0, emulating: false, emulation: 0, segment: 0, sectors: 0, block: 0 };
  return { cd, waitUntil: -1, vbeMode: 3, roms: romScanStart(), tried: 0 };
}
