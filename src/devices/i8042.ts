/**
 * The 8042 keyboard controller at 60/64 with a keyboard and a PS/2 mouse.
 * Not implemented: serial time (bytes arrive at once), multiplexing mode.
 */
import type { Clock, Device, Wire } from './device.js';
import { createKeyboardState, Keyboard } from './keyboard.js';
import type { KeyboardState } from './keyboard.js';
import { createMouseState, Mouse } from './mouse.js';
import type { MouseState } from './mouse.js';
import { pushBytes } from './ps2.js';
import { translateByte } from './scan-codes.js';

const STATUS_OUTPUT_FULL = 1,
  STATUS_SYSTEM = 4,
  STATUS_COMMAND = 8,
  STATUS_UNLOCKED = 0x10,
  STATUS_AUX = 0x20;
const CONFIG_IRQ1 = 1,
  CONFIG_IRQ12 = 2,
  CONFIG_SYSTEM = 4,
  CONFIG_KEYBOARD_OFF = 0x10,
  CONFIG_AUX_OFF = 0x20,
  CONFIG_TRANSLATE = 0x40;
const OUTPUT_NOT_RESET = 1,
  OUTPUT_A20 = 2;
/** The prefix of a key that is let go; translated, it becomes bit 7 of the next byte. */
const BREAK = 0xf0;
/** Answer to A4. */
const NO_PASSWORD = 0xf1;

export interface I8042State {
  config: number;
  outputPort: number;
  /** The command at 64 that waits for its data byte, 0 none. */
  command: number;
  /** The controller's own answers, which go first; bit 8 when they pose as the mouse's (command D3). */
  controller: number[];
  /** A translated F0 was taken: 0x80 for the next byte, else 0. */
  translatedBreak: number;
  keyboard: KeyboardState;
  mouse: MouseState;
  /** The output buffer: byte, or -1 when empty, and whether it came from the mouse. */
  output: number;
  fromAux: boolean;
  lastByte: number;
  lastWriteWasCommand: boolean;
}

function powerOn(): Omit<I8042State, 'keyboard' | 'mouse'> {
  return {
    config: CONFIG_IRQ1 | CONFIG_IRQ12 | CONFIG_SYSTEM | CONFIG_TRANSLATE,
    outputPort: OUTPUT_NOT_RESET | OUTPUT_A20 | 0xcc,
    command: 0,
    controller: [],
    translatedBreak: 0,
    output: -1,
    fromAux: false,
    lastByte: 0,
    lastWriteWasCommand: false,
  };
}

export interface I8042Wires {
  irq1: Wire;
  irq12: Wire;
  a20: Wire;
  resetPulse: () => void;
}

export class I8042 implements Device<I8042State> {
  readonly name = 'i8042';
  readonly version = 3;
  readonly state: I8042State = { ...powerOn(), keyboard: createKeyboardState(), mouse: createMouseState() };
  readonly keyboard: Keyboard;
  readonly mouse = new Mouse(this.state.mouse, () => this.load());
  readonly ports = [
    {
      first: 0x60,
      last: 0x60,
      read: () => this.readData(),
      write: (_p: number, _s: number, v: number) => this.writeData(v),
    },
    {
      first: 0x64,
      last: 0x64,
      read: () => this.readStatus(),
      write: (_p: number, _s: number, v: number) => this.writeCommand(v),
    },
  ];
  private readonly wires: I8042Wires;

  constructor(wires: I8042Wires, clock: Clock) {
    this.wires = wires;
    this.keyboard = new Keyboard(this.state.keyboard, clock, () => this.load());
  }

  reset(): void {
    Object.assign(this.state, powerOn());
    this.keyboard.reset();
    this.mouse.reset();
    this.wires.a20(true);
    this.update();
  }

  restored(): void {
    this.wires.a20((this.state.outputPort & OUTPUT_A20) !== 0);
  }

  /** Version 2 knew no key that is held. */
  migrate(version: number, state: unknown): I8042State {
    const old = state as I8042State;
    if (version !== 2) return old;
    const fresh = { held: 0, repeatAt: 0, scanSet: Math.min(2, old.keyboard.scanSet) };
    return { ...old, keyboard: { ...old.keyboard, ...fresh } };
  }

  private readStatus(): number {
    const s = this.state;
    return (
      (s.output >= 0 ? STATUS_OUTPUT_FULL | (s.fromAux ? STATUS_AUX : 0) : 0) |
      (s.config & CONFIG_SYSTEM ? STATUS_SYSTEM : 0) |
      (s.lastWriteWasCommand ? STATUS_COMMAND : 0) |
      STATUS_UNLOCKED
    );
  }

  private readData(): number {
    const s = this.state;
    if (s.output >= 0) s.lastByte = s.output;
    s.output = -1;
    this.update();
    this.load();
    return s.lastByte;
  }

