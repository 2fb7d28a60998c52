import { describe, expect, it } from 'vitest';
import { ACPI_BASE, acpiTables } from '../../src/firmware/acpi.js';
import { define, device, eisaId, integer, namePath, packageOf, scope } from '../../src/firmware/aml.js';
import { memoryMap } from '../../src/firmware/e820.js';

const configuration = {
  pmBase: 0xb000,
  smiCommand: 0xb2,
  acpiEnable: 0xf1,
  acpiDisable: 0xf0,
  sci: 9,
  sleepTypeS5: 0,
  century: 0x32,
};
const tables = acpiTables(configuration);
const view = new DataView(tables.buffer);
const text = (at: number, length: number): string => String.fromCharCode(...tables.subarray(at, at + length));
const word = (address: number): number => view.getUint32(address - ACPI_BASE, true);
const sum = (at: number, length: number): number =>
  tables.subarray(at, at + length).reduce((a, b) => (a + b) & 0xff, 0);

/** Address of a table, checked. */
function checked(address: number, signature: string): number {
  const at = address - ACPI_BASE;
  expect(text(at, 4)).toBe(signature);
  expect(sum(at, word(address + 4))).toBe(0);
  return address;
}

describe('ACPI tables', () => {
  it('are found from the RSDP on, with right checksums and lengths', () => {
    expect([text(0, 8), sum(0, 20), ACPI_BASE % 16]).toEqual(['RSD PTR ', 0, 0]);
    const rsdt = checked(word(ACPI_BASE + 16), 'RSDT');
    expect(word(rsdt + 4)).toBe(40);
    const fadt = checked(word(rsdt + 36), 'FACP');
    expect(word(fadt + 4)).toBe(116);
    const dsdt = checked(word(fadt + 40), 'DSDT');
    expect(dsdt - ACPI_BASE + word(dsdt + 4)).toBe(tables.length);
    const facs = word(fadt + 36);
    expect([facs % 64, text(facs - ACPI_BASE, 4), word(facs + 4)]).toEqual([0, 'FACS', 64]);
    expect(ACPI_BASE + tables.length).toBeLessThan(0xf0000);
  });
  it('the FADT names the fixed hardware', () => {
    const fadt = word(word(ACPI_BASE + 16) + 36);
    const byte = (offset: number): number => tables[fadt - ACPI_BASE + offset]!;
    expect([word(fadt + 48), byte(52), byte(53), byte(46)]).toEqual([0xb2, 0xf1, 0xf0, 9]);
    expect([word(fadt + 56), word(fadt + 64), word(fadt + 76)]).toEqual([0xb000, 0xb004, 0xb008]);
    expect([byte(88), byte(89), byte(91), byte(108)]).toEqual([4, 2, 4, 0x32]);
  });
});

describe('with APICs', () => {
  const image = acpiTables({
    ...configuration,
    apic: {
      lapicAddress: 0xfee00000,
      ioApicAddress: 0xfec00000,
      ioApicId: 1,
      hpetAddress: 0xfed00000,
      hpetCapabilities: 0x8086a201,
    },
  });
  const words = new DataView(image.buffer);
  const at = (address: number): number => words.getUint32(address - ACPI_BASE, true);
  /** Bytes after the header of the n-th table of the RSDT. */
  function bodyOf(n: number, signature: string): number[] {
    const start = at(at(ACPI_BASE + 16) + 36 + 4 * n) - ACPI_BASE;
    const bytes = image.subarray(start, start + words.getUint32(start + 4, true));
    expect(String.fromCharCode(...bytes.subarray(0, 4))).toBe(signature);
    expect(bytes.reduce((a, b) => (a + b) & 0xff, 0)).toBe(0);
    return [...bytes.subarray(36)];
  }

  it('all other tables stay where they were', () => {
    expect(image.subarray(192, tables.length)).toEqual(tables.subarray(192));
    expect([at(at(ACPI_BASE + 16) + 4), ACPI_BASE + image.length < 0xf0000]).toEqual([48, true]);
    bodyOf(0, 'FACP');
  });
  it('the MADT lists processor, I/O APIC, the overrides and NMI', () => {
    const body = bodyOf(1, 'APIC');
    expect(body.slice(0, 8)).toEqual([0, 0, 0xe0, 0xfe, 1, 0, 0, 0]);
    const entries: number[][] = [];
    for (let i = 8; i < body.length; i += body[i + 1]!) entries.push(body.slice(i, i + body[i + 1]!));
    expect(entries).toEqual([
      [0, 8, 0, 0, 1, 0, 0, 0],
      [1, 12, 1, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0],
      [2, 10, 0, 0, 2, 0, 0, 0, 0, 0],
      [2, 10, 0, 9, 9, 0, 0, 0, 0x0f, 0],
      [2, 10, 0, 10, 10, 0, 0, 0, 0x0f, 0],
      [2, 10, 0, 11, 11, 0, 0, 0, 0x0f, 0],
      [4, 6, 0xff, 0, 0, 1],
    ]);
  });
  it('the HPET table names the block in memory', () => {
    const body = bodyOf(2, 'HPET');
    expect(body.slice(0, 8)).toEqual([0x01, 0xa2, 0x86, 0x80, 0, 64, 0, 0]);
    expect(body.slice(8, 16)).toEqual([0, 0, 0xd0, 0xfe, 0, 0, 0, 0]);
    expect(body).toHaveLength(20);
  });
});

