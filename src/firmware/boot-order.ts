/** The order in which a BIOS tries devices, as it lies in CMOS memory: nibbles in registers 3D (first, second) and 38 (third in its high half). */

/** QEMU's letters: floppy, hard disk, CD-ROM, network. */
const NIBBLE: Readonly<Record<string, number>> = { a: 1, c: 2, d: 3, n: 4 };
export const DEFAULT_BOOT_ORDER = 'cad';
const FIRST_TWO = 0x3d,
  THIRD = 0x38;

/** Up to three different letters of a, c, d and n. */
export function isBootOrder(text: string): boolean {
  return /^[acdn]{1,3}$/.test(text) && new Set(text).size === text.length;
}

/** CMOS register → value. */
export function bootOrderCmos(order: string): Record<number, number> {
  const [first = 0, second = 0, third = 0] = Array.from(order, (letter) => NIBBLE[letter]!);
  return { [FIRST_TWO]: first | (second << 4), [THIRD]: third << 4 };
}
