/** The CD-ROM drive at register level, from ATA/ATAPI-6 (PACKET protocol) and MMC-3 (what commands answer). */
import { beforeEach, describe, expect, it } from 'vitest';
import { AtapiCdrom } from '../../src/devices/atapi-cdrom.js';
import { DRDY, DRQ, DSC, ERR, IdeBench, MemoryMedium, word } from './ide-bench.js';

const READY = DRDY | DSC;
const BLOCK = 2048;
const BLOCKS = 100;
let medium: MemoryMedium;
let drive: AtapiCdrom;
let bench: IdeBench;

/** Sends a packet; `limit` is the byte count limit. */
function send(packet: number[], limit = 0xfffe, features = 0): void {
  [features, 0, 0, limit & 0xff, limit >> 8, 0xa0].forEach((v, i) => bench.set(i + 1, v));
  bench.set(7, 0xa0);
  bench.settle();
  const bytes = new Uint8Array(12);
  bytes.set(packet);
  bench.writeBytes(bytes);
  bench.settle();
}
/** Takes all data by programmed I/O; the lengths of the blocks are in `lengths`. */
let lengths: number[] = [];
function take(): Uint8Array {
  const parts: number[] = [];
  lengths = [];
  for (let i = 0; i < 1000 && bench.status() & DRQ; i++) {
    const length = bench.register(4) | (bench.register(5) << 8);
    lengths.push(length);
    parts.push(...bench.readBytes(length + (length & 1)).slice(0, length));
    bench.settle();
  }
  return Uint8Array.from(parts);
}
function ask(packet: number[]): Uint8Array {
  send(packet);
  return take();
}
function sense(): number[] {
  const bytes = ask([3, 0, 0, 0, 18]);
  return [bytes[2]!, bytes[12]!, bytes[13]!];
}
const read10 = (lba: number, count: number): number[] => [
  ...[0x28, 0, 0, 0, lba >> 8, lba & 0xff],
  ...[0, count >> 8, count & 0xff],
];

beforeEach(() => {
  medium = new MemoryMedium(BLOCKS * BLOCK);
  bench = new IdeBench((clock) => [
    undefined,
    undefined,
    (drive = new AtapiCdrom(clock, medium, 'HVM00003')),
  ]);
  bench.base = 0x170;
  bench.set(6, 0xa0);
  send([0]);
  bench.irq.rises = 0;
});

describe('as an ATA device', () => {
  it('has its signature, rests without DRDY, and is known by refusing IDENTIFY DEVICE', () => {
    bench.control(4);
    bench.control(0);
    bench.settle();
    const signature = [1, 1, 1, 0x14, 0xeb];
    expect([1, 2, 3, 4, 5].map(bench.register)).toEqual(signature);
    expect(bench.status()).toBe(0);
    bench.set(7, 0xec);
    bench.settle();
    expect(bench.status() & ERR).toBe(ERR);
    expect([1, 2, 3, 4, 5].map(bench.register)).toEqual([4, 1, 1, 0x14, 0xeb]);
  });
  it('identifies itself as a removable CD-ROM with 12-byte packets', () => {
    bench.set(7, 0xa1);
    bench.settle();
    const id = bench.readBytes(512);
    expect(word(id, 0)).toBe(0x85c0);
    expect(word(id, 49) & 0x300).toBe(0x300);
    expect(bench.status()).toBe(READY);
  });
  it('is reset by DEVICE RESET in the middle of data', () => {
    send(read10(0, 2));
    expect(bench.status() & DRQ).toBe(DRQ);
    bench.set(7, 8);
    expect(bench.status()).toBe(0);
    expect([4, 5].map(bench.register)).toEqual([0x14, 0xeb]);
  });
});

