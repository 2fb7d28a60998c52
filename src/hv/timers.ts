/** The devices that act by themselves: when the next one is due is asked of their states each time, nothing is queued. */
import type { Device, Nanoseconds } from '../devices/device.js';

export class Timers {
  private readonly devices: Device[] = [];

  add(device: Device): void {
    if (device.deadline !== undefined && device.tick !== undefined) this.devices.push(device);
  }

  /** Absolute time of the next deadline, Infinity for none. */
  next(): Nanoseconds {
    let due = Infinity;
    for (let i = 0; i < this.devices.length; i++) due = Math.min(due, this.devices[i]!.deadline!());
    return due;
  }

  /** Ticks every device that is due. */
  run(now: Nanoseconds): void {
    for (let i = 0; i < this.devices.length; i++) {
      const device = this.devices[i]!;
      if (device.deadline!() <= now) device.tick!(now);
    }
  }
}
