/** Page walks, faults and TLB coherence on hand-built page tables (SDM vol. 3, chapter 4). */
import { beforeEach, describe, expect, it } from 'vitest';
import { PAGE_CODE, PAGE_TABLE } from '../../src/runtime/memory.js';
import { CR0, CR4, R_CPL, R_EPOCH, R_FAULT } from '../../src/runtime/state.js';
import {
  A,
  D,
  G,
  P,
  PS,
  RW,
  US,
  XD,
  createMachine,
  enablePaging,
  faultOf,
  setUser,
  type Machine,
} from './mmu-support.js';

const DIRECTORY = 0x1000;
const TABLE = 0x2000;
/** Linear 0x400000 + n * 0x1000 is entry n of the table. */
const BASE = 0x400000;

function setPte(machine: Machine, index: number, value: number): void {
  machine.memory.write32(TABLE + 4 * index, value);
}

function pte(machine: Machine, index: number): number {
  return machine.memory.read32(TABLE + 4 * index);
}

describe('with paging off', () => {
  it('accesses physical memory with any alignment', () => {
    const { memory, mmu } = createMachine();
    mmu.write32(0x3001, 0x12345678);
    expect(memory.copyOut(0x3001, 4)).toEqual(new Uint8Array([0x78, 0x56, 0x34, 0x12]));
    mmu.write32(0x4fff, -2);
    expect(mmu.read32(0x4fff)).toBe(-2);
    mmu.write16(0x5fff, 0xbeef);
    expect(mmu.read16(0x5fff)).toBe(0xbeef);
    expect(mmu.read8(0x6000)).toBe(0xbe);
  });

  it('gives the address of instruction bytes', () => {
    const { memory, mmu } = createMachine(1 << 20, 7);
    memory.write8(0x7123, 0x90);
    expect(memory.u8[mmu.fetch(0x7123)]).toBe(0x90);
    expect(mmu.fetch(0xa0000)).toBe(-1);
    expect(mmu.probeFetch(0x7124)).toBe(mmu.fetch(0x7124));
  });

  it('wraps page-crossing accesses at 4 GiB', () => {
    const { memory, mmu } = createMachine();
    memory.write8(0, 0x11);
    expect(mmu.read16(-1)).toBe(0x11ff);
  });
});

