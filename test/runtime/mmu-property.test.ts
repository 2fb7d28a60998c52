/** Random interleavings of accesses, table stores, CR3 loads and mode changes: the Mmu must agree with a processor that has no TLB. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GuestFault, Vector } from '../../src/runtime/fault.js';
import { PAGE_CODE } from '../../src/runtime/memory.js';
import { CR0, CR4, EFER } from '../../src/runtime/state.js';
import { NaiveProcessor, busByte, type NaiveFault } from './mmu-naive.js';
import { createMachine, setUser, type Machine } from './mmu-support.js';

const RAM_BYTES = 0x108000;
const LINEAR_PAGES = [
  0, 1, 0x200, 0x201, 0x3ff, 0x400, 0x401, 0x600, 0xc0000, 0xc0001, 0xffc00, 0xffc01, 0xfffff,
];
/** 0-7 serve as tables and data, 7 is ROM; then A20's images, MMIO, and nothing. */
const FRAMES = [0, 1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 0x101, 0x102, 0x105, 0xa1, 0xfffff];
const OFFSETS = [0, 4, 8, 0xc, 1, 0x123, 0xffc, 0xffd, 0xfff, 0xff8, 0x800, 0x804, 0x1000 - 2];
const INDICES_32 = [0, 1, 0x200, 0x201, 0x300, 0x3ff];
const INDICES_PAE = [0, 1, 2, 3, 0x1fe, 0x1ff];

const linear = fc
  .tuple(fc.constantFrom(...LINEAR_PAGES), fc.constantFrom(...OFFSETS))
  .map(([page, offset]) => ((page << 12) | offset) >>> 0);
const rarely = fc.integer({ min: 0, max: 7 }).map((n) => n === 0);
const mostly = rarely.map((value) => !value);

/** A page-table or directory entry that is usually useful. */
const entry = fc
  .record({
    frame: fc.constantFrom(...FRAMES),
    present: mostly,
    writable: mostly,
    user: mostly,
    usedBits: fc.constantFrom(0, 0x20, 0x60, 0x40),
    large: rarely,
    global: fc.boolean(),
    noExecute: rarely,
    odd: fc.integer({ min: 0, max: 60 }),
  })
  .map((e) => ({
    low:
      ((e.large && e.odd > 10 ? (e.odd & 1) << 22 : e.frame << 12) |
        Number(e.present) |
        (e.writable ? 2 : 0) |
        (e.user ? 4 : 0) |
        e.usedBits |
        (e.large ? 0x80 : 0) |
        (e.global ? 0x100 : 0)) >>>
      0,
    high: (e.noExecute ? 1 << 31 : 0) | (e.odd === 1 ? 0x10 : 0) | (e.odd === 2 ? 1 : 0),
  }));

const operation = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('read' as const), linear, size: fc.constantFrom(1, 2, 4) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      linear,
      size: fc.constantFrom(1, 2, 4),
      value: fc.oneof(
        entry.map((e) => e.low),
        fc.integer().map((n) => n >>> 0),
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('fetch' as const), linear }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('entry' as const),
      frame: fc.integer({ min: 0, max: 7 }),
      index: fc.integer({ min: 0, max: 5 }),
      entry,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('invlpg' as const), linear }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('cr3' as const), frame: fc.integer({ min: 0, max: 6 }) }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'privilege' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('mode' as const),
      flag: fc.constantFrom('wp', 'pse', 'nx', 'a20', 'pae', 'pg'),
      again: fc.integer({ min: 0, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('code' as const),
      frame: fc.integer({ min: 0, max: 6 }),
      set: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('dma' as const),
      frame: fc.integer({ min: 0, max: 7 }),
      length: fc.constantFrom(3, 16, 4096),
      fill: fc.constantFrom(0, 0x27, 0x67),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('burst' as const), frame: fc.integer({ min: 0, max: 6 }) }),
  },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;
type Mode = Extract<Operation, { kind: 'mode' }>['flag'];

