/** String helpers against a naive model that moves one byte-exact element at a time, with page holes, overlaps and budgets. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Vector } from '../../src/runtime/fault.js';
import { getEflags, setEflags } from '../../src/runtime/flags.js';
import { HELPERS } from '../../src/runtime/helpers/index.js';
import type { AsmLayout } from '../../src/jit/region/asm-printer.js';
import { STRING_FUNCTIONS, stringFunction } from '../../src/jit/region/string-functions.js';
import { tableAt } from '../../src/runtime/processor-area.js';
import { createStringRuns, type StringRuns } from '../../src/runtime/helpers/string-runs.js';
import { setSegment } from '../../src/runtime/helpers/segments.js';
import {
  CR0,
  EAX,
  ECX,
  EDI,
  EDX,
  EFLAGS,
  ESI,
  PENDING,
  R_BUDGET,
  R_PENDING,
} from '../../src/runtime/state.js';
import { createBench, createProtected, enterRing, faultOf, write32, type Bench } from './helpers-support.js';

const FIRST = 0x10000,
  LAST = 0x14000;
/** This page of the window is missing, the one before is read-only. */
const HOLE = 0x13000;

/** Of the window's pages the first two are neighbours in memory, too, the third is not. */
const FRAME: Record<number, number> = { 0x10000: 0x31000, 0x11000: 0x32000, 0x12000: 0x30000 };

function createPaged(): Bench {
  const bench = createProtected(0);
  const { cpu } = bench;
  write32(bench, 0x40000, 0x41007);
  for (let page = 0; page < 15; page++) write32(bench, 0x41000 + page * 4, (page << 12) | 7);
  for (const [linear, frame] of Object.entries(FRAME))
    write32(bench, 0x41000 + (Number(linear) >>> 12) * 4, frame | (Number(linear) === 0x12000 ? 5 : 7));
  cpu.cr3 = 0x40000;
  cpu.cr0 |= CR0.PG | CR0.WP;
  cpu.mmu.controlRegistersChanged();
  enterRing(bench, 3);
  return bench;
}

type Name = 'movs' | 'stos' | 'lods' | 'scas' | 'cmps';
interface Case {
  name: Name;
  bytes: number;
  rep: number;
  count: number;
  source: number;
  destination: number;
  backward: boolean;
  budget: number;
  fill: number;
  wide: boolean;
}

const place = fc.oneof(
  fc.integer({ min: FIRST, max: LAST - 1 }),
  fc.integer({ min: 0x10fe0, max: 0x11020 }),
  fc.integer({ min: 0x12fe0, max: 0x13020 }),
  fc.integer({ min: 0x10800, max: 0x10820 }),
);
const cases: fc.Arbitrary<Case> = fc.record({
  name: fc.constantFrom<Name>('movs', 'stos', 'lods', 'scas', 'cmps'),
  bytes: fc.constantFrom(1, 2, 4),
  rep: fc.constantFrom(0, 0xf3, 0xf2),
  count: fc.oneof(fc.nat(40), fc.nat(3000)),
  source: place,
  destination: place,
  backward: fc.boolean(),
  budget: fc.oneof(fc.constant(1000000), fc.integer({ min: 1, max: 60 })),
  fill: fc.constantFrom(0, 0x55555555, 0x01020304),
  wide: fc.boolean(),
});

interface Outcome {
  status: number | 'fault';
  cr2: number;
  registers: number[];
  budget: number;
  memory: Uint8Array;
  flags: number;
}

/** The definition, on a plain byte array with page rights. */
class Model {
  readonly memory = new Uint8Array(LAST - FIRST);
  cr2 = 0;
  check(address: number, bytes: number, write: boolean): void {
    for (let i = 0; i < bytes; i++) {
      const at = address + i;
      const bad = at < FIRST || at >= HOLE || (write && at >= 0x12000);
      if (!bad) continue;
      this.cr2 = i === 0 ? address : at & ~0xfff;
      throw new RangeError('fault');
    }
  }
  read(address: number, bytes: number): number {
    this.check(address, bytes, false);
    let value = 0;
    for (let i = bytes - 1; i >= 0; i--) value = value * 256 + this.memory[address - FIRST + i]!;
    return value;
  }
  write(address: number, bytes: number, value: number): void {
    this.check(address, bytes, true);
    for (let i = 0; i < bytes; i++) this.memory[address - FIRST + i] = Math.floor(value / 256 ** i) & 0xff;
  }
}

