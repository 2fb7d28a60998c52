/** Cases of the engine fuzzer as a fast-check arbitrary, which finds the smallest failing case by itself. */
import fc from 'fast-check';
import { DRAWN_ROWS } from '../../src/regress/fuzz-case.js';
import type { FuzzCase, FuzzInstruction } from '../../src/regress/fuzz-case.js';
import { POINTERS, VALUES } from '../../src/regress/fuzz-draw.js';

const word = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const below = (n: number): fc.Arbitrary<number> => fc.nat(n - 1);
const value = (bits: 16 | 32): fc.Arbitrary<number> =>
  fc.oneof(fc.constantFrom(...POINTERS[bits]), fc.constantFrom(...VALUES[bits]), word);

export const instruction = (bits: 16 | 32): fc.Arbitrary<FuzzInstruction> =>
  fc.record({
    row: below(DRAWN_ROWS.length),
    prefix: below(16),
    modrm: below(256),
    sib: below(256),
    displacement: fc.oneof(fc.integer({ min: -32, max: 31 }), fc.constantFrom(...VALUES[bits])),
    immediate: fc.oneof(fc.constantFrom(...VALUES[bits]), word),
  });

export const fuzzCase = fc.constantFrom<16 | 32>(32, 32, 16).chain((bits) =>
  fc.record<FuzzCase>({
    bits: fc.constant(bits),
    cpl: fc.constantFrom<0 | 3>(3, 3, 3, 0),
    instructions: fc.array(instruction(bits), { minLength: 1, maxLength: 12 }),
    loop: below(4),
    iterations: fc.integer({ min: 1, max: 60 }),
    registers: fc.array(value(bits), { minLength: 8, maxLength: 8 }),
    flags: fc.nat(0x8ff).map((bitsSet) => (bitsSet & 0x8d5) | 0x202),
    memory: below(4096),
    fpu: below(4096),
    control: fc.constantFrom(0, 0, 0, 0, 0, 1, 2, 3),
    offset: fc.oneof(fc.constant(0), fc.integer({ min: 4056, max: 4095 })),
    steps: fc.array(fc.constantFrom(1, 2, 7, 95, 96, 130, 333, 700), { minLength: 1, maxLength: 4 }),
    budget: fc.integer({ min: 100, max: 800 }),
  }),
);
