/**
 * One TCP connection of the guest, ended here and carried on by a host socket (RFC 9293, with host and guest as the two users).
 * Not implemented: urgent data, keep-alive, TIME-WAIT (the cable neither reorders nor delays), segments out of order are asked for again.
 */
import type { Nanoseconds } from '../devices/device.js';
import type { HostFailure, HostTcpEvents, HostTcpSocket } from './host-sockets.js';
import { TCP_FLAG, resetFor, segmentLength, sequenceAdd, sequenceDistance } from './tcp-segment.js';
import type { TcpSegment } from './tcp-segment.js';
import { TcpSender } from './tcp-sender.js';
import type { Endpoint } from './udp.js';

/** Bytes that wait for the guest before the host is told to stop, and to go on. */
const PAUSE_ABOVE = 256 * 1024,
  RESUME_BELOW = 64 * 1024;
/** Bytes that may wait for the host; the window the guest sees is what is left of it. */
const LARGEST_WINDOW = 65535;
const SEGMENT_SIZE = 1460;

export interface TcpOwner {
  now(): Nanoseconds;
  emit(segment: TcpSegment): void;
  /** The connection does nothing any more. */
  closed(connection: TcpConnection): void;
  /** The guest's connection attempt cannot reach anybody. */
  unreachable(connection: TcpConnection): void;
}

export class TcpConnection implements HostTcpEvents {
  readonly guest: Endpoint;
  /** Who the guest believes to talk to. */
  readonly remote: Endpoint;
  private readonly owner: TcpOwner;
  /** The guest began. */
  private readonly passive: boolean;
  private readonly sender: TcpSender;
  private socket: HostTcpSocket | undefined;
  private phase: 'connecting' | 'synchronising' | 'open' | 'closed' = 'connecting';
  private expected = 0;
  /** The window's right edge never moves left. */
  private promised = 0;
  private scale = 0;
  private scales = false;
  private guestFinished = false;
  private paused = false;

  /** `initial` is our first sequence number. `syn` is the guest's, absent when the host's side connects. */
  constructor(owner: TcpOwner, guest: Endpoint, remote: Endpoint, initial: number, syn?: TcpSegment) {
    this.owner = owner;
    this.guest = guest;
    this.remote = remote;
    this.passive = syn !== undefined;
    const flags = syn === undefined ? TCP_FLAG.SYN : TCP_FLAG.SYN | TCP_FLAG.ACK;
    this.sender = new TcpSender(
      (segmentFlags, sequence, payload) => this.emit(segmentFlags, sequence, payload),
      () => owner.now(),
      initial,
      flags,
    );
    if (syn !== undefined) this.takeSyn(syn);
  }

  /** The socket that carries the connection on. Without the guest's SYN, which `connectTcp` waits for, it is open already and the guest is called. */
  attach(socket: HostTcpSocket, open: boolean): void {
    this.socket = socket;
    if (open) this.connected();
  }

  get due(): Nanoseconds {
    return this.sender.due;
  }

  tick(now: Nanoseconds): void {
    if (this.sender.due <= now && !this.sender.timeout()) this.abort();
  }

  private takeSyn(syn: TcpSegment): void {
    this.expected = sequenceAdd(syn.sequence, 1);
    this.promised = this.expected;
    this.sender.limitSegment(syn.maximumSegment ?? 0);
    this.scales = syn.windowScale !== undefined;
    this.scale = syn.windowScale ?? 0;
  }

  // From the host

  connected(): void {
    if (this.phase !== 'connecting') return;
    this.phase = 'synchronising';
    this.sender.sendSyn();
  }

  data(bytes: Uint8Array): void {
    if (this.phase === 'closed') return;
    this.sender.queue.push(bytes);
    if (!this.paused && this.sender.queue.length > PAUSE_ABOVE) {
      this.paused = true;
      this.socket?.pause();
    }
    this.sender.send();
  }

  drained(): void {
    const unannounced = LARGEST_WINDOW - sequenceDistance(this.promised, this.expected);
    if (this.phase === 'open' && !this.guestFinished && unannounced >= 2 * SEGMENT_SIZE) this.sendAck();
  }

  ended(): void {
    if (this.phase === 'closed') return;
    this.sender.finish();
  }

  failed(failure: HostFailure): void {
    if (this.phase === 'closed') return;
    if (this.phase === 'connecting' && failure === 'unreachable') {
      this.owner.unreachable(this);
      this.close();
    } else this.abort();
  }

  // From the guest

