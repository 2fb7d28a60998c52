/**
 * A PS/2 mouse: the standard one of three buttons, with a wheel after sample rates 200, 100, 80 (IntelliMouse) and five buttons after
 * 200, 200, 80 (IntelliMouse Explorer). Motion that the host has not fetched adds up.
 * Not implemented: the pause between reports that the sample rate asks for.
 */
import { ACK, pushBytes, RESEND, SELF_TEST_PASSED } from './ps2.js';
import type { Ps2Device } from './ps2.js';

export interface MouseState {
  /** 0 standard, 3 with a wheel, 4 with five buttons. */
  identity: number;
  reporting: boolean;
  remote: boolean;
  wrap: boolean;
  scaling2: boolean;
  resolution: number;
  sampleRate: number;
  /** The two sample rates before. */
  knock: number[];
  pending: number;
  lastSent: number;
  /** Left, right, middle, fourth, fifth in bits 0 to 4. */
  buttons: number;
  reportedButtons: number;
  /** Counts to the right, up, and of the wheel towards the user, not reported yet. */
  dx: number;
  dy: number;
  dz: number;
  answers: number[];
  reports: number[];
}

const SCALING_1 = 0xe6,
  SCALING_2 = 0xe7,
  SET_RESOLUTION = 0xe8,
  STATUS = 0xe9,
  STREAM = 0xea,
  READ_DATA = 0xeb,
  LEAVE_WRAP = 0xec,
  WRAP = 0xee,
  REMOTE = 0xf0,
  IDENTIFY = 0xf2,
  SET_RATE = 0xf3,
  ENABLE = 0xf4,
  DISABLE = 0xf5,
  SET_DEFAULTS = 0xf6,
  RESET = 0xff;
const WHEEL = 3,
  FIVE_BUTTONS = 4;
/** Motion beyond this is forgotten. */
const MOST_COUNTS = 2047;
/** Unread reports; further button changes wait in `buttons`. */
const MOST_REPORT_BYTES = 64;

export function createMouseState(): MouseState {
  return {
    identity: 0,
    reporting: false,
    remote: false,
    wrap: false,
    scaling2: false,
    resolution: 2,
    sampleRate: 100,
    knock: [0, 0],
    pending: 0,
    lastSent: 0,
    buttons: 0,
    reportedButtons: 0,
    dx: 0,
    dy: 0,
    dz: 0,
    answers: [],
    reports: [],
  };
}

function clamp(value: number, most: number): number {
  return Math.max(-most, Math.min(most, value | 0));
}

/** Scaling 2:1 of stream mode. */
function accelerate(count: number): number {
  const size = Math.abs(count);
  const scaled =
    size <= 1 ? size : size === 2 ? 1 : size === 3 ? 3 : size === 4 ? 6 : size === 5 ? 9 : 2 * size;
  return count < 0 ? -scaled : scaled;
}

export class Mouse implements Ps2Device {
  readonly state: MouseState;
  private readonly changed: () => void;

  /** `changed` is called when motion or a button made something to report. */
  constructor(state: MouseState, changed: () => void) {
    this.state = state;
    this.changed = changed;
  }

  reset(): void {
    Object.assign(this.state, createMouseState());
  }

  /** Counts to the right, down, and of the wheel towards the user; buttons left, right, middle in bits 0 to 2. */
  move(dx: number, dy: number, dz: number, buttons: number): void {
    const s = this.state;
    if (buttons !== s.buttons && this.hasNews() && s.reports.length < MOST_REPORT_BYTES) this.report(true);
    s.dx = clamp(s.dx + dx, MOST_COUNTS);
    s.dy = clamp(s.dy - dy, MOST_COUNTS);
    s.dz = clamp(s.dz + dz, MOST_COUNTS);
    s.buttons = buttons & 0x1f;
    this.changed();
  }

  next(): number {
    const s = this.state;
    if (s.answers.length === 0 && s.reports.length === 0 && this.hasNews()) this.report(true);
    const byte = s.answers.shift() ?? s.reports.shift();
    if (byte === undefined) return -1;
    if (byte !== RESEND) s.lastSent = byte;
    return byte;
  }

  private hasNews(): boolean {
    const s = this.state;
    if (!s.reporting || s.remote || s.wrap) return false;
    return s.dx !== 0 || s.dy !== 0 || s.buttons !== s.reportedButtons || (s.identity !== 0 && s.dz !== 0);
  }

