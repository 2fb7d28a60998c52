/**
 * The character generator's fonts, 256 glyphs of 8 by 8, 14 or 16 dots in the order of code page 437: letters from one 5 by 7 matrix,
 * frames and blocks computed for the cell.
 */

/** Seven rows of five dots, a base-32 digit each; codes 32 to 126. */
const ASCII =
  '0000000 4444004 aaa0000 aavavaa 4fke5u4 op248j3 cik8lid 4480000 2488842 8422248 04lel40 044v440 0000c48 000v000 00000cc 01248g0 ' +
  'ehjlphe 4c4444e eh1248v v2421he 26aiv22 vgu11he 68guhhe v124888 ehhehhe ehhf12c 0cc0cc0 0cc0c48 248g842 00v0v00 8421248 eh12404 ' +
  'eh1dlle ehhvhhh uhhuhhu ehggghe sihhhis vgguggv vgguggg ehgnhhf hhhvhhh e44444e 72222ic hikokih ggggggv hrllhhh hhpljhh ehhhhhe ' +
  'uhhuggg ehhhlid uhhukih fgge11u v444444 hhhhhhe hhhhha4 hhhllla hha4ahh hhha444 v1248gv e88888e 0g84210 e22222e 4ah0000 000000v ' +
  '8420000 00e1fhf ggmphhu 00egghe 11djhhf 00ehvge 698s888 0fhhf1e ggmphhh 40c444e 20622ic ggikoki c44444e 00qllhh 00mphhh 00ehhhe ' +
  '00uhugg 00djf11 00mpggg 00ege1u 88s8896 00hhhjd 00hhha4 00hhlla 00ha4ah 0hhhf1e 00v248v 2448442 4444444 8442448 008l200';
/** Codes 1 to 31 and 127. */
const SYMBOLS =
  'ehrhrhe evlvhve avvve40 04eve40 e4vlv4e 4evv44e 00eee00 vvhhhvv 0eaaae0 vhllhvv 72aigge ehhe4v4 7477cg0 f99bbo0 l0v0v0l gosusog ' +
  '137f731 4el4le4 aaaa00a flld555 egehe1e 00000vv 4el4lev 4el4444 4444le4 042v240 048v840 0gggv00 00ava00 04eev00 0vee400 04ahhv0';

/** Accented letters of 128 to 165: mark over (or under) a letter. */
const ACCENTED =
  'C, u" e\' a^ a" a` ao c, e^ e" e` i" i^ i` A" Ao E\' .. .. o^ o" o` u^ u` y" O" U" .. .. .. .. .. a\' i\' o\' u\' n~ N~';
const MARKS: Readonly<Record<string, string>> = {
  '"': 'a000000',
  "'": '2400000',
  '`': '8400000',
  '^': '4a00000',
  o: 'cc00000',
  '~': 'dm00000',
  ',': '0000048',
};
/** The rest of 128 to 175 and 224 to 254. */
const OTHERS: Readonly<Record<number, string>> = {
  0x91: '00u5ukv',
  0x92: 'fkkukkn',
  0x9b: '44fkkf4',
  0x9c: '698s89m',
  0x9d: 'hhavv44',
  0x9e: 'siisgig',
  0x9f: '25444k8',
  0xa6: 'e1fhf0v',
  0xa7: 'ehhhe0v',
  0xa8: '4048ghe',
  0xa9: '000vgg0',
  0xaa: '000v110',
  0xab: 'gi4em24',
  0xac: 'gi4ad72',
  0xad: '4004444',
  0xae: '005aka5',
  0xaf: '00ka5ak',
  0xe0: '00djiid',
  0xe1: 'cikihmg',
  0xe2: 'vhggggg',
  0xe3: '0vaaaaa',
  0xe4: 'v84248v',
  0xe5: '00fiiic',
  0xe6: '0hhhjtg',
  0xe7: '00fk442',
  0xe8: 'e4eheh4',
  0xe9: 'ehhvhhe',
  0xea: 'ehhhaar',
  0xeb: '684ehhe',
  0xec: '00alla0',
  0xed: '4ellle4',
  0xee: '68gug86',
  0xef: '0ehhhhh',
  0xf0: '0v0v0v0',
  0xf1: '44v440v',
  0xf2: '842480v',
  0xf3: '248420v',
  0xf4: '2544444',
  0xf5: '44444k8',
  0xf6: '0c0v0c0',
  0xf7: '08l208l',
  0xf8: 'caac000',
  0xf9: '00cc000',
  0xfa: '0004000',
  0xfb: '7444kc4',
  0xfc: 'siii000',
  0xfd: 'c24e000',
  0xfe: '0eeeee0',
};
/** Frames, B3 to DA: arms up, down, left, right of 0, 1 or 2 lines. */
const FRAMES =
  '1100 1110 1120 2210 0210 0120 2220 2200 0220 2020 2010 1020 0110 1001 1011 0111 1101 0011 1111 1102 ' +
  '2201 2002 0202 2022 0222 2202 0022 2222 1022 2011 0122 0211 2001 1002 0102 0201 2211 1122 1010 0101';

