import { beforeEach, describe, expect, it } from 'vitest';
import { CPU_MODELS, type CpuModelName } from '../../src/runtime/cpu-models.js';
import { ExitReason } from '../../src/runtime/exits.js';
import { Vector } from '../../src/runtime/fault.js';
import { getEflags, setEflags } from '../../src/runtime/flags.js';
import * as control from '../../src/runtime/helpers/control-registers.js';
import { HELPERS } from '../../src/runtime/helpers/index.js';
import { setCpl } from '../../src/runtime/helpers/segments.js';
import { checkIo, portIn, portOut } from '../../src/runtime/helpers/io.js';
import { rdmsr, rdtsc, wrmsr } from '../../src/runtime/helpers/msr.js';
import { rdpmc } from '../../src/runtime/helpers/performance.js';
import { reset } from '../../src/runtime/helpers/reset.js';
import * as system from '../../src/runtime/helpers/system.js';
import { computeMode, MODE } from '../../src/runtime/mode.js';
import {
  CR0,
  CR4,
  EAX,
  EBX,
  ECX,
  EDX,
  EFER,
  EFLAGS,
  ESP,
  PENDING,
  R_CPL,
  R_EIP,
  R_PENDING,
  type Cpu,
} from '../../src/runtime/state.js';
import {
  createBench,
  createProtected,
  enterRing,
  enterVm86,
  faultOf,
  read16,
  read32,
  snapshot,
  TSS,
  write32,
  type Bench,
} from './helpers-support.js';

const GP0 = [Vector.GP, 0];

describe('privilege', () => {
  it.each(['clts', 'hlt', 'wbinvd', 'rdmsr', 'wrmsr'] as const)('%s is #GP(0) outside ring 0', (name) => {
    const bench = createProtected(3);
    const before = snapshot(bench);
    expect(faultOf(() => HELPERS[name](bench.cpu))).toEqual(GP0);
    expect(snapshot(bench)).toEqual(before);
  });
  it('MOV CR/DR, LGDT, LIDT, LMSW, INVLPG are #GP(0) outside ring 0', () => {
    const { cpu } = createProtected(3);
    expect(faultOf(() => control.movToCr(cpu, 0, 0))).toEqual(GP0);
    expect(faultOf(() => control.movFromCr(cpu, 3))).toEqual(GP0);
    expect(faultOf(() => control.movToDr(cpu, 0, 0))).toEqual(GP0);
    expect(faultOf(() => control.lgdt(cpu, 0, 32))).toEqual(GP0);
    expect(faultOf(() => control.lidt(cpu, 0, 32))).toEqual(GP0);
    expect(faultOf(() => control.lmsw(cpu, 0))).toEqual(GP0);
    expect(faultOf(() => control.invlpg(cpu, 0))).toEqual(GP0);
  });
});

