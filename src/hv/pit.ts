/** The 8254 at 40-43 with port 61: channel 0 drives IRQ0, channel 1 was DRAM refresh, channel 2 is the speaker's. */
import type { Clock, Device, Nanoseconds, Wire } from '../devices/device.js';
import { ticksAt, timeOfTick } from './frequency.js';
import * as channel from './pit-channel.js';
import type { ChannelState } from './pit-channel.js';

export const PIT_HERTZ = 1193182;
/** Half a period of the refresh request that port 61 bit 4 shows. */
const REFRESH_TOGGLE_NS = 15085;
const PORT61_GATE = 1,
  PORT61_REFRESH = 0x10,
  PORT61_OUT2 = 0x20;

export interface PitState {
  channels: [ChannelState, ChannelState, ChannelState];
  /** Tick up to which the edges of OUT0 have been reported. */
  reported: number;
  /** Bits 0-3 of port 61. */
  port61: number;
}

export class Pit implements Device<PitState> {
  readonly name = 'pit';
  readonly version = 1;
  readonly state: PitState = {
    channels: [channel.createChannel(), channel.createChannel(), channel.createChannel()],
    reported: 0,
    port61: 0,
  };
  readonly ports = [
    {
      first: 0x40,
      last: 0x42,
      read: (p: number) => this.readCounter(p & 3),
      write: (p: number, _: number, v: number) => this.writeCounter(p & 3, v),
    },
    { first: 0x43, last: 0x43, write: (_p: number, _s: number, v: number) => this.writeControl(v) },
    {
      first: 0x61,
      last: 0x61,
      read: () => this.readPort61(),
      write: (_p: number, _s: number, v: number) => this.writePort61(v),
    },
  ];
  private readonly clock: Clock;
  private readonly irq0: Wire;

  constructor(clock: Clock, irq0: Wire) {
    this.clock = clock;
    this.irq0 = irq0;
  }

  reset(): void {
    for (const c of this.state.channels) Object.assign(c, channel.createChannel());
    this.state.channels[2].gate = false;
    this.state.port61 = 0;
    this.state.reported = this.now();
    this.irq0(false);
  }

  deadline(): Nanoseconds {
    return timeOfTick(channel.nextEdge(this.state.channels[0], this.state.reported), PIT_HERTZ);
  }

  tick(now: Nanoseconds): void {
    const tick = ticksAt(now, PIT_HERTZ);
    const c = this.state.channels[0];
    // OUT of mode 2 is low for one clock only: show the edge even when nobody looked in between.
    if (channel.nextEdge(c, this.state.reported) <= tick) this.irq0(false);
    this.report(tick);
  }

  private report(tick: number): void {
    const c = this.state.channels[0];
    channel.sync(c, tick);
    this.state.reported = tick;
    this.irq0(channel.output(c, tick));
  }

  private now(): number {
    return ticksAt(this.clock.now(), PIT_HERTZ);
  }

  private readCounter(index: number): number {
    return channel.readCount(this.state.channels[index]!, this.now());
  }

  private writeCounter(index: number, value: number): void {
    const now = this.now();
    channel.writeCount(this.state.channels[index]!, value, now);
    if (index === 0) this.report(now);
  }

  private writeControl(value: number): void {
    const now = this.now();
    const select = value >> 6;
    if (select === 3) this.readBack(value, now);
    else if ((value & 0x30) === 0) channel.latchCount(this.state.channels[select]!, now);
    else {
      channel.writeControl(this.state.channels[select]!, value);
      if (select === 0) this.report(now);
    }
  }

  /** Read-back command: bits 1-3 select counters, bits 5 and 4 are active low. */
  private readBack(value: number, now: number): void {
    for (let i = 0; i < 3; i++) {
      if ((value & (2 << i)) === 0) continue;
      const c = this.state.channels[i]!;
      if ((value & 0x20) === 0) channel.latchCount(c, now);
      if ((value & 0x10) === 0) channel.latchStatus(c, now);
    }
  }

  private readPort61(): number {
    const time = this.clock.now();
    const tick = ticksAt(time, PIT_HERTZ);
    const c = this.state.channels[2];
    channel.sync(c, tick);
    const refresh = Math.floor(time / REFRESH_TOGGLE_NS) % 2 === 1 ? PORT61_REFRESH : 0;
    return this.state.port61 | refresh | (channel.output(c, tick) ? PORT61_OUT2 : 0);
  }

  private writePort61(value: number): void {
    this.state.port61 = value & 0x0f;
    channel.setGate(this.state.channels[2], (value & PORT61_GATE) !== 0, this.now());
  }
}
