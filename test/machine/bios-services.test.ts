/** BIOS services by small boot sectors that call them: what comes back in registers, memory, on the screen and on the media. */
import { describe, expect, it } from 'vitest';
import {
  FLOPPY_BYTES,
  Program,
  computer,
  image,
  result,
  runProgram,
  runToEnd,
  screen,
} from './bios-guest.js';
import type { Guest } from './bios-guest.js';

const ah = (value: { eax: number }): number => (value.eax >> 8) & 0xff;

describe('INT 13h', () => {
  it('reads and writes sectors of a floppy by CHS and refuses what does not exist', () => {
    const floppy = image(FLOPPY_BYTES);
    floppy.bytes.fill(0x11, 512 * 18, 512 * 19);
    const machine = runProgram(
      new Program()
        .call(0x13, { eax: 0x0201, ebx: 0x3000, ecx: 0x0001, edx: 0x0100 })
        .call(0x13, { eax: 0x0301, ebx: 0x3000, ecx: 0x0112, edx: 0x0000 })
        .call(0x13, { eax: 0x0201, ebx: 0x3000, ecx: 0x0013, edx: 0x0000 })
        .call(0x13, { eax: 0x0100, edx: 0 })
        .call(0x13, { eax: 0x0201, ebx: 0x3000, ecx: 0x0001, edx: 0x0080 }),
      { floppy },
    );
    expect(machine.memory.read32(0x3000)).toBe(0x11111111);
    expect(floppy.bytes[512 * (36 + 17)]).toBe(0x11);
    expect([0, 1, 2, 3, 4].map((i) => [result(machine, i).carry, ah(result(machine, i))])).toEqual([
      [false, 0],
      [false, 0],
      [true, 4],
      [true, 4],
      [true, 1],
    ]);
  });

  it('tells a disk by the table it was partitioned with, else by its size', () => {
    const parameters = (mbr: readonly number[], size: number): readonly number[] => {
      const disk = image(size);
      disk.bytes.set(mbr, 446);
      disk.bytes.set([0x55, 0xaa], 510);
      const machine = runProgram(new Program().call(0x13, { eax: 0x0800, edx: 0x80 }), { disk });
      const { ecx, edx } = result(machine, 0);
      return [ecx & 0xffff, edx & 0xffff];
    };
    // 20 MiB: 40 cylinders of 16 heads and 63 sectors, and a partition at 0/1/1 that ends at head 7, sector 32.
    expect(parameters([], 20 << 20)).toEqual([0x273f, 0x0f01]);
    expect(parameters([0x80, 1, 1, 0, 6, 7, 32, 99, 32, 0, 0, 0, 0xe0, 0x60, 0, 0], 20 << 20)).toEqual([
      0x9f20, 0x0701,
    ]);
  });

  it('reads and writes blocks of a disk by packet and says how many there are', () => {
    const disk = image(8 << 20);
    disk.bytes.fill(0x5a, 5000 * 512, 5001 * 512);
    const packet = (block: number): number[] => [
      0x10,
      0,
      1,
      0,
      0,
      0x30,
      0,
      0,
      block & 0xff,
      block >> 8,
      0,
      0,
      0,
      0,
      0,
      0,
    ];
    const machine = runProgram(
      new Program()
        .call(0x13, { eax: 0x4100, ebx: 0x55aa, edx: 0x80 })
        .poke(0x2f00, ...packet(5000).slice(0, 10))
        .call(0x13, { eax: 0x4200, edx: 0x80, esi: 0x2f00 })
        .poke(0x2f08, 1, 0)
        .call(0x13, { eax: 0x4300, edx: 0x80, esi: 0x2f00 })
        .poke(0x2f08, 0, 0xf0)
        .call(0x13, { eax: 0x4200, edx: 0x80, esi: 0x2f00 })
        .poke(0x2e00, 26)
        .call(0x13, { eax: 0x4800, edx: 0x80, esi: 0x2e00 }),
      { disk },
    );
    expect(result(machine, 0)).toMatchObject({ carry: false });
    expect(result(machine, 0).ebx & 0xffff).toBe(0xaa55);
    expect(disk.bytes[512]).toBe(0x5a);
    expect([result(machine, 3).carry, ah(result(machine, 3))]).toEqual([true, 4]);
    expect([machine.memory.read32(0x2e10), machine.memory.read16(0x2e18)]).toEqual([(8 << 20) / 512, 512]);
  });
});

