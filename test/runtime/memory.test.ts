/** Machine frames, the p2m and tracked guest-physical access. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameAllocator } from '../../src/runtime/frame-allocator.js';
import { PAGE_CODE, PAGE_ROM, PAGE_TABLE, PhysicalMemory } from '../../src/runtime/memory.js';

function write(memory: PhysicalMemory, flat: DataView, gpa: number, size: number, value: number): void {
  if (size === 1) {
    memory.write8(gpa, value);
    flat.setInt8(gpa, value);
  } else if (size === 2) {
    memory.write16(gpa, value);
    flat.setInt16(gpa, value, true);
  } else {
    memory.write32(gpa, value);
    flat.setInt32(gpa, value, true);
  }
}

describe('PhysicalMemory', () => {
  it('has RAM up to its size except the VGA hole', () => {
    const memory = new PhysicalMemory(2 << 20);
    expect(memory.p2m[0x9f]).toBeGreaterThanOrEqual(0);
    expect(memory.p2m[0xa0]).toBe(-1);
    expect(memory.p2m[0xbf]).toBe(-1);
    expect(memory.p2m[0xc0]).toBeGreaterThanOrEqual(0);
    expect(memory.p2m[0x1ff]).toBeGreaterThanOrEqual(0);
    expect(memory.p2m[0x200]).toBe(-1);
    expect(memory.ramBytes).toBe(2 << 20);
  });

  it('reads all ones and drops writes where there is no RAM', () => {
    const memory = new PhysicalMemory(1 << 20);
    memory.write32(0xa0000, 1);
    memory.write32(0x9fffe, 0x11223344);
    expect([memory.read8(0xa0000), memory.read16(0xfffff000), memory.read32(0xb0000)]).toEqual([
      0xff, 0xffff, -1,
    ]);
    expect(memory.read32(0x9fffe)).toBe(0xffff3344 | 0);
    expect(memory.copyOut(0xffffe, 4)).toEqual(new Uint8Array([0, 0, 0xff, 0xff]));
    memory.copyIn(0xffffe, new Uint8Array([1, 2, 3, 4]));
    expect(memory.copyOut(0xffffe, 4)).toEqual(new Uint8Array([1, 2, 0xff, 0xff]));
  });

  it('agrees with a flat array however frames are scattered', () => {
    const access = fc.record({
      gpa: fc.oneof(fc.integer({ min: 0, max: 0x4fff }), fc.constantFrom(0xffe, 0xfff, 0x1ffd)),
      size: fc.constantFrom(1, 2, 4),
      value: fc.integer(),
    });
    fc.assert(
      fc.property(fc.integer(), fc.array(access), (scatter, accesses) => {
        const memory = new PhysicalMemory(0x6000, { scatter });
        const flat = new DataView(new ArrayBuffer(0x6000));
        for (const { gpa, size, value } of accesses) {
          write(memory, flat, gpa, size, value);
          expect(memory.read32(gpa)).toBe(flat.getInt32(gpa, true));
          expect(memory.read16(gpa)).toBe(flat.getUint16(gpa, true));
        }
        expect(memory.copyOut(0, 0x6000)).toEqual(new Uint8Array(flat.buffer));
      }),
      { numRuns: 30 },
    );
  });

  it('scatters frames reproducibly', () => {
    const first = new PhysicalMemory(1 << 20, { scatter: 9 });
    const second = new PhysicalMemory(1 << 20, { scatter: 9 });
    const used = [...first.p2m.subarray(0, 256)].filter((mfn) => mfn >= 0);
    const other = new PhysicalMemory(1 << 20, { scatter: 10 });
    expect(Buffer.compare(new Uint8Array(first.p2m.buffer), new Uint8Array(second.p2m.buffer))).toBe(0);
    expect(Buffer.compare(new Uint8Array(first.p2m.buffer), new Uint8Array(other.p2m.buffer))).not.toBe(0);
    expect(new Set(used).size).toBe(used.length);
  });

  it('tells the trackers exactly the bytes written, per frame', () => {
    const memory = new PhysicalMemory(1 << 20);
    const log: unknown[] = [];
    memory.onCodeWrite = (machine, length) => log.push(['code', machine, length]);
    memory.onTableWrite = (machine, length) => log.push(['table', machine, length]);
    const protectedFrames: number[] = [];
    memory.onWriteProtect = (mfn) => protectedFrames.push(mfn);
    const [code, table] = [memory.machineAddress(0x1000), memory.machineAddress(0x2000)];
    memory.setPageFlag(code >>> 12, PAGE_CODE);
    memory.setPageFlag(table >>> 12, PAGE_TABLE);
    memory.setPageFlag(table >>> 12, PAGE_CODE);
    expect(protectedFrames).toEqual([code >>> 12, table >>> 12]);
    memory.write16(0x1ffe, 1);
    memory.copyIn(0x1ffc, new Uint8Array(6));
    memory.write8(0x3000, 1);
    expect(log).toEqual([
      ['code', code + 0xffe, 2],
      ['code', code + 0xffc, 4],
      ['code', table, 2],
      ['table', table, 2],
    ]);
  });

  it('maps ROM in RAM and where there was nothing, and replaces it', () => {
    const memory = new PhysicalMemory(1 << 20);
    const changes: number[] = [];
    memory.onP2mChange = () => changes.push(1);
    memory.mapRom(0xf0000, new Uint8Array([1, 2]));
    memory.mapRom(0xfffff000, new Uint8Array(4096).fill(7));
    expect(changes.length).toBe(1);
    memory.write8(0xf0000, 9);
    memory.copyIn(0xfffffffe, new Uint8Array([9, 9]));
    expect([memory.read8(0xf0000), memory.read8(0xffffffff)]).toEqual([1, 7]);
    memory.mapRom(0xf0000, new Uint8Array([5]));
    expect(memory.read16(0xf0000)).toBe(0x0205);
    memory.clearPageFlag(memory.p2m[0xf0]!, PAGE_ROM);
    memory.write8(0xf0000, 9);
    expect(memory.read8(0xf0000)).toBe(9);
  });

  it('refuses sizes it cannot give', () => {
    for (const bytes of [0, -1, NaN, 2 ** 31, 2 ** 40])
      expect(() => new PhysicalMemory(bytes)).toThrow(RangeError);
  });
});

describe('FrameAllocator', () => {
  it('hands out each frame once and takes frames back', () => {
    const frames = new FrameAllocator(3);
    expect([frames.allocate(), frames.allocate(), frames.allocate()]).toEqual([0, 1, 2]);
    expect(() => frames.allocate()).toThrow(RangeError);
    frames.release(1);
    expect(frames.available).toBe(1);
    expect(frames.allocate()).toBe(1);
  });
});