describe('control registers', () => {
  let bench: Bench;
  beforeEach(() => (bench = createProtected(0)));

  it('CR0 refuses PG without PE and NW without CD; ET stays', () => {
    const { cpu } = bench;
    const before = snapshot(bench);
    expect(faultOf(() => control.movToCr(cpu, 0, CR0.PG))).toEqual(GP0);
    expect(faultOf(() => control.movToCr(cpu, 0, CR0.PE | CR0.NW))).toEqual(GP0);
    expect(snapshot(bench)).toEqual(before);
    control.movToCr(cpu, 0, CR0.PE | CR0.TS);
    expect(cpu.cr0).toBe(CR0.PE | CR0.TS | CR0.ET);
    expect(cpu.r[R_PENDING]! & PENDING.MODE).toBe(PENDING.MODE);
  });

  it('paging starts and stops with CR0.PG', () => {
    const { cpu } = bench;
    write32(bench, 0x40000, 0x41003);
    write32(bench, 0x41000 + 0x90 * 4, 0x50003);
    write32(bench, 0x50000, 0x11223344);
    control.movToCr(cpu, 3, 0x40000);
    control.movToCr(cpu, 0, cpu.cr0 | CR0.PG);
    expect(cpu.mmu.read32(0x90000)).toBe(0x11223344);
    expect(faultOf(() => cpu.mmu.read32(0x50000))).toEqual([Vector.PF, 0]);
    control.movToCr(cpu, 0, cpu.cr0 & ~CR0.PG);
    expect(cpu.mmu.read32(0x50000)).toBe(0x11223344);
  });

  it('bad page-directory-pointer entries are #GP(0) and change nothing', () => {
    const { cpu } = bench;
    write32(bench, 0x40000, 0x41001 | 2);
    control.movToCr(cpu, 3, 0x40000);
    control.movToCr(cpu, 4, CR4.PAE);
    const before = snapshot(bench);
    expect(faultOf(() => control.movToCr(cpu, 0, cpu.cr0 | CR0.PG))).toEqual(GP0);
    expect(snapshot(bench)).toEqual(before);
  });

  it('CR4 has the bits of the model only', () => {
    const { cpu } = bench;
    expect(faultOf(() => control.movToCr(cpu, 4, 1 << 15))).toEqual(GP0);
    control.movToCr(cpu, 4, CR4.VME | CR4.PVI);
    control.movToCr(cpu, 4, CR4.PSE | CR4.PGE | CR4.OSFXSR);
    expect(computeMode(cpu) & MODE.SSE).toBe(MODE.SSE);
  });

  /** SDM vol. 3, 2.5: each bit with the feature or the family that brought it. */
  it.each<[CpuModelName, number]>([
    ['pentium', CR4.VME | CR4.PVI | CR4.TSD | CR4.DE | CR4.PSE | CR4.MCE],
    [
      'pentium3',
      CR4.VME |
        CR4.PVI |
        CR4.TSD |
        CR4.DE |
        CR4.PSE |
        CR4.PAE |
        CR4.MCE |
        CR4.PGE |
        CR4.PCE |
        CR4.OSFXSR |
        CR4.OSXMMEXCPT,
    ],
    ['default', 0x7ff],
  ])('CR4 of %s', (name, mask) => {
    const { cpu } = bench;
    cpu.model = CPU_MODELS[name];
    for (let bit = 0; bit < 32; bit++) {
      const value = 1 << bit;
      expect(faultOf(() => control.movToCr(cpu, 4, value)) === null, `bit ${bit}`).toBe((mask & value) !== 0);
    }
    control.movToCr(cpu, 4, mask);
    expect(control.movFromCr(cpu, 4)).toBe(mask);
  });
  it('the 486 has no CR4', () => {
    const { cpu } = bench;
    cpu.model = CPU_MODELS['486'];
    expect(faultOf(() => control.movToCr(cpu, 4, 0))).toEqual([Vector.UD, 0]);
    expect(faultOf(() => control.movFromCr(cpu, 4))).toEqual([Vector.UD, 0]);
  });

  it('CR1 and CR5 do not exist; LMSW cannot clear PE', () => {
    expect(faultOf(() => control.movToCr(bench.cpu, 1, 0))).toEqual([Vector.UD, 0]);
    expect(faultOf(() => control.movFromCr(bench.cpu, 5))).toEqual([Vector.UD, 0]);
    control.lmsw(bench.cpu, CR0.TS);
    expect(bench.cpu.cr0 & 15).toBe(CR0.PE | CR0.TS);
    control.clts(bench.cpu);
    expect(bench.cpu.cr0 & 15).toBe(CR0.PE);
  });

  it('debug registers: aliases, fixed bits, general detect', () => {
    const { cpu } = bench;
    control.movToDr(cpu, 5, 0xffff0000 | 0x1 | 0);
    expect(control.movFromDr(cpu, 7)).toBe(0xffff0000 | 0x401);
    control.movToDr(cpu, 6, 0);
    control.movToDr(cpu, 7, 1 << 13);
    expect(faultOf(() => control.movFromDr(cpu, 0))).toEqual([Vector.DB, 0]);
    expect(control.movFromDr(cpu, 6)).toBe(0xffff2ff0 | 0);
    cpu.cr4 = CR4.DE;
    expect(faultOf(() => control.movFromDr(cpu, 4))).toEqual([Vector.UD, 0]);
  });

  it('LGDT with 16-bit operands takes 24 bits of base; SGDT gives 32', () => {
    const { cpu } = bench;
    write32(bench, 0x6000, (0x5678 << 16) | 0x00ff, 0x1234);
    control.lidt(cpu, 0x6000, 32);
    expect([cpu.idtLimit, cpu.idtBase]).toEqual([0xff, 0x12345678]);
    control.lgdt(cpu, 0x6000, 16);
    expect(cpu.gdtBase).toBe(0x345678);
    control.sidt(cpu, 0x6100);
    expect([read16(bench, 0x6100), read32(bench, 0x6102)]).toEqual([0xff, 0x12345678]);
  });
});

