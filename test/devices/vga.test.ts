/** The VGA at register level, from the IBM VGA technical reference, and the Bochs dispi interface. */
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Vga } from '../../src/devices/vga.js';
import { ManualClock, portsOf } from '../hv/fakes.js';
import type { Ports } from '../hv/fakes.js';

let vga: Vga;
let ports: Ports;
let clock: ManualClock;
const memory = () => vga.mmio[0]!;
const poke = (address: number, value: number, size = 1) => memory().write(address, size, value);
const peek = (address: number, size = 1) => memory().read(address, size);
/** The four planes' bytes at a plane address. */
const planes = (address: number) => [...vga.state.memory.subarray(address * 4, address * 4 + 4)];
const sequencer = (index: number, value: number) => ports.out(0x3c4, index | (value << 8), 2);
const graphics = (index: number, value: number) => ports.out(0x3ce, index | (value << 8), 2);
const crtc = (index: number, value: number) => ports.out(0x3d4, index | (value << 8), 2);
const dispi = (index: number, value: number) => {
  ports.out(0x1ce, index, 2);
  ports.out(0x1cf, value, 2);
};
const readDispi = (index: number) => {
  ports.out(0x1ce, index, 2);
  return ports.in(0x1cf, 2);
};

beforeEach(() => {
  clock = new ManualClock();
  vga = new Vga(clock);
  ports = portsOf(vga);
  // Colour addresses, memory on; all planes, planar, 64 KiB at A0000, all bits.
  ports.out(0x3c2, 0x63);
  sequencer(2, 0x0f);
  sequencer(4, 0x06);
  graphics(6, 0x05);
  graphics(8, 0xff);
});

describe('registers', () => {
  it('answer at 3Dx or 3Bx by the misc output register', () => {
    crtc(0x0c, 0x12);
    expect(ports.in(0x3d5)).toBe(0x12);
    expect(ports.in(0x3b5)).toBe(0xff);
    ports.out(0x3c2, 0x62);
    expect(ports.in(0x3d5)).toBe(0xff);
    expect(ports.in(0x3b5)).toBe(0x12);
  });
  it('protect CRTC 0 to 7, except line compare bit 8', () => {
    crtc(0, 0x5f);
    crtc(7, 0x0f);
    crtc(0x11, 0x80);
    crtc(0, 0x11);
    crtc(7, 0x10);
    ports.out(0x3d4, 0);
    expect(ports.in(0x3d5)).toBe(0x5f);
    ports.out(0x3d4, 7);
    expect(ports.in(0x3d5)).toBe(0x1f);
  });
  it('the attribute controller takes index and data in turn, reset by reading status', () => {
    ports.in(0x3da);
    ports.out(0x3c0, 0x13);
    ports.out(0x3c0, 0x05);
    ports.out(0x3c0, 0x13);
    expect(ports.in(0x3c1)).toBe(5);
    ports.in(0x3da);
    ports.out(0x3c0, 0x14);
    ports.out(0x3c0, 0xff);
    ports.out(0x3c0, 0x14);
    expect(ports.in(0x3c1)).toBe(0x0f);
  });
  it('the palette is not written while the screen has it', () => {
    ports.in(0x3da);
    ports.out(0x3c0, 0x21);
    ports.out(0x3c0, 0x3f);
    ports.out(0x3c0, 0x01);
    expect(ports.in(0x3c1)).toBe(0);
    ports.out(0x3c0, 0x3f);
    ports.out(0x3c0, 0x01);
    expect(ports.in(0x3c1)).toBe(0x3f);
  });
  it('the DAC counts through red, green and blue, six bits each', () => {
    ports.out(0x3c8, 255);
    for (const value of [0xff, 0x41, 2, 3, 4, 5]) ports.out(0x3c9, value);
    ports.out(0x3c7, 255);
    expect(ports.in(0x3c7)).toBe(3);
    expect([1, 2, 3, 4, 5, 6].map(() => ports.in(0x3c9))).toEqual([0x3f, 1, 2, 3, 4, 5]);
  });
  it('an entry changes when its blue arrives', () => {
    ports.out(0x3c8, 7);
    ports.out(0x3c9, 9);
    ports.out(0x3c9, 9);
    expect(vga.state.palette[21]).toBe(0);
    ports.out(0x3c9, 9);
    expect([...vga.state.palette.subarray(21, 24)]).toEqual([9, 9, 9]);
  });
  it('have only the bits that exist', () => {
    sequencer(1, 0xff);
    ports.out(0x3c4, 1);
    expect(ports.in(0x3c5)).toBe(0x3d);
    graphics(5, 0xff);
    ports.out(0x3ce, 5);
    expect(ports.in(0x3cf)).toBe(0x7b);
  });
});

