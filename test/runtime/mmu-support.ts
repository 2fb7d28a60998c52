/** Builds processors and page tables for the MMU tests. */
import { GuestFault } from '../../src/runtime/fault.js';
import { PhysicalMemory } from '../../src/runtime/memory.js';
import { Mmu } from '../../src/runtime/mmu.js';
import { CR0, CR4, Cpu, EFER, R_CPL, type CpuModel } from '../../src/runtime/state.js';

export const P = 1;
export const RW = 2;
export const US = 4;
export const A = 0x20;
export const D = 0x40;
export const PS = 0x80;
export const G = 0x100;
/** High half of a PAE entry. */
export const XD = 1 << 31;

const MODEL: CpuModel = { name: 'test', cpuid: () => [0, 0, 0, 0] };

export interface Machine {
  cpu: Cpu;
  memory: PhysicalMemory;
  mmu: Mmu;
}

export function createMachine(ramBytes = 1 << 20, scatter?: number): Machine {
  const memory = new PhysicalMemory(ramBytes, scatter === undefined ? {} : { scatter });
  const cpu = new Cpu(MODEL, memory.processor);
  const mmu = new Mmu(cpu, memory);
  cpu.mmu = mmu;
  return { cpu, memory, mmu };
}

export interface PagingOptions {
  pae?: boolean;
  pse?: boolean;
  nx?: boolean;
  wp?: boolean;
}

/** Turns paging on with the tables at guest-physical `cr3`. */
export function enablePaging({ cpu, mmu }: Machine, cr3: number, options: PagingOptions = {}): void {
  cpu.cr3 = cr3;
  cpu.cr0 = CR0.PE | CR0.PG | (options.wp ? CR0.WP : 0);
  cpu.cr4 = (options.pae ? CR4.PAE : 0) | (options.pse ? CR4.PSE : 0);
  cpu.efer = options.nx ? EFER.NXE : 0;
  if (options.pae && !mmu.loadPdptes()) throw new Error('bad PDPTE');
  mmu.controlRegistersChanged();
}

export function setUser({ cpu }: Machine, user: boolean): void {
  cpu.r[R_CPL] = user ? 3 : 0;
}

/** The page fault `action` raises as [error code, CR2], or null. */
export function faultOf(action: () => unknown): [number, number] | null {
  try {
    action();
    return null;
  } catch (error) {
    if (!(error instanceof GuestFault)) throw error;
    return [error.errorCode, error.address >>> 0];
  }
}
