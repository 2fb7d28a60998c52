/** The modes of the VGA: register values (IBM VGA technical reference) and how their memory is laid out. */

export type Layout = 'text' | 'cga' | 'planar' | 'packed';

export interface VideoMode {
  readonly number: number;
  readonly layout: Layout;
  readonly columns: number;
  readonly rows: number;
  /** Rows of dots of a character. */
  readonly height: 8 | 14 | 16;
  /** Of a graphics mode. */
  readonly bits: number;
  readonly window: number;
  readonly pageBytes: number;
  readonly pages: number;
  readonly misc: number;
  /** Registers 1 to 4. */
  readonly sequencer: readonly number[];
  readonly crtc: readonly number[];
  readonly graphics: readonly number[];
  readonly attribute: readonly number[];
  readonly palette: 'text' | 'cga' | 'mono' | 'packed';
}

const hex = (text: string): number[] => text.split(' ').map((byte) => parseInt(byte, 16));
const TIMING_40 = '2d 27 28 90 2b';
const TIMING_80 = '5f 4f 50 82';
const LINES_400 = '9c 8e 8f';

const TEXT_40 = hex(`${TIMING_40} a0 bf 1f 00 4f 0d 0e 00 00 00 00 ${LINES_400} 14 1f 96 b9 a3 ff`);
const TEXT_80 = hex(`${TIMING_80} 55 81 bf 1f 00 4f 0d 0e 00 00 00 00 ${LINES_400} 28 1f 96 b9 a3 ff`);
const MONO_80 = hex(`${TIMING_80} 55 81 bf 1f 00 4f 0d 0e 00 00 00 00 ${LINES_400} 28 0f 96 b9 a3 ff`);
const CGA_320 = hex(`${TIMING_40} 80 bf 1f 00 c1 00 00 00 00 00 00 ${LINES_400} 14 00 96 b9 a2 ff`);
const CGA_640 = hex(`${TIMING_80} 54 80 bf 1f 00 c1 00 00 00 00 00 00 ${LINES_400} 28 00 96 b9 c2 ff`);
const PLANAR_320 = hex(`${TIMING_40} 80 bf 1f 00 c0 00 00 00 00 00 00 ${LINES_400} 14 00 96 b9 e3 ff`);
const PLANAR_640 = hex(`${TIMING_80} 54 80 bf 1f 00 c0 00 00 00 00 00 00 ${LINES_400} 28 00 96 b9 e3 ff`);
const PLANAR_350 = hex(`${TIMING_80} 54 80 bf 1f 00 40 00 00 00 00 00 00 83 85 5d 28 0f 63 ba e3 ff`);
const TWO_480 = hex(`${TIMING_80} 54 80 0b 3e 00 40 00 00 00 00 00 00 ea 8c df 28 00 e7 04 c3 ff`);
const PLANAR_480 = hex(`${TIMING_80} 54 80 0b 3e 00 40 00 00 00 00 00 00 ea 8c df 28 00 e7 04 e3 ff`);
const PACKED_320 = hex(`${TIMING_80} 54 80 bf 1f 00 41 00 00 00 00 00 00 ${LINES_400} 28 40 96 b9 a3 ff`);

const SIXTEEN = '00 01 02 03 04 05 14 07 38 39 3a 3b 3c 3d 3e 3f';
const A_TEXT = hex(`${SIXTEEN} 0c 00 0f 08 00`);
const A_MONO = hex('00 08 08 08 08 08 08 08 10 18 18 18 18 18 18 18 0e 00 0f 08 00');
const A_CGA_320 = hex('00 13 15 17 02 04 06 07 10 11 12 13 14 15 16 17 01 00 03 00 00');
const A_CGA_640 = hex('00 17 17 17 17 17 17 17 17 17 17 17 17 17 17 17 01 00 01 00 00');
const A_EGA_200 = hex('00 01 02 03 04 05 06 07 10 11 12 13 14 15 16 17 01 00 0f 00 00');
const A_EGA = hex(`${SIXTEEN} 01 00 0f 00 00`);
const A_TWO = hex('00 3f 3f 3f 3f 3f 3f 3f 3f 3f 3f 3f 3f 3f 3f 3f 01 00 0f 00 00');
const A_PACKED = hex('00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 41 00 0f 00 00');

