/** Types of generated.js, which `npm run build` writes. */
import type { InterpreterEnvironment } from './environment.js';

/** Handler of a form: 0 next instruction, 1 r[R_EIP] is set, 2 the instruction has iterations left. Throws GuestFault. */
export type Handler = (slot: number, pageEip: number) => number;

export declare const FORM_NUMBERS: ReadonlyMap<string, number>;
export declare function createHandlers(environment: InterpreterEnvironment): (Handler | undefined)[];
/** Runs from a slot until something needs the dispatcher; 1 when it stopped at a slot that became hot. */
export declare function createRun(
  environment: InterpreterEnvironment,
  handlers: readonly (Handler | undefined)[],
): (slot: number, pageEip: number, mapBase: number) => number;