function comparison(a: number, b: number, bytes: number): number {
  const bits = bytes * 8;
  const full = a - b;
  const result = BigInt.asUintN(bits, BigInt(full));
  const signed = (v: number) => BigInt.asIntN(bits, BigInt(v));
  let ones = 0;
  for (let i = 0n; i < 8n; i++) ones += Number((result >> i) & 1n);
  return (
    (full < 0 ? EFLAGS.CF : 0) |
    (ones % 2 ? 0 : EFLAGS.PF) |
    ((a & 15) < (b & 15) ? EFLAGS.AF : 0) |
    (result === 0n ? EFLAGS.ZF : 0) |
    ((result >> BigInt(bits - 1)) & 1n ? EFLAGS.SF : 0) |
    (signed(a) - signed(b) !== BigInt.asIntN(bits, result) ? EFLAGS.OF : 0)
  );
}

function expected(c: Case, model: Model): Outcome {
  let { source, destination, budget, fill } = c;
  let count = c.rep ? c.count : 1;
  let flags = 0;
  const delta = c.backward ? -c.bytes : c.bytes;
  const low = 256 ** c.bytes;
  let status: Outcome['status'] = 0;
  let done = 0;
  const compares = c.name === 'scas' || c.name === 'cmps';
  try {
    while (count > 0) {
      if (c.name === 'movs') model.write(destination, c.bytes, model.read(source, c.bytes));
      if (c.name === 'stos') model.write(destination, c.bytes, fill % low);
      if (c.name === 'lods') fill = fill - (fill % low) + model.read(source, c.bytes);
      if (c.name === 'scas') flags = comparison(fill % low, model.read(destination, c.bytes), c.bytes);
      if (c.name === 'cmps')
        flags = comparison(model.read(source, c.bytes), model.read(destination, c.bytes), c.bytes);
      if (c.name !== 'stos' && c.name !== 'scas') source += delta;
      if (c.name !== 'lods') destination += delta;
      count--;
      done++;
      const equal = (flags & EFLAGS.ZF) !== 0;
      if (count === 0 || !c.rep || (compares && equal === (c.rep === 0xf2))) break;
      if (done >= c.budget) {
        status = 1;
        break;
      }
    }
    budget -= Math.max(done, 1) - 1;
  } catch {
    status = 'fault';
    budget -= done;
  }
  const remaining = c.rep ? count : c.count;
  return {
    status,
    cr2: model.cr2,
    registers: [fill | 0, remaining, source, destination],
    budget,
    memory: model.memory,
    flags,
  };
}

function seed(bench: Bench, model: Model, c: Case): void {
  // Long runs of equal bytes make SCAS and CMPS go on for a while.
  for (let i = 0; i < model.memory.length; i++) model.memory[i] = (i >> 6) % 3 ? 0x55 : c.wide ? i * 37 : 0;
  for (const [linear, frame] of Object.entries(FRAME))
    bench.memory.copyIn(frame, model.memory.slice(Number(linear) - FIRST, Number(linear) - FIRST + 0x1000));
  model.memory.fill(0, HOLE - FIRST);
}

