/** Which code is to become part of the regions that lead to it: that for which one of them was often left. */
import { R_SEGMENT_BASE, type Cpu } from '../../runtime/state.js';
import type { LinkedRegion } from './links.js';

/** Leaving a region for one place so often costs about as much as making it again together with what is there. */
const THRESHOLD = 100_000;

export class Joins {
  readonly threshold: number;
  private readonly cpu: Cpu;
  private readonly machines = new Set<number>();

  constructor(cpu: Cpu, threshold = THRESHOLD) {
    this.cpu = cpu;
    this.threshold = threshold;
  }

  get isEmpty(): boolean {
    return this.machines.size === 0;
  }
  /** Whether the code at a machine address is wanted. */
  wants(machine: number): boolean {
    return this.machines.has(machine);
  }
  /** The code at an offset in CS is wanted. */
  want(eip: number): void {
    const { cpu } = this;
    this.machines.add(cpu.mmu.probeFetch((eip + cpu.r[R_SEGMENT_BASE + 1]!) | 0));
  }
  /** So is what the region would soon have been left for as often. */
  wantOthers({ siteCountdowns, siteOffsets, calls }: LinkedRegion, base: number): void {
    const soon = this.threshold / 2;
    siteCountdowns.forEach((left, site) => {
      if (left < soon) this.want((base + siteOffsets[site]!) | 0);
    });
    for (const { direct, countdown, link } of calls) if (direct && countdown < soon) this.want(link.eip);
  }
  clear(): void {
    this.machines.clear();
  }
}
