/** The monitor: its commands against a target that only remembers, its sessions, and the real thing on sockets and behind Ctrl-A c. */
import { connect } from 'node:net';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { CommandError } from '../../src/cli/monitor/command-error.js';
import { execute } from '../../src/cli/monitor/commands.js';
import { mappings, translate } from '../../src/cli/monitor/page-tables.js';
import { MonitorSession } from '../../src/cli/monitor/session.js';
import type { MonitorTarget } from '../../src/cli/monitor/target.js';
import { parseMonitor } from '../../src/cli/monitor-options.js';
import { CR0, CR4 } from '../../src/runtime/state.js';
import { Scratch, code, elf32, hvm } from './hvm.js';

const BIN = process.env.HVM_BIN ?? fileURLToPath(new URL('../../bin/hvm.js', import.meta.url));
const memory = Uint8Array.from({ length: 0x100 }, (_, i) => i);
let calls: string[];
let target: MonitorTarget;

beforeEach(() => {
  calls = [];
  const note =
    (name: string) =>
    (...values: unknown[]): void =>
      void calls.push([name, ...values].join(' '));
  target = {
    running: true,
    instructions: 1234,
    now: 5e9,
    registers: () => 'EAX=0',
    register: (name) => (name === 'eip' ? 0x10 : undefined),
    mappings: () => [
      {
        linear: 0x1000,
        bytes: 4096,
        physical: 0x5000,
        flags: 0x67,
        writable: true,
        user: true,
        noExecute: false,
      },
      {
        linear: 0x2000,
        bytes: 4096,
        physical: 0x7000,
        flags: 0x67,
        writable: true,
        user: true,
        noExecute: false,
      },
      {
        linear: 0x400000,
        bytes: 0x400000,
        physical: 0,
        flags: 0x1e3,
        writable: true,
        user: false,
        noExecute: true,
      },
    ],
    translate: (linear) => (linear < 0x1000 ? linear : -1),
    readMemory: (physical) => memory[physical] ?? -1,
    codeBits: 32,
    statistics: () => ({ a: { b: 1 }, c: 'x' }),
    pci: () => [],
    memoryMap: () => ({
      memory: [{ first: 0, last: 0xfff, name: 'RAM' }],
      ports: [{ first: 0x20, last: 0x21, name: 'pic' }],
    }),
    drives: () => [],
    eject: note('eject'),
    change: note('change'),
    screen: () => ({ kind: 'text', width: 720, height: 400, lines: [' a', '', '┌b', '', ''] }),
    screendump: note('screendump'),
    sendKeys: note('keys'),
    reset: note('reset'),
    powerDown: note('powerDown'),
    stop: note('stop'),
    resume: note('resume'),
    quit: note('quit'),
    save: note('save'),
    load: note('load'),
  };
});
const run = (line: string): string => execute(target, line);

