/** The bare machine that instruction vectors run on: paging, descriptor tables and handlers as the recording process had them (shared format: docs/testing.md). */
import { Fpu } from '../runtime/fpu/state.js';
import { CPU_MODELS } from '../runtime/cpu-models.js';
import { reset } from '../runtime/helpers/reset.js';
import { setCpl, setSegment } from '../runtime/helpers/segments.js';
import { PhysicalMemory } from '../runtime/memory.js';
import { Mmu } from '../runtime/mmu.js';
import {
  CR0,
  CR4,
  Cpu,
  ESP,
  LDTR,
  R_EFLAGS,
  R_FLAG_A,
  R_FLAG_KIND,
  TR,
  type CpuEnvironment,
} from '../runtime/state.js';

/** Handlers, one byte apart: reaching HANDLERS + n means that vector n was delivered. */
export const HANDLERS = 0x600000;
export const KERNEL_STACK = 0x610000;
const GDT = 0x620000,
  IDT = 0x621000,
  TSS = 0x622000,
  DIRECTORY = 0x630000,
  FIRST_TABLE = 0x631000;
const RAM = 0x800000;

interface Range {
  readonly first: number;
  readonly last: number;
  readonly writable: boolean;
}
const MAPS: Readonly<Record<16 | 32, readonly Range[]>> = {
  32: [
    { first: 0x8000, last: 0xbfff, writable: true },
    { first: 0x200000, last: 0x202fff, writable: true },
    { first: 0x203000, last: 0x203fff, writable: false },
    { first: 0x300000, last: 0x303fff, writable: true },
    { first: 0x400000, last: 0x402fff, writable: true },
  ],
  16: [{ first: 0x20000, last: 0x5ffff, writable: true }],
};

const noPorts: CpuEnvironment = {
  readPort: () => -1,
  writePort: () => undefined,
  readTsc: () => ({ low: 0, high: 0 }),
  writeTsc: () => undefined,
  readMsr: () => false,
  writeMsr: () => false,
  numericError: () => true,
  acknowledgeInterrupt: () => -1,
};

export class VectorMachine {
  readonly cpu: Cpu;
  readonly memory: PhysicalMemory;
  readonly ranges: readonly Range[];
  readonly bits: 16 | 32;

  /** `scatter`: seed that scatters the frames over machine memory, so that what lies together for the guest does not for the host. */
  constructor(bits: 16 | 32, scatter?: number) {
    this.bits = bits;
    this.ranges = MAPS[bits];
    this.memory = new PhysicalMemory(RAM, scatter === undefined ? {} : { scatter });
    this.cpu = new Cpu(CPU_MODELS.default, this.memory.processor);
    this.cpu.fpu = new Fpu(this.memory.processor);
    this.cpu.mmu = new Mmu(this.cpu, this.memory);
    this.cpu.environment = noPorts;
    reset(this.cpu);
    this.buildPageTables();
    this.buildTables();
    const { cpu } = this;
    cpu.cr0 = CR0.PE | CR0.PG | CR0.WP | CR0.AM | CR0.NE | CR0.MP | CR0.ET | (0x80000000 | 0);
    cpu.cr4 = CR4.OSFXSR | CR4.OSXMMEXCPT;
    cpu.cr3 = DIRECTORY;
    cpu.mmu.controlRegistersChanged();
  }

  /** Identity map: supervisor everywhere, user where vectors may touch. */
  private buildPageTables(): void {
    const { memory } = this;
    for (let table = 0; table < RAM >>> 22; table++) {
      memory.write32(DIRECTORY + table * 4, (FIRST_TABLE + table * 4096) | 7);
      for (let i = 0; i < 1024; i++) {
        const address = (table << 22) | (i << 12);
        const range = this.ranges.find((r) => address >= r.first && address <= r.last);
        const rights = range === undefined ? (address >= 0x600000 ? 3 : 0) : range.writable ? 7 : 5;
        memory.write32(FIRST_TABLE + table * 4096 + i * 4, rights === 0 ? 0 : address | rights);
      }
    }
  }
  private buildTables(): void {
    const { memory, cpu } = this;
    // GDT: 08 flat code, 10 flat data at ring 0.
    memory.write32(GDT + 8, 0x0000ffff);
    memory.write32(GDT + 12, 0x00cf9b00);
    memory.write32(GDT + 16, 0x0000ffff);
    memory.write32(GDT + 20, 0x00cf9300);
    for (let vector = 0; vector < 256; vector++) {
      const handler = HANDLERS + vector;
      memory.write32(IDT + vector * 8, (0x08 << 16) | (handler & 0xffff));
      memory.write32(IDT + vector * 8 + 4, (handler & 0xffff0000) | 0xee00);
    }
    memory.write32(TSS + 4, KERNEL_STACK);
    memory.write32(TSS + 8, 0x10);
    memory.write16(TSS + 102, 104);
    cpu.gdtBase = GDT;
    cpu.gdtLimit = 23;
    cpu.idtBase = IDT;
    cpu.idtLimit = 2047;
  }

  /** Ring-3 state before an instruction; registers and flags are set by the caller afterwards. */
  enterUser(): void {
    const { cpu } = this;
    const wide = this.bits === 32;
    const base = (n: number): number =>
      wide ? (n === 5 ? 0x201000 : 0) : [0x40000, 0x20000, 0x50000, 0x30000, 0, 0][n]!;
    const limit = wide ? 0xffffffff : 0xffff;
    const size = wide ? 0xc000 : 0;
    for (let n = 0; n < 6; n++)
      setSegment(cpu, n, n === 1 ? 0x1b : 0x23, base(n), limit, (n === 1 ? 0xfb : 0xf3) | size);
    setSegment(cpu, LDTR, 0, 0, 0, 0);
    setSegment(cpu, TR, 0x28, TSS, 103, 0x8b);
    setCpl(cpu, 3);
    cpu.r[R_EFLAGS] = 0x202;
    cpu.r[R_FLAG_KIND] = 0;
    cpu.r[R_FLAG_A] = 0;
    cpu.halted = false;
    cpu.shutdown = false;
    cpu.r[ESP] = 0;
  }
}
