/** Every instruction of the silicon vectors decodes to its full length and to the mnemonic of the form it was made from. */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import * as iced from 'iced-x86';
import { expect, test } from 'vitest';
import { decode } from '../../src/decoder/decode.js';
import { expectedMnemonic } from './iced-oracle.js';

const VECTORS = new URL('../vectors/', import.meta.url);
const CATEGORIES = 'int flow string priv fpu fpu-trans mmx sse sse-rcp sse2 sse3 fxsr'.split(' ');
const SETS = [
  ['i386', 32],
  ['x86-16', 16],
] as const;

interface Vector {
  readonly f: string;
  readonly b: string;
}

function* vectorsOf(set: string, category: string): Generator<Vector> {
  const lines = gunzipSync(readFileSync(new URL(`${set}/${category}.jsonl.gz`, VECTORS)));
  for (const line of lines.toString().split('\n')) if (line !== '') yield JSON.parse(line) as Vector;
}

function mnemonicOfForm(form: string): string {
  const code = form.replace(/[:+].*/, '');
  return expectedMnemonic(code, MNEMONICS.get(code)!);
}

/** iced's `Code` names to its mnemonics. */
const MNEMONICS = new Map(
  Object.entries(iced.Code)
    .filter(([, code]) => typeof code === 'number')
    .map(([name, code]) => [name, iced.Mnemonic[iced.CodeExt.opCode(code as iced.Code).mnemonic]!]),
);

test.each(SETS)('the vectors of %s', (set, bits) => {
  const wrong: string[] = [];
  let count = 0;
  for (const category of CATEGORIES) {
    for (const { f, b } of vectorsOf(set, category)) {
      const bytes = Buffer.from(b, 'hex');
      const decoded = decode(bytes, 0, bytes.length, bits);
      const expected = `${mnemonicOfForm(f)} ${bytes.length}`;
      const got =
        typeof decoded === 'number' ? `failure ${decoded}` : `${decoded.mnemonic} ${decoded.length}`;
      if (got !== expected) wrong.push(`${f} ${b}: ${got}, expected ${expected}`);
      count++;
    }
  }
  expect(wrong.slice(0, 20)).toEqual([]);
  expect(count).toBeGreaterThan(15_000);
  expect(readdirSync(new URL(`${set}/`, VECTORS))).toContain('int.jsonl.gz');
});
