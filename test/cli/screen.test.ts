/** Keys from text and terminals, what waits for the screen, and screenshots of a run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { keysOfTerminal, keysOfText } from '../../src/cli/key-text.js';
import { KeyTypist } from '../../src/cli/key-typist.js';
import { parseScreenshot } from '../../src/cli/screenshots.js';
import { ScreenWatcher } from '../../src/cli/screen-watcher.js';
import type { KeySend } from '../../src/cli/screen-watcher.js';
import type { KeyEvent } from '../../src/display/us-keyboard.js';
import { code, elf32, hvm, Scratch } from './hvm.js';

const show = (events: readonly KeyEvent[]) =>
  events.map(({ key, down }) => `${down ? '+' : '-'}${key.toString(16)}`).join(' ');
const bytes = (text: string) => new TextEncoder().encode(text);

describe('keys from text', () => {
  it('characters, shifted ones and escapes', () => {
    expect(show(keysOfText('aB\\n'))).toBe('+1e -1e +2a +30 -30 -2a +1c -1c');
    expect(show(keysOfText('a<b'))).toBe(show(keysOfText('a\\<b')));
  });
  it('named keys and chords', () => {
    expect(show(keysOfText('<ctrl-alt-delete><F2>'))).toBe('+1d +38 +d3 -d3 -38 -1d +3c -3c');
  });
  it.each([
    ['<nokey>', /no key is called '<nokey>'/],
    ['ä', /no key of the US keyboard gives 'ä'/],
    ['\\q', /--send-keys .* unknown escape/],
  ])('refuses %s', (text, message) => expect(() => keysOfText(text)).toThrow(message));
  it('every printable ASCII character has keys', () => {
    for (let c = 32; c < 127; c++) expect(keysOfTerminal(Uint8Array.of(c)).length).toBeGreaterThan(1);
  });
  it('what terminals send', () => {
    expect(show(keysOfTerminal(bytes('\x1b[A\x1bOP\x1b[24~')))).toBe('+c8 -c8 +3b -3b +58 -58');
    expect(show(keysOfTerminal(bytes('\x1b[[B\x1b[Z\x1bOM')))).toBe('+3c -3c +2a +f -f -2a +9c -9c');
    expect(show(keysOfTerminal(bytes('\x1b[1;6A\x1b[3;5~\x1b[1;3P')))).toBe(
      '+2a +1d +c8 -c8 -1d -2a +1d +d3 -d3 -1d +38 +3b -3b -38',
    );
    expect(show(keysOfTerminal(bytes('\x03\x7f\r')))).toBe('+1d +2e -2e -1d +e -e +1c -1c');
    expect(show(keysOfTerminal(bytes('\x1bX')))).toBe('+38 +2a +2d -2d -2a -38');
    expect(show(keysOfTerminal(bytes('\x1b')))).toBe('+1 -1');
    expect(show(keysOfTerminal(bytes('\x1b[99~a')))).toBe('+1e -1e');
  });
});

describe('typing', () => {
  it('waits until the guest has read and time has passed', () => {
    const typed: KeyEvent[] = [];
    let now = 0;
    const keyboard = { idle: true, key: (key: number, down: boolean) => void typed.push({ key, down }) };
    const typist = new KeyTypist(keyboard, () => now);
    typist.enqueue(keysOfText('a'));
    typist.type();
    typist.type();
    expect(show(typed)).toBe('+1e');
    now = 1e9;
    keyboard.idle = false;
    typist.type();
    expect(show(typed)).toBe('+1e');
    keyboard.idle = true;
    expect([typist.busy, typist.typeNow(), typist.busy, typist.typeNow()]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(show(typed)).toBe('+1e -1e');
  });
});

describe('the screen watcher', () => {
  function watch(until: RegExp | undefined, sends: readonly KeySend[]) {
    const source = { text: [''], changes: 0, lines: () => source.text };
    const typed: string[] = [];
    const keyboard = { busy: false, enqueue: (keys: readonly KeyEvent[]) => void typed.push(show(keys)) };
    const watcher = new ScreenWatcher(source, keyboard, until, sends);
    const display = (...lines: string[]) => {
      source.text = lines;
      source.changes++;
      watcher.settle();
    };
    return { watcher, display, typed, keyboard };
  }
  it('finds a line', () => {
    const { watcher, display } = watch(/^ready$/g, []);
    display('not ready', '');
    expect(watcher.found).toBeUndefined();
    display('x', 'ready');
    expect(watcher.found).toBe('ready');
  });
  it('types in order, each at another screen', () => {
    const sends = ['a', 'b'].map((text) => ({ keys: keysOfText(text), after: /#/g }));
    const { display, typed, keyboard } = watch(undefined, sends);
    display('# ');
    display('# ');
    expect(typed).toHaveLength(1);
    keyboard.busy = true;
    display('# a');
    expect(typed).toHaveLength(1);
    keyboard.busy = false;
    display('# a', '# ');
    expect(typed).toHaveLength(2);
  });
});

describe('screenshots', () => {
  const scratch = new Scratch();
  afterAll(() => scratch.remove());
  /** Writes text to the upper left corner: mov word [0xb8000 + 2 i], character and attribute. */
  const show = (text: string) =>
    [...text].flatMap((c, i) => [0x66, 0xc7, 0x05, 2 * i, 0x80, 0x0b, 0x00, c.charCodeAt(0), 0x07]);

  it('requests', () => {
    expect(parseScreenshot('a.png')).toEqual({ path: 'a.png', format: 'png' });
    expect(parseScreenshot('a,after=b.TXT,after=2.5')).toEqual({
      path: 'a,after=b.TXT',
      format: 'text',
      after: 2.5,
    });
    expect(parseScreenshot('a.txt,after=x+')).toMatchObject({ after: /x+/g });
    expect(() => parseScreenshot('a.gif')).toThrow(/'a.gif': expected a name that ends in \.png or \.txt/);
  });
  it('are taken when their moment comes and at the end', async () => {
    const kernel = scratch.write(
      'k.elf',
      elf32(show('one'), code.print('go\n'), show('TWO'), code.debugExit(0)),
    );
    const file = (name: string) => join(scratch.path, name);
    const shots = ['end.txt', 'end.png', 'screen.txt,after=^TWO', 'never.txt,after=THREE'];
    const { stderr, status } = await hvm([
      ...['run', '--kernel', kernel, '--clock', 'virtual', '--debug-exit'],
      ...shots.flatMap((shot) => ['--screenshot', file(shot)]),
    ]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/never\.txt': its moment never came/);
    for (const name of ['end.txt', 'screen.txt', 'never.txt'])
      expect(readFileSync(file(name), 'utf8')).toBe(`TWO\n${'\n'.repeat(24)}`);
    expect(readFileSync(file('end.png')).subarray(1, 4).toString()).toBe('PNG');
  });
  it('--until-screen ends the run', async () => {
    const kernel = scratch.write('u.elf', elf32(show('ready'), code.spin));
    const { status } = await hvm([
      'run',
      '--kernel',
      kernel,
      '--clock',
      'virtual',
      '--until-screen',
      '^ready$',
    ]);
    expect(status).toBe(0);
  });
  it('--send-keys types on the keyboard', async () => {
    // in al, 64h; test al, 1; jz; in al, 60h; mov [0xb8000], al; jmp
    const echo = [0xe4, 0x64, 0xa8, 1, 0x74, 0xfa, 0xe4, 0x60, 0xa2, 0x00, 0x80, 0x0b, 0x00, 0xeb, 0xf1];
    const kernel = scratch.write('e.elf', elf32(show('?'), echo));
    // Scan code 23 (h) shows as #.
    const args = ['--clock', 'virtual', '--send-keys', 'h,after=\\?', '--until-screen', '#'];
    expect((await hvm(['run', '--kernel', kernel, ...args])).status).toBe(0);
  });
  it.each([
    [['--screenshot', 'x.bmp'], /expected a name that ends in/],
    [['--screenshot', '/nowhere/x.txt'], /no such file/],
    [['--display', 'sdl'], /expected one of none, terminal, curses/],
    [['--display', 'terminal', '--serial', 'stdio'], /needs the terminal for itself/],
    [['--display', 'curses', '--serial', 'stdio'], /needs the terminal for itself/],
    [['--send-keys', '<x-y-zz>'], /no key is called/],
    [['--until-screen', '('], /not a valid regular expression/],
  ])('bad usage %j', async (args, message) => {
    const kernel = scratch.write('b.elf', elf32(code.halt));
    const { status, stderr } = await hvm(['run', '--kernel', kernel, ...args]);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