describe('the PACKET protocol', () => {
  it('asks for the packet without an interrupt, tells the reason of each later one', () => {
    [0, 0, 0, 0, 8, 0xa0].forEach((v, i) => bench.set(i + 1, v));
    bench.set(7, 0xa0);
    expect(bench.status()).toBe(READY | DRQ);
    expect(bench.register(2)).toBe(1);
    expect(bench.irq.rises).toBe(0);
    bench.writeBytes(Uint8Array.from([...read10(3, 1), 0, 0, 0]));
    expect(bench.alternate() & 0x80).toBe(0x80);
    bench.settle();
    expect(bench.irq.rises).toBe(1);
    expect(bench.status()).toBe(READY | DRQ);
    expect(bench.register(2)).toBe(2);
    expect(bench.readBytes(BLOCK)).toEqual(medium.bytes.slice(3 * BLOCK, 4 * BLOCK));
    bench.settle();
    expect(bench.irq.rises).toBe(2);
    expect(bench.register(2)).toBe(3);
    expect(bench.status()).toBe(READY);
  });
  it.each([
    [0xfffe, [31 * BLOCK, BLOCK, 8 * BLOCK]],
    [BLOCK, Array.from({ length: 40 }, () => BLOCK)],
    [2 * BLOCK + 1, Array.from({ length: 20 }, () => 2 * BLOCK)],
    [0, [31 * BLOCK, BLOCK, 8 * BLOCK]],
  ])('cuts data to a limit of %i bytes', (limit, expected) => {
    send(read10(5, 40), limit);
    expect(take()).toEqual(medium.bytes.slice(5 * BLOCK, 45 * BLOCK));
    expect(lengths).toEqual(expected);
  });
  it('cuts sectors where the limit is smaller', () => {
    send(read10(0, 1), 600);
    expect(take()).toEqual(medium.bytes.slice(0, BLOCK));
    expect(lengths).toEqual([600, 600, 600, 248]);
  });
  it('moves data by bus master', () => {
    bench.table(0x1000, [0x8000, 4096], [0xc000, 0], [0x1c000, 0x4000]);
    send(read10(7, 42), 0, 1);
    bench.startMaster(true);
    const bytes = medium.bytes.slice(7 * BLOCK, 49 * BLOCK);
    expect(bench.memory.slice(0x8000, 0x9000)).toEqual(bytes.slice(0, 0x1000));
    expect(bench.memory.slice(0xc000, 0x20000)).toEqual(bytes.slice(0x1000));
    expect(bench.bm(2)).toBe(4);
    expect(bench.status()).toBe(READY);
    expect(bench.register(2)).toBe(3);
  });
  it('answers small commands by bus master too', () => {
    bench.table(0x1000, [0x8000, 8]);
    send([0x25], 0, 1);
    bench.startMaster(true);
    expect([...bench.memory.slice(0x8000, 0x8008)]).toEqual([0, 0, 0, BLOCKS - 1, 0, 0, 8, 0]);
  });
});

