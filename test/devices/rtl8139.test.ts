import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { CardBench, RING, STATION, frameTo } from './rtl8139-bench.js';

const ROK = 1,
  TOK = 4,
  TER = 8,
  RXOVW = 0x10,
  TIMEOUT = 0x4000;
const BROADCAST = [255, 255, 255, 255, 255, 255];
let bench: CardBench;
const status = (): number => bench.read(0x3e, 2);
const ring = (at: number, length: number): number[] => [
  ...bench.memory.bytes.subarray(RING + at, RING + at + length),
];

beforeEach(() => {
  bench = new CardBench();
});

describe('RTL8139 registers', () => {
  it('has its address, identifies as an 8139C and resets by itself', () => {
    expect([0, 1, 2, 3, 4, 5].map((i) => bench.read(i, 1))).toEqual([...STATION]);
    expect(bench.read(0x40) & 0x7cc00000).toBe(0x74000000);
    bench.start();
    bench.write(0x37, 0x1c, 1);
    expect(bench.read(0x37, 1)).toBe(0x0d);
    bench.write(0x37, 0x10, 1);
    expect(bench.read(0x37, 1)).toBe(0x01);
    expect([bench.read(0x3c), bench.read(0x44), bench.read(0x10)]).toEqual([0, 0, 0x2000]);
  });
  it('opens the station address only in configuration mode', () => {
    bench.write(0, 0x44332210);
    expect(bench.read(0)).toBe(0x12005452);
    bench.write(0x50, 0xc0, 1);
    bench.write(0, 0x44332210);
    bench.write(4, 0x6655, 2);
    expect([0, 1, 2, 3, 4, 5].map((i) => bench.read(i, 1))).toEqual([0x10, 0x22, 0x33, 0x44, 0x55, 0x66]);
    bench.write(0x50, 0x40, 1);
    expect(bench.read(0)).toBe(0x12005452);
    expect(bench.read(0x50, 1) & 0xc0).toBe(0);
  });
  it('answers accesses of every size and alignment alike', () => {
    bench.write(0x08, 0x11223344);
    bench.write(0x0c, 0x55667788);
    expect(bench.read(0x09, 4)).toBe(0x88112233);
    expect(bench.read(0x0b, 2)).toBe(0x8811);
    expect(bench.read(0x0a, 1)).toBe(0x22);
    bench.write(0x0b, 0xaabb, 2);
    expect(bench.read(0x08)).toBe(0xbb223344);
    expect(bench.read(0x0c)).toBe(0x556677aa);
  });
  it('says through its PHY that the link is up at 100 Mbit/s full duplex', () => {
    expect(bench.read(0x58, 1) & 0x0c).toBe(0);
    expect(bench.read(0x64, 2) & 0x24).toBe(0x24);
    expect(bench.read(0x68, 2) & bench.read(0x66, 2) & 0x0100).toBe(0x0100);
    bench.write(0x62, 0x0100, 2);
    expect(bench.read(0x62, 2)).toBe(0x0100);
    bench.write(0x62, 0x8000, 2);
    expect(bench.read(0x62, 2)).toBe(0x3100);
  });
  it('raises its timer at 33 MHz and again after a full turn', () => {
    bench.start();
    bench.clock.time = 1000;
    bench.write(0x48, 0);
    bench.write(0x54, 33_000);
    expect(bench.card.deadline()).toBe(1000 + 1_000_000);
    bench.clock.time = 501_000;
    expect(bench.read(0x48)).toBe(16_500);
    bench.clock.time = bench.card.deadline();
    bench.card.tick(bench.clock.time);
    expect([status(), bench.irq.level]).toEqual([TIMEOUT, true]);
    expect(bench.card.deadline()).toBeCloseTo(1_001_000 + (2 ** 32 * 1000) / 33, -1);
    bench.write(0x54, 0);
    expect(bench.card.deadline()).toBe(Infinity);
  });
});