describe('commands', () => {
  it('do what they are called', () => {
    for (const line of [
      'stop',
      'c',
      'system_reset',
      'system_powerdown',
      'eject -f ide1-cd0',
      'eject floppy0',
    ])
      expect(run(line)).toBe('');
    for (const line of [
      'change ide1-cd0 a.iso',
      'change ide1-cd0 "my disc.iso" raw',
      'loadvm "a b"',
      ' savevm  my file ',
      'loadvm other',
      'screendump a.png',
      'sendkey ctrl-alt-f1',
      'q',
    ])
      expect(run(line)).toBe('');
    expect(calls).toEqual([
      ...['stop', 'resume', 'reset', 'powerDown', 'eject ide1-cd0 true', 'eject floppy0 false'],
      ...[
        'change ide1-cd0 a.iso ',
        'change ide1-cd0 my disc.iso raw',
        'load a b',
        'save my file',
        'load other',
        'screendump a.png',
        'keys 29,56,59',
        'quit',
      ],
    ]);
  });

  it('show memory in every format', () => {
    expect(run('x /4xb $eip')).toBe('00000010: 0x10 0x11 0x12 0x13');
    expect(run('x/2xh 0x20+2')).toBe('00000022: 0x2322 0x2524');
    expect(run('x 0')).toBe('00000000: 0x03020100');
    expect(run('xp /2dw 248')).toBe('00000000000000f8:  -67438088     -66052');
    expect(run('xp /uw 0xfc')).toBe('00000000000000fc: 4294901244');
    expect(run('x /2ob 8')).toBe('00000008: 010 011');
    expect(run('x /2dw 0')).toBe('00000000:   50462976  117835012');
    expect(run('x /1uw 0')).toBe('00000000:   50462976');
    expect(run('x /1ow 0')).toBe('00000000:  0300400400');
    expect(run('x /3c 0x40')).toBe("00000040: '@' 'A' 'B'");
    expect(run('x /5c 9')).toBe("00000009: '\\x09' '\\n' '\\x0b' '\\x0c' '\\r'");
    expect(run('x /1c 0x27')).toBe("00000027: '\\''");
    expect(run('x /1xg 0')).toBe('00000000: 0x0706050403020100');
    expect(run('x /2i 0x90')).toMatch(/^0x00000090: {2}90 +nop\n0x00000091: {2}91 +xchg /);
    expect(run('xp /5xw 0xf8')).toBe(
      '00000000000000f8: 0xfbfaf9f8 0xfffefdfc\nCannot access memory at address 0x100',
    );
    expect(run('x 0x1000')).toBe('Cannot access memory at address 0x1000');
  });

  it('inform', () => {
    expect(run('info status')).toBe('VM status: running\n1234 instructions, 5.000 seconds of guest time');
    expect(run('info mem')).toBe('00001000-00003000 00002000 urw\n00400000-00800000 00400000 -rw');
    expect(run('info tlb').split('\n')[2]).toBe('00400000: 000000000 XGPDA---W');
    expect(run('info jit')).toBe('a.b: 1\nc: x');
    expect(run('info mtree')).toBe('memory\n  00000000-00000fff: RAM\nI/O\n  0020-0021: pic');
    expect(run('screen')).toBe(' a\n\n┌b');
    target = { ...target, screen: () => ({ kind: 'graphics', width: 640, height: 480, lines: [] }) };
    expect(run('screen')).toMatch(/^screen: the screen shows graphics, 640 by 480: screendump/);
    target = { ...target, screen: () => ({ kind: 'blank', width: 0, height: 0, lines: [] }) };
    expect(run('screen')).toBe('screen: the screen is blank');
    expect(run('help').split('\n').length).toBeGreaterThan(12);
    expect(run('help x')).toMatch(/^x \[\/FMT\] ADDRESS -- /);
  });

  it.each([
    ['frobnicate 1', /^unknown command: 'frobnicate'; help lists/],
    ['info nothing', /^info: 'nothing': expected one of registers, /],
    ['info mem tlb', /^info: 'mem tlb': expected one of/],
    ['x', /^x: '': expected an address/],
    ['x 0x', /expected an address/],
    ['x $nothing', /expected an address/],
    ['x /99999xb 0', /expected a count up to 4096/],
    ['x /xx 0', /expected a count/],
    ['stop now', /^stop: takes no argument/],
    ['eject', /^eject: expected a drive/],
    ['change ide1-cd0', /^change: expected a drive and a file/],
    ['sendkey', /expected keys joined/],
    ['sendkey ctrl-nothing', /expected keys joined/],
    ['savevm', /^savevm: expected a file name/],
    ['/', /^unknown command/],
  ])('%s is refused in one line', (line, message) => {
    expect(run(line)).toMatch(message);
    expect(run(line)).not.toContain('\n');
    expect(calls).toEqual([]);
  });

  it('take anything', () => {
    target.readMemory = () => 0x90;
    const words = fc.constantFrom(
      'x',
      'xp',
      '/4xw',
      '/i',
      '0x10',
      '$eip',
      '-',
      '+',
      'info',
      'mem',
      'help',
      'eject',
      '-f',
      'sendkey',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words).map((w) => w.join(' ')),
        ),
        (line) => {
          expect(typeof run(line)).toBe('string');
        },
      ),
    );
  });

  it('a target that cannot says so in the answer', () => {
    target.eject = () => {
      throw new CommandError('no such drive');
    };
    expect(run('eject a')).toBe('eject: no such drive');
  });
});

describe('page tables', () => {
  const words = new Map<number, number>();
  const read = (address: number): number => words.get(address) ?? 0;
  const pdptes = new Int32Array(8);
  beforeEach(() => words.clear());

  it('of 32 bits, with large pages', () => {
    const cpu = { cr0: CR0.PG, cr3: 0x1000, cr4: CR4.PSE, mmu: { pdptes } };
    words.set(0x1000, 0x2000 | 7).set(0x1000 + 4 * 768, 0x00400000 | 0x83);
    words.set(0x2004, 0x9000 | 5);
    const all = [...mappings(cpu, read)];
    expect(
      all.map(({ linear, physical, bytes, user, writable }) => [linear, physical, bytes, user, writable]),
    ).toEqual([
      [0x1000, 0x9000, 4096, true, false],
      [0xc0000000, 0x400000, 0x400000, false, true],
    ]);
    expect([0x1234, 0xc0000005, 0x2000].map((at) => translate(cpu, read, at))).toEqual([
      0x9234, 0x400005, -1,
    ]);
    expect(translate({ ...cpu, cr0: 0 }, read, 0x77)).toBe(0x77);
  });

  it('of PAE', () => {
    const cpu = { cr0: CR0.PG, cr3: 0, cr4: CR4.PAE, mmu: { pdptes } };
    pdptes[6] = 0x3001;
    words
      .set(0x3008, 0x4000 | 7)
      .set(0x4010, 0x5000 | 3)
      .set(0x4014, 0x80000000);
    const [page] = [...mappings(cpu, read)];
    expect(page).toMatchObject({ linear: 0xc0202000, physical: 0x5000, user: false, noExecute: true });
    expect(translate(cpu, read, 0xc0202010)).toBe(0x5010);
  });
});