describe('model-specific registers', () => {
  const access = (bench: Bench, action: typeof rdmsr, index: number, low = 0, high = 0) => {
    const { r } = bench.cpu;
    r[ECX] = index;
    r[EAX] = low;
    r[EDX] = high;
    return faultOf(() => action(bench.cpu));
  };

  it('keep what is written', () => {
    const bench = createProtected(0);
    expect(access(bench, wrmsr, 0x175, 0x1234, 1)).toBe(null);
    expect(access(bench, rdmsr, 0x175)).toBe(null);
    expect([bench.cpu.r[EAX], bench.cpu.r[EDX]]).toEqual([0x1234, 1]);
  });

  it('EFER has NXE only, and only where the model has NX', () => {
    const bench = createProtected(0);
    expect(access(bench, wrmsr, 0xc0000080, EFER.NXE)).toBe(null);
    expect(bench.cpu.efer).toBe(EFER.NXE);
    expect(access(bench, wrmsr, 0xc0000080, EFER.LME)).toEqual(GP0);
    bench.cpu.model = CPU_MODELS.pentium3;
    expect(access(bench, rdmsr, 0xc0000080)).toEqual(GP0);
  });

  it('unknown ones, bad PAT types and read-only ones are #GP(0)', () => {
    const bench = createProtected(0);
    expect(access(bench, rdmsr, 0x12345)).toEqual(GP0);
    expect(access(bench, wrmsr, 0x12345)).toEqual(GP0);
    expect(access(bench, wrmsr, 0x277, 0x02, 0)).toEqual(GP0);
    expect(access(bench, wrmsr, 0xfe)).toEqual(GP0);
  });

  it('memory-type registers hold valid types and addresses of 36 bits only', () => {
    const bench = createProtected(0);
    const holds = (index: number, low: number, high = 0): boolean =>
      access(bench, wrmsr, index, low, high) === null;
    expect([0, 1, 2, 3, 4, 5, 6, 7].filter((type) => holds(0x200, type))).toEqual([0, 1, 4, 5, 6]);
    expect([holds(0x200, 0x1006, 15), holds(0x200, 0x106), holds(0x200, 6, 16)]).toEqual([
      true,
      false,
      false,
    ]);
    expect([holds(0x201, 0x800, 15), holds(0x201, 0x400), holds(0x201, 0x800, 16)]).toEqual([
      true,
      false,
      false,
    ]);
    expect([holds(0x250, 0x06050401), holds(0x26f, 0, 0x07000000)]).toEqual([true, false]);
    expect([holds(0x2ff, 0xc06), holds(0x2ff, 0xc07), holds(0x2ff, 0x106)]).toEqual([true, false, false]);
    expect([holds(0x277, 0x07060504), holds(0x277, 0, 0x03000000)]).toEqual([true, false]);
  });

  /** Registers by what they came with; the local APIC's are not the processor's and #GP here. */
  const GROUPS: Readonly<Record<string, readonly number[]>> = {
    TSC: [0x10],
    MCE: [0, 1],
    P6: [0x17, 0x8b],
    SEP: [0x174, 0x175, 0x176],
    MCA: [0x179, 0x17a, 0x17b, ...Array.from({ length: 20 }, (_, i) => 0x400 + i)],
    MTRR: [
      ...[0xfe, 0x2ff, 0x250, 0x258, 0x259, ...Array.from({ length: 8 }, (_, i) => 0x268 + i)],
      ...Array.from({ length: 16 }, (_, i) => 0x200 + i),
    ],
    PAT: [0x277],
    P4: [0x1a0],
    P5_TEST: [2, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14],
    P5_COUNTERS: [0x11, 0x12, 0x13],
    P6_COUNTERS: [0xc1, 0xc2, 0x186, 0x187],
    NX: [0xc0000080],
  };
  it.each<[CpuModelName, readonly string[]]>([
    ['pentium', ['TSC', 'MCE', 'P5_TEST', 'P5_COUNTERS']],
    ['pentium3', ['TSC', 'MCE', 'P6', 'SEP', 'MCA', 'MTRR', 'PAT', 'P6_COUNTERS']],
    ['default', ['TSC', 'MCE', 'P6', 'SEP', 'MCA', 'MTRR', 'PAT', 'P4', 'NX']],
  ])('%s has those of its features', (name, groups) => {
    const bench = createProtected(0);
    bench.cpu.model = CPU_MODELS[name];
    const all = Array.from({ length: 0x1000 }, (_, i) => i).concat(0xc0000080, 0xc0000081);
    const readable = all.filter((index) => access(bench, rdmsr, index) === null);
    const expected = groups.flatMap((group) => GROUPS[group]!).sort((a, b) => a - b);
    expect(readable.map((index) => index.toString(16))).toEqual(expected.map((index) => index.toString(16)));
  });

  it('machine-check registers of a processor that never fails', () => {
    const bench = createProtected(0);
    const { r } = bench.cpu;
    const read = (index: number): readonly number[] => {
      expect(access(bench, rdmsr, index)).toBe(null);
      return [r[EAX]!, r[EDX]!];
    };
    expect(read(0x179)).toEqual([0x105, 0]);
    expect(access(bench, wrmsr, 0x179, 0x105)).toEqual(GP0);
    for (let bank = 0; bank < 5; bank++) {
      expect(access(bench, wrmsr, 0x400 + 4 * bank, -1, -1)).toBe(null);
      expect(read(0x400 + 4 * bank)).toEqual([-1, -1]);
      for (const register of [1, 2, 3]) {
        expect(access(bench, wrmsr, 0x400 + 4 * bank + register, 0, 0)).toBe(null);
        expect(access(bench, wrmsr, 0x400 + 4 * bank + register, 1, 0)).toEqual(GP0);
        expect(access(bench, wrmsr, 0x400 + 4 * bank + register, 0, 1)).toEqual(GP0);
        expect(read(0x400 + 4 * bank + register)).toEqual([0, 0]);
      }
    }
    expect(access(bench, wrmsr, 0x17a, 7)).toBe(null);
    expect(read(0x17a)).toEqual([7, 0]);
    expect(access(bench, wrmsr, 0x17a, 8)).toEqual(GP0);
    expect(access(bench, wrmsr, 0x17b, -1, -1)).toBe(null);
    expect(access(bench, wrmsr, 1, -1, -1)).toBe(null);
    expect(read(1)).toEqual([0, 0]);
  });

  it('performance counters of the Pentium III hold 32 bits with their sign; RDPMC reads them', () => {
    const bench = createProtected(0);
    const { cpu } = bench;
    const read = (index: number) => access(bench, rdpmc, index) ?? [cpu.r[EAX], cpu.r[EDX]];
    expect(read(0)).toEqual(GP0);
    cpu.model = CPU_MODELS.pentium3;
    expect(read(0)).toEqual([0, 0]);
    expect(access(bench, wrmsr, 0xc2, 0x80000001 | 0, 0x55)).toBe(null);
    expect(access(bench, wrmsr, 0xc1, 5, -1)).toBe(null);
    expect([read(0), read(1), read(2)]).toEqual([[5, 0], [0x80000001 | 0, 0xff], GP0]);
  });

  it('RDPMC outside ring 0 wants CR4.PCE', () => {
    const { cpu } = createProtected(3);
    cpu.model = CPU_MODELS.pentium3;
    cpu.r[ECX] = 0;
    expect(faultOf(() => rdpmc(cpu))).toEqual(GP0);
    cpu.cr4 = CR4.PCE;
    expect(faultOf(() => rdpmc(cpu))).toBe(null);
  });

  it('counters of the Pentium have 40 bits', () => {
    const bench = createProtected(0);
    bench.cpu.model = CPU_MODELS.pentium;
    expect(access(bench, wrmsr, 0x12, 1, -1)).toBe(null);
    access(bench, rdmsr, 0x12);
    expect([bench.cpu.r[EAX], bench.cpu.r[EDX]]).toEqual([1, 0xff]);
  });

  it('RDTSC obeys CR4.TSD', () => {
    const bench = createProtected(3);
    rdtsc(bench.cpu);
    expect([bench.cpu.r[EAX], bench.cpu.r[EDX]]).toEqual([0x1234, 1]);
    bench.cpu.cr4 = CR4.TSD;
    expect(faultOf(() => rdtsc(bench.cpu))).toEqual(GP0);
  });
});