/** Reads a word as drivers do: command bits out, sixteen bits in. */
function readEeprom(address: number, addressBits: number): number {
  const pins = (value: number): void => bench.write(0x50, 0x80 | value, 1);
  pins(0);
  pins(8);
  const command = (6 << addressBits) | address;
  for (let i = addressBits + 2; i >= 0; i--) {
    const data = (command >> i) & 1 ? 2 : 0;
    pins(8 | data);
    pins(8 | 4 | data);
  }
  pins(8);
  let word = 0;
  for (let i = 0; i < 16; i++) {
    pins(8 | 4);
    word = (word << 1) | (bench.read(0x50, 1) & 1);
    pins(8);
  }
  pins(0);
  return word;
}
function commandEeprom(bits: string): void {
  const pins = (value: number): void => bench.write(0x50, 0x80 | value, 1);
  pins(8);
  for (const bit of bits) {
    const data = bit === '1' ? 2 : 0;
    pins(8 | data);
    pins(8 | 4 | data);
  }
  pins(0);
}

describe('RTL8139 boot ROM', () => {
  it('answers behind its base address register, and beyond its contents as if erased', () => {
    const rom = Uint8Array.from({ length: 5000 }, (_, i) => i & 255);
    bench = new CardBench(rom);
    const bar = bench.card.pci.bars[6]!;
    expect([bar.kind, bar.size]).toEqual(['memory', 8192]);
    expect([bar.read(0, 4), bar.read(4998, 4), bar.read(8191, 1)]).toEqual([0x03020100, 0xffff8786, 0xff]);
    bar.write(0, 4, 0);
    expect(bar.read(1, 2)).toBe(0x0201);
    expect(new CardBench().card.pci.bars[6]).toBeUndefined();
  });
});

describe('RTL8139 EEPROM', () => {
  it('reads with six bits of address, and not with eight', () => {
    expect(readEeprom(0, 6)).toBe(0x8129);
    expect(readEeprom(0, 8)).not.toBe(0x8129);
    expect([7, 8, 9].map((word) => readEeprom(word, 6))).toEqual([0x5452, 0x1200, 0x5634]);
  });
  it('takes writes only while enabled', () => {
    const writeWord = `101${'010100'}${'1100101011111110'}`;
    commandEeprom(writeWord);
    expect(readEeprom(0x14, 6)).toBe(0);
    commandEeprom('100110000');
    commandEeprom(writeWord);
    expect(readEeprom(0x14, 6)).toBe(0xcafe);
    commandEeprom('100000000');
    commandEeprom('111010100');
    expect(readEeprom(0x14, 6)).toBe(0xcafe);
    commandEeprom('100110000');
    commandEeprom('111010100');
    expect(readEeprom(0x14, 6)).toBe(0xffff);
  });
});

describe('RTL8139 transmitter', () => {
  it('sends what its descriptors hold, in turn, and reports it', () => {
    bench.start();
    bench.send(0, frameTo(BROADCAST, 60, 1));
    bench.send(1, frameTo(BROADCAST, 1514, 2));
    expect(bench.cable.sent.map((frame) => [frame.length, frame[20]])).toEqual([
      [60, 1],
      [1514, 2],
    ]);
    expect(bench.read(0x10)).toBe(0xa000 | 60);
    expect(bench.read(0x60, 2)).toBe(0x300f);
    expect([status(), bench.irq.level]).toEqual([TOK, true]);
    bench.write(0x3e, TOK, 2);
    expect([status(), bench.irq.level]).toEqual([0, false]);
  });
  it('waits for its turn, for the transmitter and for bus mastering', () => {
    bench.start();
    bench.send(1, frameTo(BROADCAST, 61));
    expect(bench.cable.sent).toHaveLength(0);
    bench.send(0, frameTo(BROADCAST, 60));
    expect(bench.cable.sent.map((frame) => frame.length)).toEqual([60, 61]);
    bench.card.pci.write(4, 3);
    bench.send(2, frameTo(BROADCAST, 62));
    bench.card.pci.write(4, 7);
    bench.write(0x37, 0x08, 1);
    bench.send(3, frameTo(BROADCAST, 63));
    expect(bench.cable.sent).toHaveLength(2);
  });
  it('aborts what is longer than a frame may be', () => {
    bench.start();
    bench.write(0x10, 0x1fff);
    expect(bench.cable.sent).toHaveLength(0);
    expect(bench.read(0x10) & 0x40002000).toBe(0x40002000);
    expect(status()).toBe(TER);
  });
  it('loops frames back instead of sending them', () => {
    bench.start();
    bench.write(0x40, 0x60000);
    bench.send(0, frameTo(STATION, 64));
    expect(bench.cable.sent).toHaveLength(0);
    expect(status()).toBe(TOK | ROK);
    expect(ring(0, 4)).toEqual([1, 0x40, 68, 0]);
  });
});