describe('INT 10h', () => {
  it('teletype wraps, goes back and scrolls; strings and cells land where they are told', () => {
    const program = new Program()
      .call(0x10, { eax: 0x0003 })
      .poke(0x3000, 0x68, 0x69)
      .call(0x10, { eax: 0x1301, ebx: 0x001e, ecx: 2, edx: 0x0a4f, ebp: 0x3000 })
      .call(0x10, { eax: 0x0200, ebx: 0, edx: 0x1800 })
      .call(0x10, { eax: 0x0941, ebx: 0x0042, ecx: 3 })
      .call(0x10, { eax: 0x0800, ebx: 0 })
      .call(0x10, { eax: 0x0e0a, ebx: 0 })
      .call(0x10, { eax: 0x0300, ebx: 0 });
    const rows = screen(runProgram(program));
    expect(rows[9]!.slice(79)).toBe('h');
    expect(rows[10]!.slice(0, 1)).toBe('i');
    expect(rows[23]!.slice(0, 4)).toBe('AAA ');
    const machine = runProgram(program);
    expect(result(machine, 4).eax & 0xffff).toBe(0x4241);
    expect(result(machine, 6)).toMatchObject({ edx: 0x1800 });
  });

  it('scrolls a window and fills it', () => {
    const machine = runProgram(
      new Program()
        .call(0x10, { eax: 0x0958, ebx: 0x0007, ecx: 2000 })
        .call(0x10, { eax: 0x0602, ebx: 0x7000, ecx: 0x0205, edx: 0x0408 })
        .call(0x10, { eax: 0x0700, ebx: 0x1f00, ecx: 0x0a00, edx: 0x0a4f }),
    );
    const rows = screen(machine);
    expect([2, 3, 4, 5].map((row) => rows[row]!.slice(4, 10))).toEqual([
      'XXXXXX',
      'X    X',
      'X    X',
      'XXXXXX',
    ]);
    expect(rows[10]).toBe(' '.repeat(80));
    expect(machine.memory.bus.read(0xb8000 + 1600 + 1, 1) & 0xff).toBe(0x1f);
  });

  it.each([
    [0x13, 0x05],
    [0x12, 0x05],
    [0x0d, 0x05],
    [0x04, 0x02],
    [0x06, 0x01],
  ])('dots and characters of mode %i', (mode, dot) => {
    const machine = runProgram(
      new Program()
        .call(0x10, { eax: mode })
        .call(0x10, { eax: 0x0c00 | dot, ebx: 0, ecx: 100, edx: 50 })
        .call(0x10, { eax: 0x0d00, ebx: 0, ecx: 100, edx: 50 })
        .call(0x10, { eax: 0x0d00, ebx: 0, ecx: 101, edx: 50 })
        .call(0x10, { eax: 0x0200, ebx: 0, edx: 0x0302 })
        .call(0x10, { eax: 0x0951, ebx: 0x0001, ecx: 1 })
        .call(0x10, { eax: 0x0800, ebx: 0 })
        .call(0x10, { eax: 0x0f00 }),
    );
    expect([2, 3].map((i) => result(machine, i).eax & 0xff)).toEqual([dot, 0]);
    expect(result(machine, 6).eax & 0xffff).toBe(0x0151);
    expect(result(machine, 7).eax & 0xff).toBe(mode);
  });

  it('VBE: finds the adapter, describes a mode, sets it and shows another part of it', () => {
    const machine = runProgram(
      new Program()
        .poke(0x3000, 0x56, 0x42, 0x45, 0x32)
        .call(0x10, { eax: 0x4f00, edi: 0x3000 })
        .call(0x10, { eax: 0x4f01, ecx: 0x118, edi: 0x3400 })
        .call(0x10, { eax: 0x4f02, ebx: 0x4118 })
        .call(0x10, { eax: 0x4f03 })
        .call(0x10, { eax: 0x4f07, ebx: 0, ecx: 0, edx: 10 })
        .call(0x10, { eax: 0x4f02, ebx: 0x41ff }),
    );
    expect([0, 1, 2, 3, 4, 5].map((i) => result(machine, i).eax & 0xffff)).toEqual([
      0x4f, 0x4f, 0x4f, 0x4f, 0x4f, 0x14f,
    ]);
    const { memory } = machine;
    expect(new TextDecoder().decode(memory.copyOut(0x3000, 4))).toBe('VESA');
    const list = memory.read16(0x300e) + 16 * memory.read16(0x3010);
    const modes = Array.from({ length: 60 }, (_, i) => memory.read16(list + 2 * i));
    expect(modes.slice(0, modes.indexOf(0xffff))).toContain(0x118);
    expect([memory.read16(0x3412), memory.read16(0x3414), memory.read8(0x3419)]).toEqual([1024, 768, 24]);
    expect(memory.read32(0x3428) >>> 0).toBe(0xe0000000);
    expect(result(machine, 3).ebx & 0xffff).toBe(0x4118);
    expect([...machine.vga.state.dispi.subarray(1, 10)].map(Number)).toEqual([
      1024, 768, 24, 0x41, 0, 1024, 5461, 0, 10,
    ]);
  });
});