describe('retrace', () => {
  /** Mode 3: 449 lines, retrace from 412 for 2 lines, 400 displayed, 31.778 µs each. */
  const LINE = (100 * 9 * 1e9) / 28_322_000;
  beforeEach(() => {
    ports.out(0x3c2, 0x67);
    [0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f].forEach((value, index) => crtc(index, value));
    crtc(0x12, 0x8f);
    crtc(0x10, 0x9c);
    crtc(0x11, 0x0e);
  });
  const statusAt = (line: number) => {
    clock.time = Math.round(line * LINE);
    return ports.in(0x3da) & 9;
  };
  it('comes at the end of each frame', () => {
    expect([0.1, 399.1, 400.1, 412.5, 413.5, 414.5, 448.5, 449.1].map(statusAt)).toEqual([
      0, 0, 1, 9, 9, 1, 1, 0,
    ]);
  });
  it('the right end of a line is not displayed', () => {
    expect([10.79, 10.81].map(statusAt)).toEqual([0, 1]);
  });
});

describe('planar memory', () => {
  const fill = (values: readonly number[], address: number) => vga.state.memory.set(values, address * 4);
  it('write mode 0 writes the enabled planes', () => {
    sequencer(2, 0b0101);
    poke(0xa0010, 0x3c);
    expect(planes(0x10)).toEqual([0x3c, 0, 0x3c, 0]);
  });
  it('write mode 0 rotates, sets and resets, combines and masks', () => {
    fill([0xf0, 0xf0, 0xf0, 0xf0], 2);
    peek(0xa0002);
    graphics(3, 0x18 | 4);
    graphics(0, 0b0001);
    graphics(1, 0b0011);
    graphics(8, 0x3c);
    poke(0xa0002, 0x3c);
    // Rotated: C3. Plane 0 set, plane 1 reset, others data; XOR with F0; under 3C, else the latch.
    const masked = (source: number) => ((source ^ 0xf0) & 0x3c) | (0xf0 & ~0x3c);
    expect(planes(2)).toEqual([0xff, 0x00, 0xc3, 0xc3].map(masked));
  });
  it('logical operations AND and OR', () => {
    fill([0x0f, 0x33, 0x55, 0xff], 3);
    peek(0xa0003);
    graphics(3, 0x08);
    poke(0xa0003, 0x3c);
    expect(planes(3)).toEqual([0x0c, 0x30, 0x14, 0x3c]);
    graphics(3, 0x10);
    fill([0x0f, 0x33, 0x55, 0xff], 3);
    poke(0xa0003, 0x3c);
    expect(planes(3)).toEqual([0x3f, 0x3f, 0x7d, 0xff]);
  });
  it('write mode 1 copies the latches', () => {
    fill([1, 2, 3, 4], 4);
    peek(0xa0004);
    graphics(5, 1);
    poke(0xa0009, 0xff);
    expect(planes(9)).toEqual([1, 2, 3, 4]);
  });
  it('write mode 2 spreads a colour', () => {
    graphics(5, 2);
    graphics(8, 0x0f);
    poke(0xa0001, 0b1010);
    expect(planes(1)).toEqual([0, 0x0f, 0, 0x0f]);
  });
  it('write mode 3 masks set/reset with the data', () => {
    fill([0xff, 0xff, 0, 0], 5);
    peek(0xa0005);
    graphics(5, 3);
    graphics(0, 0b0110);
    graphics(8, 0xf0);
    poke(0xa0005, 0x3c);
    expect(planes(5)).toEqual([0xff & ~0x30, 0xff, 0x30, 0]);
  });
  it('read mode 0 selects a plane, read mode 1 compares colours', () => {
    fill([0b1100, 0b1010, 0, 0xff], 6);
    graphics(4, 1);
    expect(peek(0xa0006)).toBe(0b1010);
    graphics(5, 8);
    graphics(2, 0b0011);
    graphics(7, 0b0111);
    expect(peek(0xa0006)).toBe(0b1000);
    graphics(7, 0);
    expect(peek(0xa0006)).toBe(0xff);
  });
  it('odd/even addresses characters and attributes', () => {
    sequencer(2, 3);
    sequencer(4, 2);
    graphics(5, 0x10);
    graphics(6, 0x0e);
    poke(0xb8000, 0x0741, 2);
    poke(0xb8002, 0x0842, 2);
    expect([planes(0), planes(2)]).toEqual([
      [0x41, 7, 0, 0],
      [0x42, 8, 0, 0],
    ]);
    expect(peek(0xb8000, 4)).toBe(0x08420741);
    expect(peek(0xa0000)).toBe(0xff);
  });
  it('a word is two bytes whatever the registers say', () => {
    const near = (usual: number, most: number) =>
      fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, fc.integer({ min: 0, max: most }));
    const registers = fc.tuple(
      near(3, 15),
      near(2, 15),
      near(0, 15),
      near(0, 31),
      near(0x10, 0x1b),
      near(0xff, 255),
    );
    fc.assert(
      fc.property(
        registers,
        near(0x0e, 15),
        fc.integer({ min: 0, max: 0x3fff }),
        fc.integer({ min: 0, max: 0xffff }),
        (rs, map, cell, value) => {
          const [mask, mode, enable, rotate, writeMode, bits] = rs;
          sequencer(2, mask);
          sequencer(4, mode);
          graphics(1, enable);
          graphics(3, rotate);
          graphics(5, writeMode);
          graphics(6, map);
          graphics(8, bits);
          const at = 0xb8000 + 2 * cell;
          const whole = (write: () => void): Uint8Array => {
            vga.state.memory.fill(0x5a, 0, 0x40000);
            vga.state.latch = 0x12345678;
            write();
            return vga.state.memory.slice(0, 0x40000);
          };
          const word = whole(() => poke(at, value, 2));
          const bytes = whole(() => {
            poke(at, value & 0xff);
            poke(at + 1, value >> 8);
          });
          expect(Buffer.compare(word, bytes)).toBe(0);
        },
      ),
    );
  });
  it('chain-4 puts neighbours on the four planes', () => {
    sequencer(4, 0x0e);
    poke(0xa0004, 0x44332211, 4);
    expect(planes(4)).toEqual([0x11, 0x22, 0x33, 0x44]);
    expect(peek(0xa0004, 4)).toBe(0x44332211);
    sequencer(2, 0b0010);
    poke(0xa0004, 0xffffffff, 4);
    expect(planes(4)).toEqual([0x11, 0xff, 0x33, 0x44]);
  });
  it.each([
    [0, 0xa0000, 0xbffff],
    [1, 0xa0000, 0xaffff],
    [2, 0xb0000, 0xb7fff],
    [3, 0xb8000, 0xbffff],
  ])('window %i', (map, first, last) => {
    graphics(6, 1 | (map << 2));
    vga.state.memory.fill(0x5a);
    for (const address of [0xa0000, 0xaffff, 0xb0000, 0xb7fff, 0xb8000, 0xbffff])
      expect(peek(address)).toBe(address >= first && address <= last ? 0x5a : 0xff);
  });
  it('does not answer with its memory disabled', () => {
    ports.out(0x3c2, 0x61);
    poke(0xa0000, 1);
    expect(peek(0xa0000)).toBe(0xff);
    expect(planes(0)).toEqual([0, 0, 0, 0]);
  });
});