describe('AML', () => {
  it('encodes the constructs of the specification', () => {
    expect(namePath('\\_S5')).toEqual([0x5c, 0x5f, 0x53, 0x35, 0x5f]);
    expect([integer(0), integer(1), integer(255), integer(0x1234), integer(0x12345678)]).toEqual([
      [0],
      [1],
      [0x0a, 255],
      [0x0b, 0x34, 0x12],
      [0x0c, 0x78, 0x56, 0x34, 0x12],
    ]);
    expect(eisaId('PNP0A03')).toEqual([0x0c, 0x41, 0xd0, 0x0a, 0x03]);
    expect(packageOf(integer(5), integer(0))).toEqual([0x12, 0x05, 2, 0x0a, 5, 0]);
    expect(define('_UID', integer(1))).toEqual([0x08, 0x5f, 0x55, 0x49, 0x44, 1]);
    expect(device('A')).toEqual([0x5b, 0x82, 5, 0x41, 0x5f, 0x5f, 0x5f]);
  });
  it('lengths of one, two and three bytes count themselves', () => {
    const lengthOf = (size: number): number[] =>
      scope('ABCD', new Array<number>(size - 4).fill(0)).slice(1, 4);
    expect(lengthOf(0x3e)[0]).toBe(0x3f);
    expect(lengthOf(0x3f).slice(0, 2)).toEqual([0x41, 0x04]);
    expect(lengthOf(0x1000)).toEqual([0x83, 0x00, 0x01]);
  });
});

it('the memory map covers all RAM once, in order', () => {
  const map = memoryMap(32 << 20);
  for (let i = 1; i < map.length; i++)
    expect(map[i]!.address).toBeGreaterThanOrEqual(map[i - 1]!.address + map[i - 1]!.length);
  expect(map.at(-1)).toEqual({ address: 0x100000, length: 31 << 20, type: 1 });
});

describe('the DSDT', () => {
  it('routes every pin of every slot: 124 packages of address, pin, no link, interrupt', () => {
    const at = tables.findIndex((_, i) => text(i, 4) === '_PRT');
    // NameOp _PRT, PackageOp, PkgLength of two bytes, count.
    expect([tables[at - 1], tables[at + 4], tables[at + 7]]).toEqual([8, 0x12, 124]);
    // Slot 1 INTA# → 10; slot 1 INTD# → 11; slot 2 INTD# → 10.
    const entry = (slot: number, pin: number, irq: number): number[] => [
      ...[0x0c, 0xff, 0xff, slot, 0, ...(pin > 1 ? [0x0a, pin] : [pin]), 0, 0x0a, irq],
    ];
    const has = (bytes: number[]): boolean =>
      tables.some((_, i) => bytes.every((byte, k) => tables[i + k] === byte));
    expect(
      [entry(1, 0, 10), entry(1, 3, 11), entry(2, 3, 10), entry(31, 2, 10), entry(2, 3, 11)].map(has),
    ).toEqual([true, true, true, true, false]);
  });
});
