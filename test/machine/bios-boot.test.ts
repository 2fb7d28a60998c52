/** INT 19h: floppies, disks and CDs are booted in the order that is asked for. */
import { describe, expect, it } from 'vitest';
import { FLOPPY_BYTES, Program, computer, image, result, runToEnd, screen } from './bios-guest.js';
import type { Image } from './bios-guest.js';

const program = (): Program => new Program().call(0x12);
const DISK_BYTES = 4 << 20;
const bootable = (size: number): Image => image(size, program().image());

/** A CD whose catalogue's initial entry has this emulation, segment and number of sectors. */
function cd(boot: Uint8Array, emulation: number, segment = 0, sectors = 4, bootableMark = 0x88): Image {
  const disc = image(64 * 2048);
  const view = new DataView(disc.bytes.buffer);
  const text = (at: number, value: string): void => {
    for (let i = 0; i < value.length; i++) disc.bytes[at + i] = value.charCodeAt(i);
  };
  text(17 * 2048 + 1, 'CD001\x01EL TORITO SPECIFICATION');
  view.setUint32(17 * 2048 + 0x47, 19, true);
  const catalogue = 19 * 2048;
  view.setUint8(catalogue, 1);
  view.setUint16(catalogue + 30, 0xaa55, true);
  view.setUint16(catalogue + 28, -(1 + 0xaa55) & 0xffff, true);
  view.setUint8(catalogue + 32, bootableMark);
  view.setUint8(catalogue + 33, emulation);
  view.setUint16(catalogue + 34, segment, true);
  view.setUint16(catalogue + 38, sectors, true);
  view.setUint32(catalogue + 40, 20, true);
  disc.bytes.set(boot, 20 * 2048);
  return disc;
}

describe('boots', () => {
  it.each([
    ['a', 0x00],
    ['c', 0x80],
    ['d', 0xe0],
    ['ndca', 0xe0],
    ['ca', 0x80],
  ] as const)('order %s: drive %i in DL', (order, drive) => {
    const media = {
      floppy: bootable(FLOPPY_BYTES),
      disk: bootable(DISK_BYTES),
      cdrom: cd(program().image(), 0),
    };
    const { machine } = computer({ ...media, order });
    runToEnd(machine);
    expect(result(machine, 0).edx & 0xff).toBe(drive);
    expect(result(machine, 0).eax & 0xffff).toBe(639);
  });

  it('takes the same instructions in every engine', () => {
    const counts = (['evaluator', 'interpreter', 'jit'] as const).map((engine) => {
      const { machine } = computer({ disk: bootable(DISK_BYTES), order: 'c', engine });
      runToEnd(machine);
      return machine.instructionsRetired;
    });
    expect(new Set(counts).size).toBe(1);
  });

  it('goes on to the next device when a disk has no signature or a CD no valid catalogue', () => {
    const disk = image(DISK_BYTES, program().image());
    disk.bytes[510] = 0;
    const cdrom = cd(program().image(), 0, 0, 4, 0);
    const { machine } = computer({ disk, cdrom, floppy: bootable(FLOPPY_BYTES), order: 'cda' });
    runToEnd(machine);
    expect(result(machine, 0).edx & 0xff).toBe(0);
  });

  it('a host that cannot read the disk is a disk that cannot be booted', async () => {
    const { load } = await import('../fuzz/native.mjs');
    const { BlockError } =
      await load<typeof import('../../src/devices/block-device.js')>('devices/block-device.js');
    const disk = {
      ...bootable(DISK_BYTES),
      read: () => {
        throw new BlockError('broken');
      },
    };
    const { machine } = computer({ disk, floppy: bootable(FLOPPY_BYTES), order: 'ca' });
    runToEnd(machine);
    expect(result(machine, 0).edx & 0xff).toBe(0);
  });

  it('says on screen and serial line that nothing can be booted, and idles', () => {
    const { machine, serial } = computer({ order: 'acd' });
    expect(machine.runSlice(10_000_000).ended).toBeUndefined();
    expect(screen(machine)[0]).toMatch(/^No bootable device\. +$/);
    expect(serial()).toBe('No bootable device.\r\n');
  });
});

describe('El Torito', () => {
  it('loads as many sectors as the entry says to its segment', () => {
    // CS is the segment: JMP behind a far jump to 0:the same would be another place.
    const boot = new Uint8Array(2048);
    boot.set([0x8c, 0xc8, 0x66, 0xa3, 0x00, 0x60, 0xa1, 0x00, 0x60, 0xe6, 0xf4]);
    boot[1023] = 0x77;
    boot[1024] = 0x78;
    const { machine } = computer({ cdrom: cd(boot, 0, 0x1000, 2), order: 'd' });
    runToEnd(machine);
    expect(machine.memory.read16(0x6000)).toBe(0x1000);
    expect([machine.memory.read8(0x103ff), machine.memory.read8(0x10400)]).toEqual([0x77, 0]);
  });

  it('a floppy image is drive 0, tells its geometry, and reads by CHS what lies in the CD', () => {
    const boot = new Program()
      .call(0x13, { eax: 0x0800, edx: 0 })
      .call(0x13, { eax: 0x0201, ebx: 0x5000, ecx: 0x0002, edx: 0 })
      .call(0x13, { eax: 0x0301, ebx: 0x5000, ecx: 0x0002, edx: 0 })
      .call(0x13, { eax: 0x4b01, edx: 0, esi: 0x5400 });
    const bytes = new Uint8Array(1024);
    bytes.set(boot.image());
    bytes[512] = 0x99;
    const { machine } = computer({ cdrom: cd(bytes, 2, 0, 1), order: 'd' });
    runToEnd(machine);
    expect(result(machine, 0)).toMatchObject({ ecx: 0x4f12, carry: false });
    expect(result(machine, 0).edx & 0xffff).toBe(0x0101);
    expect(machine.memory.read8(0x5000)).toBe(0x99);
    expect(result(machine, 2)).toMatchObject({ carry: true });
    expect((result(machine, 2).eax >> 8) & 0xff).toBe(3);
    expect([...machine.memory.copyOut(0x5400, 8)]).toEqual([0x13, 2, 0, 0, 20, 0, 0, 0]);
    expect([...machine.memory.copyOut(0x540c, 7)]).toEqual([0xc0, 0x07, 1, 0, 79, 18, 1]);
  });

  it('without emulation blocks of 2048 bytes are read by packet', () => {
    const boot = new Program()
      .poke(0x5000, 0x10, 0, 1, 0, 0x00, 0x30, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0)
      .call(0x13, { eax: 0x4200, edx: 0xe0, esi: 0x5000 })
      .poke(0x5100, 30, 0)
      .call(0x13, { eax: 0x4800, edx: 0xe0, esi: 0x5100 });
    const { machine } = computer({ cdrom: cd(boot.image(), 0), order: 'd' });
    runToEnd(machine);
    expect(result(machine, 0).carry).toBe(false);
    expect(new TextDecoder().decode(machine.memory.copyOut(0x3001, 5))).toBe('CD001');
    expect(machine.memory.read16(0x5118)).toBe(2048);
    expect(machine.memory.read32(0x5110)).toBe(64);
  });
});
