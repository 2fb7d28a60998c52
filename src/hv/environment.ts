/** What the processor sees of the machine: ports, MMIO, time-stamp counter and interrupt acknowledge, with deadlines kept. */
import type { CpuEnvironment } from '../runtime/state.js';
import type { MachineClock } from './clock.js';
import type { MmioBus } from './mmio-bus.js';
import type { PortBus } from './port-bus.js';
import type { Vcpu } from './vcpu.js';

const TWO32 = 0x100000000;

export class VcpuEnvironment implements CpuEnvironment {
  private readonly vcpu: Vcpu;
  private readonly ports: PortBus;
  private readonly clock: MachineClock;
  private readonly acknowledge: () => number;
  /** Added to the time to give the TSC, modulo 2^64: uint32 halves. */
  private tscLow = 0;
  private tscHigh = 0;
  private readonly tsc = { low: 0, high: 0 };

  constructor(vcpu: Vcpu, ports: PortBus, clock: MachineClock, acknowledge: () => number) {
    this.vcpu = vcpu;
    this.ports = ports;
    this.clock = clock;
    this.acknowledge = acknowledge;
  }

  readPort(port: number, size: number): number {
    const value = this.ports.read(port & 0xffff, size);
    this.vcpu.deadlinesChanged();
    return value;
  }

  writePort(port: number, size: number, value: number): void {
    this.ports.write(port & 0xffff, size, value);
    this.vcpu.deadlinesChanged();
  }

  /** The same record each time. */
  readTsc(): { low: number; high: number } {
    const now = this.clock.now();
    const low = (now % TWO32) + this.tscLow;
    this.tsc.low = low | 0;
    this.tsc.high = (Math.floor(now / TWO32) + this.tscHigh + (low >= TWO32 ? 1 : 0)) | 0;
    return this.tsc;
  }

  writeTsc(low: number, high: number): void {
    const now = this.clock.now();
    const difference = (low >>> 0) - (now % TWO32);
    this.tscLow = difference < 0 ? difference + TWO32 : difference;
    this.tscHigh = ((high >>> 0) - Math.floor(now / TWO32) - (difference < 0 ? 1 : 0)) >>> 0;
  }

  /** No MSR lies outside the processor yet: the local APIC will. */
  readMsr(): boolean {
    return false;
  }
  writeMsr(): boolean {
    return false;
  }

  acknowledgeInterrupt(): number {
    return this.acknowledge();
  }
}

/** The MMIO bus as memory sees it. */
export function watchedMmio(bus: MmioBus, vcpu: Vcpu): Pick<MmioBus, 'read' | 'write'> {
  return {
    read(gpa, size) {
      const value = bus.read(gpa, size);
      vcpu.deadlinesChanged();
      return value;
    },
    write(gpa, size, value) {
      bus.write(gpa, size, value);
      vcpu.deadlinesChanged();
    },
  };
}
