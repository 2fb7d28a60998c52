/**
 * Short ways of SSE instructions against the helpers: random straight runs on random and special operands, in the evaluator and in a region, must
 * leave the same registers, MXCSR, flags, memory and fault. Each run goes twice: leaving where a short way ends, and calling the helper there.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { load } from '../fuzz/native.mjs';

const { decode } = await load<typeof import('../../src/decoder/decode.js')>('decoder/decode.js');
const { hasShortWay } = await load<typeof import('../../src/jit/emit/vector.js')>('jit/emit/vector.js');
const { createEngine } = await load<typeof import('../../src/jit/engines.js')>('jit/engines.js');
const { getStatusFlags } = await load<typeof import('../../src/runtime/flags.js')>('runtime/flags.js');
const { PENDING } = await load<typeof import('../../src/runtime/state.js')>('runtime/state.js');
const { HANDLERS, VectorMachine } =
  await load<typeof import('../../src/jit/vector-machine.js')>('jit/vector-machine.js');

const CODE = 0x400000,
  DATA = 0x300000,
  DATA_BYTES = 256;
const R_EIP = 16,
  R_BUDGET = 22,
  R_PENDING = 23;
const RUNS = Number(process.env.RUNS ?? 300);

const PREFIXES = [[], [0x66], [0xf2], [0xf3]];
const OPCODES = [
  ...[0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x28, 0x29, 0x2a, 0x2c, 0x2d, 0x2e, 0x2f],
  ...Array.from({ length: 0x30 }, (_, i) => 0x50 + i),
  ...[0xc2, 0xc4, 0xc5, 0xc6],
  ...Array.from({ length: 0x30 }, (_, i) => 0xd0 + i),
];

/** The bytes of an instruction with a short way, or undefined. Memory operands are at ESI + displacement. */
function encode(prefix: number, opcode: number, modrm: number, displacement: number, immediate: number) {
  const registers = modrm >= 0xc0;
  const byte = registers ? modrm : (modrm & 0x38) | 0x46;
  const tail = registers ? [immediate] : [displacement, immediate];
  const bytes = [...PREFIXES[prefix]!, 0x0f, opcode, byte, ...tail];
  const instruction = decode(Uint8Array.from([...bytes, 0, 0, 0, 0]), 0, bytes.length + 4, 32);
  if (typeof instruction === 'number' || !hasShortWay(instruction.mnemonic)) return undefined;
  return bytes.slice(0, instruction.length);
}
const instructions = fc
  .tuple(
    fc.nat(3),
    fc.constantFrom(...OPCODES),
    fc.nat(255),
    fc.oneof({ weight: 4, arbitrary: fc.nat(7).map((n) => 16 * n) }, fc.nat(120)),
    fc.nat(255),
  )
  .map((parts) => encode(...parts))
  .filter((bytes) => bytes !== undefined);

const DOUBLES = [0, -0, 1, -1.5, 3, 1e300, -1e-300, 2 ** -1022, 2 ** -1023, Infinity, -Infinity, NaN, 0.1, 2 ** 53, -2147483648, 2147483647.5, 1e-160, 5e-324]; // prettier-ignore
const words = fc.oneof(
  fc.double({ noDefaultInfinity: true, noNaN: true, min: -1e6, max: 1e6 }).map((x) => [...new Int32Array(Float64Array.of(x).buffer)]),
  fc.constantFrom(...DOUBLES).map((x) => [...new Int32Array(Float64Array.of(x).buffer)]),
  fc.tuple(fc.constantFrom(...DOUBLES), fc.constantFrom(1, 3.25, -7, 2 ** 24 + 1)).map((x) => [...new Int32Array(Float32Array.from(x).buffer)]),
  fc.tuple(fc.integer(), fc.integer()),
  fc.constantFrom([-1, -1], [-1, 0x7fffffff], [0, -0x80000000], [1, 0x7ff00000], [0x7fa00000, 5], [7, -1], [0, 0], [1, 0x80000]),
); // prettier-ignore
const state = fc.record({
  xmm: fc.array(words, { minLength: 16, maxLength: 16 }),
  data: fc.array(words, { minLength: 32, maxLength: 32 }),
  general: fc.array(fc.integer(), { minLength: 8, maxLength: 8 }),
  mxcsr: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(0x1f80, 0x1fa0, 0x1fbf) },
    fc.constantFrom(0x9fc0, 0x3f80, 0x5fa0, 0x0f80, 0x1f00, 0x1fe0, 0x9fa0),
  ),
});
type State = typeof state extends fc.Arbitrary<infer T> ? T : never;

class Bench {
  private readonly machine = new VectorMachine(32);
  private readonly engine;
  constructor(name: 'evaluator' | 'jit', completeAccesses: boolean) {
    this.machine.enterUser();
    // Handlers stop at once, so that nothing outside what is compared is changed, and EIP says which was called.
    this.machine.memory.copyIn(HANDLERS, new Uint8Array(256).fill(0xf4));
    this.engine = createEngine(name, { completeAccesses, train: false })(
      this.machine.cpu,
      this.machine.memory,
    );
  }
  private prepare(s: State): void {
    const { cpu, memory } = this.machine;
    this.machine.enterUser();
    cpu.fpu.reset();
    s.xmm.flat().forEach((word, i) => (cpu.fpu.xmm[i] = word));
    s.data.flat().forEach((word, i) => memory.write32(DATA + 4 * i, word));
    s.general.forEach((value, i) => (cpu.r[i] = value));
    cpu.r[R_PENDING]! &= ~PENDING.EXIT;
    cpu.r[6] = DATA;
    cpu.r[4] = 0x202000;
    cpu.fpu.mxcsr = s.mxcsr;
    cpu.r[R_EIP] = CODE;
    this.engine.synchronize();
  }
  private runFor(count: number): void {
    const { r } = this.machine.cpu;
    r[R_BUDGET] = count;
    this.engine.run();
  }
  /** What `count` instructions of `code` leave behind; translated first if the engine does. */
  outcome(code: number[], count: number, s: State, translates: boolean): object {
    const { cpu, memory } = this.machine;
    memory.copyIn(CODE, Uint8Array.from([...code, 0xeb, 0xfe]));
    if (translates) {
      this.prepare(s);
      this.runFor(count);
      this.prepare(s);
      this.engine.translate();
      // Enough budget to enter the region: the loop behind the run burns the rest.
      this.runFor(count + 200);
    } else {
      this.prepare(s);
      this.runFor(count + 200);
    }
    const { fpu } = cpu;
    return {
      eip: cpu.r[R_EIP],
      general: [...cpu.r.subarray(0, 8)],
      xmm: [...fpu.xmm.subarray(0, 32)],
      mxcsr: fpu.mxcsr.toString(16),
      flags: getStatusFlags(cpu),
      data: [...memory.u8.subarray(DATA, DATA + DATA_BYTES)],
    };
  }
}

