/** Emitted code of common instructions and of small regions, kept as text with sizes. */
import { generate } from 'astring';
import type { Program, Statement } from 'estree';
import { describe, it } from 'vitest';
import { expectGolden } from '../golden.js';
import { load } from '../fuzz/native.mjs';
import { decode } from '../../src/decoder/decode.js';
import { disassemble } from '../../src/decoder/disassemble.js';
import { Emitter } from '../../src/jit/emit/emitter.js';
import { formKey } from '../../src/jit/interpreter/forms.js';
import { HOT_FORMS } from '../../src/jit/interpreter/hot-forms.js';
import { FLAT_32, SEGMENTED_16 } from '../../src/jit/interpreter/samples.js';
import { handlerTarget, hotTarget } from '../../src/jit/interpreter/slot-target.js';
import { semanticOf } from '../../src/jit/semantics/index.js';
import { semanticLines } from '../../src/regress/fuzz-ir-text.js';
import { hotRegion } from './hot-region.js';

const print = (body: readonly Statement[]): string =>
  generate({ type: 'Program', sourceType: 'module', body: [...body] } as Program, { indent: '  ' });
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.split(' '), (byte) => parseInt(byte, 16));

/** File name → bytes and code size. */
const INSTRUCTIONS: Readonly<Record<string, readonly [hex: string, bits?: 16]>> = {
  'add-r32-r32': ['01 d8'],
  'add-m32-r32': ['01 18'],
  'add-r8-i': ['80 c0 07'],
  'add-m16-i': ['66 83 40 04 05'],
  'adc-r32-r32': ['11 d8'],
  'sub-r32-m32': ['2b 43 08'],
  'sbb-r32-i': ['83 d8 00'],
  'cmp-r32-i': ['83 f8 10'],
  'cmp-r8-m8': ['3a 06'],
  'test-r32-r32': ['85 c0'],
  'and-r32-i': ['25 ff 00 00 00'],
  'xor-r32-r32': ['31 c0'],
  'inc-r32': ['40'],
  'dec-m32': ['ff 0b'],
  'neg-r32': ['f7 d8'],
  'not-m8': ['f6 10'],
  'imul-r32-r32': ['0f af c3'],
  'mul-r32': ['f7 e3'],
  'div-r32': ['f7 f3'],
  'shl-r32-i': ['c1 e0 03'],
  'sar-r32-cl': ['d3 f8'],
  'rcl-r16-1': ['66 d1 d0'],
  'shld-r32-r32-i': ['0f a4 d8 04'],
  'bt-m32-r32': ['0f a3 03'],
  'bsf-r32-r32': ['0f bc c3'],
  'mov-r32-m32': ['8b 44 8b 10'],
  'mov-m32-i': ['c7 03 01 00 00 00'],
  'mov-m16-r16-segmented': ['89 47 02', 16],
  'movzx-r32-m8': ['0f b6 03'],
  'movsx-r32-r16': ['0f bf c3'],
  'lea-r32': ['8d 44 58 04'],
  'xchg-m32-r32': ['87 03'],
  'cmpxchg-m32-r32': ['0f b1 0b'],
  'setcc-r8': ['0f 9c c0'],
  'cmovcc-r32-r32': ['0f 44 c3'],
  'push-r32': ['50'],
  'pop-r32': ['58'],
  'call-rel': ['e8 00 01 00 00'],
  'ret-i': ['c2 08 00'],
  'jcc-rel': ['75 f0'],
  'jmp-m32': ['ff 23'],
  'loop-rel': ['e2 f0'],
  'rep-movs': ['f3 a5'],
  leave: ['c9'],
};

function emitted(hex: string, bits: 16 | 32): string {
  const bytes = bytesOf(hex);
  const instruction = decode(bytes, 0, bytes.length, bits);
  if (typeof instruction === 'number') throw new Error(`${hex} does not decode`);
  const mode = bits === 32 ? FLAT_32 : SEGMENTED_16;
  const key = formKey(instruction, mode)!;
  const semantic = semanticOf(instruction, mode, 'slot');
  const handler = print(new Emitter(handlerTarget()).instruction(semantic, 't'));
  const parts = [
    `// ${hex}   ${disassemble(instruction, 0x1000)}\n// form ${key}\n// IR:\n`,
    ...semanticLines(semantic).map((line) => `//   ${line}\n`),
    `\n// handler, ${handler.length} characters\n${handler}`,
  ];
  if (HOT_FORMS.includes(key)) {
    const hot = print(new Emitter(hotTarget()).instruction(semantic, 't'));
    parts.push(`\n// hot case, ${hot.length} characters\n${hot}`);
  }
  return parts.join('');
}

describe('emitted handlers', () => {
  for (const [name, [hex, bits = 32]] of Object.entries(INSTRUCTIONS)) {
    it(name, () => expectGolden(`${name}.js.txt`, emitted(hex, bits)));
  }
});

/** Small loops whose regions show one thing each. */
const REGIONS: Readonly<Record<string, string>> = {
  'region-sum': '03 02 83 c2 04 49 75 f8 0f 0b',
  'region-store': '89 07 83 c7 04 40 39 d0 72 f6 0f 0b',
  'region-calls': '50 e8 02 00 00 00 58 eb f7 40 c3 cc',
};

describe('regions', () => {
  for (const [name, hex] of Object.entries(REGIONS)) {
    it(name, async () => {
      const machines = await load<typeof import('../../src/jit/vector-machine.js')>('jit/vector-machine.js');
      const engines = await load<typeof import('../../src/jit/engines.js')>('jit/engines.js');
      const source = hotRegion(engines, machines, bytesOf(hex));
      expectGolden(`${name}.js.txt`, `// ${hex}\n// ${source.length} characters\n${source}\n`);
    });
  }
});
