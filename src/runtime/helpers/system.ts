/** CPUID, HLT, CLI/STI, PUSHF/POPF, SYSENTER/SYSEXIT and the instructions that only check privilege (SDM vol. 2). */
import { ExitReason } from '../exits.js';
import { fault, Vector } from '../fault.js';
import { getEflags, setEflags } from '../flags.js';
import {
  CR0,
  EAX,
  EBX,
  ECX,
  EDX,
  EFLAGS,
  ESP,
  PENDING,
  R_CPL,
  R_EFLAGS,
  R_EIP,
  R_PENDING,
  STATUS_FLAGS,
  type Cpu,
} from '../state.js';
import { setFlatCodeAndStack } from './control-registers.js';
import { Msr, msrLow } from './msr.js';
import { isVm86, requireCpl0 } from './segments.js';

/** Raises any exception; for semantics that find a condition by themselves. */
export function raise(_cpu: Cpu, vector: number, errorCode: number): never {
  fault(vector, errorCode);
}

/** CPUID. */
export function cpuid(cpu: Cpu): void {
  const { r } = cpu;
  const leaf = cpu.model.cpuid(r[EAX]!, r[ECX]!, cpu);
  r[EAX] = leaf[0];
  r[EBX] = leaf[1];
  r[ECX] = leaf[2];
  r[EDX] = leaf[3];
}

/** HLT: the engine leaves with EIP after the instruction. */
export function hlt(cpu: Cpu): void {
  requireCpl0(cpu);
  cpu.halted = true;
  cpu.exitReason = ExitReason.HLT;
  cpu.r[R_PENDING]! |= PENDING.EXIT;
}

function iopl(cpu: Cpu): number {
  return (cpu.r[R_EFLAGS]! >> 12) & 3;
}

/** CLI, STI and the like: CPL must not exceed IOPL; virtual-8086 mode has CPL 3. */
function requireIopl(cpu: Cpu): void {
  if (cpu.cr0 & CR0.PE && cpu.r[R_CPL]! > iopl(cpu)) fault(Vector.GP, 0);
}

/** CLI. */
export function cli(cpu: Cpu): void {
  requireIopl(cpu);
  cpu.r[R_EFLAGS]! &= ~EFLAGS.IF;
}

/** STI: the instruction after it still runs before an interrupt is taken. */
export function sti(cpu: Cpu): void {
  requireIopl(cpu);
  if (cpu.r[R_EFLAGS]! & EFLAGS.IF) return;
  setEflags(cpu, EFLAGS.IF, EFLAGS.IF);
  cpu.r[R_PENDING]! |= PENDING.SHADOW;
}

/** PUSHF: the image to push; #GP(0) in virtual-8086 mode below IOPL 3. */
export function pushf(cpu: Cpu): number {
  if (isVm86(cpu) && iopl(cpu) !== 3) fault(Vector.GP, 0);
  return getEflags(cpu) & ~(EFLAGS.VM | EFLAGS.RF);
}

const POPF_ANY = STATUS_FLAGS | EFLAGS.TF | EFLAGS.DF | EFLAGS.NT | EFLAGS.RF | EFLAGS.AC | EFLAGS.ID;

/** POPF: changes the flags that CPL and IOPL allow (SDM vol. 2, table 4-15); RF becomes 0. */
export function popf(cpu: Cpu, value: number, operandSize: number): void {
  if (isVm86(cpu) && iopl(cpu) !== 3) fault(Vector.GP, 0);
  let mask: number = POPF_ANY;
  const cpl = cpu.r[R_CPL]!;
  if (cpl <= iopl(cpu) || !(cpu.cr0 & CR0.PE)) mask |= EFLAGS.IF;
  if (cpl === 0) mask |= EFLAGS.IOPL | EFLAGS.VIF | EFLAGS.VIP;
  const image = value & ~(EFLAGS.RF | EFLAGS.VIF | EFLAGS.VIP);
  setEflags(cpu, image, operandSize === 16 ? mask & 0xffff : mask);
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

/** MONITOR, MWAIT, VMCALL, VMMCALL, RSM: instructions no model has. */
export function undefinedInstruction(_cpu: Cpu): never {
  fault(Vector.UD);
}
