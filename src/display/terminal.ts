/** Draws a text screen on a terminal with escape sequences (ECMA-48), only the rows that changed. */
import { CODE_PAGE_437 } from './code-page-437.js';
import type { TextScreen } from './screen-text.js';

/** Colours of the PC in the terminal's order of red, green, blue. */
const COLOURS = [0, 4, 2, 6, 1, 5, 3, 7];
const BRIGHT = 8;

function colours(attributes: number): string {
  const fore = attributes & 15;
  const back = (attributes >> 4) & 7;
  return `\x1b[0;${(fore & BRIGHT ? 90 : 30) + COLOURS[fore & 7]!};${40 + COLOURS[back]!}m`;
}

function row({ cells, columns }: TextScreen, number: number): string {
  let text = `\x1b[${number + 1};1H`;
  let last = -1;
  for (let column = 0; column < columns; column++) {
    const at = (number * columns + column) * 2;
    const attributes = cells[at + 1]!;
    if (attributes !== last) text += colours(attributes);
    last = attributes;
    text += CODE_PAGE_437[cells[at]!]!;
  }
  return `${text}\x1b[0m\x1b[K`;
}

function sameRow(a: TextScreen, b: TextScreen, number: number): boolean {
  const from = number * a.columns * 2;
  for (let i = from; i < from + a.columns * 2; i++) if (a.cells[i] !== b.cells[i]) return false;
  return true;
}

function sameSize(a: TextScreen, b: TextScreen): boolean {
  return a.columns === b.columns && a.rows === b.rows;
}

/** What turns the terminal's picture from `before` (nothing when undefined) into `after`; `note` stands where there is no text to show. */
export function terminalUpdate(
  before: TextScreen | undefined,
  after: TextScreen | undefined,
  note: string,
): string {
  if (after === undefined) return `\x1b[0m\x1b[2J\x1b[1;1H${note}\x1b[?25l`;
  const known = before !== undefined && sameSize(before, after) ? before : undefined;
  let text = known === undefined ? '\x1b[0m\x1b[2J' : '';
  for (let number = 0; number < after.rows; number++)
    if (known === undefined || !sameRow(known, after, number)) text += row(after, number);
  const { cursor } = after;
  return cursor === undefined
    ? `${text}\x1b[?25l`
    : `${text}\x1b[${cursor.row + 1};${cursor.column + 1}H\x1b[?25h`;
}
