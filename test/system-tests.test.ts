/** The system-test guest in both engines: every case as Bochs recorded it, except those listed with a reason (guests/system-tests). */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../scripts/run-system-tests.mjs', import.meta.url));
const OWN_ONLY = ['--no-bochs', '--no-qemu'];

describe('system tests', () => {
  for (const engine of ['interpreter', 'jit']) {
    it(`${engine} gives the recorded line for every case`, { timeout: 120_000 }, () => {
      const hvm = process.env['HVM'] ? ['--hvm', process.env['HVM']] : [];
      const result = spawnSync(process.execPath, [SCRIPT, ...OWN_ONLY, '--engines', engine, ...hvm], {
        encoding: 'utf8',
      });
      expect(result.stdout).toMatch(/ 0 unexplained\n$/);
      expect(result.status).toBe(0);
    });
  }
});
