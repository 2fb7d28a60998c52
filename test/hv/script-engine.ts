/** An engine whose instructions are functions: EIP counts them, PENDING and budget are kept as the contract says. */
import type { Engine } from '../../src/hv/engine.js';
import type { Cpu } from '../../src/runtime/state.js';
import { PENDING, R_BUDGET, R_EIP, R_PENDING } from '../../src/runtime/state.js';

export type Step = (cpu: Cpu) => void;

export class ScriptEngine implements Engine {
  readonly name = 'script';
  /** Budgets granted, in order. */
  readonly budgets: number[] = [];
  /** Instruction at `eip`; the default does nothing. */
  step: (eip: number, cpu: Cpu) => void = () => undefined;
  private readonly cpu: Cpu;

  constructor(cpu: Cpu) {
    this.cpu = cpu;
  }

  run(): void {
    const { r } = this.cpu;
    this.budgets.push(r[R_BUDGET]!);
    while (r[R_BUDGET]! > 0 && (r[R_PENDING]! & ~(PENDING.CODE | PENDING.MODE)) === 0) {
      const eip = r[R_EIP]!;
      r[R_EIP] = eip + 1;
      this.step(eip, this.cpu);
      r[R_BUDGET]!--;
    }
  }

  statistics(): object {
    return { runs: this.budgets.length };
  }
}
