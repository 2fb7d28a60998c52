/** Evaluator, interpreter and JIT on random blocks; long runs: `hvm regress fuzz --seconds N`. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DRAWN_ROWS, LAYOUT, assemble, encodeInstruction, isWild } from '../../src/regress/fuzz-case.js';
import { drawCase, smaller } from '../../src/regress/fuzz-draw.js';
import type { FuzzCase, FuzzInstruction } from '../../src/regress/fuzz-case.js';
import { ENVIRONMENTS, Environment, FRAGMENTS } from '../../src/regress/fuzz-modes.js';
import { decode } from '../../src/decoder/decode.js';
import { OPCODES } from '../../src/decoder/opcodes.js';
import type { OpcodeRow } from '../../src/decoder/opcodes.js';
import { fuzzCase, instruction } from './arbitrary.js';
import { load } from './native.mjs';
import { fuzz } from './run.js';

const ENGINES = ['evaluator', 'interpreter', 'jit'] as const;

describe('drawing', () => {
  it('encodes each row of 16- and 32-bit code as itself, in register or memory form', () => {
    const missed = new Set(DRAWN_ROWS);
    for (const index of DRAWN_ROWS) {
      for (let n = 0; n < 64 && missed.has(index); n++) {
        const i: FuzzInstruction = {
          row: DRAWN_ROWS.indexOf(index),
          prefix: 0,
          modrm: n * 5,
          sib: 0x24,
          displacement: 4,
          immediate: 3,
        };
        if (encodeInstruction(i, 32, 3).instruction?.row === index) missed.delete(index);
      }
    }
    expect([...missed].map((index) => (OPCODES[index] as OpcodeRow).opcode)).toEqual([]);
  });
  it('draws every row in plain cases and every row in other modes, every mode, every switch and interrupts', () => {
    const rows = { plain: new Set<number>(), wild: new Set<number>() };
    const environments = new Map<number, number>();
    const fragments = new Set<number>();
    let interrupts = 0;
    for (let seed = 1; seed <= 12_000; seed++) {
      const c = drawCase(seed);
      const environment = c.environment ?? Environment.PLAIN;
      environments.set(environment, (environments.get(environment) ?? 0) + 1);
      interrupts += c.interrupts?.length ?? 0;
      const wild = isWild(c);
      for (const i of c.instructions) {
        if (i.fragment !== undefined) fragments.add(i.fragment);
        const { instruction: made } = encodeInstruction(i, c.bits, c.cpl, { wild });
        if (made) rows[wild ? 'wild' : 'plain'].add(made.row);
      }
    }
    const all = new Set(DRAWN_ROWS);
    const missed = (seen: ReadonlySet<number>): string[] =>
      [...all].filter((row) => !seen.has(row)).map((row) => (OPCODES[row] as OpcodeRow).opcode);
    expect([missed(rows.plain), missed(rows.wild)]).toEqual([[], []]);
    expect(Math.min(...environments.values())).toBeGreaterThan(500);
    expect([environments.size, fragments.size]).toEqual([ENVIRONMENTS, FRAGMENTS.length]);
    expect(interrupts).toBeGreaterThan(1000);
  });
  it('switches modes with code that lists as what it is', () => {
    const names = (bits: 16 | 32, number: number): string => {
      const code = LAYOUT[bits].code;
      const bytes = Uint8Array.from([...FRAGMENTS[number]!(bits, code), ...new Array<number>(15).fill(0x90)]);
      const found: string[] = [];
      for (let at = 0; at < bytes.length - 15;) {
        const made = decode(bytes, at, bytes.length, bits);
        if (typeof made === 'number') return 'undecodable';
        found.push(made.mnemonic);
        at += made.mnemonic === 'JMP' ? made.length + 6 : made.length;
      }
      return found.join(' ');
    };
    for (const bits of [16, 32] as const) {
      expect(names(bits, 0)).toBe('JMP LIDT MOVCR AND MOVCR JMPF');
      expect(names(bits, 1)).toBe('JMP LIDT MOVCR OR MOVCR JMPF');
      for (const number of [2, 3, 4]) expect(names(bits, number)).toBe('MOVCR XOR MOVCR');
      expect(names(bits, 5)).toBe(`${'PUSH '.repeat(9)}IRET`);
    }
  });
  it('aims relative branches at instructions of the block', () => {
    const row = DRAWN_ROWS.indexOf(OPCODES.findIndex((r: OpcodeRow) => r.opcode === '0F 80+cc'));
    const jcc: FuzzInstruction = { row, prefix: 0, modrm: 4, sib: 0, displacement: 0, immediate: -1 };
    const { bytes } = assemble({ ...drawCase(1), bits: 32, loop: 0, instructions: [jcc, jcc] });
    expect([...bytes.subarray(0, 12)]).toEqual([
      0x0f, 0x84, 0xfa, 255, 255, 255, 0x0f, 0x84, 0xf4, 255, 255, 255,
    ]);
  });
  it('gives the same case for a seed, another one for the next', () => {
    expect(drawCase(7)).toEqual(drawCase(7));
    expect(drawCase(7)).not.toEqual(drawCase(8));
  });
  it('never leaves paging to the guest at CPL 0 of a plain case', () => {
    fc.assert(
      fc.property(instruction(32), (i) => {
        const made = encodeInstruction(i, 32, 0).instruction;
        const operand = made?.mnemonic === 'MOVCR' ? made.operands[0]! : undefined;
        return made?.mnemonic !== 'LMSW' && !(operand?.kind === 'control' && operand.index !== 2);
      }),
      { numRuns: 3000, seed: 1 },
    );
  });
  it('offers smaller variants that end somewhere', () => {
    let c = drawCase(3);
    let steps = 0;
    for (let next = smaller(c).next(); !next.done; next = smaller(c).next(), steps++) c = next.value;
    expect(steps).toBeLessThan(500);
    expect(c.instructions).toHaveLength(1);
  });
});

/** A case of NOPs and one sequence. */
function switching(bits: 16 | 32, environment: number, fragment: number): FuzzCase {
  const nop: FuzzInstruction = {
    row: DRAWN_ROWS.indexOf(OPCODES.findIndex((r: OpcodeRow) => r.mnemonic === 'NOP')),
    ...{ prefix: 0, modrm: 0, sib: 0, displacement: 0, immediate: 0 },
  };
  const registers = [0, 0, 0, 0, bits === 16 ? 0x4000 : 0x301000, 0, 0, 0];
  const plain = { ...drawCase(1), loop: 0, control: 0, fpu: 0, offset: 0, flags: 2, cpl: 0 as const };
  return {
    ...plain,
    bits,
    environment,
    registers,
    memory: 0,
    instructions: [{ ...nop, fragment }, nop, nop],
  };
}

