/**
 * One RFB client's connection: handshake, messages and updates, without a socket. Sends a picture only when asked for one, so a slow client
 * gets fewer. Malformed input closes the connection.
 * Not implemented: clipboard, continuous updates, fences, tight encoding, changing the size of the guest's screen.
 */
import { BLACK, frameOf } from '../frame.js';
import type { Frame } from '../frame.js';
import type { KeyEvent } from '../us-keyboard.js';
import { changedAreas } from './dirty.js';
import { encodeHextile, encodeRaw, encodeZrle, ENCODING, ZlibStream } from './encodings.js';
import type { CompressPiece } from './encodings.js';
import { ClientKeys, ClientPointer } from './input.js';
import type { MouseMotion } from './input.js';
import { OFFERED, PixelWriter, readFormat } from './pixel-format.js';
import type { Rectangle } from './pixel-format.js';
import * as rfb from './protocol.js';
import { CHALLENGE_BYTES, CLIENT, KNOWN_ENCODINGS, PSEUDO, SECURITY } from './protocol.js';
import { ByteQueue } from './reader.js';

/** What a session needs of the world. */
export interface RfbHost {
  send(bytes: Uint8Array): void;
  /** Ends the connection after what was sent. */
  close(reason: string): void;
  /** The picture as it is now. The session keeps no reference. */
  frame(): Frame;
  keys(events: readonly KeyEvent[]): void;
  mouse(motion: MouseMotion): void;
  /** Scroll, num and caps lock in bits 0 to 2, as the guest has set them. */
  leds(): number;
  readonly compress: CompressPiece;
  readonly name: string;
  /** Absent when everybody may come in. `respond` encrypts a challenge as VNC authentication does. */
  readonly password: { challenge(): Uint8Array; respond(challenge: Uint8Array): Uint8Array } | undefined;
}

type Stage = 'version' | 'security' | 'response' | 'init' | 'running' | 'closed';
const VERSION_BYTES = 12;
const MOST_ANNOUNCEMENTS = 64;
/** Of a pointer event with a second byte of buttons. */
const MARK = 0x80;
const VERSION = 'RFB 003.008\n';

export class RfbSession {
  private readonly host: RfbHost;
  private readonly input = new ByteQueue();
  private readonly keys = new ClientKeys();
  private readonly pointer = new ClientPointer();
  private readonly zrle: ZlibStream;
  private readonly zlib: ZlibStream;
  private stage: Stage = 'version';
  private minor = 8;
  private challenge = new Uint8Array();
  private writer = new PixelWriter(OFFERED);
  private encoding: number = ENCODING.RAW;
  private readonly understands = new Set<number>();
  /** Rectangles without pixels that the next update begins with. */
  private announcements: Uint8Array[] = [];
  /** The picture that the client has; its size is the client's. */
  private shown: Frame;
  /** What the client wants again in full. */
  private wanted: Rectangle | undefined;
  private requested = false;
  /** What the client was told, -1 nothing. */
  private leds = -1;

  constructor(host: RfbHost) {
    this.host = host;
    this.zrle = new ZlibStream(host.compress);
    this.zlib = new ZlibStream(host.compress);
    this.shown = frameOf(0, 0);
    host.send(new TextEncoder().encode(VERSION));
  }

  /** The client waits for a picture. */
  get waits(): boolean {
    return this.requested && this.stage === 'running';
  }

  /** Bytes from the client. */
  receive(bytes: Uint8Array): void {
    if (this.stage === 'closed') return;
    this.input.push(bytes);
    while (this.stage !== ('closed' as Stage) && this.step());
  }

  /** The connection is gone: keys that the client held are let go. */
  end(): void {
    this.stage = 'closed';
    const events = this.keys.releaseAll();
    if (events.length > 0) this.host.keys(events);
  }

  private fail(reason: string): false {
    this.stage = 'closed';
    this.host.close(reason);
    return false;
  }

  /** Handles one message if it is complete; false when there is none. */
  private step(): boolean {
    switch (this.stage) {
      case 'version':
        return this.input.length >= VERSION_BYTES && this.version();
      case 'security':
        return this.input.length >= 1 && this.security();
      case 'response':
        return this.input.length >= CHALLENGE_BYTES && this.response();
      case 'init':
        return this.input.length >= 1 && this.initialise();
      default:
        return this.input.length >= 1 && this.message();
    }
  }

  private version(): boolean {
    const match = /^RFB 003\.(\d{3})\n$/.exec(new TextDecoder().decode(this.input.take(VERSION_BYTES)));
    if (match === null) return this.fail('the client speaks no RFB 3');
    const minor = Number(match[1]);
    this.minor = minor >= 8 ? 8 : minor === 7 ? 7 : 3;
    const kind = this.host.password === undefined ? SECURITY.NONE : SECURITY.VNC;
    if (this.minor > 3) {
      this.host.send(Uint8Array.of(1, kind));
      this.stage = 'security';
    } else {
      this.host.send(rfb.uint32(kind));
      this.begin(kind);
    }
    return true;
  }

