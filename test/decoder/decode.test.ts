/** Prefixes, lengths, sizes and operand shapes that random comparison would show only by chance. */
import { expect, test } from 'vitest';
import { conditionName, decode, registerName } from '../../src/decoder/decode.js';
import { DecodeFailure } from '../../src/decoder/instruction.js';
import type { Instruction } from '../../src/decoder/instruction.js';

type Bits = 16 | 32 | 64;

function attempt(hex: string, bits: Bits = 32): Instruction | DecodeFailure {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  return decode(bytes, 0, bytes.length, bits);
}
function decoded(hex: string, bits: Bits = 32): Instruction {
  const instruction = attempt(hex, bits);
  if (typeof instruction === 'number') throw new Error(`${hex} does not decode: ${instruction}`);
  return instruction;
}

test('reads only between offset and end', () => {
  const bytes = Buffer.from('90b811223344c3', 'hex');
  expect(decode(bytes, 1, 7, 32)).toMatchObject({ mnemonic: 'MOV', length: 5 });
  for (let end = 1; end < 6; end++) expect(decode(bytes, 1, end, 32)).toBe(DecodeFailure.TRUNCATED);
  expect(decode(bytes, 6, 7, 32)).toMatchObject({ mnemonic: 'RET', length: 1 });
});

test('fifteen bytes are the most an instruction may have', () => {
  expect(decoded(`${'66'.repeat(14)}90`)).toMatchObject({ mnemonic: 'NOP', length: 15 });
  expect(attempt(`${'66'.repeat(15)}90`)).toBe(DecodeFailure.TOO_LONG);
  expect(attempt('66'.repeat(15))).toBe(DecodeFailure.TOO_LONG);
  expect(attempt('66'.repeat(14))).toBe(DecodeFailure.TRUNCATED);
  expect(attempt(`${'2e'.repeat(10)}c78511223344556677`)).toBe(DecodeFailure.TOO_LONG);
});

test('the last segment override counts, wherever it stands', () => {
  expect(decoded('2e66648b00').segment).toBe(4);
  expect(decoded('64662e8b00').operands[1]).toMatchObject({ segment: 1 });
});

test('SS is the default segment of BP and SP based addresses only', () => {
  expect(decoded('8b4500').operands[1]).toMatchObject({ segment: 2 });
  expect(decoded('8b0424').operands[1]).toMatchObject({ segment: 2 });
  expect(decoded('8b046d00000000').operands[1]).toMatchObject({ segment: 3, base: -1, index: 5 });
  expect(decoded('8b4200', 16).operands[1]).toMatchObject({
    segment: 2,
    base: 5,
    index: 6,
    scale: 0,
    addressSize: 16,
  });
  expect(decoded('8b060080', 16).operands[1]).toMatchObject({ segment: 3, base: -1, displacement: -0x8000 });
});

test.each(['f00100', 'f0fe00', 'f00fc708', 'f08700', 'f00fba2801', 'f00fc100'])('%s may be locked', (hex) => {
  expect(decoded(hex)).toMatchObject({ lock: true });
});
test.each([
  'f001c0',
  'f0fec0',
  'f08b00',
  'f08900',
  'f03900',
  'f00fba2001',
  'f00fa300',
  'f090',
  'f0a5',
  'f087c0',
  'f0d100',
])('%s may not be locked', (hex) => expect(attempt(hex)).toBe(DecodeFailure.INVALID));

test.each([
  '8ec8', '8ef0', '8cf8', '0f20c8', '0f22e8', '0f20f0', '8dc0', 'c4c0', 'c5c0', '62c0', 'fff8', 'ffd8', 'fec8'.replace('c8', 'd0'), '8fc8',
  '0fc7c8', '0f0b'.replace('0b', '04'), '0f38', '0f3a', '0fb8c0', 'f30fb8c0', 'c6f800', '0f01d0', '0fc300'.replace('00', 'c0'), 'd9d1',
]) ('%s is invalid', (hex) => expect(attempt(`${hex}000000000000`)).toBe(DecodeFailure.INVALID)); // prettier-ignore

test('F3 and F2 that are no mandatory prefix are reported, the last one', () => {
  expect(decoded('f2f3a4').rep).toBe(0xf3);
  expect(decoded('f3f2a4').rep).toBe(0xf2);
  expect(decoded('f390')).toMatchObject({ mnemonic: 'PAUSE', rep: 0 });
  expect(decoded('f30f58c1')).toMatchObject({ mnemonic: 'ADDSS', rep: 0 });
  expect(decoded('66f20f58c1')).toMatchObject({ mnemonic: 'ADDSD', rep: 0 });
  expect(decoded('f30fbcc1')).toMatchObject({ mnemonic: 'BSF', rep: 0xf3 });
});

