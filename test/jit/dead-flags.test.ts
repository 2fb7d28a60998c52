import { expect, it } from 'vitest';
import { decode } from '../../src/decoder/decode.js';
import type { Instruction } from '../../src/decoder/instruction.js';
import type { Semantic } from '../../src/jit/ir.js';
import type { ModeView } from '../../src/jit/builder.js';
import { removeDeadFlags } from '../../src/jit/passes/dead-flags.js';
import { removeDeadValues } from '../../src/jit/passes/dead-values.js';
import { semanticOf } from '../../src/jit/semantics/index.js';

const FLAT: ModeView = { codeSize: 32, stackSize: 32, flat: () => true };
const ROL_EAX_3 = [0xc1, 0xc0, 0x03],
  ADD_EAX_1 = [0x83, 0xc0, 0x01],
  LOAD_ECX = [0x8b, 0x0b],
  ADC_EDX_0 = [0x83, 0xd2, 0x00];

/** For each instruction, whether it still changes the flags. */
function changes(...code: readonly (readonly number[])[]): boolean[] {
  const semantics = code.map((bytes) => {
    const padded = Uint8Array.from([...bytes, ...new Array<number>(15).fill(0)]);
    return semanticOf(decode(padded, 0, 15, 32) as Instruction, FLAT);
  });
  return removeDeadFlags(semantics).map((s) => s.statements.some((t) => /Flags$/.test(t.op)));
}

it('drops what a later setter overwrites, partial changes included', () => {
  expect(changes(ADD_EAX_1, ROL_EAX_3, ADD_EAX_1)).toEqual([false, false, true]);
});
it('reads no carry for flags that are dropped', () => {
  const INC_EBX = [0x43];
  expect(changes(ADD_EAX_1, ROL_EAX_3, INC_EBX, ADD_EAX_1)).toEqual([false, false, false, true]);
  expect(changes(ROL_EAX_3, INC_EBX)).toEqual([true, true]);
});
it('drops flags that depend on a count, with the test for it', () => {
  const SHL_EAX_CL = [0xd3, 0xe0];
  const semantics = [SHL_EAX_CL, ADD_EAX_1].map((bytes) => {
    const padded = Uint8Array.from([...bytes, ...new Array<number>(15).fill(0)]);
    return semanticOf(decode(padded, 0, 15, 32) as Instruction, FLAT);
  });
  const has = (list: readonly Semantic[]): boolean => list[0]!.statements.some((s) => s.op === 'when');
  expect(has(semantics)).toBe(true);
  expect(has(removeDeadFlags(semantics))).toBe(false);
  expect(has(removeDeadFlags(semantics.slice(0, 1)))).toBe(true);
});
it('keeps what an exit or a reader may see', () => {
  expect(changes(ROL_EAX_3, LOAD_ECX, ADD_EAX_1)).toEqual([true, false, true]);
  expect(changes(ADD_EAX_1, ROL_EAX_3, ADC_EDX_0)).toEqual([true, true, true]);
});
it('keeps the base of a partial change that stays', () => {
  expect(changes(ADD_EAX_1, ROL_EAX_3)).toEqual([true, true]);
});

it('drops values that were made for them, and no access', () => {
  const IMUL_EDX_EBX4 = [0x0f, 0xaf, 0x53, 0x04];
  const lets = (semantics: readonly Semantic[]): number =>
    semantics[0]!.statements.filter((s) => s.op === 'let').length;
  const code = [IMUL_EDX_EBX4, ADD_EAX_1].map((bytes) => {
    const padded = Uint8Array.from([...bytes, ...new Array<number>(15).fill(0)]);
    return semanticOf(decode(padded, 0, 15, 32) as Instruction, FLAT);
  });
  const after = removeDeadFlags(code).map(removeDeadValues);
  expect(lets(after)).toBeLessThan(lets(code));
  expect(after[0]!.statements.filter((s) => s.op === 'load')).toHaveLength(1);
  expect(after.map(removeDeadValues)).toEqual(after);
});
