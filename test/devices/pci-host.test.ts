import { beforeEach, describe, expect, it } from 'vitest';
import { PciHost } from '../../src/devices/pci-host.js';
import { portsOf } from '../hv/fakes.js';
import type { Ports } from '../hv/fakes.js';

let ports: Ports;
let resets: number;
let host: PciHost;

const select = (device: number, f: number, register: number): void =>
  ports.out(0xcf8, (0x80000000 | (device << 11) | (f << 8) | register) >>> 0, 4);
const config = (device: number, f: number, register: number): number => {
  select(device, f, register);
  return ports.in(0xcfc, 4);
};

beforeEach(() => {
  resets = 0;
  host = new PciHost(0xb000, () => resets++);
  ports = portsOf(host);
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
    ports.out(0xcf8, 0x80010000, 4);
    expect(ports.in(0xcfc, 4)).toBe(0xffffffff);
    expect(config(1, 0, 0x0c) & 0x00ff0000).toBe(0x00800000);
  });
  it('needs the enable bit, and the address register only takes whole words', () => {
    select(0, 0, 0);
    expect(ports.in(0xcf8, 4)).toBe(0x80000000);
    ports.out(0xcf8, 0x12);
    ports.out(0xcf8, 0x1234, 2);
    expect(ports.in(0xcf8, 4)).toBe(0x80000000);
    ports.out(0xcf8, 0, 4);
    expect(ports.in(0xcfc, 4)).toBe(0xffffffff);
  });
  it('reads parts of a register', () => {
    select(0, 0, 0);
    expect([ports.in(0xcfc, 2), ports.in(0xcfe, 2), ports.in(0xcfd)]).toEqual([0x8086, 0x1237, 0x80]);
  });
  it('changes only writable bits', () => {
    select(1, 3, 0);
    ports.out(0xcfc, 0, 4);
    expect(config(1, 3, 0)).toBe(0x71138086);
    select(1, 3, 0x40);
    ports.out(0xcfc, 0xc001, 4);
    expect(config(1, 3, 0x40)).toBe(0xb001);
    select(1, 0, 0x60);
    ports.out(0xcfd, 0x0b);
    expect(config(1, 0, 0x60)).toBe(0x80800b80);
    host.reset();
    expect(config(1, 0, 0x60)).toBe(0x80808080);
  });
  it('resets on the rising edge of CF9 bit 2', () => {
    ports.out(0xcf9, 0x02);
    expect([resets, ports.in(0xcf9)]).toEqual([0, 2]);
    ports.out(0xcf9, 0x06);
    expect(resets).toBe(1);
    ports.out(0xcf9, 0x06);
    expect(resets).toBe(1);
  });
});
