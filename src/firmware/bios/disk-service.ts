/**
 * INT 13h: floppies, disks and CDs by cylinder, head and sector, and by block (Enhanced Disk Drive 3.0, El Torito 1.0).
 * Not implemented: formatting beyond filling a floppy's track, device paths, DMA addresses above 4 GiB.
 */
import { BDA } from './data-area.js';
import { FIRST_CD, FIRST_DISK } from './drives.js';
import type { Drives, FoundDrive } from './drives.js';
import { SECTOR, floppyGeometry } from './geometry.js';
import type { Geometry } from './geometry.js';
import { MediumError } from './host.js';
import type { BiosMemory, Medium } from './host.js';
import type { Registers } from './registers.js';
import { AT, ROM_SEGMENT } from './rom.js';

export const STATUS = {
  OK: 0,
  INVALID: 0x01,
  WRITE_PROTECTED: 0x03,
  NOT_FOUND: 0x04,
  CHANGED: 0x06,
  CONTROLLER: 0x20,
  NOT_READY: 0x80,
  NO_MEDIUM: 0x31,
  NOT_LOCKED: 0xb0,
  LOCKED: 0xb1,
  NOT_REMOVABLE: 0xb2,
} as const;

/** Most bytes at once. */
const PIECE = 0x10000;
const EDD_VERSION = 0x30,
  EDD_FUNCTIONS = 5,
  EDD_REMOVABLE = 2;
const LOCK = 0,
  UNLOCK = 1,
  TELL = 2;
const FILL_BYTE = 0xf6;

type Direction = 'read' | 'write' | 'verify';
interface Transfer {
  readonly direction: Direction;
  readonly offset: number;
  readonly length: number;
  /** Linear address. */
  readonly address: number;
}

export class DiskService {
  private readonly drives: Drives;
  private readonly memory: BiosMemory;
  private readonly lastMedia = new Map<number, Medium | undefined>();

  constructor(drives: Drives, memory: BiosMemory) {
    this.drives = drives;
    this.memory = memory;
  }

  reset(): void {
    this.lastMedia.clear();
  }

  /** Undefined for a drive without a medium, or one that the host cannot read. */
  shape(number: number): { readonly size: number; readonly geometry: Geometry } | undefined {
    const found = this.drives.find(number);
    const geometry = found?.medium && this.geometryOrNone(found, found.medium);
    return geometry && { size: found!.medium!.size, geometry };
  }

  handle(r: Registers): void {
    const drive = r.dl;
    const status = this.attempt(r);
    if (status === undefined) return;
    this.finish(r, drive, status);
  }

  /** CF and AH, and the data area's last status. */
  private finish(r: Registers, drive: number, status: number): void {
    r.ah = status;
    r.carry = status !== STATUS.OK;
    this.memory.write8(drive < FIRST_DISK ? BDA.FLOPPY_STATUS : BDA.DISK_STATUS, status);
  }

  /** Undefined when the function has set AH and CF itself. A host that fails is a controller that failed. */
  private attempt(r: Registers): number | undefined {
    const function_ = r.ah;
    if (function_ === 0x4a || function_ === 0x4b) return this.cdEmulation(r);
    const found = this.drives.find(r.dl);
    if (function_ === 0x08) return this.parameters(r, found);
    if (function_ === 0x15) return this.driveType(r, found);
    if (found === undefined) return STATUS.INVALID;
    try {
      return function_ >= 0x41 && function_ <= 0x4e ? this.enhanced(r, found) : this.classic(r, found);
    } catch (error) {
      if (!(error instanceof MediumError)) throw error;
      return STATUS.CONTROLLER;
    }
  }

  private classic(r: Registers, found: FoundDrive): number | undefined {
    switch (r.ah) {
      case 0x00:
      case 0x0d:
        return STATUS.OK;
      case 0x01:
        return this.lastStatus(r);
      case 0x02:
        return this.byChs(r, found, 'read');
      case 0x03:
        return this.byChs(r, found, 'write');
      case 0x04:
        return this.byChs(r, found, 'verify');
      case 0x05:
        return this.format(r, found);
      case 0x09:
      case 0x0c:
      case 0x10:
      case 0x11:
      case 0x14:
        return found.kind === 'disk' ? STATUS.OK : STATUS.INVALID;
      case 0x16:
        return this.changeLine(r, found);
      case 0x17:
        return found.kind === 'floppy' ? STATUS.OK : STATUS.INVALID;
      case 0x18:
        return this.mediaType(r, found);
      default:
        return STATUS.INVALID;
    }
  }

