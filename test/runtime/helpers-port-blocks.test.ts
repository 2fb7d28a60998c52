/** REP INS and OUTS against a device that moves blocks: the same registers, memory and budget as one by one. */
import { beforeEach, describe, expect, it } from 'vitest';
import { HELPERS } from '../../src/runtime/helpers/index.js';
import { CR0, CR4, ECX, EDI, EDX, EFLAGS, ESI, R_BUDGET, R_CPL, R_EFLAGS } from '../../src/runtime/state.js';
import { createBench, type Bench } from './helpers-support.js';

const REP = 0xf3;
const DS = 3;
let bench: Bench;
let blocks: number[][];
/** Elements until the device wants to be asked again. */
let quiet: number;

/** A device that counts up, in blocks or one by one. */
function attach(withBlocks: boolean): Bench {
  const made = createBench();
  const { cpu, memory } = made;
  let next = 1;
  cpu.environment.readPort = () => next++ & 0xff;
  cpu.environment.writePort = (port, size, value) => void made.ports.push(['out', port, size, value]);
  if (withBlocks) {
    cpu.environment.readPorts = (port, size, machine, count) => {
      const moved = Math.min(quiet, count);
      blocks.push([port, size, moved]);
      for (let i = 0; i < moved; i++) memory.u8.set([next++], machine + i * size);
      return moved;
    };
    cpu.environment.writePorts = (port, size, machine, count) => {
      const moved = Math.min(quiet, count);
      blocks.push([port, size, moved]);
      for (let i = 0; i < moved; i++) made.ports.push(['out', port, size, memory.u8[machine + i * size]!]);
      return moved;
    };
  }
  cpu.r[EDX] = 0x1f0;
  cpu.r[ECX] = 300;
  // Fast entries of the pages are there, as after any access before.
  for (const page of [0x4000, 0x5000]) cpu.mmu.write8(page, 0);
  return made;
}
function ins(on: Bench): number {
  on.cpu.r[EDI] = 0x4ff0;
  return HELPERS.ins(on.cpu, 16, 32, REP);
}

beforeEach(() => {
  blocks = [];
  quiet = 1000;
  bench = attach(true);
});

const outcome = ({ cpu, memory }: Bench): unknown => [
  [...cpu.r.subarray(0, 8)],
  cpu.r[R_BUDGET],
  [...memory.copyOut(0x4000, 0x2000)],
];

describe('REP INS', () => {
  it('is one request a page and leaves what single reads leave', () => {
    const single = attach(false);
    expect([ins(bench), ins(single)]).toEqual([0, 0]);
    expect(blocks).toEqual([
      [0x1f0, 2, 8],
      [0x1f0, 2, 292],
    ]);
    expect(outcome(bench)).toEqual(outcome(single));
  });
  it('stops where the device stops and at the end of the budget', () => {
    quiet = 5;
    bench.cpu.r[R_BUDGET] = 13;
    expect(ins(bench)).toBe(1);
    expect(blocks.map(([, , moved]) => moved)).toEqual([5, 3, 5]);
    expect([bench.cpu.r[ECX], bench.cpu.r[EDI], bench.cpu.r[R_BUDGET]]).toEqual([287, 0x4ff0 + 26, 1]);
  });
  it('goes one by one downwards, where a bitmap decides, and while breakpoints watch ports', () => {
    const cases: ((cpu: Bench['cpu']) => void)[] = [
      (cpu) => (cpu.r[R_EFLAGS]! |= EFLAGS.DF),
      (cpu) => {
        cpu.dr[7] = 1;
        cpu.cr4 = CR4.DE;
      },
    ];
    for (const prepare of cases) {
      bench = attach(true);
      prepare(bench.cpu);
      expect(ins(bench)).toBe(0);
    }
    bench.cpu.cr0 |= CR0.PE;
    bench.cpu.r[R_CPL] = 3;
    expect(() => ins(bench)).toThrow();
    expect(blocks).toEqual([]);
  });
});

it('REP OUTS hands over what lies in memory', () => {
  bench.memory.copyIn(0x4000, Uint8Array.of(7, 8, 9));
  bench.cpu.r[ESI] = 0x4000;
  bench.cpu.r[ECX] = 3;
  expect(HELPERS.outs(bench.cpu, 8, 32, DS, REP)).toBe(0);
  expect(blocks).toEqual([[0x1f0, 1, 3]]);
  expect(bench.ports.map(([, , , value]) => value)).toEqual([7, 8, 9]);
});
