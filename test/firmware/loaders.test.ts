import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BootImage, BootLoad } from '../../src/firmware/boot-image.js';
import { ImageError } from '../../src/firmware/image-error.js';
import { loadImage } from '../../src/firmware/load-image.js';
import { bootSector, elf, linux, withMultiboot } from './images.js';

const RAM = 64 << 20;
const RSDP = 0xea000;
const load = (bytes: Uint8Array, initrd?: Uint8Array, append?: string, ramBytes = RAM): BootImage =>
  loadImage(bytes, { ramBytes, initrd, append }, RSDP);
const failure = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(ImageError);
    expect((error as Error).message).not.toContain('\n');
    return (error as Error).message;
  }
  return 'loaded';
};
const at = (image: BootImage, address: number): Uint8Array =>
  image.loads.find((l) => l.address === address)!.bytes;
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
/** What lies at an address once all is loaded. */
function word(image: BootImage, address: number): number {
  const holds = ({ address: a, bytes }: BootLoad): boolean => address >= a && address + 4 <= a + bytes.length;
  const l = [...image.loads].reverse().find(holds)!;
  return view(l.bytes).getUint32(address - l.address, true);
}

describe('Linux boot protocol', () => {
  it('enters the payload at 1 MiB with ESI on the boot parameters', () => {
    const { entry, loads, format } = load(linux());
    expect(format).toBe('linux');
    expect(loads[0]!.address).toBe(0x100000);
    expect(loads[0]!.bytes).toEqual(new Uint8Array(1000).fill(0x90));
    expect(entry).toMatchObject({ mode: 'protected', eip: 0x100000, codeSelector: 0x10, dataSelector: 0x18 });
    expect([entry.registers[3], entry.registers[5], entry.registers[7]]).toEqual([0, 0, 0]);
    expect(entry.registers[6]).toBe(0x90000);
  });
  it('describes flat code and data in the GDT', () => {
    const image = load(linux());
    const gdt = at(image, image.entry.gdt!.base);
    expect(image.entry.gdt!.limit).toBe(31);
    expect([...gdt.subarray(0x10)]).toEqual([
      0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0, 0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0,
    ]);
  });
  it('fills the zero page', () => {
    const initrd = new Uint8Array(5000).fill(7);
    const image = load(linux(), initrd, 'console=ttyS0 grüß');
    const page = view(at(image, 0x90000));
    const initrdAt = page.getUint32(0x218, true);
    expect([initrdAt % 4096, initrdAt + 5000 <= RAM, initrdAt + 5000 > RAM - 4096]).toEqual([0, true, true]);
    expect(at(image, initrdAt)).toBe(initrd);
    expect(page.getUint32(0x21c, true)).toBe(5000);
    const commandLineAt = page.getUint32(0x228, true);
    expect(commandLineAt).toBeLessThan(initrdAt);
    expect(text(at(image, commandLineAt))).toBe('console=ttyS0 grüß\0');
    expect([page.getUint8(0x210), page.getUint8(0x211), page.getUint32(0x214, true)]).toEqual([
      0xff, 0x81, 0x100000,
    ]);
    expect([page.getUint32(0x70, true), page.getUint32(0x1e0, true)]).toEqual([RSDP, 63 * 1024]);
    expect(page.getUint8(0x1e8)).toBe(4);
    const entries = [0, 1, 2, 3].map((i) => [0, 8, 16].map((o) => page.getUint32(0x2d0 + 20 * i + o, true)));
    expect(entries).toEqual([
      [0, 0x9fc00, 1],
      [0x9fc00, 0x400, 2],
      [0xe0000, 0x20000, 2],
      [0x100000, RAM - 0x100000, 1],
    ]);
  });
  it('keeps the initrd under initrd_addr_max', () => {
    const image = load(linux({ initrdMax: 0x1ffffff }), new Uint8Array(4097));
    expect(view(at(image, 0x90000)).getUint32(0x218, true)).toBe(0x2000000 - 8192);
  });
  it('passes the command line the old way before 2.02', () => {
    const page = view(at(load(linux({ version: 0x201 }), undefined, 'x'), 0x90000));
    expect([page.getUint16(0x20, true), page.getUint16(0x22, true), page.getUint32(0x228, true)]).toEqual([
      0xa33f, 0x2000, 0,
    ]);
  });
  it('says what is wrong', () => {
    expect(failure(() => load(linux({ version: 0x1ff })))).toMatch(/protocol 0x1ff, expected at least 0x200/);
    expect(failure(() => load(linux({ flags: 0 })))).toMatch(/zImage.*expected a bzImage/);
    expect(failure(() => load(linux().subarray(0, 2000)))).toMatch(
      /truncated: it has 2000 bytes, expected 25/,
    );
    expect(failure(() => load(linux().subarray(0, 1000)))).toMatch(/truncated/);
    expect(failure(() => load(linux(), undefined, undefined, 16 << 20))).toMatch(/kernel does not fit/);
    expect(failure(() => load(linux(), new Uint8Array(50 << 20)))).toMatch(
      /initrd of 52428800 bytes does not fit: expected at most/,
    );
    expect(failure(() => load(linux(), undefined, 'x'.repeat(2048)))).toMatch(/2048 bytes.*at most 2047/);
    expect(failure(() => load(linux(), undefined, 'x'.repeat(2047)))).toBe('loaded');
    const noFlag = linux();
    noFlag[0x1fe] = 0;
    expect(failure(() => load(noFlag))).toMatch(/boot flag 0xaa00, expected 0xaa55/);
  });
});

