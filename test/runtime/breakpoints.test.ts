/** Which accesses DR0-DR3 match, and that the MMU notes each access to their pages. */
import { describe, expect, it } from 'vitest';
import { BREAK_ON, matchBreakpoints, watchedPages } from '../../src/runtime/breakpoints.js';
import { movToDr } from '../../src/runtime/helpers/control-registers.js';
import { portIn } from '../../src/runtime/helpers/io.js';
import { CR4, R_EPOCH } from '../../src/runtime/state.js';
import { createProtected } from './helpers-support.js';

/** Control field of breakpoint n: R/W kind and length code. */
const control = (n: number, kind: number, length: number): number => (kind | (length << 2)) << (16 + 4 * n);
const debug = (dr7: number, ...addresses: number[]): Int32Array => {
  const dr = new Int32Array(8);
  addresses.forEach((address, n) => (dr[n] = address));
  dr[7] = dr7;
  return dr;
};
const writes = (dr: Int32Array, address: number, size: number): number =>
  matchBreakpoints(dr, address, size, BREAK_ON.WRITE, BREAK_ON.ACCESS);

describe('breakpoints', () => {
  it('match where the access and the rounded range overlap', () => {
    const dr = debug(1 | control(0, BREAK_ON.WRITE, 3), 0x1002);
    const hits = [0xffc, 0xffd, 0xfff, 0x1000, 0x1003, 0x1004].map((a) => writes(dr, a, 4));
    expect(hits).toEqual([0, 1, 1, 1, 1, 0]);
    expect(writes(dr, 0xfff, 1)).toBe(0);
  });
  it('match around the end of the address space', () => {
    expect(writes(debug(1 | control(0, BREAK_ON.WRITE, 0), 0), 0xfffffffe | 0, 4)).toBe(1);
    expect(writes(debug(1 | control(0, BREAK_ON.WRITE, 3), -4), -1, 1)).toBe(1);
  });
  it('know eight bytes as length 2', () => {
    const dr = debug(2 | control(0, BREAK_ON.ACCESS, 2), 0x1000);
    expect([writes(dr, 0x1007, 1), writes(dr, 0x1008, 1)]).toEqual([1, 0]);
  });
  it('tell reads from writes and data from code', () => {
    const dr = debug(1 | control(0, BREAK_ON.WRITE, 0), 0x1000);
    expect(matchBreakpoints(dr, 0x1000, 1, BREAK_ON.ACCESS, BREAK_ON.ACCESS)).toBe(0);
    expect(matchBreakpoints(dr, 0x1000, 1, BREAK_ON.EXECUTION, BREAK_ON.EXECUTION)).toBe(0);
  });
  it('report a disabled one only beside an enabled one', () => {
    const kinds = control(0, BREAK_ON.WRITE, 0) | control(3, BREAK_ON.WRITE, 0);
    expect(writes(debug(kinds | 1, 0x1000, 0, 0, 0x1000), 0x1000, 1)).toBe(9);
    expect(writes(debug(kinds, 0x1000, 0, 0, 0x1000), 0x1000, 1)).toBe(0);
  });
  it('watch the pages of enabled data breakpoints', () => {
    const kinds =
      control(0, BREAK_ON.WRITE, 0) | control(1, BREAK_ON.EXECUTION, 0) | control(2, BREAK_ON.ACCESS, 0);
    expect(watchedPages(debug(kinds | 0x1d, 0x1fff, 0x2000, 0x7000, 0x9000))).toEqual([1, 7]);
  });
});

describe('watched pages', () => {
  const watch = (kind: number) => {
    const bench = createProtected(0);
    const { cpu } = bench;
    cpu.mmu.read32(0x8000);
    cpu.mmu.write32(0x8000, 0);
    movToDr(cpu, 0, 0x8002);
    movToDr(cpu, 7, 1 | control(0, kind, 0));
    cpu.mmu.watch(watchedPages(cpu.dr));
    return cpu;
  };
  it('have no fast entries and note each access', () => {
    const cpu = watch(BREAK_ON.ACCESS);
    for (const access of [
      () => cpu.mmu.read8(0x8002),
      () => cpu.mmu.read32(0x8000),
      () => cpu.mmu.read16(0x8001),
      () => cpu.mmu.write16(0x8002, 1),
      () => cpu.mmu.write32(0x7fff, 1),
    ]) {
      cpu.trace.hits = 0;
      access();
      expect(cpu.trace.hits).toBe(1);
      expect([cpu.mmu.readTlb[0][8], cpu.mmu.writeTlb[0][8]]).toEqual([-1, -1]);
    }
  });
  it('do not note probes, other bytes or reads where only writes count', () => {
    const cpu = watch(BREAK_ON.WRITE);
    cpu.mmu.probeWrite(0x8002, 1);
    cpu.mmu.write8(0x8003, 1);
    cpu.mmu.read8(0x8002);
    expect(cpu.trace.hits).toBe(0);
  });
  it('get their fast entries back', () => {
    const cpu = watch(BREAK_ON.WRITE);
    cpu.mmu.watch([]);
    cpu.mmu.write8(0x8002, 1);
    expect([cpu.trace.hits, cpu.mmu.writeTlb[0][8]! & 1]).toEqual([0, 0]);
  });
});

describe('I/O breakpoints', () => {
  it('need CR4.DE', () => {
    const { cpu } = createProtected(0);
    movToDr(cpu, 1, 0x60);
    movToDr(cpu, 7, 8 | control(1, BREAK_ON.PORT, 0));
    portIn(cpu, 0x60, 1);
    expect(cpu.trace.hits).toBe(0);
    cpu.cr4 = CR4.DE;
    portIn(cpu, 0x61, 1);
    expect(cpu.trace.hits).toBe(0);
    portIn(cpu, 0x5f, 2);
    expect(cpu.trace.hits).toBe(2);
  });
});

describe('alignment checks', () => {
  const user = (() => {
    const { cpu } = createProtected(3);
    cpu.mmu.checkAlignment(true);
    return cpu;
  })();
  it('are for user accesses that are not aligned', () => {
    for (const access of [
      () => user.mmu.read16(0x8001),
      () => user.mmu.read32(0x8002),
      () => user.mmu.write16(0x8fff, 1),
      () => user.mmu.write32(0x8ffe, 1),
      () => user.mmu.probeWrite(0x8004, 8),
    ]) {
      expect(access).toThrow(expect.objectContaining({ vector: 17, errorCode: 0 }));
    }
    user.mmu.read8(0x8001);
    user.mmu.read32(0x8004);
    user.mmu.readSystem32(0x8001);
    user.mmu.probeWrite(0x8002, 6);
  });
});

describe('the fetch barrier', () => {
  it('keeps its page out of the fast table and starts a new epoch', () => {
    const { cpu } = createProtected(0);
    const { mmu } = cpu;
    mmu.fetch(0x8000);
    const before = cpu.r[R_EPOCH];
    mmu.setFetchBarrier(8);
    expect(cpu.r[R_EPOCH]).not.toBe(before);
    expect([mmu.fetch(0x8000) >= 0, mmu.executeTlb[0][8], mmu.probeFetch(0x8000)]).toEqual([true, -1, -1]);
    mmu.setFetchBarrier(-1);
    mmu.fetch(0x8000);
    expect(mmu.executeTlb[0][8]! & 1).toBe(0);
  });
});
