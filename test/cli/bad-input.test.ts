/** Whatever is wrong with the command line or its files: one line on standard error, status 1, nothing on standard output. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { Scratch, code, elf32, hvm } from './hvm.js';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const VECTOR = {
  f: 'Nopd',
  b: '90',
  ip: '401000',
  r: ['0', '0', '0', '0', '302000', '0', '0', '0'],
  fl: '202',
  o: { ip: '401001' },
};
const vectors = (...lines: unknown[]): Uint8Array =>
  gzipSync(lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));

const good = elf32(code.print('x\n'), code.spin);
scratch.write('good.elf', good);
scratch.write('empty', '');
scratch.write('text', 'this is not a kernel\n'.repeat(100));
scratch.write(
  'random',
  Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) >> 3),
);
scratch.write('header-only.elf', good.subarray(0, 52));
scratch.write('truncated.elf', good.subarray(0, 0x1003));
scratch.write(
  'elf64',
  Uint8Array.from(good, (byte, i) => (i === 4 ? 2 : byte)),
);
scratch.write('big', new Uint8Array(2 * 2 ** 20));
scratch.write('line\nbreak', 'x');
mkdirSync(join(scratch.path, 'directory'));
mkdirSync(join(scratch.path, 'i386'));
scratch.write('i386/good.jsonl.gz', vectors(VECTOR));
scratch.write('i386/empty', '');
scratch.write('i386/truncated.jsonl.gz', vectors(VECTOR, VECTOR).subarray(0, 60));
scratch.write('i386/not-json.jsonl.gz', vectors('{"f":'));
scratch.write('i386/not-vector.jsonl.gz', vectors({ f: 'Nopd' }));
scratch.write(
  'i386/bad-register.jsonl.gz',
  vectors({ ...VECTOR, r: ['zz', '0', '0', '0', '0', '0', '0', '0'] }),
);
scratch.write('i386/bad-result.jsonl.gz', vectors({ ...VECTOR, o: { r: { 0: 5 } } }));
mkdirSync(join(scratch.path, 'x86-64'));
scratch.write('x86-64/good.jsonl.gz', vectors(VECTOR));
scratch.write('unplaced.jsonl.gz', vectors(VECTOR));

const RUN = ['run', '--kernel', 'good.elf'];
/** Arguments, and what the line has to name. */
const CASES: readonly (readonly [args: string[], names: RegExp])[] = [
  [[], /no command.*expected one of run, vectors, disasm, regress/],
  [['frobnicate'], /unknown command 'frobnicate'/],
  [['constructor'], /unknown command 'constructor'/],
  [['--frobnicate'], /unknown command '--frobnicate'/],

  [['run'], /expected --kernel/],
  [['run', '--frobnicate'], /unknown option '--frobnicate'/],
  [['run', '-x=1'], /unknown option '-x=1'/],
  [['run', '--kernel'], /--kernel needs a value: FILE/],
  [['run', '--bios', 'missing'], /--bios 'missing': no such file/],
  [['run', '--bios', 'empty'], /--bios 'empty': the file is empty/],
  [['run', '--bios', 'random'], /--bios 'random': a file of 5000 bytes is no BIOS image/],
  [[...RUN, '--boot', 'cc'], /--boot 'cc': expected up to three different letters of a, c, d, n/],
  [['run', '--bios', 'big'], /--bios 'big'/],
  [['run', '--bios', 'random', '--kernel', 'good.elf'], /--bios: starts the machine instead of --kernel/],
  [['run', '--bios', 'random', '--demo'], /--demo: brings its own kernel; drop --bios/],
  [['run', '--kernel='], /--kernel ''/],
  [['run', '--no-reboot=1', '--kernel', 'good.elf'], /--no-reboot takes no value/],
  [['run', 'good.elf'], /unexpected argument 'good.elf'/],
  [['run', '--kernel', 'missing'], /--kernel 'missing': no such file/],
  [['run', '--kernel', 'good.elf/below'], /--kernel 'good.elf\/below'/],
  [['run', '--kernel', 'directory'], /--kernel 'directory': is a directory/],
  [['run', '--kernel', 'empty'], /--kernel 'empty': the file is empty/],
  [['run', '--kernel', '/dev/null'], /--kernel '\/dev\/null': not a regular file/],
  [['run', '--kernel', 'text'], /--kernel 'text': .*expected/],
  [['run', '--kernel', 'random'], /--kernel 'random': .*expected/],
  [['run', '--kernel', 'header-only.elf'], /--kernel 'header-only.elf': /],
  [['run', '--kernel', 'truncated.elf'], /--kernel 'truncated.elf': /],
  [['run', '--kernel', 'elf64'], /--kernel 'elf64': /],
  [['run', '--kernel', 'line\nbreak'], /--kernel 'line\\x0abreak': /],
  [['run', '--kernel', 'x'.repeat(300)], /--kernel 'x+\.\.\.': the name is too long/],
  [['run', '--kernel', 'big', '-m', '1M'], /--kernel 'big': 2097152 bytes do not fit/],
  [['run', '--initrd', 'big'], /--initrd: needs --kernel/],
  [[...RUN, '--initrd', 'missing'], /--initrd 'missing': no such file/],
  [[...RUN, '--initrd', 'directory'], /--initrd 'directory': is a directory/],
  [[...RUN, '--initrd', 'empty'], /--initrd 'empty': the file is empty/],
  [[...RUN, '--initrd', 'big', '-m', '1M'], /--initrd 'big': 2097152 bytes do not fit/],
  ...['', '0', '-5', '1K', '2G', '1T', 'lots', '1e99', '0x10', '99999999999999999999M'].map(
    (size) => [[...RUN, `--memory=${size}`], /--memory '.*': expected a/] as const as [string[], RegExp],
  ),
  [[...RUN, '--serial', 'pty'], /--serial 'pty': expected stdio, null or file:PATH/],
  [[...RUN, '--serial', 'file:'], /--serial 'file:': expected/],
  [[...RUN, '--serial', 'file:directory'], /--serial 'directory': is a directory/],
  [[...RUN, '--serial', 'file:no/such/file'], /--serial 'no\/such\/file': no such file/],
  [[...RUN, '--stats', 'no/such/file'], /--stats 'no\/such\/file': no such file/],
  [[...RUN, '--stats='], /--stats: expected/],
  [[...RUN, '--display', 'gtk'], /--display 'gtk': expected one of none/],
  [[...RUN, '--engine', 'turbo'], /--engine 'turbo': expected one of jit, interpreter, evaluator/],
  [[...RUN, '--clock', 'sundial'], /--clock 'sundial': expected one of host, virtual/],
  [[...RUN, '--cpu', '8086'], /--cpu '8086': expected one of/],
  [[...RUN, '--until', '('], /--until '\(': not a valid regular expression/],
  [[...RUN, '--fail', '[z-a]'], /--fail '\[z-a\]': not a valid/],
  [[...RUN, '--send', '\\q'], /--send '\\q': unknown escape/],
  [[...RUN, '--send', 'x,after=('], /--send after= '\('/],
  ...['0', '-1', 'soon', '', 'Infinity', '1e400'].map(
    (time) =>
      [[...RUN, `--timeout=${time}`], /--timeout '.*': expected a positive number/] as const as [
        string[],
        RegExp,
      ],
  ),
  [[...RUN, '--demo'], /--demo: brings its own kernel/],

  [['disasm'], /expected a file or hexadecimal bytes/],
  [['disasm', 'xyz'], /'xyz': neither a file nor/],
  [['disasm', '909'], /'909': neither a file nor/],
  [['disasm', 'directory'], /'directory': is a directory/],
  [['disasm', 'empty'], /'empty': the file is empty/],
  [['disasm', '90', '--bits', '8'], /--bits '8': expected one of 16, 32, 64/],
  [['disasm', '90', '--bits'], /--bits needs a value/],
  [['disasm', '90', '--address', 'here'], /--address 'here': expected/],

  [['vectors'], /expected files or directories/],
  [['vectors', 'missing.jsonl.gz'], /'missing.jsonl.gz'/],
  [['vectors', 'i386/missing.jsonl.gz'], /'i386\/missing.jsonl.gz': no such file/],
  [['vectors', 'directory'], /'directory': no \*\.jsonl\.gz/],
  [['vectors', 'i386/empty'], /'i386\/empty': the file is empty/],
  [['vectors', 'i386/truncated.jsonl.gz'], /damaged or truncated gzip/],
  [['vectors', 'i386/not-json.jsonl.gz'], /not-json.jsonl.gz:1': not valid JSON/],
  [['vectors', 'i386/not-vector.jsonl.gz'], /not-vector.jsonl.gz:1': not a vector/],
  [['vectors', 'i386/bad-register.jsonl.gz'], /bad-register.jsonl.gz:1': not a vector/],
  [['vectors', 'i386/bad-result.jsonl.gz'], /bad-result.jsonl.gz:1': not a vector/],
  [['vectors', 'x86-64/good.jsonl.gz'], /64-bit vectors, expected 16- or 32-bit/],
  [['vectors', 'unplaced.jsonl.gz'], /cannot tell the code size/],
  [['vectors', 'i386/good.jsonl.gz', '--engine', 'x'], /--engine 'x': expected one of/],
  [['vectors', 'i386/good.jsonl.gz', '--filter', '('], /--filter '\('/],
  [['vectors', 'i386/good.jsonl.gz', '--filter', 'nothing'], /--filter 'nothing': no form key matches/],

  [['regress'], /regress: expected lockstep/],
  [['regress', 'race'], /regress 'race': expected lockstep/],
  [['regress', 'lockstep'], /expected --kernel/],
  [['regress', 'lockstep', '--kernel', 'missing'], /--kernel 'missing': no such file/],
  [['regress', 'lockstep', '--kernel', 'good.elf', '--engines', 'jit'], /--engines 'jit': expected two/],
  [['regress', 'lockstep', '--kernel', 'good.elf', '--engines', 'jit,x'], /--engines 'x': expected one of/],
  [['regress', 'lockstep', '--kernel', 'good.elf', '--every', '0'], /--every '0': expected block or/],
];

describe('bad input', () => {
  it.concurrent.each(CASES)('%j', { timeout: 60_000 }, async (args, names) => {
    const { status, stdout, stderr } = await hvm(args, { cwd: scratch.path });
    expect(stderr).toMatch(/^hvm: [^\n]+\n$/);
    expect(stderr).toMatch(names);
    expect(stdout).toBe('');
    expect(status).toBe(1);
  });
});
