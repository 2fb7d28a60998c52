/** A tiny assembler for ACPI machine language: each function returns the bytes of one construct (ACPI 1.0, chapter 16). */

export type Aml = readonly number[];

const word = (v: number): Aml => [v & 0xff, (v >>> 8) & 0xff];
const dword = (v: number): Aml => [...word(v), ...word(v >>> 16)];
const ascii = (text: string): Aml => [...text].map((c) => c.charCodeAt(0));

/** A name of up to four characters, padded with underscores; a leading backslash is the root. */
export function namePath(name: string): Aml {
  const root = name.startsWith('\\');
  return [...(root ? [0x5c] : []), ...ascii(name.slice(root ? 1 : 0).padEnd(4, '_'))];
}

/** PkgLength counts itself. */
function withLength(content: Aml): Aml {
  const { length } = content;
  if (length + 1 <= 0x3f) return [length + 1, ...content];
  if (length + 2 <= 0xfff) return [0x40 | ((length + 2) & 15), (length + 2) >> 4, ...content];
  return [0x80 | ((length + 3) & 15), ((length + 3) >> 4) & 0xff, (length + 3) >> 12, ...content];
}

export function integer(value: number): Aml {
  if (value === 0 || value === 1) return [value];
  if (value <= 0xff) return [0x0a, value];
  if (value <= 0xffff) return [0x0b, ...word(value)];
  return [0x0c, ...dword(value)];
}
export const define = (name: string, object: Aml): Aml => [0x08, ...namePath(name), ...object];
export const packageOf = (...elements: Aml[]): Aml => [
  0x12,
  ...withLength([elements.length, ...elements.flat()]),
];
export const buffer = (bytes: Aml): Aml => [0x11, ...withLength([...integer(bytes.length), ...bytes])];
export const scope = (name: string, ...body: Aml[]): Aml => [
  0x10,
  ...withLength([...namePath(name), ...body.flat()]),
];
export const device = (name: string, ...body: Aml[]): Aml => [
  0x5b,
  0x82,
  ...withLength([...namePath(name), ...body.flat()]),
];

/** A compressed identifier such as PNP0A03, stored with its bytes swapped. */
export function eisaId(id: string): Aml {
  const letter = (i: number): number => id.charCodeAt(i) - 0x40;
  const vendor = (letter(0) << 10) | (letter(1) << 5) | letter(2);
  const product = parseInt(id.slice(3), 16);
  return [0x0c, vendor >> 8, vendor & 0xff, product >> 8, product & 0xff];
}

export const resources = (...descriptors: Aml[]): Aml => buffer([...descriptors.flat(), 0x79, 0]);
/** Fixed ports, 16-bit decode. */
export const io = (first: number, length: number): Aml => [
  0x47,
  1,
  ...word(first),
  ...word(first),
  1,
  length,
];
export const irq = (line: number): Aml => [0x22, ...word(1 << line)];

const PRODUCER_FIXED = 0x0c;
function wordSpace(type: number, flags: number, first: number, last: number): Aml {
  return [
    0x88,
    0x0d,
    0,
    type,
    PRODUCER_FIXED,
    flags,
    ...word(0),
    ...word(first),
    ...word(last),
    ...word(0),
    ...word(last - first + 1),
  ];
}
export const busNumbers = (first: number, last: number): Aml => wordSpace(2, 0, first, last);
export const ioWindow = (first: number, last: number): Aml => wordSpace(1, 3, first, last);
export function memoryWindow(first: number, last: number): Aml {
  return [
    0x87,
    0x17,
    0,
    0,
    PRODUCER_FIXED,
    3,
    ...dword(0),
    ...dword(first),
    ...dword(last),
    ...dword(0),
    ...dword(last - first + 1),
  ];
}
