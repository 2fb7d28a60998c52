/**
 * RDMSR, WRMSR and the model-specific registers that belong to the processor; all others are asked of the environment (SDM vol. 4).
 * A register exists where CPUID announces what it belongs to; without one it is #GP(0), as is a value with reserved bits.
 *
 * Not implemented: last-branch records.
 */
import { familyOf, hasFeature } from '../cpu-models.js';
import { fault, Vector } from '../fault.js';
import { CR4, EAX, ECX, EDX, EFER, R_CPL, forgetCpuid, type Cpu } from '../state.js';
import { isMachineCheck, readMachineCheck, writeMachineCheck } from './machine-check.js';
import { isPerformance, writePerformance } from './performance.js';
import { isMemoryType, isMtrr, Mtrr, MTRR_CAPABILITIES_VALUE, PAT } from './memory-types.js';
import { requireCpl0 } from './segments.js';

export const Msr = {
  TSC: 0x10,
  PLATFORM_ID: 0x17,
  APIC_BASE: 0x1b,
  MICROCODE_REVISION: 0x8b,
  SYSENTER_CS: 0x174,
  SYSENTER_ESP: 0x175,
  SYSENTER_EIP: 0x176,
  MISC_ENABLE: 0x1a0,
  EFER: 0xc0000080,
} as const;

/** The only bit of IA32_MISC_ENABLE that guests see set: fast strings. */
const MISC_ENABLE_FAST_STRINGS = 1;

/** Power-on values of the registers kept in `cpu.msr`. */
export function resetMsrs(cpu: Cpu): void {
  cpu.msr.clear();
  cpu.msr.set(Msr.MISC_ENABLE, [MISC_ENABLE_FAST_STRINGS, 0]);
  cpu.msr.set(PAT, [0x00070406, 0x00070406]);
}

/** A stored register's low half; 0 if never written. */
export function msrLow(cpu: Cpu, index: number): number {
  return cpu.msr.get(index)?.[0] ?? 0;
}

/** Registers that are plain storage. */
function isStored(cpu: Cpu, index: number): boolean {
  if (index >= Msr.SYSENTER_CS && index <= Msr.SYSENTER_EIP) return hasFeature(cpu, 'SEP');
  if (index === PAT) return hasFeature(cpu, 'PAT');
  // From the Pentium 4 and Pentium M on.
  if (index === Msr.MISC_ENABLE) return hasFeature(cpu, 'SSE2');
  return isMtrr(index) && hasFeature(cpu, 'MTRR');
}

/** Registers of the P6 family that tell about the part: they read 0. */
const isPartNumber = (cpu: Cpu, index: number): boolean =>
  (index === Msr.PLATFORM_ID || index === Msr.MICROCODE_REVISION) && familyOf(cpu) >= 6;

/** The Pentium's local APIC is switched by its pins: it has no base register. */
const isElsewhere = (cpu: Cpu, index: number): boolean => index !== Msr.APIC_BASE || familyOf(cpu) >= 6;

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
  if (index === Msr.TSC) {
    const { low, high } = cpu.environment.readTsc();
    cpu.msrLow = low;
    cpu.msrHigh = high;
  } else if (isStored(cpu, index) || isPerformance(cpu, index)) {
    const pair = cpu.msr.get(index);
    if (pair) [cpu.msrLow, cpu.msrHigh] = pair;
  } else if (index === Msr.EFER && hasFeature(cpu, 'NX')) cpu.msrLow = cpu.efer;
  else if (isMachineCheck(cpu, index)) readMachineCheck(cpu, index);
  else if (index === Mtrr.CAPABILITIES && hasFeature(cpu, 'MTRR')) cpu.msrLow = MTRR_CAPABILITIES_VALUE;
  else if (isPartNumber(cpu, index)) return;
  else if (!isElsewhere(cpu, index) || !cpu.environment.readMsr(index)) fault(Vector.GP, 0);
}

/** WRMSR: ECX names the register, EDX:EAX is written. */
export function wrmsr(cpu: Cpu): void {
  requireCpl0(cpu);
  forgetCpuid(cpu.system);
  if (!writeMsr(cpu, cpu.r[ECX]! >>> 0, cpu.r[EAX]!, cpu.r[EDX]!)) fault(Vector.GP, 0);
}

/** False for what there is not or what it cannot hold. */
function writeMsr(cpu: Cpu, index: number, low: number, high: number): boolean {
  if (index === Msr.TSC) cpu.environment.writeTsc(low, high);
  else if (isStored(cpu, index)) return storeMsr(cpu, index, low, high);
  else if (isPerformance(cpu, index)) writePerformance(cpu, index, low, high);
  else if (index === Msr.EFER && hasFeature(cpu, 'NX')) writeEfer(cpu, low, high);
  else if (isMachineCheck(cpu, index)) return writeMachineCheck(cpu, index, low, high);
  else if (isPartNumber(cpu, index)) return index === Msr.MICROCODE_REVISION;
  else if (isElsewhere(cpu, index)) return writeElsewhere(cpu, index, low, high);
  else return false;
  return true;
}

function writeElsewhere(cpu: Cpu, index: number, low: number, high: number): boolean {
  cpu.msrLow = low;
  cpu.msrHigh = high;
  return index !== Mtrr.CAPABILITIES && cpu.environment.writeMsr(index);
}

function storeMsr(cpu: Cpu, index: number, low: number, high: number): boolean {
  if ((index === PAT || isMtrr(index)) && !isMemoryType(index, low, high)) return false;
  // Only what exists can be switched: XD disable and the CPUID limit stay clear.
  if (index === Msr.MISC_ENABLE) cpu.msr.set(index, [low & MISC_ENABLE_FAST_STRINGS, 0]);
  else cpu.msr.set(index, [low, high]);
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