describe('flag instructions', () => {
  it('CLI and STI obey IOPL; STI opens the shadow once', () => {
    const bench = createProtected(3);
    expect(faultOf(() => system.cli(bench.cpu))).toEqual(GP0);
    expect(faultOf(() => system.sti(bench.cpu))).toEqual(GP0);
    setEflags(bench.cpu, 3 << 12, EFLAGS.IOPL);
    bench.cpu.interruptLine = true;
    system.sti(bench.cpu);
    expect(bench.cpu.r[R_PENDING]).toBe(PENDING.SHADOW | PENDING.INTERRUPT);
    bench.cpu.r[R_PENDING] = 0;
    system.sti(bench.cpu);
    expect(bench.cpu.r[R_PENDING]).toBe(0);
  });

  it.each([
    [0, 0, EFLAGS.IF | EFLAGS.IOPL],
    [3, 3, EFLAGS.IF],
    [3, 0, 0],
  ] as const)('POPF at CPL %i and IOPL %i', (cpl, iopl, extra) => {
    const bench = createProtected(cpl);
    setEflags(bench.cpu, iopl << 12, EFLAGS.IOPL);
    const ordinary = EFLAGS.CF | EFLAGS.DF | EFLAGS.NT | EFLAGS.AC | EFLAGS.ID | EFLAGS.TF;
    system.popf(bench.cpu, ordinary | EFLAGS.IF | EFLAGS.IOPL | EFLAGS.VM | EFLAGS.RF | EFLAGS.VIP, 32);
    expect(getEflags(bench.cpu)).toBe(ordinary | extra | (iopl << 12) | 2);
    system.popf(bench.cpu, 0, 16);
    expect(getEflags(bench.cpu) & 0xffff0000).toBe(EFLAGS.AC | EFLAGS.ID);
  });

  it('PUSHF and POPF in virtual-8086 mode need IOPL 3 and hide VM', () => {
    const bench = createProtected(0);
    enterVm86(bench, 3);
    expect(system.pushf(bench.cpu, 16)).toBe(EFLAGS.IOPL | 2);
    enterVm86(bench, 2);
    expect(faultOf(() => system.pushf(bench.cpu, 16))).toEqual(GP0);
    expect(faultOf(() => system.popf(bench.cpu, 0, 16))).toEqual(GP0);
  });
});

