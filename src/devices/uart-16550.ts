/**
 * A 16550A UART. Its interrupt is gated by OUT2, as PC boards wire it. Bytes leave at once, so the transmitter is always empty.
 * Not implemented: baud-rate pacing, parity and framing errors, DMA mode pins.
 */
import type { Clock, Device, Nanoseconds, Wire } from './device.js';
import type { SerialBackend } from './serial-backend.js';

const FIFO = 16;
/** Nanoseconds per bit and divisor step: 16 clocks of 1.8432 MHz. */
const BIT_NS = 16e9 / 1843200;
const IER_RX = 1,
  IER_THRE = 2,
  IER_LINE = 4,
  IER_MODEM = 8;
const LCR_DLAB = 0x80,
  LCR_BREAK = 0x40;
const MCR_OUT2 = 8,
  MCR_LOOP = 0x10;
const LSR_READY = 1,
  LSR_OVERRUN = 2,
  LSR_BREAK = 0x10,
  LSR_THRE = 0x20,
  LSR_TEMT = 0x40,
  LSR_FIFO_ERROR = 0x80;
const IIR_NONE = 1,
  IIR_MODEM = 0,
  IIR_THRE = 2,
  IIR_RX = 4,
  IIR_LINE = 6,
  IIR_TIMEOUT = 12;
const MSR_DELTAS = 15;
/** CTS, DSR and DCD of a connected line. */
const MSR_CONNECTED = 0xb0;
const TRIGGERS = [1, 4, 8, 14] as const;

export interface UartState {
  ier: number;
  lcr: number;
  mcr: number;
  /** Error bits of LSR: overrun, break. */
  errors: number;
  msr: number;
  scratch: number;
  divisor: number;
  fifoEnabled: boolean;
  /** FCR bits 6-7. */
  trigger: number;
  receive: Uint8Array;
  head: number;
  count: number;
  /** The transmitter-empty interrupt is armed and not yet read. */
  transmitPending: boolean;
  /** The four-character time-out has passed. */
  timedOut: boolean;
  /** When the FIFO last took or gave a byte. */
  activity: Nanoseconds;
}

function powerOn(): UartState {
  return {
    ier: 0,
    lcr: 0,
    mcr: 0,
    errors: 0,
    msr: MSR_CONNECTED,
    scratch: 0,
    divisor: 12,
    fifoEnabled: false,
    trigger: 0,
    receive: new Uint8Array(FIFO),
    head: 0,
    count: 0,
    transmitPending: true,
    timedOut: false,
    activity: 0,
  };
}

export class Uart16550 implements Device<UartState> {
  readonly name: string;
  readonly version = 1;
  readonly state = powerOn();
  readonly ports;
  private readonly clock: Clock;
  private readonly irq: Wire;
  private readonly backend: SerialBackend;

  constructor(name: string, port: number, clock: Clock, irq: Wire, backend: SerialBackend) {
    this.name = name;
    this.clock = clock;
    this.irq = irq;
    this.backend = backend;
    this.ports = [
      {
        first: port,
        last: port + 7,
        read: (p: number) => this.read(p - port),
        write: (p: number, _: number, value: number) => this.write(p - port, value),
      },
    ];
    backend.onInput = () => this.refill();
  }

  reset(): void {
    Object.assign(this.state, powerOn());
    this.refill();
    this.update();
  }

  deadline(): Nanoseconds {
    const s = this.state;
    const waits =
      s.fifoEnabled && !s.timedOut && (s.ier & IER_RX) !== 0 && s.count > 0 && s.count < TRIGGERS[s.trigger]!;
    return waits ? s.activity + this.fourCharacters() : Infinity;
  }

  tick(now: Nanoseconds): void {
    if (now >= this.deadline()) this.state.timedOut = true;
    this.update();
  }

  private fourCharacters(): Nanoseconds {
    const { lcr, divisor } = this.state;
    const bits = 1 + 5 + (lcr & 3) + (lcr & 8 ? 1 : 0) + (lcr & 4 ? 2 : 1);
    return Math.ceil(4 * bits * BIT_NS * (divisor === 0 ? 1 : divisor));
  }

  /** Takes bytes from the host while the receiver has room. */
  private refill(): void {
    const s = this.state;
    if (s.mcr & MCR_LOOP) return;
    const room = s.fifoEnabled ? FIFO : 1;
    while (s.count < room) {
      const byte = this.backend.read();
      if (byte < 0) break;
      this.receive(byte & 0xff);
    }
    this.update();
  }

  private receive(byte: number): void {
    const s = this.state;
    const room = s.fifoEnabled ? FIFO : 1;
    s.activity = this.clock.now();
    s.timedOut = false;
    if (s.count === room) {
      s.errors |= LSR_OVERRUN;
      // Without FIFO the new character overwrites the holding register; with it the shift register (16550, 8.6.3 "OE").
      if (!s.fifoEnabled) s.receive[s.head] = byte;
      return;
    }
    s.receive[(s.head + s.count) % FIFO] = byte;
    s.count++;
  }

