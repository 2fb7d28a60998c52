/** The RFB server's side of a connection, judged by a small client that follows RFC 6143. */
import { constants, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { compressPiece } from '../../src/cli/host/compression.js';
import { vncResponse } from '../../src/cli/host/vnc-server.js';
import { frameOf, pixelOf } from '../../src/display/frame.js';
import type { Frame } from '../../src/display/frame.js';
import type { MouseMotion } from '../../src/display/rfb/input.js';
import { RfbSession } from '../../src/display/rfb/session.js';
import type { KeyEvent } from '../../src/display/us-keyboard.js';

let sent: number[];
let closed: string | undefined;
let keys: KeyEvent[];
let mouse: MouseMotion[];
let screen: Frame;
let leds = 0;
let session: RfbSession;

function connect(password?: Uint8Array): void {
  sent = [];
  closed = undefined;
  keys = [];
  mouse = [];
  session = new RfbSession({
    send: (bytes) => sent.push(...bytes),
    close: (reason) => (closed = reason),
    frame: () => screen,
    keys: (events) => keys.push(...events),
    mouse: (motion) => mouse.push(motion),
    leds: () => leds,
    compress: compressPiece,
    name: 'guest',
    password: password && {
      challenge: () => Uint8Array.from({ length: 16 }, (_, i) => i),
      respond: (challenge) => vncResponse(password, challenge),
    },
  });
}
const text = (bytes: readonly number[]) => String.fromCharCode(...bytes);
const say = (...bytes: number[]) => session.receive(Uint8Array.from(bytes));
const version = (minor: number) => session.receive(new TextEncoder().encode(`RFB 003.00${minor}\n`));
/** Everything sent since the last call. */
const received = () => sent.splice(0);
const u16 = (value: number) => [value >> 8, value & 255];
const u32 = (value: number) => [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];
const encodings = (...list: number[]) => say(2, 0, ...u16(list.length), ...list.flatMap(u32));
const request = (incremental: number) => say(3, incremental, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff);

function start(): void {
  connect();
  version(8);
  say(1);
  say(1);
  received();
}

interface Rect {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
  readonly encoding: number;
}
/** Reads one update; `decode` is called with each rectangle and the position of its data, and gives the position after it. */
function readUpdate(
  bytes: readonly number[],
  decode: (rect: Rect, view: DataView, at: number) => number,
): Rect[] {
  const view = new DataView(Uint8Array.from(bytes).buffer);
  expect(view.getUint8(0)).toBe(0);
  const rects: Rect[] = [];
  let at = 4;
  for (let i = 0; i < view.getUint16(2); i++) {
    const [x, y, w, h] = [0, 2, 4, 6].map((o) => view.getUint16(at + o)) as [number, number, number, number];
    rects.push({ x, y, w, h, encoding: view.getInt32(at + 8) });
    at = decode(rects.at(-1)!, view, at + 12);
  }
  expect(at).toBe(bytes.length);
  return rects;
}
/** A client's picture, pixels as numbers of its own format. */
class Canvas {
  readonly pixels = new Map<number, number>();
  zlib: number[] = [];
  inflated = 0;
  fill(r: Rect, x: number, y: number, w: number, h: number, value: number): void {
    for (let j = 0; j < h; j++)
      for (let i = 0; i < w; i++) this.pixels.set((r.y + y + j) * 65536 + r.x + x + i, value);
  }
  get(x: number, y: number): number | undefined {
    return this.pixels.get(y * 65536 + x);
  }
  /** The next bytes of the connection's zlib stream. */
  inflate(view: DataView, at: number): { data: DataView; end: number } {
    const length = view.getUint32(at);
    for (let i = 0; i < length; i++) this.zlib.push(view.getUint8(at + 4 + i));
    const all = inflateSync(Uint8Array.from(this.zlib), { finishFlush: constants.Z_SYNC_FLUSH });
    const data = new DataView(Uint8Array.from(all.subarray(this.inflated)).buffer);
    this.inflated = all.length;
    return { data, end: at + 4 + length };
  }
  readonly decode = (r: Rect, view: DataView, at: number): number => {
    if (r.encoding === 0) return this.raw(r, view, at);
    if (r.encoding === 6) {
      const { data, end } = this.inflate(view, at);
      expect(this.raw(r, data, 0)).toBe(data.byteLength);
      return end;
    }
    if (r.encoding === 5) return this.hextile(r, view, at);
    if (r.encoding === 16) {
      const { data, end } = this.inflate(view, at);
      expect(this.zrle(r, data)).toBe(data.byteLength);
      return end;
    }
    return at + (r.encoding === -308 ? 20 : 0);
  };
  raw(r: Rect, view: DataView, at: number): number {
    for (let y = 0; y < r.h; y++)
      for (let x = 0; x < r.w; x++, at += 4) this.fill(r, x, y, 1, 1, view.getUint32(at, true));
    return at;
  }
  hextile(r: Rect, view: DataView, at: number): number {
    let [back, fore] = [0, 0];
    for (let ty = 0; ty < r.h; ty += 16)
      for (let tx = 0; tx < r.w; tx += 16) {
        const [w, h] = [Math.min(16, r.w - tx), Math.min(16, r.h - ty)];
        const flags = view.getUint8(at++);
        if (flags & 1) {
          for (let y = 0; y < h; y++)
            for (let x = 0; x < w; x++, at += 4) this.fill(r, tx + x, ty + y, 1, 1, view.getUint32(at, true));
          continue;
        }
        if (flags & 2) [back, at] = [view.getUint32(at, true), at + 4];
        this.fill(r, tx, ty, w, h, back);
        if (flags & 4) [fore, at] = [view.getUint32(at, true), at + 4];
        if (!(flags & 8)) continue;
        const count = view.getUint8(at++);
        for (let i = 0; i < count; i++) {
          let colour = fore;
          if (flags & 16) [colour, at] = [view.getUint32(at, true), at + 4];
          const [xy, wh] = [view.getUint8(at), view.getUint8(at + 1)];
          at += 2;
          this.fill(r, tx + (xy >> 4), ty + (xy & 15), (wh >> 4) + 1, (wh & 15) + 1, colour);
        }
      }
    return at;
  }
  zrle(r: Rect, view: DataView): number {
    let at = 0;
    const pixel = () => {
      at += 3;
      return view.getUint8(at - 3) | (view.getUint8(at - 2) << 8) | (view.getUint8(at - 1) << 16);
    };
    for (let ty = 0; ty < r.h; ty += 64)
      for (let tx = 0; tx < r.w; tx += 64) {
        const [w, h] = [Math.min(64, r.w - tx), Math.min(64, r.h - ty)];
        const kind = view.getUint8(at++);
        expect(kind).toBeLessThanOrEqual(16);
        const palette = Array.from({ length: kind }, pixel);
        const bits = kind <= 2 ? 1 : kind <= 4 ? 2 : 4;
        for (let y = 0; y < h; y++) {
          for (let x = 0; x < w; x++) {
            if (kind === 0) this.fill(r, tx + x, ty + y, 1, 1, pixel());
            else if (kind === 1) this.fill(r, tx + x, ty + y, 1, 1, palette[0]!);
            else {
              const byte = view.getUint8(at + ((x * bits) >> 3));
              const index = (byte >> (8 - bits - ((x * bits) & 7))) & ((1 << bits) - 1);
              this.fill(r, tx + x, ty + y, 1, 1, palette[index]!);
            }
          }
          if (kind > 1) at += Math.ceil((w * bits) / 8);
        }
      }
    return at;
  }
}
/** 0x00RRGGBB of a pixel of the screen. */
function rgb(x: number, y: number): number {
  const pixel = screen.pixels[y * screen.width + x]!;
  return ((pixel & 255) << 16) | (pixel & 0xff00) | ((pixel >>> 16) & 255);
}
function expectSame(canvas: Canvas): void {
  for (let y = 0; y < screen.height; y++)
    for (let x = 0; x < screen.width; x++)
      if (canvas.get(x, y) !== rgb(x, y))
        throw new Error(`pixel ${x},${y} is ${canvas.get(x, y)}, expected ${rgb(x, y)}`);
}

beforeEach(() => {
  screen = frameOf(100, 70);
  screen.pixels.fill(pixelOf(1, 2, 3));
});

describe('the handshake', () => {
  it('of 3.8 without a password', () => {
    connect();
    expect(text(received())).toBe('RFB 003.008\n');
    version(8);
    expect(received()).toEqual([1, 1]);
    say(1);
    expect(received()).toEqual([0, 0, 0, 0]);
    say(1);
    const format = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
    expect(received()).toEqual([0, 100, 0, 70, ...format, 0, 0, 0, 5, ...new TextEncoder().encode('guest')]);
  });
  it('of 3.3', () => {
    connect();
    received();
    version(3);
    expect(received()).toEqual([0, 0, 0, 1]);
    say(0);
    expect(received().slice(0, 4)).toEqual([0, 100, 0, 70]);
  });
  it('with a password, in pieces', () => {
    const password = new TextEncoder().encode('secret');
    connect(password);
    version(8);
    received();
    say(2);
    const challenge = Uint8Array.from(received());
    expect(challenge).toHaveLength(16);
    for (const byte of vncResponse(password, challenge)) say(byte);
    expect(received()).toEqual([0, 0, 0, 0]);
    connect(password);
    version(8);
    say(2);
    received();
    say(...new Array<number>(16).fill(0));
    expect(received().slice(0, 4)).toEqual([0, 0, 0, 1]);
    expect(closed).toBe('wrong password');
  });
  it('the response is DES with reversed bits', () => {
    // Computed with OpenSSL: des-ecb, key CEA6C64EA62E0000 of "secret", plain text 00 01 ... 0F.
    const response = vncResponse(
      new TextEncoder().encode('secret'),
      Uint8Array.from({ length: 16 }, (_, i) => i),
    );
    expect(Buffer.from(response).toString('hex')).toBe('ee22539f33a5983ec12f9c2edbc995dd');
  });
  it('refuses security types that were not offered', () => {
    connect(Uint8Array.of(65));
    version(8);
    say(1);
    expect(closed).toMatch(/security type 1/);
  });
});

describe('updates', () => {
  const colourful = () =>
    screen.pixels.forEach((_, i) => (screen.pixels[i] = pixelOf((i * 7) & 255, (i >> 3) & 255, i & 255)));
  const blocks = () =>
    screen.pixels.forEach(
      (_, i) => (screen.pixels[i] = pixelOf(((i % 100) >> 3) * 20, 0, (i / 1600) & 1 ? 9 : 0)),
    );
  const twoColours = () =>
    screen.pixels.forEach(
      (_, i) => (screen.pixels[i] = (i * i) % 11 < 3 ? pixelOf(255, 0, 0) : pixelOf(0, 0, 9)),
    );
  it.each([0, 5, 6, 16])('in encoding %i give the screen, again and again', (encoding) => {
    start();
    encodings(encoding);
    const canvas = new Canvas();
    for (const draw of [() => {}, colourful, blocks, twoColours]) {
      draw();
      request(canvas.pixels.size === 0 ? 0 : 1);
      session.update();
      readUpdate(received(), canvas.decode).forEach((rect) => expect(rect.encoding).toBe(encoding));
      expectSame(canvas);
    }
  });
  it('come only when asked for and only if something has changed', () => {
    start();
    session.update();
    expect(received()).toEqual([]);
    request(0);
    session.update();
    expect(received().length).toBe(4 + 12 + 100 * 70 * 4);
    session.update();
    request(1);
    session.update();
    expect(received()).toEqual([]);
    expect(session.waits).toBe(true);
    screen.pixels[69 * 100 + 99] = 0;
    session.update();
    expect(readUpdate(received(), new Canvas().decode)).toEqual([{ x: 64, y: 64, w: 36, h: 6, encoding: 0 }]);
  });
  it('take the first encoding of the client that is known', () => {
    start();
    encodings(7, 5, 16);
    request(0);
    session.update();
    expect(readUpdate(received(), new Canvas().decode)[0]!.encoding).toBe(5);
  });
  it('in other pixel formats', () => {
    screen.pixels.fill(pixelOf(255, 0, 255));
    start();
    say(0, 0, 0, 0, 16, 16, 1, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0);
    request(0);
    session.update();
    expect(received().slice(16, 20)).toEqual([0xf8, 0x1f, 0xf8, 0x1f]);
    say(0, 0, 0, 0, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    expect(received().slice(0, 6)).toEqual([1, 0, 0, 0, 1, 0]);
    request(0);
    session.update();
    expect(received()[16]).toBe(0b11000111);
  });
  it('tell a new size to those who understand', () => {
    start();
    encodings(-308);
    request(0);
    session.update();
    expect(readUpdate(received(), new Canvas().decode).map((r) => r.encoding)).toEqual([-308, 0]);
    screen = frameOf(64, 48);
    request(1);
    session.update();
    expect(readUpdate(received(), new Canvas().decode)).toEqual([
      { x: 0, y: 0, w: 64, h: 48, encoding: -308 },
    ]);
    request(1);
    session.update();
    expect(readUpdate(received(), new Canvas().decode)).toEqual([{ x: 0, y: 0, w: 64, h: 48, encoding: 0 }]);
    say(251, 0, ...u16(10), ...u16(10), 1, 0, ...new Array<number>(16).fill(0));
    request(1);
    session.update();
    expect(readUpdate(received(), new Canvas().decode)).toEqual([
      { x: 1, y: 1, w: 64, h: 48, encoding: -308 },
    ]);
  });
  it('keep the size for those who do not', () => {
    start();
    screen = frameOf(120, 50);
    screen.pixels.fill(pixelOf(9, 9, 9));
    request(0);
    session.update();
    const canvas = new Canvas();
    expect(readUpdate(received(), canvas.decode)).toEqual([{ x: 0, y: 0, w: 100, h: 70, encoding: 0 }]);
    expect([canvas.get(99, 49), canvas.get(99, 50)]).toEqual([0x090909, 0]);
  });
});

describe('input', () => {
  const key = (keysym: number, down: boolean) => say(4, Number(down), 0, 0, ...u32(keysym));
  const shown = () =>
    keys
      .splice(0)
      .map((event) => `${event.down ? '+' : '-'}${event.key.toString(16)}`)
      .join(' ');
  beforeEach(start);
  it('keysyms become keys, with Shift where the client holds none', () => {
    for (const keysym of [0x61, 0x41, 0xff52, 0xffff, 0xffc9, 0x1234567]) {
      key(keysym, true);
      key(keysym, false);
    }
    expect(shown()).toBe('+1e -1e +2a +1e -2a -1e +c8 -c8 +d3 -d3 +58 -58');
    key(0xffe1, true);
    key(0x41, true);
    expect(shown()).toBe('+2a +1e');
    session.end();
    expect(shown()).toBe('-2a -1e');
  });
  it('extended key events are numbers of keys', () => {
    say(255, 0, 0, 1, ...u32(0x61), ...u32(0xc8));
    say(255, 0, 0, 0, ...u32(0x61), ...u32(0xc8));
    say(255, 0, 0, 1, ...u32(0x62), ...u32(0));
    expect(shown()).toBe('+c8 -c8 +30');
  });
  it('the pointer moves the mouse by distances', () => {
    for (const [mask, x, y] of [
      [0, 10, 10],
      [5, 13, 9],
      [16, 13, 9],
      [8, 13, 9],
      [0, 13, 9],
    ] as const)
      say(5, mask, ...u16(x), ...u16(y));
    expect(mouse).toEqual([
      { dx: 0, dy: 0, dz: 0, buttons: 0 },
      { dx: 3, dy: -1, dz: 0, buttons: 3 },
      { dx: 0, dy: 0, dz: 1, buttons: 0 },
      { dx: 0, dy: 0, dz: -1, buttons: 0 },
      { dx: 0, dy: 0, dz: 0, buttons: 0 },
    ]);
    encodings(-257);
    say(5, 0, ...u16(0x7fff + 4), ...u16(0x7fff - 2));
    expect(mouse.at(-1)).toEqual({ dx: 4, dy: -2, dz: 0, buttons: 0 });
  });
  it('back and forward come in a second byte, from clients that were told of it', () => {
    say(5, 0x81, ...u16(1), ...u16(1));
    // The eighth button, in the only byte.
    expect(mouse.at(-1)).toMatchObject({ buttons: 9 });
    encodings(-316);
    for (const second of [0, 1]) say(5, 0x81, ...u16(1), ...u16(1), second);
    expect(mouse.slice(-2).map(({ buttons }) => buttons)).toEqual([1, 9]);
    say(5, 0x82, ...u16(1), ...u16(1), 2, 5, 4, ...u16(1), ...u16(1));
    expect(mouse.slice(-2).map(({ buttons }) => buttons)).toEqual([0x14, 2]);
    request(1);
    session.update();
    expect(readUpdate(received(), new Canvas().decode).map(({ encoding }) => encoding)).toContain(-316);
  });
  it('skips clipboard text, however long, in pieces', () => {
    say(6, 0, 0, 0, ...u32(300));
    session.receive(new Uint8Array(200));
    session.receive(Uint8Array.from([...new Array<number>(100).fill(4), 4, 1, 0, 0, ...u32(0x62)]));
    expect(shown()).toBe('+30');
  });
});

describe('lock lights', () => {
  it('are told when they change', () => {
    start();
    leds = 2;
    encodings(-261);
    const told = (): number[] => {
      request(1);
      session.update();
      const values: number[] = [];
      const bytes = received();
      if (bytes.length > 0)
        readUpdate(bytes, ({ encoding, w, h }, view, at) => {
          if (encoding !== -261) return at + 4 * w * h;
          values.push(view.getUint8(at));
          return at + 1;
        });
      return values;
    };
    expect([told(), told()]).toEqual([[2], []]);
    leds = 6;
    expect([told(), told()]).toEqual([[6], []]);
  });
});

describe('malformed input', () => {
  it.each([
    ['no RFB', 'GET / HTTP/1'],
    ['another version', 'RFB 004.000\n'],
  ])('%s', (_, hello) => {
    connect();
    session.receive(new TextEncoder().encode(hello));
    expect(closed).toBeDefined();
  });
  it.each([
    ['an unknown message', [99]],
    ['a strange pixel format', [0, 0, 0, 0, 24, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]],
    ['shifts beyond the pixel', [0, 0, 0, 0, 16, 16, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]],
    ['an unknown extension', [255, 9]],
  ])('%s closes the connection', (_, bytes) => {
    start();
    say(...bytes);
    expect(closed).toBeDefined();
    say(4, 1, 0, 0, 0, 0, 0, 0x61);
    expect(keys).toEqual([]);
  });
  it('a client that only announces is closed, not remembered', () => {
    start();
    for (let i = 0; i < 100; i++) {
      encodings(-258, -257, -308, -316, -261);
      encodings(0);
    }
    expect(closed).toMatch(/too many requests/);
  });
  it('is the same in pieces of any size', () => {
    const event = fc.oneof(
      fc.tuple(
        fc.constant(4),
        fc.nat(1),
        fc.constant(0),
        fc.constant(0),
        fc.constant(0),
        fc.constant(0),
        fc.nat(255),
        fc.nat(255),
      ),
      fc.tuple(fc.constant(5), fc.nat(255), fc.nat(1), fc.nat(255), fc.nat(1), fc.nat(255)),
      fc.tuple(fc.constant(3), fc.nat(1), ...Array.from({ length: 8 }, () => fc.nat(255))),
      fc
        .array(fc.constantFrom(0, 5, 16, -223, -257, -258, -261, -308, -316), { maxLength: 9 })
        .map((list) => [2, 0, ...u16(list.length), ...list.flatMap(u32)]),
      fc.nat(20).map((length) => [6, 0, 0, 0, ...u32(length), ...new Array<number>(length).fill(4)]),
      fc.nat(3).map((count) => [251, 0, 0, 9, 0, 9, count, 0, ...new Array<number>(16 * count).fill(1)]),
      fc.tuple(fc.nat(1), fc.nat(255)).map(([down, key]) => [255, 0, 0, down, 0, 0, 0, 0x61, 0, 0, 0, key]),
    );
    const outcome = (pieces: readonly Uint8Array[]): unknown[] => {
      start();
      for (const piece of pieces) session.receive(piece);
      session.update();
      session.end();
      return [keys, mouse, closed, received()];
    };
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 9 })),
        (events, sizes) => {
          const bytes = Uint8Array.from(events.flat());
          const pieces: Uint8Array[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = sizes[i % sizes.length] ?? 1;
            pieces.push(bytes.subarray(at, at + size));
            at += size;
          }
          expect(outcome(pieces)).toEqual(outcome([bytes]));
        },
      ),
      { numRuns: 60 },
    );
  });
  it('never throws', () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.constantFrom(0, 2, 3, 4, 5, 6, 251, 255), fc.uint8Array({ minLength: 7, maxLength: 40 }))
        .map(([kind, rest]) => Uint8Array.from([kind, 0, ...rest])),
    );
    fc.assert(
      fc.property(fc.boolean(), fc.array(message, { maxLength: 20 }), (started, messages) => {
        if (started) start();
        else connect(Uint8Array.of(1));
        for (const bytes of messages) {
          session.receive(bytes);
          session.update();
        }
        session.end();
        expect(keys.every(({ key }) => Number.isInteger(key) && key > 0 && key < 256)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
