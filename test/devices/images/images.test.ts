/** Raw images, copy-on-write, and qcow2 as its specification has it; scripts/check-qcow2.mjs asks qemu-img about the same code. */
import { describe, expect, it } from 'vitest';
import { BlockError } from '../../../src/devices/block-device.js';
import type { BlockDevice } from '../../../src/devices/block-device.js';
import { DiskImageError } from '../../../src/devices/images/byte-store.js';
import { Qcow2Image } from '../../../src/devices/images/qcow2.js';
import { RawImage } from '../../../src/devices/images/raw.js';
import { SnapshotImage } from '../../../src/devices/images/snapshot.js';
import { pattern } from '../ide-bench.js';
import { MemoryStore, inflateRaw, makeQcow2 } from './memory-store.js';

const read = (image: BlockDevice, offset: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length).fill(0xee);
  image.read(offset, bytes);
  return bytes;
};
const host = {
  inflateRaw,
  openBacking: (name: string): BlockDevice => {
    throw new DiskImageError(`no ${name}`);
  },
};
const qcow2 = (bytes: Uint8Array): Qcow2Image => new Qcow2Image(new MemoryStore(bytes), host);
const zeros = (length: number): Uint8Array => new Uint8Array(length);

describe('raw', () => {
  it('is the file, filled up to whole sectors', () => {
    const store = new MemoryStore(pattern(1000, 1));
    const image = new RawImage(store);
    expect(image.size).toBe(1024);
    expect(read(image, 512, 512)).toEqual(Uint8Array.from([...pattern(1000, 1).slice(512), ...zeros(24)]));
    image.write(512, pattern(512, 2));
    image.flush();
    expect(store.bytes.slice(512)).toEqual(pattern(512, 2));
    expect(store.flushes).toBe(1);
    expect(new RawImage(store, { sectorBytes: 2048 }).size).toBe(2048);
  });
  it('refuses writes to a read-only store', () => {
    const store = new MemoryStore(zeros(512));
    store.readOnly = true;
    expect(() => new RawImage(store).write(0, zeros(512))).toThrow(BlockError);
  });
  it('does not become another format behind the back of a guess', () => {
    const header = makeQcow2({ size: 512 }).slice(0, 512);
    const guessed = new RawImage(new MemoryStore(zeros(1024)), { guarded: true });
    expect(() => guessed.write(0, header)).toThrow(/format=raw/);
    guessed.write(512, header);
    new RawImage(new MemoryStore(zeros(1024))).write(0, header);
  });
});

describe('copy-on-write', () => {
  it('keeps writes to itself', () => {
    const store = new MemoryStore(pattern(40_000, 1));
    const image = new SnapshotImage(new RawImage(store));
    const before = store.bytes.slice();
    image.write(16_000, pattern(10_240, 9));
    expect(read(image, 15_872, 512)).toEqual(
      Uint8Array.from([...before.slice(15_872, 16_000), ...pattern(384, 9)]),
    );
    expect(read(image, 16_000, 10_240)).toEqual(pattern(10_240, 9));
    expect(read(image, 26_240, 512)).toEqual(before.slice(26_240, 26_752));
    expect(store.bytes).toEqual(before);
    image.write(image.size - 512, pattern(512, 3));
    expect(read(image, image.size - 512, 512)).toEqual(pattern(512, 3));
  });
});

