/** Memory types as firmware leaves them: write-back, but for video memory, ROMs (write-protected) and the PCI hole (SDM vol. 3, 11.11). */
import { PCI_MEMORY_FIRST } from './pci-setup.js';

const WRITE_BACK = 0x06060606,
  WRITE_PROTECTED = 0x05050505;
const FIXED_VIDEO = 0x259,
  FIXED_LOW = [0x250, 0x258],
  FIXED_ROM = [0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f];
const FIRST_BASE = 0x200,
  FIRST_MASK = 0x201,
  DEFAULT_TYPE = 0x2ff;
const MASK_VALID = 0x800,
  MASK_HIGH = 0x0f;
const ENABLED_WRITE_BACK = 0xc06;

export interface MsrValue {
  readonly index: number;
  readonly low: number;
  readonly high: number;
}

/** The range from PCI memory to 4 GiB is as large as it is aligned. */
export function memoryTypes(): MsrValue[] {
  const both = (index: number, half: number): MsrValue => ({ index, low: half, high: half });
  return [
    ...FIXED_LOW.map((index) => both(index, WRITE_BACK)),
    both(FIXED_VIDEO, 0),
    ...FIXED_ROM.map((index) => both(index, WRITE_PROTECTED)),
    { index: FIRST_BASE, low: PCI_MEMORY_FIRST | 0, high: 0 },
    { index: FIRST_MASK, low: PCI_MEMORY_FIRST | MASK_VALID, high: MASK_HIGH },
    { index: DEFAULT_TYPE, low: ENABLED_WRITE_BACK, high: 0 },
  ];
}
