/** Invalidation of predecoded and translated code: exactly what a store touches, in every mode, at every level. */
import { beforeEach, describe, expect, it } from 'vitest';
import { CodeCache, FORM_NEXT, SLOT_WORDS, type CachedRegion } from '../../src/runtime/code-cache.js';
import { CPU_MODELS } from '../../src/runtime/cpu-models.js';
import { PAGE_CODE, PhysicalMemory } from '../../src/runtime/memory.js';
import { Cpu, PENDING, R_PENDING } from '../../src/runtime/state.js';

let cpu: Cpu;
let memory: PhysicalMemory;
let cache: CodeCache;
const FRAME = 5;
const frameOf = (gpa: number): number => memory.machineAddress(gpa) >>> 12;

beforeEach(() => {
  cpu = new Cpu(CPU_MODELS.default);
  memory = new PhysicalMemory(0x100000);
  cache = new CodeCache(cpu, memory, 10);
  cache.setMode(1);
});

/** A decoded instruction at a page offset. */
function decodeAt(offset: number, length = 2): { base: number; slot: number; frame: number } {
  const frame = frameOf(FRAME << 12);
  const base = cache.openPage(frame);
  const slot = cache.allocateSlot();
  cache.map[base + offset] = slot;
  cache.slots[slot + 3] = offset | (length << 12);
  cache.coverBytes(frame, offset, length);
  return { base, slot, frame };
}
const known = (offset: number): number => cache.map[cache.pages[frameOf(FRAME << 12)]! + offset]!;
function regionOn(...frames: number[]): CachedRegion & { kills: number } {
  const region = { frames, kills: 0, kill: (): void => void region.kills++ };
  return region;
}

describe('a page of code', () => {
  it('is flagged, so that stores to it are seen', () => {
    const { frame } = decodeAt(0x100);
    expect(memory.pageFlags[frame]! & PAGE_CODE).toBe(PAGE_CODE);
  });
  it('has one map per mode', () => {
    const { slot } = decodeAt(0x100);
    cache.setMode(2);
    expect(known(0x100)).toBe(0);
    cache.setMode(1);
    expect(known(0x100)).toBe(slot);
  });
  it('gives fresh slots the heat threshold', () => {
    const { slot } = decodeAt(0);
    expect(slot % SLOT_WORDS).toBe(0);
    expect(cache.heat[slot >> 2]).toBe(10);
  });
});

describe('a store', () => {
  it('into an instruction takes it apart in all modes, keeps the others, and says so', () => {
    const { slot } = decodeAt(0x100);
    decodeAt(0x102);
    decodeAt(0xfe);
    cache.setMode(2);
    decodeAt(0x101);
    memory.write8((FRAME << 12) + 0x101, 0x90);
    expect(known(0x101)).toBe(0);
    cache.setMode(1);
    expect(known(0x100)).toBe(0);
    expect([known(0xfe), known(0x102)]).not.toContain(0);
    expect([...cache.slots.slice(slot, slot + 3)]).toEqual([FORM_NEXT, 0, 0x100]);
    expect(cpu.r[R_PENDING]! & PENDING.CODE).toBe(PENDING.CODE);
    expect(memory.pageFlags[frameOf(FRAME << 12)]! & PAGE_CODE).toBe(PAGE_CODE);
    expect(cache.statistics.invalidations).toEqual({ 'instruction taken apart': 2 });
  });
  it('that only changes operands goes to the slot', () => {
    const { slot } = decodeAt(0x100, 5);
    const patched: number[] = [];
    cache.patch = (_page, at, offset) => patched.push(at, offset) > 0;
    memory.write32((FRAME << 12) + 0x101, 77);
    expect(patched).toEqual([slot, 0x100]);
    expect(known(0x100)).toBe(slot);
    expect(cpu.r[R_PENDING]! & PENDING.CODE).toBe(0);
  });
  it('that takes instructions apart again and again gives the page up', () => {
    for (let i = 0; i < 32; i++) {
      expect(memory.pageFlags[frameOf(FRAME << 12)]! & PAGE_CODE).toBe(i === 0 ? 0 : PAGE_CODE);
      decodeAt(0x100);
      memory.write8((FRAME << 12) + 0x101, i);
    }
    expect(memory.pageFlags[frameOf(FRAME << 12)]! & PAGE_CODE).toBe(0);
    expect(cache.statistics.invalidations['store into code']).toBe(1);
  });
  it('beside the code keeps it', () => {
    const { slot } = decodeAt(0x100);
    memory.write32((FRAME << 12) + 0x140, -1);
    memory.write32((FRAME << 12) + 0xfc, -1);
    expect(known(0x100)).toBe(slot);
    expect(cpu.r[R_PENDING]! & PENDING.CODE).toBe(0);
  });
  it('that only reaches into the line with its last byte counts', () => {
    decodeAt(0x100);
    memory.write32((FRAME << 12) + 0xfd, -1);
    expect(known(0x100)).toBe(0);
  });
  it('onto the second line of an instruction counts', () => {
    decodeAt(0x13e, 6);
    memory.write8((FRAME << 12) + 0x143, 0);
    expect(known(0x13e)).toBe(0);
  });
  it('beside the code again and again gives the page up', () => {
    decodeAt(0x100);
    for (let i = 0; i < 255; i++) memory.write8((FRAME << 12) + 0x800, i);
    expect(known(0x100)).not.toBe(0);
    memory.write8((FRAME << 12) + 0x800, 0);
    expect(known(0x100)).toBe(0);
    expect(cache.statistics.invalidations).toEqual({ 'stores beside code': 1 });
  });
  it('beside code that comes back is borne longer', () => {
    for (const stores of [256, 2048]) {
      decodeAt(0x100);
      for (let i = 1; i < stores; i++) memory.write8((FRAME << 12) + 0x800, i);
      expect(known(0x100)).not.toBe(0);
      memory.write8((FRAME << 12) + 0x800, 0);
      expect(known(0x100)).toBe(0);
    }
  });
  it('by a device counts as one by the guest', () => {
    decodeAt(0x100);
    memory.copyIn((FRAME << 12) + 0x80, new Uint8Array(256));
    expect(known(0x100)).toBe(0);
  });
  it('to another page does nothing', () => {
    const { slot } = decodeAt(0x100);
    memory.write32(((FRAME + 1) << 12) + 0x100, 0);
    expect(known(0x100)).toBe(slot);
  });
});