  private lastStatus(r: Registers): undefined {
    const status = this.memory.read8(r.dl < FIRST_DISK ? BDA.FLOPPY_STATUS : BDA.DISK_STATUS);
    r.ah = status;
    r.carry = status !== 0;
    return undefined;
  }

  /** A floppy that was exchanged says so once. */
  private noteChange(number: number, medium: Medium | undefined): boolean {
    const known = this.lastMedia.has(number);
    const changed = known && this.lastMedia.get(number) !== medium;
    this.lastMedia.set(number, medium);
    return changed;
  }

  private byChs(r: Registers, found: FoundDrive, direction: Direction): number {
    const { medium } = found;
    if (found.kind === 'floppy' && this.noteChange(r.dl, medium)) return STATUS.CHANGED;
    if (medium === undefined) return found.kind === 'cdrom' ? STATUS.NO_MEDIUM : STATUS.NOT_READY;
    if (found.kind === 'cdrom') return STATUS.INVALID;
    const { cylinders, heads, sectors } = this.drives.geometry(found, medium);
    const cylinder = r.ch | ((r.cl & 0xc0) << 2);
    const sector = r.cl & 63;
    const count = r.al;
    if (count === 0 || sector === 0) return STATUS.INVALID;
    if (cylinder >= Math.max(cylinders, 1) || r.dh >= heads || sector > sectors) {
      r.al = 0;
      return STATUS.NOT_FOUND;
    }
    const offset = ((cylinder * heads + r.dh) * sectors + sector - 1) * SECTOR;
    const status = this.move(medium, { direction, offset, length: count * SECTOR, address: r.es(r.bx) });
    if (status !== STATUS.OK) r.al = 0;
    return status;
  }

  private move(medium: Medium, { direction, offset, length, address }: Transfer): number {
    if (offset + length > medium.size) return STATUS.NOT_FOUND;
    if (direction === 'verify') return STATUS.OK;
    if (direction === 'write' && medium.readOnly) return STATUS.WRITE_PROTECTED;
    for (let done = 0; done < length; done += PIECE) {
      const part = Math.min(PIECE, length - done);
      if (direction === 'write') medium.write(offset + done, this.memory.read(address + done, part));
      else {
        const bytes = new Uint8Array(part);
        medium.read(offset + done, bytes);
        this.memory.write(address + done, bytes);
      }
    }
    return STATUS.OK;
  }

  private format(r: Registers, found: FoundDrive): number {
    const { medium } = found;
    if (found.kind !== 'floppy') return found.kind === 'disk' ? STATUS.OK : STATUS.INVALID;
    if (medium === undefined) return STATUS.NOT_READY;
    if (medium.readOnly) return STATUS.WRITE_PROTECTED;
    const { cylinders, heads, sectors } = floppyGeometry(medium.size);
    if (r.ch >= cylinders || r.dh >= heads) return STATUS.NOT_FOUND;
    const track = new Uint8Array(sectors * SECTOR).fill(FILL_BYTE);
    const offset = (r.ch * heads + r.dh) * track.length;
    if (offset + track.length > medium.size) return STATUS.NOT_FOUND;
    medium.write(offset, track);
    return STATUS.OK;
  }

  private parameters(r: Registers, found: FoundDrive | undefined): number | undefined {
    const isFloppy = r.dl < FIRST_DISK;
    if (r.dl >= FIRST_CD) return STATUS.INVALID;
    if (found === undefined && !isFloppy) return STATUS.INVALID;
    const count = isFloppy ? this.drives.floppyCount : this.drives.diskCount;
    if (found === undefined) {
      // A floppy drive that there is none of: all zero, no error.
      r.ax = r.bx = r.cx = 0;
      r.dx = count;
      r.loadEs(0);
      r.di = 0;
      return STATUS.OK;
    }
    const floppy = isFloppy ? floppyGeometry(found.medium?.size ?? 0) : undefined;
    const geometry = floppy ?? (found.medium && this.geometryOrNone(found, found.medium));
    if (geometry === undefined) return STATUS.CONTROLLER;
    const last = geometry.cylinders - 1;
    r.al = 0;
    r.ch = last & 0xff;
    r.cl = ((last >> 2) & 0xc0) | geometry.sectors;
    r.dh = geometry.heads - 1;
    r.dl = count;
    if (floppy !== undefined) {
      r.bx = floppy.type;
      r.loadEs(ROM_SEGMENT);
      r.di = AT.FLOPPY_TABLE;
    }
    return STATUS.OK;
  }

