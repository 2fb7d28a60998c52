/** Counts retired instructions exactly: what was completed plus what the running engine has used of its budget. */
import { R_BUDGET } from '../runtime/state.js';

export class InstructionCounter {
  private readonly r: Int32Array;
  private completed = 0;
  private granted = 0;

  constructor(r: Int32Array) {
    this.r = r;
    r[R_BUDGET] = 0;
  }

  /** float64 integer, exact in the middle of a run too. */
  get retired(): number {
    return this.completed + this.granted - this.r[R_BUDGET]!;
  }

  /** Counts on from `completed`; no engine runs. */
  set(completed: number): void {
    this.completed = completed;
    this.granted = 0;
    this.r[R_BUDGET] = 0;
  }

  /** Before an engine runs: it may retire `budget` instructions, at most 2^31 - 1. */
  grant(budget: number): void {
    this.granted = budget;
    this.r[R_BUDGET] = budget;
  }

  /** After it ran: how many it retired. */
  settle(): number {
    const used = this.granted - this.r[R_BUDGET]!;
    this.completed += used;
    this.granted = 0;
    this.r[R_BUDGET] = 0;
    return used;
  }
}