  /** Moves the next waiting byte into the empty output buffer. */
  private load(): void {
    const s = this.state;
    if (s.output >= 0) return;
    const own = s.controller.shift() ?? -1;
    if (own >= 0) this.put(own & 0xff, own > 0xff);
    else if (!this.loadKeyboard()) this.loadMouse();
    this.update();
  }

  private put(byte: number, fromAux: boolean): void {
    this.state.output = byte;
    this.state.fromAux = fromAux;
  }

  /** False when the keyboard has nothing to say. */
  private loadKeyboard(): boolean {
    const s = this.state;
    if (s.config & CONFIG_KEYBOARD_OFF) return false;
    let byte = this.keyboard.next();
    if (s.config & CONFIG_TRANSLATE) {
      for (; byte === BREAK; byte = this.keyboard.next()) s.translatedBreak = 0x80;
      if (byte < 0) return false;
      byte = translateByte(byte) | (byte < 0x90 ? s.translatedBreak : 0);
      s.translatedBreak = 0;
    }
    if (byte < 0) return false;
    this.put(byte, false);
    return true;
  }

  private loadMouse(): void {
    const byte = this.state.config & CONFIG_AUX_OFF ? -1 : this.mouse.next();
    if (byte >= 0) this.put(byte, true);
  }

  private update(): void {
    const s = this.state;
    const full = s.output >= 0;
    this.wires.irq1(full && !s.fromAux && (s.config & CONFIG_IRQ1) !== 0);
    this.wires.irq12(full && s.fromAux && (s.config & CONFIG_IRQ12) !== 0);
  }

  private answer(...bytes: number[]): void {
    pushBytes(this.state.controller, bytes);
    this.load();
  }

  private writeCommand(value: number): void {
    const s = this.state;
    s.lastWriteWasCommand = true;
    s.command = 0;
    if (value >= 0x20 && value <= 0x3f) this.answer(value === 0x20 ? s.config : 0);
    else if (value >= 0x60 && value <= 0x7f) s.command = value;
    else if (value >= 0xf0) this.pulse(value);
    else this.controllerCommand(value);
  }

  private controllerCommand(value: number): void {
    const s = this.state;
    switch (value) {
      case 0xa4:
        return this.answer(NO_PASSWORD);
      case 0xa7:
        return this.setConfig(s.config | CONFIG_AUX_OFF);
      case 0xa8:
        return this.setConfig(s.config & ~CONFIG_AUX_OFF);
      case 0xa9:
      case 0xab:
        return this.answer(0);
      case 0xaa:
        s.config |= CONFIG_SYSTEM;
        return this.answer(0x55);
      case 0xad:
        return this.setConfig(s.config | CONFIG_KEYBOARD_OFF);
      case 0xae:
        return this.setConfig(s.config & ~CONFIG_KEYBOARD_OFF);
      case 0xc0:
        return this.answer(0x80);
      case 0xd0:
        return this.answer(s.outputPort);
      case 0xdd:
        return this.writeOutputPort(s.outputPort & ~OUTPUT_A20);
      case 0xdf:
        return this.writeOutputPort(s.outputPort | OUTPUT_A20);
      case 0xe0:
        // Both clock lines idle.
        return this.answer(0);
      case 0xd1:
      case 0xd2:
      case 0xd3:
      case 0xd4:
        s.command = value;
    }
  }

  /** F0-FF pulse the output-port bits that are 0 in the low nibble; bit 0 is the processor's reset. */
  private pulse(value: number): void {
    if ((value & 1) === 0) this.wires.resetPulse();
  }

  private setConfig(value: number): void {
    this.state.config = value;
    this.load();
  }

  private writeData(value: number): void {
    const s = this.state;
    const { command } = s;
    s.lastWriteWasCommand = false;
    s.command = 0;
    if (command === 0) this.toKeyboard(value);
    else if (command === 0x60) this.setConfig(value);
    else if (command === 0xd1) this.writeOutputPort(value);
    else if (command === 0xd2) this.answer(value);
    else if (command === 0xd3) this.answer(value | 0x100);
    else if (command === 0xd4) this.toMouse(value);
  }

  private writeOutputPort(value: number): void {
    this.state.outputPort = value;
    this.wires.a20((value & OUTPUT_A20) !== 0);
    if ((value & OUTPUT_NOT_RESET) === 0) this.wires.resetPulse();
  }

  private toKeyboard(value: number): void {
    this.state.config &= ~CONFIG_KEYBOARD_OFF;
    this.keyboard.receive(value);
    this.load();
  }

  private toMouse(value: number): void {
    this.state.config &= ~CONFIG_AUX_OFF;
    this.mouse.receive(value);
    this.load();
  }
}