describe('32-bit paging', () => {
  let machine: Machine;
  beforeEach(() => {
    machine = createMachine(1 << 20, 3);
    machine.memory.write32(DIRECTORY + 4, TABLE | P | RW | US);
    enablePaging(machine, DIRECTORY, { wp: true });
  });

  it('reports P, W and U in the error code and the address', () => {
    const { mmu } = machine;
    expect(faultOf(() => mmu.read8(0x1234))).toEqual([0, 0x1234]);
    expect(faultOf(() => mmu.write8(BASE + 5, 1))).toEqual([2, BASE + 5]);
    setPte(machine, 0, 0x8000 | P);
    expect(faultOf(() => mmu.read8(BASE))).toBe(null);
    expect(faultOf(() => mmu.write8(BASE, 1))).toEqual([3, BASE]);
    setUser(machine, true);
    expect(faultOf(() => mmu.read8(BASE))).toEqual([5, BASE]);
    expect(faultOf(() => mmu.write16(BASE, 1))).toEqual([7, BASE]);
    expect(faultOf(() => mmu.fetch(BASE))).toEqual([5, BASE]);
    expect(faultOf(() => mmu.read8(0xffffffff))).toEqual([4, 0xffffffff]);
    expect(faultOf(() => mmu.writeSystem8(BASE, 1))).toEqual([3, BASE]);
    expect(faultOf(() => mmu.readSystem8(BASE))).toBe(null);
  });

  it('takes rights from both levels', () => {
    setPte(machine, 0, 0x8000 | P | RW | US);
    machine.memory.write32(DIRECTORY + 4, TABLE | P | US);
    expect(faultOf(() => machine.mmu.write8(BASE, 1))).toEqual([3, BASE]);
    machine.memory.write32(DIRECTORY + 4, TABLE | P | RW);
    expect(faultOf(() => machine.mmu.write8(BASE, 1))).toBe(null);
    setUser(machine, true);
    expect(faultOf(() => machine.mmu.read8(BASE))).toEqual([5, BASE]);
  });

  it('sets accessed bits on both levels and the dirty bit on a write', () => {
    setPte(machine, 0, 0x8000 | P | RW);
    machine.mmu.read8(BASE);
    expect(pte(machine, 0)).toBe(0x8000 | P | RW | A);
    expect(machine.memory.read32(DIRECTORY + 4)).toBe(TABLE | P | RW | US | A);
    machine.mmu.write8(BASE, 1);
    expect(pte(machine, 0)).toBe(0x8000 | P | RW | A | D);
    setPte(machine, 0, 0x8000 | P | RW);
    machine.mmu.write8(BASE, 1);
    expect(pte(machine, 0)).toBe(0x8000 | P | RW | A | D);
    setPte(machine, 1, 0x8000 | P);
    faultOf(() => machine.mmu.write8(BASE + 0x1000, 1));
    expect(pte(machine, 1)).toBe(0x8000 | P);
  });

  it('lets a supervisor write read-only pages only without CR0.WP', () => {
    const { cpu, mmu } = machine;
    setPte(machine, 0, 0x8000 | P | US);
    cpu.cr0 &= ~CR0.WP;
    mmu.controlRegistersChanged();
    mmu.write8(BASE, 7);
    expect(pte(machine, 0)).toBe(0x8000 | P | US | A | D);
    setUser(machine, true);
    expect(faultOf(() => mmu.write8(BASE, 1))).toEqual([7, BASE]);
    setUser(machine, false);
    cpu.cr0 |= CR0.WP;
    mmu.controlRegistersChanged();
    expect(mmu.read8(BASE)).toBe(7);
    expect(faultOf(() => mmu.write8(BASE, 1))).toEqual([3, BASE]);
    expect(mmu.read8(BASE)).toBe(7);
  });

  it('sees a rewritten PTE without INVLPG, also through another mapping', () => {
    const { memory, mmu } = machine;
    memory.write8(0x8000, 1);
    memory.write8(0x9000, 2);
    setPte(machine, 0, 0x8000 | P | RW);
    setPte(machine, 1, TABLE | P | RW);
    mmu.write32(BASE + 0x1800, 5); // fast write entry for the table's frame, if any, must not survive
    expect(mmu.read8(BASE)).toBe(1);
    mmu.write32(BASE + 0x1000, 0x9000 | P | RW);
    expect(mmu.read8(BASE)).toBe(2);
    mmu.write8(BASE + 0x1001, 0x80); // frame 8 again, one byte of the entry
    expect(mmu.read8(BASE)).toBe(1);
    mmu.write32(BASE + 0x1000, 0);
    expect(faultOf(() => mmu.read8(BASE))).toEqual([0, BASE]);
  });

  it('sees a table replaced in the directory, and device writes to tables', () => {
    const { memory, mmu } = machine;
    memory.write8(0x8000, 1);
    memory.write8(0x9000, 2);
    setPte(machine, 0, 0x8000 | P);
    expect(mmu.read8(BASE)).toBe(1);
    memory.write32(0x3000, 0x9000 | P);
    memory.copyIn(DIRECTORY + 4, new Uint8Array([0x01, 0x30, 0, 0]));
    expect(mmu.read8(BASE)).toBe(2);
    memory.copyIn(0x3000, new Uint8Array(4096));
    expect(faultOf(() => mmu.read8(BASE))).toEqual([0, BASE]);
  });

  it('follows a table shared by two directory entries', () => {
    const { memory, mmu } = machine;
    memory.write8(0x9000, 2);
    memory.write32(DIRECTORY + 8, TABLE | P | RW);
    setPte(machine, 0, 0x8000 | P);
    expect([mmu.read8(BASE), mmu.read8(2 * BASE)]).toEqual([0, 0]);
    setPte(machine, 0, 0x9000 | P);
    expect([mmu.read8(BASE), mmu.read8(2 * BASE)]).toEqual([2, 2]);
  });

  it('releases a table that only takes writes', () => {
    const { memory, mmu } = machine;
    setPte(machine, 0, 0x8000 | P | RW);
    mmu.read8(BASE);
    const mfn = memory.machineAddress(TABLE) >>> 12;
    expect(memory.pageFlags[mfn]! & PAGE_TABLE).toBe(PAGE_TABLE);
    for (let i = 0; i < 100; i++) setPte(machine, 8 + (i % 100), 0x8000 | P);
    expect(memory.pageFlags[mfn]! & PAGE_TABLE).toBe(0);
    setPte(machine, 0, 0);
    expect(faultOf(() => mmu.read8(BASE))).toEqual([0, BASE]);
  });

  it('supports a directory that maps itself', () => {
    const { memory, mmu } = machine;
    memory.write32(DIRECTORY + 0xffc, DIRECTORY | P | RW);
    memory.write8(0x9000, 2);
    mmu.write32(0xffc00000 + (BASE >>> 10), 0x8000 | P | RW);
    expect(mmu.read8(BASE)).toBe(0);
    mmu.write32(0xffc00000 + (BASE >>> 10), 0x9000 | P | RW);
    expect(mmu.read8(BASE)).toBe(2);
    expect(mmu.read32(0xfffff004)).toBe(TABLE | P | RW | US | A | D);
    mmu.write32(0xfffff004, 0);
    expect(faultOf(() => mmu.read8(BASE))).toEqual([0, BASE]);
    expect(faultOf(() => mmu.read32(0xffc01000))).toEqual([0, 0xffc01000]);
    mmu.write32(0xfffffffc, 0);
    expect(faultOf(() => mmu.read32(0xfffff000))).toEqual([0, 0xfffff000]);
  });

  it('checks both pages of a crossing access before it writes', () => {
    const { memory, mmu } = machine;
    setPte(machine, 0, 0x8000 | P | RW);
    expect(faultOf(() => mmu.write32(BASE + 0xffe, -1))).toEqual([2, BASE + 0x1000]);
    expect(memory.read16(0x8ffe)).toBe(0);
    setPte(machine, 1, 0xb000 | P | RW);
    mmu.write32(BASE + 0xffe, 0x44332211);
    expect(memory.read16(0x8ffe)).toBe(0x2211);
    expect(memory.read16(0xb000)).toBe(0x4433);
    expect(mmu.read32(BASE + 0xffe)).toBe(0x44332211);
    expect(faultOf(() => mmu.read16(BASE + 0x1fff))).toEqual([0, BASE + 0x2000]);
  });

  it('probes without transferring', () => {
    const { mmu } = machine;
    setPte(machine, 0, 0x8000 | P | RW);
    setPte(machine, 1, 0x9000 | P);
    mmu.probeWrite(BASE + 0xffc, 4);
    expect(pte(machine, 0) & D).toBe(D);
    expect(faultOf(() => mmu.probeWrite(BASE + 0xffd, 4))).toEqual([3, BASE + 0x1000]);
    expect(faultOf(() => mmu.probeRead(BASE + 0xffd, 4))).toBe(null);
    expect(faultOf(() => mmu.probeRead(BASE + 0xffd, 0x1004))).toEqual([0, BASE + 0x2000]);
    expect(faultOf(() => mmu.probeRead(BASE + 0x2000, 0))).toBe(null);
  });

  it('probes fetches without a trace', () => {
    setPte(machine, 0, 0x8000 | P);
    expect(machine.mmu.probeFetch(BASE + 3)).toBe(machine.memory.machineAddress(0x8003));
    expect(machine.mmu.probeFetch(BASE + 0x1000)).toBe(-1);
    expect(pte(machine, 0)).toBe(0x8000 | P);
  });

  it('drops the execute entry and changes the epoch', () => {
    const { cpu, memory, mmu } = machine;
    setPte(machine, 0, 0x8000 | P);
    const epoch = cpu.r[R_EPOCH];
    mmu.fetch(BASE);
    expect(cpu.r[R_EPOCH]).toBe(epoch);
    setPte(machine, 0, 0x9000 | P);
    expect(cpu.r[R_EPOCH]).not.toBe(epoch);
    expect(mmu.fetch(BASE)).toBe(memory.machineAddress(0x9000));
  });

  it('keeps what both address spaces share over a CR3 write, and only that', () => {
    const { cpu, memory, mmu } = machine;
    setPte(machine, 0, 0x8000 | P | G);
    memory.write32(DIRECTORY + 8, 0x3000 | P);
    memory.write32(0x3000, 0x8000 | P);
    mmu.fetch(BASE);
    mmu.fetch(2 * BASE);
    memory.write32(0x4004, memory.read32(DIRECTORY + 4));
    mmu.loadCr3(0x4000);
    expect(cpu.cr3).toBe(0x4000);
    expect(mmu.executeTlb[0][BASE >>> 12]! & 1).toBe(0);
    expect(mmu.executeTlb[0][(2 * BASE) >>> 12]).toBe(-1);
    expect(faultOf(() => mmu.fetch(2 * BASE))).toEqual([0, 2 * BASE]);
    memory.write32(DIRECTORY + 4, 0);
    expect(faultOf(() => mmu.fetch(BASE))).toBe(null);
    memory.write32(0x4004, 0);
    expect(faultOf(() => mmu.fetch(BASE))).toEqual([0, BASE]);
  });

  it('ignores PS without CR4.PSE and honours it with', () => {
    const { cpu, mmu } = machine;
    machine.memory.write32(DIRECTORY + 12, TABLE | P | PS);
    setPte(machine, 0, 0x8000 | P);
    expect(faultOf(() => mmu.read8(0xc00000))).toBe(null);
    cpu.cr4 |= CR4.PSE;
    mmu.controlRegistersChanged();
    machine.memory.write32(DIRECTORY + 12, P | PS | RW);
    machine.memory.write8(0x5678, 9);
    expect(mmu.read8(0xc05678)).toBe(9);
    expect(machine.memory.read32(DIRECTORY + 12)).toBe(P | PS | RW | A);
    mmu.write8(0xc05678, 8);
    expect(machine.memory.read32(DIRECTORY + 12)).toBe(P | PS | RW | A | D);
    machine.memory.write32(DIRECTORY + 12, P | PS | RW | 0x20000);
    expect(faultOf(() => mmu.read8(0xc00000))).toEqual([9, 0xc00000]);
    machine.memory.write32(DIRECTORY + 12, P | PS | RW | 0x2000);
    expect(mmu.read8(0xc05678)).toBe(0xff); // 4 GiB + 0x5678: nothing there
  });

  it('never has a fast write entry for code and table frames', () => {
    const { memory, mmu } = machine;
    const writes: [number, number][] = [];
    memory.onCodeWrite = (address, length) => writes.push([address, length]);
    setPte(machine, 0, 0x8000 | P | RW);
    setPte(machine, 1, 0x8000 | P | RW);
    mmu.write8(BASE, 1);
    mmu.write8(BASE + 0x1000, 1);
    const code = memory.machineAddress(0x8000);
    memory.setPageFlag(code >>> 12, PAGE_CODE);
    expect(mmu.writeTlb[0][BASE >>> 12]).toBe(-1);
    expect(mmu.writeTlb[0][(BASE >>> 12) + 1]).toBe(-1);
    mmu.write16(BASE + 2, 5);
    mmu.write32(BASE + 0x1009, 5);
    memory.copyIn(0x8ffe, new Uint8Array(4));
    expect(writes).toEqual([
      [code + 2, 2],
      [code + 9, 4],
      [code + 0xffe, 2],
    ]);
    memory.clearPageFlag(code >>> 12, PAGE_CODE);
    mmu.write8(BASE, 1);
    expect(mmu.writeTlb[0][BASE >>> 12]! & 1).toBe(0);
    expect(writes.length).toBe(3);
  });

  it('drops one page on INVLPG and everything on flush', () => {
    const { mmu } = machine;
    setPte(machine, 0, 0x8000 | P | RW | US);
    setPte(machine, 1, 0x9000 | P | RW | US);
    const fill = () => {
      for (const user of [0, 3]) {
        machine.cpu.r[R_CPL] = user;
        for (const linear of [BASE, BASE + 0x1000]) {
          mmu.write8(linear, 1);
          mmu.fetch(linear);
        }
      }
    };
    const filled = (page: number) =>
      [mmu.readTlb, mmu.writeTlb, mmu.executeTlb].flatMap((pair) =>
        pair.map((table) => (table[page]! & 1) === 0),
      );
    fill();
    mmu.invalidatePage(BASE + 0x123);
    expect(filled(BASE >>> 12)).toEqual(Array(6).fill(false));
    expect(filled((BASE >>> 12) + 1)).toEqual(Array(6).fill(true));
    fill();
    mmu.flush(true);
    expect([...filled(BASE >>> 12), ...filled((BASE >>> 12) + 1)]).toEqual(Array(12).fill(false));
  });
});