  private security(): boolean {
    const kind = this.input.take(1)[0]!;
    const offered = this.host.password === undefined ? SECURITY.NONE : SECURITY.VNC;
    if (kind !== offered) return this.fail(`the client chose security type ${kind}, which was not offered`);
    this.begin(kind);
    return true;
  }

  private begin(kind: number): void {
    if (kind === SECURITY.VNC) {
      this.challenge = Uint8Array.from(this.host.password!.challenge());
      this.host.send(this.challenge);
      this.stage = 'response';
      return;
    }
    if (this.minor >= 8) this.host.send(rfb.uint32(0));
    this.stage = 'init';
  }

  private response(): boolean {
    const expected = this.host.password!.respond(this.challenge);
    const given = this.input.take(CHALLENGE_BYTES);
    let difference = 0;
    for (let i = 0; i < CHALLENGE_BYTES; i++) difference |= expected[i]! ^ given[i]!;
    if (difference !== 0) {
      this.host.send(rfb.uint32(1));
      if (this.minor >= 8) this.host.send(rfb.text('wrong password'));
      return this.fail('wrong password');
    }
    this.host.send(rfb.uint32(0));
    this.stage = 'init';
    return true;
  }

  /** Everybody shares the screen, whatever the client wants. */
  private initialise(): boolean {
    this.input.take(1);
    const { width, height } = this.host.frame();
    this.shown = frameOf(width, height);
    this.host.send(rfb.serverInit(width, height, this.host.name));
    this.stage = 'running';
    return true;
  }

  private message(): boolean {
    const view = this.input.view();
    const size = this.sizeOf(view);
    if (size < 0) return this.fail(`unknown message ${view.getUint8(0)}`);
    if (size === 0 || this.input.length < size) return false;
    this.handle(view);
    if (this.stage === 'closed') return false;
    this.input.skip(size);
    return true;
  }

  /** Bytes of the message, 0 when too few have come to tell, -1 for none that is known. Cut text counts its head only. */
  private sizeOf(view: DataView): number {
    const has = (count: number): boolean => view.byteLength >= count;
    switch (view.getUint8(0)) {
      case CLIENT.SET_PIXEL_FORMAT:
        return 20;
      case CLIENT.SET_ENCODINGS:
        return has(4) ? 4 + 4 * view.getUint16(2) : 0;
      case CLIENT.UPDATE_REQUEST:
        return 10;
      case CLIENT.KEY:
      case CLIENT.CUT_TEXT:
        return 8;
      case CLIENT.POINTER:
        return has(2) ? (this.hasExtendedButtons(view) ? 7 : 6) : 0;
      case CLIENT.SET_DESKTOP_SIZE:
        return has(8) ? 8 + 16 * view.getUint8(6) : 0;
      case CLIENT.QEMU:
        return has(2) ? (view.getUint8(1) === 0 ? 12 : -1) : 0;
      default:
        return -1;
    }
  }

  /** The mark of a client that was told that there may be a second byte of buttons. */
  private hasExtendedButtons(view: DataView): boolean {
    return this.understands.has(PSEUDO.EXTENDED_BUTTONS) && (view.getUint8(1) & MARK) !== 0;
  }

  /** Buttons 1 to 7 in bits 0 to 6, 8 and 9 behind them. */
  private buttons(view: DataView): number {
    const first = view.getUint8(1);
    return this.hasExtendedButtons(view) ? (first & ~MARK) | (view.getUint8(6) << 7) : first;
  }

  private handle(view: DataView): void {
    switch (view.getUint8(0)) {
      case CLIENT.SET_PIXEL_FORMAT:
        return this.setFormat(view);
      case CLIENT.SET_ENCODINGS:
        return this.setEncodings(view);
      case CLIENT.UPDATE_REQUEST:
        return this.request(view);
      case CLIENT.KEY:
        return this.host.keys(this.keys.keysym(view.getUint32(4), view.getUint8(1) !== 0));
      case CLIENT.POINTER:
        return this.host.mouse(this.pointer.event(view.getUint16(2), view.getUint16(4), this.buttons(view)));
      case CLIENT.CUT_TEXT:
        // The extended clipboard gives its length as a negative number.
        return this.input.skip(Math.abs(view.getInt32(4)));
      case CLIENT.SET_DESKTOP_SIZE:
        return this.refuseSize();
      default:
        return this.extendedKey(view);
    }
  }

  private announce(rectangle: Uint8Array): void {
    if (this.announcements.length > MOST_ANNOUNCEMENTS) this.fail('too many requests without an update');
    else this.announcements.push(rectangle);
  }

  private refuseSize(): void {
    this.announce(rfb.desktopSize(this.shown.width, this.shown.height, 1, 1));
  }

