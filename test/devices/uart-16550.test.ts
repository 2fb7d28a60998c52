import { beforeEach, describe, expect, it } from 'vitest';
import { SerialLine } from '../../src/devices/serial-backend.js';
import { Uart16550 } from '../../src/devices/uart-16550.js';
import { advance, ManualClock, portsOf, RecordedWire } from '../hv/fakes.js';

const THR = 0,
  IER = 1,
  IIR = 2,
  FCR = 2,
  LCR = 3,
  MCR = 4,
  LSR = 5,
  MSR = 6,
  SCR = 7;
let clock: ManualClock;
let irq: RecordedWire;
let sent: number[];
let line: SerialLine;
let uart: Uart16550;
let read: (register: number) => number;
let write: (register: number, value: number) => void;

beforeEach(() => {
  clock = new ManualClock();
  irq = new RecordedWire();
  sent = [];
  line = new SerialLine((byte) => sent.push(byte));
  uart = new Uart16550('com1', 0x3f8, clock, irq.set, line);
  const ports = portsOf(uart);
  read = (register) => ports.in(0x3f8 + register);
  write = (register, value) => ports.out(0x3f8 + register, value);
  uart.reset();
  write(MCR, 0x0b);
  read(MSR);
});
const enableFifo = (trigger = 0): void => write(FCR, 1 | (trigger << 6));

describe('16550A registers', () => {
  it('has a scratch register and reads back IER, LCR and MCR without reserved bits', () => {
    for (const value of [0x55, 0xaa]) {
      write(SCR, value);
      expect(read(SCR)).toBe(value);
    }
    write(IER, 0xff);
    expect(read(IER)).toBe(0x0f);
    write(LCR, 0x1f);
    expect(read(LCR)).toBe(0x1f);
    write(MCR, 0xff);
    expect(read(MCR)).toBe(0x1f);
  });
  it('keeps the divisor behind DLAB', () => {
    write(LCR, 0x83);
    write(THR, 0x01);
    write(IER, 0x02);
    expect([read(0), read(1)]).toEqual([1, 2]);
    write(LCR, 0x03);
    expect(read(IER)).toBe(0);
    expect(sent).toEqual([]);
  });
  it('shows the FIFO in IIR bits 6 and 7 once enabled, and no 16750 or EFR', () => {
    expect(read(IIR)).toBe(1);
    write(FCR, 0x21);
    expect(read(IIR)).toBe(0xc1);
    write(LCR, 0xbf);
    expect(read(IIR)).not.toBe(0);
    write(LCR, 0x03);
    write(FCR, 0);
    expect(read(IIR)).toBe(1);
  });
  it('reads modem outputs back in loopback, the probe of every driver', () => {
    expect(read(MSR)).toBe(0xb0);
    write(MCR, 0x10 | 0x0a);
    expect(read(MSR) & 0xf0).toBe(0x90);
    write(MCR, 0x0b);
    expect(read(MSR) & 0xf0).toBe(0xb0);
  });
});

describe('16550A transmitter', () => {
  it('sends at once and stays empty', () => {
    write(THR, 0x41);
    expect([sent, read(LSR)]).toEqual([[0x41], 0x60]);
  });
  it('arms its interrupt with IER, drops it when IIR is read, re-arms it with IER off and on', () => {
    write(IER, 2);
    expect([irq.level, read(IIR), irq.level, read(IIR)]).toEqual([true, 2, false, 1]);
    write(IER, 2);
    expect(irq.level).toBe(false);
    write(IER, 0);
    write(IER, 2);
    expect([irq.level, read(IIR)]).toEqual([true, 2]);
  });
  it('gives a new edge for each byte sent', () => {
    write(IER, 2);
    const before = irq.rises;
    write(THR, 1);
    write(THR, 2);
    expect([irq.rises - before, irq.level]).toEqual([2, true]);
  });
  it('is gated by OUT2', () => {
    write(MCR, 0x03);
    write(IER, 2);
    expect([irq.level, read(IIR)]).toEqual([false, 2]);
  });
});

describe('16550A receiver', () => {
  it('without FIFO takes one byte at a time from the host', () => {
    write(IER, 1);
    line.push([1, 2]);
    expect([irq.level, read(IIR), read(LSR) & 1, read(0)]).toEqual([true, 4, 1, 1]);
    expect([read(0), read(LSR) & 3, irq.level]).toEqual([2, 0, false]);
  });
  it('with FIFO interrupts at the trigger level and keeps more than 16 bytes at the host', () => {
    enableFifo(1);
    write(IER, 1);
    line.push([0, 1, 2]);
    expect(irq.level).toBe(false);
    line.push(Array.from({ length: 20 }, (_, i) => i + 3));
    expect(read(IIR)).toBe(0xc4);
    const bytes = [];
    while (read(LSR) & 1) bytes.push(read(0));
    expect(bytes).toEqual(Array.from({ length: 23 }, (_, i) => i));
    expect([read(LSR) & 2, irq.level]).toEqual([0, false]);
  });
  it('reports a time-out four characters after the last byte', () => {
    write(LCR, 0x83);
    write(0, 1);
    write(1, 0);
    write(LCR, 0x03);
    enableFifo(3);
    write(IER, 1);
    line.push([7]);
    expect(uart.deadline()).toBe(Math.ceil((4 * 10 * 1e9) / 115200));
    advance(clock, uart, uart.deadline() - 1);
    expect(irq.level).toBe(false);
    advance(clock, uart, uart.deadline());
    expect([irq.level, read(IIR), uart.deadline()]).toEqual([true, 0xcc, Infinity]);
    expect([read(0), irq.level, read(IIR)]).toEqual([7, false, 0xc1]);
  });
  it('clears its FIFO', () => {
    enableFifo();
    line.push([1, 2, 3]);
    write(FCR, 3);
    expect(read(LSR) & 1).toBe(0);
  });
  it('loops back what is sent, with overrun reported by the line-status interrupt', () => {
    write(MCR, 0x18);
    write(THR, 0x11);
    write(THR, 0x22);
    expect(sent).toEqual([]);
    write(IER, 5);
    expect(read(IIR)).toBe(6);
    expect([read(LSR) & 3, read(IIR), read(0)]).toEqual([3, 4, 0x22]);
  });
  it('takes no host input in loopback', () => {
    write(MCR, 0x18);
    line.push([9]);
    expect(read(LSR) & 1).toBe(0);
    write(MCR, 0x0b);
    expect(read(0)).toBe(9);
  });
});