describe('ELF32', () => {
  const code = Uint8Array.of(0xf4, 0x90);
  it('places segments at physical addresses with their zeros', () => {
    const { entry, loads, format } = load(elf(0x100001, [{ physical: 0x100000, bytes: code, memory: 100 }]));
    expect([format, entry.mode, entry.eip, entry.registers[0]]).toEqual(['elf', 'protected', 0x100001, 0]);
    expect(loads).toMatchObject([{ address: 0x100000, size: 100 }]);
    expect([...loads[0]!.bytes]).toEqual([0xf4, 0x90]);
  });
  it('translates an entry point that is virtual', () => {
    expect(load(elf(0xc0100001, [{ physical: 0x100000, virtual: 0xc0100000, bytes: code }])).entry.eip).toBe(
      0x100001,
    );
  });
  it('says what is wrong', () => {
    const one = [{ physical: 0x100000, bytes: code }];
    expect(failure(() => load(elf(0x100000, one, { class: 2 })))).toMatch(/class 2, expected 1 \(32-bit\)/);
    expect(failure(() => load(elf(0x100000, one, { machine: 62 })))).toMatch(/machine 62, expected 3/);
    expect(failure(() => load(elf(0x100000, one, { type: 3 })))).toMatch(/type 3, expected 2/);
    expect(failure(() => load(elf(0, one)))).toMatch(/entry point 0x0 lies in no/);
    expect(failure(() => load(elf(0, [])))).toMatch(/no loadable segment/);
    expect(failure(() => load(elf(0x100000, one).subarray(0, 85)))).toMatch(/truncated: it has 85 bytes/);
    expect(failure(() => load(elf(0x100000, one).subarray(0, 30)))).toMatch(/truncated/);
    expect(failure(() => load(elf(0xb0000, [{ physical: 0xb0000, bytes: code }])))).toMatch(/does not fit/);
    expect(
      failure(() => load(elf(0x100000, [{ physical: 0x100000, bytes: code, memory: 0xffffffff }]))),
    ).toMatch(/does not fit/);
    expect(failure(() => load(elf(0x100000, [{ physical: 0x100000, bytes: code, memory: 1 }])))).toMatch(
      /expected at most its 1/,
    );
    const many = Array.from({ length: 3 }, () => ({ physical: 0x100000, bytes: code, memory: 32 << 20 }));
    expect(failure(() => load(elf(0x100000, many)))).toMatch(/overlap/);
    expect(failure(() => load(elf(0x100000, one), undefined, 'x'))).toMatch(
      /neither initrd nor command line/,
    );
  });
});

