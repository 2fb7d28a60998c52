/** Devices write guest memory while the code or the page table they hit is in use: every engine sees it at the next instruction. */
import { describe, expect, it } from 'vitest';
import { elf } from '../firmware/images.js';
import { load } from '../fuzz/native.mjs';

const { Machine, SerialLine } = await load<typeof import('../../src/machine.js')>('machine.js');
const { createEngine } = await load<typeof import('../../src/jit/engines.js')>('jit/engines.js');

const ENGINES = ['evaluator', 'interpreter', 'jit'] as const;
const ROUNDS = 6000;
/** The round in which the device writes; the loop has long been translated. */
const STRIKE = 4000;
const CODE = 0x100000;
const EAX = 0,
  EBX = 3;

type Guest = InstanceType<typeof Machine>;
interface Outcome {
  readonly engine: string;
  readonly registers: readonly number[];
  readonly instructions: number;
  /** Whether a translated region was on the stack at the strike. */
  readonly insideRegion: boolean;
  readonly statistics: {
    readonly regionInstructions: number;
    readonly codeCache: { readonly invalidations: Readonly<Record<string, number>> };
  };
}

const int32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const movEcx = [0xb9, ...int32(ROUNDS)];
const out = (port: number): number[] => [0xe6, port];
const end = out(0xf4);
const addEbx = (value: number): number[] => [0x83, 0xc3, value];
/** DEC ECX, JNZ to `bytes` before its own start. */
const loopBack = (bytes: number): number[] => [0x49, 0x75, -(bytes + 3) & 0xff];

/** Regions name themselves in stack traces (jit/region/compile.ts). */
function inRegion(): boolean {
  Error.stackTraceLimit = 50;
  return /\bregion-[0-9a-f]+-\d+\.js/.test(new Error().stack ?? '');
}

/** Runs the code; `strike` is called in the given round, in the middle of the OUT or MMIO store that the loop makes. */
function run(engine: (typeof ENGINES)[number], code: readonly number[], strike: Strike, at = CODE): Outcome {
  let round = 0;
  let insideRegion = false;
  const machine: Guest = new Machine({
    memoryBytes: 16 << 20,
    clock: 'virtual',
    serial: new SerialLine(() => undefined),
    debugExit: true,
    debugConsole: () => touched(),
    scatter: 3,
    createEngine: createEngine(engine, { heatThreshold: 2, train: false }),
  });
  const touched = (): void => {
    if (++round !== STRIKE) return;
    insideRegion = inRegion();
    strike(machine);
  };
  machine.loadKernel(elf(at, [{ physical: at, bytes: Uint8Array.from(code) }]));
  // What comes to video memory before the guest runs is not the guest's.
  const { bus } = machine.memory;
  machine.memory.bus = {
    read: (address, size) => bus.read(address, size),
    write: (address, size, value) => (touched(), bus.write(address, size, value)),
  };
  expect(machine.runSlice(10_000_000)).toMatchObject({ ended: { kind: 'debug-exit' } });
  const statistics = machine.engine.statistics() as Outcome['statistics'];
  const registers = [...machine.cpu.r.subarray(0, 8)];
  return { engine, registers, instructions: machine.instructionsRetired, insideRegion, statistics };
}
type Strike = (machine: Guest) => void;

/** EBX at the end, the same in all engines, with the same number of instructions; the JIT was inside a region. */
function expectSum(sum: number, code: readonly number[], strike: Strike, at = CODE): Outcome {
  const outcomes = ENGINES.map((engine) => run(engine, code, strike, at));
  expect(outcomes.map(({ engine, registers }) => [engine, registers[EBX]])).toEqual(
    ENGINES.map((engine) => [engine, sum]),
  );
  const [evaluator, interpreter, jit] = outcomes as [Outcome, Outcome, Outcome];
  expect(interpreter.registers).toEqual(evaluator.registers);
  expect(jit.registers).toEqual(evaluator.registers);
  expect([interpreter.instructions, jit.instructions]).toEqual(Array(2).fill(evaluator.instructions));
  expect(outcomes.map(({ insideRegion }) => insideRegion)).toEqual([false, false, true]);
  expect(jit.statistics.regionInstructions).toBeGreaterThan(jit.instructions / 2);
  return jit;
}

const copyIn =
  (address: number, ...bytes: number[]): Strike =>
  (machine) =>
    machine.memory.copyIn(address, Uint8Array.from(bytes));

