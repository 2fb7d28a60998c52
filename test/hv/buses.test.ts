import { describe, expect, it } from 'vitest';
import type { Device, PortClaim } from '../../src/devices/device.js';
import { MmioBus } from '../../src/hv/mmio-bus.js';
import { PortBus } from '../../src/hv/port-bus.js';

function chip(name: string, ...ports: PortClaim[]): Device {
  return { name, version: 1, state: {}, ports, reset: () => undefined };
}

function recorder(first: number, last: number, width: 1 | 2 | 4) {
  const log: string[] = [];
  const claim: PortClaim = {
    first,
    last,
    width,
    read: (port, size) => {
      log.push(`read ${port.toString(16)} ${size}`);
      return port & 0xff;
    },
    write: (port, size, value) => {
      log.push(`write ${port.toString(16)} ${size} ${value.toString(16)}`);
    },
  };
  return { log, claim };
}

describe('port bus', () => {
  it('names both devices when claims collide', () => {
    const bus = new PortBus();
    bus.add(chip('first', { first: 0x60, last: 0x6f }));
    expect(() => bus.add(chip('second', { first: 0x64, last: 0x64 }))).toThrow(/0x64 .*first and second/);
  });

  it('reads all ones where nobody answers', () => {
    const bus = new PortBus();
    bus.add(chip('write-only', { first: 0x10, last: 0x10 }));
    expect([bus.read(0x99, 1), bus.read(0x99, 2), bus.read(0x99, 4), bus.read(0x10, 1)]).toEqual([
      0xff, 0xffff, 0xffffffff, 0xff,
    ]);
    bus.write(0x10, 1, 5);
    bus.write(0x99, 4, 5);
  });

  it('splits accesses wider than the chip, or across its end, into bytes', () => {
    const bus = new PortBus();
    const narrow = recorder(0x10, 0x13, 1);
    const wide = recorder(0x20, 0x23, 4);
    bus.add(chip('narrow', narrow.claim));
    bus.add(chip('wide', wide.claim));
    expect(bus.read(0x10, 4)).toBe(0x13121110);
    bus.write(0x12, 2, 0xabcd);
    expect(narrow.log.slice(4)).toEqual(['write 12 1 cd', 'write 13 1 ab']);
    bus.write(0x20, 4, 0xfedcba98);
    expect(bus.read(0x22, 4)).toBe(0xffff2322);
    expect(wide.log).toEqual(['write 20 4 fedcba98', 'read 23 1', 'read 22 1']);
  });

  it('wraps at port ffff', () => {
    const bus = new PortBus();
    const { claim } = recorder(0xffff, 0xffff, 1);
    bus.add(chip('last', claim));
    expect(bus.read(0xffff, 2)).toBe(0xffff);
  });
});

describe('MMIO bus', () => {
  const region = (name: string, first: number, last: number): Device => ({
    name,
    version: 1,
    state: {},
    mmio: [
      { first, last, read: (address, size) => ((address & 0xff) + size) & 0xff, write: () => undefined },
    ],
    reset: () => undefined,
  });

  it('routes by address and names both devices on overlap', () => {
    const bus = new MmioBus();
    bus.add(region('high', 0xfee00000, 0xfee00fff));
    bus.add(region('low', 0xa0000, 0xbffff));
    expect(bus.read(0xfee00010 | 0, 4)).toBe(0x14);
    expect(bus.read(0xa0001, 1)).toBe(2);
    expect(bus.read(0xc0000, 4)).toBe(0xffffffff);
    expect(bus.read(0xbfffe, 4)).toBe(0xffff00ff);
    expect(() => bus.add(region('clash', 0xb0000, 0xb0000))).toThrow(/low and clash/);
  });
});
