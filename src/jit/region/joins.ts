/** Which code is to become part of the regions that lead to it: that for which one of them was often left. */
import { R_SEGMENT_BASE, type Cpu } from '../../runtime/state.js';

/** Leaving a region for one place so often costs about as much as making it again together with what is there: a transfer takes 10 to 20 ns. */
const THRESHOLD = 300_000;

/** Above every slot. */
const SLOTS = 2 ** 24;

export class Joins {
  readonly threshold: number;
  private readonly cpu: Cpu;
  private readonly machines = new Set<number>();
  private readonly refused = new Set<number>();

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
  /** So is what a region would soon have been left for as often. */
  wantOthers(targets: readonly number[]): void {
    for (const eip of targets) this.want(eip);
  }
  /** Times missing that count as soon. */
  get soon(): number {
    return this.threshold / 2;
  }
  /** The region that begins at a slot could not be made with the code at another one: there is no room, or the way there is none that regions follow. */
  refuse(entry: number, target: number): void {
    this.refused.add(entry * SLOTS + target);
  }
  isRefused(entry: number, target: number): boolean {
    return this.refused.has(entry * SLOTS + target);
  }
  clear(): void {
    this.refused.clear();
    this.machines.clear();
  }
}
