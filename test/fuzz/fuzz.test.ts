/** Evaluator, interpreter and JIT on random blocks; long runs: `hvm regress fuzz --seconds N`. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DRAWN_ROWS, assemble, encodeInstruction } from '../../src/regress/fuzz-case.js';
import { drawCase, smaller } from '../../src/regress/fuzz-draw.js';
import type { FuzzInstruction } from '../../src/regress/fuzz-case.js';
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
  it('never leaves paging to the guest at CPL 0', () => {
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

describe('the engines agree', () => {
  it('on cases of fixed seeds', { timeout: 120_000 }, async () => {
    const { status, output } = await fuzz(['--seed', '1', '--cases', '600']);
    expect(output).toMatch(
      /^600 cases, \d{5,} instructions in each engine, \d{4,} faults, [1-9]\d* % translated: no difference\n$/,
    );
    expect(status).toBe(0);
  });
  it('on cases that fast-check draws', { timeout: 120_000 }, async () => {
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
