/**
 * An ATA hard disk over a block device (ATA/ATAPI-6, chapter 8): CHS, LBA28 and LBA48 addresses, programmed I/O by sector and by block, DMA,
 * write cache, FLUSH CACHE. What the host cannot do becomes an uncorrectable sector or a write fault.
 * Not implemented: SMART, security, host protected area beyond READ NATIVE MAX ADDRESS, TRIM.
 */
import { LBA28_SECTORS, identifyDisk } from './ata-identify.js';
import { AtaUnit, BUFFER_BYTES, ERROR, STATUS, ataPowerOn } from './ata-unit.js';
import type { AtaState, AtaStep } from './ata-unit.js';
import { BlockError } from './block-device.js';
import type { BlockDevice } from './block-device.js';
import type { Clock } from './device.js';

const SECTOR = 512;
const LARGEST_MULTIPLE = 16;
const DMA_SECTORS = BUFFER_BYTES / SECTOR;
const NATIVE_HEADS = 16,
  NATIVE_SECTORS = 63,
  LARGEST_CYLINDERS = 16383;
const USE_LBA = 0x40;
const DEFAULT_MODE = 0x45;

export interface AtaDiskState extends AtaState {
  heads: number;
  sectorsPerTrack: number;
  multiple: number;
  writeCache: boolean;
  transferMode: number;
  /** Next sector of the command in progress, how many are left, and how many make a block. */
  lba: number;
  remaining: number;
  blockSectors: number;
}

interface Transfer {
  readonly direction: 'in' | 'out';
  readonly kind: 'sector' | 'multiple' | 'dma';
  readonly ext?: boolean;
  /** Force unit access: on stable storage before the command ends. */
  readonly fua?: boolean;
}
const TRANSFERS: Readonly<Record<number, Transfer>> = {
  0x20: { direction: 'in', kind: 'sector' },
  0x21: { direction: 'in', kind: 'sector' },
  0x24: { direction: 'in', kind: 'sector', ext: true },
  0x25: { direction: 'in', kind: 'dma', ext: true },
  0x29: { direction: 'in', kind: 'multiple', ext: true },
  0x30: { direction: 'out', kind: 'sector' },
  0x31: { direction: 'out', kind: 'sector' },
  0x34: { direction: 'out', kind: 'sector', ext: true },
  0x35: { direction: 'out', kind: 'dma', ext: true },
  0x39: { direction: 'out', kind: 'multiple', ext: true },
  0x3d: { direction: 'out', kind: 'dma', ext: true, fua: true },
  0xc4: { direction: 'in', kind: 'multiple' },
  0xc5: { direction: 'out', kind: 'multiple' },
  0xc8: { direction: 'in', kind: 'dma' },
  0xc9: { direction: 'in', kind: 'dma' },
  0xca: { direction: 'out', kind: 'dma' },
  0xcb: { direction: 'out', kind: 'dma' },
  0xce: { direction: 'out', kind: 'multiple', ext: true, fua: true },
};
/** Commands without data; STANDBY, IDLE and SLEEP have two codes each. */
const NON_DATA: Readonly<Record<number, (disk: AtaDisk) => void>> = {
  0x27: (disk) => disk.readNativeMax(true),
  0x40: (disk) => disk.verify(false),
  0x41: (disk) => disk.verify(false),
  0x42: (disk) => disk.verify(true),
  0x91: (disk) => disk.initializeParameters(),
  0xc6: (disk) => disk.setMultiple(),
  0x98: (disk) => disk.checkPowerMode(),
  0xe5: (disk) => disk.checkPowerMode(),
  0xe7: (disk) => disk.flush(),
  0xea: (disk) => disk.flush(),
  0xef: (disk) => disk.setFeatures(),
  0xf8: (disk) => disk.readNativeMax(false),
};
const POWER_COMMANDS: ReadonlySet<number> = new Set([
  0x94, 0x95, 0x96, 0x97, 0x99, 0xe0, 0xe1, 0xe2, 0xe3, 0xe6,
]);
const READ_BUFFER = 0xe4,
  WRITE_BUFFER = 0xe8,
  IDENTIFY = 0xec;

