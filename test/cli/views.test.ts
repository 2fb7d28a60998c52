/** The terminal's view of the screen: its escape sequences. */
import { expect, it } from 'vitest';
import { textScreen } from '../../src/display/screen-text.js';
import { terminalUpdate } from '../../src/display/terminal.js';
import { TestScreen } from '../display/screen.js';

it('the terminal gets the rows that changed, in their colours', () => {
  const screen = new TestScreen();
  screen.print(0, 2, [0xdb, 0x41], 0x1e);
  const first = textScreen(screen.state)!;
  const whole = terminalUpdate(undefined, first, '');
  expect(whole).toMatch(/^\x1b\[0m\x1b\[2J/); // eslint-disable-line no-control-regex
  expect(whole).toContain('\x1b[3;1H\x1b[0;93;44m█A\x1b[0;37;40m');
  expect(whole.endsWith('\x1b[1;1H\x1b[?25h')).toBe(true);
  screen.print(0, 5, 'x');
  const second = terminalUpdate(first, textScreen(screen.state), '');
  expect(second.startsWith('\x1b[6;1H\x1b[0;37;40mx ')).toBe(true);
  expect(second).not.toContain('█');
  expect(terminalUpdate(first, undefined, 'graphics')).toContain('graphics');
});