const G_TEXT = [0, 0, 0, 0, 0, 0x10, 0x0e, 0x0f, 0xff],
  G_MONO = [0, 0, 0, 0, 0, 0x10, 0x0a, 0x0f, 0xff],
  G_CGA_320 = [0, 0, 0, 0, 0, 0x30, 0x0f, 0, 0xff],
  G_CGA_640 = [0, 0, 0, 0, 0, 0, 0x0d, 0, 0xff],
  G_PLANAR = [0, 0, 0, 0, 0, 0, 0x05, 0x0f, 0xff],
  G_TWO = [0, 0, 0, 0, 0, 0, 0x05, 0x01, 0xff],
  G_PACKED = [0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff];

const COLOUR_TEXT = {
  layout: 'text',
  rows: 25,
  height: 16,
  bits: 0,
  window: 0xb8000,
  pages: 8,
  misc: 0x67,
  graphics: G_TEXT,
  attribute: A_TEXT,
  palette: 'text',
} as const;
const text40 = (number: number): VideoMode => ({
  ...COLOUR_TEXT,
  number,
  columns: 40,
  pageBytes: 0x800,
  sequencer: [0x08, 0x03, 0x00, 0x02],
  crtc: TEXT_40,
});
const text80 = (number: number): VideoMode => ({
  ...COLOUR_TEXT,
  number,
  columns: 80,
  pageBytes: 0x1000,
  sequencer: [0x00, 0x03, 0x00, 0x02],
  crtc: TEXT_80,
});
const MONO: VideoMode = {
  ...text80(7),
  window: 0xb0000,
  misc: 0x66,
  crtc: MONO_80,
  graphics: G_MONO,
  attribute: A_MONO,
  palette: 'mono',
};
const cga320 = (number: number): VideoMode => ({
  ...{ number, layout: 'cga', columns: 40, rows: 25, height: 8, bits: 2, window: 0xb8000 },
  ...{ pageBytes: 0x4000, pages: 1, misc: 0x63, sequencer: [0x09, 0x03, 0x00, 0x02], crtc: CGA_320 },
  ...{ graphics: G_CGA_320, attribute: A_CGA_320, palette: 'cga' },
});
const PLANAR = {
  layout: 'planar',
  bits: 4,
  window: 0xa0000,
  sequencer: [0x01, 0x0f, 0x00, 0x06],
  graphics: G_PLANAR,
} as const;

export const VIDEO_MODES: readonly VideoMode[] = [
  ...[0, 1].map(text40),
  ...[2, 3].map(text80),
  ...[4, 5].map(cga320),
  {
    ...cga320(6),
    ...{ columns: 80, bits: 1, sequencer: [0x01, 0x01, 0x00, 0x06], crtc: CGA_640 },
    ...{ graphics: G_CGA_640, attribute: A_CGA_640 },
  },
  MONO,
  {
    ...PLANAR,
    ...{ number: 0x0d, columns: 40, rows: 25, height: 8, pageBytes: 0x2000, pages: 8, misc: 0x63 },
    ...{ sequencer: [0x09, 0x0f, 0x00, 0x06], crtc: PLANAR_320, attribute: A_EGA_200, palette: 'cga' },
  },
  {
    ...PLANAR,
    ...{ number: 0x0e, columns: 80, rows: 25, height: 8, pageBytes: 0x4000, pages: 4, misc: 0x63 },
    ...{ crtc: PLANAR_640, attribute: A_EGA_200, palette: 'cga' },
  },
  {
    ...PLANAR,
    ...{ number: 0x10, columns: 80, rows: 25, height: 14, pageBytes: 0x8000, pages: 2, misc: 0xa3 },
    ...{ crtc: PLANAR_350, attribute: A_EGA, palette: 'text' },
  },
  {
    ...PLANAR,
    ...{ number: 0x11, columns: 80, rows: 30, height: 16, bits: 1, pageBytes: 0xa000, pages: 1, misc: 0xe3 },
    ...{ crtc: TWO_480, graphics: G_TWO, attribute: A_TWO, palette: 'text' },
  },
  {
    ...PLANAR,
    ...{ number: 0x12, columns: 80, rows: 30, height: 16, pageBytes: 0xa000, pages: 1, misc: 0xe3 },
    ...{ crtc: PLANAR_480, attribute: A_EGA, palette: 'text' },
  },
  {
    ...{ number: 0x13, layout: 'packed', columns: 40, rows: 25, height: 8, bits: 8, window: 0xa0000 },
    ...{ pageBytes: 0x10000, pages: 1, misc: 0x63, sequencer: [0x01, 0x0f, 0x00, 0x0e] },
    ...{ crtc: PACKED_320, graphics: G_PACKED, attribute: A_PACKED, palette: 'packed' },
  },
];

export function videoMode(number: number): VideoMode | undefined {
  return VIDEO_MODES.find((mode) => mode.number === number);
}
