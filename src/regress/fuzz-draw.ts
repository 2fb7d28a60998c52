/** Draws cases of the engine fuzzer from a seed, and makes failing ones smaller. */
import { CALM, DRAWN_ROWS, FLAG_USERS, LAYOUT, Loop } from './fuzz-case.js';
import type { FuzzCase, FuzzInstruction, FuzzInterrupt } from './fuzz-case.js';
import { ENVIRONMENTS, Environment, FRAGMENTS } from './fuzz-modes.js';

/** Numbers below a bound. */
export type Random = (below: number) => number;

/** A 32-bit generator (xorshift) that runs the same everywhere. */
export function randomOf(seed: number): Random {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x2545f491) | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Values at which arithmetic turns over, selectors, and addresses with something at them. */
export const VALUES: Readonly<Record<16 | 32, readonly number[]>> = {
  32: [
    0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000,
    0x7fffffff, -0x80000000, -1, -2, 0x3f800000, 0x08, 0x10, 0x1b, 0x23, 0x33, 0x3b, 0x55555555, -0x55555556,
    0x200010, 0x200ff8, 0x200ffd, 0x201ffe, 0x202ff8, 0x202ffe, 0x203010, 0x204000, 0x300100, 0x301fff,
    0x400000, 0x400010, 0x400ff0,
  ],
  16: [
    0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff,
    -0x80000000, -1, 0x08, 0x10, 0x1b, 0x23, 0x33, 0x1000, 0x1008, 0x4000, 0x6ff0, 0x6ffd, 0x7000, 0x8ff8,
    0x9002, 0xfff0, 0xfffd, 0x10010,
  ],
};
/** Addresses that most pointers should start at. */
export const POINTERS: Readonly<Record<16 | 32, readonly number[]>> = {
  32: [0x200100, 0x200ff0, 0x201800, 0x202f80, 0x202ffc, 0x300200, 0x301000, 0x302abd],
  16: [0x100, 0x800, 0xff0, 0x2000, 0x4ffe, 0x6f80, 0x6ffc, 0xff00],
};

function drawValue(random: Random, bits: 16 | 32): number {
  const kind = random(8);
  if (kind < 4) return POINTERS[bits][random(POINTERS[bits].length)]!;
  // Up to the end of a page, where what a translation takes for one place becomes two.
  if (kind === 4) return (POINTERS[bits][random(POINTERS[bits].length)]! | 4095) + 1 - 4 * random(8);
  if (kind < 7) return VALUES[bits][random(VALUES[bits].length)]!;
  return random(0x100000000) | 0;
}
/** Half of them aligned: what lies together does so. */
function drawDisplacement(random: Random, values: readonly number[]): number {
  if (random(4) === 0) return values[random(values.length)]!;
  return random(2) === 0 ? 4 * (random(16) - 8) : random(64) - 32;
}
function drawRow(random: Random, calm: boolean): number {
  const kind = calm ? random(16) : 0;
  if (kind === 0) return random(DRAWN_ROWS.length);
  return kind < 7 ? FLAG_USERS[random(FLAG_USERS.length)]! : CALM[random(CALM.length)]!;
}
/** `calm`: mostly instructions that loops are made of, so that regions run for long. */
function drawInstruction(random: Random, bits: 16 | 32, calm: boolean): FuzzInstruction {
  const values = VALUES[bits];
  return {
    row: drawRow(random, calm),
    prefix: random(16),
    // Now and then a register with itself: equal operands are where comparisons turn over.
    modrm: random(8) === 0 ? 0xc0 + 9 * random(8) : random(256),
    sib: random(256),
    displacement: drawDisplacement(random, values),
    immediate: random(2) === 0 ? values[random(values.length)]! : random(0x100000000) | 0,
  };
}
const listOf = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

/** Status flags, DF, IF, IOPL, NT, AC, now and then TF. */
function drawFlags(random: Random): number {
  let flags = random(0x1000) & 0x8d5;
  if (random(3) === 0) flags |= 0x400;
  if (random(6) === 0) flags |= 0x40000;
  if (random(6) === 0) flags |= random(4) << 12;
  if (random(24) === 0) flags |= 0x100;
  return flags | 0x202;
}
/** Regions only run while the budget covers them, so most steps are large. */
const LARGE_STEPS = [130, 200, 333, 700, 1000];
const ALL_STEPS = [1, 2, 3, 7, 20, 95, 96, 97, ...LARGE_STEPS];

