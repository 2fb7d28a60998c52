/** CPUID, HLT, CLI/STI, PUSHF/POPF, SYSENTER/SYSEXIT and the instructions that only check privilege (SDM vol. 2). */
import { ExitReason } from '../exits.js';
import { fault, Vector } from '../fault.js';
import { getEflags, setEflags } from '../flags.js';
import {
  CPUID_ROW,
  CPUID_ROWS,
  CR0,
  CR4,
  EAX,
  EBX,
  ECX,
  EDX,
  EFLAGS,
  ESP,
  PENDING,
  R_BUDGET,
  R_CPL,
  R_EFLAGS,
  R_EIP,
  R_LINES,
  R_PENDING,
  S_CPUID,
  type Cpu,
} from '../state.js';
import { setFlatCodeAndStack } from './control-registers.js';
import { Msr, msrLow } from './msr.js';
import { isVm86, requireCpl0 } from './segments.js';
import {
  ANY_CPL_FLAGS,
  checkVirtualFlags,
  iopl,
  isVirtualized,
  loadVirtualFlags,
  requireVirtualFlags,
  virtualFlags,
} from './virtual-flags.js';

/** CPUID; the answer is noted for the next time. */
export function cpuid(cpu: Cpu): void {
  const { r } = cpu;
  const leaf = cpu.model.cpuid(r[EAX]!, r[ECX]!, cpu);
  noteCpuid(cpu, r[EAX]!, r[ECX]!, leaf);
  r[EAX] = leaf[0];
  r[EBX] = leaf[1];
  r[ECX] = leaf[2];
  r[EDX] = leaf[3];
}

/** One answer in each row, by leaf. */
function noteCpuid({ system }: Cpu, leaf: number, subleaf: number, answer: readonly number[]): void {
  const row = S_CPUID + ((leaf ^ (leaf >>> 29)) & (CPUID_ROWS - 1)) * CPUID_ROW;
  system[row] = 1;
  system[row + 1] = leaf;
  system[row + 2] = subleaf;
  system.set(answer, row + 3);
}

/** HLT: the engine leaves with EIP after the instruction. */
export function hlt(cpu: Cpu): void {
  requireCpl0(cpu);
  cpu.halted = true;
  cpu.exitReason = ExitReason.HLT;
  cpu.r[R_PENDING]! |= PENDING.EXIT;
}

/** CLI, STI and the like: CPL must not exceed IOPL; virtual-8086 mode has CPL 3. */
function mayChangeIf(cpu: Cpu): boolean {
  return !(cpu.cr0 & CR0.PE) || cpu.r[R_CPL]! <= iopl(cpu);
}

/** Where IF may not be changed, CLI and STI change VIF instead: CR4.VME in virtual-8086 mode, CR4.PVI at CPL 3 (SDM vol. 3, 20.3.2 and 20.4). */
function requireVirtualIf(cpu: Cpu): void {
  const enabled = cpu.cr4 & (isVm86(cpu) ? CR4.VME : CR4.PVI);
  if (!enabled || cpu.r[R_CPL] !== 3) fault(Vector.GP, 0);
}

/** CLI. */
export function cli(cpu: Cpu): void {
  if (mayChangeIf(cpu)) cpu.r[R_EFLAGS]! &= ~EFLAGS.IF;
  else {
    requireVirtualIf(cpu);
    cpu.r[R_EFLAGS]! &= ~EFLAGS.VIF;
  }
}

/**
 * STI: the instruction after it still runs before an interrupt is taken. Where none waits and the vCPU loop does not look behind this instruction, the
 * shadow would be over before anything could see it.
 */
export function sti(cpu: Cpu): void {
  if (!mayChangeIf(cpu)) return setVirtualIf(cpu);
  const { r } = cpu;
  if (r[R_EFLAGS]! & EFLAGS.IF) return;
  setEflags(cpu, EFLAGS.IF, EFLAGS.IF);
  if (r[R_LINES] !== 0 || r[R_BUDGET]! <= 1) r[R_PENDING]! |= PENDING.SHADOW;
}

/** A virtual interrupt that is pending is the monitor's business. */
function setVirtualIf(cpu: Cpu): void {
  requireVirtualIf(cpu);
  if (cpu.r[R_EFLAGS]! & EFLAGS.VIP) fault(Vector.GP, 0);
  cpu.r[R_EFLAGS]! |= EFLAGS.VIF;
}

/** PUSHF: the image to push; #GP(0) in virtual-8086 mode below IOPL 3, unless CR4.VME has the 16-bit form show VIF. */
export function pushf(cpu: Cpu, operandSize: number): number {
  if (isVirtualized(cpu)) {
    requireVirtualFlags(cpu, operandSize);
    return virtualFlags(cpu);
  }
  return getEflags(cpu) & ~(EFLAGS.VM | EFLAGS.RF);
}

/** POPF: changes the flags that CPL and IOPL allow (SDM vol. 2, table 4-15); RF becomes 0, VIF and VIP stay. */
export function popf(cpu: Cpu, value: number, operandSize: number): void {
  if (isVirtualized(cpu)) {
    requireVirtualFlags(cpu, operandSize);
    checkVirtualFlags(cpu, value);
    return loadVirtualFlags(cpu, value);
  }
  let mask: number = ANY_CPL_FLAGS;
  if (mayChangeIf(cpu)) mask |= EFLAGS.IF;
  if (cpu.r[R_CPL] === 0) mask |= EFLAGS.IOPL;
  setEflags(cpu, value & ~EFLAGS.RF, operandSize === 16 ? mask & 0xffff : mask);
}

function requireSysenter(cpu: Cpu): number {
  if (!(cpu.cr0 & CR0.PE)) fault(Vector.GP, 0);
  const selector = msrLow(cpu, Msr.SYSENTER_CS);
  if ((selector & 0xfffc) === 0) fault(Vector.GP, 0);
  return selector;
}

/** SYSENTER: sets R_EIP. */
export function sysenter(cpu: Cpu): void {
  const selector = requireSysenter(cpu);
  setEflags(cpu, 0, EFLAGS.VM | EFLAGS.IF | EFLAGS.RF);
  setFlatCodeAndStack(cpu, selector, 0);
  cpu.r[ESP] = msrLow(cpu, Msr.SYSENTER_ESP);
  cpu.r[R_EIP] = msrLow(cpu, Msr.SYSENTER_EIP);
}

/** SYSEXIT: to EDX with the stack at ECX; sets R_EIP. */
export function sysexit(cpu: Cpu): void {
  const selector = requireSysenter(cpu);
  requireCpl0(cpu);
  setFlatCodeAndStack(cpu, selector + 16, 3);
  cpu.r[ESP] = cpu.r[ECX]!;
  cpu.r[R_EIP] = cpu.r[EDX]!;
}

/** WBINVD and INVD: caches are not modelled. */
export function wbinvd(cpu: Cpu): void {
  requireCpl0(cpu);
}
