/** Requests as a server on the other side of a shared page sees them; the layout is that of Xen's public header hvm/ioreq.h. */
import { describe, expect, it } from 'vitest';
import type { Device } from '../../src/devices/device.js';
import { BUFFERED_SLOTS, BufferedWrites } from '../../src/hv/buffered-io.js';
import { IoRequest, IoState, IoType } from '../../src/hv/ioreq.js';
import type { IoServer } from '../../src/hv/ioreq.js';
import { MmioBus } from '../../src/hv/mmio-bus.js';
import { PciConfigRouter } from '../../src/hv/pci-config.js';
import { PortBus } from '../../src/hv/port-bus.js';

/** Reads the record by byte offsets only, and answers in it as another process would. */
class PageServer implements IoServer {
  readonly name = 'page';
  readonly width = 4;
  readonly seen: object[] = [];
  handle({ words }: IoRequest): void {
    const page = new DataView(words.buffer, words.byteOffset, 32);
    const flags = page.getUint8(30);
    this.seen.push({
      address: page.getBigUint64(0, true),
      data: page.getBigUint64(8, true) & 0xffffffffn,
      count: page.getUint32(16, true),
      size: page.getUint32(20, true),
      ...{ state: flags & 15, pointer: (flags >> 4) & 1, read: (flags >> 5) & 1, down: (flags >> 6) & 1 },
      type: page.getUint8(31),
    });
    page.setUint32(8, 0xdeadbeef, true);
    page.setUint8(30, (flags & 0xf0) | IoState.RESPONSE_READY);
  }
}
const chip = (name: string, parts: Partial<Device>): Device => ({
  ...{ name, version: 1, state: {}, reset: () => undefined },
  ...parts,
});

describe('I/O requests', () => {
  it('of ports have type 0', () => {
    const bus = new PortBus();
    const server = new PageServer();
    bus.register(server, 0x100, 0x107);
    expect(bus.read(0x104, 4)).toBe(0xdeadbeef);
    bus.write(0x101, 2, 0xfffabcd);
    const common = { count: 1, state: IoState.READY, pointer: 0, down: 0, type: 0 };
    expect(server.seen).toMatchObject([
      { ...common, address: 0x104n, size: 4, read: 1 },
      { ...common, address: 0x101n, size: 2, read: 0, data: 0xabcdn },
    ]);
  });
  it('of memory have type 1', () => {
    const bus = new MmioBus();
    const server = new PageServer();
    bus.register(server, 0xfed00000, 0xfed00fff);
    expect(bus.read(0xfed00010 | 0, 2)).toBe(0xdeadbeef);
    bus.write(0xfed00020 | 0, 4, -1);
    expect(server.seen).toMatchObject([
      { address: 0xfed00010n, size: 2, read: 1, type: 1 },
      { address: 0xfed00020n, size: 4, read: 0, type: 1, data: 0xffffffffn },
    ]);
  });
  it('of configuration space have type 2 and name the function in the upper half', () => {
    const board = { read: (at: number) => (at === 8 ? 0x8086 : 0xffff), write: () => undefined };
    const router = new PciConfigRouter(board);
    const server = new PageServer();
    router.register(server, 0x118);
    expect([router.read(0x118, 0x40, 4), router.read(8, 0, 2), router.read(16, 0, 2)]).toEqual([
      0xdeadbeef, 0x8086, 0xffff,
    ]);
    expect(server.seen).toMatchObject([{ address: 0x11800000040n, size: 4, read: 1, type: 2 }]);
    expect(() => router.register(server, 8)).toThrow('PCI function 1.0 is claimed by both board and page');
    expect(() => router.register(server, 0x118)).toThrow('both page and page');
  });
  it('for a block are one, with a count and a pointer', () => {
    const bus = new PortBus(new Uint8Array(64));
    const server = new PageServer();
    bus.register(server, 0x1f0, 0x1f0);
    expect(bus.block(true, 0x1f0, 1, 0x20, 17)).toBe(17);
    expect(server.seen).toMatchObject([{ address: 0x1f0n, data: 0x20n, count: 17, pointer: 1, read: 1 }]);
    expect(bus.block(true, 0x1f1, 1, 0x20, 17)).toBe(0);
  });
  it('may not be left unanswered', () => {
    const bus = new PortBus();
    bus.register({ name: 'silent', width: 4, handle: () => undefined }, 1, 1);
    expect(() => bus.read(1, 1)).toThrow('unanswered');
  });
  it('go to one server: a second one for the range is refused by name', () => {
    const ports = new PortBus();
    const mmio = new MmioBus();
    ports.add(chip('a', { ports: [{ first: 0x10, last: 0x1f }] }));
    mmio.add(chip('a', { mmio: [{ first: 0x1000, last: 0x1fff, read: () => 0, write: () => undefined }] }));
    expect(() => ports.register(new PageServer(), 0x1f, 0x20)).toThrow('0x1f is claimed by both a and page');
    expect(() => mmio.register(new PageServer(), 0, 0x1000)).toThrow('0x0 is claimed by both a and page');
  });
  it('free their record with the response', () => {
    const request = new IoRequest();
    request.beginRead(IoType.PORT, 1, 1);
    expect(request.state).toBe(IoState.READY);
    request.respond(5);
    expect([request.state, request.finish(), request.state]).toEqual([3, 5, IoState.NONE]);
  });
});

