/** A parallel port (LPT1 at 378) with nothing plugged in: data and control registers read back. Not implemented: printers, interrupts, EPP and ECP. */
import type { Device } from './device.js';

export interface ParallelState {
  data: number;
  control: number;
}

/** An idle port: not busy, no error, selected by nobody (pins are pulled up). */
const STATUS_IDLE = 0xdf;
const CONTROL_UNUSED = 0xc0,
  CONTROL_POWER_ON = 0x0c;

export class ParallelPort implements Device<ParallelState> {
  readonly name = 'lpt1';
  readonly version = 1;
  readonly state: ParallelState = { data: 0, control: CONTROL_POWER_ON };
  readonly ports = [
    {
      first: 0x378,
      last: 0x37a,
      read: (p: number) =>
        p === 0x378 ? this.state.data : p === 0x379 ? STATUS_IDLE : this.state.control | CONTROL_UNUSED,
      write: (p: number, _: number, v: number) => this.write(p, v),
    },
  ];

  reset(): void {
    this.state.data = 0;
    this.state.control = CONTROL_POWER_ON;
  }

  private write(port: number, value: number): void {
    if (port === 0x378) this.state.data = value;
    else if (port === 0x37a) this.state.control = value & 0x3f;
  }
}
