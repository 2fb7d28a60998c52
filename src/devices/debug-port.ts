/** Port E9, the debug console Bochs introduced: reads as E9, writes go to the host. */
import type { Device } from './device.js';

export class DebugPort implements Device {
  readonly name = 'debug-port';
  readonly version = 1;
  readonly state = {};
  readonly ports;

  constructor(output: (byte: number) => void) {
    this.ports = [
      { first: 0xe9, last: 0xe9, read: () => 0xe9, write: (_p: number, _s: number, v: number) => output(v) },
    ];
  }

  reset(): void {}
}
