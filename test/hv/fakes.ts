/** A clock set by hand, wires that remember, and port access by number. */
import type { Decoder, Device, Nanoseconds } from '../../src/devices/device.js';
import { MmioBus } from '../../src/hv/mmio-bus.js';
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
  const board = new TestBoard();
  board.add(...devices);
  return board;
}

/** Both buses, and the decoder for devices whose ranges move. */
export class TestBoard implements Ports {
  readonly ports = new PortBus();
  readonly mmio = new MmioBus();
  readonly decoder: Decoder = {
    ports: (key, name, claim) => this.ports.move(key, name, claim),
    memory: (key, name, claim) => this.mmio.move(key, name, claim),
  };

  add(...devices: Device[]): void {
    for (const device of devices) {
      this.ports.add(device);
      this.mmio.add(device);
    }
  }

  readonly in = (port: number, size = 1): number => this.ports.read(port, size);
  readonly out = (port: number, value: number, size = 1): void => this.ports.write(port, size, value);
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