class Pair {
  readonly machine: Machine;
  readonly naive = new NaiveProcessor(RAM_BYTES);
  readonly busWrites: string[] = [];

  constructor(seed: number) {
    this.machine = createMachine(RAM_BYTES, seed);
    const { memory } = this.machine;
    memory.bus = {
      read: (gpa, size) => {
        let value = 0;
        for (let i = 0; i < size; i++) value |= busByte(gpa + i) << (8 * i);
        return value;
      },
      write: (gpa, size, value) => {
        for (let i = 0; i < size; i++) this.busWrites.push(`${gpa + i}:${(value >>> (8 * i)) & 0xff}`);
      },
    };
    memory.mapRom(0x7000, new Uint8Array(4096));
    this.naive.rom.add(7);
    if (seed % 2 === 0) this.#changeMode('pae');
    if (seed % 3 === 0) this.#changeMode('nx');
    this.#buildTables();
    this.#changeMode('pse');
    this.#changeMode('pg');
  }

  run(op: Operation): void {
    const { mmu, memory } = this.machine;
    const { naive } = this;
    if (op.kind === 'read')
      this.#compare(naive.read(op.linear, op.size), () => this.#read(op.linear, op.size) >>> 0);
    else if (op.kind === 'write') this.#write(op.linear, op.size, op.value);
    else if (op.kind === 'fetch') this.#fetch(op.linear);
    else if (op.kind === 'entry') this.#storeEntry(op.frame, op.index, op.entry.low, op.entry.high);
    else if (op.kind === 'invlpg') mmu.invalidatePage(op.linear | 0);
    else if (op.kind === 'cr3') this.#loadCr3(op.frame << 12);
    else if (op.kind === 'privilege') setUser(this.machine, (naive.user = !naive.user));
    else if (op.kind === 'mode') this.#rareMode(op.flag, op.again);
    else if (op.kind === 'code' && op.set)
      memory.setPageFlag(memory.machineAddress(op.frame << 12) >>> 12, PAGE_CODE);
    else if (op.kind === 'code')
      memory.clearPageFlag(memory.machineAddress(op.frame << 12) >>> 12, PAGE_CODE);
    else if (op.kind === 'dma')
      this.#store((op.frame << 12) + 4096 - op.length, new Uint8Array(op.length).fill(op.fill));
    else for (let i = 0; i < 80; i++) this.#store((op.frame << 12) + 0x700 + i, new Uint8Array([i]));
  }

  checkMemory(): void {
    const at = this.machine.memory;
    for (let gpa = 0; gpa < RAM_BYTES; gpa += gpa === 0x7000 ? 0xf9000 : 4096) {
      const same = Buffer.compare(at.copyOut(gpa, 4096), this.naive.ram.subarray(gpa, gpa + 4096)) === 0;
      if (!same) throw new Error(`memory differs in frame ${gpa >>> 12}`);
    }
    expect(this.busWrites).toEqual(this.naive.busWrites);
  }

