/** The colours that the BIOS of a VGA puts into its palette, six bits each of red, green and blue. */

type Colour = readonly [number, number, number];

const both = (value: number, high: number, low: number): number =>
  ((value >> high) & 1) * 0x2a + ((value >> low) & 1) * 0x15;
/** The 64 colours of an EGA monitor: the lower intensity in bits 5 to 3. */
const ega = (i: number): Colour => [both(i, 2, 5), both(i, 1, 4), both(i, 0, 3)];
/** The 16 colours of a CGA monitor, the intensity in bit 4; dark yellow is brown. */
function cga(i: number): Colour {
  const low = (i & 0x10) === 0 ? 0 : 0x15;
  const [red, green, blue] = [2, 1, 0].map((bit) => ((i >> bit) & 1) * 0x2a + low) as [
    number,
    number,
    number,
  ];
  return (i & 0x17) === 6 ? [red, 0x15, blue] : [red, green, blue];
}
const grey = (level: number): Colour => [level, level, level];
const mono = (i: number): Colour => grey((i & 0x08) === 0 ? 0 : (i & 0x10) === 0 ? 0x2a : 0x3f);

const GREYS = [0, 5, 8, 11, 14, 17, 20, 24, 28, 32, 36, 40, 45, 50, 56, 63];
/** Steps from the weakest to the strongest of red, green and blue, by intensity and saturation. */
const RAMPS = [
  [0, 16, 31, 47, 63],
  [31, 39, 47, 55, 63],
  [45, 49, 54, 58, 63],
  [0, 7, 14, 21, 28],
  [14, 17, 21, 24, 28],
  [20, 22, 24, 26, 28],
  [0, 4, 8, 12, 16],
  [8, 10, 12, 14, 16],
  [11, 12, 13, 15, 16],
];
const HUES = 24;

/** Once round from blue by red and green; four steps lead from one pure colour to the next mixed one. */
function hue(ramp: readonly number[], step: number): Colour {
  const level = (shift: number): number => {
    const at = (step + shift) % HUES;
    if (at < 8) return ramp[4]!;
    if (at < 12) return ramp[12 - at]!;
    return at < 20 ? ramp[0]! : ramp[at - 20]!;
  };
  return [level(20), level(12), level(4)];
}

function packed(): Colour[] {
  const colours = Array.from({ length: 16 }, (_, i) => cga((i & 7) | ((i & 8) << 1)));
  const hues = RAMPS.flatMap((ramp) => Array.from({ length: HUES }, (_, step) => hue(ramp, step)));
  return [...colours, ...GREYS.map(grey), ...hues];
}

/** The first colours of the palette. */
export function initialPalette(kind: 'text' | 'cga' | 'mono' | 'packed'): readonly Colour[] {
  if (kind === 'packed') return packed();
  const of = kind === 'text' ? ega : kind === 'cga' ? cga : mono;
  return Array.from({ length: 64 }, (_, i) => of(i));
}
