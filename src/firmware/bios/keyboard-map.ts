/** What INT 9 puts into the buffer for a key of the US keyboard: scan code set 1 with and without Shift, Ctrl and Alt (IBM PC/AT). */

/** Words (scan code above the character) by modifier; 0 where the key gives nothing. */
interface KeyWords {
  readonly plain: number;
  readonly shift: number;
  readonly control: number;
  readonly alt: number;
}

const PLAIN = "\x1b1234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
const SHIFTED = '\x1b!@#$%^&*()_+\b\0QWERTYUIOP{}\r\0ASDFGHJKL:"~\0|ZXCVBNM<>?\0*\0 ';
/** Control characters that no letter gives: digits and signs by scan code. */
const CONTROL: Readonly<Record<number, number>> = {
  0x01: 0x011b,
  0x03: 0x0300,
  0x07: 0x071e,
  0x0c: 0x0c1f,
  0x0e: 0x0e7f,
  0x0f: 0x9400,
  0x1a: 0x1a1b,
  0x1b: 0x1b1d,
  0x1c: 0x1c0a,
  0x2b: 0x2b1c,
  0x37: 0x9600,
  0x39: 0x3920,
};
const LAST_MAPPED = 0x39;

const word = (scan: number, character: number): number => (character === 0 ? 0 : (scan << 8) | character);

function control(scan: number, plain: number): number {
  if (plain >= 0x61 && plain <= 0x7a) return word(scan, plain & 0x1f);
  return CONTROL[scan] ?? 0;
}
/** Alt gives the key's code alone: digits from 78 on, the rest its scan code. */
function alt(scan: number): number {
  if (scan >= 0x02 && scan <= 0x0d) return (scan + 0x76) << 8;
  if (scan === 0x0f) return 0xa500;
  return scan === 0x39 ? 0x3920 : scan << 8;
}

function typed(scan: number): KeyWords {
  const plain = PLAIN.charCodeAt(scan - 1);
  if (plain === 0) return { plain: 0, shift: 0, control: 0, alt: 0 };
  const shift = scan === 0x0f ? 0x0f00 : word(scan, SHIFTED.charCodeAt(scan - 1));
  return { plain: word(scan, plain), shift, control: control(scan, plain), alt: alt(scan) };
}

/** F1 to F10, then F11 and F12: codes 3B, 54, 5E and 68 on; 85, 87, 89 and 8B on. */
function functionKey(scan: number): KeyWords {
  const late = scan >= 0x57;
  const at = (early: number, after: number): number =>
    (late ? scan - 0x57 + after : scan - 0x3b + early) << 8;
  return { plain: at(0x3b, 0x85), shift: at(0x54, 0x87), control: at(0x5e, 0x89), alt: at(0x68, 0x8b) };
}

/** Home to Del on the numeric pad: characters with Num Lock, codes with Ctrl. */
const PAD = '789-456+1230.';
const PAD_CONTROL = [0x77, 0x8d, 0x84, 0x8e, 0x73, 0x8f, 0x74, 0x90, 0x75, 0x91, 0x76, 0x92, 0x93];
/** With Alt, of the grey keys. */
const GREY_ALT: Readonly<Record<number, number>> = {
  0x47: 0x97,
  0x48: 0x98,
  0x49: 0x99,
  0x4b: 0x9b,
  0x4d: 0x9d,
  0x4f: 0x9f,
  0x50: 0xa0,
  0x51: 0xa1,
  0x52: 0xa2,
  0x53: 0xa3,
};

function padKey(scan: number): KeyWords {
  const digit = word(scan, PAD.charCodeAt(scan - 0x47));
  const isSign = scan === 0x4a || scan === 0x4e;
  const plain = isSign ? digit : scan === 0x4c ? 0 : scan << 8;
  return { plain, shift: digit, control: PAD_CONTROL[scan - 0x47]! << 8, alt: isSign ? scan << 8 : 0 };
}

/** A key behind an E0: the second byte is E0 for the grey ones of the pad. */
function greyKey(scan: number): KeyWords {
  if (scan === 0x1c) return { plain: 0xe00d, shift: 0xe00d, control: 0xe00a, alt: 0xa600 };
  if (scan === 0x35) return { plain: 0xe02f, shift: 0xe02f, control: 0x9500, alt: 0xa400 };
  const altCode = GREY_ALT[scan];
  if (altCode === undefined) return { plain: 0, shift: 0, control: 0, alt: 0 };
  const plain = (scan << 8) | 0xe0;
  return { plain, shift: plain, control: (PAD_CONTROL[scan - 0x47]! << 8) | 0xe0, alt: altCode << 8 };
}

export const KEY = {
  CONTROL: 0x1d,
  SHIFT_LEFT: 0x2a,
  SHIFT_RIGHT: 0x36,
  PRINT: 0x37,
  ALT: 0x38,
  CAPS: 0x3a,
  NUM: 0x45,
  SCROLL: 0x46,
  DELETE: 0x53,
  INSERT: 0x52,
} as const;

/** `scan` without the release bit; 102nd key as backslash. */
export function keyWords(scan: number, extended: boolean): KeyWords {
  if (extended) return greyKey(scan);
  if (scan >= 1 && scan <= LAST_MAPPED) return typed(scan);
  if ((scan >= 0x3b && scan <= 0x44) || scan === 0x57 || scan === 0x58) return functionKey(scan);
  if (scan >= 0x47 && scan <= 0x53) return padKey(scan);
  if (scan === 0x56) return { plain: 0x565c, shift: 0x567c, control: 0, alt: 0 };
  return { plain: 0, shift: 0, control: 0, alt: 0 };
}

/** Keys of the pad whose Num Lock character is what Shift gives. */
export const isPad = (scan: number): boolean => scan >= 0x47 && scan <= 0x53;
export const isLetter = (word_: number): boolean => (word_ & 0xff) >= 0x61 && (word_ & 0xff) <= 0x7a;
