/** The PC's character set, code page 437, as Unicode, with the graphic characters that the control codes have on a screen. */

const CONTROLS = ' ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼';
const UPPER =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐' +
  '└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ';

/** One character for each of the 256 codes; 0, 32 and 255 look the same and are spaces. */
export const CODE_PAGE_437: readonly string[] = [
  ...CONTROLS,
  ...Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)),
  '⌂',
  ...UPPER,
];

const CODES = new Map(CODE_PAGE_437.map((character, code) => [character, code] as const).reverse());
CODES.set(' ', 32);

/** The code of a character, undefined when the set lacks it. */
export function codeOf(character: string): number | undefined {
  return CODES.get(character);
}
