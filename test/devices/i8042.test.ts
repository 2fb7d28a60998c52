import { beforeEach, describe, expect, it } from 'vitest';
import { I8042 } from '../../src/devices/i8042.js';
import { portsOf, RecordedWire } from '../hv/fakes.js';
import type { Ports } from '../hv/fakes.js';

let irq1: RecordedWire;
let irq12: RecordedWire;
let a20: RecordedWire;
let resets: number;
let ports: Ports;

beforeEach(() => {
  irq1 = new RecordedWire();
  irq12 = new RecordedWire();
  a20 = new RecordedWire();
  resets = 0;
  const chip = new I8042(
    { irq1: irq1.set, irq12: irq12.set, a20: a20.set, resetPulse: () => resets++ },
    { now: () => 0 },
  );
  ports = portsOf(chip);
  chip.reset();
});

/** Reads everything: 'k' before keyboard and controller bytes, 'm' before mouse bytes. */
function drain(): string[] {
  const bytes: string[] = [];
  for (let status = ports.in(0x64); status & 1; status = ports.in(0x64))
    bytes.push((status & 0x20 ? 'm' : 'k') + ports.in(0x60).toString(16));
  return bytes;
}
function command(value: number, data?: number): string[] {
  ports.out(0x64, value);
  if (data !== undefined) ports.out(0x60, data);
  return drain();
}

describe('8042 controller', () => {
  it('passes its tests', () => {
    expect([command(0xaa), command(0xab), command(0xa9)]).toEqual([['k55'], ['k0'], ['k0']]);
  });
  it('keeps the configuration byte', () => {
    expect(command(0x20)).toEqual(['k47']);
    command(0x60, 0x34);
    expect(command(0x20)).toEqual(['k34']);
    command(0xa8);
    command(0xae);
    expect(command(0x20)).toEqual(['k4']);
  });
  it('returns looped bytes as the mouse, without multiplexing', () => {
    expect([0x5a, 0xf0, 0x56, 0xa4].map((b) => command(0xd3, b)[0])).toEqual(['m5a', 'mf0', 'm56', 'ma4']);
    expect(command(0xd2, 0x41)).toEqual(['k41']);
  });
  it('switches A20 by DD and DF, which leave the other outputs', () => {
    const before = command(0xd0);
    expect([command(0xdd), a20.level, command(0xd0)]).toEqual([[], false, ['kcd']]);
    expect([command(0xdf), a20.level, command(0xd0), resets]).toEqual([[], true, before, 0]);
  });
  it('has no password and idle clock lines', () => {
    expect([command(0xa4), command(0xe0)]).toEqual([['kf1'], ['k0']]);
  });
  it('gates A20 and pulses reset', () => {
    expect(a20.level).toBe(true);
    command(0xd1, 0xdd);
    expect(a20.level).toBe(false);
    command(0xd1, 0xdf);
    expect([a20.level, resets]).toEqual([true, 0]);
    command(0xfe);
    expect(resets).toBe(1);
    command(0xf1);
    expect(resets).toBe(1);
    command(0xd1, 0xde);
    expect(resets).toBe(2);
  });
  it('tells commands from data in its status', () => {
    ports.out(0x64, 0xae);
    expect(ports.in(0x64)).toBe(0x1c);
    ports.out(0x60, 0xee);
    expect(ports.in(0x64)).toBe(0x15);
  });
});

describe('PS/2 devices', () => {
  it('the keyboard identifies itself and acknowledges', () => {
    ports.out(0x60, 0xff);
    expect(drain()).toEqual(['kfa', 'kaa']);
    ports.out(0x60, 0xf2);
    // 83 is translated like any other byte.
    expect(drain()).toEqual(['kfa', 'kab', 'k41']);
    command(0x60, 0x07);
    ports.out(0x60, 0xf2);
    expect(drain()).toEqual(['kfa', 'kab', 'k83']);
    ports.out(0x60, 0xed);
    ports.out(0x60, 0x02);
    expect(drain()).toEqual(['kfa', 'kfa']);
    ports.out(0x60, 0x01);
    expect(drain()).toEqual(['kfe']);
  });
  it('the mouse answers through D4', () => {
    expect(command(0xd4, 0xff)).toEqual(['mfa', 'maa', 'm0']);
    expect(command(0xd4, 0xf2)).toEqual(['mfa', 'm0']);
    expect([command(0xd4, 0xf3), command(0xd4, 100)]).toEqual([['mfa'], ['mfa']]);
  });
  it('each byte is an edge on IRQ1 or IRQ12, if enabled', () => {
    ports.out(0x60, 0xf2);
    drain();
    expect([irq1.rises, irq1.level]).toEqual([3, false]);
    command(0xd4, 0xf2);
    expect(irq12.rises).toBe(2);
    command(0x60, 0x44);
    ports.out(0x60, 0xf2);
    expect(irq1.level).toBe(false);
  });
  it('stops queueing when nobody reads', () => {
    for (let i = 0; i < 1000; i++) ports.out(0x60, 0xf2);
    expect(drain().length).toBeLessThan(20);
  });
});