describe('dispi', () => {
  it('has an id, limits and its memory size', () => {
    expect(readDispi(0)).toBe(0xb0c5);
    dispi(0, 0xb0c2);
    dispi(0, 0x1234);
    expect(readDispi(0)).toBe(0xb0c2);
    expect(readDispi(10)).toBe(256);
    dispi(4, 2);
    expect([readDispi(1) >= 1024, readDispi(2) >= 768, readDispi(3)]).toEqual([true, true, 32]);
  });
  it('a mode clears its memory unless told otherwise', () => {
    vga.state.memory.fill(7);
    dispi(1, 64);
    dispi(2, 2);
    dispi(3, 32);
    dispi(4, 0xc1);
    expect(vga.state.memory[0]).toBe(7);
    dispi(4, 0);
    dispi(4, 0x41);
    expect([vga.state.memory[511], vga.state.memory[512]]).toEqual([0, 7]);
  });
  it('the bank window and the framebuffer show the same bytes', () => {
    [640, 480, 8].forEach((value, i) => dispi(1 + i, value));
    dispi(4, 0x41);
    dispi(5, 3);
    poke(0xa1234, 0xcafe, 2);
    const bar = vga.pci.bars[0]!;
    expect(bar.read(0x31234, 2)).toBe(0xcafe);
    bar.write(0x30000, 4, 0x80000001);
    expect(peek(0xa0000, 4)).toBe(0x80000001);
  });
  it('keeps the picture inside the memory whatever is asked', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.nat(12), fc.oneof(fc.nat(0xffff), fc.constantFrom(0, 0x41, 0x81, 4, 8, 24, 32))),
        ),
        (writes) => {
          for (const [index, value] of writes) dispi(index, value);
          if (!(readDispi(4) & 1)) dispi(4, 0x81);
          const { dispi: d } = vga.state;
          const bytes = d[3] === 4 ? 0.5 : (d[3]! + 7) >> 3;
          const last = (d[9]! + d[2]! - 1) * d[6]! * bytes + (d[8]! + d[1]!) * bytes;
          expect(d[1]).toBeGreaterThan(0);
          expect(d[2]).toBeGreaterThan(0);
          expect(last).toBeLessThanOrEqual(vga.state.memory.length);
        },
      ),
    );
  });
});

