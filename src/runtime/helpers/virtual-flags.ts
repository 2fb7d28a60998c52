/** The flags as virtual-8086 code below IOPL 3 sees them with CR4.VME: VIF in the place of IF, IOPL 3 (SDM vol. 3, 20.3). */
import { fault, Vector } from '../fault.js';
import { getEflags, setEflags } from '../flags.js';
import { CR4, EFLAGS, R_CPL, R_EFLAGS, STATUS_FLAGS, TR, type Cpu } from '../state.js';
import { isVm86 } from './segments.js';

/** What a popped EFLAGS may change at every privilege level. */
export const ANY_CPL_FLAGS =
  STATUS_FLAGS | EFLAGS.TF | EFLAGS.DF | EFLAGS.NT | EFLAGS.RF | EFLAGS.AC | EFLAGS.ID;

const TSS_IO_MAP_BASE = 0x66;
/** Bytes of the redirection bitmap, which ends where the I/O permission bitmap begins. */
const REDIRECTION_BYTES = 32;

export function iopl(cpu: Cpu): number {
  return (cpu.r[R_EFLAGS]! >> 12) & 3;
}

/** Virtual-8086 mode below IOPL 3, where flags are the monitor's. */
export function isVirtualized(cpu: Cpu): boolean {
  return isVm86(cpu) && iopl(cpu) !== 3;
}

/** #GP(0) unless CR4.VME virtualizes the instruction; it does so only for 16-bit images. */
export function requireVirtualFlags(cpu: Cpu, operandSize: number): void {
  if (!(cpu.cr4 & CR4.VME) || operandSize !== 16) fault(Vector.GP, 0);
}

/** The 16-bit image that PUSHF and a redirected INT n push. */
export function virtualFlags(cpu: Cpu): number {
  const eflags = getEflags(cpu);
  const image = (eflags & 0xffff & ~EFLAGS.IF) | EFLAGS.IOPL;
  return eflags & EFLAGS.VIF ? image | EFLAGS.IF : image;
}

/** #GP(0) where POPF or IRET may not load an image: it sets TF, or lets in a virtual interrupt that is pending. */
export function checkVirtualFlags(cpu: Cpu, image: number): void {
  const pending = (cpu.r[R_EFLAGS]! & EFLAGS.VIP) !== 0 && (image & EFLAGS.IF) !== 0;
  if (pending || image & EFLAGS.TF) fault(Vector.GP, 0);
}

/** POPF and IRET, after the check: IF goes to VIF; IF and IOPL themselves stay. */
export function loadVirtualFlags(cpu: Cpu, image: number): void {
  const vif = image & EFLAGS.IF ? EFLAGS.VIF : 0;
  setEflags(cpu, (image & 0xffff) | vif, (ANY_CPL_FLAGS & 0xffff) | EFLAGS.RF | EFLAGS.VIF);
}

/** Whether INT n of virtual-8086 mode goes to the program's own interrupt table: CR4.VME and a clear bit in the TSS (SDM vol. 3, 20.3.3). */
export function isRedirected(cpu: Cpu, vector: number): boolean {
  if (!(cpu.cr4 & CR4.VME)) return false;
  const { segments, mmu } = cpu;
  const limit = segments.limit[TR]!;
  const base = segments.base[TR]!;
  if (limit < TSS_IO_MAP_BASE + 1) fault(Vector.GP, 0);
  const map = mmu.readSystem16((base + TSS_IO_MAP_BASE) | 0) & 0xffff;
  const offset = map - REDIRECTION_BYTES + (vector >>> 3);
  if (offset >>> 0 > limit) fault(Vector.GP, 0);
  return ((mmu.readSystem8((base + offset) | 0) >>> (vector & 7)) & 1) === 0;
}

const DUE = EFLAGS.VIF | EFLAGS.VIP;

/** A virtual interrupt is pending and let in: before the next instruction the monitor gets #GP(0) (SDM vol. 3, 20.3.2). */
export function isVirtualInterruptDue(cpu: Cpu): boolean {
  const eflags = cpu.r[R_EFLAGS]!;
  if ((eflags & DUE) !== DUE || cpu.r[R_CPL] !== 3) return false;
  return (cpu.cr4 & (eflags & EFLAGS.VM ? CR4.VME : CR4.PVI)) !== 0;
}