describe('commands', () => {
  it('INQUIRY says a removable CD-ROM drive, as much as is wanted', () => {
    expect([...ask([0x12, 0, 0, 0, 36]).slice(0, 5)]).toEqual([5, 0x80, 0, 0x21, 31]);
    expect(ask([0x12, 0, 0, 0, 5])).toHaveLength(5);
    send([0x12, 0, 0, 0, 0]);
    expect(bench.status()).toBe(READY);
  });
  it('READ CAPACITY, READ(12) and READ CD find the blocks', () => {
    expect([...ask([0x25])]).toEqual([0, 0, 0, BLOCKS - 1, 0, 0, 8, 0]);
    expect(ask([0xa8, 0, 0, 0, 0, 99, 0, 0, 0, 1])).toEqual(medium.bytes.slice(99 * BLOCK));
    expect(ask([0xbe, 0, 0, 0, 0, 2, 0, 0, 1, 0x10])).toEqual(medium.bytes.slice(2 * BLOCK, 3 * BLOCK));
  });
  it('READ TOC has one data track and the lead-out', () => {
    const toc = ask([0x43, 0, 0, 0, 0, 0, 0, 0, 100]);
    expect([...toc]).toEqual([0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 0, 0, BLOCKS]);
    const msf = ask([0x43, 2, 0, 0, 0, 0, 0xaa, 0, 100]);
    expect([...msf.slice(4)]).toEqual([0, 0x14, 0xaa, 0, 0, 0, 3, 25]);
    expect([...ask([0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0x40])]).toEqual([0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0]);
    expect(ask([0x43, 0, 2, 0, 0, 0, 0, 0, 255])).toHaveLength(4 + 4 * 11);
  });
  it('MODE SENSE shows the mechanism, and the lock', () => {
    const page = ask([0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 255]);
    expect([page[1], page[2], page[8], page[14]]).toEqual([page.length - 2, 1, 0x2a, 0x29]);
    ask([0x1e, 0, 0, 0, 1]);
    expect(ask([0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 255])[14]).toBe(0x2b);
    expect(ask([0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 255])).toHaveLength(8 + 8 + 16 + 20);
    ask([0x5a, 0, 0x05, 0, 0, 0, 0, 0, 255]);
    expect(sense()).toEqual([5, 0x24, 0]);
  });
  it('GET CONFIGURATION names the current profile and single features', () => {
    const all = ask([0x46, 0, 0, 0, 0, 0, 0, 1, 0]);
    expect([all[3], all[6], all[7]]).toEqual([all.length - 4, 0, 8]);
    const one = ask([0x46, 2, 0, 3, 0, 0, 0, 1, 0]);
    expect([...one.slice(8, 12)]).toEqual([0, 3, 0x0b, 4]);
  });
  it('aborts what it does not know, with sense data that are told once', () => {
    send([0xff]);
    expect(bench.status()).toBe(READY | ERR);
    expect(bench.register(1)).toBe(0x54);
    expect(bench.register(2)).toBe(3);
    expect(sense()).toEqual([5, 0x20, 0]);
    expect(sense()).toEqual([0, 0, 0]);
  });
  it('refuses blocks beyond the end and reports a failing medium', () => {
    send(read10(BLOCKS - 1, 2));
    expect(sense()).toEqual([5, 0x21, 0]);
    medium.failing = true;
    send(read10(0, 1));
    expect(bench.register(1) >> 4).toBe(3);
    expect(sense()).toEqual([3, 0x11, 0]);
  });
});

describe('the medium', () => {
  it('is announced after a reset and after a change', () => {
    bench.control(4);
    bench.control(0);
    bench.settle();
    send([0]);
    expect(sense()).toEqual([6, 0x29, 0]);
    drive.insert(medium);
    ask([0x12, 0, 0, 0, 36]);
    send([0]);
    expect(sense()).toEqual([6, 0x28, 0]);
    send([0]);
    expect(bench.status()).toBe(READY);
  });
  it('is missed when it is gone', () => {
    expect(drive.eject(false)).toBe(true);
    send([0]);
    expect(sense()).toEqual([2, 0x3a, 2]);
    ask([0x1b, 0, 0, 0, 3]);
    send(read10(0, 1));
    expect(sense()).toEqual([2, 0x3a, 1]);
  });
  it('can be locked in; then ejecting is a request', () => {
    ask([0x1e, 0, 0, 0, 1]);
    send([0x1b, 0, 0, 0, 2]);
    expect(sense()).toEqual([5, 0x53, 2]);
    expect(drive.eject(false)).toBe(false);
    const poll = [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8];
    expect([...ask(poll)]).toEqual([0, 6, 4, 0x10, 1, 2, 0, 0]);
    expect([...ask(poll)]).toEqual([0, 6, 4, 0x10, 0, 2, 0, 0]);
    expect(drive.eject(true)).toBe(true);
    expect([...ask(poll)]).toEqual([0, 6, 4, 0x10, 3, 1, 0, 0]);
    drive.insert(medium);
    expect([...ask(poll)]).toEqual([0, 6, 4, 0x10, 2, 2, 0, 0]);
  });
  it('comes out and goes in by START STOP UNIT', () => {
    ask([0x1b, 0, 0, 0, 2]);
    expect(drive.trayOpen).toBe(true);
    ask([0x1b, 0, 0, 0, 3]);
    send([0]);
    expect(sense()).toEqual([6, 0x28, 0]);
    expect(ask(read10(0, 1))).toHaveLength(BLOCK);
  });
  it('that vanishes during a command ends it', () => {
    send(read10(0, 60));
    bench.readBytes(31 * BLOCK);
    bench.settle();
    drive.eject(true);
    bench.readBytes(BLOCK);
    bench.settle();
    expect(bench.status()).toBe(READY | ERR);
  });
});
