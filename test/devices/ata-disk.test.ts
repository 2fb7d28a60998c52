/** The ATA disk at register level, from ATA/ATAPI-6: task file, protocols, status and interrupt of each phase, errors. */
import { beforeEach, describe, expect, it } from 'vitest';
import { AtaDisk } from '../../src/devices/ata-disk.js';
import { BSY, DF, DRDY, DRQ, DSC, ERR, IdeBench, MemoryMedium, SECTOR, pattern, word } from './ide-bench.js';

const READY = DRDY | DSC;
const SECTORS = 16 * 63 * 4 + 5;
let medium: MemoryMedium;
let bench: IdeBench;

beforeEach(() => {
  medium = new MemoryMedium(SECTORS * SECTOR);
  bench = new IdeBench((clock) => [new AtaDisk(clock, medium, 'HVM00001')]);
});

describe('reset and presence', () => {
  it('shows the signature and rests ready', () => {
    expect([1, 2, 3, 4, 5].map(bench.register)).toEqual([1, 1, 1, 0, 0]);
    expect(bench.status()).toBe(READY);
  });
  it('is busy while SRST is set and for a while after', () => {
    bench.command28(0x20, 0, 1);
    bench.control(4);
    expect(bench.status()).toBe(BSY);
    bench.settle();
    expect(bench.status()).toBe(BSY);
    bench.control(0);
    expect(bench.status()).toBe(BSY);
    bench.settle();
    expect(bench.status()).toBe(READY);
    expect(bench.irq.level).toBe(false);
    expect(bench.register(1)).toBe(1);
  });
  it('speaks for an absent drive 1 with status 0 and its own registers', () => {
    bench.set(6, 0xb0);
    expect(bench.status()).toBe(0);
    expect(bench.alternate()).toBe(0);
    bench.set(7, 0xec);
    bench.settle();
    expect(bench.irq.rises).toBe(0);
    expect(bench.register(6)).toBe(0xb0);
    bench.set(6, 0xa0);
    expect(bench.status()).toBe(READY);
  });
  it('reads zeros from a cable without drives', () => {
    bench.base = 0x170;
    expect([1, 2, 3, 4, 5, 6, 7].map(bench.register)).toEqual([0, 0, 0, 0, 0, 0, 0]);
    bench.set(7, 0xec);
    bench.settle();
    expect(bench.status()).toBe(0);
  });
  it('answers EXECUTE DEVICE DIAGNOSTIC with drive 1 selected', () => {
    bench.set(6, 0xb0);
    bench.set(7, 0x90);
    expect(bench.register(6) & 0x10).toBe(0);
    expect(bench.register(1)).toBe(1);
    expect(bench.irq.level).toBe(true);
  });
});

describe('IDENTIFY DEVICE', () => {
  it('describes geometry, capacity and names', () => {
    bench.command28(0xec, 0, 0);
    expect(bench.alternate()).toBe(READY | DRQ);
    const id = bench.readBytes(512);
    expect([1, 3, 6].map((n) => word(id, n))).toEqual([4, 16, 63]);
    expect(word(id, 60) | (word(id, 61) << 16)).toBe(SECTORS);
    expect(word(id, 100) | (word(id, 101) << 16)).toBe(SECTORS);
    expect(word(id, 49) & 0x300).toBe(0x300);
    expect(word(id, 83) & 0x3400).toBe(0x3400);
    expect(word(id, 82) & 1).toBe(0);
    const serial = Array.from({ length: 4 }, (_, i) =>
      String.fromCharCode(word(id, 10 + i) >> 8, word(id, 10 + i) & 0xff),
    );
    expect(serial.join('')).toBe('HVM00001');
    expect(bench.status()).toBe(READY);
  });
  it('shows the transfer mode and geometry that were set', () => {
    bench.command28(0xef, 0, 0x22, 3);
    [0, 17, 0, 0, 0, 0xa7].forEach((v, i) => bench.set(i + 1, v));
    bench.set(7, 0x91);
    bench.settle();
    bench.command28(0xec, 0, 0);
    const id = bench.readBytes(512);
    expect(word(id, 63)).toBe(0x0407);
    expect(word(id, 88) >> 8).toBe(0);
    expect([54, 55, 56].map((n) => word(id, n))).toEqual([Math.floor(SECTORS / (8 * 17)), 8, 17]);
  });
});