/** As much as a region does of the instruction by itself; false if something is left to do. */
function runsInRegion({ cpu }: Bench, runs: StringRuns, c: Case): boolean {
  const { r } = cpu;
  const shift = c.bytes >> 1;
  const limit = c.budget - 1;
  const whileEqual = c.rep === 0xf3;
  const stays = whileEqual ? 1 : 0;
  const low = c.bytes === 4 ? c.fill : c.fill & (256 ** c.bytes - 1);
  let done: number;
  if (c.name === 'movs') done = runs.moveRun(c.source, c.destination, c.count, limit, shift);
  else if (c.name === 'stos') done = runs.storeRun(c.destination, c.count, limit, shift, c.fill);
  else if (c.name === 'scas') done = runs.scanRun(c.destination, c.count, limit, shift, low, stays);
  else done = runs.compareRun(c.source, c.destination, c.count, limit, shift, stays);
  const compares = c.name === 'scas' || c.name === 'cmps';
  const equal = (getEflags(cpu) & EFLAGS.ZF) !== 0;
  if (c.name === 'movs' || c.name === 'cmps') r[ESI] = c.source + done * c.bytes;
  r[EDI] = c.destination + done * c.bytes;
  r[ECX] = c.count - done;
  r[R_BUDGET] = c.budget - done;
  const finished = r[ECX] === 0 || (compares && done > 0 && equal !== whileEqual);
  if (finished && done > 0) r[R_BUDGET] = c.budget - done + 1;
  return finished;
}
function actual(bench: Bench, c: Case, runs?: StringRuns): Outcome {
  const { cpu } = bench;
  const { r } = cpu;
  setEflags(cpu, c.backward ? EFLAGS.DF : 0, 0xcd5);
  setEflags(cpu, c.backward ? EFLAGS.DF : 0, EFLAGS.DF);
  [r[EAX], r[ECX], r[ESI], r[EDI], r[R_BUDGET], r[R_PENDING]] = [
    c.fill,
    c.count,
    c.source,
    c.destination,
    c.budget,
    0,
  ];
  let status: Outcome['status'] = 'fault';
  let cr2 = 0;
  try {
    if (runs && c.rep !== 0 && !c.backward && c.name !== 'lods' && runsInRegion(bench, runs, c)) status = 0;
    else if (c.name === 'stos' || c.name === 'scas') status = HELPERS[c.name](cpu, c.bytes * 8, 32, c.rep);
    else status = HELPERS[c.name](cpu, c.bytes * 8, 32, 3, c.rep);
  } catch (error) {
    cr2 = (error as { address: number }).address;
  }
  const memory = new Uint8Array(LAST - FIRST);
  for (const [linear, frame] of Object.entries(FRAME))
    memory.set(bench.memory.copyOut(frame, 0x1000), Number(linear) - FIRST);
  const flags = getEflags(cpu) & 0x8d5;
  return {
    status,
    cr2,
    registers: [r[EAX]!, r[ECX]!, r[ESI]!, r[EDI]!],
    budget: r[R_BUDGET]!,
    memory,
    flags,
  };
}

