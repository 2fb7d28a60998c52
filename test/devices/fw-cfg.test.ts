/** The interface of QEMU's docs/specs/fw_cfg.rst. */
import { beforeEach, describe, expect, it } from 'vitest';
import { FwCfg } from '../../src/devices/fw-cfg.js';
import { portsOf } from '../hv/fakes.js';
import type { Ports } from '../hv/fakes.js';

let ram: Uint8Array;
let device: FwCfg;
let ports: Ports;
const FILE = Uint8Array.from({ length: 70_000 }, (_, i) => i * 3);

const read = (key: number, length: number): number[] => {
  ports.out(0x510, key, 2);
  return Array.from({ length }, () => ports.in(0x511));
};
const text = (bytes: number[]): string => String.fromCharCode(...bytes);
/** Runs the descriptor (control, length, address) that it puts at 0x100; the control word afterwards. */
function dma(control: number, length: number, address: number, upper = 0): number {
  const view = new DataView(ram.buffer);
  view.setUint32(0x100, control);
  view.setUint32(0x104, length);
  view.setUint32(0x108, upper);
  view.setUint32(0x10c, address);
  ports.out(0x514, 0, 4);
  ports.out(0x518, 0x00010000, 4);
  return view.getUint32(0x100);
}

beforeEach(() => {
  ram = new Uint8Array(0x40000);
  const memory = {
    read: (address: number, into: Uint8Array) => into.set(ram.subarray(address, address + into.length)),
    write: (address: number, bytes: Uint8Array) => {
      if (address + bytes.length <= ram.length) ram.set(bytes, address);
    },
  };
  device = new FwCfg(memory, {
    items: { 5: Uint8Array.of(1, 0) },
    files: { 'etc/e820': Uint8Array.of(9, 8), 'big/file': FILE },
  });
  ports = portsOf(device);
  device.reset();
});

describe('data port', () => {
  it('reads the selected item byte by byte, zeros beyond its end and for what is not there', () => {
    expect(text(read(0, 4))).toBe('QEMU');
    expect([read(1, 5), read(5, 4), read(0x7777, 2)]).toEqual([
      [3, 0, 0, 0, 0],
      [1, 0, 0, 0],
      [0, 0],
    ]);
  });
  it('has a directory with sizes, keys and names', () => {
    const bytes = read(0x19, 4 + 2 * 64);
    expect(bytes.slice(0, 12)).toEqual([0, 0, 0, 2, 0, 0, 0, 2, 0, 0x20, 0, 0]);
    expect(text(bytes.slice(12, 21))).toBe('etc/e820\0');
    expect(bytes.slice(68, 76)).toEqual([0, 1, 0x11, 0x70, 0, 0x21, 0, 0]);
    expect(text(bytes.slice(76, 85))).toBe('big/file\0');
    expect([read(0x20, 2), read(0x21, 3)]).toEqual([
      [9, 8],
      [0, 3, 6],
    ]);
  });
  it('gives strings in one request', () => {
    ports.out(0x510, 0x21, 2);
    const bytes = new Uint8Array(8);
    expect(device.ports[0]!.readBlock!(0x511, 1, bytes, 2, 4)).toBe(4);
    expect([...bytes, ports.in(0x511)]).toEqual([0, 0, 0, 3, 6, 9, 0, 0, 12]);
  });
});

describe('DMA', () => {
  it('is announced by its signature', () => {
    expect([ports.in(0x514, 4), ports.in(0x518, 4)]).toEqual([0x554d4551, 0x47464320]);
    expect(ports.in(0x514)).toBe('Q'.charCodeAt(0));
  });
  it('selects, skips and reads in one descriptor', () => {
    expect(dma((0x21 << 16) | 8 | 2, 66_000, 0x1000)).toBe(0);
    expect(ram.subarray(0x1000, 0x1000 + 66_000)).toEqual(FILE.subarray(0, 66_000));
    expect(dma(4, 1000, 0)).toBe(0);
    expect(dma(2, 4, 0x2000)).toBe(0);
    expect([...ram.subarray(0x2000, 0x2004)]).toEqual([...FILE.subarray(67_000, 67_004)]);
    expect(dma((5 << 16) | 8 | 2, 4, 0x3000)).toBe(0);
    expect([...ram.subarray(0x3000, 0x3004)]).toEqual([1, 0, 0, 0]);
  });
  it('answers writes, endless reads and addresses above 4 GiB with the error bit', () => {
    expect([dma((5 << 16) | 8 | 16, 2, 0x1000), dma((5 << 16) | 8 | 2, 0xffffffff, 0x1000)]).toEqual([1, 1]);
    expect(dma((5 << 16) | 8 | 2, 2, 0x1000, 1)).toBe(1);
    expect(read(5, 1)).toEqual([1]);
  });
});

it('refuses file names that no directory entry holds', () => {
  const files = { ['x'.repeat(56)]: new Uint8Array(1) };
  expect(() => new FwCfg({ read: () => undefined, write: () => undefined }, { items: {}, files })).toThrow(
    'is too long',
  );
});
