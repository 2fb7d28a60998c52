/**
 * INT 9 turns scan codes into keys in the buffer at 40:1E, INT 16h hands them out (IBM PC/AT and PS/2 BIOS interface).
 * Not implemented: typing a character's number with Alt and the numeric pad, typematic rates (they are accepted).
 */
import { BDA } from './data-area.js';
import type { BiosHost, BiosMemory } from './host.js';
import { KEY, isLetter, isPad, keyWords } from './keyboard-map.js';
import type { Registers } from './registers.js';
import type { BiosProgram } from './rom.js';

const SEGMENT = 0x400;
/** 40:17. */
const RIGHT_SHIFT = 1,
  LEFT_SHIFT = 2,
  CONTROL = 4,
  ALT = 8,
  SCROLL_LOCK = 0x10,
  NUM_LOCK = 0x20,
  CAPS_LOCK = 0x40,
  INSERT = 0x80;
/** 40:18. */
const LEFT_CONTROL = 1,
  LEFT_ALT = 2,
  PAUSED = 8;
/** 40:96. */
const LAST_WAS_E1 = 1,
  LAST_WAS_E0 = 2,
  RIGHT_CONTROL = 4,
  RIGHT_ALT = 8,
  ENHANCED = 0x10;
const RELEASED = 0x80;
const CONTROLLER_RESET = 0xfe;

export class KeyboardService {
  private readonly host: BiosHost;
  private readonly memory: BiosMemory;
  private readonly labels: BiosProgram['labels'];

  constructor(host: BiosHost, labels: BiosProgram['labels']) {
    this.host = host;
    this.memory = host.memory;
    this.labels = labels;
  }

  reset(): void {
    const { memory } = this;
    const start = 0x1e;
    memory.write16(BDA.KEY_HEAD, start);
    memory.write16(BDA.KEY_TAIL, start);
    memory.write16(BDA.KEY_BUFFER_START, start);
    memory.write16(BDA.KEY_BUFFER_END, 0x3e);
    memory.write8(BDA.KEYBOARD_MODE, ENHANCED);
  }

  private get flags(): number {
    return this.memory.read8(BDA.SHIFT_FLAGS);
  }
  private setBit(at: number, bit: number, on: boolean): void {
    const old = this.memory.read8(at);
    this.memory.write8(at, on ? old | bit : old & ~bit);
  }

  /** INT 9 with a byte of scan code set 1. */
  scanCode(byte: number): void {
    const mode = this.memory.read8(BDA.KEYBOARD_MODE);
    if (byte === 0xe0 || byte === 0xe1) {
      this.setBit(BDA.KEYBOARD_MODE, byte === 0xe0 ? LAST_WAS_E0 : LAST_WAS_E1, true);
      return;
    }
    // Answers of the keyboard to commands are no keys.
    if (byte === 0xfa || byte === 0xfe || byte === 0xee || byte === 0) return;
    const extended = (mode & LAST_WAS_E0) !== 0;
    // Pause is E1 1D 45 and the same released: the Control in it is none.
    if ((mode & LAST_WAS_E1) !== 0 && (byte & 0x7f) === KEY.CONTROL) return;
    this.memory.write8(BDA.KEYBOARD_MODE, mode & ~(LAST_WAS_E0 | LAST_WAS_E1));
    if ((mode & LAST_WAS_E1) !== 0) return;
    const scan = byte & 0x7f;
    if (this.modifier(scan, extended, byte < RELEASED)) return;
    if (byte < RELEASED) this.pressed(scan, extended);
  }

  /** Whether the key is one that changes the flags. */
  private modifier(scan: number, extended: boolean, down: boolean): boolean {
    switch (scan) {
      case KEY.SHIFT_LEFT:
      case KEY.SHIFT_RIGHT:
        // E0 2A and E0 36 are made up around grey keys.
        if (!extended) this.setBit(BDA.SHIFT_FLAGS, scan === KEY.SHIFT_LEFT ? LEFT_SHIFT : RIGHT_SHIFT, down);
        return true;
      case KEY.CONTROL:
        this.twin(extended, down, { flag: CONTROL, left: LEFT_CONTROL, right: RIGHT_CONTROL });
        return true;
      case KEY.ALT:
        this.twin(extended, down, { flag: ALT, left: LEFT_ALT, right: RIGHT_ALT });
        return true;
      case KEY.CAPS:
        this.lock(CAPS_LOCK, down);
        return true;
      case KEY.NUM:
        this.lock(NUM_LOCK, down);
        return true;
      case KEY.SCROLL:
        if ((this.flags & CONTROL) !== 0) return false;
        this.lock(SCROLL_LOCK, down);
        return true;
      default:
        return false;
    }
  }

  private twin(right: boolean, down: boolean, bits: { flag: number; left: number; right: number }): void {
    if (right) this.setBit(BDA.KEYBOARD_MODE, bits.right, down);
    else this.setBit(BDA.SHIFT_FLAGS_2, bits.left, down);
    const held =
      (this.memory.read8(BDA.SHIFT_FLAGS_2) & bits.left) |
      (this.memory.read8(BDA.KEYBOARD_MODE) & bits.right);
    this.setBit(BDA.SHIFT_FLAGS, bits.flag, held !== 0);
  }