describe('string instructions', () => {
  it('agree with the naive model, faults, overlaps and budgets included', () => {
    const bench = createPaged();
    const seen = { fault: 0, stopped: 0, long: 0 };
    const property = fc.property(cases, (c) => {
      const model = new Model();
      seed(bench, model, c);
      const want = expected(c, model);
      const got = actual(bench, c);
      seen.fault += want.status === 'fault' ? 1 : 0;
      seen.stopped += want.status === 1 ? 1 : 0;
      seen.long += c.budget - want.budget > 100 ? 1 : 0;
      expect({ ...got, memory: 0 }).toEqual({ ...want, memory: 0 });
      expect(Buffer.compare(got.memory, want.memory)).toBe(0);
    });
    fc.assert(property, { numRuns: 3000 });
    expect(Math.min(seen.fault, seen.stopped, seen.long)).toBeGreaterThan(50);
  });

  it('agree with it where a region runs them as far as it can', () => {
    const bench = createPaged();
    const runs = createStringRuns(bench.cpu, bench.memory);
    const property = fc.property(cases, (c) => {
      const model = new Model();
      seed(bench, model, c);
      const want = expected(c, model);
      const got = actual(bench, c, runs);
      expect({ ...got, memory: 0 }).toEqual({ ...want, memory: 0 });
      expect(Buffer.compare(got.memory, want.memory)).toBe(0);
    });
    fc.assert(property, { numRuns: 4000 });
  });

  it('agree with it where a region that was compiled ahead of time does', () => {
    const bench = createPaged();
    const { cpu, memory } = bench;
    const { processor: area } = memory;
    const layout: AsmLayout = {
      buffer: area.buffer,
      r: area.registers,
      RT: tableAt(area, false, 1),
      WT: tableAt(area, true, 1),
      system: 0,
      attributes: 0,
      selectors: 0,
      ring: 0,
      xmm: 0,
      mxcsr: 0,
      xi: 0,
      xd: 0,
    };
    const long = createStringRuns(cpu, memory);
    const runs = Object.fromEntries(
      STRING_FUNCTIONS.map((name) => [name, stringFunction(name, layout, long)]),
    ) as unknown as StringRuns;
    const property = fc.property(cases, (c) => {
      const model = new Model();
      seed(bench, model, c);
      const want = expected(c, model);
      const got = actual(bench, c, runs);
      expect({ ...got, memory: 0 }).toEqual({ ...want, memory: 0 });
      expect(Buffer.compare(got.memory, want.memory)).toBe(0);
    });
    fc.assert(property, { numRuns: 4000 });
  });

  it('wrap 16-bit addresses and leave high register halves alone', () => {
    const { cpu } = createBench();
    const { r } = cpu;
    for (let i = 0; i < 6; i++) setSegment(cpu, i, 0, 0, 0xffff, 0x93);
    [r[EAX], r[ECX], r[EDI]] = [0xab, 0x99990004, 0x7777fffe];
    expect(HELPERS.stos(cpu, 8, 16, 0xf3)).toBe(0);
    expect([r[ECX], r[EDI]]).toEqual([0x99990000 | 0, 0x77770002]);
    expect([0xfffe, 0xffff, 0, 1].map((a) => cpu.mmu.read8(a))).toEqual([0xab, 0xab, 0xab, 0xab]);
  });

  it('stop at the segment limit with the completed iterations kept', () => {
    const bench = createProtected(0);
    const { cpu } = bench;
    setSegment(cpu, 0, 0x10, 0x6000, 0x0f, 0x4093);
    [cpu.r[EAX], cpu.r[ECX], cpu.r[EDI], cpu.r[R_PENDING]] = [-1, 10, 0, 0];
    expect(faultOf(() => HELPERS.stos(cpu, 32, 32, 0xf3))).toEqual([Vector.GP, 0]);
    expect([cpu.r[ECX], cpu.r[EDI]]).toEqual([6, 16]);
  });

  it('INS reads the port only when the destination can be written', () => {
    const bench = createPaged();
    const { cpu } = bench;
    setEflags(cpu, EFLAGS.IOPL, EFLAGS.IOPL);
    bench.portValue = 0x77;
    [cpu.r[EDX], cpu.r[ECX], cpu.r[EDI]] = [0x1f0, 3, 0x11ffe];
    expect(faultOf(() => HELPERS.ins(cpu, 8, 32, 0xf3))).toEqual([Vector.PF, 7]);
    expect(bench.ports.length).toBe(2);
    expect([cpu.r[ECX], cpu.r[EDI]]).toEqual([1, 0x12000]);
  });

  it('OUTS stops after an iteration that makes something pending', () => {
    const bench = createProtected(0);
    const { cpu } = bench;
    const { writePort } = cpu.environment;
    cpu.environment.writePort = (port, size, value) => {
      writePort(port, size, value);
      if (bench.ports.length === 2) cpu.r[R_PENDING]! |= PENDING.INTERRUPT;
    };
    cpu.mmu.write32(0x6000, 0x04030201);
    [cpu.r[EDX], cpu.r[ECX], cpu.r[ESI], cpu.r[R_BUDGET]] = [0x80, 4, 0x6000, 100];
    expect(HELPERS.outs(cpu, 8, 32, 3, 0xf3)).toBe(1);
    expect([cpu.r[ECX], cpu.r[ESI], cpu.r[R_BUDGET]]).toEqual([2, 0x6002, 99]);
    expect(bench.ports).toEqual([
      ['out', 0x80, 1, 1],
      ['out', 0x80, 1, 2],
    ]);
  });
});