export type FontHeight = 8 | 14 | 16;

function matrixOf(digits: string): number[] {
  return [...digits].map((digit) => parseInt(digit, 32));
}

/** The 5 by 7 matrix of every code that has one. */
function matrices(): Map<number, number[]> {
  const letters = ASCII.split(' ').map(matrixOf);
  const all = new Map(letters.map((rows, i) => [32 + i, rows]));
  SYMBOLS.split(' ').forEach((digits, i) => all.set(i === 31 ? 127 : i + 1, matrixOf(digits)));
  ACCENTED.split(' ').forEach((pair, i) => {
    const base = letters[pair.charCodeAt(0) - 32]!;
    const mark = MARKS[pair[1]!];
    if (mark !== undefined) all.set(128 + i, accented(base, matrixOf(mark), /[A-Z]/.test(pair[0]!)));
  });
  for (const [code, digits] of Object.entries(OTHERS)) all.set(Number(code), matrixOf(digits));
  return all;
}

/** Capitals give up their second row so that the mark stays apart; the dot of i goes. */
function accented(base: readonly number[], mark: readonly number[], capital: boolean): number[] {
  if (mark[0] === 0) return base.map((row, y) => row | mark[y]!);
  if (!capital) return base.map((row, y) => (y < 2 ? mark[y]! : row | mark[y]!));
  return base.map((row, y) => (y === 0 ? mark[0]! | mark[1]! : y === 1 ? base[0]! : row));
}

/** The matrix in columns 1 to 5, each row of it once in 8 lines, twice in 14 and 16. */
function letterGlyph(rows: readonly number[], height: FontHeight): number[] {
  const times = height === 8 ? 1 : 2;
  const top = height === 16 ? 1 : 0;
  return Array.from({ length: height }, (_, y) => (rows[Math.floor((y - top) / times)] ?? 0) << 2);
}

const MIDDLE_COLUMN = 3;
/** Where the lines of an arm run, relative to the middle. */
const LINE_OFFSETS = [[], [0], [-1, 1]];

function frameGlyph(arms: string, height: FontHeight): number[] {
  const [up, down, left, right] = [...arms].map(Number) as [number, number, number, number];
  const middle = (height >> 1) - 1;
  const glyph = new Array<number>(height).fill(0);
  const reachY = Math.max(left, right) === 2 ? 1 : 0;
  const reachX = Math.max(up, down) === 2 ? 1 : 0;
  for (let y = 0; y < height; y++) {
    if (y <= middle + reachY) for (const x of LINE_OFFSETS[up]!) glyph[y]! |= 0x80 >> (MIDDLE_COLUMN + x);
    if (y >= middle - reachY) for (const x of LINE_OFFSETS[down]!) glyph[y]! |= 0x80 >> (MIDDLE_COLUMN + x);
  }
  for (const y of LINE_OFFSETS[left]!) glyph[middle + y]! |= (0xff << (7 - MIDDLE_COLUMN - reachX)) & 0xff;
  for (const y of LINE_OFFSETS[right]!) glyph[middle + y]! |= 0xff >> (MIDDLE_COLUMN - reachX);
  return glyph;
}

/** Shades of B0 to B2 by two rows in turn, blocks of DB to DF by their part of the cell. */
function blockGlyph(code: number, height: FontHeight): number[] | undefined {
  const shades: Readonly<Record<number, readonly [number, number]>> = {
    0xb0: [0x22, 0x88],
    0xb1: [0x55, 0xaa],
    0xb2: [0xdd, 0x77],
  };
  const shade = shades[code];
  const rows = (of: (y: number) => number) => Array.from({ length: height }, (_, y) => of(y));
  if (shade !== undefined) return rows((y) => shade[y & 1]!);
  const half = height >> 1;
  switch (code) {
    case 0xdb:
      return rows(() => 0xff);
    case 0xdc:
      return rows((y) => (y >= half ? 0xff : 0));
    case 0xdd:
      return rows(() => 0xf0);
    case 0xde:
      return rows(() => 0x0f);
    case 0xdf:
      return rows((y) => (y < half ? 0xff : 0));
    default:
      return undefined;
  }
}

/** 256 glyphs of `height` bytes, the leftmost dot in bit 7. */
export function characterFont(height: FontHeight): Uint8Array {
  const font = new Uint8Array(256 * height);
  const letters = matrices();
  const frames = FRAMES.split(' ');
  for (let code = 0; code < 256; code++) {
    const frame = frames[code - 0xb3];
    const glyph =
      blockGlyph(code, height) ??
      (frame === undefined ? letterGlyph(letters.get(code) ?? [], height) : frameGlyph(frame, height));
    font.set(glyph, code * height);
  }
  return font;
}
