/** Disks, CDs and floppies of the board: which drive hangs on which cable, and the controllers' places and wires. */
import { AtaDisk } from '../devices/ata-disk.js';
import type { AtaUnit } from '../devices/ata-unit.js';
import { AtapiCdrom } from '../devices/atapi-cdrom.js';
import type { BlockDevice } from '../devices/block-device.js';
import type { Device, Wire } from '../devices/device.js';
import { FloppyController } from '../devices/floppy-controller.js';
import { IdePiix3 } from '../devices/ide-piix3.js';
import type { IsaDma } from '../devices/isa-dma.js';
import { nativeGeometry } from '../firmware/bios/geometry.js';
import type { BiosDrives, Door } from '../firmware/bios/host.js';
import type { MachineClock } from '../hv/clock.js';
import type { PhysicalMemory } from '../runtime/memory.js';
import { biosDrive } from './bios.js';
import type { Chipset } from './chipset.js';

/** PIIX is at slot 1. */
const PIIX_SLOT = 1,
  IDE_FUNCTION = 1;
const FLOPPY_IRQ = 6,
  PRIMARY_IRQ = 14,
  SECONDARY_IRQ = 15;
const PLACES = 4,
  /** Where a CD-ROM drive is even without a medium. */
  CDROM_PLACE = 2;
const PAGE = 4096;
const CMOS_FLOPPY_TYPES = 0x10,
  CMOS_DISK_TYPES = 0x12,
  CMOS_EQUIPMENT = 0x14,
  CMOS_EXTENDED_TYPE = 0x19,
  CMOS_GEOMETRY = 0x1b,
  CMOS_TRANSLATION = 0x39;
/** Coprocessor and mouse. */
const EQUIPMENT = 0x06;
/** The disk's type is one that says its geometry itself. */
const USER_TYPE = 47,
  EXTENDED = 0x0f,
  GEOMETRY_BYTES = 9,
  MOST_UNTRANSLATED = 1024,
  LBA_TRANSLATION = 1;

export interface IdeMedium {
  readonly kind: 'disk' | 'cdrom';
  readonly image: BlockDevice;
}

/** What is in the drives when the machine is switched on. */
export interface StorageMedia {
  /** Primary master and slave, secondary master and slave. */
  readonly ide: readonly (IdeMedium | undefined)[];
  /** Drive A and B, each there only with a medium; sizes as `floppyFormat` knows them. */
  readonly floppies?: readonly (BlockDevice | undefined)[];
}

export interface StorageParts {
  readonly chipset: Chipset;
  readonly clock: MachineClock;
  readonly memory: PhysicalMemory;
  readonly irq: (line: number) => Wire;
  readonly dma: IsaDma & Device;
}

export class Storage {
  /** By place on the cables; media are changed here. */
  readonly cdroms = new Map<number, AtapiCdrom>();
  readonly floppy: FloppyController;
  /** As the built-in BIOS numbers them: floppies, disks, CD-ROM drives. */
  readonly biosDrives: BiosDrives;
  /** The ISA devices among them, in the order of reset. */
  readonly devices: readonly Device[];

  constructor({ chipset, clock, memory, irq, dma }: StorageParts, media: StorageMedia) {
    const units = Array.from({ length: PLACES }, (_, place) => this.drive(clock, place, media.ide[place]));
    const ide = new IdePiix3({
      clock,
      units,
      memory: chipset.memory,
      reaches: (address, length) => isMemory(memory, address, length),
      irqs: [irq(PRIMARY_IRQ), irq(SECONDARY_IRQ)],
    });
    chipset.register(ide, PIIX_SLOT, IDE_FUNCTION);
    this.disks = Array.from({ length: PLACES }, (_, place) => diskBytes(media.ide[place]));
    const drives = media.floppies ?? [];
    this.floppy = new FloppyController({ clock, irq: irq(FLOPPY_IRQ), dma, drives });
    this.devices = [dma, this.floppy];
    this.biosDrives = {
      floppies: drives.map((_, i) => biosDrive(() => this.floppy.inserted(i))),
      disks: media.ide.flatMap((medium) => (medium?.kind === 'disk' ? biosDrive(() => medium.image) : [])),
      cdroms: [...this.cdroms.values()].map((cdrom) =>
        biosDrive(() => (cdrom.trayOpen ? undefined : cdrom.inserted)),
      ),
      doors: [...this.cdroms.values()].map((cdrom) => doorOf(cdrom)),
    };
  }

  /** Bytes of the disks by place, 0 for none. */
  private readonly disks: readonly number[];

  /** What firmware finds in CMOS about the drives: register → value. */
  get cmos(): Readonly<Record<number, number>> {
    const [a, b] = this.floppy.driveTypes as [number, number];
    const count = this.floppy.driveTypes.filter((type) => type !== 0).length;
    return {
      ...diskCmos(this.disks),
      [CMOS_FLOPPY_TYPES]: (a << 4) | b,
      [CMOS_EQUIPMENT]: EQUIPMENT | (count === 0 ? 0 : 1 | ((count - 1) << 6)),
    };
  }

  private drive(clock: MachineClock, place: number, medium: IdeMedium | undefined): AtaUnit | undefined {
    const serial = `HVM0000${place + 1}`;
    if (medium?.kind === 'disk') return new AtaDisk(clock, medium.image, serial);
    if (medium === undefined && place !== CDROM_PLACE) return undefined;
    const cdrom = new AtapiCdrom(clock, medium?.image, serial);
    this.cdroms.set(place, cdrom);
    return cdrom;
  }
}

const diskBytes = (medium: IdeMedium | undefined): number =>
  medium?.kind === 'disk' ? medium.image.size : 0;

function doorOf(cdrom: AtapiCdrom): Door {
  return {
    get locked() {
      return cdrom.locked;
    },
    set locked(locked) {
      cdrom.setLocked(locked);
    },
    open: () => void cdrom.eject(false),
  };
}

/** Types and geometries as setup programs of the AT store them, and which disks have more cylinders than INT 13h can say. */
function diskCmos(sizes: readonly number[]): Record<number, number> {
  const cmos: Record<number, number> = { [CMOS_DISK_TYPES]: 0, [CMOS_TRANSLATION]: 0 };
  sizes.forEach((size, i) => {
    if (size === 0) return;
    const { cylinders, heads, sectors } = nativeGeometry(size);
    if (cylinders > MOST_UNTRANSLATED) cmos[CMOS_TRANSLATION]! |= LBA_TRANSLATION << (2 * i);
    // Only the first cable's disks have types.
    if (i > 1) return;
    const low = cylinders & 0xff;
    const high = cylinders >> 8;
    cmos[CMOS_DISK_TYPES]! |= EXTENDED << (i === 0 ? 4 : 0);
    cmos[CMOS_EXTENDED_TYPE + i] = USER_TYPE;
    [low, high, heads, 0xff, 0xff, 0xc8, low, high, sectors].forEach((byte, at) => {
      cmos[CMOS_GEOMETRY + GEOMETRY_BYTES * i + at] = byte;
    });
  });
  return cmos;
}

/** Whether all of a range is RAM or ROM. */
function isMemory(memory: PhysicalMemory, address: number, length: number): boolean {
  if (address + length > 2 ** 32) return false;
  for (let at = address - (address % PAGE); at < address + length; at += PAGE)
    if (memory.machineAddress(at) < 0) return false;
  return true;
}