  /** Moves the counts into a report; what does not fit into it stays for the next. */
  private report(stream: boolean): void {
    const s = this.state;
    pushBytes(s.reports, this.packet(stream), MOST_REPORT_BYTES + 4);
  }

  private packet(stream: boolean): number[] {
    const s = this.state;
    const [dx, dy] = [clamp(s.dx, 255), clamp(s.dy, 255)];
    s.dx -= dx;
    s.dy -= dy;
    const scale = (count: number) => (stream && s.scaling2 ? clamp(accelerate(count), 255) : count);
    const [x, y] = [scale(dx), scale(dy)];
    s.reportedButtons = s.buttons;
    const bytes = [0x08 | (s.buttons & 7) | (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0), x & 0xff, y & 0xff];
    return s.identity === 0 ? bytes : [...bytes, this.wheelByte()];
  }

  private wheelByte(): number {
    const s = this.state;
    const dz = clamp(s.dz, 7);
    s.dz -= dz;
    return s.identity === FIVE_BUTTONS ? (dz & 0x0f) | ((s.buttons & 0x18) << 1) : dz & 0xff;
  }

  receive(byte: number): void {
    const s = this.state;
    if (s.wrap && byte !== LEAVE_WRAP && byte !== RESET) return this.answer(byte);
    const { pending } = s;
    s.pending = 0;
    if (pending !== 0) this.data(pending, byte);
    else this.command(byte);
  }

  private answer(...bytes: number[]): void {
    pushBytes(this.state.answers, bytes);
  }

  private data(command: number, byte: number): void {
    const s = this.state;
    if (command === SET_RESOLUTION) s.resolution = byte & 3;
    else this.setRate(byte);
    this.answer(ACK);
  }

  private setRate(rate: number): void {
    const s = this.state;
    const [first, second] = s.knock;
    if (first === 200 && rate === 80 && second === 100) s.identity = WHEEL;
    else if (first === 200 && rate === 80 && second === 200) s.identity = FIVE_BUTTONS;
    s.knock = [second!, rate];
    s.sampleRate = rate;
  }

  /** Counts so far are forgotten by every change of mode. */
  private forget(): void {
    const s = this.state;
    s.dx = s.dy = s.dz = 0;
    s.reports.length = 0;
  }

  private setDefaults(): void {
    const s = this.state;
    this.forget();
    s.reporting = s.remote = s.scaling2 = false;
    s.resolution = 2;
    s.sampleRate = 100;
  }

  private status(): number[] {
    const s = this.state;
    const buttons = ((s.buttons & 1) << 2) | ((s.buttons & 2) >> 1) | ((s.buttons & 4) >> 1);
    const flags = (s.remote ? 0x40 : 0) | (s.reporting ? 0x20 : 0) | (s.scaling2 ? 0x10 : 0);
    return [flags | buttons, s.resolution, s.sampleRate];
  }

  private command(byte: number): void {
    const s = this.state;
    switch (byte) {
      case SET_RESOLUTION:
      case SET_RATE:
        s.pending = byte;
        return this.answer(ACK);
      case STATUS:
        return this.answer(ACK, ...this.status());
      case READ_DATA:
        s.reports.length = 0;
        return this.answer(ACK, ...this.packet(false));
      case IDENTIFY:
        return this.answer(ACK, s.identity);
      case RESEND:
        return this.answer(s.lastSent);
      case RESET:
        this.reset();
        return this.answer(ACK, SELF_TEST_PASSED, 0);
      default:
        return this.answer(this.modeCommand(byte) ? ACK : RESEND);
    }
  }

  /** False for what is no command. */
  private modeCommand(byte: number): boolean {
    const s = this.state;
    if (byte === SCALING_1 || byte === SCALING_2) s.scaling2 = byte === SCALING_2;
    else if (byte === STREAM || byte === REMOTE) {
      this.forget();
      s.remote = byte === REMOTE;
    } else if (byte === WRAP || byte === LEAVE_WRAP) {
      this.forget();
      s.wrap = byte === WRAP;
    } else if (byte === ENABLE || byte === DISABLE) {
      this.forget();
      s.reporting = byte === ENABLE;
    } else if (byte === SET_DEFAULTS) this.setDefaults();
    else return false;
    return true;
  }
}
