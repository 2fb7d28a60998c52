/** The terminal's view of the screen, as a terminal emulator shows it: text, colours, cursor, sizes; and how it is left. */
import { EventEmitter } from 'node:events';
import xterm from '@xterm/headless';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TerminalView } from '../../src/cli/host/terminal-view.js';
import type { TerminalOutput } from '../../src/cli/host/terminal-view.js';
import { screenText } from '../../src/display/screen-text.js';
import { TestScreen } from '../display/screen.js';

/** `process.stdout` with a terminal emulator behind it. */
class FakeTerminal extends EventEmitter implements TerminalOutput {
  readonly xterm: xterm.Terminal;
  writableNeedDrain = false;
  written = '';

  constructor(columns: number, rows: number) {
    super();
    this.xterm = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
  }
  get columns(): number {
    return this.xterm.cols;
  }
  get rows(): number {
    return this.xterm.rows;
  }
  write(text: string): void {
    this.written += text;
    this.xterm.write(text);
  }
  resize(columns: number, rows: number): void {
    this.xterm.resize(columns, rows);
    this.emit('resize');
  }
  get lines(): string[] {
    const { active } = this.xterm.buffer;
    return Array.from({ length: this.rows }, (_, y) =>
      active
        .getLine(active.viewportY + y)!
        .translateToString(true)
        .trimEnd(),
    );
  }
  cell(column: number, row: number) {
    const { active } = this.xterm.buffer;
    return active.getLine(active.viewportY + row)!.getCell(column)!;
  }
  get cursor(): { column: number; row: number } {
    const { cursorX, cursorY } = this.xterm.buffer.active;
    return { column: cursorX, row: cursorY };
  }
}

let screen: TestScreen;
let terminal: FakeTerminal;
let view: TerminalView;

function open(columns: number, rows: number): void {
  terminal = new FakeTerminal(columns, rows);
  terminal.write('prompt$ ');
  view = new TerminalView(screen.vga, terminal);
  view.open();
}
/** Lets the view draw and the terminal understand. */
async function drawn(): Promise<void> {
  vi.advanceTimersByTime(100);
  await new Promise<void>((resolve) => terminal.xterm.write('', resolve));
}
function moveCursor(column: number, row: number): void {
  const at = row * 80 + column;
  screen.set(0x3d4, 0x0e, at >> 8);
  screen.set(0x3d4, 0x0f, at & 0xff);
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  screen = new TestScreen();
});
afterEach(() => {
  view.close();
  vi.useRealTimers();
});

