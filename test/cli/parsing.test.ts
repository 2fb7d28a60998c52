/** Options, sizes, escapes and escape keys: what the command line makes of its words. */
import { describe, expect, it } from 'vitest';
import { EscapeKeys } from '../../src/cli/escape-keys.js';
import { unescapeBytes } from '../../src/cli/escapes.js';
import { parseHexBytes } from '../../src/cli/hex.js';
import { parseArguments } from '../../src/cli/options.js';
import type { Command } from '../../src/cli/options.js';
import { RUN_OPTIONS, parseSend, runConfiguration } from '../../src/cli/run-options.js';
import { parseMemorySize } from '../../src/cli/sizes.js';
import { UsageError } from '../../src/cli/usage-error.js';

const RUN: Command = { name: 'run', usage: 'run', options: RUN_OPTIONS };
const run = (...args: string[]) => runConfiguration(parseArguments(args, RUN));

describe('options', () => {
  it.each([
    ['--kernel', 'k', '--memory', '512M'],
    ['-kernel', 'k', '-m', '512'],
    ['--kernel=k', '--memory=512M'],
    ['-kernel=k', '--m=0.5G'],
  ])('are one dash or two, with = or without: %s %s %s %s', (...args) => {
    expect(run(...args)).toMatchObject({ kernel: 'k', memoryBytes: 512 * 2 ** 20 });
  });
  it('keep everything after the first = as the value', () => {
    expect(run('-kernel', 'k', '-append=console=ttyS0 root=/dev/sda').append).toBe(
      'console=ttyS0 root=/dev/sda',
    );
  });
  it('take a value that looks like an option only behind =', () => {
    expect(() => run('--kernel', '--initrd')).toThrow(
      "--kernel needs a value (FILE) but is followed by '--initrd'",
    );
    expect(run('--kernel=--initrd').kernel).toBe('--initrd');
  });
  it('let the last of several win, except for --send', () => {
    const config = run('--kernel=a', '--kernel=b', '--send=x', '--send=y,after=p');
    expect(config.kernel).toBe('b');
    expect(config.sends.map((send) => String.fromCharCode(...send.bytes))).toEqual(['x', 'y']);
  });
  it('have the documented defaults', () => {
    expect(run('--kernel=k')).toMatchObject({
      engine: 'jit',
      memoryBytes: 256 * 2 ** 20,
      noReboot: false,
      debugExit: false,
      serial: { kind: 'stdio' },
      clock: undefined,
    });
  });
  it('understand the serial targets', () => {
    expect(run('--kernel=k', '--serial', 'file:out.log').serial).toEqual({ kind: 'file', path: 'out.log' });
    expect(run('--kernel=k', '-serial', 'null', '-display', 'none', '-nographic').serial).toEqual({
      kind: 'null',
    });
  });
});

describe('--send', () => {
  it('waits for what stands behind the last ,after=', () => {
    const send = parseSend('a,after=b,after=[#$] $');
    expect(new TextDecoder().decode(send.bytes)).toBe('a,after=b');
    expect(send.after?.source).toBe('[#$] $');
  });
  it.each([
    ['ls\\n', [108, 115, 10]],
    ['\\r\\t\\\\\\e\\0', [13, 9, 92, 27, 0]],
    ['\\x41\\xff', [0x41, 0xff]],
    ['é', [0xc3, 0xa9]],
  ])('unescapes %j', (text, bytes) => {
    expect([...unescapeBytes(text)]).toEqual(bytes);
  });
  it.each(['\\q', '\\', '\\x4', 'a\\xzz'])('refuses %j', (text) => {
    expect(() => unescapeBytes(text)).toThrow(UsageError);
  });
});

describe('memory sizes', () => {
  it.each([
    ['256', 256 * 2 ** 20],
    ['256M', 256 * 2 ** 20],
    ['256m', 256 * 2 ** 20],
    ['1G', 2 ** 30],
    ['4096K', 4 * 2 ** 20],
    ['1.5G', 1.5 * 2 ** 30],
    ['64MiB', 64 * 2 ** 20],
    ['2047M', 2047 * 2 ** 20],
    ['1', 2 ** 20],
  ])('%s', (text, bytes) => {
    expect(parseMemorySize(text)).toBe(bytes);
  });
  it.each([
    '',
    '0',
    '-1',
    '1023K',
    '2G',
    '4T',
    '1e3',
    '0x100',
    'lots',
    '999999999999999999999G',
    '1.0001M',
    'M',
    '1 2M',
  ])('refuses %j', (text) => {
    expect(() => parseMemorySize(text)).toThrow(UsageError);
  });
});

describe('hexadecimal bytes', () => {
  it.each([
    ['90', [0x90]],
    ['b8 01,00 0xcc', [0xb8, 1, 0, 0xcc]],
    ['0F1F00', [0x0f, 0x1f, 0]],
  ])('%s', (text, bytes) => expect([...parseHexBytes(text)!]).toEqual(bytes));
  it.each(['', '9', 'xyz', '0x'])('refuses %j', (text) => expect(parseHexBytes(text)).toBeUndefined());
});

describe('Ctrl-A', () => {
  const feed = (keys: EscapeKeys, text: string) => {
    const { forward, command } = keys.feed(new TextEncoder().encode(text));
    return [new TextDecoder().decode(forward), command];
  };
  it('x leaves and drops what follows', () =>
    expect(feed(new EscapeKeys(), 'ab\x01xcd')).toEqual(['ab', 'leave']));
  it('h explains', () => expect(feed(new EscapeKeys(), 'a\x01hb')).toEqual(['ab', 'help']));
  it('twice sends one', () => expect(feed(new EscapeKeys(), '\x01\x01')).toEqual(['\x01', undefined]));
  it('before another key passes both on', () =>
    expect(feed(new EscapeKeys(), '\x01q')).toEqual(['\x01q', undefined]));
  it('works across reads', () => {
    const keys = new EscapeKeys();
    expect(feed(keys, 'a\x01')).toEqual(['a', undefined]);
    expect(feed(keys, 'x')).toEqual(['', 'leave']);
  });
});
