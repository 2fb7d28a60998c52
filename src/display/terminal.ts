/** Draws a text screen on a terminal with escape sequences (ECMA-48, xterm's private modes), only the rows that changed. */
import { CODE_PAGE_437 } from './code-page-437.js';
import type { TextScreen } from './screen-text.js';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** The alternate screen, on which a full last column does not begin a new line; and everything as it was. */
export const ENTER_TERMINAL = '\x1b[?1049h\x1b[?7l';
export const LEAVE_TERMINAL = '\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l';

/** Colours of the PC in the terminal's order of red, green, blue. */
const COLOURS = [0, 4, 2, 6, 1, 5, 3, 7];
const BRIGHT = 8;
/** Select Graphic Rendition: first of eight colours, plain and bright. */
const FORE = 30,
  BRIGHT_FORE = 90,
  BACK = 40,
  BRIGHT_BACK = 100;

/** Bit 7 blinks or makes the background bright, as the adapter is set. */
function rendition(attributes: number, blinks: boolean): string {
  const fore = (attributes & BRIGHT ? BRIGHT_FORE : FORE) + COLOURS[attributes & 7]!;
  const bit7 = (attributes & 0x80) !== 0;
  const back = (bit7 && !blinks ? BRIGHT_BACK : BACK) + COLOURS[(attributes >> 4) & 7]!;
  return `\x1b[0;${bit7 && blinks ? '5;' : ''}${fore};${back}m`;
}

function row({ cells, columns, blinks }: TextScreen, number: number, width: number): string {
  let text = `\x1b[${number + 1};1H`;
  let last = -1;
  for (let column = 0; column < columns; column++) {
    const at = (number * columns + column) * 2;
    const attributes = cells[at + 1]!;
    if (attributes !== last) text += rendition(attributes, blinks);
    last = attributes;
    text += CODE_PAGE_437[cells[at]!]!;
  }
  // Erasing behind a full line would take its last character.
  return columns < width ? `${text}\x1b[0m\x1b[K` : text;
}

function sameRow(a: TextScreen, b: TextScreen, number: number): boolean {
  const from = number * a.columns * 2;
  for (let i = from; i < from + a.columns * 2; i++) if (a.cells[i] !== b.cells[i]) return false;
  return true;
}

function comparable(a: TextScreen, b: TextScreen): boolean {
  return a.columns === b.columns && a.rows === b.rows && a.blinks === b.blinks;
}

/** As much of the screen as the terminal has room for: its left columns, and of its rows the first or those up to the cursor. */
export function visiblePart(screen: TextScreen, size: TerminalSize): TextScreen {
  const columns = Math.min(screen.columns, size.columns);
  const rows = Math.min(screen.rows, size.rows);
  if (columns === screen.columns && rows === screen.rows) return screen;
  const top = Math.max(0, (screen.cursor?.row ?? 0) - rows + 1);
  const cells = new Uint8Array(columns * rows * 2);
  for (let y = 0; y < rows; y++) {
    const from = (top + y) * screen.columns * 2;
    cells.set(screen.cells.subarray(from, from + columns * 2), y * columns * 2);
  }
  const { cursor } = screen;
  const seen = cursor !== undefined && cursor.column < columns;
  return {
    ...{ columns, rows, cells, blinks: screen.blinks },
    cursor: seen ? { column: cursor.column, row: cursor.row - top } : undefined,
  };
}

/** What stands where there is no text to show. */
export function terminalNote(note: string): string {
  return `\x1b[0m\x1b[2J\x1b[1;1H${note}\x1b[?25l`;
}

/** What turns the terminal's picture from `before` (unknown when undefined) into `after`; both fit into `size`. */
export function terminalUpdate(
  before: TextScreen | undefined,
  after: TextScreen,
  size: TerminalSize,
): string {
  const known = before !== undefined && comparable(before, after) ? before : undefined;
  let text = known === undefined ? '\x1b[0m\x1b[2J' : '';
  for (let number = 0; number < after.rows; number++)
    if (known === undefined || !sameRow(known, after, number)) text += row(after, number, size.columns);
  const { cursor } = after;
  return cursor === undefined
    ? `${text}\x1b[?25l`
    : `${text}\x1b[${cursor.row + 1};${cursor.column + 1}H\x1b[?25h`;
}