describe('virtual interrupt flag', () => {
  const set = (cpu: Cpu, bits: number): void => setEflags(cpu, bits, EFLAGS.VIF | EFLAGS.VIP | EFLAGS.IF);
  const virtualMachine = (iopl: number): Cpu => {
    const bench = createProtected(0);
    enterVm86(bench, iopl);
    bench.cpu.cr4 = CR4.VME;
    return bench.cpu;
  };

  it.each([0, 1, 2])('stands for IF in virtual-8086 mode with IOPL %i', (iopl) => {
    const cpu = virtualMachine(iopl);
    system.sti(cpu);
    expect(getEflags(cpu) & (EFLAGS.VIF | EFLAGS.IF)).toBe(EFLAGS.VIF);
    expect(system.pushf(cpu, 16)).toBe(EFLAGS.IOPL | EFLAGS.IF | 2);
    expect(faultOf(() => system.pushf(cpu, 32))).toEqual(GP0);
    system.cli(cpu);
    system.popf(cpu, EFLAGS.IF | EFLAGS.CF, 16);
    expect(getEflags(cpu)).toBe(EFLAGS.VM | EFLAGS.VIF | EFLAGS.CF | (iopl << 12) | 2);
    set(cpu, EFLAGS.VIP);
    expect(faultOf(() => system.sti(cpu))).toEqual(GP0);
    expect(faultOf(() => system.popf(cpu, EFLAGS.IF, 16))).toEqual(GP0);
    expect(faultOf(() => system.popf(cpu, EFLAGS.TF, 16))).toEqual(GP0);
  });

  it('is IF itself at IOPL 3', () => {
    const cpu = virtualMachine(3);
    set(cpu, EFLAGS.VIP);
    system.sti(cpu);
    expect(getEflags(cpu) & (EFLAGS.VIF | EFLAGS.IF)).toBe(EFLAGS.IF);
    expect(system.pushf(cpu, 32) & EFLAGS.IF).toBe(EFLAGS.IF);
  });

  it.each([
    [3, CR4.PVI, null],
    [3, CR4.VME, GP0],
    [2, CR4.PVI, GP0],
  ] as const)('at CPL %i with CR4 %i', (cpl, cr4, expected) => {
    const { cpu } = createProtected(3);
    setCpl(cpu, cpl);
    cpu.cr4 = cr4;
    expect(faultOf(() => system.sti(cpu))).toEqual(expected);
    expect(getEflags(cpu) & EFLAGS.VIF).toBe(expected === null ? EFLAGS.VIF : 0);
  });
});

