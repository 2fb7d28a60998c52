/** INT 15h function C2 and IRQ 12: the PS/2 mouse for drivers that let the BIOS talk to it (PS/2 BIOS interface, "Pointing Device"). */
import { BDA, EBDA } from './data-area.js';
import { DS, SS } from './host.js';
import type { BiosHost } from './host.js';
import type { Registers } from './registers.js';
import type { BiosProgram } from './rom.js';

const DATA = 0x60,
  CONTROL = 0x64;
const TO_MOUSE = 0xd4,
  KEYBOARD_OFF = 0xad,
  KEYBOARD_ON = 0xae,
  MOUSE_ON = 0xa8;
const OUTPUT_FULL = 1,
  FROM_MOUSE = 0x20;
const ACKNOWLEDGE = 0xfa;
const RESET = 0xff,
  ENABLE = 0xf4,
  DISABLE = 0xf5,
  SET_RATE = 0xf3,
  SET_RESOLUTION = 0xe8,
  STATUS = 0xe9,
  DEFAULTS = 0xf6;
/** How many bytes may be in the way of an answer. */
const PATIENCE = 32;
const RATES = [10, 20, 40, 60, 80, 100, 200];
const INVALID_FUNCTION = 1,
  INVALID_INPUT = 2,
  INTERFACE_ERROR = 3,
  NO_HANDLER = 5;
/** Of EBDA.MOUSE_FLAGS_2. */
const HAS_HANDLER = 0x80;
const ESP = 4;

export class MouseService {
  private readonly host: BiosHost;
  private readonly labels: BiosProgram['labels'];

  constructor(host: BiosHost, labels: BiosProgram['labels']) {
    this.host = host;
    this.labels = labels;
  }

  private get area(): number {
    return this.host.memory.read16(BDA.EBDA_SEGMENT) * 16;
  }

  /** The mouse's bytes in answer to one of ours; keys in between are lost, as they are on hardware without a second buffer. */
  private answers(count: number): number[] {
    const { ports } = this.host;
    const bytes: number[] = [];
    for (let i = 0; i < PATIENCE && bytes.length < count; i++) {
      const status = ports.read(CONTROL);
      if ((status & OUTPUT_FULL) === 0) break;
      const byte = ports.read(DATA);
      if ((status & FROM_MOUSE) !== 0) bytes.push(byte);
    }
    return bytes;
  }

  /** Undefined when the mouse does not acknowledge. */
  private command(bytes: readonly number[], answers = 0): number[] | undefined {
    const { ports } = this.host;
    ports.write(CONTROL, KEYBOARD_OFF);
    let result: number[] = [];
    for (const [i, byte] of bytes.entries()) {
      ports.write(CONTROL, TO_MOUSE);
      ports.write(DATA, byte);
      result = this.answers(1 + (i === bytes.length - 1 ? answers : 0));
      if (result[0] !== ACKNOWLEDGE) break;
    }
    ports.write(CONTROL, KEYBOARD_ON);
    return result[0] === ACKNOWLEDGE && result.length === 1 + answers ? result.slice(1) : undefined;
  }

  private simple(...bytes: number[]): number {
    return this.command(bytes) === undefined ? INTERFACE_ERROR : 0;
  }

  handle(r: Registers): void {
    const status = this.call(r);
    r.ah = status;
    r.carry = status !== 0;
  }

  private call(r: Registers): number {
    switch (r.al) {
      case 0:
        return this.enable(r.bh);
      case 1:
        return this.resetMouse(r);
      case 2:
        return RATES[r.bh] === undefined ? INVALID_INPUT : this.simple(SET_RATE, RATES[r.bh]!);
      case 3:
        return r.bh > 3 ? INVALID_INPUT : this.simple(SET_RESOLUTION, r.bh);
      case 4:
        r.bh = 0;
        return 0;
      case 5:
        return this.initialise(r);
      case 6:
        return this.extended(r);
      case 7:
        return this.setHandler(r);
      default:
        return INVALID_FUNCTION;
    }
  }

  private enable(on: number): number {
    const { memory, ports } = this.host;
    if (on > 1) return INVALID_INPUT;
    if (on === 1 && (memory.read8(this.area + EBDA.MOUSE_FLAGS_2) & HAS_HANDLER) === 0) return NO_HANDLER;
    ports.write(CONTROL, MOUSE_ON);
    memory.write8(this.area + EBDA.MOUSE_FLAGS, 0);
    return this.simple(on === 1 ? ENABLE : DISABLE);
  }

  private resetMouse(r: Registers): number {
    const answer = this.command([RESET], 2);
    if (answer === undefined) return INTERFACE_ERROR;
    r.bl = answer[0]!;
    r.bh = answer[1]!;
    return 0;
  }

  private initialise(r: Registers): number {
    if (r.bh < 1 || r.bh > 8) return INVALID_INPUT;
    const { memory } = this.host;
    const at = this.area + EBDA.MOUSE_FLAGS_2;
    memory.write8(at, (memory.read8(at) & ~7) | (r.bh - 1));
    memory.write8(this.area + EBDA.MOUSE_FLAGS, 0);
    return this.simple(DEFAULTS);
  }

  private extended(r: Registers): number {
    if (r.bh === 1 || r.bh === 2) return this.simple(r.bh === 1 ? 0xe6 : 0xe7);
    if (r.bh !== 0) return INVALID_FUNCTION;
    const status = this.command([STATUS], 3);
    if (status === undefined) return INTERFACE_ERROR;
    [r.bl, r.cl, r.dl] = status as [number, number, number];
    return 0;
  }

  private setHandler(r: Registers): number {
    const { memory } = this.host;
    const at = this.area + EBDA.MOUSE_HANDLER;
    const segment = r.es(0) >>> 4;
    memory.write16(at, r.bx);
    memory.write16(at + 2, segment);
    const flags = memory.read8(this.area + EBDA.MOUSE_FLAGS_2);
    const on = segment !== 0 || r.bx !== 0;
    memory.write8(this.area + EBDA.MOUSE_FLAGS_2, on ? flags | HAS_HANDLER : flags & ~HAS_HANDLER);
    return 0;
  }

  /** IRQ 12: collects a packet; when it is whole, the driver's handler is called with it on the stack. */
  interrupt(): void {
    const { memory, ports, processor } = this.host;
    const status = ports.read(CONTROL);
    if ((status & (OUTPUT_FULL | FROM_MOUSE)) !== (OUTPUT_FULL | FROM_MOUSE)) return;
    const byte = ports.read(DATA);
    const { area } = this;
    const flags = memory.read8(area + EBDA.MOUSE_FLAGS_2);
    if ((flags & HAS_HANDLER) === 0) return;
    const index = memory.read8(area + EBDA.MOUSE_FLAGS) & 7;
    const last = flags & 7;
    memory.write8(area + EBDA.MOUSE_DATA + index, byte);
    memory.write8(area + EBDA.MOUSE_FLAGS, index >= last ? 0 : index + 1);
    if (index < last) return;
    const packet = [0, 1, 2, 3].map((i) => (i <= last ? memory.read8(area + EBDA.MOUSE_DATA + i) : 0));
    for (const word of packet) this.push(word);
    processor.load(DS, memory.read16(BDA.EBDA_SEGMENT));
    processor.jump(this.labels.mouseCall);
  }

  private push(word: number): void {
    const { registers } = this.host.processor;
    const sp = (registers[ESP]! - 2) & 0xffff;
    registers[ESP] = (registers[ESP]! & ~0xffff) | sp;
    this.host.memory.write16(this.host.processor.base(SS) + sp, word);
  }
}