export class AtaDisk extends AtaUnit<AtaDiskState> {
  readonly state: AtaDiskState;
  protected readonly signature = [0, 0] as const;
  protected readonly restingStatus = STATUS.DRDY | STATUS.DSC;
  private readonly medium: BlockDevice;
  private readonly sectors: number;
  private readonly cylinders: number;
  private readonly serial: string;

  constructor(clock: Clock, medium: BlockDevice, serial: string) {
    super(clock);
    this.medium = medium;
    this.serial = serial;
    this.sectors = Math.floor(medium.size / SECTOR);
    this.cylinders = Math.max(
      1,
      Math.min(LARGEST_CYLINDERS, Math.floor(this.sectors / (NATIVE_HEADS * NATIVE_SECTORS))),
    );
    this.state = {
      ...ataPowerOn(),
      heads: 0,
      sectorsPerTrack: 0,
      multiple: 0,
      writeCache: true,
      transferMode: 0,
      lba: 0,
      remaining: 0,
      blockSectors: 1,
    };
    this.resetUnit(true);
  }

  resetUnit(power: boolean): void {
    const s = this.state;
    this.setInterrupt(false);
    if (!power) return;
    s.heads = NATIVE_HEADS;
    s.sectorsPerTrack = NATIVE_SECTORS;
    s.multiple = LARGEST_MULTIPLE;
    s.writeCache = true;
    s.transferMode = DEFAULT_MODE;
    this.signIn();
  }

  protected begin(): void {
    const { command } = this.state;
    const transfer = TRANSFERS[command];
    if (transfer !== undefined) this.beginTransfer(transfer);
    else if (Object.hasOwn(NON_DATA, command)) NON_DATA[command]!(this);
    else if (command === IDENTIFY || command === READ_BUFFER) this.beginRead();
    else if (command === WRITE_BUFFER) this.acceptBlock(1);
    // RECALIBRATE and SEEK have sixteen codes each.
    else if (command >> 4 === 1 || command >> 4 === 7 || POWER_COMMANDS.has(command)) this.work('finish');
    else this.fail(ERROR.ABRT);
  }

  private beginRead(): void {
    this.state.direction = 'in';
    this.work('load', SECTOR);
  }

  private beginTransfer({ direction, kind, ext = false }: Transfer): void {
    const s = this.state;
    if (kind === 'multiple' && s.multiple === 0) return this.fail(ERROR.ABRT);
    if (!this.address(ext)) return this.fail(ERROR.IDNF);
    if (direction === 'out' && this.medium.readOnly) return this.fail(ERROR.WP | ERROR.ABRT);
    s.direction = direction;
    s.blockSectors = kind === 'dma' ? DMA_SECTORS : kind === 'multiple' ? s.multiple : 1;
    if (kind === 'dma') this.offerDma(direction, s.remaining * SECTOR);
    else if (direction === 'in') this.work('load', this.blockLength() * SECTOR);
    else this.acceptBlock(this.blockLength());
  }

  private acceptBlock(sectors: number): void {
    this.state.direction = 'out';
    this.offer(sectors * SECTOR, false);
  }

  private blockLength(): number {
    return Math.min(this.state.blockSectors, this.state.remaining);
  }

  /** Takes first sector and count from the task file; false when the drive has no such sectors. */
  private address(ext: boolean): boolean {
    const s = this.state;
    const count = ext ? s.count : s.count & 0xff;
    s.remaining = count === 0 ? (ext ? 0x10000 : 0x100) : count;
    s.lba = ext ? this.extendedAddress() : this.shortAddress();
    return s.lba >= 0 && s.lba + s.remaining <= this.sectors;
  }

  private extendedAddress(): number {
    const { low, mid, high } = this.state;
    const upper = (low >> 8) + (mid & 0xff00) + (high >> 8) * 0x10000;
    return upper * 0x1000000 + (low & 0xff) + ((mid & 0xff) << 8) + ((high & 0xff) << 16);
  }