  private setFormat(view: DataView): void {
    const format = readFormat(view, 4);
    if (format === undefined) {
      this.fail('a pixel format that nothing can be drawn in');
      return;
    }
    this.writer = new PixelWriter(format);
    this.wanted = { x: 0, y: 0, width: this.shown.width, height: this.shown.height };
    if (!format.trueColour) this.host.send(rfb.colourMap());
  }

  private setEncodings(view: DataView): void {
    const list = Array.from({ length: view.getUint16(2) }, (_, i) => view.getInt32(4 + 4 * i));
    this.encoding = list.find((encoding) => KNOWN_ENCODINGS.includes(encoding)) ?? ENCODING.RAW;
    const { width, height } = this.shown;
    const whole = { x: 0, y: 0, width, height };
    const newly = (encoding: number): boolean => list.includes(encoding) && !this.understands.has(encoding);
    for (const encoding of [PSEUDO.EXTENDED_KEYS, PSEUDO.POINTER_MODE, PSEUDO.EXTENDED_BUTTONS])
      if (newly(encoding)) this.announce(rfb.rectangle(whole, encoding));
    if (newly(PSEUDO.EXTENDED_DESKTOP_SIZE)) this.announce(rfb.desktopSize(width, height, 0, 0));
    if (newly(PSEUDO.LED_STATE)) this.leds = -1;
    this.pointer.relative = list.includes(PSEUDO.POINTER_MODE);
    this.understands.clear();
    for (const encoding of Object.values(PSEUDO)) if (list.includes(encoding)) this.understands.add(encoding);
  }

  private request(view: DataView): void {
    this.requested = true;
    if (view.getUint8(1) === 0)
      this.wanted = { x: 0, y: 0, width: this.shown.width, height: this.shown.height };
  }

  private extendedKey(view: DataView): void {
    const keycode = view.getUint32(8);
    const down = view.getUint16(2) !== 0;
    const known = keycode > 0 && keycode < 0x100;
    this.host.keys(known ? this.keys.key(keycode, down) : this.keys.keysym(view.getUint32(4), down));
  }

  /** Sends what has changed, if the client waits for it and something has. */
  update(): void {
    if (!this.waits) return;
    const frame = this.host.frame();
    const resized = frame.width !== this.shown.width || frame.height !== this.shown.height;
    if (resized && this.resize(frame)) return;
    this.announceLeds();
    const rectangles = this.announcements;
    const picture = resized ? this.fitted(frame) : frame;
    for (const area of this.areas(picture))
      rectangles.push(rfb.rectangle(area, this.encoding, this.encode(picture, area)));
    if (rectangles.length === 0) return;
    this.announcements = [];
    this.requested = false;
    this.wanted = undefined;
    this.shown.pixels.set(picture.pixels);
    this.host.send(rfb.update(rectangles));
  }

  private announceLeds(): void {
    const leds = this.host.leds();
    if (leds === this.leds || !this.understands.has(PSEUDO.LED_STATE)) return;
    this.leds = leds;
    this.announcements.push(rfb.ledState(leds));
  }

  private areas(picture: Frame): Rectangle[] {
    if (this.wanted === undefined) return changedAreas(this.shown, picture);
    const { width, height } = this.wanted;
    return width > 0 && height > 0 ? [this.wanted] : [];
  }

  /** Tells a client that understands it that the screen has another size now; its next request gets the picture. */
  private resize({ width, height }: Frame): boolean {
    const extended = this.understands.has(PSEUDO.EXTENDED_DESKTOP_SIZE);
    if (!extended && !this.understands.has(PSEUDO.DESKTOP_SIZE)) return false;
    this.shown = frameOf(width, height);
    this.wanted = { x: 0, y: 0, width, height };
    this.requested = false;
    const news = extended
      ? rfb.desktopSize(width, height, 0, 0)
      : rfb.rectangle({ x: 0, y: 0, width, height }, PSEUDO.DESKTOP_SIZE);
    this.host.send(rfb.update([news]));
    return true;
  }

  /** The upper left part of the picture in the size that the client was told, black around it. */
  private fitted(frame: Frame): Frame {
    const { width, height } = this.shown;
    const out = frameOf(width, height);
    out.pixels.fill(BLACK);
    for (let y = 0; y < Math.min(height, frame.height); y++) {
      const row = frame.pixels.subarray(y * frame.width, y * frame.width + Math.min(width, frame.width));
      out.pixels.set(row, y * width);
    }
    return out;
  }

  private encode(picture: Frame, area: Rectangle): Uint8Array {
    switch (this.encoding) {
      case ENCODING.HEXTILE:
        return encodeHextile(picture, area, this.writer);
      case ENCODING.ZRLE:
        return encodeZrle(picture, area, this.writer, this.zrle);
      case ENCODING.ZLIB:
        return this.zlib.part(encodeRaw(picture, area, this.writer));
      default:
        return encodeRaw(picture, area, this.writer);
    }
  }
}
