/** The decoder against iced-x86 on random bytes: validity, length, mnemonic, prefixes and operands. */
import { expect, test } from 'vitest';
import { compare } from './compare.js';
import { randomCode } from './random-code.js';

const SAMPLES = 100_000;

test.each([16, 32, 64] as const)('random bytes in %d-bit code decode as in iced-x86', (bits) => {
  const differences: string[] = [];
  for (const bytes of randomCode(SAMPLES, bits)) {
    const difference = compare(bytes, bits);
    if (difference !== undefined) differences.push(difference);
  }
  expect(differences.slice(0, 20)).toEqual([]);
});

test.each([16, 32, 64] as const)(
  'every opcode with every ModRM byte and prefix decodes as in iced-x86 in %d-bit code',
  (bits) => {
    const differences: string[] = [];
    for (const bytes of everyForm()) {
      const difference = compare(bytes, bits);
      if (difference !== undefined) differences.push(difference);
    }
    expect(differences.slice(0, 20)).toEqual([]);
  },
);

const PREFIXES = [[], [0x66], [0xf3], [0xf2]];

function* everyForm(): Generator<Uint8Array> {
  const bytes = new Uint8Array(24).fill(0x11);
  for (const prefixes of PREFIXES) {
    bytes.set(prefixes);
    for (let opcode = 0; opcode < 512; opcode++) {
      const escape = opcode >= 256 ? [0x0f] : [];
      for (let modrm = 0; modrm < 256; modrm += modrm < 0xc0 ? 8 : 1) {
        bytes.set([...escape, opcode & 255, modrm], prefixes.length);
        bytes.fill(0x11, prefixes.length + escape.length + 2);
        yield bytes;
      }
    }
  }
}
