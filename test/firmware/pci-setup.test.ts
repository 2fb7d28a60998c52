import { beforeEach, describe, expect, it } from 'vitest';
import type { PciBar } from '../../src/devices/device.js';
import { PciBus } from '../../src/devices/pci-bus.js';
import { PciFunction } from '../../src/devices/pci-function.js';
import { setUpPci } from '../../src/firmware/pci-setup.js';
import { TestBoard } from '../hv/fakes.js';

let pci: PciBus;
const bar = (kind: 'io' | 'memory', size: number, prefetchable = false): PciBar => ({
  ...{ kind, size, prefetchable },
  read: () => 0,
  write: () => undefined,
});
function insert(slot: number, index: number, pin: number, bars: PciBar[], more: object = {}): void {
  const card = new PciFunction({
    ...{ vendor: 1, device: slot, classCode: [2, 0, 0], interruptPin: pin, bars },
    ...more,
  });
  pci.add(slot, index, `card ${slot}.${index}`, card);
}
const word = (slot: number, offset: number, index = 0): number => pci.read((slot << 3) | index, offset, 4);
const line = (slot: number, index = 0): number => pci.read((slot << 3) | index, 0x3c, 1);

beforeEach(() => {
  pci = new PciBus(new TestBoard().decoder);
});

describe('firmware on the PCI bus', () => {
  it('places ranges on multiples of their size, the largest first', () => {
    insert(2, 0, 0, [bar('memory', 16 << 20, true), bar('memory', 4096)]);
    insert(3, 0, 1, [bar('io', 256), bar('memory', 256)]);
    insert(4, 0, 1, [bar('io', 16), bar('memory', 32 << 20)]);
    pci.reset();
    setUpPci(pci);
    expect([word(4, 0x14), word(2, 0x10), word(2, 0x14), word(3, 0x14)]).toEqual([
      0xe0000000, 0xe2000008, 0xe3000000, 0xe3001000,
    ]);
    expect([word(3, 0x10), word(4, 0x10), word(3, 0x18)]).toEqual([0xc001, 0xc101, 0]);
    expect([2, 3, 4].map((slot) => pci.read(slot << 3, 4, 2))).toEqual([3, 3, 3]);
  });
  it('places expansion ROMs without letting them answer', () => {
    insert(5, 0, 0, Object.assign([], { 6: bar('memory', 65536) }));
    pci.reset();
    setUpPci(pci);
    expect(word(5, 0x30)).toBe(0xe0000000);
  });
  it('leaves at 0 what finds no room', () => {
    insert(2, 0, 0, [bar('memory', 0x10000000), bar('memory', 0x10000000)]);
    pci.reset();
    setUpPci(pci);
    expect([word(2, 0x10), word(2, 0x14)]).toEqual([0xe0000000, 0]);
  });
  it('tells interrupt lines by slot and pin, also of further functions, and leaves bridges alone', () => {
    insert(1, 0, 0, [], { classCode: [6, 1, 0], headerType: 0x80 });
    insert(1, 2, 4, []);
    insert(2, 0, 1, []);
    insert(3, 0, 1, []);
    insert(6, 0, 1, []);
    insert(7, 0, 0, []);
    pci.reset();
    setUpPci(pci);
    expect([line(1, 2), line(2), line(3), line(6), line(7), line(1)]).toEqual([11, 10, 11, 10, 0, 0]);
    expect(pci.read(8, 4, 2)).toBe(0);
  });
});
