/** The 64 KiB ROM below 1 MiB: a reset vector that halts, and the date and model bytes. Not implemented: BIOS services. */

export const BIOS_ADDRESS = 0xf0000,
  BIOS_SIZE = 0x10000;
const RESET_VECTOR = 0xfff0;
/** CLI, HLT and a jump back to the HLT. */
const HALT_LOOP = [0xfa, 0xf4, 0xeb, 0xfd];

export function biosRom(): Uint8Array {
  const rom = new Uint8Array(BIOS_SIZE).fill(0xff);
  rom.set(HALT_LOOP, RESET_VECTOR);
  rom.set(
    [...'01/01/92'].map((c) => c.charCodeAt(0)),
    0xfff5,
  );
  rom[0xfffe] = 0xfc;
  return rom;
}