describe('blocks to a device', () => {
  const ram = new Uint8Array(64);
  const log: unknown[] = [];
  const bus = new PortBus(ram);
  bus.add(
    chip('disk', {
      ports: [
        {
          ...{ first: 0x1f0, last: 0x1f1, width: 2 },
          readBlock: (_port, size, bytes, at, count) => {
            bytes.fill(0x5a, at, at + size * Math.min(count, 3));
            return Math.min(count, 3);
          },
          read: () => 0x1234,
          writeBlock: (port, size, bytes, at, count) => (log.push(port, size, bytes[at], at, count), count),
        },
        { first: 0x1f7, last: 0x1f7, write: (_port, _size, value) => void log.push(value) },
      ],
    }),
  );
  it('move what the device takes at once, and the rest one by one', () => {
    expect(bus.block(true, 0x1f0, 2, 8, 5)).toBe(5);
    expect([...ram.subarray(7, 19)]).toEqual([
      0, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x34, 0x12, 0x34, 0x12, 0,
    ]);
    expect(bus.block(false, 0x1f0, 2, 8, 20)).toBe(20);
    expect(log.splice(0)).toEqual([0x1f0, 2, 0x5a, 8, 20]);
    expect(bus.block(false, 0x1f7, 1, 13, 4)).toBe(4);
    expect(log.splice(0)).toEqual([0x5a, 0x34, 0x12, 0x34]);
  });
  it('let time pass with each element, and stop when something happens', () => {
    const passed: number[] = [];
    bus.pace = {
      pass: (elements) => void passed.push(elements),
      get disturbed() {
        return log.length === 2;
      },
    };
    expect(bus.block(false, 0x1f7, 1, 8, 20)).toBe(2);
    expect([passed.splice(0), log.splice(0).length]).toEqual([[0, 1, 1], 2]);
    expect([bus.block(true, 0x1f0, 2, 8, 4), passed]).toEqual([4, [3, 1]]);
  });
  it('do not come in sizes that would be split', () => {
    expect(bus.block(true, 0x1f0, 4, 0, 4)).toBe(0);
  });
});

describe('buffered writes', () => {
  it('lie in the page as Xen has them', () => {
    const writes = new BufferedWrites();
    writes.push(0xa0000, 1, 0x12);
    writes.push(0xbfffc, 4, 0x89abcdef);
    // read and write counter, then type | size code << 10 | address << 12 and data.
    const hex = [...writes.page.subarray(0, 6)].map((word) => (word >>> 0).toString(16));
    expect(hex).toEqual(['0', '2', 'a0000001', '12', 'bfffc801', '89abcdef']);
  });
  it('reach the device in order, before anything else is asked of it, however many there are', () => {
    const bus = new MmioBus();
    const log: string[] = [];
    const write = (address: number, size: number, value: number): void =>
      void log.push(`${address.toString(16)} ${size} ${value.toString(16)}`);
    bus.add(
      chip('vga', {
        mmio: [{ first: 0xa0000, last: 0xbffff, buffered: true, read: () => log.length, write }],
      }),
    );
    expect(bus.write(0xa0010, 4, -2)).toBe(false);
    bus.write(0xa0001, 2, 7);
    expect(log).toEqual([]);
    expect(bus.read(0xa0000, 1)).toBe(2);
    expect(log).toEqual(['a0010 4 fffffffe', 'a0001 2 7']);
    for (let i = 0; i < BUFFERED_SLOTS + 10; i++) bus.write(0xa0000 + i, 1, 1);
    expect(log.length).toBe(2 + BUFFERED_SLOTS);
    bus.drain();
    expect(log.length).toBe(12 + BUFFERED_SLOTS);
    expect(log.at(-1)).toBe(`${(0xa0000 + BUFFERED_SLOTS + 9).toString(16)} 1 1`);
  });
});
