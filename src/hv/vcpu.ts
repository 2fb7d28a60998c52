/** The vCPU loop: delivers interrupts at instruction boundaries, grants instructions up to the next deadline, handles exits. */
import type { Nanoseconds } from '../devices/device.js';
import { ExitReason } from '../runtime/exits.js';
import { deliverInterrupt, deliverNmi } from '../runtime/helpers/interrupts.js';
import type { Cpu } from '../runtime/state.js';
import { EFLAGS, PENDING, R_EFLAGS, R_PENDING } from '../runtime/state.js';
import type { MachineClock } from './clock.js';
import type { InstructionCounter } from './counter.js';
import type { Engine } from './engine.js';
import { EXIT_HANDLERS } from './exits.js';
import type { EndReason, ExitContext } from './exits.js';
import type { Timers } from './timers.js';

/** Largest budget that R_BUDGET holds with room to spare. */
const LONGEST_RUN = 0x40000000;
/** Deadlines an idle guest may sleep through in one slice without waking up. */
const SKIPS_PER_SLICE = 1000;

export interface SliceResult {
  ended?: EndReason;
  /** The guest is idle until this time; Infinity when only input can wake it. Not after now when the host need not sleep. */
  idleUntil?: Nanoseconds;
}

export interface VcpuParts {
  readonly cpu: Cpu;
  readonly engine: Engine;
  readonly counter: InstructionCounter;
  readonly clock: MachineClock;
  readonly timers: Timers;
  /** INTA: the vector, -1 if none after all. */
  readonly acknowledge: () => number;
}

export class Vcpu implements ExitContext {
  readonly cpu: Cpu;
  platformRequest: EndReason | undefined = undefined;
  /** What the BIOS does behind an instruction that called it. */
  firmware: () => void = () => undefined;
  private readonly parts: VcpuParts;
  private readonly r: Int32Array;
  /** The running budget reaches to this time. */
  private plannedUntil: Nanoseconds = 0;
  private sliceOver = false;
  /** No instruction or device is half-way: the machine may be saved between slices. */
  consistent = true;

  constructor(parts: VcpuParts) {
    this.parts = parts;
    this.cpu = parts.cpu;
    this.r = parts.cpu.r;
  }

  /** The processor's INTR pin. */
  readonly interruptPin = (level: boolean): void => {
    this.cpu.interruptLine = level;
    if (level && this.r[R_EFLAGS]! & EFLAGS.IF) this.r[R_PENDING]! |= PENDING.INTERRUPT;
  };

  /** The processor's NMI pin rises. */
  readonly nmiPin = (): void => {
    this.cpu.nmiPending = true;
    this.r[R_PENDING]! |= PENDING.INTERRUPT;
  };

  /** A device asks for the run to end; the first request of an instruction counts. */
  request(reason: EndReason): void {
    this.platformRequest ??= reason;
    this.cpu.exitReason = ExitReason.PLATFORM;
    this.r[R_PENDING]! |= PENDING.EXIT;
  }

  /** A stub of the BIOS ROM asks for its service, which runs at the next boundary. */
  callFirmware(): void {
    this.cpu.exitReason ||= ExitReason.FIRMWARE;
    this.r[R_PENDING]! |= PENDING.EXIT;
  }

  /** After an access that may have moved a deadline: if one now lies inside the running budget, the engine has to return. */
  deadlinesChanged(): void {
    if (this.parts.timers.next() < this.plannedUntil) this.r[R_PENDING]! |= PENDING.INTERRUPT;
  }

  /** A device did work that took the host long: the slice ends at the next boundary, so that the host gets its turn however often the guest asks for it. */
  endSlice(): void {
    this.sliceOver = true;
    this.r[R_PENDING]! |= PENDING.INTERRUPT;
  }

  /** Forgets what was pending; the caller resets processor and chips. */
  reset(): void {
    this.platformRequest = undefined;
    this.consistent = true;
    this.cpu.exitReason = 0;
    this.r[R_PENDING]! &= ~(PENDING.EXIT | PENDING.SHADOW | PENDING.STACK_SHADOW | PENDING.INTERRUPT);
  }

  /** Runs until `instructions` more are retired, the guest is idle, or the run ended. */
  runSlice(instructions: number): SliceResult {
    const { clock, counter, timers } = this.parts;
    const end = counter.retired + Math.max(1, Math.floor(instructions));
    this.sliceOver = false;
    for (let skips = 0; ;) {
      const ended = this.handleExit();
      if (ended !== undefined) return { ended };
      timers.run(clock.now());
      const shadow = (this.r[R_PENDING]! & PENDING.SHADOW) !== 0 && !this.cpu.halted;
      if (!shadow) this.deliver();
      if ((this.r[R_PENDING]! & PENDING.EXIT) !== 0) continue;
      if (this.cpu.halted) {
        const idle = this.idle(++skips);
        if (idle !== undefined) return idle;
      } else if (counter.retired >= end || this.sliceOver) return {};
      else this.run(shadow ? 1 : end - counter.retired);
    }
  }

  /** Takes an NMI or a maskable interrupt if the processor would. */
  private deliver(): void {
    const { cpu } = this;
    if (cpu.nmiPending && !cpu.nmiBlocked) deliverNmi(cpu);
    else if (cpu.interruptLine && this.r[R_EFLAGS]! & EFLAGS.IF) {
      const vector = this.parts.acknowledge();
      if (vector >= 0) deliverInterrupt(cpu, vector);
    }
  }

  private run(most: number): void {
    const { clock, counter, engine, timers } = this.parts;
    const due = timers.next();
    this.consistent = true;
    const since = clock.now();
    const budget = Math.min(most, LONGEST_RUN, clock.instructionsUntil(due, since));
    this.plannedUntil = clock.after(budget, since);
    this.r[R_PENDING]! &= ~(PENDING.INTERRUPT | PENDING.SHADOW);
    counter.grant(budget);
    engine.run();
    clock.ran(counter.settle(), since);
    this.plannedUntil = 0;
  }

  /** The exit that a helper or device raised, if any. */
  private handleExit(): EndReason | undefined {
    if ((this.r[R_PENDING]! & PENDING.EXIT) === 0) return undefined;
    this.r[R_PENDING]! &= ~PENDING.EXIT;
    const reason = this.cpu.exitReason as ExitReason;
    this.cpu.exitReason = 0;
    const { consistent, handle } = EXIT_HANDLERS[reason];
    this.consistent = consistent;
    return handle(this);
  }

  /** Halted: passes time up to the next deadline, or says what the guest waits for. */
  private idle(skips: number): SliceResult | undefined {
    const { clock, timers } = this.parts;
    const { cpu } = this;
    const canWake = (this.r[R_EFLAGS]! & EFLAGS.IF) !== 0 || (cpu.nmiPending && !cpu.nmiBlocked);
    if (!canWake) return { ended: { kind: 'halted-forever' } };
    const due = timers.next();
    if (due === Infinity) return { idleUntil: Infinity };
    if (due > clock.now() && !clock.skipTo(due)) return { idleUntil: due };
    return skips < SKIPS_PER_SLICE ? undefined : { idleUntil: clock.now() };
  }
}
