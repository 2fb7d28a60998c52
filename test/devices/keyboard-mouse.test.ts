/** Keyboard and mouse behind the 8042, from the IBM PS/2 technical reference and the IntelliMouse's data sheet. */
import { beforeEach, describe, expect, it } from 'vitest';
import { I8042 } from '../../src/devices/i8042.js';
import { KEY } from '../../src/devices/scan-codes.js';
import { portsOf, RecordedWire } from '../hv/fakes.js';
import type { Ports } from '../hv/fakes.js';

let chip: I8042;
let ports: Ports;
let irq1: RecordedWire;
let irq12: RecordedWire;
let now: number;

beforeEach(() => {
  irq1 = new RecordedWire();
  irq12 = new RecordedWire();
  now = 0;
  chip = new I8042(
    { irq1: irq1.set, irq12: irq12.set, a20: () => {}, resetPulse: () => {} },
    { now: () => now },
  );
  ports = portsOf(chip);
  chip.reset();
});

/** All waiting bytes in hexadecimal. */
function drain(): string {
  const bytes: string[] = [];
  while (ports.in(0x64) & 1) bytes.push(ports.in(0x60).toString(16).padStart(2, '0'));
  return bytes.join(' ');
}
function keyboard(...bytes: number[]): string {
  for (const byte of bytes) ports.out(0x60, byte);
  return drain();
}
function mouse(...bytes: number[]): string {
  for (const byte of bytes) {
    ports.out(0x64, 0xd4);
    ports.out(0x60, byte);
  }
  return drain();
}
function type(key: number): string {
  chip.keyboard.key(key, true);
  chip.keyboard.key(key, false);
  return drain();
}
const configure = (value: number) => {
  ports.out(0x64, 0x60);
  ports.out(0x60, value);
};

describe('keys', () => {
  const keys = [0x1e, KEY.UP, KEY.F1 + 6, KEY.PRINT_SCREEN, KEY.PAUSE];
  it('through the translation are set 1', () => {
    expect(keys.map(type)).toEqual([
      '1e 9e',
      'e0 48 e0 c8',
      '41 c1',
      'e0 2a e0 37 e0 b7 e0 aa',
      'e1 1d 45 e1 9d c5',
    ]);
  });
  it('without translation are set 2', () => {
    configure(0x07);
    expect(keys.map(type)).toEqual([
      '1c f0 1c',
      'e0 75 e0 f0 75',
      '83 f0 83',
      'e0 12 e0 7c e0 f0 7c e0 f0 12',
      'e1 14 77 e1 f0 14 f0 77',
    ]);
  });
  it('are set 1 from the keyboard itself when it is told so', () => {
    configure(0x07);
    expect(keyboard(0xf0, 1)).toBe('fa fa');
    expect(keyboard(0xf0, 0)).toBe('fa fa 01');
    expect(keys.map(type).slice(0, 2)).toEqual(['1e 9e', 'e0 48 e0 c8']);
  });
  it('every key of set 1 comes back from set 2 by the translation', () => {
    for (let key = 1; key <= 0x58; key++) {
      if (key >= 0x54 && key <= 0x56) continue;
      expect(type(key)).toBe(`${key.toString(16).padStart(2, '0')} ${(key | 0x80).toString(16)}`);
    }
  });
  it('raise IRQ 1 for each byte', () => {
    chip.keyboard.key(KEY.UP, true);
    expect(irq1.level).toBe(true);
    drain();
    expect([irq1.rises, irq1.level]).toEqual([2, false]);
  });
  it('say when they were too many, once', () => {
    configure(0x07);
    for (let i = 0; i < 40; i++, now += 1e9) chip.keyboard.key(0x1e, true);
    expect(drain()).toBe(`${'1c '.repeat(17)}00`);
    expect(type(0x1e)).toBe('1c f0 1c');
  });
  it('are not sent while scanning or the line is off', () => {
    expect(keyboard(0xf5)).toBe('fa');
    expect(type(0x1e)).toBe('');
    expect(keyboard(0xf4)).toBe('fa');
    ports.out(0x64, 0xad);
    expect(type(0x1e)).toBe('');
    ports.out(0x64, 0xae);
    expect(drain()).toBe('1e 9e');
  });
});

