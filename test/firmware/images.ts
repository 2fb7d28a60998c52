/** Kernel images made by hand. */

export interface LinuxOptions {
  version?: number;
  payload?: number;
  initrdMax?: number;
  initSize?: number;
  preferred?: number;
  flags?: number;
}

/** A bzImage with two setup sectors and a payload of 0x90 bytes. */
export function linux(options: LinuxOptions = {}): Uint8Array {
  const {
    version = 0x20f,
    payload = 1000,
    initrdMax = 0x7fffffff,
    initSize = 0x200000,
    preferred = 0x1000000,
    flags = 1,
  } = options;
  const image = new Uint8Array(512 * 3 + payload);
  const view = new DataView(image.buffer);
  image[0x1f1] = 2;
  view.setUint32(0x1f4, Math.ceil(payload / 16), true);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint16(0x200, 0x6aeb, true);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, version, true);
  image[0x211] = flags;
  view.setUint32(0x22c, initrdMax, true);
  view.setUint32(0x238, 2047, true);
  view.setUint32(0x258, preferred, true);
  view.setUint32(0x260, initSize, true);
  image.fill(0x90, 512 * 3);
  return image;
}

export interface Segment {
  physical: number;
  virtual?: number;
  bytes: Uint8Array;
  memory?: number;
}

export function elf(
  entry: number,
  segments: Segment[],
  header: { class?: number; type?: number; machine?: number } = {},
): Uint8Array {
  const start = 52 + 32 * segments.length;
  const length = segments.reduce((sum, s) => sum + s.bytes.length, start);
  const image = new Uint8Array(length);
  const view = new DataView(image.buffer);
  image.set([0x7f, 0x45, 0x4c, 0x46, header.class ?? 1, 1, 1]);
  view.setUint16(16, header.type ?? 2, true);
  view.setUint16(18, header.machine ?? 3, true);
  view.setUint32(24, entry, true);
  view.setUint32(28, 52, true);
  view.setUint16(42, 32, true);
  view.setUint16(44, segments.length, true);
  let at = start;
  segments.forEach((s, i) => {
    const words = [
      1,
      at,
      s.virtual ?? s.physical,
      s.physical,
      s.bytes.length,
      s.memory ?? s.bytes.length,
      7,
      4096,
    ];
    words.forEach((word, j) => view.setUint32(52 + 32 * i + 4 * j, word, true));
    image.set(s.bytes, at);
    at += s.bytes.length;
  });
  return image;
}

/** Puts a multiboot header with the given flags and address fields at `at`. */
export function withMultiboot(
  image: Uint8Array,
  at: number,
  flags: number,
  addresses: number[] = [],
): Uint8Array {
  const view = new DataView(image.buffer);
  const magic = 0x1badb002;
  [magic, flags, -(magic + flags), ...addresses].forEach((word, i) =>
    view.setUint32(at + 4 * i, word >>> 0, true),
  );
  return image;
}

export function bootSector(): Uint8Array {
  const sector = new Uint8Array(512);
  sector.set([0x55, 0xaa], 510);
  return sector;
}