describe('a region', () => {
  it('dies with any frame it depends on, once', () => {
    const { frame } = decodeAt(0x100);
    const other = frameOf((FRAME + 1) << 12);
    const region = regionOn(frame, other);
    cache.addRegion(region);
    cache.dropFrame(other, 'test');
    expect(region.kills).toBe(1);
    cache.dropFrame(frame, 'test');
    expect(region.kills).toBe(1);
  });
  it('is killed by a store into its code', () => {
    const { frame } = decodeAt(0x100);
    const region = regionOn(frame);
    cache.addRegion(region);
    memory.write8((FRAME << 12) + 0x100, 0);
    expect(region.kills).toBe(1);
  });
  it('is killed by stores into its own bytes only, if it names them', () => {
    const { frame } = decodeAt(0x100);
    const at = frame << 12;
    const [one, two] = [0x100, 0x102].map((o) => ({
      ...regionOn(frame),
      spans: Int32Array.of(at + o, at + o + 1),
    }));
    const kills: string[] = [];
    cache.addRegion({
      ...one!,
      rewritten: () => void kills.push('written'),
      kill: () => void kills.push('one'),
    });
    cache.addRegion({ ...two!, kill: () => void kills.push('two') });
    memory.write8((FRAME << 12) + 0x101, 0);
    expect(kills).toEqual(['written', 'one']);
  });
  it('can be taken out alone', () => {
    const { frame, slot } = decodeAt(0x100);
    const [one, two] = [regionOn(frame), regionOn(frame)];
    cache.addRegion(one);
    cache.addRegion(two);
    cache.removeRegion(one);
    expect([one.kills, two.kills]).toEqual([1, 0]);
    expect(known(0x100)).toBe(slot);
  });
});

describe('a reset', () => {
  it('empties everything and starts over with the first slot', () => {
    const { slot, frame } = decodeAt(0x100);
    const region = regionOn(frame);
    cache.addRegion(region);
    let told = 0;
    cache.onReset = () => void told++;
    cache.reset();
    expect([known(0x100), region.kills, told, cache.statistics.resets]).toEqual([0, 1, 1, 1]);
    expect(decodeAt(0x300).slot).toBe(slot);
  });
  it('is asked for before the slots run out', () => {
    let count = 0;
    while (cache.hasRoom(64)) {
      cache.allocateSlot();
      count++;
    }
    expect(count).toBeGreaterThan(1_000_000);
    for (let i = 0; i < 64; i++) cache.allocateSlot();
    expect(cache.slots.length).toBeGreaterThan(count);
  });
});
