/** Interpreter forms: numbered without gaps or clashes, fine enough that one handler serves all their instructions, and generated from the present sources. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { OPCODES } from '../../src/decoder/opcodes.js';
import { distUrl } from '../fuzz/native.mjs';
import {
  allSamples,
  formsModule,
  hotForms,
  packModule,
  predecodeForms,
  samplesModule,
  semanticsModule,
} from './native-jit.js';

const { formKey, slotFields, FIRST_GENERATED_FORM } = formsModule;
const { FORM_NUMBERS } = predecodeForms;
const { semanticOf } = semanticsModule;
type FormCache = typeof import('../../src/jit/interpreter/form-cache.js');
const usesImmediate = (text: string): boolean => text.includes('"op":"immediate"');

describe('forms', () => {
  it('have dense, distinct numbers that fit the slot', () => {
    const numbers = [...FORM_NUMBERS.values()].sort((a, b) => a - b);
    expect(numbers).toEqual(numbers.map((_, i) => FIRST_GENERATED_FORM + i));
    expect(numbers.at(-1)).toBeLessThan(4096);
  });
  it('include all hot ones, first', () => {
    const wrong = hotForms.HOT_FORMS.filter((key, i) => FORM_NUMBERS.get(key) !== FIRST_GENERATED_FORM + i);
    expect(wrong).toEqual([]);
    expect(new Set(hotForms.HOT_FORMS).size).toBe(hotForms.HOT_FORMS.length);
  });
  it('exist for each sample that has a key', () => {
    const missing = new Set<string>();
    for (const { instruction, mode } of allSamples) {
      const key = formKey(instruction, mode);
      if (key !== undefined && !FORM_NUMBERS.has(key)) missing.add(key);
    }
    expect([...missing]).toEqual([]);
  });
  it('are found without their keys', async () => {
    const { formOf } = (await import(distUrl('jit/interpreter/form-cache.js'))) as FormCache;
    const wrong = new Set<string>();
    for (let round = 0; round < 2; round++) {
      for (const { instruction, mode } of allSamples) {
        const key = formKey(instruction, mode);
        const form = key === undefined ? undefined : FORM_NUMBERS.get(key);
        if (formOf(instruction, mode) !== form) wrong.add(key ?? instruction.mnemonic);
      }
    }
    expect([...wrong]).toEqual([]);
  });
  it('stand for one IR each: samples of one key differ in slot fields only', { timeout: 120_000 }, () => {
    const known = new Map<string, string>();
    const clashes = new Set<string>();
    for (const { instruction, mode } of allSamples) {
      const key = formKey(instruction, mode);
      if (key === undefined) continue;
      const text = JSON.stringify(semanticOf(instruction, mode, 'slot'));
      if (known.get(key) === undefined) known.set(key, text);
      else if (known.get(key) !== text) clashes.add(key);
    }
    expect([...clashes]).toEqual([]);
  });
  it('have the packed operands in word 1 where their helper takes them', () => {
    const wrong = new Set<string>();
    for (const { instruction, mode } of allSamples) {
      const key = formKey(instruction, mode);
      if (
        key === undefined ||
        instruction.operands.some((o) => o.kind === 'immediate' || o.kind === 'relative')
      )
        continue;
      if (!usesImmediate(JSON.stringify(semanticOf(instruction, mode, 'slot')))) continue;
      if (slotFields(instruction).word1 !== packModule.packOperands(instruction)) wrong.add(key);
    }
    expect([...wrong]).toEqual([]);
  });
});

describe('the samples', () => {
  it('reach every row of 16- and 32-bit code but MONITOR, which is #UD and needs no form', async () => {
    const { DRAWN_ROWS } = await import('../../src/regress/fuzz-case.js');
    const reached = new Set([...samplesModule.samples()].map((s) => s.instruction.row));
    const missed = [...new Set(DRAWN_ROWS)].filter((row) => !reached.has(row));
    expect(missed.map((row) => OPCODES[row]!.mnemonic)).toEqual(['MONITOR']);
  });
});

describe('the generated interpreter', () => {
  it('is what the generator writes now', { timeout: 60_000 }, () => {
    const root = mkdtempSync(join(tmpdir(), 'hvm-generate-'));
    const built = fileURLToPath(distUrl('.'));
    try {
      cpSync(built, join(root, 'dist'), { recursive: true });
      cpSync(fileURLToPath(new URL('../../package.json', import.meta.url)), join(root, 'package.json'));
      mkdirSync(join(root, 'src/jit/interpreter'), { recursive: true });
      cpSync(
        fileURLToPath(new URL('../../src/jit/interpreter/generated.d.ts', import.meta.url)),
        join(root, 'src/jit/interpreter/generated.d.ts'),
      );
      symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(root, 'node_modules'));
      execFileSync(process.execPath, [join(root, 'dist/jit/interpreter/generate.js')]);
      const path = 'jit/interpreter/generated.js';
      expect(readFileSync(join(root, 'dist', path), 'utf8') === readFileSync(join(built, path), 'utf8')).toBe(
        true,
      );
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
