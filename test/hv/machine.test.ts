import { beforeEach, describe, expect, it } from 'vitest';
import { SerialLine } from '../../src/devices/serial-backend.js';
import { ImageError, Machine } from '../../src/machine.js';
import type { MachineOptions } from '../../src/machine.js';
import { CR0, EFLAGS, R_EFLAGS, R_EIP } from '../../src/runtime/state.js';
import { elf, linux } from '../firmware/images.js';
import { ScriptEngine } from './script-engine.js';

let machine: Machine;
let engine: ScriptEngine;

function build(options: Partial<MachineOptions> = {}): void {
  machine = new Machine({
    memoryBytes: 32 << 20,
    clock: 'virtual',
    serial: new SerialLine(() => undefined),
    debugExit: false,
    createEngine: (cpu) => (engine = new ScriptEngine(cpu)),
    ...options,
  });
}
const out = (port: number, value: number): void => machine.cpu.environment.writePort(port, 1, value);
const cmos = (register: number): number => {
  out(0x70, register);
  return machine.cpu.environment.readPort(0x71, 1);
};

beforeEach(() => build());

describe('entering a kernel', () => {
  it.each([undefined, 7])('Linux: flat segments, paging and interrupts off (scatter %s)', (scatter) => {
    build({ scatter });
    machine.loadKernel(linux(), { initrd: Uint8Array.of(1, 2, 3), append: 'quiet' });
    const { cpu, memory } = machine;
    expect([cpu.r[R_EIP], cpu.r[6], cpu.r[R_EFLAGS]! & EFLAGS.IF]).toEqual([0x100000, 0x90000, 0]);
    expect(cpu.cr0 & (CR0.PE | CR0.PG)).toBe(CR0.PE);
    expect([...cpu.segments.selector.subarray(0, 6)]).toEqual([0x18, 0x10, 0x18, 0x18, 0x18, 0x18]);
    expect([...cpu.segments.limit.subarray(0, 6)]).toEqual(Array(6).fill(0xffffffff));
    expect([...cpu.segments.base.subarray(0, 6)]).toEqual(Array(6).fill(0));
    expect([cpu.gdtBase, cpu.gdtLimit]).toEqual([0x91000, 31]);
    expect(memory.read32(0x100000)).toBe(0x90909090 | 0);
    expect([...memory.copyOut(memory.read32(0x90218), 3)]).toEqual([1, 2, 3]);
    const rsdp = memory.read32(0x90070);
    expect(new TextDecoder().decode(memory.copyOut(rsdp, 8))).toBe('RSD PTR ');
  });

  it('a reset loads the kernel again, zeros included, and leaves other RAM alone', () => {
    machine.loadKernel(elf(0x100000, [{ physical: 0x100000, bytes: Uint8Array.of(0x90), memory: 0x30000 }]));
    for (const address of [0x100000, 0x100001, 0x12ffff, 0x130000]) machine.memory.write8(address, 0x55);
    engine.step = (at) => {
      if (at === 0x100010) out(0xcf9, 6);
    };
    machine.runSlice(100);
    expect(machine.instructionsRetired).toBe(17);
    expect([0x100000, 0x100001, 0x12ffff, 0x130000].map((a) => machine.memory.read8(a))).toEqual([
      0x90, 0, 0, 0x55,
    ]);
    expect([machine.cpu.r[R_EIP], machine.now()]).toEqual([0x100000, 17]);
  });

  it('refuses what is no kernel and keeps the machine as it was', () => {
    machine.loadKernel(linux());
    expect(() => machine.loadKernel(new Uint8Array(10))).toThrow(ImageError);
    machine.reset();
    expect(machine.cpu.r[R_EIP]).toBe(0x100000);
  });

  it('without a kernel starts in the built-in BIOS, which is ROM', () => {
    expect([machine.cpu.r[R_EIP], machine.cpu.segments.selector[1]]).toEqual([0xe05b, 0xf000]);
    const first = machine.memory.read8(0xfe05b);
    machine.memory.write8(0xfe05b, first ^ 0xff);
    expect(machine.memory.read8(0xfe05b)).toBe(first);
  });
});

it('the BIOS data area tells serial port, base memory and extended area', () => {
  const { memory } = machine;
  expect([memory.read16(0x400), memory.read16(0x413), memory.read16(0x40e)]).toEqual([0x3f8, 639, 0x9fc0]);
  expect(memory.read8(0x9fc00)).toBe(1);
});

describe('wires', () => {
  it('A20 is enabled by either gate', () => {
    expect(machine.memory.a20).toBe(true);
    out(0x64, 0xd1);
    out(0x60, 0xdd);
    expect(machine.memory.a20).toBe(false);
    out(0x92, 2);
    expect(machine.memory.a20).toBe(true);
    out(0x92, 0);
    expect(machine.memory.a20).toBe(false);
    machine.reset();
    expect(machine.memory.a20).toBe(true);
  });

  it('the virtual clock starts on a fixed day, or on the one given', () => {
    expect([cmos(0x32), cmos(9), cmos(8), cmos(7), cmos(0)]).toEqual([0x20, 0x24, 1, 1, 0]);
    build({ rtcEpoch: Date.UTC(1999, 11, 31, 23, 59, 59) / 1000 });
    expect([cmos(0x32), cmos(9), cmos(0)]).toEqual([0x19, 0x99, 0x59]);
  });

  it('MMIO nobody claims reads as all ones', () => {
    expect(machine.memory.bus.read(0xd0000000, 4) | 0).toBe(-1);
  });

  it('the debug console and the debug exit are there when asked for', () => {
    const bytes: number[] = [];
    build({ debugConsole: (byte) => bytes.push(byte), debugExit: false });
    out(0xe9, 0x21);
    out(0xf4, 1);
    expect([bytes, machine.runSlice(5)]).toEqual([[0x21], {}]);
  });

  it('the power button asks the operating system through SCI', () => {
    out(0xb2, 0xf1);
    out(0xb003, 1);
    out(0x4d1, 0x02);
    machine.pressPowerButton();
    expect(machine.cpu.environment.readPort(0xa0, 1) & 2).toBe(2);
  });
});

it('impossible options are RangeErrors', () => {
  expect(() => build({ cpu: 'z80' })).toThrow(/unknown processor 'z80', expected one of .*default/);
  expect(() => build({ memoryBytes: 1e12 })).toThrow(RangeError);
  expect(() => build({ clock: 'host' })).toThrow(/hostNow/);
});
