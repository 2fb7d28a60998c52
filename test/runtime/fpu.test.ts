/** FPU helpers where the vectors are silent: availability, pending exceptions, fault precision, images by mode, and laws against JavaScript numbers. */
import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { decode } from '../../src/decoder/decode.js';
import type { Instruction } from '../../src/decoder/instruction.js';
import { FROZEN, GuestFault, pageFault } from '../../src/runtime/fault.js';
import { Fpu, FPU_HELPERS, packInfo } from '../../src/runtime/fpu/index.js';
import type { Mmu } from '../../src/runtime/mmu.js';
import { CR0, CR4, Cpu, type CpuEnvironment, EFLAGS, R_EFLAGS, R_EIP } from '../../src/runtime/state.js';

const memory = new DataView(new ArrayBuffer(0x2000));
/** Accesses at or above this address fault. */
let limit = 0x2000;

function check(address: number, size: number, write: boolean): void {
  if (address + size > limit) pageFault(Math.max(address, limit), write ? 6 : 4);
}
const mmu = {
  read8: (a: number) => (check(a, 1, false), memory.getUint8(a)),
  read16: (a: number) => (check(a, 2, false), memory.getUint16(a, true)),
  read32: (a: number) => (check(a, 4, false), memory.getInt32(a, true)),
  write8: (a: number, v: number) => (check(a, 1, true), memory.setUint8(a, v)),
  write16: (a: number, v: number) => (check(a, 2, true), memory.setUint16(a, v, true)),
  write32: (a: number, v: number) => (check(a, 4, true), memory.setInt32(a, v, true)),
  probeRead: (a: number, n: number) => check(a, n, false),
  probeWrite: (a: number, n: number) => check(a, n, true),
} as unknown as Mmu;

let cpu: Cpu;
beforeEach(() => {
  cpu = new Cpu({ name: 'test', cpuid: () => [0, 0, 0, 0] });
  cpu.fpu = new Fpu();
  cpu.fpu.reset();
  cpu.mmu = mmu;
  cpu.cr0 = CR0.PE | CR0.NE | CR0.MP;
  cpu.cr4 = CR4.OSFXSR | CR4.OSXMMEXCPT;
  limit = 0x2000;
});

/** Runs one instruction given as hex bytes; returns the vector it faulted with, or -1. */
function run(code: string, address = 0x100): number {
  const bytes = Uint8Array.from(code.match(/../g)!.map((byte) => parseInt(byte, 16)));
  const instruction = decode(bytes, 0, bytes.length, 32) as Instruction;
  try {
    FPU_HELPERS[instruction.mnemonic]!(cpu, address, packInfo(instruction));
    return -1;
  } catch (error) {
    if (error instanceof GuestFault) return error.vector;
    throw error;
  }
}

const FLD1 = 'd9e8', FLDZ = 'd9ee', FWAIT = '9b', FNSTSW_AX = 'dfe0', FADD_ST1 = 'd8c1', FDIVP = 'def9', FNCLEX = 'dbe2'; // prettier-ignore
const FLD_M64 = 'dd00', FSTP_M64 = 'dd18', FADD_M64 = 'dc00', FMUL_M64 = 'dc08', FDIV_M64 = 'dc30'; // prettier-ignore
const PADDB_MM = '0ffcc1', PADDB_XMM = '660ffcc1', ADDSD = 'f20f58c1'; // prettier-ignore

describe('availability', () => {
  it.each([
    ['x87 with TS', CR0.TS, FLD1, 7],
    ['x87 with EM', CR0.EM, FLD1, 7],
    ['FNSTSW with TS', CR0.TS, FNSTSW_AX, 7],
    ['FWAIT with MP and TS', CR0.TS, FWAIT, 7],
    ['FWAIT with EM', CR0.EM, FWAIT, -1],
    ['MMX with TS', CR0.TS, PADDB_MM, 7],
    ['MMX with EM', CR0.EM, PADDB_MM, 6],
    ['SSE with TS', CR0.TS, PADDB_XMM, 7],
    ['SSE with EM and TS', CR0.EM | CR0.TS, PADDB_XMM, 6],
    ['SSE', 0, PADDB_XMM, -1],
    ['FXSAVE with EM', CR0.EM, '0fae00', 6],
    ['FXSAVE with TS', CR0.TS, '0fae00', 7],
  ])('%s', (_, bits, code, vector) => {
    cpu.cr0 |= bits;
    expect(run(code)).toBe(vector);
  });

  it('FWAIT with TS but not MP runs', () => {
    cpu.cr0 = (cpu.cr0 | CR0.TS) & ~CR0.MP;
    expect(run(FWAIT)).toBe(-1);
  });

  it('SSE without CR4.OSFXSR is #UD, MMX is not', () => {
    cpu.cr4 = 0;
    expect(run(PADDB_XMM)).toBe(6);
    expect(run(PADDB_MM)).toBe(-1);
  });
});

