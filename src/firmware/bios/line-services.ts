/** INT 14h and 17h: the serial ports and printers whose I/O ports the data area names. */
import { BDA } from './data-area.js';
import type { BiosHost } from './host.js';
import type { Registers } from './registers.js';
import type { BiosProgram } from './rom.js';

const LINE_CONTROL = 3,
  MODEM_CONTROL = 4,
  LINE_STATUS = 5,
  MODEM_STATUS = 6;
const DLAB = 0x80,
  DTR_RTS = 3;
const RECEIVED = 1,
  EMPTY = 0x20;
const TIMED_OUT = 0x80;
/** 110, 150, 300 ... 9600 baud: divisors of 115200. */
const DIVISORS = [1047, 768, 384, 192, 96, 48, 24, 12];
const PRINTER_STATUS = 1,
  PRINTER_CONTROL = 2;
const STROBE = 1,
  SELECT = 8,
  INITIALISE = 4;

export class LineServices {
  private readonly host: BiosHost;
  private readonly labels: BiosProgram['labels'];

  constructor(host: BiosHost, labels: BiosProgram['labels']) {
    this.host = host;
    this.labels = labels;
  }

  serial(r: Registers): void {
    const base = r.dx < 4 ? this.host.memory.read16(BDA.COM + 2 * r.dx) : 0;
    if (base === 0) return;
    const { ports } = this.host;
    if (r.ah === 0) this.initialise(base, r.al);
    else if (r.ah === 1) {
      if ((ports.read(base + LINE_STATUS) & EMPTY) === 0)
        return this.host.processor.jump(this.labels.serialSpin);
      ports.write(base, r.al);
      r.ah = ports.read(base + LINE_STATUS) & 0x7f;
      return;
    } else if (r.ah === 2) return this.receive(r, base);
    else if (r.ah !== 3) return;
    r.ah = ports.read(base + LINE_STATUS) & 0x7f;
    r.al = ports.read(base + MODEM_STATUS);
  }

  private initialise(base: number, setting: number): void {
    const { ports } = this.host;
    const divisor = DIVISORS[setting >> 5]!;
    ports.write(base + LINE_CONTROL, DLAB);
    ports.write(base, divisor & 0xff);
    ports.write(base + 1, divisor >> 8);
    ports.write(base + LINE_CONTROL, setting & 0x1f);
    ports.write(base + 1, 0);
    ports.write(base + MODEM_CONTROL, DTR_RTS);
  }

  /** Nothing there is a time-out at once: callers ask again. */
  private receive(r: Registers, base: number): void {
    const { ports } = this.host;
    const status = ports.read(base + LINE_STATUS);
    if ((status & RECEIVED) === 0) {
      r.ah = TIMED_OUT | (status & 0x7f);
      return;
    }
    r.al = ports.read(base);
    r.ah = status & 0x1e;
  }

  printer(r: Registers): void {
    const base = r.dx < 3 ? this.host.memory.read16(BDA.LPT + 2 * r.dx) : 0;
    if (base === 0) return;
    const { ports } = this.host;
    if (r.ah === 0) {
      ports.write(base, r.al);
      ports.write(base + PRINTER_CONTROL, SELECT | INITIALISE | STROBE);
      ports.write(base + PRINTER_CONTROL, SELECT | INITIALISE);
    } else if (r.ah === 1) {
      ports.write(base + PRINTER_CONTROL, SELECT);
      ports.write(base + PRINTER_CONTROL, SELECT | INITIALISE);
    } else if (r.ah !== 2) return;
    // Acknowledge and error are low-active.
    r.ah = (ports.read(base + PRINTER_STATUS) ^ 0x48) & 0xf8;
  }
}
