/** Builds processors with descriptor tables, stacks and a fake world for the helper tests. */
import { CPU_MODELS } from '../../src/runtime/cpu-models.js';
import { setCpl, setSegment } from '../../src/runtime/helpers/segments.js';
import { GuestFault } from '../../src/runtime/fault.js';
import { setEflags } from '../../src/runtime/flags.js';
import { PhysicalMemory } from '../../src/runtime/memory.js';
import { Mmu } from '../../src/runtime/mmu.js';
import { CR0, Cpu, ESP, R_BUDGET, R_EFLAGS, R_EIP, R_PENDING, TR } from '../../src/runtime/state.js';

export const GDT = 0x1000,
  IDT = 0x2000,
  LDT = 0x2800,
  TSS = 0x3000,
  STACK0 = 0x8000,
  STACK3 = 0xa000;

/** Selectors of the standard table. */
export const CODE0 = 0x08,
  DATA0 = 0x10,
  CODE3 = 0x1b,
  DATA3 = 0x23,
  TSS_SELECTOR = 0x28,
  CONFORMING0 = 0x30,
  LDT_SELECTOR = 0x38,
  FREE = 0x40;

export interface Bench {
  cpu: Cpu;
  memory: PhysicalMemory;
  /** Port accesses in order: [direction, port, size, value]. */
  ports: [string, number, number, number][];
  portValue: number;
}

export interface DescriptorFields {
  base?: number;
  limit?: number;
  /** Bits 40-47: P, DPL, S, type. */
  access: number;
  /** G, D/B. */
  flags?: number;
}

export function descriptor({ base = 0, limit = 0xfffff, access, flags = 0xc }: DescriptorFields): number[] {
  const low = (limit & 0xffff) | (base << 16);
  const high =
    ((base >>> 16) & 0xff) | (access << 8) | (limit & 0xf0000) | (flags << 20) | (base & 0xff000000);
  return [low, high];
}

export function gate(selector: number, offset: number, access: number, parameters = 0): number[] {
  return [(selector << 16) | (offset & 0xffff), (offset & 0xffff0000) | (access << 8) | parameters];
}

export function write32(bench: Bench, address: number, ...values: number[]): void {
  values.forEach((value, i) => bench.cpu.mmu.writeSystem32(address + i * 4, value));
}

export function read32(bench: Bench, address: number): number {
  return bench.cpu.mmu.readSystem32(address) | 0;
}

export function read16(bench: Bench, address: number): number {
  return bench.cpu.mmu.readSystem16(address) & 0xffff;
}

export function setDescriptor(bench: Bench, selector: number, words: number[]): void {
  write32(bench, GDT + (selector & 0xfff8), ...words);
}

export function setGate(bench: Bench, vector: number, words: number[]): void {
  write32(bench, IDT + vector * 8, ...words);
}

function environmentOf(bench: Bench): Cpu['environment'] {
  return {
    readPort(port, size) {
      bench.ports.push(['in', port, size, bench.portValue]);
      return bench.portValue;
    },
    writePort(port, size, value) {
      bench.ports.push(['out', port, size, value]);
    },
    readTsc: () => ({ low: 0x1234, high: 1 }),
    writeTsc: () => undefined,
    readMsr: () => false,
    writeMsr: () => false,
    numericError: () => true,
    acknowledgeInterrupt: () => -1,
  };
}

/** A processor in real mode with 1 MiB of RAM. */
export function createBench(ramBytes = 1 << 20): Bench {
  const memory = new PhysicalMemory(ramBytes, {});
  const cpu = new Cpu(CPU_MODELS.default, memory.processor);
  cpu.mmu = new Mmu(cpu, memory);
  if (!('memory' in cpu.mmu)) Object.defineProperty(cpu.mmu, 'memory', { value: memory });
  const bench: Bench = { cpu, memory, ports: [], portValue: 0 };
  cpu.environment = environmentOf(bench);
  cpu.r[R_EFLAGS] = 2;
  cpu.r[R_BUDGET] = 1000000;
  for (let i = 0; i < 6; i++) setSegment(cpu, i, 0, 0, 0xffff, 0x93);
  cpu.r[R_PENDING] = 0;
  cpu.r[ESP] = 0x7000;
  return bench;
}

/** Protected mode without paging, the standard GDT, an IDT of 32-bit interrupt gates to 0x1000 + vector, ring `cpl`. */
export function createProtected(cpl: 0 | 3 = 0): Bench {
  const bench = createBench();
  const { cpu } = bench;
  cpu.cr0 = CR0.PE | CR0.ET;
  cpu.gdtBase = GDT;
  cpu.gdtLimit = 0xff;
  cpu.idtBase = IDT;
  cpu.idtLimit = 0x7ff;
  setDescriptor(bench, CODE0, descriptor({ access: 0x9a }));
  setDescriptor(bench, DATA0, descriptor({ access: 0x92 }));
  setDescriptor(bench, CODE3, descriptor({ access: 0xfa }));
  setDescriptor(bench, DATA3, descriptor({ access: 0xf2 }));
  setDescriptor(bench, TSS_SELECTOR, descriptor({ base: TSS, limit: 0x2ff, access: 0x8b, flags: 0 }));
  setDescriptor(bench, CONFORMING0, descriptor({ access: 0x9e }));
  setDescriptor(bench, LDT_SELECTOR, descriptor({ base: LDT, limit: 0x3f, access: 0x82, flags: 0 }));
  for (let vector = 0; vector < 256; vector++) setGate(bench, vector, gate(CODE0, 0x1000 + vector, 0x8e));
  write32(bench, TSS + 4, STACK0, DATA0);
  setSegment(cpu, TR, TSS_SELECTOR, TSS, 0x2ff, 0x8b);
  enterRing(bench, cpl);
  return bench;
}

/** Flat segments of a ring, its stack, EIP 0x400. */
export function enterRing({ cpu }: Bench, cpl: 0 | 3): void {
  const dpl = cpl << 5;
  for (let i = 0; i < 6; i++) setSegment(cpu, i, cpl ? DATA3 : DATA0, 0, 0xffffffff, 0xc093 | dpl);
  setSegment(cpu, 1, cpl ? CODE3 : CODE0, 0, 0xffffffff, 0xc09b | dpl);
  setCpl(cpu, cpl);
  cpu.r[ESP] = cpl ? STACK3 : STACK0 - 0x800;
  cpu.r[R_EIP] = 0x400;
  cpu.r[R_PENDING] = 0;
}

/** Virtual-8086 mode with all segments 0x100 * (index + 1). */
export function enterVm86({ cpu }: Bench, iopl = 3): void {
  setEflags(cpu, (1 << 17) | (iopl << 12), (1 << 17) | (3 << 12));
  setCpl(cpu, 3);
  for (let i = 0; i < 6; i++) setSegment(cpu, i, 0x100 * (i + 1), 0x1000 * (i + 1), 0xffff, 0xf3);
  cpu.r[ESP] = 0x800;
  cpu.r[R_EIP] = 0x400;
}

/** [vector, error code] of the fault, or null. */
export function faultOf(action: () => unknown): [number, number] | null {
  try {
    action();
    return null;
  } catch (error) {
    if (!(error instanceof GuestFault)) throw error;
    return [error.vector, error.errorCode];
  }
}

/** Everything a fault must leave alone. */
export function snapshot({ cpu }: Bench): unknown {
  const { selector, base, limit, attributes } = cpu.segments;
  return [cpu.r, selector, base, limit, attributes, cpu.cr0, cpu.cr3, cpu.cr4].map((part) =>
    typeof part === 'number' ? part : Array.from(part),
  );
}