describe('SYSENTER and SYSEXIT', () => {
  it('go to ring 0 and back', () => {
    const bench = createProtected(3);
    const { cpu } = bench;
    expect(faultOf(() => system.sysenter(cpu))).toEqual(GP0);
    cpu.msr.set(0x174, [0x60, 0]).set(0x175, [0x8100, 0]).set(0x176, [0x9200, 0]);
    setEflags(cpu, EFLAGS.IF, EFLAGS.IF);
    system.sysenter(cpu);
    const { selector, attributes } = cpu.segments;
    expect([cpu.r[R_CPL], cpu.r[ESP], cpu.r[R_EIP], selector[1], selector[2]]).toEqual([
      0, 0x8100, 0x9200, 0x60, 0x68,
    ]);
    expect([attributes[1], attributes[2], getEflags(cpu)]).toEqual([0xc09b, 0xc093, 2]);
    cpu.r[ECX] = 0xa000;
    cpu.r[EDX] = 0x500;
    system.sysexit(cpu);
    expect([cpu.r[R_CPL], cpu.r[ESP], cpu.r[R_EIP], selector[1], selector[2]]).toEqual([
      3, 0xa000, 0x500, 0x73, 0x7b,
    ]);
    expect(faultOf(() => system.sysexit(cpu))).toEqual(GP0);
  });
});

