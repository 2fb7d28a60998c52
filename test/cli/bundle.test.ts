/** What bin/hvm.js runs: the bundle with its compiled form, never a stale or damaged one. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
// @ts-expect-error A script without types.
import { withHeader } from '../../scripts/bundle.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const bundleThatPrints = (text: string): string =>
  `(function (require, mainUrl) { console.log('${text}', mainUrl.endsWith('dist/cli/main.js')); })`;
/** As a process of its own: V8 keeps what it compiled once in this one. */
const COMPILE = `const { Script } = require('vm');
process.stdout.write(new Script(process.argv[1]).createCachedData().toString('base64'));`;
const compiled = (source: string): Buffer =>
  Buffer.from(execFileSync(process.execPath, ['-e', COMPILE, source], { encoding: 'latin1' }), 'base64');

let root: string;
const at = (name: string): string => join(root, name);
const run = (variables: Record<string, string> = {}): string =>
  execFileSync(process.execPath, [at('bin/hvm.js')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...variables },
  }).trim();

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hvm-bundle-'));
  for (const folder of ['bin', 'dist', 'dist/cli']) mkdirSync(at(folder));
  copyFileSync(join(ROOT, 'bin/hvm.js'), at('bin/hvm.js'));
  writeFileSync(at('package.json'), '{"type":"module"}');
  writeFileSync(at('dist/cli/main.js'), `console.log('modules')`);
  writeFileSync(at('dist/hvm.cjs'), bundleThatPrints('one'));
});
afterEach(() => rmSync(root, { recursive: true }));

describe('bin/hvm.js', () => {
  it('runs the bundle, as if it were dist/cli/main.js', () => {
    expect(run()).toBe('one true');
  });

  it('runs the modules when they are newer, or are asked for', () => {
    expect(run({ HVM_MODULES: '1' })).toBe('modules');
    utimesSync(at('dist/hvm.cjs'), 1e9, 1e9);
    expect(run()).toBe('modules');
  });

  it('runs the modules without a bundle', () => {
    rmSync(at('dist/hvm.cjs'));
    expect(run()).toBe('modules');
  });

  it('takes the compiled form of the same source', () => {
    const source = bundleThatPrints('one');
    expect(new Script(source, { cachedData: compiled(source) }).cachedDataRejected).toBe(false);
    writeFileSync(at('dist/hvm.cache'), withHeader(Buffer.from(source), compiled(source)));
    expect(run()).toBe('one true');
  });

  // V8 compares no more than the length of the source.
  it('ignores the compiled form of another source of the same length', () => {
    const other = bundleThatPrints('two');
    writeFileSync(at('dist/hvm.cache'), withHeader(Buffer.from(other), compiled(other)));
    expect(run()).toBe('one true');
  });

  it('ignores compiled code that is damaged, truncated or empty', () => {
    const source = bundleThatPrints('one');
    const file = withHeader(Buffer.from(source), compiled(source)) as Buffer;
    for (let position = 0; position < file.length; position += 97) {
      const damaged = Buffer.from(file);
      damaged.fill(0xff, position, position + 40);
      writeFileSync(at('dist/hvm.cache'), damaged);
      expect(run()).toBe('one true');
    }
    for (const length of [0, 15, 16, file.length - 1]) {
      writeFileSync(at('dist/hvm.cache'), file.subarray(0, length));
      expect(run()).toBe('one true');
    }
  });
});