describe('PAE paging', () => {
  let machine: Machine;
  const entry = (address: number, low: number, high = 0) => {
    machine.memory.write32(address, low);
    machine.memory.write32(address + 4, high);
  };
  beforeEach(() => {
    machine = createMachine(1 << 20, 5);
    entry(0x1020, 0x2000 | P);
    entry(0x1038, 0x4000 | P);
    entry(0x2000, 0x3000 | P | RW | US);
    enablePaging(machine, 0x1020, { pae: true, nx: true, wp: true });
  });

  it('maps 4 KiB and 2 MiB pages in every gibibyte', () => {
    const { memory, mmu } = machine;
    entry(0x3008, 0x8000 | P | RW);
    mmu.write8(0x1003, 9);
    expect(memory.read8(0x8003)).toBe(9);
    entry(0x4008, P | PS | RW);
    expect(mmu.read8(0xc0208003)).toBe(9);
    mmu.write8(0xc0208003, 8);
    expect(memory.read32(0x4008)).toBe(P | PS | RW | A | D);
    expect(memory.read32(0x3008)).toBe(0x8000 | P | RW | A | D);
    expect(memory.read32(0x2000)).toBe(0x3000 | P | RW | US | A);
    expect(faultOf(() => mmu.read8(0x40000000))).toEqual([0, 0x40000000]);
  });

  it('faults on reserved bits at each level', () => {
    const { cpu, mmu } = machine;
    entry(0x3000, 0x8000 | P, 0x10);
    expect(faultOf(() => mmu.read8(0))).toEqual([9, 0]);
    setUser(machine, true);
    expect(faultOf(() => mmu.write8(0, 1))).toEqual([15, 0]);
    setUser(machine, false);
    entry(0x3000, 0x8000 | P, XD);
    expect(faultOf(() => mmu.read8(0))).toBe(null);
    cpu.efer = 0;
    mmu.controlRegistersChanged();
    expect(faultOf(() => mmu.read8(0))).toEqual([9, 0]);
    expect(faultOf(() => mmu.fetch(0))).toEqual([9, 0]);
    entry(0x2008, 0x2000 | P | PS);
    expect(faultOf(() => mmu.read8(0x200000))).toEqual([9, 0x200000]);
    entry(0x2008, 0x3000 | P, 1 << 20);
    expect(faultOf(() => mmu.read8(0x200000))).toEqual([9, 0x200000]);
  });

  it('does not execute XD pages', () => {
    const { mmu } = machine;
    entry(0x3000, 0x8000 | P | US, XD);
    mmu.read8(0);
    expect(faultOf(() => mmu.fetch(0))).toEqual([17, 0]);
    setUser(machine, true);
    expect(faultOf(() => mmu.fetch(4))).toEqual([21, 4]);
    expect(faultOf(() => mmu.fetch(0x5000))).toEqual([20, 0x5000]);
    entry(0x3000, 0x8000 | P | US);
    expect(faultOf(() => mmu.fetch(0))).toBe(null);
    entry(0x2000, 0x3000 | P | US, XD);
    expect(faultOf(() => mmu.fetch(0))).toEqual([21, 0]);
    expect(mmu.probeFetch(0)).toBe(-1);
  });

  it('reads PDPTEs only when they are loaded and checks their reserved bits', () => {
    const { cpu, mmu } = machine;
    entry(0x3000, 0x8000 | P);
    entry(0x1020, 0);
    expect(faultOf(() => mmu.read8(0))).toBe(null);
    entry(0x1038, 0x4000 | P | RW);
    expect(faultOf(() => mmu.loadCr3(0x1020))).toEqual([0, 0]);
    expect(mmu.loadPdptes()).toBe(false);
    expect(faultOf(() => mmu.read8(0))).toBe(null);
    entry(0x1038, 0x4000 | P);
    mmu.loadCr3(0x1020);
    expect(cpu.cr3).toBe(0x1020);
    expect(faultOf(() => mmu.read8(0))).toEqual([0, 0]);
  });

  it('compares whole directory entries over a CR3 write', () => {
    const { mmu } = machine;
    entry(0x3000, 0x8000 | P);
    entry(0x5020, 0x6000 | P);
    entry(0x6000, 0x3000 | P | RW | US | A, XD);
    mmu.fetch(0);
    mmu.loadCr3(0x5020);
    expect(faultOf(() => mmu.fetch(0))).toEqual([17, 0]);
    mmu.loadCr3(0x1020);
    expect(faultOf(() => mmu.fetch(0))).toBe(null);
  });

  it('sees stores to tables and directories', () => {
    const { memory, mmu } = machine;
    memory.write8(0x9000, 3);
    entry(0x3000, 0x8000 | P);
    mmu.read8(0);
    memory.write8(0x3001, 0x90);
    expect(mmu.read8(0)).toBe(3);
    memory.write32(0x3004, XD);
    expect(faultOf(() => mmu.fetch(0))).toEqual([17, 0]);
    memory.write32(0x2004, 1 << 8);
    expect(faultOf(() => mmu.read8(0))).toEqual([9, 0]);
  });
});

