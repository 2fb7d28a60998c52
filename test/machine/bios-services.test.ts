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

describe('INT 13h, for those who look for more', () => {
  it('locks a CD in, lets it go, and opens its door', () => {
    const status = (i: number): number => ah(result(machine, i));
    const machine = runProgram(
      new Program()
        .call(0x13, { eax: 0x4100, ebx: 0x55aa, edx: 0xe0 })
        .call(0x13, { eax: 0x4501, edx: 0xe0 })
        .call(0x13, { eax: 0x4500, edx: 0xe0 })
        .call(0x13, { eax: 0x4600, edx: 0xe0 })
        .call(0x13, { eax: 0x4502, edx: 0xe0 })
        .call(0x13, { eax: 0x4501, edx: 0xe0 })
        .call(0x13, { eax: 0x4600, edx: 0xe0 })
        .call(0x13, { eax: 0x4900, edx: 0xe0 })
        .call(0x13, { eax: 0x4500, edx: 0x80 }),
      { cdrom: image(64 * 2048), disk: image(1 << 20) },
    );
    expect(result(machine, 0).ecx & 0xffff).toBe(7);
    expect([1, 2, 3, 4, 5, 6, 8].map(status)).toEqual([0xb0, 0, 0xb1, 0, 0, 0, 0xb2]);
    expect(result(machine, 4).eax & 0xff).toBe(1);
    expect(machine.storage.cdroms.get(2)!.trayOpen).toBe(true);
  });

  it('INT 41h and CMOS tell the geometry of a disk', () => {
    const disk = { ...image(512), size: 2 ** 30, read: (_at: number, into: Uint8Array) => void into.fill(0) };
    const machine = runProgram(new Program().call(0x12), { disk });
    const table = machine.memory.read16(4 * 0x41) + machine.memory.read16(4 * 0x41 + 2) * 16;
    const bytes = [...machine.memory.copyOut(table, 16)];
    // 1 GiB: 2080 cylinders of 16 heads; shown as 520 of 64.
    expect([bytes[0]! | (bytes[1]! << 8), bytes[2], bytes[3], bytes[4], bytes[14]]).toEqual([
      520, 64, 0xa0, 63, 63,
    ]);
    expect([bytes[9]! | (bytes[10]! << 8), bytes[11]]).toEqual([2080, 16]);
    expect(bytes.reduce((sum, byte) => sum + byte, 0) & 0xff).toBe(0);
    const cmos = (index: number): number => {
      machine.cpu.environment.writePort(0x70, 1, index);
      return machine.cpu.environment.readPort(0x71, 1);
    };
    expect([0x12, 0x19, 0x1b, 0x1c, 0x1d, 0x23, 0x39, 0x14].map(cmos)).toEqual([
      0xf0, 47, 0x20, 0x08, 16, 63, 1, 0x07,
    ]);
  });
});

