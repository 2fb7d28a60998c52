/** Numbers of the RFB protocol 3.3 to 3.8 (RFC 6143) and of the extensions that are understood, and the messages a server sends. */
import { ENCODING } from './encodings.js';
import { FORMAT_BYTES, mapColours, OFFERED, writeFormat } from './pixel-format.js';
import type { Rectangle } from './pixel-format.js';

export const SECURITY = { NONE: 1, VNC: 2 } as const;
export const CLIENT = {
  SET_PIXEL_FORMAT: 0,
  SET_ENCODINGS: 2,
  UPDATE_REQUEST: 3,
  KEY: 4,
  POINTER: 5,
  CUT_TEXT: 6,
  SET_DESKTOP_SIZE: 251,
  QEMU: 255,
} as const;
/** Pseudo-encodings by which clients say what they understand. */
export const PSEUDO = {
  DESKTOP_SIZE: -223,
  POINTER_MODE: -257,
  EXTENDED_KEYS: -258,
  LED_STATE: -261,
  EXTENDED_DESKTOP_SIZE: -308,
  EXTENDED_BUTTONS: -316,
} as const;
export const CHALLENGE_BYTES = 16;

/** In the order of preference when a client has none: small first. */
export const KNOWN_ENCODINGS: readonly number[] = [
  ENCODING.ZRLE,
  ENCODING.ZLIB,
  ENCODING.HEXTILE,
  ENCODING.RAW,
];

export function uint32(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
}

/** Text with its length before it. */
export function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return concatenate([uint32(bytes.length), bytes]);
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function serverInit(width: number, height: number, name: string): Uint8Array {
  const head = new Uint8Array(4 + FORMAT_BYTES);
  const view = new DataView(head.buffer);
  view.setUint16(0, width);
  view.setUint16(2, height);
  writeFormat(view, 4, OFFERED);
  return concatenate([head, text(name)]);
}

/** One rectangle of an update; `data` is what its encoding carries. */
export function rectangle(
  area: Rectangle,
  encoding: number,
  data: Uint8Array = new Uint8Array(),
): Uint8Array {
  const head = new Uint8Array(12);
  const view = new DataView(head.buffer);
  [area.x, area.y, area.width, area.height].forEach((value, i) => view.setUint16(2 * i, value));
  view.setInt32(8, encoding);
  return concatenate([head, data]);
}

export function update(rectangles: readonly Uint8Array[]): Uint8Array {
  return concatenate([Uint8Array.of(0, 0, rectangles.length >> 8, rectangles.length & 0xff), ...rectangles]);
}

/** All 256 entries of a client's colour map. */
export function colourMap(): Uint8Array {
  const colours = mapColours();
  const out = new Uint8Array(6 + colours.length * 2);
  const view = new DataView(out.buffer);
  out[0] = 1;
  view.setUint16(4, 256);
  colours.forEach((value, i) => view.setUint16(6 + 2 * i, value));
  return out;
}

/** Scroll, num and caps lock in bits 0 to 2. */
export function ledState(leds: number): Uint8Array {
  return rectangle({ x: 0, y: 0, width: 1, height: 1 }, PSEUDO.LED_STATE, Uint8Array.of(leds));
}

/** ExtendedDesktopSize with one screen; `reason` 0 the server, 1 this client; `status` 0 done, 1 not allowed. */
export function desktopSize(width: number, height: number, reason: number, status: number): Uint8Array {
  const data = new Uint8Array(20);
  const view = new DataView(data.buffer);
  data[0] = 1;
  view.setUint16(12, width);
  view.setUint16(14, height);
  return rectangle({ x: reason, y: status, width, height }, PSEUDO.EXTENDED_DESKTOP_SIZE, data);
}