test('a mandatory 66 leaves the operand size alone', () => {
  expect(decoded('660f6ec0')).toMatchObject({ mnemonic: 'MOVD', operandSize: 32 });
  expect(decoded('66b81234')).toMatchObject({ operandSize: 16, length: 4 });
  expect(decoded('66b811223344', 16)).toMatchObject({ operandSize: 32, length: 6 });
});

test('near branches with 66 in 32-bit code have 16-bit displacements', () => {
  expect(decoded('66e9feff')).toMatchObject({
    operandSize: 16,
    length: 4,
    operands: [{ kind: 'relative', value: -2 }],
  });
  expect(decoded('66 0f85 feff')).toMatchObject({ operandSize: 16, length: 5, condition: 5 });
});

test('immediates are sign-extended except counts, ports, vectors and 16-bit ones of RET and ENTER', () => {
  expect(decoded('83c0ff').operands[1]).toEqual({ kind: 'immediate', width: 32, value: -1, high: -1 });
  expect(decoded('04ff').operands[1]).toEqual({ kind: 'immediate', width: 8, value: -1, high: -1 });
  expect(decoded('66 05 ffff').operands[1]).toEqual({ kind: 'immediate', width: 16, value: -1, high: -1 });
  expect(decoded('c1e0ff').operands[1]).toEqual({ kind: 'immediate', width: 8, value: 255, high: 0 });
  expect(decoded('cdff').operands[0]).toMatchObject({ value: 255 });
  expect(decoded('e4ff').operands[1]).toMatchObject({ value: 255 });
  expect(decoded('c2feff').operands[0]).toMatchObject({ width: 16, value: 0xfffe });
  expect(decoded('c8 feff ff').operands).toMatchObject([{ value: 0xfffe }, { value: 255 }]);
  expect(decoded('d1e0').operands[1]).toMatchObject({ kind: 'immediate', value: 1 });
});

test('far pointers are offset, then selector', () => {
  expect(decoded('ea785634123412').operands[0]).toEqual({
    kind: 'far',
    selector: 0x1234,
    offset: 0x12345678,
  });
  expect(decoded('9affff3412', 16).operands[0]).toEqual({ kind: 'far', selector: 0x1234, offset: 0xffff });
});

test('string operands: the override moves the source only', () => {
  expect(decoded('2ea5')).toMatchObject({ operands: [{ base: 7, segment: 0, width: 32 }, { base: 6, segment: 1, width: 32 }], segment: 1 }); // prettier-ignore
  expect(decoded('2eaa').operands[0]).toMatchObject({ base: 7, segment: 0, width: 8 });
});

test('sizes of memory operands', () => {
  const width = (hex: string, bits: Bits = 32): unknown => (decoded(hex, bits).operands.find((o) => o.kind === 'memory') as { width: number }).width; // prettier-ignore
  expect([
    width('8d00'),
    width('0f0138'),
    width('0f0100'),
    width('ff18'),
    width('ff18', 16),
    width('6200'),
  ]).toEqual([0, 0, 48, 48, 32, 64]);
  expect([
    width('d900'),
    width('dd00'),
    width('db28'),
    width('d920'),
    width('d920', 16),
    width('dd30'),
    width('66dd30'),
  ]).toEqual([32, 64, 80, 224, 112, 864, 752]);
  expect([width('0fae00'), width('0f5800'), width('f30f5800'), width('0fc708'), width('0fb700')]).toEqual([
    4096, 128, 32, 64, 16,
  ]);
});

test('64-bit code: REX, default and forced sizes, RIP-relative addresses', () => {
  expect(decoded('4889c8', 64)).toMatchObject({ operandSize: 64 });
  expect(decoded('48b88877665544332211', 64).operands[1]).toEqual({
    kind: 'immediate',
    width: 64,
    value: 0x55667788,
    high: 0x11223344,
  });
  expect(decoded('50', 64)).toMatchObject({ operandSize: 64 });
  expect(decoded('66e900000000', 64)).toMatchObject({ operandSize: 64, length: 6 });
  expect(decoded('8b0500000000', 64).operands[1]).toMatchObject({ ripRelative: true, base: -1 });
  expect(decoded('40b4ff', 64).operands[0]).toMatchObject({ index: 4, high: false });
  expect(decoded('b4ff', 64).operands[0]).toMatchObject({ index: 4, high: true });
  expect(decoded('4866 01c8', 64)).toMatchObject({ operandSize: 16, length: 4 });
  for (const hex of ['06', '27', '60', '9a', 'c400', 'd400', 'ea', '8200']) {
    expect(attempt(`${hex}000000000000`, 64)).toBe(DecodeFailure.INVALID);
  }
});

test('names', () => {
  expect([0, 5, 12, 15].map(conditionName)).toEqual(['O', 'NE', 'L', 'G']);
  expect(decoded('88e5').operands.map((operand) => registerName(operand as never))).toEqual(['ch', 'ah']);
  expect(registerName({ kind: 'segment', index: 4 })).toBe('fs');
  expect(registerName({ kind: 'xmm', index: 3 })).toBe('xmm3');
});
