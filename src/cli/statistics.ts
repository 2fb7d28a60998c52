/** The JSON of `--stats` and the demo's one-line summary. */
import type { Machine } from './guest.js';

/** CPU seconds of this process, compiler threads included. */
function cpuSeconds(usage: NodeJS.CpuUsage): number {
  return (usage.user + usage.system) / 1e6;
}

export class RunMeter {
  readonly #usage = process.cpuUsage();
  readonly #start = performance.now();

  /** CPU and wall seconds since the guest started. */
  times(): { cpuSeconds: number; wallSeconds: number } {
    return {
      cpuSeconds: cpuSeconds(process.cpuUsage(this.#usage)),
      wallSeconds: (performance.now() - this.#start) / 1000,
    };
  }
}

export interface RunSummary {
  /** Why the run ended. */
  readonly ended: string;
  readonly status: number;
}

interface EngineStatistics {
  /** Share of the instructions retired inside translated regions, 0 to 1. */
  readonly translatedShare?: number;
}

/** What the engine and the TLB counted. */
function engineStatistics(machine: Machine): EngineStatistics {
  return { ...machine.engine.statistics(), tlb: machine.cpu.mmu.statistics } as EngineStatistics;
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

/** MIPS are guest instructions per microsecond of host CPU time. */
export function statisticsOf(
  machine: Machine,
  meter: RunMeter,
  summary: RunSummary,
  memoryBytes: number,
): object {
  const { cpuSeconds, wallSeconds } = meter.times();
  const instructions = machine.instructionsRetired;
  return {
    ...summary,
    instructions,
    mips: cpuSeconds > 0 ? round(instructions / cpuSeconds / 1e6, 3) : 0,
    cpuSeconds: round(cpuSeconds, 6),
    wallSeconds: round(wallSeconds, 6),
    guestSeconds: machine.now() / 1e9,
    memoryBytes,
    node: process.versions.node,
    engine: machine.engine.name,
    ...engineStatistics(machine),
  };
}

/** Rates since the start, for a reader. */
export function summaryLine(machine: Machine, meter: RunMeter): string {
  const mips = machine.instructionsRetired / meter.times().cpuSeconds / 1e6;
  const { translatedShare } = engineStatistics(machine);
  const share =
    translatedShare === undefined
      ? ''
      : `, ${(translatedShare * 100).toFixed(1)} % of them translated to JavaScript`;
  return `time:   ${machine.engine.name} ${mips.toFixed(1)} million instructions per second of CPU time${share}`;
}
