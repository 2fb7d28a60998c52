/** The committed guests in every engine, as child processes of the built command, and hello in lockstep. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { HVM } from './fuzz/native.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RUNNER = `${ROOT}scripts/run-small-guests.mjs`;
const HELLO = `${ROOT}guests/hello/hello.elf`;
const TIMEOUT = 150_000;
const ENGINES = ['evaluator', 'interpreter', 'jit'] as const;

function node(args: readonly string[]): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve) => {
    const settings = { timeout: TIMEOUT - 10_000, maxBuffer: 2 ** 26 };
    const child = execFile(process.execPath, args, settings, (_error, stdout, stderr) => {
      resolve({ status: child.exitCode, output: stdout + stderr });
    });
  });
}

const guests = ['hello.elf', ...readdirSync(`${ROOT}guests/tests`).filter((name) => name.endsWith('.elf'))];

describe.each(ENGINES)('%s', (engine) => {
  it.each(guests)('%s', { timeout: TIMEOUT }, async (guest) => {
    const name = `${guest} ${engine}`;
    const filter = `^${name.replaceAll('.', '\\.')}$`;
    const { output } = await node([RUNNER, '--engines', engine, '--filter', filter, '--hvm', HVM]);
    expect(output).toBe(`PASS ${name}\n1 passed, 0 failed\n`);
  });
});

describe('hello in lockstep', () => {
  it.each(['interpreter,jit', 'evaluator,jit'])('%s', { timeout: TIMEOUT }, async (engines) => {
    const guest = ['--kernel', HELLO, '--append', 'script=help,mem,bench:1,fault,smc,halt', '--no-reboot'];
    const comparison = ['--engines', engines, '--every', '50000', '--memory', '64M', '--quiet'];
    const { status, output } = await node([HVM, 'regress', 'lockstep', ...guest, ...comparison]);
    expect(output).toMatch(/^\d{7,} instructions compared in \d+ steps: no difference \(.*power.*\)\n$/);
    expect(status).toBe(0);
  });
});
