/** What the vCPU loop does for each reason an engine stopped. A new ExitReason without a handler does not compile. */
import { ExitReason } from '../runtime/exits.js';
import type { Cpu } from '../runtime/state.js';

/** Why a run is over; `status` is the exit status a debug exit asked for. */
export interface EndReason {
  readonly kind: 'power-off' | 'reset' | 'triple-fault' | 'debug-exit' | 'halted-forever';
  readonly status?: number;
}

export interface ExitContext {
  readonly cpu: Cpu;
  /** What a device asked for; taken by the handler. */
  platformRequest: EndReason | undefined;
  /** Runs the service whose stub the processor is in. */
  readonly firmware: () => void;
}
export interface ExitHandler {
  /** Saving the machine is legal here: no device or instruction is half-way. */
  readonly consistent: boolean;
  /** Returns a reason when the run is over. */
  handle(context: ExitContext): EndReason | undefined;
}

const nothingToDo = (): undefined => undefined;

export const EXIT_HANDLERS: Readonly<Record<ExitReason, ExitHandler>> = {
  [ExitReason.BUDGET]: { consistent: true, handle: nothingToDo },
  [ExitReason.EXTERNAL_INTERRUPT]: { consistent: true, handle: nothingToDo },
  [ExitReason.HLT]: {
    consistent: true,
    handle: ({ cpu }) => {
      cpu.halted = true;
      return undefined;
    },
  },
  [ExitReason.TRIPLE_FAULT]: { consistent: false, handle: () => ({ kind: 'triple-fault' }) },
  [ExitReason.PLATFORM]: {
    consistent: false,
    handle: (context) => {
      const request = context.platformRequest;
      context.platformRequest = undefined;
      return request;
    },
  },
  [ExitReason.FIRMWARE]: {
    consistent: false,
    handle: (context) => {
      context.firmware();
      return undefined;
    },
  },
};
