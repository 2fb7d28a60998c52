import { beforeEach, describe, expect, it } from 'vitest';
import { PciBus } from '../../src/devices/pci-bus.js';
import { PciFunction } from '../../src/devices/pci-function.js';
import { TestBoard } from '../hv/fakes.js';
import type { PciBar } from '../../src/devices/device.js';

let board: TestBoard;
let pci: PciBus;
const log: string[] = [];

function bar(name: string, kind: 'io' | 'memory', size: number): PciBar {
  return {
    kind,
    size,
    read: (offset, bytes) => {
      log.push(`${name} read ${offset} ${bytes}`);
      return 0x11;
    },
    write: (offset, bytes, value) => void log.push(`${name} write ${offset} ${bytes} ${value.toString(16)}`),
  };
}
const card = (name: string): PciFunction =>
  new PciFunction({
    vendor: 0x10ec,
    device: 0x8139,
    classCode: [2, 0, 0],
    interruptPin: 1,
    bars: Object.assign([bar(`${name}.io`, 'io', 256), bar(`${name}.mem`, 'memory', 256)], {
      6: bar(`${name}.rom`, 'memory', 4096),
    }),
  });
const A = 3 << 3,
  B = 4 << 3;
const BAR0 = 0x10,
  BAR1 = 0x14,
  BAR2 = 0x18,
  ROM = 0x30;

beforeEach(() => {
  log.length = 0;
  board = new TestBoard();
  pci = new PciBus(board.decoder);
  pci.add(3, 0, 'a', card('a'));
  pci.add(4, 0, 'b', card('b'));
  pci.reset();
});

describe('base address registers', () => {
  it('tell their size and kind', () => {
    for (const offset of [BAR0, BAR1, BAR2, ROM]) pci.write(A, offset, 4, 0xffffffff);
    expect([BAR0, BAR1, BAR2, ROM].map((offset) => pci.read(A, offset, 4))).toEqual([
      0xffffff01, 0xffffff00, 0, 0xfffff001,
    ]);
  });
  it('answer where they were put while the command register lets them', () => {
    pci.write(A, BAR0, 4, 0xc000);
    expect(board.in(0xc004, 4)).toBe(0xffffffff);
    pci.write(A, 4, 2, 1);
    expect(board.in(0xc004, 4)).toBe(0x11);
    board.out(0xc0fe, 0xabcd, 2);
    board.out(0xc0ff, 0xabcd, 2);
    expect(log).toEqual(['a.io read 4 4', 'a.io write 254 2 abcd', 'a.io write 255 1 cd']);
    pci.write(A, BAR0, 4, 0xd000);
    expect([board.in(0xc004), board.in(0xd004)]).toEqual([0xff, 0x11]);
    pci.write(A, 4, 2, 0);
    expect(board.in(0xd004)).toBe(0xff);
  });
  it('in memory space, with the expansion ROM behind its own bit', () => {
    pci.write(A, BAR1, 4, 0xf0000000);
    pci.write(A, ROM, 4, 0xf1000000);
    pci.write(A, 4, 1, 2);
    expect([board.mmio.read(0xf0000010, 4), board.mmio.read(0xf1000000, 1)]).toEqual([0x11, 0xff]);
    pci.write(A, ROM, 1, 1);
    expect(board.mmio.read(0xf1000ffe, 2)).toBe(0x11);
    expect(log).toEqual(['a.mem read 16 4', 'a.rom read 4094 2']);
  });
  it('nowhere at address 0 and beyond the end of port space', () => {
    pci.write(A, 4, 2, 3);
    expect(board.in(0x0004)).toBe(0xff);
    pci.write(A, BAR0, 4, 0x10000);
    pci.write(A, BAR0, 4, 0xffffff00);
    expect(board.in(0xff04)).toBe(0xff);
    expect(board.in(0x0004)).toBe(0xff);
  });
  it('where two meet the lower slot answers, whoever came first', () => {
    for (const at of [B, A]) {
      pci.write(at, 4, 2, 3);
      pci.write(at, BAR0, 4, 0xc000);
      pci.write(at, BAR1, 4, 0xf0000000);
    }
    board.in(0xc000);
    board.mmio.read(0xf0000000, 4);
    pci.write(A, 4, 2, 0);
    board.in(0xc000);
    board.mmio.read(0xf0000000, 4);
    expect(log).toEqual(['a.io read 0 1', 'a.mem read 0 4', 'b.io read 0 1', 'b.mem read 0 4']);
  });
  it('behind the ranges that chips have for good', () => {
    board.add({
      ...{ name: 'fixed', version: 1, state: {}, reset: () => undefined },
      ports: [{ first: 0xc010, last: 0xc013, read: () => 0x77 }],
      mmio: [{ first: 0xf0000010, last: 0xf0000011, read: () => 0x77, write: () => undefined }],
    });
    pci.write(A, BAR0, 4, 0xc000);
    pci.write(A, BAR1, 4, 0xf0000000);
    pci.write(A, 4, 2, 3);
    expect([board.in(0xc00f), board.in(0xc010), board.in(0xc014)]).toEqual([0x11, 0x77, 0x11]);
    expect(board.mmio.read(0xf000000e, 4)).toBe(0x77771111);
  });
  it('stay bounded however often they move', () => {
    pci.write(A, 4, 2, 3);
    for (let i = 1; i < 20_000; i++) pci.write(A, BAR0, 4, (i << 8) & 0xffff);
    pci.write(A, BAR0, 4, 0xc000);
    expect(board.in(0xc000)).toBe(0x11);
    expect([0x100, 0x4e00, 0xff00].map((port) => board.in(port))).toEqual([0xff, 0xff, 0xff]);
  });
});

describe('PCI bus', () => {
  it('names both functions that want one place', () => {
    expect(() => pci.add(3, 0, 'c', card('c'))).toThrow('PCI function 3.0 is claimed by both a and c');
  });
  it('has every configuration space in its state, from which the mapping follows', () => {
    pci.write(A, BAR0, 4, 0xc000);
    pci.write(A, 4, 1, 1);
    const saved = structuredClone(pci.state);
    pci.reset();
    expect(board.in(0xc000)).toBe(0xff);
    const { config } = pci.state.functions[A] as { config: Uint8Array };
    config.set((saved.functions[A] as { config: Uint8Array }).config);
    pci.restored();
    expect(board.in(0xc000)).toBe(0x11);
  });
  it('refuses sizes that no register can have', () => {
    const make = (size: number) => () =>
      new PciFunction({ vendor: 1, device: 1, classCode: [0, 0, 0], bars: [bar('x', 'memory', size)] });
    expect(make(48)).toThrow('base address register 0 cannot have 48 bytes');
    expect(make(8)).toThrow(RangeError);
  });
});
