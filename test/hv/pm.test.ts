import { beforeEach, describe, expect, it } from 'vitest';
import { timeOfTick } from '../../src/hv/frequency.js';
import { ACPI_DISABLE, ACPI_ENABLE, PM_TIMER_HERTZ, PowerManagement } from '../../src/hv/pm.js';
import { advance, ManualClock, RecordedWire, TestBoard } from './fakes.js';
import type { Ports } from './fakes.js';

let clock: ManualClock;
let sci: RecordedWire;
let offs: number;
let pm: PowerManagement;
let ports: Ports;

beforeEach(() => {
  clock = new ManualClock();
  sci = new RecordedWire();
  offs = 0;
  const board = new TestBoard();
  pm = new PowerManagement(clock, board.decoder, sci.set, () => offs++);
  board.add(pm);
  ports = board;
  pm.reset();
  pm.place(0xb000);
});

describe('ACPI power management', () => {
  it('the timer counts 3.579545 MHz in 24 bits', () => {
    clock.time = 1e9;
    expect(ports.in(0xb008, 4)).toBe(3579545);
    expect(ports.in(0xb00a)).toBe(3579545 >> 16);
    clock.time = timeOfTick((1 << 24) + 5, PM_TIMER_HERTZ);
    expect(ports.in(0xb008, 4)).toBe(5);
  });
  it('enters and leaves ACPI mode through the SMI command port only', () => {
    ports.out(0xb004, 1, 2);
    expect(ports.in(0xb004, 2)).toBe(0);
    ports.out(0xb2, ACPI_ENABLE);
    expect(ports.in(0xb004, 2)).toBe(1);
    ports.out(0xb004, 0, 2);
    expect(ports.in(0xb004, 2)).toBe(1);
    ports.out(0xb2, ACPI_DISABLE);
    expect(ports.in(0xb004, 2)).toBe(0);
  });
  it('interrupts when the top bit of the timer toggles', () => {
    ports.out(0xb2, ACPI_ENABLE);
    ports.out(0xb002, 1, 2);
    expect(pm.deadline()).toBe(timeOfTick(1 << 23, PM_TIMER_HERTZ));
    advance(clock, pm, 3e9);
    expect([sci.level, pm.deadline(), ports.in(0xb000, 2)]).toEqual([true, Infinity, 1]);
    ports.out(0xb000, 1, 2);
    expect([sci.level, ports.in(0xb000, 2)]).toEqual([false, 0]);
  });
  it('the power button raises SCI when enabled', () => {
    ports.out(0xb2, ACPI_ENABLE);
    ports.out(0xb003, 1);
    pm.pressPowerButton();
    expect([sci.level, ports.in(0xb001)]).toEqual([true, 1]);
    ports.out(0xb001, 1);
    expect(sci.level).toBe(false);
  });
  it('powers off with SLP_EN and the type of S5, and only then', () => {
    ports.out(0xb004, 0x2000 | (5 << 10), 2);
    ports.out(0xb004, 0x0000, 2);
    expect(offs).toBe(0);
    ports.out(0xb005, 0x20);
    expect(offs).toBe(1);
    ports.out(0xb004, 0x2001, 2);
    expect([offs, ports.in(0xb004, 2) & 0x2000]).toEqual([2, 0]);
  });
  it('answers where it was placed, and nowhere when it is off', () => {
    pm.place(0x4040);
    ports.out(0x4042, 0x0120, 2);
    expect([ports.in(0x4042, 2), ports.in(0xb002, 2)]).toEqual([0x0120, 0xffff]);
    ports.out(0x4068, 0x55);
    expect([ports.in(0x4068), ports.in(0x407f), ports.in(0x4080)]).toEqual([0x55, 0, 0xff]);
    pm.place(-1);
    expect([ports.in(0x4042, 2), ports.in(0x4068)]).toEqual([0xffff, 0xff]);
  });
  it('keeps enable bits of general-purpose events and clears status bits by ones', () => {
    ports.out(0xafe2, 0x1234, 2);
    ports.out(0xafe0, 0xffff, 2);
    expect(ports.in(0xafe0, 4)).toBe(0x12340000);
  });
});