  private interruptId(): number {
    const s = this.state;
    if (s.ier & IER_LINE && s.errors) return IIR_LINE;
    if (s.ier & IER_RX) {
      if (s.count >= (s.fifoEnabled ? TRIGGERS[s.trigger]! : 1)) return IIR_RX;
      if (s.fifoEnabled && s.timedOut && s.count > 0) return IIR_TIMEOUT;
    }
    if (s.ier & IER_THRE && s.transmitPending) return IIR_THRE;
    return s.ier & IER_MODEM && s.msr & MSR_DELTAS ? IIR_MODEM : IIR_NONE;
  }

  private update(): void {
    const { mcr } = this.state;
    this.irq((mcr & (MCR_OUT2 | MCR_LOOP)) === MCR_OUT2 && this.interruptId() !== IIR_NONE);
  }

  private read(register: number): number {
    const s = this.state;
    const dlab = (s.lcr & LCR_DLAB) !== 0;
    switch (register) {
      case 0:
        return dlab ? s.divisor & 0xff : this.readReceived();
      case 1:
        return dlab ? s.divisor >> 8 : s.ier;
      case 2:
        return this.readInterruptId();
      case 3:
        return s.lcr;
      case 4:
        return s.mcr;
      case 5:
        return this.readLineStatus();
      case 6:
        return this.readModemStatus();
      default:
        return s.scratch;
    }
  }

  private readReceived(): number {
    const s = this.state;
    if (s.count === 0) return s.receive[(s.head + FIFO - 1) % FIFO]!;
    const byte = s.receive[s.head]!;
    s.head = (s.head + 1) % FIFO;
    s.count--;
    s.timedOut = false;
    s.activity = this.clock.now();
    this.update();
    this.refill();
    return byte;
  }

  /** Reading IIR acknowledges the transmitter interrupt when it is the one reported. */
  private readInterruptId(): number {
    const id = this.interruptId();
    if (id === IIR_THRE) {
      this.state.transmitPending = false;
      this.update();
    }
    return id | (this.state.fifoEnabled ? 0xc0 : 0);
  }

  private readLineStatus(): number {
    const s = this.state;
    let value = LSR_THRE | LSR_TEMT | s.errors | (s.count > 0 ? LSR_READY : 0);
    if (s.fifoEnabled && s.errors & LSR_BREAK) value |= LSR_FIFO_ERROR;
    s.errors = 0;
    this.update();
    return value;
  }

  private readModemStatus(): number {
    const value = this.state.msr;
    this.state.msr &= ~MSR_DELTAS;
    this.update();
    return value;
  }

  private write(register: number, value: number): void {
    const s = this.state;
    const dlab = (s.lcr & LCR_DLAB) !== 0;
    switch (register) {
      case 0:
        if (dlab) s.divisor = (s.divisor & 0xff00) | value;
        else this.transmit(value);
        break;
      case 1:
        if (dlab) s.divisor = (s.divisor & 0xff) | (value << 8);
        else this.writeInterruptEnable(value);
        break;
      case 2:
        this.writeFifoControl(value);
        break;
      case 3:
        this.writeLineControl(value);
        break;
      case 4:
        this.writeModemControl(value & 0x1f);
        break;
      case 7:
        s.scratch = value;
        break;
    }
  }

  private transmit(byte: number): void {
    const s = this.state;
    s.transmitPending = false;
    this.update();
    if (s.mcr & MCR_LOOP) this.receive(byte);
    else this.backend.write(byte);
    s.transmitPending = true;
    this.update();
  }

  /** Enabling the transmitter interrupt while the transmitter is empty raises it (again): drivers kick their output so. */
  private writeInterruptEnable(value: number): void {
    const s = this.state;
    if ((value & ~s.ier & IER_THRE) !== 0) s.transmitPending = true;
    s.ier = value & 15;
    this.update();
  }

  private writeFifoControl(value: number): void {
    const s = this.state;
    const enabled = (value & 1) !== 0;
    if (enabled !== s.fifoEnabled || value & 2) {
      s.count = 0;
      s.timedOut = false;
    }
    s.fifoEnabled = enabled;
    s.trigger = enabled ? value >> 6 : 0;
    this.refill();
  }

  private writeLineControl(value: number): void {
    const s = this.state;
    const breakStarts = (value & ~s.lcr & LCR_BREAK) !== 0;
    s.lcr = value;
    if (breakStarts && s.mcr & MCR_LOOP) {
      this.receive(0);
      s.errors |= LSR_BREAK;
      this.update();
    }
  }

  /** In loopback the modem outputs are read back as inputs: DTR→DSR, RTS→CTS, OUT1→RI, OUT2→DCD. */
  private writeModemControl(value: number): void {
    const s = this.state;
    s.mcr = value;
    const looped = ((value & 1) << 5) | ((value & 2) << 3) | ((value & 4) << 4) | ((value & 8) << 4);
    this.setModemInputs(value & MCR_LOOP ? looped : MSR_CONNECTED);
    this.refill();
    this.update();
  }

  private setModemInputs(levels: number): void {
    const s = this.state;
    const changed = (s.msr ^ levels) >> 4;
    // TERI reports the trailing edge of RI only.
    const deltas = (changed & 0x0b) | (changed & 4 && !(levels & 0x40) ? 4 : 0);
    s.msr = levels | (s.msr & MSR_DELTAS) | deltas;
  }
}
