/** Guest memory as devices reach it: through the p2m, past the processor's A20 gate, with translated code kept right. */
import type { GuestMemory } from '../devices/guest-memory.js';
import type { PhysicalMemory } from '../runtime/memory.js';

export class GuestDma implements GuestMemory {
  private readonly memory: PhysicalMemory;

  constructor(memory: PhysicalMemory) {
    this.memory = memory;
  }

  read(address: number, into: Uint8Array): void {
    const { memory } = this;
    for (let done = 0; done < into.length;) {
      const gpa = (address + done) >>> 0;
      const part = Math.min(into.length - done, 4096 - (gpa & 0xfff));
      const machine = memory.machineAddress(gpa);
      if (machine < 0) into.fill(0xff, done, done + part);
      else into.set(memory.u8.subarray(machine, machine + part), done);
      done += part;
    }
  }

  write(address: number, bytes: Uint8Array): void {
    this.memory.copyIn(address, bytes);
  }
}
