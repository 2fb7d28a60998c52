/**
 * What every drive on an ATA cable has (ATA/ATAPI-6, chapters 7 to 9): the task file, the status bits, one interrupt request, and data that moves
 * in blocks through a buffer, by programmed I/O or by bus master.
 * Not implemented: overlapped and queued commands, 8-bit data transfers, power saving (modes are accepted and change nothing).
 */
import type { Clock, Nanoseconds } from './device.js';

export const STATUS = { ERR: 0x01, DRQ: 0x08, DSC: 0x10, DF: 0x20, DRDY: 0x40, BSY: 0x80 } as const;
export const ERROR = { ABRT: 0x04, IDNF: 0x10, UNC: 0x40, WP: 0x40 } as const;

/** What a busy drive does next; `transfer` waits for the guest or the bus master. */
export type AtaStep =
  'idle' | 'held-in-reset' | 'reset' | 'finish' | 'load' | 'commit' | 'execute' | 'transfer' | 'dma';

/** Time from a command to its data or its end, between two blocks, and per KiB of data: a drive that always hits its cache. */
const COMMAND_NS = 10_000,
  BLOCK_NS = 1_000,
  RESET_NS = 5_000,
  NS_PER_KIB = 250;
export const BUFFER_BYTES = 0x10000;

export interface AtaState {
  /** Two bytes each: the byte written last, and above it the one written before (LBA48's second half). */
  features: number;
  count: number;
  low: number;
  mid: number;
  high: number;
  device: number;
  status: number;
  error: number;
  /** INTRQ as the drive asks for it, before nIEN. */
  interrupt: boolean;
  command: number;
  step: AtaStep;
  /** When `step` is done; Infinity while the guest has to act. */
  dueNs: Nanoseconds;
  buffer: Uint8Array;
  /** The part of `buffer` that is still to move. */
  position: number;
  end: number;
  direction: 'in' | 'out';
  dma: boolean;
}

export function ataPowerOn(): AtaState {
  return {
    features: 0,
    count: 0,
    low: 0,
    mid: 0,
    high: 0,
    device: 0,
    status: 0,
    error: 1,
    interrupt: false,
    command: 0,
    step: 'idle',
    dueNs: Infinity,
    buffer: new Uint8Array(BUFFER_BYTES),
    position: 0,
    end: 0,
    direction: 'in',
    dma: false,
  };
}

const pushByte = (register: number, value: number): number => ((register << 8) | value) & 0xffff;

export abstract class AtaUnit<State extends AtaState = AtaState> {
  abstract readonly state: State;
  /** Told whenever `state.interrupt` may have changed. */
  interruptChanged: () => void = () => undefined;
  protected readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Cylinder low and high after a reset: what kind of drive this is. */
  protected abstract readonly signature: readonly [number, number];
  /** Status bits of a drive that rests after a reset. */
  protected abstract readonly restingStatus: number;
  /** Begins `state.command`. */
  protected abstract begin(): void;
  /** `step` is over: `load` fills the buffer, `commit` takes it, `execute` runs a packet. */
  protected abstract proceed(step: AtaStep): void;
  /** All of the current block was moved. */
  protected abstract blockMoved(): void;
  /** Makes the next block ready to be moved by a bus master. */
  protected abstract nextDmaBlock(): void;
  /** Back to the values of a reset; `power` for those that a software reset keeps. */
  abstract resetUnit(power: boolean): void;

  get busy(): boolean {
    return (this.state.status & STATUS.BSY) !== 0;
  }
  get accepting(): boolean {
    return (this.state.status & (STATUS.BSY | STATUS.DRQ)) === 0;
  }

  /** Register 1 to 6 of the command block. */
  writeRegister(register: number, value: number): void {
    const s = this.state;
    if (register === 1) s.features = pushByte(s.features, value);
    else if (register === 2) s.count = pushByte(s.count, value);
    else if (register === 3) s.low = pushByte(s.low, value);
    else if (register === 4) s.mid = pushByte(s.mid, value);
    else if (register === 5) s.high = pushByte(s.high, value);
    else s.device = value | 0xa0;
  }

  /** `previous` is the HOB bit of the device control register. */
  readRegister(register: number, previous: boolean): number {
    const s = this.state;
    const pick = (value: number): number => (previous ? value >> 8 : value & 0xff);
    if (register === 1) return s.error;
    if (register === 2) return pick(s.count);
    if (register === 3) return pick(s.low);
    if (register === 4) return pick(s.mid);
    if (register === 5) return pick(s.high);
    return register === 6 ? s.device : s.status;
  }

  writeCommand(command: number): void {
    const s = this.state;
    s.command = command;
    s.error = 0;
    this.setInterrupt(false);
    this.begin();
  }

  /** EXECUTE DEVICE DIAGNOSTIC reaches both drives; drive 0 answers. */
  diagnose(interrupts: boolean): void {
    this.setInterrupt(false);
    this.signIn();
    if (interrupts) this.setInterrupt(true);
  }

