import { beforeEach, describe, expect, it } from 'vitest';
import { Pic } from '../../src/hv/pic.js';
import { portsOf, RecordedWire } from './fakes.js';
import type { Ports } from './fakes.js';

let pic: Pic;
let intr: RecordedWire;
let ports: Ports;

function initialise(icw4 = 0x01): void {
  for (const [base, vector, cascade] of [
    [0x20, 0x30, 4],
    [0xa0, 0x38, 2],
  ] as const) {
    ports.out(base, 0x11);
    ports.out(base + 1, vector);
    ports.out(base + 1, cascade);
    ports.out(base + 1, icw4);
    ports.out(base + 1, 0);
  }
}
const isr = (base: number): number => {
  ports.out(base, 0x0b);
  return ports.in(base);
};
const irr = (base: number): number => {
  ports.out(base, 0x0a);
  return ports.in(base);
};

beforeEach(() => {
  intr = new RecordedWire();
  pic = new Pic(intr.set);
  ports = portsOf(pic);
  pic.reset();
  initialise();
});

describe('8259A pair', () => {
  it('requests, acknowledges and ends an interrupt', () => {
    pic.setLine(3, true);
    expect(intr.level).toBe(true);
    expect(irr(0x20)).toBe(8);
    expect(pic.acknowledge()).toBe(0x33);
    expect(intr.level).toBe(false);
    expect([irr(0x20), isr(0x20)]).toEqual([0, 8]);
    ports.out(0x20, 0x20);
    expect(isr(0x20)).toBe(0);
    expect(intr.level).toBe(false);
  });

  it('takes an edge once: the line must fall before it requests again', () => {
    pic.setLine(3, true);
    pic.acknowledge();
    ports.out(0x20, 0x20);
    pic.setLine(3, true);
    expect(intr.level).toBe(false);
    pic.setLine(3, false);
    pic.setLine(3, true);
    expect(intr.level).toBe(true);
  });

  it('keeps requesting a level input until the line falls; the ELCR spares 0, 1, 2, 8 and 13', () => {
    ports.out(0x4d0, 0xffff, 2);
    expect(ports.in(0x4d0, 2)).toBe(0xdef8);
    pic.setLine(5, true);
    expect(pic.acknowledge()).toBe(0x35);
    ports.out(0x20, 0x65);
    expect(intr.level).toBe(true);
    pic.setLine(5, false);
    expect(intr.level).toBe(false);
  });

  it('lets only higher priorities interrupt a service routine', () => {
    pic.setLine(4, true);
    pic.acknowledge();
    pic.setLine(6, true);
    expect(intr.level).toBe(false);
    pic.setLine(1, true);
    expect(pic.acknowledge()).toBe(0x31);
    expect(isr(0x20)).toBe(0x12);
    ports.out(0x20, 0x20);
    expect(isr(0x20)).toBe(0x10);
  });

  it('cascades the slave and blocks it until both ends of interrupt', () => {
    pic.setLine(12, true);
    expect(pic.acknowledge()).toBe(0x3c);
    expect([isr(0x20), isr(0xa0)]).toEqual([4, 0x10]);
    pic.setLine(14, true);
    expect(intr.level).toBe(false);
    ports.out(0xa0, 0x20);
    ports.out(0x20, 0x20);
    expect(pic.acknowledge()).toBe(0x3e);
  });

  it('delivers a second slave interrupt with automatic end of interrupt', () => {
    initialise(0x03);
    pic.setLine(10, true);
    pic.setLine(11, true);
    expect([pic.acknowledge(), intr.level, pic.acknowledge(), intr.level]).toEqual([0x3a, true, 0x3b, false]);
    expect(isr(0xa0)).toBe(0);
  });

  it('masks with OCW1 and shows the mask', () => {
    ports.out(0x21, 0x08);
    pic.setLine(3, true);
    expect([intr.level, ports.in(0x21)]).toEqual([false, 8]);
    ports.out(0x21, 0);
    expect(intr.level).toBe(true);
  });

  it('answers a request that went away as spurious IR7 without setting ISR', () => {
    pic.setLine(3, true);
    pic.setLine(3, false);
    expect(intr.level).toBe(false);
    expect([pic.acknowledge(), isr(0x20)]).toEqual([0x37, 0]);
  });

  it('answers a spurious slave request as IR15 with the cascade in service', () => {
    pic.setLine(9, true);
    ports.out(0xa1, 0xff);
    // The master latched nothing: its input fell with the slave's output.
    expect(intr.level).toBe(false);
    ports.out(0xa1, 0);
    pic.state.chips[0].irr |= 4;
    pic.state.chips[1].irr = 0;
    expect([pic.acknowledge(), isr(0x20), isr(0xa0)]).toEqual([0x3f, 4, 0]);
  });

  it('rotates priorities: automatically after an end of interrupt, and as told', () => {
    pic.setLine(2 + 1, true);
    pic.acknowledge();
    ports.out(0x20, 0xa0);
    pic.setLine(3, false);
    pic.setLine(3, true);
    pic.setLine(7, true);
    expect(pic.acknowledge()).toBe(0x37);
    ports.out(0x20, 0x20);
    ports.out(0x20, 0xc5);
    pic.setLine(6, true);
    expect(pic.acknowledge()).toBe(0x36);
  });

  it('rotates in automatic-EOI mode when told to', () => {
    initialise(0x03);
    ports.out(0x20, 0x80);
    pic.setLine(0, true);
    pic.acknowledge();
    pic.setLine(0, false);
    pic.setLine(0, true);
    pic.setLine(1, true);
    expect(pic.acknowledge()).toBe(0x31);
  });

  it('special mask mode opens all levels that are not masked', () => {
    pic.setLine(3, true);
    pic.acknowledge();
    ports.out(0x21, 0x08);
    pic.setLine(6, true);
    expect(intr.level).toBe(false);
    ports.out(0x20, 0x68);
    expect(intr.level).toBe(true);
    expect(pic.acknowledge()).toBe(0x36);
    ports.out(0x20, 0x20);
    expect(isr(0x20)).toBe(8);
    ports.out(0x20, 0x48);
  });

  it('special fully nested mode lets the slave interrupt itself', () => {
    initialise(0x11);
    pic.setLine(12, true);
    pic.acknowledge();
    pic.setLine(9, true);
    expect(pic.acknowledge()).toBe(0x39);
  });

  it('polls', () => {
    ports.out(0x20, 0x0c);
    expect(ports.in(0x20)).toBe(0);
    pic.setLine(4, true);
    ports.out(0x20, 0x0c);
    expect(ports.in(0x20)).toBe(0x84);
    expect([isr(0x20), intr.level]).toEqual([0x10, false]);
  });

  it('ICW1 clears mask, requests and service, and an edge must come again', () => {
    ports.out(0x21, 0xff);
    pic.setLine(3, true);
    ports.out(0x20, 0x11);
    expect(intr.level).toBe(false);
    ports.out(0x21, 0x40);
    ports.out(0x21, 4);
    ports.out(0x21, 1);
    expect([ports.in(0x21), irr(0x20)]).toEqual([0, 0]);
    pic.setLine(3, false);
    pic.setLine(3, true);
    expect(pic.acknowledge()).toBe(0x43);
  });

  it('skips ICW3 when single and ICW4 when not announced', () => {
    ports.out(0x20, 0x12);
    ports.out(0x21, 0x50);
    ports.out(0x21, 0xfe);
    expect(ports.in(0x21)).toBe(0xfe);
  });
});
