/** Tables that systems look for below 1 MiB: checksums, lengths, and that each says what the machine is wired like. */
import { describe, expect, it } from 'vitest';
import { mpTable } from '../../src/firmware/mp-table.js';
import { memoryTypes } from '../../src/firmware/mtrr.js';
import { pirTable } from '../../src/firmware/pir-table.js';
import { smbiosTables } from '../../src/firmware/smbios.js';

const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => total + byte, 0) & 0xff;
const text = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length));
const APIC = {
  ...{ lapicAddress: 0xfee00000, ioApicAddress: 0xfec00000, ioApicId: 1 },
  ...{ hpetAddress: 0xfed00000, hpetCapabilities: 0 },
};
const IDENTITY = { signature: 0x673, features: 0x383fbff };

describe('$PIR', () => {
  it('has an entry for each slot; slot 1 pin A is on link 60, slot 2 pin A on link 61', () => {
    const table = pirTable();
    const view = new DataView(table.buffer);
    expect(text(table, 0, 4)).toBe('$PIR');
    expect([view.getUint16(6, true), sum(table)]).toEqual([table.length, 0]);
    expect([table[32 + 1], table[32 + 2], table[48 + 1], table[48 + 2]]).toEqual([8, 0x60, 16, 0x61]);
  });
});

describe('MP table', () => {
  it('has right sums and counts, and sends PCI slot 2 pin A where the ISA router does', () => {
    const bytes = mpTable(APIC, IDENTITY, 0xf2000);
    const view = new DataView(bytes.buffer);
    expect([sum(bytes.subarray(0, 16)), view.getUint32(4, true)]).toEqual([0, 0xf2010]);
    const table = bytes.subarray(16);
    expect([text(table, 0, 4), view.getUint16(16 + 4, true), sum(table)]).toEqual(['PCMP', table.length, 0]);
    let count = 0;
    let routed = -1;
    for (let at = 44; at < table.length; at += table[at] === 0 ? 20 : 8, count++)
      if (table[at] === 3 && table[at + 4] === 0 && table[at + 5] === 2 << 2) routed = table[at + 7]!;
    expect(count).toBe(view.getUint16(16 + 34, true));
    expect(routed).toBe(10);
  });
});

describe('SMBIOS', () => {
  it('has right sums, and structures that can be walked to the end', () => {
    const bytes = smbiosTables(64 << 20, IDENTITY, 0xf3000);
    const view = new DataView(bytes.buffer);
    expect([sum(bytes.subarray(0, 31)), sum(bytes.subarray(16, 31))]).toEqual([0, 0]);
    expect([text(bytes, 0, 4), text(bytes, 16, 5)]).toEqual(['_SM_', '_DMI_']);
    const types: number[] = [];
    let at = view.getUint32(24, true) - 0xf3000;
    const end = at + view.getUint16(22, true);
    while (at < end) {
      types.push(bytes[at]!);
      if (bytes[at] === 17) expect(view.getUint16(at + 12, true)).toBe(64);
      at += bytes[at + 1]!;
      while (bytes[at] !== 0 || bytes[at + 1] !== 0) at++;
      at += 2;
    }
    expect([at, bytes.length, types.length]).toEqual([end, end, view.getUint16(28, true)]);
    expect(types.at(-1)).toBe(127);
  });
});

it('memory types are on, with write-back as default and the PCI hole uncached', () => {
  const registers = new Map(memoryTypes().map(({ index, low, high }) => [index, [low >>> 0, high]]));
  expect(registers.get(0x2ff)).toEqual([0xc06, 0]);
  expect([registers.get(0x200), registers.get(0x201)]).toEqual([
    [0xe0000000, 0],
    [0xe0000800, 15],
  ]);
  expect(registers.get(0x259)).toEqual([0, 0]);
});
