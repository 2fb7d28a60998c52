/** The architectural state of the processor as plain data, status flags materialised; TLB and translations are not part of it. */
import { getEflags, setStatusFlags } from '../../runtime/flags.js';
import { findFlatSegments } from '../../runtime/mode.js';
import {
  PENDING,
  R_CPL,
  R_EFLAGS,
  R_EIP,
  R_EPOCH,
  R_PENDING,
  R_SEGMENT_BASE,
  R_SITE,
  R_SLOT,
  STATUS_FLAGS,
} from '../../runtime/state.js';
import type { Cpu } from '../../runtime/state.js';
import { SavedStateError } from './saved-state-error.js';
import { adopt } from './adopt.js';

const GENERAL = 8;
/** Interrupts and debug traps that STI, MOV SS and POP SS hold off stay held off. */
const KEPT_PENDING = PENDING.SHADOW | PENDING.STACK_SHADOW;
const NUMBERS = [
  'cr0',
  'cr2',
  'cr3',
  'cr4',
  'efer',
  'gdtBase',
  'gdtLimit',
  'idtBase',
  'idtLimit',
  'interruptCount',
] as const;
const SWITCHES = ['halted', 'shutdown', 'interruptLine', 'nmiPending', 'nmiBlocked'] as const;
const FPU_NUMBERS = [
  'control',
  'status',
  'top',
  'valid',
  'instructionOffset',
  'instructionSelector',
  'operandOffset',
  'operandSelector',
  'opcode',
  'errors',
  'mxcsr',
] as const;

function picked<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<T, K>;
}

/** What `restoreProcessor` takes. The arrays are copies. */
export function saveProcessor(cpu: Cpu) {
  const { r, segments, fpu, trace } = cpu;
  return {
    registers: r.slice(0, GENERAL),
    eip: r[R_EIP]!,
    eflags: getEflags(cpu),
    cpl: r[R_CPL]!,
    pending: r[R_PENDING]! & KEPT_PENDING,
    selectors: segments.selector.slice(),
    bases: segments.base.slice(),
    limits: segments.limit.slice(),
    attributes: segments.attributes.slice(),
    ...picked(cpu, NUMBERS),
    ...picked(cpu, SWITCHES),
    dr: cpu.dr.slice(),
    pdptes: cpu.mmu.pdptes.slice(),
    trace: { ...trace },
    exceptionCounts: cpu.exceptionCounts.slice(),
    msrs: [...cpu.msr].sort(([a], [b]) => a - b).flatMap(([index, [low, high]]) => [index, low, high]),
    fpu: { ...picked(fpu, FPU_NUMBERS), bytes: fpu.bytes.slice() },
  };
}

type ProcessorState = ReturnType<typeof saveProcessor>;

/** Between runs of the engine. Throws SavedStateError when `saved` is not what `saveProcessor` makes; the processor is then as it was. */
export function restoreProcessor(cpu: Cpu, saved: unknown): void {
  const state = saveProcessor(cpu);
  adopt(state, saved, 'the processor');
  if (state.msrs.length % 3 !== 0 || !state.msrs.every(Number.isInteger))
    throw new SavedStateError('is damaged: model-specific registers come as index, low and high half');
  putRegisters(cpu, state);
  Object.assign(cpu, picked(state, NUMBERS), picked(state, SWITCHES));
  cpu.dr.set(state.dr);
  Object.assign(cpu.trace, state.trace);
  cpu.exceptionCounts.set(state.exceptionCounts);
  cpu.msr.clear();
  for (let i = 0; i < state.msrs.length; i += 3)
    cpu.msr.set(state.msrs[i]!, [state.msrs[i + 1]!, state.msrs[i + 2]!]);
  Object.assign(cpu.fpu, picked(state.fpu, FPU_NUMBERS));
  cpu.fpu.bytes.set(state.fpu.bytes);
  cpu.exitReason = 0;
  cpu.mmu.pdptes.set(state.pdptes);
  cpu.mmu.flush(true);
  cpu.mmu.controlRegistersChanged();
}

function putRegisters(cpu: Cpu, state: ProcessorState): void {
  const { r, segments } = cpu;
  r.set(state.registers);
  segments.selector.set(state.selectors);
  segments.base.set(state.bases);
  segments.limit.set(state.limits);
  segments.attributes.set(state.attributes);
  for (let i = 0; i < 6; i++) r[R_SEGMENT_BASE + i] = state.bases[i]!;
  findFlatSegments(cpu);
  r[R_EIP] = state.eip;
  r[R_EFLAGS] = (state.eflags & ~STATUS_FLAGS) | 2;
  setStatusFlags(cpu, state.eflags);
  r[R_CPL] = state.cpl & 3;
  r[R_SITE] = r[R_SLOT] = 0;
  r[R_EPOCH]!++;
  // The mode of the code to come is found anew.
  r[R_PENDING] = (state.pending & KEPT_PENDING) | PENDING.MODE;
}