describe('keyboard commands', () => {
  beforeEach(() => configure(0x07));
  it('answer', () => {
    expect([
      keyboard(0xee),
      keyboard(0xf2),
      keyboard(0xff),
      keyboard(0xf3, 0x20),
      keyboard(0xf6),
      keyboard(0xf7),
      keyboard(0xfb, 0x1c, 0x1d, 0xf4),
      keyboard(0x12),
    ]).toEqual(['ee', 'fa ab 83', 'fa aa', 'fa fa', 'fa', 'fa', 'fa fa fa fa', 'fe']);
  });
  it('the lamps are seen by a viewer', () => {
    expect(keyboard(0xed, 0x05)).toBe('fa fa');
    expect(chip.keyboard.state.leds).toBe(5);
  });
  it('a command in place of data begins anew', () => {
    expect(keyboard(0xed, 0xf2)).toBe('fa fa ab 83');
    expect(chip.keyboard.state.leds).toBe(0);
  });
  it('sends the last byte again', () => {
    keyboard(0xf2);
    expect(keyboard(0xfe)).toBe('83');
    expect(keyboard(0xfe)).toBe('83');
  });
  it('takes its state from before it knew held keys', () => {
    const before: Partial<typeof chip.keyboard.state> = { ...chip.keyboard.state, scanSet: 3, leds: 5 };
    delete before.held;
    delete before.repeatAt;
    const { keyboard } = chip.migrate(2, { ...chip.state, keyboard: before });
    expect(keyboard).toEqual({ ...before, held: 0, repeatAt: 0, scanSet: 2 });
  });
  it('refuses scan code sets that there are not', () => {
    expect(keyboard(0xf0, 9)).toBe('fa fe');
    expect(keyboard(0xf0, 3, 0xf0, 0)).toBe('fa fe fa fa 02');
  });
  it.each([
    ['as after a reset', [], 500, 91.74],
    ['fast', [0xf3, 0x00], 250, 33.36],
    ['slow', [0xf3, 0x7f], 1000, 500.4],
  ] as const)('a held key repeats: %s', (_, command, delayMs, periodMs) => {
    keyboard(...command);
    const repeated = (milliseconds: number): string => {
      now += milliseconds * 1e6;
      chip.keyboard.key(0x1e, true);
      return drain();
    };
    expect(repeated(7)).toBe('1c');
    expect([repeated(1), repeated(delayMs - 2), repeated(1)]).toEqual(['', '', '1c']);
    expect([repeated(periodMs - 1), repeated(1), repeated(1)]).toEqual(['', '1c', '']);
    chip.keyboard.key(0x1e, false);
    expect([drain(), repeated(0)]).toEqual(['f0 1c', '1c']);
    // Another key takes over; the first, pressed again, is no repetition.
    chip.keyboard.key(0x30, true);
    expect([drain(), repeated(0)]).toEqual(['32', '1c']);
  });
});

describe('the mouse', () => {
  it('reports in stream mode once enabled', () => {
    chip.mouse.move(5, 3, 0, 0);
    expect(drain()).toBe('');
    expect(mouse(0xf4)).toBe('fa');
    chip.mouse.move(5, 3, 0, 0);
    expect(irq12.level).toBe(true);
    expect(drain()).toBe('28 05 fd');
    chip.mouse.move(0, 0, 0, 1);
    chip.mouse.move(0, 0, 0, 0);
    expect(drain()).toBe('09 00 00 08 00 00');
  });
  it('adds up motion that nobody reads, and keeps what does not fit a report', () => {
    mouse(0xf4);
    for (let i = 0; i < 30; i++) chip.mouse.move(-10, 0, 0, 0);
    // The first report was on its way after the first motion.
    expect(drain()).toBe('18 f6 00 18 01 00 18 dd 00');
  });
  it('has a wheel after 200, 100, 80 and five buttons after 200, 200, 80', () => {
    expect(mouse(0xf2)).toBe('fa 00');
    mouse(0xf3, 200, 0xf3, 100, 0xf3, 80);
    expect(mouse(0xf2)).toBe('fa 03');
    mouse(0xf4);
    chip.mouse.move(0, 0, -1, 0);
    expect(drain()).toBe('08 00 00 ff');
    mouse(0xf5, 0xf3, 200, 0xf3, 200, 0xf3, 80);
    expect(mouse(0xf2)).toBe('fa 04');
    mouse(0xf4);
    chip.mouse.move(0, 0, 1, 0x08);
    expect(drain()).toBe('08 00 00 11');
    expect(mouse(0xff)).toBe('fa aa 00');
    expect(mouse(0xf2)).toBe('fa 00');
  });
  it('tells its status', () => {
    mouse(0xe8, 3, 0xf3, 60, 0xe7, 0xf4);
    chip.mouse.move(0, 0, 0, 0b011);
    drain();
    expect(mouse(0xe9)).toBe('fa 35 03 3c');
  });
  it('is asked in remote mode', () => {
    mouse(0xf0, 0xf4);
    chip.mouse.move(1, -1, 0, 2);
    expect(drain()).toBe('');
    expect(mouse(0xeb)).toBe('fa 0a 01 01');
    expect(mouse(0xea)).toBe('fa');
    chip.mouse.move(1, 0, 0, 2);
    expect(drain()).toBe('0a 01 00');
  });
  it('doubles in stream mode with scaling 2:1', () => {
    mouse(0xe7, 0xf4);
    const scaled = [1, 2, 3, 4, 5, 6].map((count) => {
      chip.mouse.move(count, 0, 0, 0);
      return drain().split(' ')[1];
    });
    expect(scaled).toEqual(['01', '01', '03', '06', '09', '0c']);
  });
  it('echoes in wrap mode', () => {
    expect(mouse(0xee, 0x12, 0xf4)).toBe('fa 12 f4');
    expect(mouse(0xec, 0xf2)).toBe('fa fa 00');
  });
  it('never queues without bound', () => {
    mouse(0xf4);
    for (let i = 0; i < 10_000; i++) chip.mouse.move(1, 1, 0, i & 1);
    expect(chip.mouse.state.reports.length).toBeLessThan(100);
  });
});
