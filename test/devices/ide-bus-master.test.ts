/** The bus masters of the IDE function, from SFF-8038i and the PIIX3 data sheet: descriptor tables good and bad, and their status bits. */
import { beforeEach, expect, it } from 'vitest';
import { AtaDisk } from '../../src/devices/ata-disk.js';
import { BSY, DRDY, DSC, ERR, IdeBench, MemoryMedium, SECTOR, pattern } from './ide-bench.js';

const READY = DRDY | DSC;
const ACTIVE = 1,
  ERROR = 2,
  INTERRUPT = 4;
const READ_DMA = 0xc8,
  WRITE_DMA = 0xca;
let medium: MemoryMedium;
let bench: IdeBench;

beforeEach(() => {
  medium = new MemoryMedium(1024 * SECTOR);
  bench = new IdeBench((clock) => [new AtaDisk(clock, medium, '1')]);
});

it('gathers a read into scattered memory', () => {
  bench.table(0x1000, [0x8000, 512], [0x9002, 1022], [0xa000, 2]);
  bench.command28(READ_DMA, 5, 3);
  expect(bench.alternate()).toBe(BSY | DRDY);
  bench.startMaster(true);
  const data = medium.sectors(5, 3);
  expect(bench.memory.slice(0x8000, 0x8200)).toEqual(data.slice(0, 512));
  expect(bench.memory.slice(0x9002, 0x9400)).toEqual(data.slice(512, 1534));
  expect(bench.memory.slice(0xa000, 0xa002)).toEqual(data.slice(1534));
  expect(bench.bm(2)).toBe(INTERRUPT);
  expect(bench.irq.level).toBe(true);
  expect(bench.status()).toBe(READY);
  bench.setBm(2, INTERRUPT);
  expect(bench.bm(2)).toBe(0);
});

it('waits while configuration space does not let the function be a bus master', () => {
  bench.ide.pci.write(4, 1);
  bench.table(0x1000, [0x8000, 512]);
  bench.command28(READ_DMA, 5, 1);
  bench.startMaster(true);
  expect([bench.bm(2), bench.memory[0x8000], bench.irq.level]).toEqual([ACTIVE, 0, false]);
  bench.ide.pci.write(4, 5);
  bench.settle();
  expect(bench.memory.slice(0x8000, 0x8200)).toEqual(medium.sectors(5, 1));
  expect(bench.bm(2)).toBe(INTERRUPT);
});

it('moves more than its buffer, with descriptors of 64 KiB', () => {
  bench.table(0x1000, [0x20000, 0], [0x30000, 0]);
  bench.command28(READ_DMA, 3, 0);
  bench.startMaster(true);
  expect(bench.memory.slice(0x20000, 0x40000)).toEqual(medium.sectors(3, 256));
  expect(bench.bm(2)).toBe(INTERRUPT);
});

it('writes, started before the command too', () => {
  bench.memory.set(pattern(1024, 5), 0x8000);
  bench.table(0x1000, [0x8000, 1024]);
  bench.startMaster(false);
  expect(bench.bm(2)).toBe(ACTIVE);
  bench.command28(WRITE_DMA, 9, 2);
  expect(medium.sectors(9, 2)).toEqual(pattern(1024, 5));
  expect(bench.bm(2)).toBe(INTERRUPT);
});

it('stays active when the table describes more than the drive has', () => {
  bench.table(0x1000, [0x8000, 2048]);
  bench.command28(READ_DMA, 0, 1);
  bench.startMaster(true);
  expect(bench.bm(2)).toBe(ACTIVE | INTERRUPT);
  bench.setBm(0, 8);
  expect(bench.bm(2)).toBe(INTERRUPT);
});

it('stops without an interrupt when the table is too short, and goes on with another one', () => {
  bench.table(0x1000, [0x8000, 512]);
  bench.command28(READ_DMA, 0, 2);
  bench.startMaster(true);
  expect(bench.bm(2)).toBe(0);
  expect(bench.alternate() & BSY).toBe(BSY);
  bench.setBm(0, 8);
  bench.table(0x1000, [0x8200, 512]);
  bench.startMaster(true);
  expect(bench.memory.slice(0x8000, 0x8400)).toEqual(medium.sectors(0, 2));
  expect(bench.bm(2)).toBe(INTERRUPT);
});

it.each([
  ['a table outside memory', 0xfffffff0, undefined],
  ['data outside memory', 0x1000, 0xe0000000],
  ['data that wraps at 4 GiB', 0x1000, 0xffffff00],
])('reports %s as an error, and recovers by a reset', (_, at, address) => {
  if (address !== undefined) bench.table(at, [address, 512]);
  bench.setBm(4, at, 4);
  bench.command28(READ_DMA, 0, 1);
  bench.startMaster(true);
  expect(bench.bm(2)).toBe(ERROR);
  bench.setBm(2, ERROR);
  expect(bench.bm(2)).toBe(0);
  bench.control(4);
  bench.control(0);
  bench.settle();
  expect(bench.status()).toBe(READY);
});

it('gives up on a table without an end', () => {
  const view = new DataView(bench.memory.buffer);
  for (let at = 0x10000; at < 0x20000; at += 8) {
    view.setUint32(at, 0x8000, true);
    view.setUint32(at + 4, 2, true);
  }
  bench.setBm(4, 0x10000, 4);
  bench.command28(READ_DMA, 0, 64);
  bench.startMaster(true);
  expect(bench.bm(2)).toBe(0);
  expect(bench.alternate() & BSY).toBe(BSY);
});

it('moves nothing against its direction', () => {
  bench.table(0x1000, [0x8000, 512]);
  bench.command28(READ_DMA, 0, 1);
  bench.startMaster(false);
  expect(bench.bm(2)).toBe(ACTIVE);
  expect(bench.ide.deadline()).toBe(Infinity);
});

it('ends the command with the error of a failing host', () => {
  medium.failing = true;
  bench.table(0x1000, [0x8000, 512]);
  bench.command28(READ_DMA, 7, 1);
  bench.startMaster(true);
  expect(bench.bm(2)).toBe(ACTIVE | INTERRUPT);
  expect(bench.status()).toBe(READY | ERR);
  expect(bench.register(1)).toBe(0x40);
});

it('keeps the capability bits and an aligned table address', () => {
  bench.setBm(2, 0x60);
  expect(bench.bm(2)).toBe(0x60);
  bench.setBm(4, 0x12345677, 4);
  expect(bench.bm(4, 4)).toBe(0x12345674);
  bench.setBm(0, 0xff);
  expect(bench.bm(0)).toBe(9);
  expect(bench.bm(1)).toBe(0);
});

it('is an Intel IDE function in compatibility mode', () => {
  const { pci } = bench.ide;
  expect([0, 1, 2, 3].map((i) => pci.read(i))).toEqual([0x86, 0x80, 0x10, 0x70]);
  expect([9, 10, 11].map((i) => pci.read(i))).toEqual([0x80, 1, 1]);
  pci.write(0x41, 0x80);
  expect(pci.read(0x41)).toBe(0x80);
  expect(pci.bars[4]).toMatchObject({ kind: 'io', size: 16 });
});
