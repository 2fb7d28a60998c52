import { beforeEach, describe, expect, it } from 'vitest';
import { PciBus } from '../../src/devices/pci-bus.js';
import { PciHost } from '../../src/devices/pci-host.js';
import { Piix3 } from '../../src/devices/piix3.js';
import { Piix4Pm } from '../../src/devices/piix4-pm.js';
import { TestBoard } from '../hv/fakes.js';

let board: TestBoard;
let resets: number;
let places: number[];
let shown: string[];
let smram: boolean;
let pci: PciBus;

const select = (device: number, f: number, register: number): void =>
  board.out(0xcf8, (0x80000000 | (device << 11) | (f << 8) | register) >>> 0, 4);
const config = (device: number, f: number, register: number): number => {
  select(device, f, register);
  return board.in(0xcfc, 4);
};

beforeEach(() => {
  resets = 0;
  places = [];
  shown = [];
  smram = false;
  const shadow = {
    set: (first: number, last: number, read: boolean, write: boolean) =>
      void shown.push(`${first.toString(16)}-${last.toString(16)} ${read ? 'r' : '-'}${write ? 'w' : '-'}`),
    setSmram: (open: boolean) => void (smram = open),
  };
  board = new TestBoard();
  pci = new PciBus(board.decoder);
  const host = new PciHost(pci, shadow, () => resets++);
  const bridge = new Piix3({ isa: [], pins: [] });
  const pm = new Piix4Pm((base) => places.push(base));
  board.add(host);
  pci.add(0, 0, host.name, host.pci);
  pci.add(1, 0, bridge.name, bridge.pci);
  pci.add(1, 3, pm.name, pm.pci);
  pci.reset();
  host.reset();
});

describe('PCI configuration mechanism 1', () => {
  it('finds the three functions and nothing else', () => {
    const found: string[] = [];
    for (let device = 0; device < 32; device++)
      for (let f = 0; f < 8; f++) {
        const id = config(device, f, 0);
        if (id !== 0xffffffff)
          found.push(`${device}.${f} ${id.toString(16)} ${(config(device, f, 8) >>> 8).toString(16)}`);
      }
    expect(found).toEqual(['0.0 12378086 60000', '1.0 70008086 60100', '1.3 71138086 68000']);
    board.out(0xcf8, 0x80010000, 4);
    expect(board.in(0xcfc, 4)).toBe(0xffffffff);
    expect(config(1, 0, 0x0c) & 0x00ff0000).toBe(0x00800000);
  });
  it('needs the enable bit, and the address register only takes whole words', () => {
    select(0, 0, 0);
    expect(board.in(0xcf8, 4)).toBe(0x80000000);
    board.out(0xcf8, 0x12);
    board.out(0xcf8, 0x1234, 2);
    expect(board.in(0xcf8, 4)).toBe(0x80000000);
    board.out(0xcf8, 0, 4);
    expect(board.in(0xcfc, 4)).toBe(0xffffffff);
  });
  it('reads parts of a register', () => {
    select(0, 0, 0);
    expect([board.in(0xcfc, 2), board.in(0xcfe, 2), board.in(0xcfd)]).toEqual([0x8086, 0x1237, 0x80]);
  });
  it('changes only writable bits', () => {
    select(1, 3, 0);
    board.out(0xcfc, 0, 4);
    expect(config(1, 3, 0)).toBe(0x71138086);
    select(1, 0, 0x60);
    board.out(0xcfd, 0x0b);
    expect(config(1, 0, 0x60)).toBe(0x80800b80);
    pci.reset();
    expect(config(1, 0, 0x60)).toBe(0x80808080);
  });
  it('resets on the rising edge of CF9 bit 2', () => {
    board.out(0xcf9, 0x02);
    expect([resets, board.in(0xcf9)]).toEqual([0, 2]);
    board.out(0xcf9, 0x06);
    expect(resets).toBe(1);
    board.out(0xcf9, 0x06);
    expect(resets).toBe(1);
  });
  it('places the registers of power management while PMREGMISC enables them', () => {
    select(1, 3, 0x40);
    board.out(0xcfc, 0xb17f, 4);
    expect(config(1, 3, 0x40)).toBe(0xb141);
    select(1, 3, 0x80);
    board.out(0xcfc, 1);
    expect(places.at(-1)).toBe(0xb140);
    board.out(0xcfc, 0);
    expect(places.at(-1)).toBe(-1);
    // What waits for SMM to answer finds it answered (PIIX4, DEVACTB.APMC_EN).
    expect((config(1, 3, 0x58) >>> 25) & 1).toBe(1);
  });
  it('has PAM registers for thirteen pieces of the memory below 1 MiB', () => {
    expect(new Set(shown.map((line) => line.slice(-2)))).toEqual(new Set(['--']));
    const after = (register: number, value: number): string[] => {
      select(0, 0, register & 0xfc);
      shown = [];
      board.out(0xcfc + (register & 3), value);
      return shown.filter((line) => !line.endsWith('--'));
    };
    expect(after(0x59, 0x10)).toEqual(['f0000-fffff r-']);
    expect(after(0x59, 0x20)).toEqual(['f0000-fffff -w']);
    expect(after(0x59, 0x0f)).toEqual([]);
    expect(after(0x5a, 0x31)).toEqual(['c0000-c3fff r-', 'c4000-c7fff rw']);
    after(0x5a, 0);
    expect(after(0x5f, 0x23)).toEqual(['e8000-ebfff rw', 'ec000-effff -w']);
  });
  it('opens SMRAM until it is locked', () => {
    const write = (value: number): [number, boolean] => {
      select(0, 0, 0x70);
      board.out(0xcfe, value);
      return [board.in(0xcfe), smram];
    };
    expect([write(0x40), write(0x48), write(0x0a), write(0x48)]).toEqual([
      [0x42, false],
      [0x4a, true],
      [0x0a, false],
      [0x4a, true],
    ]);
    expect([write(0x58), write(0x48)]).toEqual([
      [0x1a, false],
      [0x1a, false],
    ]);
  });
});
