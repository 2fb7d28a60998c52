/** The text screen as text, and as cells for a terminal. */
import type { VgaState } from '../devices/vga-state.js';
import { CODE_PAGE_437 } from './code-page-437.js';
import { AddressMode, LineCounter, scanOut } from './scan-out.js';

export interface TextCell {
  readonly code: number;
  readonly attributes: number;
}
export interface TextScreen {
  readonly columns: number;
  /** Character then attributes, by row: 2 bytes a cell. */
  readonly cells: Uint8Array;
  readonly rows: number;
  /** Bit 7 of the attributes blinks; otherwise it makes the background bright. */
  readonly blinks: boolean;
  /** Where the cursor is, undefined when it is off or outside. */
  readonly cursor: { readonly column: number; readonly row: number } | undefined;
}

const CURSOR_OFF = 0x20,
  MODE_CONTROL = 0x10,
  BLINK = 8;

/** The cells of a text mode, undefined when the screen shows graphics or nothing. */
export function textScreen(state: VgaState): TextScreen | undefined {
  const scan = scanOut(state);
  if (scan.kind !== 'text') return undefined;
  const rows = Math.ceil(scan.height / (scan.rowHeight * scan.lineRepeat));
  const { columns } = scan;
  const cells = new Uint8Array(rows * columns * 2);
  const mode = new AddressMode(state);
  const lines = new LineCounter(state, scan);
  const cursorAt = state.crtc[0x0a]! & CURSOR_OFF ? -1 : (state.crtc[0x0e]! << 8) | state.crtc[0x0f]!;
  let cursor: TextScreen['cursor'];
  for (let row = 0, y = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const counter = (lines.address + column) & 0xffff;
      if (counter === cursorAt) cursor = { column, row };
      cells.set(
        state.memory.subarray(mode.resolve(counter, 0) * 4).subarray(0, 2),
        (row * columns + column) * 2,
      );
    }
    const { address } = lines;
    for (; y < scan.height && lines.address === address; y++) lines.next();
  }
  return { columns, rows, cells, cursor, blinks: (state.attribute[MODE_CONTROL]! & BLINK) !== 0 };
}

/** The lines of a text screen in Unicode without trailing blanks; none when the screen shows graphics or nothing. */
export function screenText(state: VgaState): string[] {
  const screen = textScreen(state);
  if (screen === undefined) return [];
  return Array.from({ length: screen.rows }, (_, row) => lineText(screen, row));
}

function lineText({ cells, columns }: TextScreen, row: number): string {
  let text = '';
  for (let column = 0; column < columns; column++)
    text += CODE_PAGE_437[cells[(row * columns + column) * 2]!]!;
  return text.trimEnd();
}
