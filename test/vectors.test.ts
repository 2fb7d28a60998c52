/** Instruction vectors recorded on silicon, in every engine, on the built command: each case of the implemented categories passes. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { HVM } from './fuzz/native.mjs';

interface Result {
  readonly passed: number;
  readonly failed: number;
  readonly translated: number;
  readonly failures: readonly {
    readonly form: string;
    readonly bytes: string;
    readonly problems: readonly string[];
  }[];
}
const file = (set: string, category: string): string =>
  fileURLToPath(new URL(`vectors/${set}/${category}.jsonl.gz`, import.meta.url));

/** V8's own settings let it report regions that it refuses to compile ahead of time. */
const ENVIRONMENT = { ...process.env, HVM_NO_V8_FLAGS: '1' };

function vectors(engine: string, files: readonly string[], ...more: string[]): Promise<Result> {
  return new Promise((resolve, reject) => {
    const args = [HVM, 'vectors', ...files, '--engine', engine, '--json', ...more];
    const options = { timeout: 150_000, maxBuffer: 2 ** 26, env: ENVIRONMENT };
    execFile(process.execPath, args, options, (_error, stdout, stderr) => {
      if (stderr.includes('asm.js')) reject(new Error(stderr));
      try {
        resolve(JSON.parse(stdout) as Result);
      } catch {
        reject(new Error(`hvm vectors ended without a result: ${stderr}`));
      }
    });
  });
}

/** Cases in each file. */
const I386 = { int: 14062, flow: 884, string: 780, priv: 110 } as const;
const X86_16 = { int: 9254, flow: 1190, string: 630, priv: 116 } as const;

async function expectAll(
  engine: string,
  set: string,
  counts: Readonly<Record<string, number>>,
): Promise<Result> {
  const result = await vectors(
    engine,
    Object.keys(counts).map((category) => file(set, category)),
  );
  expect(result.failures.slice(0, 5)).toEqual([]);
  expect(result.failed).toBe(0);
  expect(result.passed).toBe(Object.values(counts).reduce((sum, count) => sum + count, 0));
  return result;
}

describe('32-bit code', () => {
  for (const engine of ['interpreter', 'evaluator']) {
    it(`passes in the ${engine}`, { timeout: 160_000 }, () => expectAll(engine, 'i386', I386));
  }
  it('passes in the JIT, translated', { timeout: 160_000 }, async () => {
    const { passed, translated } = await expectAll('jit', 'i386', I386);
    expect(translated).toBeGreaterThan(passed / 2);
  });
});
describe('16-bit code', () => {
  for (const engine of ['interpreter', 'evaluator', 'jit']) {
    it(`passes in the ${engine}`, { timeout: 160_000 }, () => expectAll(engine, 'x86-16', X86_16));
  }
});
