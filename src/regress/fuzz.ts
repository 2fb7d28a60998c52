/** The engine fuzzer: the same random blocks in several engines, compared after every step; failing ones are made smaller. */
import type { EngineName } from '../jit/engines.js';
import { getEflags } from '../runtime/flags.js';
import { R_BUDGET, R_CPL, R_EIP } from '../runtime/state.js';
import type { Cpu } from '../runtime/state.js';
import { cpuFields } from './cpu-report.js';
import { assemble } from './fuzz-case.js';
import type { FuzzCase, Program } from './fuzz-case.js';
import { drawCase, smaller } from './fuzz-draw.js';
import { FuzzMachine } from './fuzz-machine.js';

export interface Failure {
  readonly case: FuzzCase;
  /** One line a difference. */
  readonly problems: readonly string[];
  /** Instructions of the case until then. */
  readonly after: number;
  readonly machines: readonly FuzzMachine[];
}
/** Faults of one case that are resumed. */
const MOST_FAULTS = 60;
const hex = (value: number): string => (Number.isInteger(value) ? (value >>> 0).toString(16) : String(value));

const BYTE_STATE = (cpu: Cpu): readonly ArrayLike<number>[] => [
  cpu.r.subarray(0, 15),
  cpu.fpu.settle().words,
  cpu.fpu.exponent,
  cpu.segments.selector,
  cpu.segments.base,
  cpu.segments.limit,
  cpu.segments.attributes,
  cpu.dr,
];
const NUMBER_STATE = (cpu: Cpu): readonly number[] => [
  cpu.r[R_EIP]!,
  getEflags(cpu),
  cpu.r[R_BUDGET]!,
  cpu.r[R_CPL]!,
  cpu.cr0,
  cpu.cr2,
  cpu.cr3,
  cpu.cr4,
  cpu.gdtBase,
  cpu.gdtLimit,
  cpu.idtBase,
  cpu.idtLimit,
  cpu.halted ? 1 : 0,
  cpu.shutdown ? 1 : 0,
  cpu.exitReason,
  cpu.fpu.control,
  cpu.fpu.status,
  cpu.fpu.top,
  cpu.fpu.valid,
  cpu.fpu.mxcsr,
  cpu.fpu.instructionOffset,
  cpu.fpu.instructionSelector,
  cpu.fpu.operandOffset,
  cpu.fpu.operandSelector,
  cpu.fpu.opcode,
];

function equalArrays(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  const { length } = a;
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}
/** As `equalArrays`, for long ones: this one only ever sees Int32Arrays. */
function equalWords(a: Int32Array, b: Int32Array): boolean {
  const length = a.length | 0;
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}
function equalCpus(a: Cpu, b: Cpu): boolean {
  const inB = BYTE_STATE(b);
  return (
    equalArrays(NUMBER_STATE(a), NUMBER_STATE(b)) &&
    BYTE_STATE(a).every((array, i) => equalArrays(array, inB[i]!))
  );
}

/** Differences in what the guest can see. */
function differences(a: FuzzMachine, b: FuzzMachine): string[] {
  const lines: string[] = [];
  const differ = (what: string, left: number, right: number): void => {
    if (!Object.is(left, right)) lines.push(`${what}: ${a.name} ${hex(left)}, ${b.name} ${hex(right)}`);
  };
  if (!equalCpus(a.cpu, b.cpu)) {
    const inB = new Map(cpuFields(b.cpu));
    for (const [name, value] of cpuFields(a.cpu)) differ(name, value, inB.get(name)!);
    differ('instructions left of the step', a.cpu.r[R_BUDGET]!, b.cpu.r[R_BUDGET]!);
    differ('shutdown', a.cpu.shutdown ? 1 : 0, b.cpu.shutdown ? 1 : 0);
    differ('exit reason', a.cpu.exitReason, b.cpu.exitReason);
  }
  return lines.concat(memoryDifferences(a, b));
}
function memoryDifferences(a: FuzzMachine, b: FuzzMachine): string[] {
  const inB = b.memory();
  return a.memory().flatMap(([first, words], n) => {
    const others = inB[n]![1];
    if (equalWords(words, others)) return [];
    const i = words.findIndex((word, k) => word !== others[k]);
    return [`memory ${hex(first + 4 * i)}: ${a.name} ${hex(words[i]!)}, ${b.name} ${hex(others[i]!)}`];
  });
}
/** Tables and page tables: only supervisor code can reach them, except for accessed and dirty bits. */
function systemDifferences(a: FuzzMachine, b: FuzzMachine): string[] {
  const left = a.systemWords(),
    right = b.systemWords();
  if (equalWords(left, right)) return [];
  const i = left.findIndex((word, k) => word !== right[k]);
  return [`tables ${hex(0x600000 + 4 * i)}: ${a.name} ${hex(left[i]!)}, ${b.name} ${hex(right[i]!)}`];
}