describe('multiboot 1', () => {
  const kludge = (flags = 0x10003): Uint8Array =>
    withMultiboot(new Uint8Array(256).fill(0x90), 16, flags, [0x200010, 0x200000, 0, 0x200400, 0x200020]);

  it('loads by the addresses in the header', () => {
    const { entry, loads, format } = load(kludge());
    expect([format, entry.mode, entry.eip, entry.registers[0]]).toEqual([
      'multiboot',
      'protected',
      0x200020,
      0x2badb002,
    ]);
    expect(loads[0]).toMatchObject({ address: 0x200000, size: 0x400 });
    expect(loads[0]!.bytes.length).toBe(256);
  });
  it('loads ELF', () => {
    const image = withMultiboot(elf(0x100000, [{ physical: 0x100000, bytes: new Uint8Array(64) }]), 84, 0);
    expect(load(image)).toMatchObject({ format: 'multiboot', entry: { eip: 0x100000 } });
  });
  it('passes memory, command line, map and module', () => {
    const initrd = new Uint8Array(3000).fill(9);
    const image = load(kludge(), initrd, 'a b');
    const info = image.entry.registers[3]!;
    expect(word(image, info) & 0x4d).toBe(0x4d);
    expect([word(image, info + 4), word(image, info + 8)]).toEqual([639, 63 * 1024]);
    expect(text(at(image, word(image, info + 16)))).toBe('a b\0');
    expect(word(image, info + 20)).toBe(1);
    const module = word(image, info + 24);
    const start = word(image, module);
    expect([start % 4096, word(image, module + 4) - start, start > 0x200400]).toEqual([0, 3000, true]);
    expect(at(image, start)).toBe(initrd);
    const [length, map] = [word(image, info + 44), word(image, info + 48)];
    expect(length).toBe(4 * 24);
    expect([word(image, map), word(image, map + 12), word(image, map + 20)]).toEqual([20, 0x9fc00, 1]);
  });
  it('is found at any multiple of four in the first 8 KiB, with a right checksum', () => {
    const image = new Uint8Array(16384);
    expect(load(withMultiboot(image, 8192 - 32, 0x10000, [0x200000, 0x200000, 0, 0, 0x200000])).format).toBe(
      'multiboot',
    );
    image.fill(0);
    expect(failure(() => load(withMultiboot(image, 8192, 0)))).toMatch(/not a kernel/);
    image.fill(0);
    withMultiboot(image, 64, 0);
    image[64 + 8]! ^= 1;
    expect(failure(() => load(image))).toMatch(/not a kernel/);
  });
  it('says what is wrong', () => {
    expect(failure(() => load(kludge(0x10004)))).toMatch(/requires a video mode/);
    expect(failure(() => load(kludge(0x10010)))).toMatch(/requires features 0x10/);
    expect(failure(() => load(kludge(3)))).toMatch(/neither load addresses.*nor ELF/);
    const wrong = (...addresses: number[]): string =>
      failure(() => load(withMultiboot(new Uint8Array(256), 16, 0x10000, addresses)));
    expect(wrong(0x200000, 0x200010, 0, 0, 0x200000)).toMatch(/do not match/);
    expect(wrong(0x210000, 0x200000, 0, 0, 0x200000)).toMatch(/do not match/);
    expect(wrong(0x200010, 0x200000, 0x100000, 0, 0x200000)).toMatch(/load end/);
    expect(wrong(0x200010, 0x200000, 0x200200, 0, 0x200000)).toMatch(/truncated/);
    expect(wrong(0x200010, 0x200000, 0, 0x8000000, 0x200000)).toMatch(/does not fit/);
    expect(wrong(0x200010, 0x200000, 0, 0, 0x100000)).toMatch(/entry point 0x100000 lies outside/);
    expect(failure(() => load(kludge(), new Uint8Array(63 << 20)))).toMatch(/initrd.*does not fit/);
  });
});

describe('any file', () => {
  it('a boot sector starts in real mode at 7C00', () => {
    const { entry, loads } = load(bootSector());
    expect([entry.mode, entry.eip, entry.registers[2], loads[0]!.address]).toEqual([
      'real',
      0x7c00,
      0x80,
      0x7c00,
    ]);
  });
  it('empty and foreign files are refused', () => {
    expect(failure(() => load(new Uint8Array(0)))).toMatch(/empty/);
    expect(failure(() => load(new Uint8Array(4096)))).toMatch(/not a kernel: expected a Linux bzImage/);
    expect(failure(() => load(bootSector().subarray(0, 511)))).toMatch(/not a kernel/);
  });

  const seeds = [
    linux({ payload: 64 }),
    elf(0x100000, [
      { physical: 0x100000, bytes: new Uint8Array(16) },
      { physical: 0x1000, bytes: new Uint8Array(8), memory: 4096 },
    ]),
    withMultiboot(new Uint8Array(256), 16, 0x10003, [0x200010, 0x200000, 0, 0x200400, 0x200020]),
    withMultiboot(elf(0x100000, [{ physical: 0x100000, bytes: new Uint8Array(64) }]), 84, 3),
  ];
  const quietly = (bytes: Uint8Array, initrd?: Uint8Array): void => {
    let image: BootImage;
    try {
      image = load(bytes, initrd, initrd === undefined ? undefined : 'console=ttyS0');
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      return;
    }
    // What loads stays inside RAM and costs no more than it.
    let total = 0;
    for (const { address, bytes: b, size = b.length } of image.loads) {
      expect(Math.max(size, b.length) + address).toBeLessThanOrEqual(RAM);
      total += size;
    }
    expect(total).toBeLessThan(2 * RAM);
  };
  it('random bytes raise nothing but ImageError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2048 }), (bytes) => quietly(bytes)),
      { numRuns: 300 },
    );
  });
  it('damaged and truncated images raise nothing but ImageError', () => {
    const damage = fc.array(fc.tuple(fc.nat(1600), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)), {
      maxLength: 8,
    });
    const initrd = fc.constantFrom(undefined, new Uint8Array(0), new Uint8Array(5000));
    fc.assert(
      fc.property(fc.constantFrom(...seeds), damage, fc.nat(2000), initrd, (seed, changes, keep, disk) => {
        const bytes = seed.slice();
        for (const [where, value] of changes) bytes[where % bytes.length] = value;
        quietly(keep > 1000 ? bytes : bytes.subarray(0, keep), disk);
      }),
      { numRuns: 2000 },
    );
  });
});
