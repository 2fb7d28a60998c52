/** RDMSR, WRMSR and the model-specific registers that belong to the processor; all others are asked of the environment (SDM vol. 4). */
import { fault, Vector } from '../fault.js';
import { CR4, EAX, ECX, EDX, EFER, R_CPL, type Cpu } from '../state.js';
import { requireCpl0 } from './segments.js';

export const Msr = {
  TSC: 0x10,
  PLATFORM_ID: 0x17,
  MICROCODE_REVISION: 0x8b,
  MTRR_CAPABILITIES: 0xfe,
  SYSENTER_CS: 0x174,
  SYSENTER_ESP: 0x175,
  SYSENTER_EIP: 0x176,
  MISC_ENABLE: 0x1a0,
  MTRR_FIRST_VARIABLE: 0x200,
  MTRR_LAST_VARIABLE: 0x20f,
  PAT: 0x277,
  MTRR_DEFAULT_TYPE: 0x2ff,
  EFER: 0xc0000080,
} as const;

const MTRR_FIXED = new Set([0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f]);
/** Eight variable ranges, fixed ranges, write combining. */
const MTRR_CAPABILITIES_VALUE = 0x508;
/** The only bit of IA32_MISC_ENABLE that guests see set: fast strings. */
const MISC_ENABLE_FAST_STRINGS = 1;

/** Power-on values of the registers kept in `cpu.msr`. */
export function resetMsrs(cpu: Cpu): void {
  cpu.msr.clear();
  cpu.msr.set(Msr.MISC_ENABLE, [MISC_ENABLE_FAST_STRINGS, 0]);
  cpu.msr.set(Msr.PAT, [0x00070406, 0x00070406]);
}

/** A stored register's low half; 0 if never written. */
export function msrLow(cpu: Cpu, index: number): number {
  return cpu.msr.get(index)?.[0] ?? 0;
}

/** Registers that are plain storage. */
function isStored(index: number): boolean {
  if (index >= Msr.SYSENTER_CS && index <= Msr.SYSENTER_EIP) return true;
  if (index >= Msr.MTRR_FIRST_VARIABLE && index <= Msr.MTRR_LAST_VARIABLE) return true;
  if (index === Msr.PAT || index === Msr.MTRR_DEFAULT_TYPE || index === Msr.MISC_ENABLE) return true;
  return MTRR_FIXED.has(index);
}

function hasNx(cpu: Cpu): boolean {
  return (cpu.model.cpuid(0x80000001 | 0, 0, cpu)[3] & (1 << 20)) !== 0;
}

/** RDMSR: ECX names the register, EDX:EAX receives it. */
export function rdmsr(cpu: Cpu): void {
  requireCpl0(cpu);
  readMsr(cpu, cpu.r[ECX]! >>> 0);
  cpu.r[EAX] = cpu.msrLow;
  cpu.r[EDX] = cpu.msrHigh;
}

/** Reads into msrLow and msrHigh. */
function readMsr(cpu: Cpu, index: number): void {
  cpu.msrLow = 0;
  cpu.msrHigh = 0;
  if (isStored(index)) {
    const pair = cpu.msr.get(index);
    if (pair) [cpu.msrLow, cpu.msrHigh] = pair;
  } else if (index === Msr.TSC) {
    const { low, high } = cpu.environment.readTsc();
    cpu.msrLow = low;
    cpu.msrHigh = high;
  } else if (index === Msr.EFER && hasNx(cpu)) cpu.msrLow = cpu.efer;
  else if (index === Msr.MTRR_CAPABILITIES) cpu.msrLow = MTRR_CAPABILITIES_VALUE;
  else if (index === Msr.PLATFORM_ID || index === Msr.MICROCODE_REVISION) return;
  else if (!cpu.environment.readMsr(index)) fault(Vector.GP, 0);
}

/** WRMSR: ECX names the register, EDX:EAX is written. */
export function wrmsr(cpu: Cpu): void {
  requireCpl0(cpu);
  const low = cpu.r[EAX]!;
  const high = cpu.r[EDX]!;
  const index = cpu.r[ECX]! >>> 0;
  if (isStored(index)) return storeMsr(cpu, index, low, high);
  if (index === Msr.TSC) return cpu.environment.writeTsc(low, high);
  if (index === Msr.EFER && hasNx(cpu)) return writeEfer(cpu, low, high);
  if (index === Msr.MICROCODE_REVISION) return;
  cpu.msrLow = low;
  cpu.msrHigh = high;
  if (index === Msr.MTRR_CAPABILITIES || index === Msr.PLATFORM_ID || !cpu.environment.writeMsr(index))
    fault(Vector.GP, 0);
}

function storeMsr(cpu: Cpu, index: number, low: number, high: number): void {
  if (index === Msr.PAT && !(validPat(low) && validPat(high))) fault(Vector.GP, 0);
  // Only what exists can be switched: XD disable and the CPUID limit stay clear.
  if (index === Msr.MISC_ENABLE) cpu.msr.set(index, [low & MISC_ENABLE_FAST_STRINGS, 0]);
  else cpu.msr.set(index, [low, high]);
}

/** Four memory types: UC WC WT WP WB UC-. */
function validPat(half: number): boolean {
  for (let shift = 0; shift < 32; shift += 8) {
    const type = (half >>> shift) & 0xff;
    if (type > 7 || type === 2 || type === 3) return false;
  }
  return true;
}

/** A 32-bit processor with NX: NXE is the only bit that is not reserved. */
function writeEfer(cpu: Cpu, low: number, high: number): void {
  if (high !== 0 || low & ~EFER.NXE) fault(Vector.GP, 0);
  const changed = cpu.efer !== low;
  cpu.efer = low;
  if (changed) cpu.mmu.controlRegistersChanged();
}

/** RDTSC: EDX:EAX. */
export function rdtsc(cpu: Cpu): void {
  if (cpu.cr4 & CR4.TSD && cpu.r[R_CPL] !== 0) fault(Vector.GP, 0);
  const { low, high } = cpu.environment.readTsc();
  cpu.r[EAX] = low;
  cpu.r[EDX] = high;
}

/** RDPMC: there are no counters. */
export function rdpmc(_cpu: Cpu): void {
  fault(Vector.GP, 0);
}
