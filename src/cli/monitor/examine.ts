/** `x /FMT ADDR` and `xp /FMT ADDR`: memory as numbers, characters or instructions, in QEMU's (and gdb's) notation. */
import { decode } from '../../decoder/decode.js';
import { disassemble } from '../../decoder/disassemble.js';
import { CommandError } from './command-error.js';

export interface Format {
  readonly count: number;
  readonly letter: 'x' | 'd' | 'u' | 'o' | 'c' | 'i';
  /** Bytes of an item. */
  readonly size: 1 | 2 | 4 | 8;
}

const MOST_ITEMS = 4096;
const LINE_BYTES = 16,
  CHARACTERS = 8,
  LONGEST_INSTRUCTION = 15;
const SIZES: Readonly<Record<string, Format['size']>> = { b: 1, h: 2, w: 4, g: 8 };
const TWO32 = 2 ** 32;

/** `4xw` in any order of letters behind the count; x and words by default. Throws CommandError. */
export function parseFormat(text: string): Format {
  const match = /^(\d*)([xduocibhwg]*)$/.exec(text);
  const letters = [...(match?.[2] ?? '')];
  const sizes = letters.filter((letter) => letter in SIZES);
  const formats = letters.filter((letter) => !(letter in SIZES));
  const count = match?.[1] === '' ? 1 : Number(match?.[1] ?? NaN);
  if (!(count >= 1 && count <= MOST_ITEMS) || sizes.length > 1 || formats.length > 1)
    throw new CommandError(
      `/${text}: expected a count up to ${MOST_ITEMS}, one of x d u o c i, and one of b h w g, such as /8xw`,
    );
  const letter = (formats[0] ?? 'x') as Format['letter'];
  return { count, letter, size: SIZES[sizes[0] ?? ''] ?? (letter === 'c' ? 1 : 4) };
}

/** Sums of numbers (0x, decimal) and registers ($eip), modulo 2^32. Throws CommandError. */
export function parseAddress(text: string, register: (name: string) => number | undefined): number {
  const terms = text.replace(/\s+/g, '').match(/[+-]?[^+-]+/g) ?? [];
  if (terms.length === 0 || terms.join('') !== text.replace(/\s+/g, '')) throw badAddress(text);
  const sum = terms.reduce((total, term) => total + termOf(term, text, register), 0);
  return ((sum % TWO32) + TWO32) % TWO32;
}

const badAddress = (text: string): CommandError =>
  new CommandError(`'${text}': expected an address such as 0x7c00, $eip or $esp+8`);

function termOf(term: string, text: string, register: (name: string) => number | undefined): number {
  const [, sign, word] = /^([+-]?)(.+)$/.exec(term)!;
  const isNumber = /^(0x[0-9a-f]{1,16}|\d{1,15})$/i.test(word!);
  const value = isNumber
    ? Number(word)
    : word!.startsWith('$')
      ? register(word!.slice(1).toLowerCase())
      : undefined;
  if (value === undefined) throw badAddress(text);
  return sign === '-' ? -value : value;
}

/** A byte at an address; -1 where there is no memory. */
export type ReadByte = (address: number) => number;

const hex = (value: number | bigint, digits: number): string => value.toString(16).padStart(digits, '0');
const cannot = (address: number): string => `Cannot access memory at address 0x${hex(address, 1)}`;

export interface Examined {
  readonly address: number;
  readonly read: ReadByte;
  readonly codeBits: 16 | 32;
  /** Of an address in front of items: 8, or 16 of a physical one. */
  readonly digits?: number;
}

/** One line for each 16 bytes, 8 characters or instruction; what cannot be read ends the list with a line that says so. */
export function examine(format: Format, examined: Examined): string {
  return (format.letter === 'i' ? instructions : items)(format, examined).join('\n');
}

function items({ count, letter, size }: Format, { address, read, digits = 8 }: Examined): string[] {
  const perLine = letter === 'c' ? CHARACTERS : LINE_BYTES / size;
  const lines: string[] = [];
  for (let done = 0; done < count; done += perLine) {
    const values: string[] = [];
    const start = (address + done * size) % TWO32;
    for (let i = done; i < Math.min(count, done + perLine); i++) {
      const at = (address + i * size) % TWO32;
      const value = valueAt(at, size, read);
      if (value === undefined) return [...lines, ...row(start, values, digits), cannot(at)];
      values.push(text(value, letter, size));
    }
    lines.push(...row(start, values, digits));
  }
  return lines;
}

const row = (start: number, values: readonly string[], digits: number): string[] =>
  values.length === 0 ? [] : [`${hex(start, digits)}: ${values.join(' ')}`];

function valueAt(address: number, size: number, read: ReadByte): bigint | undefined {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) {
    const byte = read((address + i) % TWO32);
    if (byte < 0) return undefined;
    value = (value << 8n) | BigInt(byte);
  }
  return value;
}

function text(value: bigint, letter: Format['letter'], size: number): string {
  // Columns are as wide as the largest number.
  const decimals = Math.ceil((80 * size) / 33);
  if (letter === 'd') return String(BigInt.asIntN(8 * size, value)).padStart(decimals);
  if (letter === 'u') return String(value).padStart(decimals);
  if (letter === 'o')
    return (value === 0n ? '0' : `0${value.toString(8)}`).padStart(Math.ceil((8 * size) / 3));
  if (letter === 'c') return character(Number(value & 0xffn));
  return `0x${hex(value, 2 * size)}`;
}

const ESCAPES: Readonly<Record<number, string>> = { 10: '\\n', 13: '\\r', 39: "\\'", 92: '\\\\' };

function character(code: number): string {
  if (ESCAPES[code] !== undefined) return `'${ESCAPES[code]}'`;
  return code >= 32 && code < 127 ? `'${String.fromCharCode(code)}'` : `'\\x${hex(code, 2)}'`;
}

function instructions({ count }: Format, { address, read, codeBits: bits }: Examined): string[] {
  const lines: string[] = [];
  let at = address;
  for (let i = 0; i < count; i++) {
    const bytes = codeAt(at, read);
    if (bytes.length === 0) return [...lines, cannot(at)];
    const instruction = decode(bytes, 0, bytes.length, bits);
    const known = typeof instruction !== 'number';
    const length = known ? instruction.length : 1;
    const raw = Array.from(bytes.subarray(0, length), (byte) => hex(byte, 2)).join(' ');
    lines.push(`0x${hex(at, 8)}:  ${raw.padEnd(24)} ${known ? disassemble(instruction, at) : '(bad)'}`);
    at = (at + length) % TWO32;
  }
  return lines;
}

function codeAt(address: number, read: ReadByte): Uint8Array {
  const bytes: number[] = [];
  for (let i = 0; i < LONGEST_INSTRUCTION; i++) {
    const byte = read((address + i) % TWO32);
    if (byte < 0) break;
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}
