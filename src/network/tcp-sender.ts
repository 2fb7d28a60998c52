/**
 * The sending half of a TCP connection: what has been sent, what is acknowledged, when it is sent again (RFC 9293, 3.8; slow start of RFC 5681).
 * Sequence numbers count from the SYN. Not implemented: round-trip measurement (the timeout is fixed and doubles), selective acknowledgement, Nagle's algorithm.
 */
import type { Nanoseconds } from '../devices/device.js';
import { ByteQueue } from './byte-queue.js';
import { TCP_FLAG, sequenceAdd, sequenceDistance } from './tcp-segment.js';

const FIRST_TIMEOUT: Nanoseconds = 500e6;
/** A guest that acknowledges nothing for two minutes is gone. */
const MOST_TIMEOUTS = 8;
/** A window that stays closed is asked for every 16 seconds in the end. */
const SLOWEST_PROBE = 4;
const LARGEST_CONGESTION_WINDOW = 256 * 1024;
const DUPLICATES = 3;
const DEFAULT_SEGMENT = 536,
  LARGEST_SEGMENT = 1460;

/** Sends a segment that starts at `sequence`. */
export type Emit = (flags: number, sequence: number, payload: Uint8Array) => void;

const NOTHING = new Uint8Array();

export class TcpSender {
  /** When the oldest unacknowledged segment is sent again; Infinity when there is none. */
  due: Nanoseconds = Infinity;
  /** Bytes after `acknowledged` that the guest may get. */
  readonly queue = new ByteQueue();
  private readonly emit: Emit;
  private readonly now: () => Nanoseconds;
  private readonly synFlags: number;
  private synPending = true;
  private finQueued = false;
  private finAcknowledged = false;
  private acknowledged: number;
  private next: number;
  /** One past the highest sequence number ever sent. */
  private highest: number;
  private window = 0;
  private segment = DEFAULT_SEGMENT;
  private congestionWindow: number;
  private threshold = LARGEST_CONGESTION_WINDOW;
  private timeouts = 0;
  private duplicates = 0;

  /** Flags of the first segment: SYN, or SYN and ACK. */
  constructor(emit: Emit, now: () => Nanoseconds, initial: number, synFlags: number) {
    this.emit = emit;
    this.now = now;
    this.synFlags = synFlags;
    this.acknowledged = initial;
    this.next = initial;
    this.highest = initial;
    this.congestionWindow = 10 * LARGEST_SEGMENT;
  }

  /** What the guest's SYN says about segments it takes; 0 for nothing. */
  limitSegment(maximum: number): void {
    this.segment = maximum === 0 ? DEFAULT_SEGMENT : Math.max(64, Math.min(maximum, LARGEST_SEGMENT));
  }

  /** Where the next new segment starts. */
  get position(): number {
    return this.next;
  }
  /** The guest has our SYN. */
  get synchronised(): boolean {
    return !this.synPending;
  }
  /** Everything including the FIN is acknowledged. */
  get finished(): boolean {
    return this.finAcknowledged;
  }

  /** After the queued bytes comes the end. */
  finish(): void {
    this.finQueued = true;
    this.send();
  }

  /** The first segment, or that one again. */
  sendSyn(): void {
    this.emit(this.synFlags, this.acknowledged, NOTHING);
    this.advance(sequenceAdd(this.acknowledged, 1));
    this.arm();
  }

  /** False when `acknowledgement` is for something never sent. */
  acknowledge(acknowledgement: number, window: number, pureDuplicate: boolean): boolean {
    if (sequenceDistance(acknowledgement, this.highest) > 0) return false;
    const count = sequenceDistance(acknowledgement, this.acknowledged);
    if (count < 0) return true;
    const before = this.window;
    this.window = window;
    if (count > 0) this.accept(acknowledgement, count);
    else if (window === 0 || before === 0) this.probed(window);
    else if (pureDuplicate && window === before && this.next !== this.acknowledged) this.countDuplicate();
    this.send();
    return true;
  }

  /** An answer about a closed window: the guest lives; once it opens, what was only a probe is sent again. */
  private probed(window: number): void {
    this.timeouts = Math.min(this.timeouts, SLOWEST_PROBE);
    if (window > 0 && !this.synPending) this.next = this.acknowledged;
  }

  private accept(acknowledgement: number, count: number): void {
    let bytes = count;
    if (this.synPending) {
      this.synPending = false;
      bytes--;
    }
    const data = Math.min(bytes, this.queue.length);
    this.queue.drop(data);
    this.acknowledged = acknowledgement;
    if (bytes > data) this.finAcknowledged = true;
    if (sequenceDistance(this.next, acknowledgement) < 0) this.next = acknowledgement;
    this.timeouts = 0;
    this.duplicates = 0;
    this.grow(data);
    this.arm();
  }

  private grow(data: number): void {
    const step =
      this.congestionWindow < this.threshold ? data : (this.segment * data) / this.congestionWindow;
    this.congestionWindow = Math.min(this.congestionWindow + step, LARGEST_CONGESTION_WINDOW);
  }

  private countDuplicate(): void {
    if (++this.duplicates !== DUPLICATES) return;
    this.threshold = Math.max(this.congestionWindow / 2, 2 * this.segment);
    this.congestionWindow = this.threshold;
    this.next = this.acknowledged;
    this.sendOne(1);
  }

  /** Sends what windows allow. */
  send(): void {
    if (this.synPending) return;
    while (this.sendOne(0));
    if (this.due === Infinity) this.arm();
  }

  /** Sends one segment; `least` bytes even when the windows are closed. False when nothing was sent. */
  private sendOne(least: number): boolean {
    const inFlight = sequenceDistance(this.next, this.acknowledged);
    const waiting = this.queue.length - inFlight;
    if (waiting < 0 || this.finAcknowledged) return false;
    const open = Math.max(Math.min(this.window, this.congestionWindow | 0) - inFlight, least);
    const size = Math.min(waiting, this.segment, open);
    const last = size === waiting;
    // A part of a segment waits for the window to open further, unless nothing else is on its way.
    if (
      size <= 0 ? waiting > 0 || !this.finQueued : !last && size < this.segment && inFlight > 0 && least === 0
    )
      return false;
    const payload = new Uint8Array(size);
    this.queue.copy(inFlight, payload);
    const fin = last && this.finQueued;
    this.emit(
      TCP_FLAG.ACK | (last && size > 0 ? TCP_FLAG.PSH : 0) | (fin ? TCP_FLAG.FIN : 0),
      this.next,
      payload,
    );
    this.advance(sequenceAdd(this.next, size + (fin ? 1 : 0)));
    return true;
  }

  private advance(next: number): void {
    this.next = next;
    if (sequenceDistance(next, this.highest) > 0) this.highest = next;
  }

  /** The timer runs while something is unacknowledged or waits for a window that is closed. */
  private arm(): void {
    const waits = this.synPending || this.next !== this.acknowledged || this.queue.length > 0;
    this.due = waits ? this.now() + FIRST_TIMEOUT * 2 ** this.timeouts : Infinity;
  }

  /** The timer has run out; false when the guest is given up. */
  timeout(): boolean {
    if (++this.timeouts > MOST_TIMEOUTS) return false;
    if (this.synPending) this.sendSyn();
    else {
      const closed = this.window === 0;
      if (!closed) {
        this.threshold = Math.max(this.congestionWindow / 2, 2 * this.segment);
        this.congestionWindow = this.segment;
      }
      this.next = this.acknowledged;
      this.sendOne(1);
      this.arm();
    }
    return true;
  }
}
