import { describe, expect, it } from 'vitest';
import { SerialLine } from '../../src/devices/serial-backend.js';
import { biosPlaces, checkBios } from '../../src/firmware/bios-image.js';
import { fwCfgItems } from '../../src/firmware/fw-cfg-items.js';
import { createEngine } from '../../src/jit/engines.js';
import { Machine } from '../../src/machine.js';

describe('a BIOS image', () => {
  it('is some 64 KiB long, and its end lies below 1 MiB too', () => {
    for (const size of [0, 1, 0xffff, 0x18000, 0x90000])
      expect(() => checkBios(new Uint8Array(size))).toThrow('expected a multiple of 64 KiB up to 512 KiB');
    const places = (size: number): number[] => {
      const { high, low, lowBytes } = biosPlaces(new Uint8Array(size));
      return [high, low, lowBytes.length];
    };
    expect(places(0x10000)).toEqual([0xffff0000, 0xf0000, 0x10000]);
    expect(places(0x40000)).toEqual([0xfffc0000, 0xe0000, 0x20000]);
  });
  it('has the memory map on the configuration device', () => {
    const { items, files } = fwCfgItems({
      ramBytes: 0x10000000,
      cpus: 1,
      files: { extra: Uint8Array.of(1) },
    });
    expect([...items[3]!]).toEqual([0, 0, 0, 0x10, 0, 0, 0, 0]);
    expect([...files['etc/e820']!]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 1, 0, 0, 0]);
    expect(Object.keys(files)).toEqual(['etc/e820', 'extra']);
  });
});

/** Jumps from the reset vector to `code` at F000:0000; the rest is filled with HLT. */
function bios(code: readonly number[]): Uint8Array {
  const image = new Uint8Array(0x20000).fill(0xf4);
  image.set(code, 0x10000);
  image.set([0xea, 0x00, 0x00, 0x00, 0xf0], 0x1fff0);
  return image;
}

describe.each(['evaluator', 'interpreter', 'jit'] as const)(
  'a machine that starts with a BIOS (%s)',
  (engine) => {
    function run(code: readonly number[]): { text: string; machine: Machine } {
      let text = '';
      const machine = new Machine({
        ...{ memoryBytes: 4 << 20, clock: 'virtual', debugExit: true, noReboot: true, bios: bios(code) },
        serial: new SerialLine(() => undefined),
        debugConsole: (byte) => (text += String.fromCharCode(byte)),
        createEngine: createEngine(engine, { train: false }),
      });
      expect(machine.runSlice(100_000)).toMatchObject({ ended: { kind: 'debug-exit' } });
      return { text, machine };
    }
    const say = (character: string): number[] => [0xb0, character.charCodeAt(0), 0xe6, 0xe9];
    const end = [0xe6, 0xf4];

    it('runs it from the reset vector below 4 GiB, without what the built-in firmware leaves', () => {
      // CS is F000 with base F0000 after the far jump; MOV AL, CS:[FFF0] is the image's own byte.
      const { text, machine } = run([...say('o'), ...say('k'), 0x2e, 0xa0, 0xf0, 0xff, 0xe6, 0xe9, ...end]);
      expect(text).toBe('ok\xea');
      expect([machine.memory.read8(0x410), machine.memory.read8(0xfffffff0)]).toEqual([0, 0xea]);
    });
    it('lets it turn itself into RAM and change its own code', () => {
      // Registers 58-5B of 00:00.0 := 30000000 (F0000-FFFFF reads ROM, writes RAM: 20), copy, then 10: RAM is read.
      const select = [0x66, 0xb8, 0x58, 0x00, 0x00, 0x80, 0xba, 0xf8, 0x0c, 0x66, 0xef, 0xba, 0xfd, 0x0c];
      const pam0 = (value: number): number[] => [0xb0, value, 0xee];
      // MOV SI,0; MOV CX,8000; MOV AX,CS; MOV DS,AX; MOV ES,AX; MOV DI,SI; REP MOVSW
      const copy = [0xbe, 0, 0, 0xb9, 0, 0x80, 0x8c, 0xc8, 0x8e, 0xd8, 0x8e, 0xc0, 0x89, 0xf7, 0xf3, 0xa5];
      const head = [...select, ...pam0(0x20), ...copy, ...pam0(0x30)];
      // MOV BYTE [patched+1], 'B'; patched: MOV AL, 'A'; OUT E9, AL
      const patched = head.length + 5;
      const code = [...head, 0xc6, 0x06, (patched + 1) & 0xff, (patched + 1) >> 8, 0x42, ...say('A')];
      const { text, machine } = run([...code, ...end]);
      expect(text).toBe('B');
      expect(machine.memory.read8(0xffff0000 + patched + 1)).toBe(0x41);
      machine.reset();
      expect(machine.memory.read8(0xf0000 + patched + 1)).toBe(0x41);
    });
  },
);
