/**
 * The AT's coprocessor interrupt logic: the processor's FERR# raises IRQ 13; a write to port F0 drops the line and asserts IGNNE#, which holds until the
 * error that it was written for is gone (SDM vol. 1, D.2.1.2). Port F1 resets a coprocessor of its own, which no processor since the 486 has.
 */
import type { Device, Wire } from './device.js';

export interface NumericErrorState {
  /** The number of the error that FERR# was last asserted for. */
  error: number;
  irq13: boolean;
  ignored: boolean;
}

export class NumericError implements Device<NumericErrorState> {
  readonly name = 'numeric-error';
  readonly version = 1;
  readonly state: NumericErrorState = { error: 0, irq13: false, ignored: false };
  readonly ports = [
    { first: 0xf0, last: 0xf0, read: () => 0xff, write: () => this.acknowledge() },
    { first: 0xf1, last: 0xf1, read: () => 0xff, write: () => undefined },
  ];
  private readonly irq13: Wire;

  constructor(irq13: Wire) {
    this.irq13 = irq13;
  }

  reset(): void {
    this.set(false, false);
    this.state.error = 0;
  }

  /** FERR#: the processor waits with unmasked error number `error`. Whether IGNNE# lets it go on. */
  assert(error: number): boolean {
    if (error !== this.state.error) {
      this.state.error = error;
      this.set(true, false);
    }
    return this.state.ignored;
  }

  private acknowledge(): void {
    this.set(false, this.state.irq13 || this.state.ignored);
  }

  private set(irq13: boolean, ignored: boolean): void {
    this.state.irq13 = irq13;
    this.state.ignored = ignored;
    this.irq13(irq13);
  }
}
