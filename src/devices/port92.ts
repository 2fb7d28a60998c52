/** System control port A at 92: fast A20 and fast reset. */
import type { Device, Wire } from './device.js';

const RESET = 1,
  A20 = 2;

export interface Port92State {
  value: number;
}

export class Port92 implements Device<Port92State> {
  readonly name = 'port92';
  readonly version = 1;
  readonly state: Port92State = { value: 0 };
  readonly ports = [
    {
      first: 0x92,
      last: 0x92,
      read: () => this.state.value,
      write: (_p: number, _s: number, v: number) => this.write(v),
    },
  ];
  private readonly a20: Wire;
  private readonly fastReset: () => void;

  constructor(a20: Wire, fastReset: () => void) {
    this.a20 = a20;
    this.fastReset = fastReset;
  }

  reset(): void {
    this.state.value = 0;
    this.a20(false);
  }

  restored(): void {
    this.a20((this.state.value & A20) !== 0);
  }

  private write(value: number): void {
    const resets = (value & ~this.state.value & RESET) !== 0;
    this.state.value = value & ~RESET;
    this.a20((value & A20) !== 0);
    if (resets) this.fastReset();
  }
}
