/** Expansion ROMs of PCI cards under the built-in BIOS: started at power-on, booted from by `n`, and passed over when they are damaged. */
import { describe, expect, it } from 'vitest';
import { FLOPPY_BYTES, Program, computer, image, result, runToEnd } from './bios-guest.js';
import type { Guest } from './bios-guest.js';

const KEPT = 0x6800,
  BOOT_KEPT = 0x6810;
const RETF = 0xcb,
  END = [0xe6, 0xf4];
const PNP_AT = 0x40,
  INIT_AT = 0x60,
  BOOT_AT = 0xa0;

const word = (value: number): number[] => [value & 0xff, value >> 8];
/** AX, DI and ES to memory at `at`, DS 0; counts calls behind them. */
const keep = (at: number): number[] => [
  ...[0xa3, ...word(at), 0x89, 0x3e, ...word(at + 2), 0x8c, 0x06, ...word(at + 4)],
  ...[0xfe, 0x06, ...word(at + 6)],
];

interface RomOptions {
  readonly boot?: readonly number[];
  readonly init?: readonly number[];
  readonly device?: number;
  readonly units?: number;
  readonly damage?: number;
}
/** Of an RTL8139, with a bootstrap entry vector. */
function rom({ boot = END, init = [], device = 0x8139, units = 1, damage = 0 }: RomOptions): Uint8Array {
  const bytes = new Uint8Array(512);
  const view = new DataView(bytes.buffer);
  bytes.set([0x55, 0xaa, units, 0xe9, ...word(INIT_AT - 6)]);
  bytes.set([...word(0x1c), ...word(PNP_AT)], 0x18);
  view.setUint32(0x1c, 0x52494350, true);
  view.setUint16(0x20, 0x10ec, true);
  view.setUint16(0x22, device, true);
  bytes.set([1, 0, 0, 0, 0, 0x80], 0x2c);
  view.setUint32(PNP_AT, 0x506e5024, true);
  view.setUint16(PNP_AT + 0x1a, BOOT_AT, true);
  bytes.set([...keep(KEPT), ...init, RETF], INIT_AT);
  bytes.set([...keep(BOOT_KEPT), ...boot, RETF], BOOT_AT);
  bytes[511] = -bytes.reduce((sum, byte) => sum + byte, damage) & 0xff;
  return bytes;
}

function kept(machine: Guest, at: number): { ax: number; pnp: number; calls: number } {
  const { memory } = machine;
  const get = (offset: number): number => memory.read8(at + offset) | (memory.read8(at + offset + 1) << 8);
  return { ax: get(0), pnp: get(4) * 16 + get(2), calls: memory.read8(at + 6) };
}

describe('an expansion ROM', () => {
  it('is started once with its place and the Plug and Play header, and booted by n', () => {
    const { machine } = computer({ rom: rom({}), order: 'n' });
    runToEnd(machine);
    const started = kept(machine, KEPT);
    expect(started.ax).toBe(3 << 3);
    expect(started.calls).toBe(1);
    const header = machine.memory.copyOut(started.pnp, 0x21);
    expect(String.fromCharCode(...header.subarray(0, 4))).toBe('$PnP');
    expect(header.reduce((sum, byte) => sum + byte, 0) & 0xff).toBe(0);
    expect(kept(machine, BOOT_KEPT)).toMatchObject({ pnp: started.pnp, calls: 1 });
  });

  it('that returns from its boot, by itself or by INT 18h, leaves the machine to the next device', () => {
    const floppy = image(FLOPPY_BYTES, new Program().call(0x12).image());
    for (const boot of [[], [0xcd, 0x18]]) {
      const { machine } = computer({ rom: rom({ boot }), floppy, order: 'na' });
      runToEnd(machine);
      expect(kept(machine, BOOT_KEPT).calls).toBe(1);
      expect(result(machine, 0).edx & 0xff).toBe(0);
    }
  });

  it('is written in by its initialization, and cannot be seen in the card afterwards', () => {
    // MOV BYTE CS:[1F0], 77
    const { machine } = computer({
      rom: rom({ init: [0x2e, 0xc6, 0x06, 0xf0, 0x01, 0x77], boot: END }),
      order: 'n',
    });
    runToEnd(machine);
    expect(machine.memory.read8(0xc81f0)).toBe(0x77);
    const card = [...machine.pciFunctions()].find(({ at }) => at === 3 << 3)!;
    expect(card.config[0x30]! & 1).toBe(0);
  });

  it.each([
    ['of another card', { device: 0x8138 }],
    ['whose sum is wrong', { damage: 1 }],
    ['of no length', { units: 0 }],
    ['longer than the room', { units: 255 }],
  ] as const)('%s is passed over', (_, options) => {
    const floppy = image(FLOPPY_BYTES, new Program().call(0x12).image());
    const { machine } = computer({ rom: rom(options), floppy, order: 'na' });
    runToEnd(machine);
    expect(kept(machine, KEPT).calls).toBe(0);
    expect(kept(machine, BOOT_KEPT).calls).toBe(0);
  });

  it('whose headers lead in a circle ends the search', () => {
    const circle = rom({});
    circle.set([PNP_AT, 0], PNP_AT + 6);
    circle.set([0, 0], PNP_AT + 0x1a);
    circle[511] = 0;
    circle[511] = -circle.reduce((sum, byte) => sum + byte, 0) & 0xff;
    const floppy = image(FLOPPY_BYTES, new Program().call(0x12).image());
    const { machine } = computer({ rom: circle, floppy, order: 'na' });
    runToEnd(machine);
    expect(kept(machine, KEPT).calls).toBe(1);
    expect(result(machine, 0).edx & 0xff).toBe(0);
  });
});

it('INT 18h from a boot sector tries the next device', () => {
  const floppy = image(FLOPPY_BYTES, new Program().bytes(0xcd, 0x18).image());
  const disk = image(4 << 20, new Program().call(0x12).image());
  const { machine } = computer({ floppy, disk, order: 'ac' });
  runToEnd(machine);
  expect(result(machine, 0).edx & 0xff).toBe(0x80);
});
