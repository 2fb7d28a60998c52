/**
 * The machine-check registers of a processor in which nothing ever fails (SDM vol. 3, 15.3): P5_MC_ADDR and P5_MC_TYPE with the feature MCE,
 * the global registers and the banks with MCA.
 *
 * Not implemented: machine checks themselves (no bank ever has a valid status, #MC is never raised), corrected-error interrupts.
 */
import { hasFeature } from '../cpu-models.js';
import type { Cpu } from '../state.js';

const P5_MC_ADDR = 0,
  P5_MC_TYPE = 1;
const MCG_CAP = 0x179,
  MCG_STATUS = 0x17a,
  MCG_CTL = 0x17b;
const FIRST_BANK = 0x400;
/** Register of a bank: control, status, address, miscellaneous. */
const CONTROL = 0;
const BANKS = 5;
/** MCG_CAP.MCG_CTL_P: there is a global control register. */
const CONTROL_PRESENT = 1 << 8;
/** RIPV, EIPV, MCIP. */
const STATUS_WRITABLE = 7;

/** P5_MC_ADDR and P5_MC_TYPE stay on later processors, which report in the banks. */
const isP5 = (cpu: Cpu, index: number): boolean =>
  (index === P5_MC_ADDR || index === P5_MC_TYPE) && hasFeature(cpu, 'MCE');

const isArchitecture = (cpu: Cpu, index: number): boolean =>
  (index >= MCG_CAP && index <= MCG_CTL) || (index >= FIRST_BANK && index < FIRST_BANK + 4 * BANKS)
    ? hasFeature(cpu, 'MCA')
    : false;

/** Whether the processor has the register and it is one of these. */
export function isMachineCheck(cpu: Cpu, index: number): boolean {
  return isP5(cpu, index) || isArchitecture(cpu, index);
}

/** Reads into msrLow and msrHigh, which are 0 before. */
export function readMachineCheck(cpu: Cpu, index: number): void {
  if (index === MCG_CAP) cpu.msrLow = BANKS | CONTROL_PRESENT;
  else [cpu.msrLow, cpu.msrHigh] = cpu.msr.get(index) ?? [0, 0];
}

/** False for what the register cannot hold: status, address and miscellaneous registers can only be cleared (SDM vol. 3, 15.3.2). */
export function writeMachineCheck(cpu: Cpu, index: number, low: number, high: number): boolean {
  if (isP5(cpu, index)) return true;
  if (index === MCG_CAP) return false;
  if (index === MCG_STATUS) {
    if (high !== 0 || (low & ~STATUS_WRITABLE) !== 0) return false;
  } else if (index !== MCG_CTL && (index & 3) !== CONTROL) return low === 0 && high === 0;
  cpu.msr.set(index, [low, high]);
  return true;
}