const bytesOf = (list: readonly number[][]): number[] => list.flat();
/** ECX counts, ESI points: instructions that leave them alone. */
const keepsPointers = (bytes: number[]): boolean => {
  const instruction = decode(Uint8Array.from([...bytes, 0, 0, 0, 0]), 0, bytes.length + 4, 32);
  if (typeof instruction === 'number') return false;
  const to = instruction.operands[0]!;
  return to.kind !== 'register' || ![1, 4, 6].includes(to.index);
};
const straight = fc.array(instructions.filter(keepsPointers), { minLength: 0, maxLength: 6 }).map(bytesOf);
/** PUNPCKLBW and -HBW with zeroes in XMM3, PMULLW, PADDW, PSUBW, PADDUSW, PMULHW, PACKUSWB, PSADBW, PAND, MOVDQA, PMADDWD among XMM0 to XMM3. */
const ELEMENT_OPCODES = [0x60, 0x68, 0xd5, 0xd5, 0xfd, 0xfd, 0xf9, 0xdd, 0xe5, 0x67, 0x67, 0xf6, 0xdb, 0x6f, 0xf5]; // prettier-ignore
const elements = fc.array(
  fc.oneof(
    fc.tuple(fc.constantFrom(...ELEMENT_OPCODES), fc.nat(2), fc.nat(3)).map(([opcode, to, from]) => {
      const other = opcode === 0x60 || opcode === 0x68 ? 3 : from;
      return [0x66, 0x0f, opcode, 0xc0 | (to << 3) | other];
    }),
    // PSRLW, PSRAW, PSLLW by immediates; PMOVMSKB.
    fc
      .tuple(fc.constantFrom(0xd0, 0xe0, 0xf0), fc.nat(2), fc.nat(18))
      .map(([way, register, count]) => [0x66, 0x0f, 0x71, way | register, count]),
    fc.nat(2).map((register) => [0x66, 0x0f, 0xd7, 0xc0 | register]),
  ),
  { minLength: 2, maxLength: 14 },
);

/** A loop whose body has a way that is taken every other time, around an inner loop of two rounds. */
function loopOf([first, other, inner, last]: readonly number[][], rounds: number): number[] {
  const innerLoop = [0xba, 2, 0, 0, 0, ...inner!, 0x4a, 0x75, 0x100 - inner!.length - 3];
  const aside = [...other!, ...innerLoop];
  const body = [...first!, 0xf7, 0xc1, 1, 0, 0, 0, 0x0f, 0x84, aside.length, 0, 0, 0, ...aside, ...last!];
  const back = -(body.length + 1 + 6);
  return [0xb9, rounds, 0, 0, 0, ...body, 0x49, 0x0f, 0x85, back & 255, (back >> 8) & 255, 255, 255];
}

describe('short ways of SSE', () => {
  const evaluator = new Bench('evaluator', false);
  for (const completeAccesses of [false, true]) {
    it(
      `do what the helpers do, ${completeAccesses ? 'calling' : 'leaving'} where they end`,
      { timeout: 300_000 },
      () => {
        const jit = new Bench('jit', completeAccesses);
        fc.assert(
          fc.property(fc.array(instructions, { minLength: 1, maxLength: 10 }), state, (list, s) => {
            const code = list.flatMap((bytes) => bytes);
            expect(jit.outcome(code, list.length, s, true)).toEqual(
              evaluator.outcome(code, list.length, s, false),
            );
          }),
          { numRuns: RUNS },
        );
      },
    );
    it(
      `keep registers over loops, ${completeAccesses ? 'calling' : 'leaving'} where they end`,
      { timeout: 300_000 },
      () => {
        const jit = new Bench('jit', completeAccesses);
        const parts = fc.array(straight, { minLength: 4, maxLength: 4 });
        fc.assert(
          fc.property(parts, fc.integer({ min: 1, max: 6 }), state, (list, rounds, s) => {
            const code = loopOf(list, rounds);
            expect(jit.outcome(code, 500, s, true)).toEqual(evaluator.outcome(code, 500, s, false));
          }),
          { numRuns: RUNS },
        );
      },
    );
  }
  it('do arithmetic on 16-bit elements that were bytes', { timeout: 300_000 }, () => {
    const jit = new Bench('jit', false);
    fc.assert(
      fc.property(elements, state, (list, s) => {
        const code = bytesOf([[0x66, 0x0f, 0xef, 0xdb], ...list]);
        const count = list.length + 1;
        expect(jit.outcome(code, count, s, true)).toEqual(evaluator.outcome(code, count, s, false));
      }),
      { numRuns: RUNS },
    );
  });
});