describe('INT 15h', () => {
  const entry = (machine: Guest, at: number): number[] =>
    [0, 4, 8, 12, 16].map((offset) => machine.memory.read32(at + offset) >>> 0);

  it('tells memory by E820, E801 and 88', () => {
    const machine = runProgram(
      new Program()
        .call(0x15, { eax: 0xe820, ebx: 0, ecx: 20, edx: 0x534d4150, edi: 0x3000 })
        .call(0x15, { eax: 0xe820, ebx: 3, ecx: 20, edx: 0x534d4150, edi: 0x3020 })
        .call(0x15, { eax: 0xe801 })
        .call(0x15, { eax: 0x8800 })
        .call(0x15, { eax: 0xe820, ebx: 9, ecx: 20, edx: 0x534d4150, edi: 0x3040 })
        .call(0x12),
      { memoryBytes: 64 << 20 },
    );
    expect(entry(machine, 0x3000)).toEqual([0, 0, 0x9fc00, 0, 1]);
    expect(entry(machine, 0x3020)).toEqual([0x100000, 0, 0x3f00000, 0, 1]);
    expect(result(machine, 0)).toMatchObject({ eax: 0x534d4150, ebx: 1, ecx: 20, carry: false });
    expect(result(machine, 1).ebx).toBe(0);
    expect([result(machine, 2).eax & 0xffff, result(machine, 2).ebx & 0xffff]).toEqual([0x3c00, 0x300]);
    expect(result(machine, 3).eax & 0xffff).toBe(0xfc00);
    expect(result(machine, 4).carry).toBe(true);
    expect(result(machine, 5).eax & 0xffff).toBe(639);
  });

  it('moves blocks above 1 MiB with A20 closed and leaves it closed', () => {
    const machine = runProgram(
      new Program()
        .poke(0x3012, 0, 0x7c, 0, 0x93)
        .poke(0x301a, 0, 0, 0x30, 0x93)
        .call(0x15, { eax: 0x2400 })
        .call(0x15, { eax: 0x8700, ecx: 256, esi: 0x3000 })
        .call(0x15, { eax: 0x2402 })
        .call(0x15, { eax: 0x2401 }),
    );
    expect([...machine.memory.copyOut(0x3001fe, 2)]).toEqual([0x55, 0xaa]);
    expect(result(machine, 1).carry).toBe(false);
    expect(result(machine, 2).eax & 0xff).toBe(0);
    expect(machine.memory.a20).toBe(true);
  });

  it('waits as long as it is told', () => {
    const floppy = image(
      FLOPPY_BYTES,
      new Program().call(0x15, { eax: 0x8600, ecx: 3, edx: 0x0d40 }).image(),
    );
    const { machine } = computer({ floppy, order: 'a' });
    runToEnd(machine, 1e9);
    expect(result(machine, 0).carry).toBe(false);
    expect(Math.round(machine.now() / 1e6)).toBe(200);
  });
});

