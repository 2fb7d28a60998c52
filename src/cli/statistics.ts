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
  /** Instructions retired inside translated regions. */
  readonly regionInstructions?: number;
  /** The same as a share of all instructions, 0 to 1. */
  readonly translatedShare: number;
}

/** What the engine counted; engines without regions have translated nothing. */
function engineStatistics(machine: Machine): EngineStatistics {
  const counted = machine.engine.statistics() as { readonly regionInstructions?: number };
  const translated = counted.regionInstructions ?? 0;
  return { translatedShare: round(translated / Math.max(1, machine.instructionsRetired), 6), ...counted };
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
  const share = (engineStatistics(machine).translatedShare * 100).toFixed(1);
  return `time:   ${machine.engine.name} ${mips.toFixed(1)} million instructions per second of CPU time, ${share} % of them translated`;
}
