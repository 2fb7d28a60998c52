/**
 * Short ways of x87 instructions against the helpers: random straight runs on random and special registers, in the evaluator and in a region, must
 * leave the same registers, tags, status word, pointers, flags and memory. Each run goes twice: leaving where a short way ends, and calling the helper.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { load } from '../fuzz/native.mjs';

const { decode } = await load<typeof import('../../src/decoder/decode.js')>('decoder/decode.js');
const { hasShortWay } = await load<typeof import('../../src/jit/emit/vector.js')>('jit/emit/vector.js');
const { createEngine } = await load<typeof import('../../src/jit/engines.js')>('jit/engines.js');
const { getStatusFlags } = await load<typeof import('../../src/runtime/flags.js')>('runtime/flags.js');
const { PENDING } = await load<typeof import('../../src/runtime/state.js')>('runtime/state.js');
const { setSegment } = await load<typeof import('../../src/runtime/helpers/segments.js')>(
  'runtime/helpers/segments.js',
);
const { HANDLERS, VectorMachine } =
  await load<typeof import('../../src/jit/vector-machine.js')>('jit/vector-machine.js');

const CODE = 0x400000,
  DATA = 0x300000,
  DATA_BYTES = 256;
const R_EIP = 16,
  R_BUDGET = 22,
  R_PENDING = 23;
const RUNS = Number(process.env.RUNS ?? 300);

/** Without short ways. */
const HELPERS = new Set(['FRNDINT', 'FINCSTP', 'FDECSTP', 'FFREE', 'FLDPI', 'FXAM', 'FNCLEX', 'FCMOVB']);
/** No prefix, ES, SS and FS. */
const OVERRIDES = [[], [], [], [0x26], [0x36], [0x64]];
const FS_BASE = 0x40;

function encode(opcode: number, modrm: number, displacement: number, override: number) {
  const memory = [...OVERRIDES[override]!, 0xd8 + opcode, (modrm & 0x38) | 0x46, displacement];
  const bytes = modrm >= 0xc0 ? [0xd8 + opcode, modrm] : memory;
  const instruction = decode(Uint8Array.from([...bytes, 0, 0, 0, 0]), 0, bytes.length + 4, 32);
  if (typeof instruction !== 'object') return undefined;
  return hasShortWay(instruction.mnemonic) || HELPERS.has(instruction.mnemonic) ? bytes : undefined;
}
const instructions = fc
  .tuple(
    fc.nat(7),
    fc.nat(255),
    fc.oneof({ weight: 4, arbitrary: fc.nat(14).map((n) => 8 * n) }, fc.nat(110)),
    fc.nat(OVERRIDES.length - 1),
  )
  .map((parts) => encode(...parts))
  .filter((bytes) => bytes !== undefined);