  receive(segment: TcpSegment): void {
    if (this.phase === 'connecting' || this.phase === 'closed') {
      if (segment.flags & TCP_FLAG.RST) this.close();
      return;
    }
    if (!this.sender.synchronised && !this.synchronise(segment)) return;
    if (segment.flags & TCP_FLAG.RST) {
      const offset = sequenceDistance(segment.sequence, this.expected);
      if (offset >= 0 && offset <= LARGEST_WINDOW) this.close();
      return;
    }
    if (segment.flags & TCP_FLAG.SYN || (segment.flags & TCP_FLAG.ACK) === 0) {
      this.sendAck();
      return;
    }
    this.takeAcknowledgement(segment);
    if (segmentLength(segment) > 0 && !this.isClosed) this.takeData(segment);
    if (this.guestFinished && this.sender.finished) this.close();
  }

  private get isClosed(): boolean {
    return this.phase === 'closed';
  }

  /** Until the guest has acknowledged our SYN. False when the segment has been dealt with. */
  private synchronise(segment: TcpSegment): boolean {
    const { flags, acknowledgement } = segment;
    if (flags & TCP_FLAG.ACK && acknowledgement !== this.sender.position) {
      const reset = resetFor(segment);
      if (reset !== undefined) this.owner.emit(reset);
      return false;
    }
    if (!this.passive) return this.answered(segment);
    // The guest's SYN again: it has not seen ours.
    if (flags & TCP_FLAG.SYN) this.sender.sendSyn();
    else if (flags & TCP_FLAG.ACK) this.phase = 'open';
    return (flags & TCP_FLAG.SYN) === 0;
  }

  /** What comes back to a SYN of ours. */
  private answered(segment: TcpSegment): boolean {
    const { flags } = segment;
    if (flags & TCP_FLAG.RST) {
      if (flags & TCP_FLAG.ACK) this.close();
      return false;
    }
    if ((flags & (TCP_FLAG.SYN | TCP_FLAG.ACK)) !== (TCP_FLAG.SYN | TCP_FLAG.ACK)) return false;
    this.takeSyn(segment);
    this.phase = 'open';
    this.sender.acknowledge(segment.acknowledgement, segment.window, false);
    this.sendAck();
    return false;
  }

  private takeAcknowledgement(segment: TcpSegment): void {
    const window = segment.window << (this.scales ? this.scale : 0);
    const pure = segmentLength(segment) === 0;
    if (!this.sender.acknowledge(segment.acknowledgement, window, pure)) this.sendAck();
    if (this.paused && this.sender.queue.length < RESUME_BELOW) {
      this.paused = false;
      this.socket?.resume();
    }
  }

  /** Takes what continues the stream; anything else is answered with where the stream is. */
  private takeData(segment: TcpSegment): void {
    const known = sequenceDistance(this.expected, segment.sequence);
    const room = sequenceDistance(this.promised, segment.sequence);
    const { payload } = segment;
    if (known >= 0 && !this.guestFinished) {
      const fresh = payload.subarray(known, Math.max(0, room));
      this.expected = sequenceAdd(this.expected, fresh.length);
      if (fresh.length > 0) this.socket!.write(fresh);
      const end = sequenceAdd(segment.sequence, payload.length);
      if (segment.flags & TCP_FLAG.FIN && end === this.expected) this.takeFin();
    }
    this.sendAck();
  }

  private takeFin(): void {
    this.expected = sequenceAdd(this.expected, 1);
    this.guestFinished = true;
    this.socket!.end();
  }

  // Out

  private sendAck(): void {
    this.emit(TCP_FLAG.ACK, this.sender.position, new Uint8Array());
  }

  private emit(flags: number, sequence: number, payload: Uint8Array): void {
    const syn = (flags & TCP_FLAG.SYN) !== 0;
    const acknowledges = (flags & TCP_FLAG.ACK) !== 0;
    this.owner.emit({
      source: this.remote,
      destination: this.guest,
      sequence,
      acknowledgement: acknowledges ? this.expected : 0,
      flags,
      window: this.announce(acknowledges),
      payload,
      ...(syn ? { maximumSegment: SEGMENT_SIZE } : {}),
      ...(syn && (this.scales || !acknowledges) ? { windowScale: 0 } : {}),
    });
  }

  private announce(acknowledges: boolean): number {
    const free = Math.max(0, LARGEST_WINDOW - (this.socket?.buffered ?? 0));
    if (!acknowledges) return free;
    const edge = sequenceAdd(this.expected, free);
    if (sequenceDistance(edge, this.promised) > 0) this.promised = edge;
    return Math.min(LARGEST_WINDOW, Math.max(0, sequenceDistance(this.promised, this.expected)));
  }

  /** Tells both sides that it is over. */
  abort(): void {
    if (this.phase === 'closed') return;
    this.emit(TCP_FLAG.RST | TCP_FLAG.ACK, this.sender.position, new Uint8Array());
    this.close();
  }

  /** An orderly end leaves the host socket to finish by itself; otherwise it is cut. */
  close(): void {
    if (this.phase === 'closed') return;
    this.phase = 'closed';
    this.sender.due = Infinity;
    if (!(this.guestFinished && this.sender.finished)) this.socket?.reset();
    this.sender.queue.clear();
    this.owner.closed(this);
  }
}