/** Every third case has another mode, or switches, or hardware interrupts; the others are as they were without them. */
function drawModes(seed: number, c: FuzzCase): FuzzCase {
  const random = randomOf(seed ^ 0x2b7e1516);
  if (random(3) !== 0) return c;
  const environment = random(ENVIRONMENTS);
  const sixteen = environment === Environment.REAL || environment === Environment.V86;
  const bits = sixteen ? 16 : c.bits;
  const own = sixteen && c.bits !== 16;
  const calm = random(2) === 0;
  const instructions = own
    ? c.instructions.map(() => drawInstruction(random, bits, calm))
    : [...c.instructions];
  if (environment !== Environment.PLAIN && random(2) === 0) {
    const fragment = { ...drawInstruction(random, bits, true), fragment: random(FRAGMENTS.length) };
    instructions.splice(random(instructions.length + 1), 0, fragment);
  }
  return {
    ...c,
    ...{ bits, environment, instructions },
    cpl:
      environment === Environment.V86 ? 3 : environment === Environment.REAL || random(2) === 0 ? 0 : c.cpl,
    registers: own ? listOf(8, () => drawValue(random, bits)) : c.registers,
    interrupts: drawInterrupts(random, c.budget),
  };
}
function drawInterrupts(random: Random, budget: number): FuzzInterrupt[] {
  const interrupts: FuzzInterrupt[] = [];
  for (let after = random(budget); after < budget && interrupts.length < 6; after += 1 + random(300))
    interrupts.push({ after, vector: 32 + random(random(8) === 0 ? 224 : 16) });
  return random(2) === 0 ? [] : interrupts;
}

export const drawCase = (seed: number): FuzzCase => drawModes(seed, drawPlain(seed));

function drawPlain(seed: number): FuzzCase {
  const random = randomOf(seed);
  const bits = random(3) === 0 ? 16 : 32;
  const calm = random(2) === 0;
  const steps = random(3) === 0 ? ALL_STEPS : LARGE_STEPS;
  return {
    bits,
    cpl: random(4) === 0 ? 0 : 3,
    instructions: listOf(1 + random(12), () => drawInstruction(random, bits, calm)),
    loop: random(8) === 0 ? Loop.NONE : 1 + random(3),
    iterations: 1 + random(60),
    registers: listOf(8, () => drawValue(random, bits)),
    flags: drawFlags(random),
    memory: random(4096),
    fpu: random(2) === 0 ? 0 : 1 + random(4095),
    control: random(16) === 0 ? 1 + random(3) : 0,
    offset: random(8) === 0 ? 4096 - 1 - random(40) : random(4) * 16,
    steps: listOf(1 + random(5), () => steps[random(steps.length)]!),
    budget: 200 + random(1500),
  };
}

/** Simpler variants, the greatest simplifications first. */
export function* smaller(c: FuzzCase): Generator<FuzzCase> {
  const { instructions } = c;
  for (let size = instructions.length >> 1; size >= 1; size >>= 1) {
    for (let i = 0; i + size <= instructions.length; i += size) {
      if (instructions.length > size)
        yield { ...c, instructions: [...instructions.slice(0, i), ...instructions.slice(i + size)] };
    }
  }
  for (let i = 0; i < c.steps.length && c.steps.length > 1; i++)
    yield { ...c, steps: c.steps.filter((_, k) => k !== i) };
  const { interrupts = [] } = c;
  for (let i = 0; i < interrupts.length; i++)
    yield { ...c, interrupts: interrupts.filter((_, k) => k !== i) };
  if (c.environment) yield { ...c, environment: Environment.PLAIN };
  if (c.loop !== Loop.NONE) yield { ...c, loop: Loop.NONE };
  for (const part of ['control', 'fpu', 'memory', 'offset'] as const)
    if (c[part] !== 0) yield { ...c, [part]: 0 };
  if (c.cpl === 0 && c.environment !== Environment.REAL) yield { ...c, cpl: 3 };
  if (c.flags !== 0x202) yield { ...c, flags: 0x202 };
  if (c.budget > 100) yield { ...c, budget: c.budget >> 1 };
  if (c.iterations > 8) yield { ...c, iterations: c.iterations >> 1 };
  yield* simplerRegisters(c);
  yield* simplerInstructions(c);
}
function* simplerRegisters(c: FuzzCase): Generator<FuzzCase> {
  for (const simple of [0, LAYOUT[c.bits].absolute[0]]) {
    for (let i = 0; i < 8; i++) {
      const now = c.registers[i]!;
      if (now !== simple && now !== 0)
        yield { ...c, registers: c.registers.map((v, k) => (k === i ? simple : v)) };
    }
  }
}
function* simplerInstructions(c: FuzzCase): Generator<FuzzCase> {
  for (let n = 0; n < c.instructions.length; n++) {
    const i = c.instructions[n]!;
    const changed = (part: Partial<FuzzInstruction>): FuzzCase => ({
      ...c,
      instructions: c.instructions.map((other, k) => (k === n ? { ...i, ...part } : other)),
    });
    if (i.prefix !== 0) yield changed({ prefix: 0 });
    if (i.displacement !== 0) yield changed({ displacement: 0 });
    if (i.immediate !== 0) yield changed({ immediate: 0 });
    if (i.modrm !== (i.modrm & 0xc7)) yield changed({ modrm: i.modrm & 0xc7 });
  }
}