  private geometryOrNone(found: FoundDrive, medium: Medium): Geometry | undefined {
    try {
      return this.drives.geometry(found, medium);
    } catch (error) {
      if (!(error instanceof MediumError)) throw error;
      return undefined;
    }
  }

  /** AH = 0 none, 2 floppy with change line, 3 disk whose sectors are in CX:DX. */
  private driveType(r: Registers, found: FoundDrive | undefined): undefined {
    r.carry = false;
    r.ah = found === undefined || found.kind === 'cdrom' ? 0 : found.kind === 'floppy' ? 2 : 3;
    if (r.ah !== 3) return undefined;
    const sectors = Math.floor((found?.medium?.size ?? 0) / SECTOR);
    r.cx = sectors >>> 16;
    r.dx = sectors;
    return undefined;
  }

  private changeLine(r: Registers, found: FoundDrive): number {
    if (found.kind !== 'floppy') return STATUS.INVALID;
    if (found.medium === undefined) return STATUS.NOT_READY;
    return this.noteChange(r.dl, found.medium) ? STATUS.CHANGED : STATUS.OK;
  }

  private mediaType(r: Registers, found: FoundDrive): number {
    if (found.kind !== 'floppy') return STATUS.INVALID;
    if (found.medium === undefined) return STATUS.NOT_READY;
    const { cylinders, sectors } = floppyGeometry(found.medium.size);
    const track = r.ch | ((r.cl & 0xc0) << 2);
    if (track !== cylinders - 1 || (r.cl & 63) !== sectors) return 0x0c;
    r.loadEs(ROM_SEGMENT);
    r.di = AT.FLOPPY_TABLE;
    return STATUS.OK;
  }

  /** Functions 41 to 49; floppies have none of them. */
  private enhanced(r: Registers, found: FoundDrive): number | undefined {
    if (found.kind === 'floppy') return STATUS.INVALID;
    switch (r.ah) {
      case 0x41:
        if (r.bx !== 0x55aa) return STATUS.INVALID;
        r.bx = 0xaa55;
        r.cx = EDD_FUNCTIONS | (found.door === undefined ? 0 : EDD_REMOVABLE);
        r.ah = EDD_VERSION;
        r.carry = false;
        return undefined;
      case 0x42:
        return this.byPacket(r, found, 'read');
      case 0x43:
        return this.byPacket(r, found, 'write');
      case 0x44:
        return this.byPacket(r, found, 'verify');
      case 0x45:
        return this.lock(r, found);
      case 0x46:
        return this.openDoor(found);
      case 0x47:
        return STATUS.OK;
      case 0x49:
        return found.door === undefined
          ? STATUS.NOT_REMOVABLE
          : this.noteChange(r.dl, found.medium)
            ? STATUS.CHANGED
            : STATUS.OK;
      case 0x4e:
        return this.configure(r, found);
      case 0x48:
        return this.enhancedParameters(r, found);
      default:
        return STATUS.INVALID;
    }
  }

  private lock(r: Registers, { door }: FoundDrive): number {
    if (door === undefined) return STATUS.NOT_REMOVABLE;
    if (r.al > TELL) return STATUS.INVALID;
    if (r.al === UNLOCK && !door.locked) return STATUS.NOT_LOCKED;
    if (r.al !== TELL) door.locked = r.al === LOCK;
    r.al = door.locked ? 1 : 0;
    return STATUS.OK;
  }

  private openDoor({ door, medium }: FoundDrive): number {
    if (door === undefined) return STATUS.NOT_REMOVABLE;
    if (medium === undefined) return STATUS.NO_MEDIUM;
    if (door.locked) return STATUS.LOCKED;
    door.open();
    return STATUS.OK;
  }

  /** Prefetch, transfer modes: whatever is asked for holds already, for this drive alone. */
  private configure(r: Registers, { kind }: FoundDrive): number {
    if (kind !== 'disk' || r.al > 6) return STATUS.INVALID;
    r.al = 0;
    return STATUS.OK;
  }