describe('qcow2', () => {
  const clusters = [
    { index: 0, bytes: pattern(512, 1) },
    { index: 3, bytes: pattern(512, 2), packed: true },
    { index: 70, bytes: pattern(512, 3) },
  ];
  const size = 512 * 100;

  it.each([2, 3] as const)('reads data, compressed clusters and holes of version %i', (version) => {
    const image = qcow2(makeQcow2({ version, size, clusters }));
    expect(image.size).toBe(size);
    expect(read(image, 0, 2048)).toEqual(
      Uint8Array.from([...pattern(512, 1), ...zeros(1024), ...pattern(512, 2)]),
    );
    expect(read(image, 70 * 512 + 100, 312)).toEqual(pattern(512, 3).slice(100, 412));
  });
  it('reads zero clusters over a backing file, which is never written', () => {
    const base = new MemoryStore(pattern(2048, 7));
    let asked = '';
    const store = new MemoryStore(makeQcow2({ size, zeros: [1], backing: 'base.raw' }));
    const openBacking = (name: string): BlockDevice => {
      asked = name;
      return new RawImage(base);
    };
    const image = new Qcow2Image(store, { inflateRaw, openBacking });
    expect(asked).toBe('base.raw');
    expect(read(image, 0, 1536)).toEqual(
      Uint8Array.from([...pattern(512, 7), ...zeros(512), ...pattern(2048, 7).slice(1024, 1536)]),
    );
    expect(read(image, 2048, 512)).toEqual(zeros(512));
    image.write(1600, pattern(100, 1));
    expect(read(image, 1536, 512)).toEqual(
      Uint8Array.from([
        ...pattern(2048, 7).slice(1536, 1600),
        ...pattern(100, 1),
        ...pattern(2048, 7).slice(1700, 2048),
      ]),
    );
    expect(base.bytes).toEqual(pattern(2048, 7));
  });
  it('writes into holes, zero, compressed and plain clusters, and finds it again', () => {
    const store = new MemoryStore(makeQcow2({ size, clusters, zeros: [5] }));
    const expected = read(new Qcow2Image(store, host), 0, size);
    const image = new Qcow2Image(store, host);
    for (const [at, length] of [
      [10, 20],
      [3 * 512 + 100, 50],
      [5 * 512 + 1, 600],
      [20 * 512, 30 * 512],
    ] as const) {
      image.write(at, pattern(length, at));
      expected.set(pattern(length, at), at);
    }
    image.flush();
    expect(read(image, 0, size)).toEqual(expected);
    expect(read(new Qcow2Image(store, host), 0, size)).toEqual(expected);
    expect(store.flushes).toBe(1);
  });
  it('makes its refcount table longer when all that it can count is taken', () => {
    const made = makeQcow2({ size: 1 << 20, clusters });
    const view = new DataView(made.buffer);
    const full = made.length;
    const bytes = Uint8Array.from([...made, ...Array.from({ length: 512 }, (_, i) => i & 1)]);
    for (let i = 0; i < 64; i++) new DataView(bytes.buffer).setUint32(512 + 8 * i + 4, full);
    const store = new MemoryStore(bytes);
    const image = new Qcow2Image(store, host);
    const data = pattern(1 << 20, 4);
    image.write(0, data);
    expect(Buffer.compare(read(new Qcow2Image(store, host), 0, data.length), data)).toBe(0);
    expect(view.getUint32(56)).toBe(1);
    expect(new DataView(store.bytes.buffer).getUint32(56)).toBe(3);
    expect(store.size).toBeGreaterThan(64 * 256 * 512 + data.length);
  });
  it('tells of a full host and loses nothing that was there, wherever it stops', () => {
    const made = makeQcow2({ size, clusters });
    for (let writes = 0; writes < 6; writes++) {
      const store = new MemoryStore(made.slice());
      const image = new Qcow2Image(store, host);
      store.writesLeft = writes;
      let error: unknown;
      try {
        image.write(3 * 512, pattern(512, 99));
      } catch (thrown) {
        error = thrown;
      }
      store.writesLeft = Infinity;
      const after = read(new Qcow2Image(store, host), 3 * 512, 512);
      const done = Buffer.compare(after, pattern(512, 99)) === 0;
      expect(done || Buffer.compare(after, pattern(512, 2)) === 0).toBe(true);
      expect(done || error !== undefined).toBe(true);
      if (error !== undefined) expect(error).toBeInstanceOf(BlockError);
      expect(read(image, 70 * 512, 512)).toEqual(pattern(512, 3));
    }
  });
  it('clears auto-clear features when it may write', () => {
    const made = makeQcow2({ size });
    made[95] = 1;
    const store = new MemoryStore(made);
    store.readOnly = true;
    void new Qcow2Image(store, host);
    expect(store.bytes[95]).toBe(1);
    store.readOnly = false;
    void new Qcow2Image(store, host);
    expect(store.bytes[95]).toBe(0);
  });

  const patched = (at: number, ...bytes: number[]): Uint8Array => {
    const made = makeQcow2({ size, clusters, backing: 'b' });
    made.set(bytes, at);
    return made;
  };
  it.each([
    ['no magic', patched(0, 0), /no qcow2 image/],
    ['version 1', patched(7, 1), /version 1, expected 2 or 3/],
    ['version 4', patched(7, 4), /version 4/],
    ['tiny clusters', patched(23, 8), /2\^8/],
    ['huge clusters', patched(23, 22), /2\^22/],
    ['encryption', patched(35, 1), /encrypted/],
    ['an external data file', patched(79, 4), /external data file/],
    ['an unknown feature', patched(77, 1), /bit 16/],
    ['a short header', patched(103, 16), /header of 16 bytes/],
    ['wide counts', patched(99, 7), /2\^7 bits/],
    ['a small L1 table', patched(39, 1), /too few/],
    ['an L1 table off a boundary', patched(47, 1), /L1 table.*cluster boundary/],
    ['an L1 table beyond the end', patched(44, 0x10), /ends before its L1 table/],
    ['a monstrous L1 table', patched(36, 0x7f), /more than 32 MiB/],
    ['a monstrous refcount table', patched(56, 0x7f), /more than 8 MiB/],
    ['no refcount table', patched(56, 0, 0, 0, 0), /no refcount table/],
    ['a long backing name', patched(18, 0xff), /backing file outside/],
    ['a disk beyond exact numbers', patched(24, 0x7f), /2\^53|too few/],
    ['an end inside the header', patched(0).slice(0, 60), /cut off/],
    ['a missing backing file', patched(0, 0x51), /no b/],
  ])('refuses %s with a sentence', (_, bytes, message) => {
    expect(() => qcow2(bytes)).toThrow(message);
    expect(() => qcow2(bytes)).toThrow(DiskImageError);
  });
  it.each([
    [1, /not closed properly/],
    [2, /marked corrupt/],
  ])('reads an image with damage bits %i and refuses to write it', (incompatible, message) => {
    const store = new MemoryStore(makeQcow2({ size, clusters, incompatible }));
    expect(() => new Qcow2Image(store, host)).toThrow(message);
    store.readOnly = true;
    const image = new Qcow2Image(store, host);
    expect(read(image, 0, 512)).toEqual(pattern(512, 1));
    expect(() => image.write(0, zeros(512))).toThrow(BlockError);
  });
});