describe('PCI', () => {
  it('is the standard VGA', () => {
    expect([0, 1, 2, 3, 0x0a, 0x0b].map((at) => vga.pci.read(at))).toEqual([0x34, 0x12, 0x11, 0x11, 0, 3]);
    expect(vga.pci.bars.map((bar) => bar?.size)).toEqual([16 << 20, undefined, 4096]);
  });
  it('BAR 2 has the ports and the dispi registers', () => {
    const bar = vga.pci.bars[2]!;
    bar.write(0x500 + 2, 2, 800);
    expect(readDispi(1)).toBe(800);
    expect(bar.read(0x500, 2)).toBe(0xb0c5);
    bar.write(0x408, 1, 9);
    bar.write(0x409, 1, 33);
    expect(vga.state.dacWriteIndex).toBe(9);
    expect(bar.read(0x604, 4)).toBe(0x1e1e1e1e);
  });
  it('accesses across the end do nothing', () => {
    const bar = vga.pci.bars[0]!;
    bar.write((16 << 20) - 2, 4, 0xffffffff);
    expect(bar.read((16 << 20) - 1, 4)).toBe(0);
    expect(vga.state.memory.at(-1)).toBe(0);
  });
});

it('survives random accesses', () => {
  const access = fc.record({
    port: fc.oneof(fc.integer({ min: 0x3b4, max: 0x3da }), fc.integer({ min: 0x1ce, max: 0x1d0 })),
    value: fc.nat(0xffff),
    size: fc.constantFrom(1, 2),
    address: fc.integer({ min: 0xa0000, max: 0xbffff }),
    memorySize: fc.constantFrom(1, 2, 4),
  });
  fc.assert(
    fc.property(fc.array(access, { maxLength: 50 }), (accesses) => {
      for (const { port, value, size, address, memorySize } of accesses) {
        ports.out(port, value & (size === 1 ? 0xff : 0xffff), size);
        poke(address, value, memorySize);
        const read = peek(address, memorySize);
        expect(read >= 0 && read < 2 ** (8 * memorySize)).toBe(true);
        expect(ports.in(port, size)).toBeLessThanOrEqual(0xffff);
      }
    }),
    { numRuns: 200 },
  );
});