describe('programmed input', () => {
  it('raises one interrupt per sector and none at the end', () => {
    bench.command28(0x20, 7, 2);
    expect(bench.irq.rises).toBe(1);
    expect(bench.status()).toBe(READY | DRQ);
    expect(bench.irq.level).toBe(false);
    expect(bench.readBytes(512)).toEqual(medium.sectors(7, 1));
    expect(bench.status()).toBe(BSY | DRDY);
    bench.settle();
    expect(bench.irq.rises).toBe(2);
    expect(bench.readBytes(512, 4)).toEqual(medium.sectors(8, 1));
    expect(bench.irq.rises).toBe(2);
    expect(bench.status()).toBe(READY);
    bench.settle();
    expect(bench.irq.rises).toBe(2);
  });
  it('gives all elements of a block but the last one at once', () => {
    bench.command28(0x20, 3, 2);
    const bytes = new Uint8Array(1024);
    expect([bench.quiet(false, bytes, 2), bench.quiet(false, bytes, 2)]).toEqual([255, 0]);
    expect(bytes.slice(0, 510)).toEqual(medium.sectors(3, 1).slice(0, 510));
    expect(bench.readBytes(2)).toEqual(medium.sectors(3, 1).slice(510));
    bench.settle();
    expect([bench.quiet(false, bytes, 4), bench.readBytes(4, 4)]).toEqual([
      127,
      medium.sectors(4, 1).slice(508),
    ]);
    expect(bench.quiet(false, bytes, 2)).toBe(0);
    bench.command28(0x30, 9, 1);
    expect([bench.quiet(false, bytes, 2), bench.quiet(true, pattern(512, 3), 2)]).toEqual([0, 255]);
    bench.writeBytes(pattern(512, 3).slice(510));
    bench.settle();
    expect(medium.sectors(9, 1)).toEqual(pattern(512, 3));
  });
  it('is busy until its due time', () => {
    bench.set(7, 0x20);
    expect(bench.alternate()).toBe(BSY | DRDY);
    expect(bench.irq.level).toBe(false);
    bench.clock.time = bench.ide.deadline();
    expect(bench.alternate() & (BSY | DRQ)).toBe(DRQ);
  });
  it('takes 256 sectors for a count of 0', () => {
    bench.command28(0x20, 0, 0);
    for (let i = 0; i < 256; i++) {
      expect(bench.readBytes(512)).toEqual(medium.sectors(i, 1));
      bench.settle();
    }
    expect(bench.status()).toBe(READY);
  });
  it('groups sectors in READ MULTIPLE', () => {
    bench.command28(0xc6, 0, 4);
    bench.irq.rises = 0;
    bench.command28(0xc4, 10, 6);
    expect(bench.status()).toBe(READY | DRQ);
    expect(bench.readBytes(2048)).toEqual(medium.sectors(10, 4));
    bench.settle();
    expect(bench.readBytes(1024)).toEqual(medium.sectors(14, 2));
    expect(bench.irq.rises).toBe(2);
  });
  it('refuses READ MULTIPLE when SET MULTIPLE turned it off, and impossible counts', () => {
    bench.command28(0xc6, 0, 0);
    bench.command28(0xc4, 0, 1);
    expect(bench.status()).toBe(READY | ERR);
    expect(bench.register(1)).toBe(4);
    bench.command28(0xc6, 0, 3);
    expect(bench.status() & ERR).toBe(ERR);
    bench.command28(0xc6, 0, 32);
    expect(bench.status() & ERR).toBe(ERR);
  });
  it('reads by LBA48 with both halves of the registers', () => {
    bench.command48(0x24, SECTORS - 1, 1);
    expect(bench.readBytes(512)).toEqual(medium.sectors(SECTORS - 1, 1));
    bench.command48(0x24, 2 ** 40 + 1, 1);
    expect(bench.status() & ERR).toBe(ERR);
    expect(bench.register(1)).toBe(0x10);
    bench.control(0x80);
    expect([3, 4, 5].map(bench.register)).toEqual([0, 0, 1]);
    bench.control(0);
    expect([3, 4, 5].map(bench.register)).toEqual([1, 0, 0]);
  });
  it('reads by cylinder, head and sector in native and chosen geometry', () => {
    bench.commandChs(0x20, 2, 5, 9, 1);
    expect(bench.readBytes(512)).toEqual(medium.sectors((2 * 16 + 5) * 63 + 8, 1));
    bench.commandChs(0x91, 0, 7, 0, 17);
    bench.commandChs(0x20, 2, 5, 9, 1);
    expect(bench.readBytes(512)).toEqual(medium.sectors((2 * 8 + 5) * 17 + 8, 1));
  });
  it.each([
    ['sector 0', 0, 0, 0],
    ['a sector beyond the track', 0, 0, 64],
    ['a cylinder beyond the end', 5, 0, 1],
  ])('does not find %s', (_, cylinder, head, sector) => {
    bench.commandChs(0x20, cylinder, head, sector, 1);
    expect(bench.status()).toBe(READY | ERR);
    expect(bench.register(1)).toBe(0x10);
  });
  it('does not find a range that ends beyond the disk', () => {
    bench.command28(0x20, SECTORS - 1, 2);
    expect(bench.register(1)).toBe(0x10);
  });
});