describe('a session', () => {
  let sent: string;
  const session = (echo: boolean) =>
    new MonitorSession({ echo, execute: (line) => `<${line}>`, send: (text) => (sent += text) });
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  beforeEach(() => (sent = ''));

  it('answers lines, whatever ends them', () => {
    const s = session(false);
    s.receive(bytes('a\r\nb\nc\rd'));
    expect(sent).toBe('<a>\r\n(hvm) <b>\r\n(hvm) <c>\r\n(hvm) ');
  });
  it('echoes and edits on a terminal', () => {
    session(true).receive(bytes('ax\x7fb\r'));
    expect(sent).toBe('ax\b \bb\r\n<ab>\r\n(hvm) ');
  });
  it('keeps no endless line and no control characters', () => {
    session(false).receive(bytes(`${'x'.repeat(10_000)}\x1b\n`));
    expect(sent.length).toBe('<>\r\n(hvm) '.length + 4096);
  });
});

describe('--monitor', () => {
  it.each([
    ['unix:/a,server,nowait', { kind: 'unix', path: '/a' }],
    ['tcp::4444', { kind: 'tcp', host: '127.0.0.1', port: 4444 }],
    ['tcp:0.0.0.0:1,server=on,wait=off', { kind: 'tcp', host: '0.0.0.0', port: 1 }],
    ['tcp:[::1]:9', { kind: 'tcp', host: '::1', port: 9 }],
    ['stdio', { kind: 'stdio' }],
    ['none', undefined],
  ])('%s', (value, expected) => expect(parseMonitor(value)).toEqual(expected));
  it.each(['', 'unix:', 'tcp:', 'tcp:1', 'tcp::99999', 'vc', 'unix:/a,what'])('%s is refused', (value) =>
    expect(() => parseMonitor(value)).toThrow(/expected stdio, none, unix:PATH or tcp:/),
  );
});

const scratch = new Scratch();
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  scratch.remove();
});

/** mov word [0xb8000], 0x7c9: a corner in the upper left of the screen. */
const corner = [0x66, 0xc7, 0x05, 0x00, 0x80, 0x0b, 0x00, 0xc9, 0x07];
/** Says READY, then echoes until Q, then asks for status 3. */
const ECHO = scratch.write(
  'echo.elf',
  elf32(corner, code.print('READY\n'), code.echoUntil('Q'), code.debugExit(3)),
);
const SCREEN = ['--kernel', ECHO, '--debug-exit', '--clock', 'virtual', '-m', '8M'];

async function waitFor(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 600 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(condition()).toBe(true);
}

/** Talks to a monitor; resolves with what it said when it closed the connection. */
function talk(path: string, lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const socket = connect(path, () => socket.write(lines.map((line) => `${line}\n`).join('')));
    socket.on('data', (data) => (said += data.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(said));
  });
}

