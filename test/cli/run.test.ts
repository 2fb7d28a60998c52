/** `hvm run` and `regress lockstep` on guests of a few instructions, as child processes: statuses, typing, statistics, idling. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Scratch, code, elf32, hvm } from './hvm.js';

const scratch = new Scratch();
afterAll(() => scratch.remove());
const LONG = { timeout: 60_000 };

const guest = (name: string, ...text: number[][]): void => void scratch.write(name, elf32(...text));
guest('exit', code.print('hello\n'), code.debugExit(5), code.spin);
guest('spin', code.print('BOOT-OK\r\nmore\r\n'), code.spin);
guest('crash', code.print('crash\n'), code.crash);
guest('reset', code.print('again\n'), code.reset());
guest('halt', code.print('halting\n'), code.halt);
guest('idle', code.print('idle\n'), code.idle);
guest('echo', code.print('ready# '), code.echoUntil('q'), code.print('\nbye\n'), code.debugExit(0));
guest('debug', code.outByte(0xe9, 65), code.print('b'), code.outByte(0xe9, 67), code.debugExit(1));

const run = (name: string, ...args: string[]) =>
  hvm(['run', '--kernel', name, '--debug-exit', ...args], { cwd: scratch.path });

describe('exit status', () => {
  it('of a debug exit', LONG, async () => {
    expect(await run('exit')).toEqual({ status: 11, stdout: 'hello\n', stderr: '' });
  });
  it('0 when a line matches --until', LONG, async () => {
    expect((await run('spin', '--until', '^more$')).status).toBe(0);
  });
  it('3 when a line matches --fail', LONG, async () => {
    const { status, stderr } = await run('spin', '--fail', 'BOOT', '--until', 'more');
    expect([status, stderr]).toEqual([3, "hvm: --fail matched the line 'BOOT-OK'\n"]);
  });
  it('124 after --timeout', LONG, async () => {
    expect((await run('spin', '--timeout', '0.3')).status).toBe(124);
  });
  it.each([
    ['crash', /triple fault[^]*EIP=[^]*=> 0010[0-9a-f]{4} {2}0f 0b +ud2/],
    ['reset', /the guest reset[^]*EIP=/],
  ])('2 after a %s with --no-reboot, with registers and code', LONG, async (name, report) => {
    const { status, stderr } = await run(name, '--no-reboot');
    expect(status).toBe(2);
    expect(stderr).toMatch(report);
  });
  it('2 for a halt that nothing can end', LONG, async () => {
    expect((await run('halt', '--timeout', '20')).status).toBe(2);
  });
  it.each(['crash', 'reset'])('of a guest that boots again after a %s', LONG, async (name) => {
    const { status, stdout } = await run(name, '--timeout', '1');
    expect(status).toBe(124);
    expect(stdout.split('\n').length).toBeGreaterThan(3);
  });
});

describe('the serial line', () => {
  it('types what --send says at the prompt', LONG, async () => {
    const { stdout, status } = await run(
      'echo',
      '--send',
      'ab\\x63,after=# $',
      '--send',
      'q',
      '--clock',
      'virtual',
    );
    expect([stdout, status]).toEqual(['ready# abcq\nbye\n', 1]);
  });
  it('gets standard input, Ctrl-A twice being one', LONG, async () => {
    const { stdout } = await hvm(['run', '--kernel', 'echo', '--debug-exit'], {
      cwd: scratch.path,
      input: 'in\x01\x01q',
    });
    expect(stdout).toBe('ready# in\x01q\nbye\n');
  });
  it('is left with Ctrl-A x', LONG, async () => {
    const { status } = await hvm(['run', '--kernel', 'spin'], { cwd: scratch.path, input: '\x01x' });
    expect(status).toBe(0);
  });
  it('goes into a file', LONG, async () => {
    const { stdout } = await run('exit', '--serial', 'file:serial.log');
    expect(stdout).toBe('');
    expect(readFileSync(join(scratch.path, 'serial.log'), 'utf8')).toBe('hello\n');
  });
  it('keeps its order with the debug console', LONG, async () => {
    expect((await run('debug')).stdout).toBe('AbC');
    expect((await run('debug', '--debugcon', 'null')).stdout).toBe('b');
  });
});

describe('statistics', () => {
  it('are one JSON line behind the output', LONG, async () => {
    const { stdout } = await run('exit', '--stats', '-', '--engine', 'interpreter');
    const stats = JSON.parse(stdout.split('\n')[1]!) as Record<string, unknown>;
    expect(stats).toMatchObject({ ended: 'debug-exit', status: 11, engine: 'interpreter' });
    // Three instructions per byte of 'hello\n', three for the debug exit.
    expect(stats.instructions).toBe(21);
  });
  it('count the same instructions in every engine', LONG, async () => {
    const counts = await Promise.all(
      ['jit', 'interpreter', 'evaluator'].map(async (engine) => {
        const { stdout } = await run(
          'spin',
          '--clock',
          'virtual',
          '--until',
          'more',
          '--engine',
          engine,
          '--stats',
          '-',
        );
        return (JSON.parse(stdout.trim().split('\n').at(-1)!) as { instructions: number }).instructions;
      }),
    );
    expect(new Set(counts).size).toBe(1);
  });
});

describe('an idle guest', () => {
  it.each(['host', 'virtual'])('uses almost no CPU on the %s clock', LONG, async (clock) => {
    const { stdout } = await run('idle', '--timeout', '3', '--clock', clock, '--stats', '-');
    const { cpuSeconds, wallSeconds } = JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<
      string,
      number
    >;
    expect(cpuSeconds! / wallSeconds!).toBeLessThan(0.3);
  });
});

describe('lockstep', () => {
  const lockstep = (...args: string[]) =>
    hvm(['regress', 'lockstep', '--debug-exit', ...args], { cwd: scratch.path });

  it.each(['100000', '7', 'block'])('finds no difference in steps of %s', LONG, async (every) => {
    const { stdout, status } = await lockstep(
      '--kernel',
      'echo',
      '--send',
      'xyq,after=# $',
      '--every',
      every,
    );
    expect(stdout).toMatch(/^ready# xyq\nbye\n\d+ instructions compared in \d+ steps: no difference/);
    expect(status).toBe(0);
  });
  it('ends at --until with the number of instructions', LONG, async () => {
    const { stdout, status } = await lockstep(
      '--kernel',
      'spin',
      '--until',
      'more',
      '--engines',
      'evaluator,interpreter',
    );
    expect(stdout).toMatch(/[1-9]\d* instructions compared .*--until matched 'more'/);
    expect(status).toBe(0);
  });
});
