/** What generated code of the interpreter and of regions alike refers to. */
import { createShortX87 } from '../runtime/fpu/x87-short.js';
import { carries, carry, condition, parityOf, statusFlags } from '../runtime/flags.js';
import {
  addInexact,
  divInexact,
  mulInexact,
  singleAddInexact,
  singleDivInexact,
  singleSqrtInexact,
  sqrtInexact,
} from '../runtime/fpu/exactness.js';
import { createStringRuns } from '../runtime/helpers/string-runs.js';
import { notedFault } from '../runtime/fault.js';
import { deliverFault } from '../runtime/helpers/interrupts.js';
import type { PhysicalMemory } from '../runtime/memory.js';
import { R_BUDGET, R_FAULT, type Cpu } from '../runtime/state.js';
import { divideLong } from './fold.js';
import { HELPER_TABLE } from './helper-table.js';
import type { checkWrap as WrapCheck } from './wrapped-access.js';

export function sharedEnvironment(cpu: Cpu, memory: PhysicalMemory, checkWrap: typeof WrapCheck) {
  const { mmu } = cpu;
  return {
    cpu,
    r: cpu.r,
    dv: memory.view,
    u8: memory.u8,
    helpers: HELPER_TABLE,
    fpu: cpu.fpu,
    xw: cpu.fpu.places.words,
    xf: cpu.fpu.places.doubles,
    xs: cpu.fpu.places.singles,
    xc: cpu.fpu.sseControl,
    xi: cpu.fpu.x87.state,
    xd: cpu.fpu.x87.numbers,
    ...createStringRuns(cpu, memory),
    x87: createShortX87(cpu.fpu),
    addInexact,
    mulInexact,
    divInexact,
    sqrtInexact,
    singleAddInexact,
    singleDivInexact,
    singleSqrtInexact,
    // They do not throw page faults but note them: r[R_FAULT] is to be looked at behind each.
    read8: (a: number) => (mmu.canRead(a, 1) ? mmu.read8(a) : 0),
    read16: (a: number) => {
      if ((a & 1) !== 0) checkWrap(cpu, a, 2);
      return mmu.canRead(a, 2) ? mmu.read16(a) : 0;
    },
    read32: (a: number) => {
      if ((a & 3) !== 0) checkWrap(cpu, a, 4);
      return mmu.canRead(a, 4) ? mmu.read32(a) : 0;
    },
    write8: (a: number, v: number) => {
      if (mmu.canWrite(a, 1)) mmu.write8(a, v);
    },
    write16: (a: number, v: number) => {
      if ((a & 1) !== 0) checkWrap(cpu, a, 2);
      if (mmu.canWrite(a, 2)) mmu.write16(a, v);
    },
    write32: (a: number, v: number) => {
      if ((a & 3) !== 0) checkWrap(cpu, a, 4);
      if (mmu.canWrite(a, 4)) mmu.write32(a, v);
    },
    probeWrite: (a: number, size: number) => {
      if ((a & (size - 1)) !== 0) checkWrap(cpu, a, size);
      if (mmu.canWrite(a, size)) mmu.probeWrite(a, size);
    },
    // The read before a write to the same place.
    readToWrite8: (a: number) => {
      return mmu.canRewrite(a, 1) ? mmu.read8(a) : 0;
    },
    readToWrite16: (a: number) => {
      if ((a & 1) !== 0) checkWrap(cpu, a, 2);
      return mmu.canRewrite(a, 2) ? mmu.read16(a) : 0;
    },
    readToWrite32: (a: number) => {
      if ((a & 3) !== 0) checkWrap(cpu, a, 4);
      return mmu.canRewrite(a, 4) ? mmu.read32(a) : 0;
    },
    // The write behind such a read.
    writeBack8: (a: number, v: number) => mmu.write8(a, v),
    writeBack16: (a: number, v: number) => mmu.write16(a, v),
    writeBack32: (a: number, v: number) => mmu.write32(a, v),
    // The fault that such an access has noted goes to its handler, and is charged; the region that met it goes on there.
    deliverNoted: () => {
      const { r } = cpu;
      r[R_FAULT] = 0;
      deliverFault(cpu, notedFault);
      r[R_BUDGET] = r[R_BUDGET]! - 1;
      return 0;
    },
    divideLong,
    condition,
    carry,
    carries,
    statusFlags,
    parityOf,
  };
}