const bitsOf = (x: number): number[] => [...new Int32Array(Float64Array.of(x).buffer)];
const DOUBLES = [0, -0, 1, -1.5, 3, 1e300, -1e-300, 2 ** -1022, 5e-324, Infinity, -Infinity, NaN, 0.1, 2 ** 53, 2 ** 62, -2147483648, 2147483647.5, 0.5, 1 + 2 ** -52, 2 - 2 ** -52]; // prettier-ignore
const words = fc.oneof(
  fc.double({ noDefaultInfinity: true, noNaN: true, min: -1e6, max: 1e6 }).map(bitsOf),
  fc.integer({ min: -100, max: 100 }).map(bitsOf),
  fc.constantFrom(...DOUBLES).map(bitsOf),
  fc.constantFrom(...DOUBLES).map((x) => [...new Int32Array(Float32Array.of(x, 0.1).buffer)]),
  fc.tuple(fc.integer(), fc.integer()),
);
/** Sign and exponent, high and low word: mostly numbers, of 64, 53 or few significant bits. */
const register = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.oneof(fc.integer({ min: 0x3ff0, max: 0x4010 }), fc.integer({ min: 0xbff0, max: 0xc010 })), fc.oneof(fc.integer(), fc.constantFrom(0, -1, 0x7fffffff)).map((w) => w | -0x80000000), fc.oneof(fc.integer(), fc.constantFrom(0, -1, 0x400, 0x800, 0xc00, 1, -0x800, 0x7ff))) }, // prettier-ignore
  { weight: 2, arbitrary: fc.constantFrom([0, 0, 0], [0x8000, 0, 0], [0x3fff, -0x80000000, 0], [0xbfff, -0x80000000, 0], [0x3fff, -0x80000000, 1], [0x3ffe, -1, -1]) }, // prettier-ignore
  fc.tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer(), fc.integer()),
);
const state = fc.record({
  registers: fc.array(register, { minLength: 8, maxLength: 8 }),
  data: fc.array(words, { minLength: 32, maxLength: 32 }),
  top: fc.nat(7),
  valid: fc.oneof(fc.constantFrom(0x0f, 0xf0, 0x3c, 0xff), fc.nat(255)),
  control: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(0x37f, 0x37f, 0x37f, 0x27f) },
    fc.constantFrom(0x7f, 0xf7f, 0xb7f, 0x77f, 0x35f, 0x340, 0x37e),
  ),
  status: fc.constantFrom(0, 0x20, 0x220, 0x4720, 0x3f),
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
    const { fpu } = cpu;
    this.machine.enterUser();
    for (const segment of [0, 2, 3]) setSegment(cpu, segment, 0x23 + 8 * segment, 0, -1, 0xc0f3);
    setSegment(cpu, 4, 0x53, FS_BASE, -1, 0xc0f3);
    fpu.reset();
    s.registers.forEach(([signExponent, high, low], i) => {
      fpu.exponent[i] = signExponent!;
      fpu.significand[2 * i + 1] = high!;
      fpu.significand[2 * i] = low!;
    });
    fpu.valid = s.valid;
    fpu.setControlWord(s.control);
    fpu.setStatusWord(s.status | (s.top << 11));
    s.data.flat().forEach((word, i) => memory.write32(DATA + 4 * i, word));
    cpu.r.fill(0, 0, 8);
    cpu.r[R_PENDING]! &= ~PENDING.EXIT;
    cpu.r[6] = DATA;
    cpu.r[4] = 0x202000;
    cpu.r[R_EIP] = CODE;
    this.engine.synchronize();
  }
  private runFor(count: number): void {
    this.machine.cpu.r[R_BUDGET] = count;
    this.engine.run();
  }
  /** What `count` instructions of `code` and some of the loop behind them leave. */
  outcome(code: number[], count: number, s: State, translates: boolean): object {
    const { cpu, memory } = this.machine;
    memory.copyIn(CODE, Uint8Array.from([...code, 0xeb, 0xfe]));
    this.prepare(s);
    if (translates) {
      this.runFor(count);
      this.prepare(s);
      this.engine.translate();
    }
    this.runFor(count + 200);
    const { fpu } = cpu;
    return {
      eip: cpu.r[R_EIP],
      general: [...cpu.r.subarray(0, 8)],
      registers: [...fpu.exponent, ...fpu.significand],
      status: fpu.statusWord().toString(16),
      valid: fpu.valid,
      control: fpu.control,
      pointers: [fpu.instructionOffset, fpu.instructionSelector, fpu.operandOffset, fpu.operandSelector],
      flags: getStatusFlags(cpu),
      data: [...memory.u8.subarray(DATA, DATA + DATA_BYTES)],
    };
  }
}

describe('short ways of x87', () => {
  const evaluator = new Bench('evaluator', false);
  const outcomesAgree = (completeAccesses: boolean): void => {
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
  };
  it('leave exceptions that wait to the next instruction that looks', () => {
    const registers = Array.from({ length: 8 }, (_, i) =>
      i === 2 || i === 6 ? [0xbff0, -0x80000000, 0] : [0, 0, 0],
    );
    const data = Array.from({ length: 32 }, (_, i) => (i === 4 || i === 5 ? [0, 1036831949] : [0, 0]));
    const s = { registers, data, top: 5, valid: 0xf0, control: 0x37e, status: 0 } as State;
    // FILD m16 onto a full stack with IM clear, FNSTSW AX, FADD m32.
    const code = [0xdf, 0x46, 0, 0xdf, 0xe0, 0xd8, 0x46, 0];
    for (const completeAccesses of [false, true])
      expect(new Bench('jit', completeAccesses).outcome(code, 3, s, true)).toEqual(
        evaluator.outcome(code, 3, s, false),
      );
  });
  /** ECX times: a, then b or not, then c. */
  const loop = (a: number[][], b: number[][], c: number[][]): number[] => {
    const [first, second, third] = [a.flat(), b.flat(), c.flat()];
    const body = [...first, 0xf6, 0xc1, 1, 0x74, second.length, ...second, ...third, 0x49];
    return [0xb9, 6, 0, 0, 0, ...body, 0x0f, 0x85, ...words32(-body.length - 6)];
  };
  const words32 = (value: number): number[] => [...new Uint8Array(Int32Array.of(value).buffer)];
  const lists = (maxLength: number) => fc.array(instructions, { minLength: 1, maxLength });
  it('keep what they know over branches and loops', { timeout: 300_000 }, () => {
    for (const completeAccesses of [false, true]) {
      const jit = new Bench('jit', completeAccesses);
      fc.assert(
        fc.property(lists(5), lists(4), lists(4), state, (a, b, c, s) => {
          const code = loop(a, b, c);
          expect(jit.outcome(code, 120, s, true)).toEqual(evaluator.outcome(code, 120, s, false));
        }),
        { numRuns: RUNS },
      );
    }
  });
  it('do what the helpers do, leaving where they end', { timeout: 300_000 }, () => outcomesAgree(false));
  it('do what the helpers do, calling where they end', { timeout: 300_000 }, () => outcomesAgree(true));
});