export interface Tally {
  cases: number;
  instructions: number;
  faults: number;
  /** Instructions that ran in translated regions. */
  translated: number;
}

export class Fuzzer {
  readonly tally: Tally = { cases: 0, instructions: 0, faults: 0, translated: 0 };
  private readonly machines = new Map<number, FuzzMachine[]>();
  private readonly engines: readonly EngineName[];

  /** The first engine is what the others are compared with. */
  constructor(engines: readonly EngineName[]) {
    this.engines = engines;
  }

  private machinesOf(bits: 16 | 32): FuzzMachine[] {
    const known = this.machines.get(bits);
    if (known) return known;
    const made = this.engines.map((name) => new FuzzMachine(name, bits));
    this.machines.set(bits, made);
    return made;
  }

  /** Runs one case; undefined when the engines agree. */
  run(c: FuzzCase): Failure | undefined {
    const machines = this.machinesOf(c.bits);
    const program = assemble(c);
    for (const machine of machines) machine.load(c, program);
    this.tally.cases++;
    const before = machines.map((m) => m.engine.translatedInstructions);
    const failure = this.steps(c, program, machines);
    machines.forEach((m, i) => (this.tally.translated += m.engine.translatedInstructions - before[i]!));
    return failure;
  }

  private steps(c: FuzzCase, program: Program, machines: readonly FuzzMachine[]): Failure | undefined {
    let left = c.budget;
    let faults = 0;
    const interrupts = [...(c.interrupts ?? [])];
    for (let n = 0; left > 0; n++) {
      const next = interrupts[0];
      const until = next === undefined ? Infinity : next.after - (c.budget - left);
      if (next !== undefined && until <= 0) {
        interrupts.shift();
        for (const machine of machines) machine.interrupt(next.vector);
      }
      const step = Math.min(Math.max(1, c.steps[n % c.steps.length]!), until > 0 ? until : Infinity);
      const problems = this.step(step, machines);
      const used = step - machines[0]!.cpu.r[R_BUDGET]!;
      if (problems.length > 0) return { case: c, problems, after: c.budget - left + used, machines };
      this.tally.instructions += used;
      left -= Math.max(1, used);
      const { cpu } = machines[0]!;
      if (cpu.shutdown) break;
      if (!cpu.halted) continue;
      this.tally.faults++;
      if (++faults > MOST_FAULTS || !machines.map((m) => m.resume(program)).every(Boolean)) break;
    }
    const problems = machines.slice(1).flatMap((m) => systemDifferences(machines[0]!, m));
    return problems.length > 0 ? { case: c, problems, after: c.budget - left, machines } : undefined;
  }

  private step(budget: number, machines: readonly FuzzMachine[]): string[] {
    for (const machine of machines) {
      try {
        machine.run(budget);
      } catch (error) {
        return [
          `${machine.name} threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        ];
      }
    }
    return machines.slice(1).flatMap((machine) => differences(machines[0]!, machine));
  }

  /** The smallest case found that still fails, in at most `attempts` runs, run once more on fresh machines. */
  shrink(failure: Failure, attempts = 1200): Failure {
    let best = failure;
    for (let progress = true; progress && attempts > 0;) {
      progress = false;
      for (const candidate of smaller(best.case)) {
        if (attempts-- <= 0) break;
        const found = this.run(candidate);
        if (!found) continue;
        best = found;
        progress = true;
        break;
      }
    }
    this.machines.clear();
    return this.run(best.case) ?? best;
  }
}

export interface FuzzOptions {
  readonly seed: number;
  readonly engines: readonly EngineName[];
  /** Asked before each case. */
  readonly goOn: (cases: number) => boolean;
}
export interface FuzzResult {
  readonly tally: Tally;
  readonly failure: Failure | undefined;
  /** Seed of the failing case. */
  readonly seed: number;
}

/** Cases of consecutive seeds until one fails or `goOn` says no. */
export function runFuzz(options: FuzzOptions): FuzzResult {
  const fuzzer = new Fuzzer(options.engines);
  for (let seed = options.seed; options.goOn(fuzzer.tally.cases); seed = (seed + 1) | 0) {
    const failure = fuzzer.run(drawCase(seed));
    if (failure) return { tally: { ...fuzzer.tally }, failure: fuzzer.shrink(failure), seed };
  }
  return { tally: fuzzer.tally, failure: undefined, seed: options.seed };
}