describe('what switches modes', () => {
  it.each<[string, 16 | 32, number, number, number]>([
    ['to real mode', 16, Environment.NO_PAGING, 0, 0],
    ['to protected mode', 16, Environment.REAL, 1, 1],
    ['to real mode and on without a jump', 16, Environment.NO_PAGING, 2, 0],
    ['paging on', 32, Environment.NO_PAGING, 3, 0x80000001],
  ])('%s', { timeout: 60_000 }, async (_, bits, environment, fragment, cr0) => {
    const { FuzzMachine } =
      await load<typeof import('../../src/regress/fuzz-machine.js')>('regress/fuzz-machine.js');
    const c = switching(bits, environment, fragment);
    const machine = new FuzzMachine('interpreter', bits);
    machine.load(c, assemble(c));
    machine.run(fragment < 2 ? 6 : 3);
    expect(((machine.cpu.cr0 & 0x80000001) >>> 0).toString(16)).toBe(cr0.toString(16));
    expect(machine.cpu.halted).toBe(false);
  });
});

describe('the engines agree', () => {
  it('on cases of fixed seeds', { timeout: 300_000 }, async () => {
    const { status, output } = await fuzz(['--seed', '1', '--cases', '600']);
    expect(output).toMatch(
      /^600 cases, \d{5,} instructions in each engine, \d{4,} faults, [1-9]\d* % translated: no difference\n$/,
    );
    expect(status).toBe(0);
  });
  it('on cases that fast-check draws', { timeout: 300_000 }, async () => {
    const { Fuzzer } = await load<typeof import('../../src/regress/fuzz.js')>('regress/fuzz.js');
    const { describeFailure } =
      await load<typeof import('../../src/regress/fuzz-report.js')>('regress/fuzz-report.js');
    const fuzzer = new Fuzzer(ENGINES);
    fc.assert(
      fc.property(fuzzCase, (c) => {
        const failure = fuzzer.run(c);
        if (failure) throw new Error(describeFailure(failure));
      }),
      { numRuns: 300, seed: 20 },
    );
  });
});
