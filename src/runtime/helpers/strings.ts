/**
 * The string instructions with REP, REPE and REPNE (SDM vol. 2, REP).
 *
 * Every function returns 0 when the instruction is finished and 1 when it stopped after an iteration because the budget is used up or
 * something is pending: then R_EIP stays and the engine's charge for the instruction pays the last iteration.
 */
import { EFLAGS, ECX, EDX, R_BUDGET, R_EFLAGS, R_EIP, R_PENDING, type Cpu } from '../state.js';
import { checkIo } from './io.js';
import { bulk } from './string-bulk.js';
import { StringOperation, step, steps, type StringOperation as Operation } from './string-steps.js';

function run(
  cpu: Cpu,
  operation: Operation,
  width: number,
  addressSize: number,
  segment: number,
  rep: number,
): number {
  steps.bytes = width >> 3;
  steps.mask = addressSize === 16 ? 0xffff : -1;
  steps.segment = segment;
  steps.delta = cpu.r[R_EFLAGS]! & EFLAGS.DF ? -steps.bytes : steps.bytes;
  if (rep === 0) {
    step(cpu, operation);
    return 0;
  }
  return repeat(cpu, operation, rep);
}

/** Iterations are charged as they complete, so that a fault or a device sees the exact count; the engine charges the last one. */
function repeat(cpu: Cpu, operation: Operation, rep: number): number {
  const { r, trace } = cpu;
  const { mask } = steps;
  // The permission check comes before the count is looked at (seen on silicon).
  if (operation === StringOperation.INS || operation === StringOperation.OUTS)
    checkIo(cpu, r[EDX]! & 0xffff, steps.bytes);
  const compares = operation === StringOperation.SCAS || operation === StringOperation.CMPS;
  // REPE (F3) goes on while equal, REPNE (F2) while not; the others look at the count only.
  const equalStops = rep === 0xf2;
  let remaining = (r[ECX]! & mask) >>> 0;
  if (remaining === 0) return 0;
  let finished: boolean;
  do {
    let done = bulk(cpu, operation, trace.single ? 1 : Math.min(remaining, r[R_BUDGET]!), rep);
    if (done === 0) {
      step(cpu, operation);
      done = 1;
    }
    remaining -= done;
    r[ECX] = (r[ECX]! & ~mask) | (remaining & mask);
    r[R_BUDGET] = r[R_BUDGET]! - done;
    finished = remaining === 0 || (compares && steps.equal === equalStops);
  } while (!finished && r[R_BUDGET]! > 0 && r[R_PENDING] === 0 && !trace.single);
  r[R_BUDGET] = r[R_BUDGET]! + 1;
  trace.repeating = finished ? -1 : r[R_EIP]!;
  return finished ? 0 : 1;
}

/** `width` 8, 16 or 32; `rep` 0, 0xf3 or 0xf2; `segment` of the source at (E)SI. */
export function movs(cpu: Cpu, width: number, addressSize: number, segment: number, rep: number): number {
  return run(cpu, StringOperation.MOVS, width, addressSize, segment, rep);
}
export function cmps(cpu: Cpu, width: number, addressSize: number, segment: number, rep: number): number {
  return run(cpu, StringOperation.CMPS, width, addressSize, segment, rep);
}
export function stos(cpu: Cpu, width: number, addressSize: number, rep: number): number {
  return run(cpu, StringOperation.STOS, width, addressSize, 0, rep);
}
export function lods(cpu: Cpu, width: number, addressSize: number, segment: number, rep: number): number {
  return run(cpu, StringOperation.LODS, width, addressSize, segment, rep);
}
export function scas(cpu: Cpu, width: number, addressSize: number, rep: number): number {
  return run(cpu, StringOperation.SCAS, width, addressSize, 0, rep);
}
/** INS: the port is DX. */
export function ins(cpu: Cpu, width: number, addressSize: number, rep: number): number {
  return run(cpu, StringOperation.INS, width, addressSize, 0, rep);
}
export function outs(cpu: Cpu, width: number, addressSize: number, segment: number, rep: number): number {
  return run(cpu, StringOperation.OUTS, width, addressSize, segment, rep);
}
