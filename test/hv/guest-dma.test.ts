import { expect, it } from 'vitest';
import { GuestDma } from '../../src/hv/guest-dma.js';
import { PhysicalMemory } from '../../src/runtime/memory.js';

const memory = new PhysicalMemory(2 << 20, { scatter: 5 });
const dma = new GuestDma(memory);
const read = (address: number, length: number): number[] => {
  const into = new Uint8Array(length);
  dma.read(address, into);
  return [...into];
};

it('crosses frames that lie apart in the machine', () => {
  const bytes = Uint8Array.from({ length: 9000 }, (_, i) => i * 7);
  dma.write(0x100ffd, bytes);
  expect(read(0x100ffd, 9000)).toEqual([...bytes]);
  expect(memory.read8(0x102000)).toBe(bytes[0x1003]);
});

it('reads ones and writes nothing where there is no RAM, to the end of the address space and round it', () => {
  dma.write(0x1ffffe, Uint8Array.of(1, 2, 3, 4));
  expect(read(0x1ffffe, 4)).toEqual([1, 2, 0xff, 0xff]);
  dma.write(0, Uint8Array.of(9, 8));
  dma.write(0xfffffffe, Uint8Array.of(1, 2, 3));
  expect(read(0xfffffffe, 4)).toEqual([0xff, 0xff, 3, 8]);
  expect(read(0xa0000, 2)).toEqual([0xff, 0xff]);
});

it('leaves ROM alone and tells who watches code', () => {
  memory.mapRom(0xf0000, Uint8Array.of(1, 2, 3, 4));
  dma.write(0xf0000, Uint8Array.of(7));
  expect(read(0xf0000, 2)).toEqual([1, 2]);
  const seen: number[][] = [];
  memory.onCodeWrite = (machine, length) => seen.push([machine, length]);
  memory.setPageFlag(memory.p2m[0x101]!, 1);
  dma.write(0x101010, Uint8Array.of(1, 2));
  expect(seen).toEqual([[memory.machineAddress(0x101010), 2]]);
});