describe('exceptions', () => {
  function divideByZeroUnmasked(): void {
    cpu.fpu.setControlWord(0x37b);
    run(FLD1);
    run(FLDZ);
    run(FDIVP);
  }

  it('an unmasked x87 exception waits for the next waiting instruction', () => {
    divideByZeroUnmasked();
    expect(cpu.fpu.statusWord() & 0x8084).toBe(0x8084);
    expect(run(FNSTSW_AX)).toBe(-1);
    expect(cpu.r[0]! & 0xffff).toBe(cpu.fpu.statusWord());
    expect([run(FWAIT), run(FLD1), run(PADDB_MM)]).toEqual([16, 16, 16]);
    expect(run(PADDB_XMM)).toBe(-1);
    run('dbe2');
    expect(run(FWAIT)).toBe(-1);
  });

  it.each([
    [true, -1],
    [false, FROZEN],
  ])('without CR0.NE IGNNE# %s decides', (ignored, outcome) => {
    const asked: number[] = [];
    const numericError = (error: number): boolean => (asked.push(error), ignored);
    cpu.environment = { numericError } as unknown as CpuEnvironment;
    divideByZeroUnmasked();
    cpu.cr0 &= ~CR0.NE;
    expect([run(FWAIT), run(FWAIT)]).toEqual([outcome, outcome]);
    run(FNCLEX);
    expect(run(FWAIT)).toBe(-1);
    divideByZeroUnmasked();
    expect(asked).toEqual([1, 1]);
    run(FWAIT);
    expect(asked).toEqual([1, 1, 2]);
  });

  it('an unmasked SSE exception is #XM, or #UD without CR4.OSXMMEXCPT, and keeps the destination', () => {
    cpu.fpu.mxcsr = 0;
    cpu.fpu.xmmF64[0] = Infinity;
    cpu.fpu.xmmF64[2] = -Infinity;
    expect(run(ADDSD)).toBe(19);
    expect(cpu.fpu.mxcsr).toBe(1);
    expect(cpu.fpu.xmmF64[0]).toBe(Infinity);
    cpu.cr4 = CR4.OSFXSR;
    expect(run(ADDSD)).toBe(6);
  });

  it('a misaligned 128-bit operand is #GP unless the instruction allows it', () => {
    expect(run('0f2800', 0x108)).toBe(13);
    expect(run('0f1000', 0x108)).toBe(-1);
    expect(run('0fae00', 0x108)).toBe(13);
  });
});

describe('faults leave the state alone', () => {
  function snapshot(): string {
    return JSON.stringify([{ ...cpu.fpu }, [...cpu.r], [...new Uint8Array(memory.buffer)]]);
  }
  it.each([
    ['FSTP m64', FSTP_M64],
    ['FSTP m80', 'db38'],
    ['FISTP m64', 'df38'],
    ['FBSTP', 'df30'],
    ['FLD m80', 'db28'],
    ['FADD m64', FADD_M64],
    ['FNSAVE', 'dd30'],
    ['FRSTOR', 'dd20'],
    ['FNSTENV', 'd930'],
    ['FLDENV', 'd920'],
    ['MOVUPS store', '0f1100'],
    ['MOVUPS load', '0f1000'],
    ['MOVQ store', '0f7f00'],
    ['CVTPS2PI', '0f2d00'],
  ])('%s', (_, code) => {
    run(FLD1);
    cpu.fpu.xmmF32.fill(1.5);
    const before = snapshot();
    limit = 0x1004;
    expect(run(code, 0x1000)).toBe(14);
    expect(snapshot()).toBe(before);
  });
});