  /** The bit at 40:18 says that the key is down, so that repeats change nothing. */
  private lock(bit: number, down: boolean): void {
    const held = (this.memory.read8(BDA.SHIFT_FLAGS_2) & bit) !== 0;
    this.setBit(BDA.SHIFT_FLAGS_2, bit, down);
    if (down && !held) this.memory.write8(BDA.SHIFT_FLAGS, this.flags ^ bit);
  }

  private pressed(scan: number, extended: boolean): void {
    const { flags } = this;
    const both = CONTROL | ALT;
    if ((flags & both) === both && scan === KEY.DELETE) return this.host.ports.write(0x64, CONTROLLER_RESET);
    if ((flags & CONTROL) !== 0 && scan === KEY.SCROLL) return this.breakKey();
    if (scan === KEY.PRINT && (extended || (flags & (LEFT_SHIFT | RIGHT_SHIFT)) !== 0)) {
      this.host.processor.jump(this.labels.keyPrint);
      return;
    }
    if (scan === KEY.INSERT && (extended || (flags & NUM_LOCK) === 0))
      this.memory.write8(BDA.SHIFT_FLAGS, flags ^ INSERT);
    const key = this.wordOf(scan, extended);
    if (key !== 0) this.put(key);
  }

  private wordOf(scan: number, extended: boolean): number {
    const { flags } = this;
    const words = keyWords(scan, extended);
    if ((flags & ALT) !== 0) return words.alt;
    if ((flags & CONTROL) !== 0) return words.control;
    let shifted = (flags & (LEFT_SHIFT | RIGHT_SHIFT)) !== 0;
    if (!extended && isPad(scan) && (flags & NUM_LOCK) !== 0) shifted = !shifted;
    if (isLetter(words.plain) && (flags & CAPS_LOCK) !== 0) shifted = !shifted;
    return shifted ? words.shift : words.plain;
  }

  private breakKey(): void {
    this.memory.write8(BDA.BREAK, 0x80);
    this.memory.write16(BDA.KEY_HEAD, this.memory.read16(BDA.KEY_BUFFER_START));
    this.memory.write16(BDA.KEY_TAIL, this.memory.read16(BDA.KEY_BUFFER_START));
    this.put(0);
    this.host.processor.jump(this.labels.keyBreak);
  }

  private after(at: number): number {
    return at + 2 >= this.memory.read16(BDA.KEY_BUFFER_END)
      ? this.memory.read16(BDA.KEY_BUFFER_START)
      : at + 2;
  }

  /** False when the buffer is full. */
  private put(key: number): boolean {
    const tail = this.memory.read16(BDA.KEY_TAIL);
    const next = this.after(tail);
    if (next === this.memory.read16(BDA.KEY_HEAD)) return false;
    this.memory.write16(SEGMENT + tail, key);
    this.memory.write16(BDA.KEY_TAIL, next);
    return true;
  }

  /** INT 16h. */
  handle(r: Registers): void {
    switch (r.ah) {
      case 0x00:
        return this.take(r, false);
      case 0x10:
      case 0x20:
        return this.take(r, true);
      case 0x01:
        return this.look(r, false);
      case 0x11:
      case 0x21:
        return this.look(r, true);
      case 0x02:
        r.al = this.flags;
        return;
      case 0x05:
        r.al = this.put(r.cx) ? 0 : 1;
        return;
      case 0x09:
        r.al = 0x30;
        return;
      case 0x12:
      case 0x22:
        return this.shiftStates(r);
    }
  }

  /** The first key that the caller can know: old ones see neither the codes of a later keyboard nor E0 as character. */
  private first(enhanced: boolean): number | undefined {
    for (;;) {
      const head = this.memory.read16(BDA.KEY_HEAD);
      if (head === this.memory.read16(BDA.KEY_TAIL)) return undefined;
      const key = this.memory.read16(SEGMENT + head);
      if (enhanced) return key;
      const old = oldKey(key);
      if (old !== undefined) return old;
      this.memory.write16(BDA.KEY_HEAD, this.after(head));
    }
  }

  private take(r: Registers, enhanced: boolean): void {
    this.setBit(BDA.SHIFT_FLAGS_2, PAUSED, false);
    const key = this.first(enhanced);
    if (key === undefined) return this.host.processor.jump(this.labels.keyboardWait);
    this.memory.write16(BDA.KEY_HEAD, this.after(this.memory.read16(BDA.KEY_HEAD)));
    r.ax = key;
  }

  private look(r: Registers, enhanced: boolean): void {
    const key = this.first(enhanced);
    r.zero = key === undefined;
    if (key !== undefined) r.ax = key;
  }

  private shiftStates(r: Registers): void {
    const second = this.memory.read8(BDA.SHIFT_FLAGS_2);
    const mode = this.memory.read8(BDA.KEYBOARD_MODE);
    r.al = this.flags;
    r.ah = (second & 0x73) | (mode & (RIGHT_CONTROL | RIGHT_ALT));
  }
}

function oldKey(key: number): number | undefined {
  const [scan, character] = [key >> 8, key & 0xff];
  if (scan === 0xe0) return character === 0x2f ? 0x352f : 0x1c00 | character;
  if (character === 0xe0 && scan !== 0) return key & 0xff00;
  return scan > 0x84 ? undefined : key;
}
