/** Port f4, QEMU's isa-debug-exit: a write ends the run with status `value << 1 | 1`. */
import type { Device } from './device.js';

export class DebugExit implements Device {
  readonly name = 'debug-exit';
  readonly version = 1;
  readonly state = {};
  readonly ports;

  constructor(exit: (status: number) => void) {
    // The host's exit status is one byte.
    const write = (_p: number, _s: number, v: number): void => exit(((v << 1) | 1) & 0xff);
    this.ports = [{ first: 0xf4, last: 0xf4, read: () => 0, write }];
  }

  reset(): void {}
}
