/**
 * Debug exceptions around single instructions: TF, code, data and I/O breakpoints, RF, what MOV SS holds off (SDM vol. 3, 17.3). The engine steps this
 * way while TF, RF, a breakpoint or a virtual interrupt is set, and only then.
 */
import { BREAK_ON, isArmed, matchBreakpoints, watchedPages } from '../runtime/breakpoints.js';
import { Vector, fault } from '../runtime/fault.js';
import { deliverException } from '../runtime/helpers/interrupts.js';
import { isVirtualInterruptDue } from '../runtime/helpers/virtual-flags.js';
import {
  EFLAGS,
  PENDING,
  R_BUDGET,
  R_EFLAGS,
  R_EIP,
  R_PENDING,
  R_SEGMENT_BASE,
  type Cpu,
} from '../runtime/state.js';

const DR6_BREAKPOINTS = 15;
const DR6_BS = 1 << 14;
const NO_PAGES: readonly number[] = [];

export class SingleStep {
  /** The instruction to come stands behind MOV SS or POP SS. */
  held = false;
  private readonly cpu: Cpu;
  private readonly r: Int32Array;
  private watching: readonly number[] = NO_PAGES;
  /** Breakpoints that MOV SS or POP SS itself matched, to be reported behind the next instruction. */
  private late = 0;
  private trapping = false;
  private behindStackLoad = false;
  /** VIF and VIP together are #GP(0) before any instruction; only ring 0 sets both, so a mode change goes before. */
  private virtualInterruptDue = false;

  constructor(cpu: Cpu) {
    this.cpu = cpu;
    this.r = cpu.r;
  }

  /** Whether `configure` would find anything. */
  isNeeded(): boolean {
    const { cpu, r } = this;
    return (
      (r[R_EFLAGS]! & (EFLAGS.TF | EFLAGS.RF | EFLAGS.VIP)) !== 0 ||
      isArmed(cpu.dr[7]!) ||
      this.watching.length > 0
    );
  }

  /** Follows the debug registers and EFLAGS; true if instructions have to be stepped. */
  configure(): boolean {
    const { cpu, r } = this;
    const armed = isArmed(cpu.dr[7]!);
    if (armed || this.watching.length > 0) {
      this.watching = armed ? watchedPages(cpu.dr) : NO_PAGES;
      cpu.mmu.watch(this.watching);
    }
    this.virtualInterruptDue = isVirtualInterruptDue(cpu);
    const needed = armed || this.virtualInterruptDue || (r[R_EFLAGS]! & (EFLAGS.TF | EFLAGS.RF)) !== 0;
    if (!needed) {
      this.held = false;
      this.late = 0;
      cpu.trace.hits = 0;
    }
    return needed;
  }

  /**
   * Before the instruction at r[R_EIP] is fetched: #DB as a fault where a code breakpoint matches. False where a trap came first, for what the
   * delivery of an event had matched.
   */
  begin(): boolean {
    const { cpu, r } = this;
    if (this.virtualInterruptDue) fault(Vector.GP, 0);
    const { trace } = cpu;
    if (trace.hits !== 0) {
      this.trap(trace.hits);
      return false;
    }
    trace.entered = trace.loadedResume = false;
    trace.single = true;
    this.trapping = (r[R_EFLAGS]! & EFLAGS.TF) !== 0;
    this.behindStackLoad = this.held;
    this.held = false;
    const hits = this.behindStackLoad ? 0 : this.codeHits();
    if (hits === 0) return true;
    this.report(hits);
    fault(Vector.DB);
  }

  /** Code breakpoints that the instruction at r[R_EIP] meets. */
  private codeHits(): number {
    const { cpu, r } = this;
    if ((r[R_EFLAGS]! & EFLAGS.RF) !== 0 || !isArmed(cpu.dr[7]!)) return 0;
    const linear = (r[R_SEGMENT_BASE + 1]! + r[R_EIP]!) | 0;
    return matchBreakpoints(cpu.dr, linear, 1, BREAK_ON.EXECUTION, BREAK_ON.EXECUTION);
  }

  /** After it, or after one iteration of it (`unfinished`). */
  end(unfinished: boolean): void {
    const { r, cpu } = this;
    const { trace } = cpu;
    trace.single = false;
    if (!unfinished && !trace.loadedResume) r[R_EFLAGS]! &= ~EFLAGS.RF;
    const hits = trace.hits | this.late;
    trace.hits = 0;
    const trapping = this.trapping && !trace.entered;
    if ((r[R_PENDING]! & PENDING.STACK_SHADOW) !== 0) {
      // Of two loads in a row only the first holds anything off (SDM vol. 3, 6.8.3).
      if (!this.behindStackLoad) {
        this.late = hits;
        return;
      }
      r[R_PENDING]! &= ~PENDING.STACK_SHADOW;
    }
    this.late = 0;
    // A breakpoint on the next instruction shows in the trap, too.
    if (hits !== 0 || trapping) this.trap(hits | this.codeHits() | (trapping ? DR6_BS : 0));
  }

  /** The instruction faulted and the fault has been delivered: only what MOV SS had matched is left to report. */
  faulted(): void {
    const { late } = this;
    this.cpu.trace.single = false;
    this.late = 0;
    if (late !== 0) this.trap(late);
  }

  private trap(bits: number): void {
    this.report(bits);
    deliverException(this.cpu, Vector.DB, 0);
    this.r[R_BUDGET] = this.r[R_BUDGET]! - 1;
  }

  /** B0-B3 tell of this exception alone; the other bits stay until software clears them (SDM vol. 3, 17.2.3). */
  private report(bits: number): void {
    const { dr } = this.cpu;
    dr[6] = (dr[6]! & ~DR6_BREAKPOINTS) | bits;
  }
}
