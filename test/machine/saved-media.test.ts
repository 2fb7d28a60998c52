/** A machine whose disk, CD, floppy, display and network card are all in use goes on bit for bit in another one; so does one that was booted from an El Torito image. */
import { describe, expect, it } from 'vitest';
import type { MachineOptions } from '../../src/machine.js';
import { Program, image } from './bios-guest.js';
import type { Image } from './bios-guest.js';
import { build, restore, run, save } from './saved-machines.js';
import type { Machine } from './saved-machines.js';

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const filled = (size: number): Image => {
  const made = image(size);
  for (let i = 0; i < size; i++) made.bytes[i] = (i * 7) ^ (i >> 9);
  return made;
};

/** A CD whose boot image poses as a 1.44M floppy. */
function bootCd(boot: Uint8Array): Image {
  const disc = filled(2048 * 800);
  const view = new DataView(disc.bytes.buffer);
  disc.bytes.fill(0, 16 * 2048, 22 * 2048);
  disc.bytes.set(new TextEncoder().encode('\0CD001\x01EL TORITO SPECIFICATION'), 17 * 2048);
  view.setUint32(17 * 2048 + 0x47, 19, true);
  const catalogue = 19 * 2048;
  view.setUint8(catalogue, 1);
  view.setUint16(catalogue + 28, -(1 + 0xaa55) & 0xffff, true);
  view.setUint16(catalogue + 30, 0xaa55, true);
  disc.bytes.set([0x88, 2, 0, 0, 0, 0, 1, 0, 20], catalogue + 32);
  disc.bytes.set(boot, 20 * 2048);
  return disc;
}

/** For ever: a sector of the emulated floppy, of the real one, of the disk, a block of the CD, a write to the disk; a VBE mode and dots in it. */
function work(): Uint8Array {
  const int = (number: number, ax: number, bx = 0, cx = 0, dx = 0): number[] => [
    ...[ax, bx, cx, dx].flatMap((value, i) => [[0xb8, 0xbb, 0xb9, 0xba][i]!, value & 0xff, value >> 8]),
    ...[0xcd, number],
  ];
  const packet = [0x10, 0, 1, 0, 0x00, 0x30, 0, 0, 20];
  const start = [...int(0x10, 0x4f02, 0x0101), 0xbe, 0x00, 0x50];
  const loop = [
    ...int(0x13, 0x0201, 0x2000, 0x0003, 0x0100),
    ...int(0x13, 0x0201, 0x2200, 0x0102, 0x0001),
    ...int(0x13, 0x4200, 0, 0, 0x80),
    ...int(0x13, 0x0301, 0x2000, 0x0005, 0x0080),
    // INC BYTE [5008]
    ...[0xfe, 0x06, 0x08, 0x50],
  ];
  const code = new Program().poke(0x5000, ...packet).bytes(...start, ...loop);
  return code.bytes(0xe9, -(loop.length + 3) & 0xff, 0xff).image();
}

const STATION = Uint8Array.of(0x52, 0x54, 0, 1, 2, 3);
function options(): Partial<MachineOptions> {
  const network = {
    attach: (card: { deliver(frame: Uint8Array): boolean }): void => void (attached = card),
    transmit: (frame: Uint8Array): void => void attached?.deliver(frame.slice().reverse()),
    deadline: () => Infinity,
    tick: () => undefined,
    reset: () => undefined,
  };
  let attached: { deliver(frame: Uint8Array): boolean } | undefined;
  return {
    bootOrder: 'd',
    media: {
      ide: [{ kind: 'disk', image: filled(1 << 20) }, undefined, { kind: 'cdrom', image: bootCd(work()) }],
      floppies: [filled(1474560)],
    },
    network: { backend: network, station: STATION },
  };
}

/** The card of slot 3 receives everything and sends a frame, which comes back. */
function useCard({ cpu, memory }: Machine): void {
  const { environment } = cpu;
  environment.writePort(0xcf8, 4, 0x80001810);
  const base = environment.readPort(0xcfc, 4) & 0xfffc;
  environment.writePort(0xcf8, 4, 0x80001804);
  environment.writePort(0xcfc, 2, 5);
  environment.writePort(base + 0x30, 4, 0x80000);
  environment.writePort(base + 0x37, 1, 0x0c);
  environment.writePort(base + 0x44, 4, 0x0f);
  memory.copyIn(
    0x90000,
    Uint8Array.from({ length: 300 }, (_, i) => i),
  );
  environment.writePort(base + 0x20, 4, 0x90000);
  environment.writePort(base + 0x10, 4, 300);
}

/** Drives that work by their own registers too: IDENTIFY on the disk, a packet on the CD, a seek of the floppy. */
function useControllers({ cpu }: Machine): void {
  const out = (port: number, ...values: number[]): void =>
    values.forEach((value) => cpu.environment.writePort(port, 1, value));
  out(0x1f6, 0xe0);
  out(0x1f7, 0xec);
  out(0x176, 0xa0);
  out(0x177, 0xa0);
  out(0x3f2, 0x1c);
  out(0x3f5, 0x0f, 0x00, 0x07);
}

describe.each(['interpreter', 'jit'] as const)('%s', (engine) => {
  it('everything in use', { timeout: 240_000 }, () => {
    const original = build(engine, options()).machine;
    run(original, 30_000);
    useCard(original);
    useControllers(original);
    run(original, 777);
    const bytes = save(original);
    const other = build(engine, { ...options(), scatter: 5 }).machine;
    run(other, 1234);
    restore(other, bytes);
    expect(same(save(other), bytes)).toBe(true);
    for (let i = 0; i < 3; i++) {
      run(original, 9_000);
      run(other, 9_000);
      if (!original.isConsistent) run(original, 1);
      run(other, original.instructionsRetired - other.instructionsRetired);
      expect(other.instructionsRetired).toBe(original.instructionsRetired);
      expect(same(save(other), save(original))).toBe(true);
    }
    // The emulated floppy was read after restoring: sector 3 of head 1 of the CD's image; and a frame arrived.
    const at = 20 * 2048 + (18 + 2) * 512;
    const expected = filled(2048 * 800).bytes.slice(at, at + 512);
    expect(other.memory.copyOut(0x2000, 512)).toEqual(expected);
    expect([other.memory.read8(0x80004), other.memory.read16(0x80000) & 1]).toEqual([299 & 0xff, 1]);
    expect(other.vga.state.dispi[4]! & 1).toBe(1);
  });
});
