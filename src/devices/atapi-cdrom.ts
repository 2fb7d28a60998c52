/**
 * An ATAPI CD-ROM drive (ATA/ATAPI-6, 9.9 and 9.10): the PACKET protocol by programmed I/O and DMA, tray, lock and change of medium.
 * Not implemented: overlapped commands; what atapi-commands.ts says.
 */
import { MEDIA_EVENT, SENSE, runPacket, sparesAttention } from './atapi-commands.js';
import type { Outcome, PacketTarget } from './atapi-commands.js';
import { transferModeExists } from './ata-disk.js';
import { identifyCdrom } from './ata-identify.js';
import { AtaUnit, BUFFER_BYTES, ERROR, STATUS, ataPowerOn } from './ata-unit.js';
import type { AtaState, AtaStep } from './ata-unit.js';
import { BlockError } from './block-device.js';
import type { BlockDevice } from './block-device.js';
import type { Clock } from './device.js';

const BLOCK = 2048,
  PACKET_BYTES = 12,
  BUFFER_BLOCKS = BUFFER_BYTES / BLOCK;
const DEVICE_RESET = 0x08,
  PACKET = 0xa0,
  IDENTIFY_PACKET = 0xa1,
  IDENTIFY = 0xec,
  SET_FEATURES = 0xef;
const POWER_COMMANDS: ReadonlySet<number> = new Set([0xe0, 0xe1, 0xe2, 0xe3, 0xe6]);
const CHECK_POWER_MODE = 0xe5;
const FEATURE_DMA = 1,
  FEATURE_OVERLAP = 2;
/** Interrupt reason, in the count register. */
const COMMAND_OUT = 1,
  DATA_IN = 2,
  DONE = 3;

export interface AtapiState extends AtaState {
  sense: number;
  /** A unit attention that the next command will report, 0 for none. */
  attention: number;
  event: number;
  locked: boolean;
  trayOpen: boolean;
  transferMode: number;
  packet: Uint8Array;
  /** Next block of the medium and how many are still to be read. */
  lba: number;
  remaining: number;
  /** Bytes of the buffer that hold data; those before `position` have been moved. */
  filled: number;
  /** Most bytes of one DRQ block. */
  limit: number;
}

export class AtapiCdrom extends AtaUnit<AtapiState> implements PacketTarget {
  readonly state: AtapiState = {
    ...ataPowerOn(),
    sense: SENSE.NONE,
    attention: SENSE.RESET,
    event: MEDIA_EVENT.NONE,
    locked: false,
    trayOpen: false,
    transferMode: 0,
    packet: new Uint8Array(PACKET_BYTES),
    lba: 0,
    remaining: 0,
    filled: 0,
    limit: 0,
  };
  protected readonly signature = [0x14, 0xeb] as const;
  protected readonly restingStatus = 0;
  private readonly serial: string;
  private medium: BlockDevice | undefined;

  constructor(clock: Clock, medium: BlockDevice | undefined, serial: string) {
    super(clock);
    this.medium = medium;
    this.serial = serial;
    this.resetUnit(true);
  }

  resetUnit(power: boolean): void {
    const s = this.state;
    this.setInterrupt(false);
    s.sense = SENSE.NONE;
    s.attention = SENSE.RESET;
    s.remaining = s.filled = 0;
    if (!power) return;
    s.locked = false;
    s.transferMode = 0x42;
    s.event = MEDIA_EVENT.NONE;
    this.signIn();
  }

  get blocks(): number {
    return this.medium === undefined || this.state.trayOpen ? -1 : Math.floor(this.medium.size / BLOCK);
  }
  get trayOpen(): boolean {
    return this.state.trayOpen;
  }
  get locked(): boolean {
    return this.state.locked;
  }
  setLocked(locked: boolean): void {
    this.state.locked = locked;
  }

  /** The medium in the tray, open or closed. */
  get inserted(): BlockDevice | undefined {
    return this.medium;
  }

  /** Takes the medium out. When the guest has locked it in, that is asked for and false is the result, unless `force`. */
  eject(force: boolean): boolean {
    const s = this.state;
    if (s.locked && !force) {
      s.event = MEDIA_EVENT.EJECT_REQUEST;
      return false;
    }
    s.locked = false;
    if (this.medium !== undefined && !s.trayOpen) s.event = MEDIA_EVENT.REMOVED;
    this.medium = undefined;
    s.trayOpen = true;
    return true;
  }

  /** Puts a medium in and closes the tray. */
  insert(medium: BlockDevice): void {
    this.medium = medium;
    this.state.trayOpen = true;
    this.closeTray();
  }

  openTray(): boolean {
    const s = this.state;
    if (s.locked) return false;
    if (!s.trayOpen && this.medium !== undefined) s.event = MEDIA_EVENT.REMOVED;
    s.trayOpen = true;
    return true;
  }

  closeTray(): void {
    const s = this.state;
    if (!s.trayOpen) return;
    s.trayOpen = false;
    if (this.medium === undefined) return;
    s.attention = SENSE.MEDIUM_CHANGED;
    s.event = MEDIA_EVENT.NEW;
  }

  takeSense(): number {
    const s = this.state;
    const sense = s.sense !== SENSE.NONE ? s.sense : s.attention;
    if (sense === s.attention) s.attention = SENSE.NONE;
    s.sense = SENSE.NONE;
    return sense;
  }

  takeEvent(): number {
    const { event } = this.state;
    this.state.event = MEDIA_EVENT.NONE;
    return event;
  }