describe('the terminal shows', () => {
  it('every character of the screen, and what changes', async () => {
    open(80, 25);
    for (let code = 0; code < 256; code++) screen.print(code % 80, Math.floor(code / 80), [code]);
    for (let row = 4; row < 25; row++) screen.print(0, row, 'x'.repeat(80));
    await drawn();
    expect(terminal.lines).toEqual(screenText(screen.state));
    expect(terminal.lines[24]).toHaveLength(80);
    terminal.written = '';
    screen.print(5, 10, 'hello');
    await drawn();
    expect(terminal.lines).toEqual(screenText(screen.state));
    expect(terminal.lines[10]).toBe(`xxxxxhello${'x'.repeat(70)}`);
    expect(terminal.written.length).toBeLessThan(200);
  });
  it('colours', async () => {
    open(80, 25);
    const ansi = [0, 4, 2, 6, 1, 5, 3, 7];
    for (let attributes = 0; attributes < 256; attributes++)
      screen.print(attributes & 15, attributes >> 4, 'x', attributes);
    for (const blinks of [true, false]) {
      screen.attribute(0x10, blinks ? 0x0c : 0x04);
      await drawn();
      for (let attributes = 0; attributes < 256; attributes++) {
        const cell = terminal.cell(attributes & 15, attributes >> 4);
        expect([cell.isFgPalette(), cell.isBgPalette()]).toEqual([true, true]);
        expect(cell.getFgColor()).toBe((attributes & 8) + ansi[attributes & 7]!);
        const back = ansi[(attributes >> 4) & 7]!;
        const bit7 = attributes >= 0x80;
        expect([cell.getBgColor(), cell.isBlink() !== 0]).toEqual(
          blinks ? [back, bit7] : [back + (bit7 ? 8 : 0), false],
        );
      }
    }
  });
  it('the cursor where it is, or none', async () => {
    open(80, 25);
    moveCursor(17, 11);
    await drawn();
    expect(terminal.cursor).toEqual({ column: 17, row: 11 });
    expect(terminal.written).toMatch(/\x1b\[\?25h$/); // eslint-disable-line no-control-regex
    screen.set(0x3d4, 0x0a, 0x20);
    await drawn();
    expect(terminal.written).toMatch(/\x1b\[\?25l$/); // eslint-disable-line no-control-regex
  });
  it('as much as there is room for, with the cursor in it', async () => {
    open(100, 30);
    for (let row = 0; row < 25; row++) screen.print(0, row, `row ${row} `.padEnd(80, '.'));
    await drawn();
    expect(terminal.lines.slice(0, 25)).toEqual(screenText(screen.state));
    expect(terminal.lines.slice(25).join('')).toBe('');
    terminal.resize(40, 10);
    moveCursor(3, 0);
    await drawn();
    expect(terminal.lines).toEqual(
      screenText(screen.state)
        .slice(0, 10)
        .map((line) => line.slice(0, 40)),
    );
    moveCursor(3, 20);
    await drawn();
    expect(terminal.lines[9]).toMatch(/^row 20 /);
    expect(terminal.cursor).toEqual({ column: 3, row: 9 });
    terminal.resize(80, 25);
    await drawn();
    expect(terminal.lines).toEqual(screenText(screen.state));
  });
  it('the size of graphics, and text again', async () => {
    open(80, 25);
    screen.print(0, 0, 'text');
    await drawn();
    for (const [index, value] of [
      [1, 640],
      [2, 480],
      [3, 8],
      [4, 0x41],
    ] as const)
      screen.dispi(index, value);
    await drawn();
    expect(terminal.lines[0]).toBe('(graphics, 640 by 480)');
    screen.dispi(4, 0);
    screen.print(0, 1, 'again');
    await drawn();
    expect(terminal.lines[1]).toBe('again');
  });
  it('a note for a moment', async () => {
    open(80, 25);
    screen.print(0, 24, 'bottom');
    await drawn();
    expect(view.note('Ctrl-A x  leave')).toBe(true);
    await drawn();
    expect(terminal.lines[24]).toBe(' Ctrl-A x  leave');
    const { now } = Date;
    const later = vi.spyOn(Date, 'now').mockImplementation(() => now() + 4000);
    await drawn();
    expect(terminal.lines[24]).toBe('bottom');
    later.mockRestore();
    view.hide();
    expect(view.note('x')).toBe(false);
  });
  it('nothing new while the terminal is slow, then the last state', async () => {
    open(80, 25);
    await drawn();
    terminal.writableNeedDrain = true;
    screen.print(0, 0, 'first');
    await drawn();
    expect(terminal.lines[0]).toBe('');
    screen.print(0, 0, 'second');
    terminal.writableNeedDrain = false;
    await drawn();
    expect(terminal.lines[0]).toBe('second');
  });
});

describe('the terminal is as it was', () => {
  const asItWas = async (): Promise<void> => {
    await drawn();
    expect(terminal.xterm.buffer.active.type).toBe('normal');
    expect(terminal.lines[0]).toBe('prompt$');
    expect(terminal.cursor).toEqual({ column: 8, row: 0 });
    expect(terminal.xterm.modes.wraparoundMode).toBe(true);
    expect(terminal.written).toMatch(/\x1b\[\?25h\x1b\[\?1049l$/); // eslint-disable-line no-control-regex
    const { length } = terminal.written;
    screen.print(0, 0, 'late');
    await drawn();
    expect(terminal.written).toHaveLength(length);
  };
  const shown = async (): Promise<void> => {
    open(80, 25);
    await drawn();
    expect(terminal.xterm.buffer.active.type).toBe('alternate');
  };
  it('after the end', async () => {
    await shown();
    view.close();
    await asItWas();
    expect(terminal.listenerCount('resize')).toBe(0);
  });
  it.each(['exit', 'uncaughtExceptionMonitor'] as const)('after %s', async (event) => {
    const before = process.listeners(event as 'exit');
    await shown();
    const added = process.listeners(event as 'exit').filter((listener) => !before.includes(listener));
    expect(added).toHaveLength(1);
    added[0]!(1);
    await asItWas();
    view.close();
    expect(process.listeners(event as 'exit')).toEqual(before);
  });
  it('while it is hidden', async () => {
    await shown();
    view.hide();
    await asItWas();
    view.show();
    await drawn();
    expect(terminal.xterm.buffer.active.type).toBe('alternate');
    expect(terminal.lines[0]).toBe('late');
  });
});