  private shortAddress(): number {
    const { low, mid, high, device, heads, sectorsPerTrack } = this.state;
    const cylinder = (mid & 0xff) | ((high & 0xff) << 8);
    const head = device & 15,
      sector = low & 0xff;
    if ((device & USE_LBA) !== 0) return (head << 24) | (cylinder << 8) | sector;
    if (sector === 0 || sector > sectorsPerTrack || head >= heads) return -1;
    return (cylinder * heads + head) * sectorsPerTrack + sector - 1;
  }

  /** The task file names the sector reached, as drives leave it. */
  private showAddress(lba: number): void {
    const s = this.state;
    if (TRANSFERS[s.command]?.ext === true || s.command === 0x42) {
      const upper = Math.floor(lba / 0x1000000);
      s.low = (lba & 0xff) | ((upper & 0xff) << 8);
      s.mid = ((lba >>> 8) & 0xff) | (upper & 0xff00);
      s.high = ((lba >>> 16) & 0xff) | ((upper >>> 8) & 0xff00);
    } else if ((s.device & USE_LBA) !== 0) this.showShort(lba & 0xff, (lba >>> 8) & 0xffff, lba >>> 24);
    else {
      const track = Math.floor(lba / s.sectorsPerTrack);
      this.showShort((lba % s.sectorsPerTrack) + 1, Math.floor(track / s.heads), track % s.heads);
    }
  }
  private showShort(sector: number, cylinder: number, head: number): void {
    const s = this.state;
    s.low = sector;
    s.mid = cylinder & 0xff;
    s.high = (cylinder >> 8) & 0xff;
    s.device = (s.device & 0xf0) | head;
  }

  protected proceed(step: AtaStep): void {
    if (step === 'load') this.load();
    else if (step === 'commit') this.commit();
  }

  private load(): void {
    const s = this.state;
    if (s.command === IDENTIFY) s.buffer.set(this.identity());
    if (s.command === IDENTIFY || s.command === READ_BUFFER) this.offer(SECTOR, true);
    else if (this.readBlock()) this.offer(this.blockLength() * SECTOR, true);
  }

  private readBlock(): boolean {
    const { lba, buffer } = this.state;
    const bytes = this.blockLength() * SECTOR;
    return this.attempt(() => this.medium.read(lba * SECTOR, buffer.subarray(0, bytes)), ERROR.UNC, 0);
  }

  /** False when the host failed; the command is then over with `error`. */
  private attempt(work: () => void, error: number, extra: number): boolean {
    try {
      work();
      return true;
    } catch (failure) {
      if (!(failure instanceof BlockError)) throw failure;
      this.showAddress(this.state.lba);
      this.fail(error, extra);
      return false;
    }
  }

  private writeBlock(sectors: number): boolean {
    const { lba, buffer, writeCache, command, remaining } = this.state;
    const through = !writeCache || TRANSFERS[command]!.fua === true;
    const store = (): void => {
      this.medium.write(lba * SECTOR, buffer.subarray(0, sectors * SECTOR));
      if (through && sectors === remaining) this.medium.flush();
    };
    return this.attempt(store, ERROR.ABRT, STATUS.DF);
  }

  private passSectors(count: number): void {
    const s = this.state;
    s.lba += count;
    s.remaining -= count;
    this.showAddress(s.lba - 1);
  }

  /** A block written by programmed I/O goes to the medium; the interrupt asks for the next one or says that the command is over. */
  private commit(): void {
    const s = this.state;
    if (s.command === WRITE_BUFFER) return this.finish();
    const sectors = this.blockLength();
    if (!this.writeBlock(sectors)) return;
    this.passSectors(sectors);
    if (s.remaining === 0) this.finish();
    else this.offer(this.blockLength() * SECTOR, true);
  }

  protected blockMoved(): void {
    const s = this.state;
    if (s.dma) this.dmaBlockMoved();
    else if (s.direction === 'out') this.workOnNextBlock('commit', s.end);
    else this.blockRead();
  }

  /** The last block of a read by programmed I/O ends the command without an interrupt. */
  private blockRead(): void {
    const s = this.state;
    if (s.command !== IDENTIFY && s.command !== READ_BUFFER) this.passSectors(this.blockLength());
    else s.remaining = 0;
    if (s.remaining > 0) return this.workOnNextBlock('load', this.blockLength() * SECTOR);
    this.rest();
    s.status = STATUS.DRDY | STATUS.DSC;
  }