describe('port I/O', () => {
  it('is allowed by IOPL or the bitmap', () => {
    const bench = createProtected(3);
    const { cpu } = bench;
    write32(bench, TSS + 0x64, 0x68 << 16);
    write32(bench, TSS + 0x68, 0xfffffeff | 0, -1, -1, -1);
    expect(faultOf(() => checkIo(cpu, 8, 1))).toBe(null);
    expect(faultOf(() => checkIo(cpu, 8, 2))).toEqual(GP0);
    expect(faultOf(() => checkIo(cpu, 7, 1))).toEqual(GP0);
    expect(faultOf(() => portOut(cpu, 0x70, 1, 0))).toEqual(GP0);
    expect(bench.ports).toEqual([]);
    setEflags(cpu, EFLAGS.IOPL, EFLAGS.IOPL);
    portOut(cpu, 0x70, 1, 0x1ff);
    enterVm86(bench);
    expect(faultOf(() => checkIo(cpu, 7, 1))).toEqual(GP0);
    expect(bench.ports).toEqual([['out', 0x70, 1, 0xff]]);
  });

  it('ends at the TSS limit and without a 32-bit TSS', () => {
    const bench = createProtected(3);
    write32(bench, TSS + 0x64, 0x68 << 16);
    bench.cpu.segments.limit[7] = 0x68;
    expect(faultOf(() => portIn(bench.cpu, 0, 1))).toEqual(GP0);
    bench.cpu.segments.limit[7] = 0x69;
    bench.portValue = 0x80000001;
    expect(portIn(bench.cpu, 0, 1)).toBe(0x80000001 | 0);
    bench.cpu.segments.attributes[7] = 0x83;
    expect(faultOf(() => portIn(bench.cpu, 0, 1))).toEqual(GP0);
  });
});

describe('HLT and CPUID', () => {
  it('HLT raises its exit', () => {
    const { cpu } = createProtected(0);
    system.hlt(cpu);
    expect([cpu.halted, cpu.exitReason, cpu.r[R_PENDING]]).toEqual([true, ExitReason.HLT, PENDING.EXIT]);
  });

  it('CPUID spells the vendor and the brand', () => {
    const bench = createProtected(3);
    const { r } = bench.cpu;
    const text = (registers: number[]) =>
      Buffer.from(Int32Array.from(registers, (i) => r[i]!).buffer).toString();
    r[EAX] = 0;
    system.cpuid(bench.cpu);
    expect([r[EAX], text([EBX, EDX, ECX])]).toEqual([1, 'GenuineIntel']);
    r[EAX] = 0x80000002 | 0;
    system.cpuid(bench.cpu);
    expect(text([EAX, EBX, ECX, EDX])).toBe('hvmjs virtual pr');
    r[EAX] = 0x80000001 | 0;
    system.cpuid(bench.cpu);
    expect(r[EDX]).toBe(1 << 20);
  });
  it('CPUID of the Pentium III tells brand and caches', () => {
    const { cpu } = createProtected(3);
    cpu.model = CPU_MODELS.pentium3;
    const leaf = (index: number) => {
      cpu.r[EAX] = index;
      system.cpuid(cpu);
      return [EAX, EBX, ECX, EDX].map((register) => cpu.r[register]! >>> 0);
    };
    expect(leaf(0)[0]).toBe(2);
    expect(leaf(1)[1]).toBe(2);
    expect(leaf(2)).toEqual([0x03020101, 0, 0, 0x0c040882]);
    expect(leaf(3)).toEqual(leaf(2));
  });
});

describe('reset', () => {
  it('starts at FFFF:FFF0 in real mode', () => {
    const bench = createProtected(3);
    enterRing(bench, 3);
    reset(bench.cpu);
    const { cpu } = bench;
    expect([cpu.segments.selector[1], cpu.segments.base[1], cpu.r[R_EIP]]).toEqual([
      0xf000,
      0xffff0000 | 0,
      0xfff0,
    ]);
    expect([cpu.cr0, getEflags(cpu), cpu.r[R_CPL], cpu.r[EDX]]).toEqual([0x60000010, 2, 0, 0x106ca]);
    expect(computeMode(cpu)).toBe(MODE.FPU | MODE.CODE_LIMIT);
    expect(snapshot(createBench())).not.toEqual(snapshot(bench));
  });
});
