/** X11 keysyms, as RFB clients send them, to the keys of the US keyboard. */
import { KEY } from '../../devices/scan-codes.js';
import { pressFor } from '../us-keyboard.js';
import type { KeyPress } from '../us-keyboard.js';

const plain = (key: number): KeyPress => ({ key, shift: false });

/** First keysym of a run and the keys in order. */
const RUNS: readonly (readonly [number, readonly number[]])[] = [
  [0xff50, [KEY.HOME, KEY.LEFT, KEY.UP, KEY.RIGHT, KEY.DOWN, KEY.PAGE_UP, KEY.PAGE_DOWN, KEY.END]],
  // Keypad, without and with Num Lock: Home, Left, Up, Right, Down, Page Up, Page Down, End, 5, Insert, Delete.
  [0xff95, [0x47, 0x4b, 0x48, 0x4d, 0x50, 0x49, 0x51, 0x4f, 0x4c, 0x52, 0x53]],
  [0xffb0, [0x52, 0x4f, 0x50, 0x51, 0x4b, 0x4c, 0x4d, 0x47, 0x48, 0x49]],
  [0xffbe, [0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x44, KEY.F11, KEY.F12]],
];
const SINGLE: Readonly<Record<number, number>> = {
  0xff08: KEY.BACKSPACE,
  0xff09: KEY.TAB,
  0xfe20: KEY.TAB,
  0xff0a: KEY.ENTER,
  0xff0d: KEY.ENTER,
  0xff13: KEY.PAUSE,
  0xff14: KEY.SCROLL_LOCK,
  0xff15: KEY.PRINT_SCREEN,
  0xff1b: KEY.ESCAPE,
  0xff61: KEY.PRINT_SCREEN,
  0xff63: KEY.INSERT,
  0xff67: KEY.MENU,
  0xff7f: KEY.NUM_LOCK,
  0xff8d: KEY.KEYPAD_ENTER,
  0xffaa: 0x37,
  0xffab: 0x4e,
  0xffad: 0x4a,
  0xffae: 0x53,
  0xffaf: 0xb5,
  0xffe1: KEY.LEFT_SHIFT,
  0xffe2: KEY.RIGHT_SHIFT,
  0xffe3: KEY.LEFT_CONTROL,
  0xffe4: KEY.RIGHT_CONTROL,
  0xffe5: KEY.CAPS_LOCK,
  0xffe7: KEY.LEFT_META,
  0xffe8: KEY.RIGHT_META,
  0xffe9: KEY.LEFT_ALT,
  0xffea: KEY.RIGHT_ALT,
  0xfe03: KEY.RIGHT_ALT,
  0xffeb: KEY.LEFT_META,
  0xffec: KEY.RIGHT_META,
  0xffff: KEY.DELETE,
};

/** Undefined for a keysym that no key has. */
export function pressForKeysym(keysym: number): KeyPress | undefined {
  if (keysym >= 0x20 && keysym < 0x7f) return pressFor(String.fromCharCode(keysym));
  if (Object.hasOwn(SINGLE, keysym)) return plain(SINGLE[keysym]!);
  const run = RUNS.find(([first, keys]) => keysym >= first && keysym < first + keys.length);
  return run === undefined ? undefined : plain(run[1][keysym - run[0]]!);
}
