/** The US layout: which key, with or without shift, gives a character; names of the other keys. */
import { KEY } from '../devices/scan-codes.js';

export interface KeyPress {
  readonly key: number;
  readonly shift: boolean;
}
/** One movement of a key. */
export interface KeyEvent {
  readonly key: number;
  readonly down: boolean;
}

/** First key of each row and the characters of its keys in order, plain and with shift. */
const ROWS: readonly (readonly [number, string, string])[] = [
  [0x02, '1234567890-=', '!@#$%^&*()_+'],
  [0x10, 'qwertyuiop[]', 'QWERTYUIOP{}'],
  [0x1e, "asdfghjkl;'`", 'ASDFGHJKL:"~'],
  [0x2b, '\\zxcvbnm,./', '|ZXCVBNM<>?'],
  [0x39, ' ', ''],
];
const CONTROLS: Readonly<Record<string, number>> = {
  '\n': KEY.ENTER,
  '\r': KEY.ENTER,
  '\t': KEY.TAB,
  '\b': KEY.BACKSPACE,
  '\x7f': KEY.BACKSPACE,
  '\x1b': KEY.ESCAPE,
};

const PRESSES = new Map<string, KeyPress>();
for (const [first, plain, shifted] of ROWS) {
  [...plain].forEach((c, i) => PRESSES.set(c, { key: first + i, shift: false }));
  [...shifted].forEach((c, i) => PRESSES.set(c, { key: first + i, shift: true }));
}
for (const [character, key] of Object.entries(CONTROLS)) PRESSES.set(character, { key, shift: false });

/** Undefined for a character that the US keyboard does not have. */
export function pressFor(character: string): KeyPress | undefined {
  return PRESSES.get(character);
}

/** Names for keys without a character, as in `<f2>` and `<ctrl-alt-delete>`. */
export const NAMED_KEYS: Readonly<Record<string, number>> = {
  enter: KEY.ENTER,
  ret: KEY.ENTER,
  esc: KEY.ESCAPE,
  tab: KEY.TAB,
  backspace: KEY.BACKSPACE,
  space: KEY.SPACE,
  less: 0x33,
  up: KEY.UP,
  down: KEY.DOWN,
  left: KEY.LEFT,
  right: KEY.RIGHT,
  home: KEY.HOME,
  end: KEY.END,
  pgup: KEY.PAGE_UP,
  pgdn: KEY.PAGE_DOWN,
  insert: KEY.INSERT,
  delete: KEY.DELETE,
  print: KEY.PRINT_SCREEN,
  pause: KEY.PAUSE,
  menu: KEY.MENU,
  ctrl: KEY.LEFT_CONTROL,
  ctrl_r: KEY.RIGHT_CONTROL,
  shift: KEY.LEFT_SHIFT,
  shift_r: KEY.RIGHT_SHIFT,
  alt: KEY.LEFT_ALT,
  alt_r: KEY.RIGHT_ALT,
  meta_l: KEY.LEFT_META,
  meta_r: KEY.RIGHT_META,
  caps_lock: KEY.CAPS_LOCK,
  num_lock: KEY.NUM_LOCK,
  scroll_lock: KEY.SCROLL_LOCK,
  kp_enter: KEY.KEYPAD_ENTER,
  ...Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`f${i + 1}`, KEY.F1 + i])),
  f11: KEY.F11,
  f12: KEY.F12,
};

/** All keys go down in order and up in the reverse order. */
export function chord(keys: readonly number[]): KeyEvent[] {
  return [
    ...keys.map((key) => ({ key, down: true })),
    ...[...keys].reverse().map((key) => ({ key, down: false })),
  ];
}

/** What types the character; nothing for one that the keyboard does not have. */
export function eventsFor(character: string): KeyEvent[] {
  const press = pressFor(character);
  if (press === undefined) return [];
  return chord(press.shift ? [KEY.LEFT_SHIFT, press.key] : [press.key]);
}

/** A key by its name or its character; undefined for what is neither. */
function keyNamed(name: string): number | undefined {
  if (Object.hasOwn(NAMED_KEYS, name)) return NAMED_KEYS[name];
  return [...name].length === 1 ? pressFor(name)?.key : undefined;
}

/** `ctrl-alt-delete` as its keys (the form of `sendkey`); undefined when a name is unknown. */
export function chordNamed(names: string): number[] | undefined {
  const keys = names.toLowerCase().split('-').map(keyNamed);
  return keys.includes(undefined) ? undefined : (keys as number[]);
}
