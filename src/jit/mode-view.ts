/** The mode key as the builder and the decoder read it, and decoding as the processor model at hand does it. */
import { decode } from '../decoder/decode.js';
import { CS, DecodeFailure, type Instruction } from '../decoder/instruction.js';
import { OPCODES, type OpcodeRow } from '../decoder/opcodes.js';
import { familyOf, hasFeature } from '../runtime/cpu-models.js';
import { MODE, MODE_FLAT_SHIFT } from '../runtime/mode.js';
import type { Cpu, CpuModel } from '../runtime/state.js';
import type { ModeView } from './builder.js';

interface ModelView {
  readonly views: Map<number, ModeView>;
  readonly missing: Uint8Array;
}
const models = new WeakMap<CpuModel, ModelView>();

/** 1 for each row of the opcode table that the processor does not have. */
export function missingRows(cpu: Cpu): Uint8Array {
  const family = familyOf(cpu);
  return Uint8Array.from(OPCODES, (row: OpcodeRow) => {
    const known = row.cpuid === undefined || hasFeature(cpu, row.cpuid);
    return known && family >= (row.family ?? 0) ? 0 : 1;
  });
}

function modelView(cpu: Cpu): ModelView {
  let view = models.get(cpu.model);
  if (view === undefined) models.set(cpu.model, (view = { views: new Map(), missing: missingRows(cpu) }));
  return view;
}

export function modeView(mode: number, cpu: Cpu): ModeView {
  const { views, missing } = modelView(cpu);
  let view = views.get(mode);
  if (view === undefined) {
    view = {
      missing,
      codeSize: mode & MODE.CODE_32 ? 32 : 16,
      stackSize: mode & MODE.STACK_32 ? 32 : 16,
      targets: mode & MODE.SHORT_CODE ? 'checked' : mode & MODE.CODE_LIMIT ? 'wide checked' : 'free',
      aligned: (mode & MODE.ALIGNMENT) !== 0,
      vm86: (mode & MODE.VM86) !== 0,
      fpu: (mode & MODE.FPU) !== 0,
      sse: (mode & MODE.SSE) !== 0,
      // Stores through CS are never unchecked, and loads through it are too rare to tell apart.
      flat: (segment) => segment !== CS && ((mode >> (MODE_FLAT_SHIFT + segment)) & 1) !== 0,
    };
    views.set(mode, view);
  }
  return view;
}

/** As `decode`: instructions that the model does not have are invalid, so that no engine can run them (SDM vol. 2, CPUID). */
export function decodeIn(
  view: ModeView,
  bytes: Uint8Array,
  start: number,
  end: number,
): Instruction | DecodeFailure {
  const decoded = decode(bytes, start, end, view.codeSize);
  return typeof decoded === 'object' && view.missing?.[decoded.row] === 1 ? DecodeFailure.INVALID : decoded;
}