describe('a running machine', { timeout: 240_000 }, () => {
  it('answers on a socket, stops, goes on, is saved and quits; another goes on from the file', async () => {
    const path = join(scratch.path, 'monitor');
    const state = join(scratch.path, 'echo.state');
    const child = spawn(process.execPath, [BIN, 'run', ...SCREEN, '--monitor', `unix:${path}`], {
      stdio: 'pipe',
    });
    children.push(child);
    let output = '';
    child.stdout!.on('data', (data) => (output += String(data)));
    await waitFor(() => output.includes('READY'));
    const said = await talk(path, [
      'info status',
      'stop',
      'info status',
      'info block',
      'screen',
      `savevm ${state}`,
      'frob',
      'quit',
    ]);
    expect(said).toMatch(
      /VM status: running[^]*VM status: paused[^]*ide1-cd0: \[not inserted\][^]*\(hvm\) ╔\r\n[^]*unknown command: 'frob'/,
    );
    await waitFor(() => child.exitCode !== null);
    expect([child.exitCode, existsSync(path)]).toEqual([0, false]);

    const restored = await hvm(['run', ...SCREEN, '--restore', state], { input: 'onQ' });
    expect([restored.stdout, restored.stderr, restored.status]).toEqual(['onQ', '', 7]);
    const refuse = async (...args: string[]): Promise<string> => {
      const { status, stderr } = await hvm(['run', ...SCREEN, ...args]);
      expect([status, stderr.split('\n').length]).toEqual([1, 2]);
      return stderr;
    };
    const text = readFileSync(state);
    const bad = (name: string, content: Uint8Array): string => scratch.write(name, content);
    expect(await refuse('--restore', state, '-m', '16M')).toContain(
      'has 8192 KiB of memory, this machine 16384 KiB',
    );
    expect(await refuse('--restore', state, '--cpu', '486')).toContain('has another processor');
    expect(await refuse('--restore', bad('cut', text.subarray(0, 5000)))).toContain(
      "cut': is truncated: 5000 of",
    );
    expect(await refuse('--restore', ECHO)).toContain('is no saved machine');
    expect(await refuse('--restore', join(scratch.path, 'none'))).toContain('no such file');
  });

  it('is behind Ctrl-A c', async () => {
    const input = 'a\x01cinfo status\nx /1i $pc\n\x01cbQ';
    const { stdout, status } = await hvm(['run', ...SCREEN], { input });
    expect(stdout).toMatch(/\(hvm\) VM status: running\r?\n[^]*\(hvm\) 0x[0-9a-f]{8}: /);
    expect(stdout.replace(/hvm monitor[^]*\(hvm\) (\r\n)?$/m, '')).toMatch(/b/);
    expect(status).toBe(7);
  });

  it('on standard input, where the serial line then is not', async () => {
    const { stdout, status } = await hvm(['run', ...SCREEN, '--monitor', 'stdio'], {
      input: 'info status\nquit\n',
    });
    expect([stdout.includes('VM status: running'), status]).toEqual([true, 0]);
    const both = await hvm(['run', ...SCREEN, '--monitor', 'stdio', '--serial', 'stdio']);
    expect([both.status, both.stderr]).toEqual([
      1,
      expect.stringContaining('--monitor stdio: needs the terminal'),
    ]);
  });

  it('goes on from a file, and stays as it is when the file is refused', async () => {
    const state = join(scratch.path, 'load.state');
    const script = [`savevm ${state}`, 'info status', `loadvm ${ECHO}`, 'loadvm /none', 'savevm /dev/null'];
    const { stdout, status } = await hvm(['run', ...SCREEN, '--monitor', 'stdio'], {
      input: [...script, 'stop', `loadvm ${state}`, 'info status', 'info block', 'quit', ''].join('\n'),
    });
    expect(stdout).toMatch(
      /echo.elf': is no saved machine[^]*'\/none': no such file[^]*'\/dev\/null': not a regular/,
    );
    const [saved, loaded] = [...stdout.matchAll(/^(\d+) instructions/gm)].map((match) => match[1]);
    expect([loaded, status, stdout.includes('ide1-cd0')]).toEqual([saved, 0, true]);
  });

  it('media are changed; a restored machine wants those that were there', async () => {
    const cd = scratch.write('a.iso', new Uint8Array(64 * 2048).fill(1));
    const other = scratch.write('b.iso', new Uint8Array(64 * 2048).fill(2));
    const disk = scratch.write('disk.img', new Uint8Array(1 << 20));
    const state = join(scratch.path, 'media.state');
    const drives = ['--cdrom', cd, '--disk', `${disk},format=raw`];
    const script = [
      'info block',
      `change ide1-cd0 ${other}`,
      'eject ide0-hd0',
      'change ide1-cd0 /none',
      'info block',
    ];
    const input = [...script, `savevm ${state}`, 'eject ide1-cd0', 'info block', 'quit', ''].join('\n');
    const { stdout } = await hvm(['run', ...SCREEN, ...drives, '--monitor', 'stdio'], { input });
    expect(stdout).toMatch(
      /ide1-cd0: \S+a\.iso[^]*medium cannot be taken out[^]*no such file[^]*ide1-cd0: \S+b\.iso[^]*\[not inserted\]/,
    );
    const restored = (...args: string[]) =>
      hvm(['run', ...SCREEN, ...args, '--restore', state], { input: 'Q' });
    const good = ['--cdrom', other, '--disk', `${disk},format=raw`];
    expect(await restored(...good)).toMatchObject({ status: 7, stderr: '' });
    expect((await restored(...drives)).stderr).toMatch(
      /needs '\S+a\.iso' in ide1-cd0 as it was when the machine was saved: /,
    );
    expect((await restored('--cdrom', other)).stderr).toMatch(
      /has '\S+disk\.img' in 'ide0-hd0', this machine nothing/,
    );
    writeFileSync(disk, new Uint8Array(1 << 20));
    utimesSync(disk, 1, 1);
    expect((await restored(...good)).stderr).toMatch(
      /in ide0-hd0 as it was when the machine was saved: written to since/,
    );
    writeFileSync(disk, new Uint8Array(2 << 20));
    expect((await restored(...good)).stderr).toMatch(/2097152 bytes, not 1048576/);
  });
});