describe('A20, ROM and MMIO', () => {
  it('masks bit 20 of tables and pages', () => {
    const { memory, mmu } = createMachine(4 << 20);
    memory.write8(0x500, 1);
    memory.write8(0x100500, 2);
    expect(mmu.read8(0x100500)).toBe(2);
    memory.setA20(false);
    expect(mmu.read8(0x100500)).toBe(1);
    expect(mmu.read8(0x200500)).toBe(0);
    expect(mmu.fetch(0x100500)).toBe(memory.machineAddress(0x500));
    memory.setA20(true);
    expect(mmu.read8(0x100500)).toBe(2);
  });

  it('ignores writes to ROM and sends MMIO to the bus', () => {
    const { memory, mmu } = createMachine();
    memory.mapRom(0xf0000, new Uint8Array([1, 2, 3]));
    expect(mmu.read8(0xf0001)).toBe(2);
    mmu.write8(0xf0001, 9);
    mmu.write32(0xefffe, -1);
    expect(mmu.read8(0xf0001)).toBe(2);
    expect(memory.read16(0xefffe)).toBe(0xffff);
    const log: unknown[] = [];
    memory.bus = {
      read: (gpa, size) => (log.push(['r', gpa, size]), -1),
      write: (gpa, size, value) => void log.push(['w', gpa, size, value]),
    };
    expect([mmu.read8(0xa0001), mmu.read16(0xb8000), mmu.read32(-4096)]).toEqual([0xff, 0xffff, -1]);
    mmu.write16(0xa0003, 0x1234);
    mmu.write8(0xa0003, 0x56);
    mmu.write32(0x9fffe, 0x44332211);
    expect(memory.read16(0x9fffe)).toBe(0x2211);
    expect(log).toEqual([
      ['r', 0xa0001, 1],
      ['r', 0xb8000, 2],
      ['r', 0xfffff000, 4],
      ['w', 0xa0003, 2, 0x1234],
      ['w', 0xa0003, 1, 0x56],
      ['w', 0xa0000, 1, 0x33],
      ['w', 0xa0001, 1, 0x44],
    ]);
  });
});

