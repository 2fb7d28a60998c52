/** Ports E9 and 402, the debug consoles of Bochs and of SeaBIOS: read as E9, writes go to the host. */
import type { Device } from './device.js';

/** What a reader takes as "there is a console". */
const PRESENT = 0xe9;

export class DebugPort implements Device {
  readonly name = 'debug-port';
  readonly version = 1;
  readonly state = {};
  readonly ports;

  constructor(output: (byte: number) => void) {
    const console = { read: () => PRESENT, write: (_p: number, _s: number, v: number) => output(v) };
    this.ports = [
      { first: 0xe9, last: 0xe9, ...console },
      { first: 0x402, last: 0x402, ...console },
    ];
  }

  reset(): void {}
}