describe('images', () => {
  it('FNSAVE and FRSTOR round-trip registers, tags and pointers', () => {
    cpu.r[R_EIP] = 0x12345678;
    for (const code of [FLD1, FLDZ, 'd9eb', 'ddc1']) run(code);
    const before = new Fpu();
    before.copyFrom(cpu.fpu);
    run('dd30');
    expect(cpu.fpu.valid).toBe(0);
    expect(memory.getUint16(0x108, true)).toBe(before.tagWord());
    run('dd20');
    expect({ ...cpu.fpu }).toEqual({ ...before });
  });

  it('FNSTENV stores linear addresses in virtual-8086 mode', () => {
    cpu.segments.selector[1] = 0x1234;
    cpu.r[R_EIP] = 0xabcd;
    run(FLD1);
    const image = () => [3, 4].map((i) => memory.getInt32(0x100 + 4 * i, true));
    run('d930');
    expect(image()).toEqual([0xabcd, 0x1234]);
    cpu.r[R_EFLAGS]! |= EFLAGS.VM;
    run('d930');
    expect(image()).toEqual([0xffffcf0d | 0, 0x1000]);
    run('66d930');
    expect([6, 8].map((at) => memory.getUint16(0x100 + at, true))).toEqual([0xcf0d, 0x1000]);
  });

  it('FXSAVE and FXRSTOR round-trip everything, XMM only with OSFXSR', () => {
    run(FLD1);
    cpu.fpu.xmmF64.fill(2.5);
    run('0fae00');
    run('dbe3');
    cpu.fpu.xmmF64.fill(0);
    cpu.cr4 = 0;
    run('0fae08');
    expect([cpu.fpu.valid, cpu.fpu.xmmF64[0]]).toEqual([0x80, 0]);
    cpu.cr4 = CR4.OSFXSR;
    run('0fae08');
    expect(cpu.fpu.xmmF64[15]).toBe(2.5);
  });

  it('MMX registers are the significands of the physical registers', () => {
    run(FLD1);
    cpu.r[0] = 0x1234;
    run('0f6ef8');
    expect([cpu.fpu.top, cpu.fpu.valid, cpu.fpu.exponent[7]]).toEqual([0, 0xff, 0xffff]);
    expect([...cpu.fpu.significand.slice(14)]).toEqual([0x1234, 0]);
    run('0f77');
    expect(cpu.fpu.valid).toBe(0);
  });
});

/** Doubles whose sums, products and quotients stay normal. */
const ordinary = fc
  .tuple(fc.double({ min: 1, max: 2, noNaN: true }), fc.integer({ min: -300, max: 300 }), fc.boolean())
  .map(([m, e, negative]) => (negative ? -m : m) * 2 ** e);

describe('laws', () => {
  /** a op b through the x87 with 53-bit precision. */
  function x87(code: string, a: number, b: number): number {
    cpu.fpu.reset();
    cpu.fpu.setControlWord(0x27f);
    memory.setFloat64(0x100, a, true);
    memory.setFloat64(0x200, b, true);
    run(FLD_M64);
    run(code, 0x200);
    run(FSTP_M64, 0x300);
    return memory.getFloat64(0x300, true);
  }
  function sse(opcode: string, a: number, b: number, mxcsr: number): number {
    cpu.fpu.mxcsr = mxcsr;
    cpu.fpu.xmmF64[0] = a;
    cpu.fpu.xmmF64[2] = b;
    run(`f20f${opcode}c1`);
    return cpu.fpu.xmmF64[0]!;
  }

  it.each([
    ['+', FADD_M64, '58', (a: number, b: number) => a + b],
    ['×', FMUL_M64, '59', (a: number, b: number) => a * b],
    ['÷', FDIV_M64, '5e', (a: number, b: number) => a / b],
  ])('53-bit %s is what JavaScript computes', (_, code, opcode, operation) => {
    fc.assert(
      fc.property(ordinary, ordinary, (a, b) => {
        const wanted = operation(a, b);
        expect(x87(code, a, b)).toBe(wanted);
        expect(sse(opcode, a, b, 0x1f80)).toBe(wanted);
        expect(sse(opcode, a, b, 0x1fa0)).toBe(wanted);
      }),
    );
  });

  it('directed rounding encloses the nearest result by at most one step', () => {
    fc.assert(
      fc.property(ordinary, ordinary, (a, b) => {
        const [down, up, toZero] = [0x3f80, 0x5f80, 0x7f80].map((mxcsr) => sse('58', a, b, mxcsr));
        expect(down! <= a + b && a + b <= up!).toBe(true);
        expect(toZero).toBe(a + b <= 0 ? up : down);
      }),
    );
  });

  it('FADD of registers loses nothing that 64 bits hold', () => {
    run(FLD1);
    memory.setFloat64(0x100, 2 ** -63, true);
    run(FLD_M64);
    run(FADD_ST1);
    expect([cpu.fpu.significand[2 * cpu.fpu.top], cpu.fpu.statusWord() & 0x3f]).toEqual([1, 0]);
  });
});
