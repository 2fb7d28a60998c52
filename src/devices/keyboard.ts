/**
 * A PS/2 keyboard of 102 keys: scan code sets 1 and 2, and every command of the IBM PS/2 keyboard. A held key repeats as its user's
 * keyboard does, after the delay and no faster than the rate that the guest has set.
 * Not implemented: set 3 (refused, as by keyboards without it; the commands about its keys change nothing), the time that bytes take on
 * the line.
 */
import type { Clock } from './device.js';
import { ACK, pushBytes, RESEND, SELF_TEST_PASSED } from './ps2.js';
import type { Ps2Device } from './ps2.js';
import { set1Bytes, set2Bytes } from './scan-codes.js';

export interface KeyboardState {
  scanSet: number;
  scanning: boolean;
  /** Scroll, num and caps lock in bits 0 to 2. */
  leds: number;
  /** Delay and rate, as command F3 takes them. */
  typematic: number;
  /** The key that went down last and is still held, 0 none, and when it may repeat, in guest nanoseconds. */
  held: number;
  repeatAt: number;
  /** The command whose data byte is awaited, 0 none. */
  pending: number;
  lastSent: number;
  answers: number[];
  keys: number[];
}

const SET_LEDS = 0xed,
  ECHO = 0xee,
  SET_SCAN_SET = 0xf0,
  IDENTIFY = 0xf2,
  SET_TYPEMATIC = 0xf3,
  ENABLE = 0xf4,
  DISABLE = 0xf5,
  SET_DEFAULTS = 0xf6,
  ALL_KEYS_FIRST = 0xf7,
  ALL_KEYS_LAST = 0xfa,
  KEY_TYPE_FIRST = 0xfb,
  KEY_TYPE_LAST = 0xfd,
  RESET = 0xff;
const IDENTITY = [0xab, 0x83];
const DEFAULT_TYPEMATIC = 0x2b;
const LAST_SCAN_SET = 2;
/** Typematic byte: delay in bits 5 and 6, steps of 250 ms; period (8 + bits 0 to 2) * 2 ^ bits 3 and 4 * 4.17 ms (IBM PS/2, command F3). */
const DELAY_NS = 250_000_000,
  PERIOD_NS = 4_170_000;
/** Bytes of key codes that wait for the host. */
const BUFFER = 16;
/** What an overrun puts at the end of the buffer. */
const OVERRUN_SET_1 = 0xff,
  OVERRUN_SET_2 = 0x00;

export function createKeyboardState(): KeyboardState {
  return {
    scanSet: 2,
    scanning: true,
    leds: 0,
    typematic: DEFAULT_TYPEMATIC,
    held: 0,
    repeatAt: 0,
    pending: 0,
    lastSent: 0,
    answers: [],
    keys: [],
  };
}

export class Keyboard implements Ps2Device {
  readonly state: KeyboardState;
  private readonly clock: Clock;
  private readonly changed: () => void;

  /** `changed` is called when a key made bytes that wait. */
  constructor(state: KeyboardState, clock: Clock, changed: () => void) {
    this.state = state;
    this.clock = clock;
    this.changed = changed;
  }

  reset(): void {
    Object.assign(this.state, createKeyboardState());
  }

  /** Everything that keys sent has been read. */
  get idle(): boolean {
    return this.state.keys.length === 0;
  }

  /** A key goes down (again, when it repeats) or up; `key` as in `scan-codes.ts`. */
  key(key: number, down: boolean): void {
    const s = this.state;
    if (!s.scanning || !this.passes(key, down)) return;
    const bytes = s.scanSet === 1 ? set1Bytes(key, down) : set2Bytes(key, down);
    if (s.keys.length > BUFFER) return;
    if (s.keys.length + bytes.length > BUFFER) s.keys.push(s.scanSet === 1 ? OVERRUN_SET_1 : OVERRUN_SET_2);
    else s.keys.push(...bytes);
    this.changed();
  }

  /** False for a repetition that comes too early. */
  private passes(key: number, down: boolean): boolean {
    const s = this.state;
    if (!down) {
      if (key === s.held) s.held = 0;
      return true;
    }
    const now = this.clock.now();
    const repeats = key === s.held;
    if (repeats && now < s.repeatAt) return false;
    const delay = ((s.typematic >> 5) + 1) * DELAY_NS;
    const period = ((8 + (s.typematic & 7)) << ((s.typematic >> 3) & 3)) * PERIOD_NS;
    s.held = key;
    s.repeatAt = now + (repeats ? period : delay);
    return true;
  }

  next(): number {
    const s = this.state;
    const byte = s.answers.shift() ?? s.keys.shift();
    if (byte === undefined) return -1;
    if (byte !== RESEND) s.lastSent = byte;
    return byte;
  }

  receive(byte: number): void {
    const s = this.state;
    const { pending } = s;
    s.pending = 0;
    // A byte that is itself a command ends a command that waited for data.
    if (pending !== 0 && byte < SET_LEDS) this.data(pending, byte);
    else this.command(byte);
  }

  private answer(...bytes: number[]): void {
    pushBytes(this.state.answers, bytes);
  }

  private data(command: number, byte: number): void {
    const s = this.state;
    if (command === SET_LEDS) s.leds = byte & 7;
    else if (command === SET_TYPEMATIC) s.typematic = byte & 0x7f;
    else if (command === SET_SCAN_SET) return this.scanSetData(byte);
    else s.pending = command;
    this.answer(ACK);
  }

  /** 0 asks for the set in use. */
  private scanSetData(byte: number): void {
    if (byte > LAST_SCAN_SET) return this.answer(RESEND);
    this.answer(ACK);
    if (byte === 0) this.answer(this.state.scanSet);
    else {
      this.state.scanSet = byte;
      this.state.keys.length = 0;
    }
  }

  private command(byte: number): void {
    const s = this.state;
    if (byte === SET_LEDS || byte === SET_SCAN_SET || byte === SET_TYPEMATIC) return this.expectData(byte);
    if (byte >= KEY_TYPE_FIRST && byte <= KEY_TYPE_LAST) return this.expectData(byte);
    if (byte >= ALL_KEYS_FIRST && byte <= ALL_KEYS_LAST) return this.answer(ACK);
    switch (byte) {
      case ECHO:
        return this.answer(ECHO);
      case IDENTIFY:
        return this.answer(ACK, ...IDENTITY);
      case ENABLE:
        s.keys.length = 0;
        s.scanning = true;
        return this.answer(ACK);
      case DISABLE:
      case SET_DEFAULTS:
        this.setDefaults(byte === SET_DEFAULTS);
        return this.answer(ACK);
      case RESEND:
        return this.answer(s.lastSent);
      case RESET:
        this.setDefaults(true);
        s.answers.length = 0;
        s.leds = 0;
        return this.answer(ACK, SELF_TEST_PASSED);
      default:
        return this.answer(RESEND);
    }
  }

  private expectData(command: number): void {
    this.state.pending = command;
    this.answer(ACK);
  }

  private setDefaults(scanning: boolean): void {
    const s = this.state;
    s.scanSet = 2;
    s.typematic = DEFAULT_TYPEMATIC;
    s.keys.length = 0;
    s.scanning = scanning;
  }
}