describe('INT 10h', () => {
  it('saves and restores the state of the adapter, of a VBE mode too', () => {
    const machine = runProgram(
      new Program()
        .call(0x10, { eax: 0x4f02, ebx: 0x4101 })
        .call(0x10, { eax: 0x1010, ebx: 5, ecx: 0x1122, edx: 0x3300 })
        .call(0x10, { eax: 0x4f04, ecx: 15, edx: 0 })
        .call(0x10, { eax: 0x4f04, ecx: 15, edx: 1, ebx: 0x3000 })
        .call(0x10, { eax: 3 })
        .call(0x10, { eax: 0x4f04, ecx: 15, edx: 2, ebx: 0x3000 })
        .call(0x10, { eax: 0x4f03 })
        .call(0x10, { eax: 0x1015, ebx: 5 })
        .call(0x10, { eax: 0x1c00, ecx: 7 })
        .call(0x10, { eax: 3 })
        .call(0x10, { eax: 0x1c01, ecx: 7, ebx: 0x3000 })
        .call(0x10, { eax: 0x0012 })
        .call(0x10, { eax: 0x1c02, ecx: 7, ebx: 0x3000 })
        .call(0x10, { eax: 0x0f00 }),
    );
    expect([2, 3, 5].map((i) => result(machine, i).eax & 0xffff)).toEqual([0x4f, 0x4f, 0x4f]);
    expect([result(machine, 2).ebx & 0xffff, result(machine, 8).ebx & 0xffff]).toEqual([14, 14]);
    expect(result(machine, 6).ebx & 0xffff).toBe(0x4101);
    expect([result(machine, 7).ecx & 0xffff, (result(machine, 7).edx >> 8) & 0xff]).toEqual([0x1122, 0x33]);
    expect([10, 12].map((i) => result(machine, i).eax & 0xff)).toEqual([0x1c, 0x1c]);
    expect(result(machine, 13).eax & 0xffff).toBe(0x5003);
    expect(machine.vga.state.graphics[6]).toBe(0x0e);
  });

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

  // Its last 55 ms are spent in a loop, an instruction for each nanosecond.
  it('waits as long as it is told', { timeout: 120_000 }, () => {
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

  it('the clock rings INT 4Ah at the time that was set, and not when it is called off', () => {
    // INT 4Ah: INC BYTE [3000]; IRET.
    const program = new Program()
      .poke(0x2000, 0xfe, 0x06, 0x00, 0x30, 0xcf)
      .poke(4 * 0x4a, 0x00, 0x20, 0x00, 0x00)
      .call(0x1a, { eax: 0x0600, ecx: 0, edx: 0x0200 })
      .call(0x1a, { eax: 0x0600, ecx: 0, edx: 0x0300 })
      // HLT until it has rung.
      .bytes(0xf4, 0x80, 0x3e, 0x00, 0x30, 0x00, 0x74, 0xf8)
      .call(0x1a, { eax: 0x0700 })
      .call(0x1a, { eax: 0x0600, ecx: 0, edx: 0x0400 })
      .call(0x1a, { eax: 0x0700 });
    const { machine } = computer({ floppy: image(FLOPPY_BYTES, program.image()), order: 'a' });
    runToEnd(machine, 8e9);
    expect([0, 1, 2, 3].map((i) => result(machine, i).carry)).toEqual([false, true, false, false]);
    expect([machine.memory.read8(0x3000), Math.floor(machine.now() / 1e9)]).toEqual([1, 2]);
    machine.cpu.environment.writePort(0x70, 1, 11);
    expect(machine.cpu.environment.readPort(0x71, 1) & 0x20).toBe(0);
  });

  it('a byte gets its top bit when the time of function 83 is over, unless that is called off', () => {
    const program = new Program()
      .poke(0x3000, 0x01, 0x01)
      .call(0x15, { eax: 0x8300, ebx: 0x3000, ecx: 0, edx: 5000 })
      .call(0x15, { eax: 0x8300, ebx: 0x3001, ecx: 0, edx: 5000 })
      .call(0x15, { eax: 0x8600, ecx: 0, edx: 3000 })
      // What the byte is then, and after 4 ms more.
      .bytes(0xa0, 0x00, 0x30, 0xa2, 0x10, 0x30)
      .call(0x15, { eax: 0x8600, ecx: 0, edx: 4000 })
      .call(0x15, { eax: 0x8300, ebx: 0x3001, ecx: 0, edx: 3000 })
      .call(0x15, { eax: 0x8301 })
      .call(0x15, { eax: 0x8600, ecx: 0, edx: 4000 });
    const { machine } = computer({ floppy: image(FLOPPY_BYTES, program.image()), order: 'a' });
    runToEnd(machine, 1e9);
    expect([0, 1, 4, 5].map((i) => result(machine, i).carry)).toEqual([false, true, false, false]);
    expect([0x3010, 0x3000, 0x3001].map((at) => machine.memory.read8(at))).toEqual([0x01, 0x81, 0x01]);
  });

  it('function 89 enters protected mode behind the call, with the selectors of the table', () => {
    const flat = [0xff, 0xff, 0, 0, 0, 0x93, 0, 0];
    const code = [0xff, 0xff, 0, 0, 0, 0x9b, 0, 0];
    const at = 0x3000;
    const program = new Program()
      // GDT and IDT as pseudo-descriptors, then DS, ES, SS, CS; the BIOS fills in its own.
      .poke(at + 0x08, 0x3f, 0, 0x00, 0x30, 0, 0, 0, 0)
      .poke(at + 0x10, 0, 0, 0, 0, 0, 0, 0, 0)
      .poke(at + 0x18, ...flat)
      .poke(at + 0x20, ...flat)
      .poke(at + 0x28, ...flat)
      .poke(at + 0x30, ...code)
      // MOV AX,8900; MOV BX,5058; MOV SI,3000; INT 15; MOV EAX,CR0; MOV [3100],AX; MOV [3102],CS; DS, ES, SS
      .bytes(0xb8, 0, 0x89, 0xbb, 0x58, 0x50, 0xbe, 0, 0x30, 0xcd, 0x15, 0x0f, 0x20, 0xc0, 0xa3, 0, 0x31)
      .bytes(...[0x0e, 0x1e, 0x06, 0x16].flatMap((push, i) => [push, 0x8f, 0x06, 2 + 2 * i, 0x31]));
    const machine = runProgram(program);
    const words = [0, 2, 4, 6, 8].map((offset) => machine.memory.read16(0x3100 + offset));
    expect([words[0]! & 1, ...words.slice(1)]).toEqual([1, 0x30, 0x18, 0x20, 0x28]);
    // Interrupts would come at 50 and 58, but are masked.
    expect([0x21, 0xa1].map((port) => machine.cpu.environment.readPort(port, 1))).toEqual([0xff, 0xff]);
  });

  it('PCI BIOS tells and sets how interrupts are routed', () => {
    const machine = runProgram(
      new Program()
        .poke(0x3000, 0, 1, 0, 0x31, 0, 0)
        .call(0x1a, { eax: 0xb10e, edi: 0x3000 })
        .poke(0x3002, 0xf0, 0x01, 0x00, 0x31, 0x00, 0x00)
        .poke(0x3000, 0xf0, 0x01, 0x00, 0x31, 0x00, 0x00)
        .call(0x1a, { eax: 0xb10e, edi: 0x3000 })
        .call(0x1a, { eax: 0xb10f, ebx: 3 << 3, ecx: 0x0b0a })
        .call(0x1a, { eax: 0xb10f, ebx: 3 << 3, ecx: 0x080a })
        .call(0x1a, { eax: 0xb106, ebx: 0, edx: 0 }),
    );
    expect([0, 1, 2, 3, 4].map((i) => ah(result(machine, i)))).toEqual([0x89, 0, 0, 0x88, 0]);
    expect([machine.memory.read16(0x3000), result(machine, 1).ebx & 0xffff]).toEqual([31 * 16, 0x0c00]);
    // Slot 2: INTA# on link 61.
    expect([...machine.memory.copyOut(0x3110, 3)]).toEqual([0, 0x10, 0x61]);
    const { environment } = machine.cpu;
    environment.writePort(0xcf8, 4, 0x80000860);
    expect((environment.readPort(0xcfe, 1) & 0xff) === 11).toBe(true);
    expect(environment.readPort(0x4d1, 1) & 8).toBe(8);
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