  private dmaBlockMoved(): void {
    const s = this.state;
    const sectors = this.blockLength();
    if (s.direction === 'out' && !this.writeBlock(sectors)) return;
    this.passSectors(sectors);
    s.position = s.end = 0;
    if (s.remaining === 0) this.finish();
  }

  protected nextDmaBlock(): void {
    const s = this.state;
    if (s.direction === 'in' && !this.readBlock()) return;
    s.position = 0;
    s.end = this.blockLength() * SECTOR;
  }

  verify(ext: boolean): void {
    const s = this.state;
    if (!this.address(ext)) return this.fail(ERROR.IDNF);
    s.lba += s.remaining - 1;
    this.showAddress(s.lba);
    this.work('finish');
  }

  /** INITIALIZE DEVICE PARAMETERS sets the geometry that CHS addresses mean (ATA-5, 8.16). */
  initializeParameters(): void {
    const s = this.state;
    if ((s.count & 0xff) === 0) return this.fail(ERROR.ABRT);
    s.heads = (s.device & 15) + 1;
    s.sectorsPerTrack = s.count & 0xff;
    this.work('finish');
  }

  setMultiple(): void {
    const count = this.state.count & 0xff;
    if (count > LARGEST_MULTIPLE || (count & (count - 1)) !== 0) return this.fail(ERROR.ABRT);
    this.state.multiple = count;
    this.work('finish');
  }

  checkPowerMode(): void {
    this.state.count = 0xff;
    this.work('finish');
  }

  flush(): void {
    if (this.attempt(() => this.medium.flush(), ERROR.ABRT, STATUS.DF)) this.work('finish');
  }

  readNativeMax(ext: boolean): void {
    const s = this.state;
    const last = this.sectors - 1;
    if (ext) {
      const upper = Math.floor(last / 0x1000000);
      s.low = (last & 0xff) | ((upper & 0xff) << 8);
      s.mid = ((last >>> 8) & 0xff) | (upper & 0xff00);
      s.high = ((last >>> 16) & 0xff) | ((upper >>> 8) & 0xff00);
    } else {
      const shown = Math.min(last, LBA28_SECTORS - 1);
      this.showShort(shown & 0xff, (shown >>> 8) & 0xffff, shown >>> 24);
    }
    this.work('finish');
  }

  setFeatures(): void {
    const s = this.state;
    const feature = s.features & 0xff;
    if (feature === 0x02 || feature === 0x82) s.writeCache = feature === 0x02;
    else if (feature === 0x03) {
      if (!transferModeExists(s.count & 0xff)) return this.fail(ERROR.ABRT);
      s.transferMode = s.count & 0xff;
      // Read look-ahead on and off, power-on defaults kept or restored: nothing that could be seen.
    } else if (![0x55, 0xaa, 0x66, 0xcc].includes(feature)) return this.fail(ERROR.ABRT);
    if (feature === 0x82) this.flush();
    else this.work('finish');
  }

  private identity(): Uint8Array {
    const s = this.state;
    return identifyDisk({
      model: 'HVM HARDDISK',
      serial: this.serial,
      sectors: this.sectors,
      cylinders: this.cylinders,
      heads: NATIVE_HEADS,
      sectorsPerTrack: NATIVE_SECTORS,
      currentHeads: s.heads,
      currentSectorsPerTrack: s.sectorsPerTrack,
      multiple: s.multiple,
      largestMultiple: LARGEST_MULTIPLE,
      writeCache: s.writeCache,
      transferMode: s.transferMode,
    });
  }
}

/** PIO default, PIO 0 to 4, multiword DMA 0 to 2, Ultra DMA 0 to 5 (SET FEATURES, subcommand 03). */
export function transferModeExists(mode: number): boolean {
  const number = mode & 7;
  const limits: Readonly<Record<number, number>> = { 0: 1, 1: 4, 4: 2, 8: 5 };
  return number <= (limits[mode >> 3] ?? -1);
}