describe('RTL8139 receiver', () => {
  it('writes header, padded frame and check sequence to the ring', () => {
    bench.start();
    const frame = frameTo(STATION, 42);
    expect(bench.read(0x37, 1) & 1).toBe(1);
    bench.arrive(frame);
    expect([status(), bench.irq.level]).toEqual([ROK, true]);
    expect(ring(0, 4)).toEqual([0x01, 0x40, 64, 0]);
    const padded = Uint8Array.of(...frame, ...new Uint8Array(18));
    expect(ring(4, 60)).toEqual([...padded]);
    const fcs = crc32(padded);
    expect(ring(64, 4)).toEqual([fcs & 255, (fcs >>> 8) & 255, (fcs >>> 16) & 255, fcs >>> 24]);
    expect([bench.read(0x3a, 2), bench.read(0x37, 1) & 1]).toEqual([68, 0]);
    bench.write(0x38, 68 - 16, 2);
    expect([bench.read(0x38, 2), bench.read(0x37, 1) & 1]).toEqual([52, 1]);
  });
  it('takes own, broadcast, listed multicast frames, or all', () => {
    const other = [0x52, 0x54, 0, 1, 2, 3];
    // By the division of IEEE 802.3, most significant bit first, the remainder of this address starts with 011111: bit 31.
    const multicast = [1, 0, 0x5e, 0, 0, 1];
    const taken = (receiveConfig: number, destination: number[], filter = 0): boolean => {
      bench = new CardBench();
      bench.start(receiveConfig);
      bench.write(0x08, filter);
      bench.write(0x0c, 0);
      bench.arrive(frameTo(destination, 60));
      return status() === ROK;
    };
    expect([taken(2, [...STATION]), taken(8, [...STATION]), taken(2, other), taken(1, other)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect([taken(8, BROADCAST), taken(2, BROADCAST)]).toEqual([true, false]);
    expect([taken(4, multicast), taken(4, multicast, 1 << 31), taken(8, multicast, 1 << 31)]).toEqual([
      false,
      true,
      false,
    ]);
    expect([taken(4, multicast, 0x7fffffff), taken(1, multicast)]).toEqual([false, true]);
  });
  it('goes on at the start of the ring, or behind its end when it may not wrap', () => {
    for (const [noWrap, at] of [
      [0, 0],
      [0x80, 8192],
    ] as const) {
      bench = new CardBench();
      bench.start(0x0a | noWrap);
      // Frames of 1000 bytes take 1008 of the ring: the ninth starts at 8064 and leaves 128.
      for (let i = 0; i < 9; i++) {
        bench.arrive(frameTo(STATION, 1000, i + 1));
        if (i < 8) bench.write(0x38, (i + 1) * 1008 - 16, 2);
      }
      expect(ring(at, 4)).toEqual([9, 9, 9, 9]);
      expect(bench.read(0x3a, 2)).toBe(9 * 1008 - 8192);
    }
  });
  it('holds frames back while the ring is full and takes them when the driver has read', () => {
    bench.start();
    for (let i = 0; i < 10; i++) bench.arrive(frameTo(STATION, 1000, i + 1));
    expect(bench.read(0x3a, 2)).toBe(8 * 1008);
    expect([status(), bench.card.deadline()]).toEqual([ROK | RXOVW, Infinity]);
    // The driver is told again as long as it only acknowledges.
    bench.write(0x3e, ROK | RXOVW, 2);
    bench.settle();
    expect(status()).toBe(RXOVW);
    bench.write(0x38, 2 * 1008 - 16, 2);
    expect(bench.card.deadline()).toBeLessThanOrEqual(bench.clock.time);
    bench.settle();
    expect(bench.read(0x3a, 2)).toBe((10 * 1008) % 8192);
    expect(bench.read(0x4c)).toBe(0);
  });
  it('begins at the start of the ring when the receiver is switched on again', () => {
    bench.start();
    bench.arrive(frameTo(STATION, 60));
    bench.write(0x37, 4, 1);
    bench.write(0x37, 0x0c, 1);
    expect([bench.read(0x3a, 2), bench.read(0x38, 2), bench.read(0x37, 1) & 1]).toEqual([0, 0xfff0, 1]);
  });
  it('counts looped frames that find no room', () => {
    bench.start();
    bench.write(0x40, 0x60000);
    for (let i = 0; i < 9; i++) bench.send(i & 3, frameTo(STATION, 1000));
    expect([status() & RXOVW, bench.read(0x4c)]).toEqual([RXOVW, 1]);
    bench.write(0x4c, 0);
    expect(bench.read(0x4c)).toBe(0);
  });
  it('loses what arrives while it is off, and what the cable cannot hold', () => {
    bench.arrive(frameTo(STATION, 60));
    bench.start();
    bench.settle();
    expect(status()).toBe(0);
    const accepted = Array.from({ length: 600 }, () => bench.cable.card.deliver(frameTo(STATION, 60)));
    expect(accepted.indexOf(false)).toBe(512);
  });
  it('delays answers to what it sends, and drops what is under way at power-on', () => {
    bench.start();
    bench.clock.time = 5000;
    bench.cable.answer = () => bench.cable.card.deliver(frameTo(STATION, 60));
    bench.send(0, frameTo(BROADCAST, 60));
    expect(bench.card.deadline()).toBe(15_000);
    bench.card.reset();
    expect([bench.card.deadline(), bench.cable.resets]).toEqual([Infinity, 3]);
  });
});

/** Empties the ring as drivers do, at most `most` packets: header, frame, read pointer behind it. */
function readRing(position: number, size: number, most: number, into: Uint8Array[]): number {
  let at = position;
  for (let i = 0; i < most && (bench.read(0x37, 1) & 1) === 0; i++) {
    const start = RING + (at % size);
    const header = new DataView(bench.memory.bytes.buffer, start, 4);
    expect(header.getUint16(0, true) & 0x1fff).toBe(1);
    const length = header.getUint16(2, true);
    into.push(bench.memory.bytes.slice(start + 4, start + length));
    at = (at + length + 4 + 3) & ~3;
    bench.write(0x38, (at - 16) & 0xffff, 2);
    bench.write(0x3e, ROK | RXOVW, 2);
  }
  return at & 0xffff;
}

describe('RTL8139 and a driver', () => {
  it('pass on every frame once and in order, however the driver keeps up', () => {
    const arrival = fc.record({
      lengths: fc.array(fc.integer({ min: 60, max: 1514 }), { maxLength: 30 }),
      reads: fc.integer({ min: 0, max: 40 }),
    });
    fc.assert(
      fc.property(
        fc.array(arrival, { maxLength: 30 }),
        fc.integer({ min: 0, max: 2 }),
        (arrivals, sizeCode) => {
          bench = new CardBench();
          bench.start(0x8a | (sizeCode << 11));
          const sent: Uint8Array[] = [];
          const got: Uint8Array[] = [];
          let at = 0;
          for (const { lengths, reads } of arrivals) {
            for (const length of lengths) {
              const frame = frameTo(STATION, length, sent.length);
              if (bench.cable.card.deliver(frame)) sent.push(frame);
            }
            bench.settle();
            at = readRing(at, 8192 << sizeCode, reads, got);
            bench.settle();
          }
          for (let i = 0; i < 600; i++) {
            at = readRing(at, 8192 << sizeCode, 1, got);
            bench.settle();
          }
          expect(got.map((frame) => [frame.length, frame[30]])).toEqual(
            sent.map((frame) => [frame.length, frame[30]]),
          );
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('RTL8139 and a hostile guest', () => {
  it('survives any accesses, and its deadline always lies ahead after ticks', () => {
    const access = fc.record({
      offset: fc.integer({ min: 0, max: 255 }),
      size: fc.constantFrom(1, 2, 4),
      value: fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 0x0c, 0x40, 0x600000f)),
    });
    fc.assert(
      fc.property(fc.array(access, { maxLength: 60 }), (accesses) => {
        bench = new CardBench();
        bench.start(0x3f);
        bench.cable.answer = (frame) => bench.cable.card.deliver(frame);
        for (const { offset, size, value } of accesses) {
          const masked = size === 4 ? value : value & (size === 2 ? 0xffff : 0xff);
          bench.write(offset, masked, size);
          const read = bench.read(offset, size);
          expect(read >= 0 && read < 2 ** (8 * size) && Number.isInteger(read)).toBe(true);
          bench.clock.time += 20_000;
          bench.settle();
          expect(bench.card.deadline()).toBeGreaterThan(bench.clock.time);
        }
      }),
      { numRuns: 200 },
    );
  });
});