describe('programmed output', () => {
  it('asks for the first block without an interrupt and confirms the last with one', () => {
    const data = pattern(1024, 3);
    bench.command28(0x30, 20, 2);
    expect(bench.irq.rises).toBe(0);
    expect(bench.status()).toBe(READY | DRQ);
    bench.writeBytes(data.subarray(0, 512));
    expect(bench.status()).toBe(BSY | DRDY);
    bench.settle();
    expect(bench.irq.rises).toBe(1);
    expect(bench.status()).toBe(READY | DRQ);
    bench.writeBytes(data.slice(512), 4);
    bench.settle();
    expect(bench.irq.rises).toBe(2);
    expect(bench.status()).toBe(READY);
    expect(medium.sectors(20, 2)).toEqual(data);
  });
  it('writes blocks, by LBA48 too', () => {
    const data = pattern(20 * 512, 9);
    bench.command48(0x39, 100, 20);
    bench.writeBytes(data.subarray(0, 16 * 512));
    bench.settle();
    bench.writeBytes(data.subarray(16 * 512));
    bench.settle();
    expect(medium.sectors(100, 20)).toEqual(data);
  });
  it('refuses on a read-only medium and reports a failing host as a write fault', () => {
    medium.readOnly = true;
    bench.command28(0x30, 0, 1);
    expect(bench.status()).toBe(READY | ERR);
    medium.readOnly = false;
    medium.failing = true;
    bench.command28(0x30, 5, 1);
    bench.writeBytes(pattern(512, 1));
    bench.settle();
    expect(bench.status()).toBe(READY | DF | ERR);
    expect(bench.register(3)).toBe(5);
  });
});

describe('errors and small commands', () => {
  it('reports a failing host as uncorrectable data at the sector', () => {
    medium.failing = true;
    bench.command28(0x20, 0x0123, 1);
    expect(bench.status()).toBe(READY | ERR);
    expect(bench.register(1)).toBe(0x40);
    expect([3, 4].map(bench.register)).toEqual([0x23, 0x01]);
  });
  it.each([0x00, 0xb0, 0xa0, 0xa1, 0x08, 0xff])('aborts command %#', (command) => {
    bench.command28(command, 0xc24f00, 0, 0xd0);
    expect(bench.status()).toBe(READY | ERR);
    expect(bench.register(1)).toBe(4);
    expect(bench.irq.rises).toBe(1);
  });
  it('flushes when told to, and when the write cache is off', () => {
    bench.command28(0xe7, 0, 0);
    expect(medium.flushes).toBe(1);
    bench.command28(0xea, 0, 0);
    expect(medium.flushes).toBe(2);
    bench.command28(0xef, 0, 0, 0x82);
    expect(medium.flushes).toBe(3);
    bench.command28(0x30, 0, 1);
    bench.writeBytes(pattern(512, 1));
    bench.settle();
    expect(medium.flushes).toBe(4);
    medium.failing = true;
    bench.command28(0xe7, 0, 0);
    expect(bench.status()).toBe(READY | DF | ERR);
  });
  it('verifies, seeks, recalibrates, names its last sector and is awake', () => {
    for (const command of [0x40, 0x70, 0x10, 0xe1]) {
      bench.command28(command, 3, 1);
      expect(bench.status()).toBe(READY);
    }
    bench.command28(0xe5, 0, 0);
    expect(bench.register(2)).toBe(0xff);
    bench.command28(0xf8, 0, 0);
    expect(bench.register(3) | (bench.register(4) << 8)).toBe(SECTORS - 1);
    bench.command28(0x40, SECTORS, 1);
    expect(bench.register(1)).toBe(0x10);
  });
  it('gives back what WRITE BUFFER took', () => {
    const data = pattern(512, 77);
    bench.command28(0xe8, 0, 0);
    bench.writeBytes(data);
    bench.settle();
    bench.command28(0xe4, 0, 0);
    expect(bench.readBytes(512)).toEqual(data);
  });
  it('ignores commands and task file while it wants data', () => {
    bench.command28(0x20, 4, 1);
    bench.set(3, 99);
    bench.set(7, 0xec);
    expect(bench.status() & DRQ).toBe(DRQ);
    expect(bench.readBytes(512)).toEqual(medium.sectors(4, 1));
  });
  it('keeps the interrupt off the line while nIEN is set', () => {
    bench.control(2);
    bench.command28(0xe7, 0, 0);
    expect(bench.irq.level).toBe(false);
    bench.control(0);
    expect(bench.irq.level).toBe(true);
    bench.status();
    expect(bench.irq.level).toBe(false);
  });
  it('leaves the interrupt alone when the alternate status is read', () => {
    bench.command28(0xe7, 0, 0);
    bench.alternate();
    expect(bench.irq.level).toBe(true);
  });
  it('two drives share the cable', () => {
    const second = new MemoryMedium(64 * SECTOR);
    bench = new IdeBench((clock) => [new AtaDisk(clock, medium, '1'), new AtaDisk(clock, second, '2')]);
    bench.set(6, 0xf0);
    [0, 1, 3, 0, 0].forEach((v, i) => bench.set(i + 1, v));
    bench.set(7, 0x20);
    bench.settle();
    expect(bench.irq.level).toBe(true);
    bench.set(6, 0xe0);
    expect(bench.irq.level).toBe(false);
    expect(bench.status()).toBe(READY);
    bench.set(6, 0xf0);
    expect(bench.irq.level).toBe(true);
    expect(bench.readBytes(512)).toEqual(second.sectors(3, 1));
  });
});
