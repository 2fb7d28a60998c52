/** The processor after RESET (SDM vol. 3, table 9-1). */
import { setStatusFlags } from '../flags.js';
import { EDX, LDTR, PENDING, R_BUDGET, R_EFLAGS, R_EIP, R_LINES, R_PENDING, TR, type Cpu } from '../state.js';
import { resetMsrs } from './msr.js';
import { REAL_MODE_ATTRIBUTES, setCpl, setSegment } from './segments.js';

/** CR0 with CD, NW and ET set. */
const CR0_AT_RESET = 0x60000010;
/** LDTR and TR: present, types LDT and busy 32-bit TSS. */
const LDTR_ATTRIBUTES = 0x82;
const TR_ATTRIBUTES = 0x8b;

/** Power-on state; the budget and the FPU are left to their owners. Memory is not touched. */
export function reset(cpu: Cpu): void {
  const { r } = cpu;
  const budget = r[R_BUDGET]!;
  const lines = r[R_LINES]!;
  r.fill(0);
  r[R_BUDGET] = budget;
  r[R_LINES] = lines;
  r[R_EFLAGS] = 2;
  setStatusFlags(cpu, 0);
  resetControl(cpu);
  resetSegments(cpu);
  setCpl(cpu, 0);
  r[R_EIP] = 0xfff0;
  r[EDX] = cpu.model.cpuid(1, 0, cpu)[0];
  r[R_PENDING] = PENDING.MODE;
}

function resetControl(cpu: Cpu): void {
  cpu.cr0 = CR0_AT_RESET;
  cpu.cr2 = cpu.cr3 = cpu.cr4 = cpu.efer = 0;
  cpu.dr.fill(0);
  cpu.dr[6] = 0xffff0ff0;
  cpu.dr[7] = 0x400;
  cpu.gdtBase = cpu.idtBase = 0;
  cpu.gdtLimit = cpu.idtLimit = 0xffff;
  cpu.halted = cpu.shutdown = false;
  cpu.nmiPending = cpu.nmiBlocked = false;
  cpu.exitReason = 0;
  resetMsrs(cpu);
  cpu.mmu.controlRegistersChanged();
}

function resetSegments(cpu: Cpu): void {
  for (let i = 0; i < 6; i++) setSegment(cpu, i, 0, 0, 0xffff, REAL_MODE_ATTRIBUTES);
  setSegment(cpu, 1, 0xf000, 0xffff0000 | 0, 0xffff, REAL_MODE_ATTRIBUTES);
  setSegment(cpu, LDTR, 0, 0, 0xffff, LDTR_ATTRIBUTES);
  setSegment(cpu, TR, 0, 0, 0xffff, TR_ATTRIBUTES);
}
