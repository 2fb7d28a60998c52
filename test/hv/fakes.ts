/** A clock set by hand, wires that remember, and port access by number. */
import type { Device, Nanoseconds } from '../../src/devices/device.js';
import { PortBus } from '../../src/hv/port-bus.js';

export class ManualClock {
  time: Nanoseconds = 0;
  now(): Nanoseconds {
    return this.time;
  }
}

export class RecordedWire {
  level = false;
  rises = 0;
  readonly set = (level: boolean): void => {
    if (level && !this.level) this.rises++;
    this.level = level;
  };
}

export interface Ports {
  in(port: number, size?: number): number;
  out(port: number, value: number, size?: number): void;
}

export function portsOf(...devices: Device[]): Ports {
  const bus = new PortBus();
  for (const device of devices) bus.add(device);
  return {
    in: (port, size = 1) => bus.read(port, size),
    out: (port, value, size = 1) => bus.write(port, size, value),
  };
}

/** Advances to `until`, ticking the device at each of its deadlines. */
export function advance(clock: ManualClock, device: Device, until: Nanoseconds): number {
  let ticks = 0;
  for (; device.deadline!() <= until; ticks++) {
    clock.time = Math.max(clock.time, device.deadline!());
    device.tick!(clock.time);
  }
  clock.time = until;
  return ticks;
}
