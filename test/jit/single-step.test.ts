/** Debug exceptions around single instructions, the limit of CS and alignment checks, in each engine. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createEngine, type EngineName } from '../../src/jit/engines.js';
import type { JitEngine } from '../../src/jit/engine.js';
import { HANDLERS, KERNEL_STACK, VectorMachine } from '../../src/jit/vector-machine.js';
import { setSegment } from '../../src/runtime/helpers/segments.js';
import {
  EAX,
  EBX,
  ECX,
  EDI,
  EFLAGS,
  ESP,
  PENDING,
  R_BUDGET,
  R_EFLAGS,
  R_EIP,
  R_PENDING,
  type Cpu,
} from '../../src/runtime/state.js';

const CODE = 0x400000,
  DATA = 0x200000;
const BS = 0x4000;

describe.each<EngineName>(['evaluator', 'interpreter', 'jit'])('%s', (name) => {
  let machine: VectorMachine;
  let engine: JitEngine;
  let cpu: Cpu;

  beforeEach(() => {
    machine = new VectorMachine(32);
    machine.enterUser();
    ({ cpu } = machine);
    engine = createEngine(name, { heatThreshold: 4, train: false })(cpu, machine.memory);
    cpu.r[ESP] = 0x302000;
    cpu.r[EDI] = cpu.r[EBX] = DATA;
  });

  /** Runs `count` instructions, deliveries included, from `at`. */
  const run = (count: number, at = cpu.r[R_EIP]!): void => {
    const { r } = cpu;
    r[R_EIP] = at;
    r[R_PENDING]! |= PENDING.MODE;
    r[R_BUDGET] = count;
    while (r[R_BUDGET]! > 0) {
      r[R_PENDING]! &= ~(PENDING.SHADOW | PENDING.EXIT);
      engine.run();
    }
  };
  const load = (at: number, ...bytes: number[]): void => machine.memory.copyIn(at, Uint8Array.from(bytes));
  const start = (...bytes: number[]): void => {
    load(CODE, ...bytes);
    cpu.r[R_EIP] = CODE;
  };
  /** Vector delivered and the EIP and EFLAGS in its frame. */
  const delivered = (errorCode = false): number[] => {
    const frame = KERNEL_STACK - 20;
    const { memory } = machine;
    expect(cpu.r[ESP]).toBe(errorCode ? frame - 4 : frame);
    return [cpu.r[R_EIP]! - HANDLERS, memory.read32(frame) - CODE, memory.read32(frame + 8) & EFLAGS.RF];
  };
  const arm = (n: number, address: number, kind: number, length: number): void => {
    cpu.dr[n] = address;
    cpu.dr[7] = 0x400 | (2 << (2 * n)) | ((kind | (length << 2)) << (16 + 4 * n));
  };
  const statusBits = (): number => cpu.dr[6]! & 0xe00f;
  const setTrap = (): void => {
    cpu.r[R_EFLAGS]! |= EFLAGS.TF;
  };

  describe('TF', () => {
    beforeEach(setTrap);
    it('traps after an instruction', () => {
      start(0x90, 0x90);
      run(2);
      expect([...delivered(), statusBits()]).toEqual([1, 1, 0, BS]);
    });
    it('traps after one iteration of REP', () => {
      start(0xf3, 0xaa);
      cpu.r[ECX] = 3;
      run(2);
      expect([...delivered(), cpu.r[ECX]]).toEqual([1, 0, EFLAGS.RF, 2]);
    });
    it('leaves no trap behind INT n', () => {
      start(0xcd, 0x80);
      run(1);
      expect([...delivered(), statusBits()]).toEqual([0x80, 2, 0, 0]);
    });
    it('goes with a breakpoint on the next instruction', () => {
      start(0x90, 0x90);
      arm(3, CODE + 1, 0, 0);
      run(2);
      expect(statusBits()).toBe(BS | 8);
    });
  });

  describe('MOV SS', () => {
    // mov ss, eax; nop; nop
    beforeEach(() => {
      load(0x620000 + 0x20, 0xff, 0xff, 0, 0, 0, 0xf3, 0xcf, 0);
      cpu.gdtLimit = 0x27;
      cpu.r[EAX] = 0x23;
      start(0x8e, 0xd0, 0x90, 0x90);
    });
    it('holds the single-step trap for one instruction', () => {
      setTrap();
      run(3);
      expect([...delivered(), statusBits()]).toEqual([1, 3, 0, BS]);
    });
    it('holds the breakpoint on the next instruction off', () => {
      arm(0, CODE + 2, 0, 0);
      run(3);
      expect(cpu.r[R_EIP]).toBe(CODE + 4);
    });
    it('reports its own data breakpoint one instruction later', () => {
      start(0x8e, 0x13, 0x90, 0x90);
      machine.memory.write32(DATA, 0x23);
      arm(1, DATA, 3, 1);
      run(3);
      expect([...delivered(), statusBits()]).toEqual([1, 3, 0, 2]);
    });
    it('reports it behind an INT n that follows', () => {
      start(0x8e, 0x13, 0xcd, 0x80);
      machine.memory.write32(DATA, 0x23);
      arm(1, DATA, 3, 1);
      run(3);
      expect([cpu.r[R_EIP]! - HANDLERS, statusBits()]).toEqual([1, 2]);
      expect(machine.memory.read32(cpu.r[ESP]!)).toBe(HANDLERS + 0x80);
    });
  });

  describe('breakpoints', () => {
    it('on code are faults without RF in their image', () => {
      start(0x40, 0x90);
      arm(2, CODE, 0, 0);
      run(1);
      expect([...delivered(), statusBits(), cpu.r[EAX]]).toEqual([1, 0, 0, 4, 0]);
    });
    it('on code are skipped once under RF', () => {
      start(0x40, 0xeb, 0xfd);
      arm(2, CODE, 0, 0);
      cpu.r[R_EFLAGS]! |= EFLAGS.RF;
      run(3);
      expect([...delivered(), cpu.r[EAX]]).toEqual([1, 0, 0, 1]);
    });
    it('on data are traps after the access', () => {
      start(0x89, 0x03, 0x90);
      arm(0, DATA + 3, 1, 0);
      run(2);
      expect([...delivered(), statusBits()]).toEqual([1, 2, 0, 1]);
    });
    it('stop a repeated store that would go on in bulk', () => {
      start(0xf3, 0xab, 0x90);
      cpu.r[ECX] = 100;
      arm(0, DATA + 40, 1, 3);
      run(12);
      expect([...delivered(), cpu.r[ECX]]).toEqual([1, 0, EFLAGS.RF, 89]);
    });
    it('report nothing of an instruction that faults', () => {
      // add [ebx], eax on a read-only page
      start(0x01, 0x03);
      cpu.r[EBX] = 0x203000;
      arm(0, 0x203000, 3, 3);
      run(1);
      expect([...delivered(true), statusBits()]).toEqual([14, 0, EFLAGS.RF, 0]);
    });
  });

  describe('CS', () => {
    const endAt = (limit: number): void => setSegment(cpu, 1, 0x1b, 0, limit, 0xc0fb);
    it('does not lend an instruction bytes beyond its limit', () => {
      start(0x90, 0xb8, 1, 0, 0, 0);
      endAt(CODE + 4);
      run(2);
      expect([...delivered(true), cpu.r[EAX]]).toEqual([13, 1, EFLAGS.RF, 0]);
    });
    it('refuses a branch at the branch', () => {
      // loop +0x100
      start(0x90, 0xe2, 0x70);
      cpu.r[ECX] = 5;
      endAt(CODE + 0x40);
      run(2);
      expect([...delivered(true), cpu.r[ECX]]).toEqual([13, 1, EFLAGS.RF, 5]);
    });
    it('ends at its limit for translated code, too, when the limit moves', () => {
      // A loop over a page end: nop, nop | nop, dec ecx, jnz
      load(CODE + 0xffe, 0x90, 0x90, 0x90, 0x49, 0x75, 0xfa);
      endAt(CODE + 0x1fff);
      cpu.r[ECX] = 1000;
      run(4900, CODE + 0xffe);
      expect(engine.translatedInstructions > 1000).toBe(name === 'jit');
      endAt(CODE + 0xfff);
      run(3, CODE + 0xffe);
      expect(delivered(true)).toEqual([13, 0x1000, EFLAGS.RF]);
    });
  });

  it('checks the alignment of user accesses', () => {
    cpu.r[R_EFLAGS]! |= EFLAGS.AC;
    // mov eax, [ebx+4]; fld qword [ebx+4]
    start(0x8b, 0x43, 4, 0xdd, 0x43, 4);
    run(2);
    expect(delivered(true)).toEqual([17, 3, EFLAGS.RF]);
  });
  it('says #GP(0) of more than fifteen bytes and #UD of RSM', () => {
    start(...Array<number>(15).fill(0x66), 0x90);
    run(1);
    expect(delivered(true)).toEqual([13, 0, EFLAGS.RF]);
    machine.enterUser();
    start(0x0f, 0xaa);
    run(1);
    expect(delivered()).toEqual([6, 0, EFLAGS.RF]);
  });
  it('ends flat segments at 4 GiB for wide operands', () => {
    // movq mm0, gs:[ebx] across the end of the segment
    start(0x65, 0x0f, 0x6f, 0x03);
    cpu.r[EBX] = -4;
    run(1);
    expect(delivered(true)).toEqual([13, 0, EFLAGS.RF]);
  });
  it('wraps the area of FXSAVE with 16-bit addresses', () => {
    // fxsave es:[bx] below the end of 64 KiB
    start(0x26, 0x67, 0x0f, 0xae, 0x07);
    setSegment(cpu, 0, 0x23, 0x1f2100, 0xffff, 0xf3);
    cpu.r[EBX] = 0xff00;
    // XMM6 lies at offset 256: offset 0 of the segment, which is not mapped.
    run(1);
    expect(delivered(true)).toEqual([14, 0, EFLAGS.RF]);
    expect(cpu.cr2).toBe(0x1f2100);
  });
});