  /** A start from which most addresses can be reached: every frame is a table full of pointers to the low frames. */
  #buildTables(): void {
    for (let frame = 0; frame < 7; frame++) {
      for (let index = 0; index < 6; index++)
        this.#storeEntry(frame, index, (((frame + index) % 7) << 12) | 7, 0);
    }
  }

  /** In PAE mode eight bytes, otherwise four, at an index that one of the linear addresses uses. */
  #storeEntry(frame: number, index: number, low: number, high: number): void {
    const { pae } = this.naive;
    const at = (frame << 12) + (pae ? INDICES_PAE[index]! * 8 : INDICES_32[index]! * 4);
    const bytes = new DataView(new ArrayBuffer(8));
    bytes.setUint32(0, low, true);
    bytes.setInt32(4, high, true);
    this.#store(at, new Uint8Array(bytes.buffer, 0, pae ? 8 : 4));
  }

  #store(gpa: number, bytes: Uint8Array): void {
    this.machine.memory.copyIn(gpa, bytes);
    bytes.forEach((byte, i) => this.naive.storeByte(gpa + i, byte));
  }

  #loadCr3(value: number): void {
    const { mmu } = this.machine;
    if (this.naive.pae) this.#makePdptes(value);
    const ok = this.naive.loadCr3(value);
    if (ok) mmu.loadCr3(value);
    else expect(() => mmu.loadCr3(value)).toThrow(GuestFault);
  }

  /** Clears the reserved bits of a page-directory-pointer table, except in one of four frames. */
  #makePdptes(table: number): void {
    if (table === 0x3000) return;
    for (let i = 0; i < 4; i++) {
      const frame = this.naive.ram[table + 8 * i + 1]! >>> 4;
      this.#store(table + 8 * i, new Uint8Array([1, (frame % 7) << 4, 0, 0, 0, 0, 0, 0]));
    }
  }

  #rareMode(flag: Mode, again: number): void {
    if ((flag === 'pae' || flag === 'pg') && again !== 0) return;
    this.#changeMode(flag);
  }

  #changeMode(flag: Mode): void {
    const { cpu, memory, mmu } = this.machine;
    const { naive } = this;
    naive[flag] = !naive[flag];
    if (naive.pg && naive.pae) this.#makePdptes(naive.cr3);
    const loads = naive.pg && naive.pae && (flag === 'pae' || flag === 'pg');
    if (flag === 'a20') return memory.setA20(naive.a20);
    if (loads) {
      const ok = naive.loadPdptes(naive.cr3);
      expect(mmu.loadPdptes()).toBe(ok);
      if (!ok) {
        naive[flag] = !naive[flag];
        return;
      }
    }
    cpu.cr0 = CR0.PE | (naive.pg ? CR0.PG : 0) | (naive.wp ? CR0.WP : 0);
    cpu.cr4 = (naive.pse ? CR4.PSE : 0) | (naive.pae ? CR4.PAE : 0);
    cpu.efer = naive.nx ? EFER.NXE : 0;
    mmu.controlRegistersChanged();
  }

  #read(at: number, size: number): number {
    const { mmu } = this.machine;
    if (size === 1) return mmu.read8(at | 0);
    return size === 2 ? mmu.read16(at | 0) : mmu.read32(at | 0);
  }

  #write(at: number, size: number, value: number): void {
    const { mmu } = this.machine;
    this.#compare(this.naive.write(at, size, value), () => {
      if (size === 1) mmu.write8(at | 0, value);
      else if (size === 2) mmu.write16(at | 0, value);
      else mmu.write32(at | 0, value | 0);
    });
  }

  #fetch(at: number): void {
    const { memory, mmu } = this.machine;
    const probed = mmu.probeFetch(at | 0);
    const place = this.naive.fetch(at);
    const ram = typeof place === 'number' && this.naive.isRam(place);
    const expected = typeof place !== 'number' ? place : ram ? memory.machineAddress(place) : -1;
    expect(probed).toBe(typeof expected === 'number' ? expected : -1);
    this.#compare(expected, () => mmu.fetch(at | 0));
  }

  #compare(expected: number | NaiveFault | undefined, action: () => number | void): void {
    try {
      expect(action()).toEqual(expected);
    } catch (error) {
      if (!(error instanceof GuestFault)) throw error;
      expect(error.vector).toBe(Vector.PF);
      expect({ code: error.errorCode, address: error.address >>> 0 }).toEqual(expected);
    }
  }
}

it('agrees with a processor without TLB', () => {
  const runs = Number(process.env['HVM_MMU_RUNS'] ?? 40);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1 << 20 }),
      fc.array(operation, { minLength: 1, maxLength: 600, size: 'max' }),
      (seed, operations) => {
        const pair = new Pair(seed);
        operations.forEach((op, i) => {
          pair.run(op);
          if (i % 16 === 0) pair.checkMemory();
        });
        pair.checkMemory();
      },
    ),
    { numRuns: runs },
  );
}, 120_000);
