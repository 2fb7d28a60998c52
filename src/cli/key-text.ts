/** Text as key strokes: `--send-keys` with C escapes and `<name>`, and the bytes of a terminal. */
import { KEY } from '../devices/scan-codes.js';
import { chord, chordNamed, eventsFor, NAMED_KEYS, pressFor } from '../display/us-keyboard.js';
import type { KeyEvent } from '../display/us-keyboard.js';
import { unescapeBytes } from './escapes.js';
import { UsageError, quote } from './usage-error.js';

/** Throws UsageError for a name or character that no key has. `\<` is a plain `<`. */
export function keysOfText(text: string): KeyEvent[] {
  const pieces = text.match(/\\<|<[^<>\s]+>|\\[^]?|[^\\<]+|</g) ?? [];
  let plain = '';
  const events: KeyEvent[] = [];
  const flush = (): void => {
    events.push(...plainKeys(plain));
    plain = '';
  };
  for (const piece of pieces) {
    const name = /^<(.+)>$/.exec(piece)?.[1];
    if (name !== undefined) {
      flush();
      events.push(...namedKeys(name));
    } else plain += piece === '\\<' ? '<' : piece;
  }
  flush();
  return events;
}

function namedKeys(name: string): KeyEvent[] {
  const keys = chordNamed(name);
  if (keys !== undefined) return chord(keys);
  throw new UsageError(
    `--send-keys: no key is called ${quote(`<${name}>`)}; expected a character or one of ${Object.keys(NAMED_KEYS).join(' ')}, joined by -`,
  );
}

function plainKeys(text: string): KeyEvent[] {
  const characters = [...new TextDecoder().decode(unescapeBytes(text, '--send-keys'))];
  const unknown = characters.find((character) => pressFor(character) === undefined);
  if (unknown !== undefined)
    throw new UsageError(`--send-keys: no key of the US keyboard gives ${quote(unknown)}`);
  return characters.flatMap(eventsFor);
}

/** Escape sequences of terminals (ECMA-48, xterm, the Linux console) without modifiers: what follows ESC. */
const SEQUENCES: Readonly<Record<string, readonly number[]>> = {
  '[A': [KEY.UP],
  '[B': [KEY.DOWN],
  '[C': [KEY.RIGHT],
  '[D': [KEY.LEFT],
  '[H': [KEY.HOME],
  '[F': [KEY.END],
  '[P': [KEY.F1],
  '[Q': [KEY.F1 + 1],
  '[R': [KEY.F1 + 2],
  '[S': [KEY.F1 + 3],
  '[Z': [KEY.LEFT_SHIFT, KEY.TAB],
  '[1~': [KEY.HOME],
  '[2~': [KEY.INSERT],
  '[3~': [KEY.DELETE],
  '[4~': [KEY.END],
  '[5~': [KEY.PAGE_UP],
  '[6~': [KEY.PAGE_DOWN],
  OA: [KEY.UP],
  OB: [KEY.DOWN],
  OC: [KEY.RIGHT],
  OD: [KEY.LEFT],
  OH: [KEY.HOME],
  OF: [KEY.END],
  OM: [KEY.KEYPAD_ENTER],
  OP: [KEY.F1],
  OQ: [KEY.F1 + 1],
  OR: [KEY.F1 + 2],
  OS: [KEY.F1 + 3],
  '[[A': [KEY.F1],
  '[[B': [KEY.F1 + 1],
  '[[C': [KEY.F1 + 2],
  '[[D': [KEY.F1 + 3],
  '[[E': [KEY.F1 + 4],
  '[15~': [KEY.F1 + 4],
  '[17~': [KEY.F1 + 5],
  '[18~': [KEY.F1 + 6],
  '[19~': [KEY.F1 + 7],
  '[20~': [KEY.F1 + 8],
  '[21~': [KEY.F1 + 9],
  '[23~': [KEY.F11],
  '[24~': [KEY.F12],
};
const SEQUENCE = /^\x1b(\[\[[A-E]|\[[0-9;]*[A-Za-z~]|O[A-Z])/; // eslint-disable-line no-control-regex
/** One more than the sum of 1 for Shift, 2 for Alt, 4 for Ctrl stands before the last character (xterm). */
const MODIFIERS = [KEY.LEFT_SHIFT, KEY.LEFT_ALT, KEY.LEFT_CONTROL];

/** The keys of a sequence that go down together; none for one that is unknown. */
function keysOfSequence(sequence: string): readonly number[] {
  const [, number = '', modifier = '1', last = ''] = /^\[(\d*);(\d+)([A-Z~])$/.exec(sequence) ?? [];
  const plain = last === '' ? sequence : `[${last === '~' ? number : ''}${last}`;
  const keys = Object.hasOwn(SEQUENCES, plain) ? SEQUENCES[plain]! : [];
  const held = MODIFIERS.filter((_, bit) => (Number(modifier) - 1) & (1 << bit));
  return keys.length === 0 ? keys : [...held, ...keys];
}

/** What a terminal sends, as key strokes on a US keyboard; a sequence is expected whole, what is unknown is dropped. */
export function keysOfTerminal(bytes: Uint8Array): KeyEvent[] {
  let text = new TextDecoder('latin1').decode(bytes);
  const events: KeyEvent[] = [];
  while (text.length > 0) {
    const sequence = SEQUENCE.exec(text);
    if (sequence !== null) events.push(...chord(keysOfSequence(sequence[1]!)));
    else events.push(...characterKeys(text, text[1]));
    text = text.slice(sequence?.[0].length ?? (isMeta(text) ? 2 : 1));
  }
  return events;
}

/** ESC before a character is how terminals send Alt. */
function isMeta(text: string): boolean {
  return text[0] === '\x1b' && text.length > 1 && text[1] !== '\x1b';
}

function characterKeys(text: string, second: string | undefined): KeyEvent[] {
  if (isMeta(text)) {
    const press = pressFor(second!);
    return press === undefined
      ? []
      : chord([KEY.LEFT_ALT, ...(press.shift ? [KEY.LEFT_SHIFT] : []), press.key]);
  }
  const code = text.charCodeAt(0);
  if (pressFor(text[0]!) !== undefined) return eventsFor(text[0]!);
  // Ctrl with a letter or one of @ [ \ ] ^ _ gives the character less 64.
  const press = code < 32 ? pressFor(String.fromCharCode(code + 64).toLowerCase()) : undefined;
  return press === undefined ? [] : chord([KEY.LEFT_CONTROL, press.key]);
}
