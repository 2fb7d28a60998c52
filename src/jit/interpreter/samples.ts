/** Sample encodings of every opcode, prefix and operand kind: the generator derives the forms from them, so the opcode table stays the one list of instructions. */
import { decode } from '../../decoder/decode.js';
import { CS, type Instruction } from '../../decoder/instruction.js';
import type { ModeView } from '../builder.js';

export interface Sample {
  readonly instruction: Instruction;
  readonly mode: ModeView;
}

export const FLAT_32: ModeView = { codeSize: 32, stackSize: 32, flat: (segment) => segment !== CS };
export const SEGMENTED_16: ModeView = { codeSize: 16, stackSize: 16, flat: () => false };

const PREFIXES = [[], [0x66], [0xf3], [0xf2], [0x66, 0xf3], [0x66, 0xf2]];
/** ModRM bytes: each reg field with a memory operand without base ESP, and with two registers. */
const modrms = (size: 16 | 32): number[] =>
  [...Array(8).keys()].flatMap((reg) => [(reg << 3) | (size === 16 ? 4 : 0), 0xc1 | (reg << 3)]);

function* encodings(size: 16 | 32): Generator<number[]> {
  for (const prefix of PREFIXES) {
    for (let opcode = 0; opcode < 512; opcode++) {
      const bytes = opcode < 256 ? [opcode] : [0x0f, opcode & 255];
      for (const modrm of modrms(size)) yield [...prefix, ...bytes, modrm];
    }
    // Register numbers in x87 opcodes are whole ModRM bytes.
    for (let opcode = 0xd8; opcode < 0xe0; opcode++) {
      for (let modrm = 0xc0; modrm < 0x100; modrm++) yield [...prefix, opcode, modrm];
    }
  }
}

/** Every decodable sample in flat 32-bit and segmented 16-bit code. */
export function* samples(): Generator<Sample> {
  for (const [size, mode] of [
    [32, FLAT_32],
    [16, SEGMENTED_16],
  ] as const) {
    for (const bytes of encodings(size)) {
      const padded = Uint8Array.from([...bytes, ...Array<number>(15 - bytes.length).fill(0x11)]);
      const instruction = decode(padded, 0, padded.length, size);
      if (typeof instruction === 'object') yield { instruction, mode };
    }
  }
}