  protected begin(): void {
    const s = this.state;
    s.remaining = s.filled = 0;
    if (s.command === PACKET) this.acceptPacket();
    else if (s.command === IDENTIFY_PACKET) {
      s.direction = 'in';
      this.work('load', 512);
    } else if (s.command === DEVICE_RESET) this.deviceReset();
    else if (s.command === SET_FEATURES) this.setFeatures();
    else if (s.command === CHECK_POWER_MODE) this.checkPowerMode();
    else if (POWER_COMMANDS.has(s.command)) this.work('finish');
    else this.refuse();
  }

  /** An IDENTIFY DEVICE that is refused leaves the signature, by which drivers know a packet device. */
  private refuse(): void {
    if (this.state.command === IDENTIFY) this.signIn();
    this.fail(ERROR.ABRT);
  }

  private deviceReset(): void {
    this.resetUnit(false);
    this.signIn();
  }

  private checkPowerMode(): void {
    this.state.count = 0xff;
    this.work('finish');
  }

  private setFeatures(): void {
    const s = this.state;
    const feature = s.features & 0xff;
    const mode = s.count & 0xff;
    if (feature === 0x03 && transferModeExists(mode)) s.transferMode = mode;
    else if (feature !== 0x66 && feature !== 0xcc) return this.fail(ERROR.ABRT);
    this.work('finish');
  }

  private acceptPacket(): void {
    const s = this.state;
    if ((s.features & FEATURE_OVERLAP) !== 0) return this.fail(ERROR.ABRT);
    s.limit = this.chunkLimit();
    s.direction = 'out';
    s.count = COMMAND_OUT;
    this.offer(PACKET_BYTES, false);
  }

  protected proceed(step: AtaStep): void {
    if (step === 'execute') this.execute();
    else if (step === 'load' && this.state.command === IDENTIFY_PACKET) this.identify();
    else if (step === 'load') this.offerChunk();
  }

  private identify(): void {
    const { buffer, transferMode } = this.state;
    buffer.set(identifyCdrom('HVM CD-ROM', this.serial, transferMode));
    this.state.filled = 512;
    this.offer(512, true);
  }

  private execute(): void {
    const s = this.state;
    if (s.attention !== SENSE.NONE && !sparesAttention(s.packet[0]!)) {
      const { attention } = s;
      s.attention = SENSE.NONE;
      return this.checkCondition(attention);
    }
    const outcome = runPacket(this, s.packet);
    if (outcome.kind === 'check') this.checkCondition(outcome.sense);
    else {
      if (s.packet[0] !== 0x03) s.sense = SENSE.NONE;
      this.answer(outcome);
    }
  }

  private answer(outcome: Exclude<Outcome, { kind: 'check' }>): void {
    const s = this.state;
    if (outcome.kind === 'blocks') {
      s.lba = outcome.first;
      s.remaining = outcome.count;
    } else if (outcome.kind === 'data') {
      const bytes = outcome.bytes.subarray(0, outcome.most);
      s.buffer.set(bytes);
      s.filled = bytes.length;
    }
    const bytes = s.filled + s.remaining * BLOCK;
    if (bytes === 0) return this.finishPacket();
    if ((s.features & FEATURE_DMA) !== 0) return this.offerDma('in', bytes);
    s.direction = 'in';
    s.end = 0;
    this.workOnNextBlock('load', Math.min(bytes, s.limit));
  }

  private checkCondition(sense: number): void {
    this.state.sense = sense;
    this.state.count = DONE;
    this.fail(((sense >> 16) << 4) | ERROR.ABRT);
  }

  private finishPacket(): void {
    this.state.count = DONE;
    this.finish();
  }

  /** Reads the next blocks into the buffer when it is used up. False when the medium failed or is gone: the command is then over. */
  private fill(): boolean {
    const s = this.state;
    if (s.end < s.filled || s.remaining === 0) return true;
    const count = Math.min(s.remaining, BUFFER_BLOCKS);
    try {
      if (this.blocks < s.lba + count) throw new BlockError('the medium is gone');
      this.medium!.read(s.lba * BLOCK, s.buffer.subarray(0, count * BLOCK));
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      this.checkCondition(SENSE.UNREADABLE);
      return false;
    }
    s.lba += count;
    s.remaining -= count;
    s.filled = count * BLOCK;
    s.end = 0;
    return true;
  }

  /** The host's limit for one DRQ block, whole sectors where it allows them. */
  private chunkLimit(): number {
    const s = this.state;
    const asked = (s.mid & 0xff) | ((s.high & 0xff) << 8);
    const limit = asked === 0 || asked === 0xffff ? 0xfffe : asked;
    if (limit >= BLOCK) return limit - (limit % BLOCK);
    return Math.max(2, limit & ~1);
  }

  private offerChunk(): void {
    const s = this.state;
    if (!this.fill()) return;
    const start = s.end;
    const length = Math.min(s.limit, s.filled - start);
    s.mid = length & 0xff;
    s.high = length >> 8;
    s.count = DATA_IN;
    this.offer(length, true);
    s.position = start;
    s.end = start + length;
  }

  protected blockMoved(): void {
    const s = this.state;
    if (s.direction === 'out') {
      s.packet.set(s.buffer.subarray(0, PACKET_BYTES));
      return this.work('execute');
    }
    if (s.command === IDENTIFY_PACKET) {
      this.rest();
      s.status = STATUS.DRDY | STATUS.DSC;
    } else if (s.end < s.filled || s.remaining > 0) this.moreToMove();
    else this.finishPacket();
  }

  private moreToMove(): void {
    if (!this.state.dma) this.workOnNextBlock('load', BLOCK);
  }

  protected nextDmaBlock(): void {
    const s = this.state;
    if (!this.fill()) return;
    s.position = s.end;
    s.end = s.filled;
  }
}
