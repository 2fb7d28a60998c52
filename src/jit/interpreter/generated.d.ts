/** Types of generated.js, which `npm run build` writes. */
import type { InterpreterEnvironment } from './environment.js';

/** Handler of a form: 0 next instruction, 1 r[R_EIP] is set, 2 the instruction has iterations left. Throws GuestFault. */
export type Handler = (slot: number, pageEip: number) => number;

/** Runs from a slot until something needs the handlers or the dispatcher; RunEnd. `pagesAt`: byte offset of the mode's page table. */
export type Run = (slot: number, pageEip: number, mapBase: number, pagesAt: number) => number;

export declare const FORM_NUMBERS: ReadonlyMap<string, number>;
export declare function createHandlers(environment: InterpreterEnvironment): (Handler | undefined)[];
export declare function createRun(environment: InterpreterEnvironment): Run;
/** The same as a module of the ahead-of-time subset, with places in the processor's area as `$name+bytes$` or `$name/words$`. */
export declare const AHEAD: string;
