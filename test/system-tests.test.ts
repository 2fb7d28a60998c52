/** The system-test guest in both engines: every case as Bochs recorded it, except those listed with a reason (guests/system-tests). */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../scripts/run-system-tests.mjs', import.meta.url));
const HVM = process.env['HVM'] ?? fileURLToPath(new URL('../bin/hvm.js', import.meta.url));
const GUEST = fileURLToPath(new URL('../guests/system-tests/system-tests.elf', import.meta.url));
const OWN_ONLY = ['--no-bochs', '--no-qemu'];

describe('system tests', () => {
  for (const engine of ['interpreter', 'jit']) {
    it(`${engine} gives the recorded line for every case`, { timeout: 300_000 }, () => {
      const hvm = process.env['HVM'] ? ['--hvm', process.env['HVM']] : [];
      const result = spawnSync(process.execPath, [SCRIPT, ...OWN_ONLY, '--engines', engine, ...hvm], {
        encoding: 'utf8',
      });
      expect(result.stdout).toMatch(/ 0 unexplained\n$/);
      expect(result.status).toBe(0);
    });
  }

  // The only place where accessed bits of code pages that a region reaches but has not run are compared.
  it('leaves the same memory behind in interpreter and JIT', { timeout: 600_000 }, () => {
    const args = [HVM, 'regress', 'lockstep', '--kernel', GUEST, '--debug-exit', '--quiet'];
    const result = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(result.stdout).toMatch(/no difference/);
    expect(result.status).toBe(0);
  });
});
