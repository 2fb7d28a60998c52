/** The opcode table itself: no collisions, nothing unreachable, notation that reads. */
import { expect, test } from 'vitest';
import { buildLookup, eachRun, ROWS, specificity, validIn } from '../../src/decoder/lookup.js';
import { OPCODES } from '../../src/decoder/opcodes.js';
import type { OpcodeRow } from '../../src/decoder/opcodes.js';

const rows: readonly OpcodeRow[] = OPCODES;
const described = (index: number): string => JSON.stringify(rows[index]);

test.each([false, true])('no two rows claim the same encoding (64-bit code: %s)', (long) => {
  const owners = new Map<number, number>();
  const collisions: string[] = [];
  rows.forEach((row, index) => {
    if (!validIn(row, long)) return;
    eachRun(row, (first, count) => {
      for (let cell = first; cell < first + count; cell++) {
        const key = cell * 4 + specificity(row);
        const owner = owners.get(key);
        if (owner !== undefined) collisions.push(`${described(owner)} and ${described(index)}`);
        owners.set(key, index);
      }
    });
  });
  expect([...new Set(collisions)]).toEqual([]);
});

test('every row can be reached in some mode', () => {
  const reached = new Set([...buildLookup(false).cells, ...buildLookup(true).cells]);
  expect(rows.map((_, index) => index).filter((index) => !reached.has(index)).map(described)).toEqual([]); // prettier-ignore
});

test('rows are in numeric order', () => {
  const order = rows.map((row) => {
    const [first = '', second = ''] = row.opcode.replace(/\+\w+/, '').split(' ');
    return first === '0F' ? 256 + parseInt(second, 16) : parseInt(first, 16);
  });
  expect(order).toEqual([...order].sort((a, b) => a - b));
});

test('every opcode of the one-byte map means something in 32-bit code', () => {
  const { cells } = buildLookup(false);
  const prefixes = [0x0f, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];
  const empty = Array.from({ length: 256 }, (_, opcode) => opcode).filter((opcode) =>
    cells.subarray(opcode * 288, opcode * 288 + 288).every((row) => row < 0),
  );
  expect(empty).toEqual(prefixes);
});

test('a row that may be locked writes its first operand to memory', () => {
  const wrong = ROWS.filter((row) => row.lock && row.operands[0]?.form !== 0);
  expect(wrong).toEqual([]);
});

test('no mnemonic is written two ways', () => {
  for (const row of rows) expect(row.mnemonic).toMatch(/^[A-Z][A-Z0-9]*$/);
});

function mnemonicsWith(operand: string): string[] {
  return [
    ...new Set(rows.filter((row) => row.operands.split(',').includes(operand)).map((row) => row.mnemonic)),
  ];
}

test('byte immediates are signed where they are operands of byte arithmetic, sign-extended where the manual says so', () => {
  const arithmetic = ['ADD', 'OR', 'ADC', 'SBB', 'AND', 'SUB', 'XOR', 'CMP'];
  expect(mnemonicsWith('Ib').sort()).toEqual([...arithmetic, 'TEST', 'MOV'].sort());
  expect(mnemonicsWith('Ibs').sort()).toEqual([...arithmetic, 'PUSH', 'IMUL'].sort());
  const counts = ['ROL', 'ROR', 'RCL', 'RCR', 'SHL', 'SHR', 'SAR', 'SHLD', 'SHRD', 'BT', 'BTS', 'BTR', 'BTC'];
  expect(mnemonicsWith('Ibu')).toEqual(
    expect.arrayContaining([...counts, 'IN', 'OUT', 'INT', 'AAM', 'AAD', 'ENTER', 'CMPPS']),
  );
});