describe('a port write makes a device store into the running region', () => {
  /** MOV ECX; again: OUT E9; ADD EBX, 1; DEC ECX; JNZ again; OUT F4. */
  const code = [...movEcx, ...out(0xe9), ...addEbx(1), ...loopBack(5), ...end];
  const addition = CODE + movEcx.length + 2;

  it('ahead: the very next instruction is the new one', () => {
    const jit = expectSum(STRIKE - 1 + 2 * (ROUNDS - STRIKE + 1), code, copyIn(addition + 2, 2));
    expect(jit.statistics.codeCache.invalidations['store into a region']).toBeGreaterThan(0);
  });
  it('ahead, by single bytes and by words', () => {
    const word: Strike = ({ memory }) => memory.write32(addition, 0x4905c383);
    expectSum(STRIKE - 1 + 5 * (ROUNDS - STRIKE + 1), code, word);
    const byte: Strike = ({ memory }) => memory.write8(addition + 1, 0xeb); // SUB EBX, 1
    expectSum(STRIKE - 1 - (ROUNDS - STRIKE + 1), code, byte);
  });
  it('a whole page: the loop is another one from the next instruction on', () => {
    const page = new Uint8Array(4096).fill(0x90);
    // Where the addition was: ADD EBX, 7 and the end.
    page.set([...addEbx(7), ...end], addition & 0xfff);
    const jit = expectSum(STRIKE - 1 + 7, code, ({ memory }) => memory.copyIn(CODE, page));
    expect(jit.instructions).toBe(1 + 4 * (STRIKE - 1) + 3);
  });
  it('behind: from the next round on', () => {
    const before = [...movEcx, ...addEbx(1), ...out(0xe9), ...loopBack(5), ...end];
    expectSum(STRIKE + 3 * (ROUNDS - STRIKE), before, copyIn(CODE + movEcx.length + 2, 3));
  });
  it('on the second page of a region, in an instruction that lies on both', () => {
    // ADD EBX, imm8 begins two bytes before the page's end.
    const at = CODE + 0x1000 - movEcx.length - 4;
    expectSum(STRIKE - 1 + 2 * (ROUNDS - STRIKE + 1), code, copyIn(CODE + 0x1000, 2), at);
  });
  it('beside the code: nothing changes', () => {
    const jit = expectSum(ROUNDS, code, copyIn(CODE + 0x800, 1, 2, 3));
    expect(jit.statistics.codeCache.invalidations['store into a region']).toBeUndefined();
  });
});

describe('a store to MMIO makes a device store into the running region', () => {
  /** MOV ECX; again: MOV [E8000000], ECX; ADD EBX, 1; DEC ECX; JNZ again; OUT F4. Stores to video memory may wait. */
  const store = [0x89, 0x0d, ...int32(0xe8000000)];
  const code = [...movEcx, ...store, ...addEbx(1), ...loopBack(9), ...end];
  it('the very next instruction is the new one', () => {
    const immediate = CODE + movEcx.length + store.length + 2;
    expectSum(STRIKE - 1 + 2 * (ROUNDS - STRIKE + 1), code, copyIn(immediate, 2));
  });
});

describe('a port write makes a device store into', () => {
  it('data that the running region reads', () => {
    // MOV ECX; again: OUT E9; ADD EBX, [300000]; DEC ECX; JNZ again; OUT F4.
    const code = [...movEcx, ...out(0xe9), 0x03, 0x1d, ...int32(0x300000), ...loopBack(8), ...end];
    expectSum(9 * (ROUNDS - STRIKE + 1), code, copyIn(0x300000, 9));
  });
  it('the page directory that maps what the running region reads', () => {
    const DIRECTORY = 0x200000,
      FIRST = 0x400000,
      SECOND = 0x800000;
    const PRESENT_LARGE = 0x83;
    const poke = (address: number, value: number): number[] => [
      0xc7,
      0x05,
      ...int32(address),
      ...int32(value),
    ];
    const paging = [
      ...poke(DIRECTORY, PRESENT_LARGE),
      ...poke(DIRECTORY + 4, FIRST | PRESENT_LARGE),
      ...poke(FIRST, 1),
      ...poke(SECOND, 100),
      ...[0xb8, ...int32(DIRECTORY), 0x0f, 0x22, 0xd8], // MOV EAX; MOV CR3, EAX
      ...[0xb8, ...int32(0x10), 0x0f, 0x22, 0xe0], // CR4.PSE
      ...[0xb8, ...int32(0x80000001 | 0), 0x0f, 0x22, 0xc0], // CR0.PG, CR0.PE
    ];
    const sum = [...movEcx, ...out(0xe9), 0x03, 0x1d, ...int32(FIRST), ...loopBack(8), ...end];
    const remap: Strike = ({ memory }) => memory.write32(DIRECTORY + 4, SECOND | PRESENT_LARGE);
    expectSum(STRIKE - 1 + 100 * (ROUNDS - STRIKE + 1), [...paging, ...sum], remap);
  });
});

describe('a device store in the middle of REP OUTS', () => {
  it('changes what the rest of the string and the next instruction are', () => {
    // Outer: MOV ESI; MOV EDI, ECX; MOV ECX, 4; REP OUTSB; ADD EBX, 1; MOV ECX, EDI; DEC ECX; JNZ; the port is DX.
    const outs = [0xbe, ...int32(0x300000), 0x89, 0xcf, 0xb9, ...int32(4), 0xf3, 0x6e];
    const code = [
      ...[0xba, ...int32(0xe9)],
      ...movEcx,
      ...outs,
      ...addEbx(1),
      ...[0x89, 0xf9],
      ...loopBack(outs.length + 5),
      ...end,
    ];
    const immediate = CODE + 10 + outs.length + 2;
    // Four bytes a round: the strike is in round STRIKE / 4, at its last byte.
    const expected = STRIKE / 4 - 1 + 2 * (ROUNDS - STRIKE / 4 + 1);
    const outcomes = ENGINES.map((engine) => run(engine, code, copyIn(immediate, 2)));
    expect(outcomes.map(({ registers }) => registers[EBX])).toEqual(Array(3).fill(expected));
    expect(new Set(outcomes.map(({ instructions }) => instructions)).size).toBe(1);
    expect(outcomes.map(({ registers }) => registers[EAX])).toEqual(Array(3).fill(0));
  });
});