describe('keyboard and time', () => {
  it('keys reach INT 16h by IRQ 1; the caller sleeps until one comes', () => {
    const floppy = image(
      FLOPPY_BYTES,
      new Program().call(0x16, { eax: 0 }).call(0x16, { eax: 0x0100 }).call(0x16, { eax: 0x1000 }).image(),
    );
    const { machine } = computer({ floppy, order: 'a' });
    machine.runSlice(200_000);
    machine.i8042.keyboard.key(0x2a, true);
    machine.i8042.keyboard.key(0x1e, true);
    machine.i8042.keyboard.key(0x2a, false);
    machine.runSlice(200_000);
    machine.i8042.keyboard.key(0xc8, true);
    for (let i = 0; i < 100; i++) if (machine.runSlice(200_000).ended) break;
    expect(result(machine, 0).eax & 0xffff).toBe(0x1e41);
    expect(result(machine, 1).zero).toBe(true);
    expect(result(machine, 2).eax & 0xffff).toBe(0x48e0);
  });

  it('ticks come 18.2 times a second and count from midnight; the clock tells date and time', () => {
    const floppy = image(
      FLOPPY_BYTES,
      new Program()
        .call(0x1a, { eax: 0 })
        .call(0x15, { eax: 0x8600, ecx: 0x0f, edx: 0x4240 })
        .call(0x1a, { eax: 0 })
        .call(0x1a, { eax: 0x0200 })
        .call(0x1a, { eax: 0x0400 })
        .image(),
    );
    const { machine } = computer({ floppy, order: 'a' });
    runToEnd(machine, 3e9);
    expect(result(machine, 0).edx & 0xffff).toBeLessThan(3);
    expect((result(machine, 2).edx - result(machine, 0).edx) & 0xffff).toBe(18);
    expect([result(machine, 3).ecx & 0xffff, (result(machine, 3).edx >> 8) & 0xff]).toEqual([0, 1]);
    expect([result(machine, 4).ecx & 0xffff, result(machine, 4).edx & 0xffff]).toEqual([0x2024, 0x0101]);
  });

  it('PCI BIOS finds functions and reads configuration space', () => {
    const machine = runProgram(
      new Program()
        .call(0x1a, { eax: 0xb101 })
        .call(0x1a, { eax: 0xb102, ecx: 0x1237, edx: 0x8086, esi: 0 })
        .call(0x1a, { eax: 0xb103, ecx: 0x030000, esi: 0 })
        .call(0x1a, { eax: 0xb10a, ebx: 0x0010, edi: 0 })
        .call(0x1a, { eax: 0xb102, ecx: 0x9999, edx: 0x8086, esi: 0 }),
    );
    expect(result(machine, 0)).toMatchObject({ edx: 0x20494350, carry: false });
    expect([result(machine, 1).ebx & 0xffff, result(machine, 2).ebx & 0xffff]).toEqual([0, 0x10]);
    expect(result(machine, 3).ecx).toBe(0x11111234);
    expect([result(machine, 4).carry, ah(result(machine, 4))]).toEqual([true, 0x86]);
  });
});
