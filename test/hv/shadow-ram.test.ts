import { beforeEach, describe, expect, it } from 'vitest';
import { ShadowRam } from '../../src/hv/shadow-ram.js';
import { PAGE_ROM, PhysicalMemory } from '../../src/runtime/memory.js';

let memory: PhysicalMemory;
let shadow: ShadowRam;
const rom = new Uint8Array(0x20000).fill(0x55);

beforeEach(() => {
  memory = new PhysicalMemory(2 << 20, { scatter: 9 });
  shadow = new ShadowRam(memory);
  shadow.setRom(0xe0000, rom);
});
const touch = (address: number, value: number): number => {
  memory.write8(address, value);
  return memory.read8(address);
};

describe('memory behind the host bridge', () => {
  it('is RAM, ROM, or RAM that cannot be written', () => {
    expect(touch(0xf0000, 1)).toBe(1);
    shadow.set(0xf0000, 0xfffff, false, false);
    expect([memory.read8(0xf0000), touch(0xf0000, 2), memory.read8(0xeffff)]).toEqual([0x55, 0x55, 0]);
    shadow.set(0xf0000, 0xfffff, true, false);
    expect([memory.read8(0xf0000), touch(0xf0000, 3)]).toEqual([1, 1]);
    shadow.set(0xf0000, 0xfffff, true, true);
    expect([memory.read8(0xf0000), touch(0xf0000, 4)]).toEqual([1, 4]);
  });
  it('takes writes behind the ROM that is read, as a BIOS copies itself', () => {
    shadow.set(0xf0000, 0xfffff, false, true);
    for (let at = 0xf0000; at < 0xf0100; at += 4) memory.write32(at, memory.read32(at) + 1);
    memory.copyIn(0xf0ffe, Uint8Array.of(1, 2, 3, 4));
    expect([memory.read32(0xf0000), memory.read8(0xf0ffe)]).toEqual([0x55555555, 0x55]);
    shadow.set(0xf0000, 0xfffff, true, false);
    expect([memory.read32(0xf0000), memory.read32(0xf0100)]).toEqual([0x55555556, 0]);
    expect([...memory.copyOut(0xf0ffe, 4)]).toEqual([1, 2, 3, 4]);
    // The ROM has not changed.
    shadow.set(0xf0000, 0xfffff, false, false);
    expect(memory.read32(0xf0000)).toBe(0x55555555);
    memory.write8(0xf0000, 1);
    shadow.set(0xf0000, 0xfffff, true, true);
    expect(memory.read32(0xf0000)).toBe(0x55555556);
  });
  it('is nobody where there is no ROM: the bus answers', () => {
    memory.write8(0xc0000, 7);
    shadow.set(0xc0000, 0xc3fff, false, true);
    expect([memory.machineAddress(0xc0000), memory.machineAddress(0xc4000) >= 0]).toEqual([-1, true]);
    shadow.set(0xc0000, 0xc3fff, true, true);
    expect(memory.read8(0xc0000)).toBe(7);
    expect(memory.pageFlags[memory.p2m[0xc0]!]! & PAGE_ROM).toBe(0);
  });
  it('has RAM of its own under video memory', () => {
    expect(memory.machineAddress(0xa0000)).toBe(-1);
    shadow.setSmram(true);
    expect(touch(0xbffff, 9)).toBe(9);
    shadow.setSmram(false);
    expect(memory.machineAddress(0xbffff)).toBe(-1);
    shadow.setSmram(true);
    expect(memory.read8(0xbffff)).toBe(9);
  });
  it('changes nothing else, and tells who caches translations', () => {
    const before = memory.p2m.slice();
    let changes = 0;
    memory.onP2mChange = () => changes++;
    shadow.set(0xc0000, 0xfffff, false, false);
    expect(changes).toBe(64);
    shadow.set(0xc0000, 0xfffff, true, true);
    shadow.set(0xc0000, 0xfffff, true, true);
    expect([changes, memory.p2m.every((mfn, gfn) => mfn === before[gfn])]).toEqual([128, true]);
  });
});