describe('prefetch', () => {
  const FIRST = BASE >>> 12;
  let machine: Machine;
  const fast = (page: number): boolean => (machine.mmu.executeTlb[0][page]! & 1) === 0;

  beforeEach(() => {
    machine = createMachine();
    machine.memory.write32(DIRECTORY + 4, TABLE | P | RW | US | A);
    enablePaging(machine, DIRECTORY);
  });

  it('gives a page that was fetched from before its fast entry', () => {
    setPte(machine, 3, 0x5000 | P | US | A);
    expect(machine.mmu.prefetch(BASE + 0x3123)).toBe(true);
    expect(fast(FIRST + 3)).toBe(true);
    expect(machine.mmu.executeTlb[0][FIRST + 3]! ^ (BASE + 0x3123)).toBe(machine.mmu.fetch(BASE + 0x3123));
  });

  it('changes nothing where an accessed bit would have to be set', () => {
    setPte(machine, 3, 0x5000 | P | US);
    expect(machine.mmu.prefetch(BASE + 0x3000)).toBe(false);
    expect(pte(machine, 3)).toBe(0x5000 | P | US);
    setPte(machine, 3, 0x5000 | P | US | A);
    machine.memory.write32(DIRECTORY + 4, TABLE | P | RW | US);
    expect(machine.mmu.prefetch(BASE + 0x3000)).toBe(false);
    expect(machine.memory.read32(DIRECTORY + 4)).toBe(TABLE | P | RW | US);
    expect(fast(FIRST + 3)).toBe(false);
  });

  it('notes no fault where a fetch would fault', () => {
    expect(machine.mmu.prefetch(BASE + 0x3000)).toBe(false);
    setPte(machine, 3, 0x5000 | P | A);
    setUser(machine, true);
    expect(machine.mmu.prefetch(BASE + 0x3000)).toBe(false);
    expect(machine.cpu.r[R_FAULT]).toBe(0);
  });
});