  holdInReset(): void {
    const s = this.state;
    this.setInterrupt(false);
    s.step = 'held-in-reset';
    s.dueNs = Infinity;
    s.status = STATUS.BSY;
  }

  releaseReset(): void {
    this.state.step = 'reset';
    this.state.dueNs = this.clock.now() + RESET_NS;
  }

  /** Signature and the diagnostic code "passed" (ATA/ATAPI-6, 9.12). */
  protected signIn(): void {
    const s = this.state;
    s.error = 1;
    s.count = 1;
    s.low = 1;
    [s.mid, s.high] = this.signature;
    s.device = 0xa0;
    this.rest();
    s.status = this.restingStatus;
  }

  protected rest(): void {
    const s = this.state;
    s.step = 'idle';
    s.dueNs = Infinity;
    s.position = s.end = 0;
    s.dma = false;
  }

  tick(now: Nanoseconds): void {
    const s = this.state;
    if (now < s.dueNs || s.step === 'dma') return;
    const { step } = s;
    s.dueNs = Infinity;
    if (step === 'reset') {
      this.resetUnit(false);
      this.signIn();
    } else if (step === 'finish') this.finish();
    else this.proceed(step);
  }

  /** BSY until `step`; `bytes` of data make it longer. */
  protected work(step: AtaStep, bytes = 0, latency = COMMAND_NS): void {
    const s = this.state;
    s.status = STATUS.BSY | (s.status & STATUS.DRDY);
    s.step = step;
    s.dueNs = this.clock.now() + latency + Math.ceil((bytes * NS_PER_KIB) / 1024);
  }
  protected workOnNextBlock(step: AtaStep, bytes: number): void {
    this.work(step, bytes, BLOCK_NS);
  }

  protected finish(): void {
    this.rest();
    this.state.status = STATUS.DRDY | STATUS.DSC;
    this.setInterrupt(true);
  }

  protected fail(error: number, extra = 0): void {
    this.finish();
    this.state.error = error;
    this.state.status |= STATUS.ERR | extra;
  }

  /** The guest may move `length` bytes of the buffer through the data register. */
  protected offer(length: number, interrupts: boolean): void {
    const s = this.state;
    s.step = 'transfer';
    s.dueNs = Infinity;
    s.position = 0;
    s.end = length;
    s.status = STATUS.DRDY | STATUS.DSC | STATUS.DRQ;
    if (interrupts) this.setInterrupt(true);
  }

  /** A bus master may move data from now on. */
  protected offerDma(direction: 'in' | 'out', bytes: number): void {
    const s = this.state;
    s.direction = direction;
    s.dma = true;
    this.work('dma', bytes);
    s.position = s.end = 0;
  }

  setInterrupt(level: boolean): void {
    this.state.interrupt = level;
    this.interruptChanged();
  }

  private dataMoves(direction: 'in' | 'out'): boolean {
    const s = this.state;
    return s.step === 'transfer' && s.direction === direction;
  }

  readData(): number {
    const s = this.state;
    if (!this.dataMoves('in')) return 0xffff;
    const value = s.buffer[s.position]! | (s.buffer[s.position + 1]! << 8);
    this.advance();
    return value;
  }

  writeData(value: number): void {
    const s = this.state;
    if (!this.dataMoves('out')) return;
    s.buffer[s.position] = value;
    s.buffer[s.position + 1] = value >> 8;
    this.advance();
  }

  /** As many elements of `size` bytes as `readData` would give, up to the last one of the block, which changes the drive's state. */
  readElements(size: number, bytes: Uint8Array, at: number, count: number): number {
    const s = this.state;
    const elements = this.quietElements('in', size, count);
    bytes.set(s.buffer.subarray(s.position, s.position + elements * size), at);
    s.position += elements * size;
    return elements;
  }
  writeElements(size: number, bytes: Uint8Array, at: number, count: number): number {
    const s = this.state;
    const elements = this.quietElements('out', size, count);
    s.buffer.set(bytes.subarray(at, at + elements * size), s.position);
    s.position += elements * size;
    return elements;
  }
  private quietElements(direction: 'in' | 'out', size: number, count: number): number {
    const { end, position } = this.state;
    if (!this.dataMoves(direction)) return 0;
    return Math.max(0, Math.min(count, Math.ceil((end - position) / size) - 1));
  }

  private advance(): void {
    const s = this.state;
    s.position += 2;
    if (s.position >= s.end) this.blockMoved();
  }

  /** Bytes that a bus master can move now; 0 when the command is over. */
  dmaBytes(): number {
    const s = this.state;
    if (s.step === 'dma' && s.position === s.end) this.nextDmaBlock();
    return s.step === 'dma' ? s.end - s.position : 0;
  }
  /** The next `count` bytes of the buffer. */
  dmaPiece(count: number): Uint8Array {
    const { buffer, position } = this.state;
    return buffer.subarray(position, position + count);
  }
  dmaMoved(count: number): void {
    const s = this.state;
    s.position += count;
    if (s.position === s.end) this.blockMoved();
  }
}