  private byPacket(r: Registers, found: FoundDrive, direction: Direction): number {
    const { memory } = this;
    const packet = r.ds(r.si);
    const count = memory.read16(packet + 2);
    const { medium, sectorSize } = found;
    if (memory.read8(packet) < 0x10) return STATUS.INVALID;
    if (medium === undefined) return found.kind === 'cdrom' ? STATUS.NO_MEDIUM : STATUS.NOT_READY;
    const block = memory.read32(packet + 8) + memory.read32(packet + 12) * 2 ** 32;
    const offset = block * sectorSize;
    const address = this.packetAddress(packet);
    const status = this.move(medium, { direction, offset, length: count * sectorSize, address });
    if (status !== STATUS.OK) memory.write16(packet + 2, 0);
    return status;
  }

  /** A segment and offset of all ones point to a flat address behind the block number. */
  private packetAddress(packet: number): number {
    const { memory } = this;
    const [offset, segment] = [memory.read16(packet + 4), memory.read16(packet + 6)];
    const isFlat = offset === 0xffff && segment === 0xffff && memory.read8(packet) >= 0x18;
    return isFlat ? memory.read32(packet + 16) : segment * 16 + offset;
  }

  /** As much of the result as there is room for: 26 bytes, and 30 with a pointer to no device parameters. */
  private enhancedParameters(r: Registers, found: FoundDrive): number {
    const { memory } = this;
    const { kind, medium, sectorSize } = found;
    const buffer = r.ds(r.si);
    const room = memory.read16(buffer);
    if (room < 26) return STATUS.INVALID;
    if (medium === undefined) return kind === 'cdrom' ? STATUS.NO_MEDIUM : STATUS.NOT_READY;
    const total = Math.floor(medium.size / sectorSize);
    const geometry = kind === 'disk' ? this.drives.geometry(found, medium) : undefined;
    const all = 0xffffffff;
    const cylinders = geometry && Math.min(16383, Math.floor(total / (geometry.heads * geometry.sectors)));
    memory.write16(buffer, room >= 30 ? 30 : 26);
    // Valid geometry; of a CD: removable, with change line, lockable.
    memory.write16(buffer + 2, kind === 'disk' ? 2 : 0x74);
    memory.write32(buffer + 4, cylinders ?? all);
    memory.write32(buffer + 8, geometry?.heads ?? all);
    memory.write32(buffer + 12, geometry?.sectors ?? all);
    memory.write32(buffer + 16, total >>> 0);
    memory.write32(buffer + 20, Math.floor(total / 2 ** 32));
    memory.write16(buffer + 24, sectorSize);
    if (room >= 30) memory.write32(buffer + 26, all);
    return STATUS.OK;
  }

  /** 4B00 ends the emulation of a CD's image, 4B01 only tells of it; with 4A there is none to begin. */
  private cdEmulation(r: Registers): number {
    const { cd } = this.drives;
    if (r.ah === 0x4a || cd.index < 0 || r.al > 1) return STATUS.INVALID;
    if (r.dl !== cd.drive && r.dl !== 0x7f) return STATUS.INVALID;
    const { drive, index } = cd;
    const at = r.ds(r.si);
    const { memory } = this;
    const packet = new DataView(new ArrayBuffer(0x13));
    packet.setUint8(0, 0x13);
    packet.setUint8(1, cd.emulation);
    packet.setUint8(2, drive);
    packet.setUint8(3, index >> 1);
    packet.setUint32(4, cd.block, true);
    packet.setUint16(8, index & 1, true);
    packet.setUint16(12, cd.segment, true);
    packet.setUint16(14, cd.sectors, true);
    this.putGeometry(packet, drive);
    memory.write(at, new Uint8Array(packet.buffer));
    if (r.al === 0) cd.emulating = false;
    return STATUS.OK;
  }

  private putGeometry(packet: DataView, drive: number): void {
    const found = this.drives.find(drive);
    if (found?.medium === undefined || found.kind === 'cdrom') return;
    const geometry = this.geometryOrNone(found, found.medium);
    if (geometry === undefined) return;
    const { cylinders, heads, sectors } = geometry;
    packet.setUint8(16, (cylinders - 1) & 0xff);
    packet.setUint8(17, sectors | (((cylinders - 1) >> 2) & 0xc0));
    packet.setUint8(18, heads - 1);
  }
}
