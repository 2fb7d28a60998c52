/** What the processor sees of the machine: ports, MMIO, time-stamp counter and interrupt acknowledge, with deadlines kept. */
import type { ProcessorArea } from '../runtime/processor-area.js';
import { R_BUDGET, R_PENDING, S_WINDOW } from '../runtime/state.js';
import type { Cpu, CpuEnvironment } from '../runtime/state.js';
import type { MachineClock } from './clock.js';
import type { MsrValue } from './lapic.js';
import type { MmioBus } from './mmio-bus.js';
import type { BlockPace, PortBus } from './port-bus.js';
import type { Vcpu } from './vcpu.js';

const TWO32 = 0x100000000;

/** Model-specific registers outside the processor's core: the local APIC's. False is #GP(0). */
export interface MsrOwner {
  readMsr(index: number, value: MsrValue): boolean;
  writeMsr(index: number, value: MsrValue): boolean;
}
const NO_MSRS: MsrOwner = { readMsr: () => false, writeMsr: () => false };

/** What is added to the time to give the TSC, modulo 2^64: uint32 halves, which stand for 2^64 less where it is behind. */
export interface TscOffset {
  low: number;
  high: number;
  behind: boolean;
}

/** Inside a block the budget goes down with each element, as time does; what is charged is given back, because the instruction pays for itself. */
class Pace implements BlockPace {
  private readonly vcpu: Vcpu;
  private readonly cpu: Cpu;
  private dropped = 0;

  constructor(vcpu: Vcpu) {
    this.vcpu = vcpu;
    this.cpu = vcpu.cpu;
  }
  begin(): void {
    this.dropped = this.cpu.mmu.dropped;
  }
  pass(elements: number): void {
    this.cpu.r[R_BUDGET]! -= elements;
  }
  get disturbed(): boolean {
    this.vcpu.deadlinesChanged();
    return this.cpu.r[R_PENDING] !== 0 || this.cpu.mmu.dropped !== this.dropped;
  }
}

export class VcpuEnvironment implements CpuEnvironment {
  private readonly vcpu: Vcpu;
  private readonly pace: Pace;
  private readonly ports: PortBus;
  private readonly mmio: Pick<MmioBus, 'drain'>;
  private readonly clock: MachineClock;
  private readonly acknowledge: () => number;
  private readonly msrs: MsrOwner;
  /** FERR#; answers with the level of IGNNE#. */
  readonly numericError: (error: number) => boolean;
  /** Added to the time to give the TSC, modulo 2^64: uint32 halves. */
  private tscLow = 0;
  private tscHigh = 0;
  /** The TSC is behind the time: the halves stand for 2^64 less. */
  private tscBehind = false;
  private readonly tsc = { low: 0, high: 0 };

  constructor(
    vcpu: Vcpu,
    buses: { readonly ports: PortBus; readonly mmio: Pick<MmioBus, 'drain'> },
    clock: MachineClock,
    acknowledge: () => number,
    msrs: MsrOwner = NO_MSRS,
    numericError: (error: number) => boolean = () => true,
  ) {
    this.vcpu = vcpu;
    this.ports = buses.ports;
    this.pace = new Pace(vcpu);
    buses.ports.pace = this.pace;
    this.mmio = buses.mmio;
    this.clock = clock;
    this.acknowledge = acknowledge;
    this.msrs = msrs;
    this.numericError = numericError;
  }

  readPort(port: number, size: number): number {
    this.mmio.drain();
    const value = this.ports.read(port & 0xffff, size);
    if (this.ports.movesTime) this.vcpu.deadlinesChanged();
    return value;
  }

  writePort(port: number, size: number, value: number): void {
    this.mmio.drain();
    this.ports.write(port & 0xffff, size, value);
    if (this.ports.movesTime) this.vcpu.deadlinesChanged();
  }

  readPorts(port: number, size: number, machine: number, count: number): number {
    return this.block(true, port, size, machine, count);
  }

  writePorts(port: number, size: number, machine: number, count: number): number {
    return this.block(false, port, size, machine, count);
  }

  private block(read: boolean, port: number, size: number, machine: number, count: number): number {
    const { r } = this.vcpu.cpu;
    const budget = r[R_BUDGET]!;
    this.mmio.drain();
    this.pace.begin();
    const moved = this.ports.block(read, port & 0xffff, size, machine, count);
    r[R_BUDGET] = budget;
    if (moved > 0) this.vcpu.deadlinesChanged();
    return moved;
  }

  /** The same record each time. */
  readTsc(): { low: number; high: number } {
    const now = this.clock.glance();
    // A remainder would be a call.
    const upper = Math.floor(now / TWO32);
    const low = now - upper * TWO32 + this.tscLow;
    this.tsc.low = low | 0;
    this.tsc.high = (upper + this.tscHigh + (low >= TWO32 ? 1 : 0)) | 0;
    return this.tsc;
  }

  writeTsc(low: number, high: number): void {
    const now = this.clock.now();
    const difference = (low >>> 0) - (now % TWO32);
    this.tscLow = difference < 0 ? difference + TWO32 : difference;
    const upper = (high >>> 0) - Math.floor(now / TWO32) - (difference < 0 ? 1 : 0);
    this.tscHigh = upper >>> 0;
    this.tscBehind = upper < 0;
    this.vcpu.deadlinesChanged();
  }

  get tscOffset(): TscOffset {
    return { low: this.tscLow, high: this.tscHigh, behind: this.tscBehind };
  }
  set tscOffset({ low, high, behind }: TscOffset) {
    this.tscLow = low;
    this.tscHigh = high;
    this.tscBehind = behind;
  }

  /** The time at which the TSC reaches a value, exact within 2^53 ns; the past if it is beyond already. */
  readonly timeOfTsc = (low: number, high: number): number => {
    const upper = high - this.tscHigh + (this.tscBehind ? TWO32 : 0);
    return upper * TWO32 + (low - this.tscLow);
  };

  readMsr(index: number): boolean {
    return this.msrs.readMsr(index, this.vcpu.cpu);
  }
  writeMsr(index: number): boolean {
    const known = this.msrs.writeMsr(index, this.vcpu.cpu);
    this.vcpu.deadlinesChanged();
    return known;
  }

  acknowledgeInterrupt(): number {
    return this.acknowledge();
  }
}

interface GuestMmio {
  read(gpa: number, size: number): number;
  write(gpa: number, size: number, value: number): void;
}

/** Writes that wait do so where translated code can put them. */
export function placeRing(bus: MmioBus, system: Int32Array, { buffer, ring }: ProcessorArea): void {
  bus.place(new Int32Array(buffer, ring, 1024), system.subarray(S_WINDOW, S_WINDOW + 2));
}

/** The MMIO bus as memory sees it. */
export function watchedMmio(bus: MmioBus, vcpu: Vcpu): GuestMmio {
  return {
    read(gpa, size) {
      const value = bus.read(gpa, size);
      vcpu.deadlinesChanged();
      return value;
    },
    write(gpa, size, value) {
      if (bus.write(gpa, size, value)) vcpu.deadlinesChanged();
    },
  };
}
