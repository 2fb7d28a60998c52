/** Damaged qcow2 files: whatever the bytes are, opening, reading and writing end soon, with data or with an error of the kinds that are meant for it. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BlockError } from '../../../src/devices/block-device.js';
import { DiskImageError } from '../../../src/devices/images/byte-store.js';
import { Qcow2Image } from '../../../src/devices/images/qcow2.js';
import { pattern } from '../ide-bench.js';
import { MemoryStore, inflateRaw, makeQcow2 } from './memory-store.js';

const CLUSTER = 512;
const made = makeQcow2({
  size: CLUSTER * 200,
  clusters: [
    { index: 0, bytes: pattern(CLUSTER, 1) },
    { index: 1, bytes: pattern(CLUSTER, 2), packed: true },
    { index: 130, bytes: pattern(CLUSTER, 3) },
  ],
  zeros: [2],
});
const host = {
  inflateRaw,
  openBacking: (): never => {
    throw new DiskImageError('there is no backing file');
  },
};
/** Bytes that matter: the header, the tables' entries, the data. */
const place = fc.oneof(
  { weight: 4, arbitrary: fc.nat(111) },
  { weight: 4, arbitrary: fc.nat(7 * 8).map((n) => CLUSTER + n) },
  { weight: 4, arbitrary: fc.nat(made.length - 1) },
);
const change = fc.record({
  at: place,
  value: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x40, 0x80, 0xc0, 0xff)),
});
const access = fc.record({
  at: fc.nat(199).map((n) => n * CLUSTER),
  length: fc.constantFrom(1, CLUSTER, 3 * CLUSTER + 7),
  write: fc.boolean(),
});

function expectMeant(error: unknown): void {
  if (!(error instanceof BlockError) && !(error instanceof DiskImageError)) throw error;
}

function use(bytes: Uint8Array, accesses: readonly { at: number; length: number; write: boolean }[]): string {
  const store = new MemoryStore(bytes);
  store.capacity = 1 << 20;
  let image: Qcow2Image;
  try {
    image = new Qcow2Image(store, host);
  } catch (error) {
    expectMeant(error);
    return 'refused';
  }
  for (const { at, length, write } of accesses) {
    const piece = pattern(Math.max(0, Math.min(length, image.size - at)), at);
    try {
      if (write) image.write(at, piece);
      else image.read(at, piece);
    } catch (error) {
      expectMeant(error);
    }
  }
  return 'used';
}

it('survives damage', { timeout: 60_000 }, () => {
  const seen = { refused: 0, used: 0 };
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 1, maxLength: 6 }),
      fc.array(access, { maxLength: 12 }),
      fc.option(fc.nat(made.length), { freq: 8 }),
      (changes, accesses, cut) => {
        const bytes = made.slice(0, cut ?? made.length);
        for (const { at, value } of changes) if (at < bytes.length) bytes[at] = value;
        seen[use(bytes, accesses) as keyof typeof seen]++;
      },
    ),
    { numRuns: 1500 },
  );
  expect(seen.refused).toBeGreaterThan(50);
  expect(seen.used).toBeGreaterThan(50);
});

it('does not search a table of full counts for ever', () => {
  const bytes = new Uint8Array(8 << 20);
  bytes.set(made);
  const view = new DataView(bytes.buffer);
  view.setUint32(56, (4 << 20) / CLUSTER);
  view.setUint32(52, 1 << 20);
  for (let at = 1 << 20; at < 5 << 20; at += 8) view.setUint32(at + 4, 6 << 20);
  bytes.fill(0xff, 6 << 20, (6 << 20) + CLUSTER);
  const store = new MemoryStore(bytes);
  expect(() => new Qcow2Image(store, host).write(50 * CLUSTER, pattern(CLUSTER, 1))).toThrow(BlockError);
});
