/** Pictures and text made of the adapter's state, dot by dot. */
import { inflateSync, deflateSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { codeOf, CODE_PAGE_437 } from '../../src/display/code-page-437.js';
import { pixelOf } from '../../src/display/frame.js';
import type { Frame } from '../../src/display/frame.js';
import { crc32, encodePng } from '../../src/display/png.js';
import { renderFrame } from '../../src/display/render.js';
import { screenText, textScreen } from '../../src/display/screen-text.js';
import { blinkPhase } from '../../src/display/text-mode.js';
import { characterFont } from '../../src/firmware/font.js';
import { TestScreen } from './screen.js';

let screen: TestScreen;
beforeEach(() => {
  screen = new TestScreen();
  screen.set(0x3d4, 0x0a, 0x20);
});

const render = (phase?: { cursor: boolean; text: boolean }) => renderFrame(screen.state, phase);
const at = (frame: Frame, x: number, y: number) => frame.pixels[y * frame.width + x]!;
const GREY = pixelOf(0xaa, 0xaa, 0xaa);
const BLUE = pixelOf(0, 0, 0xaa);
const BLACK = pixelOf(0, 0, 0);
const YELLOW = pixelOf(0xff, 0xff, 0x55);
/** One line of a cell as text. */
const dots = (frame: Frame, x: number, y: number, width: number, back: number) =>
  Array.from({ length: width }, (_, i) => (at(frame, x + i, y) === back ? '.' : '#')).join('');

describe('text', () => {
  it('is read in Unicode', () => {
    screen.print(3, 1, 'Hello');
    screen.print(0, 24, [0xc9, 0xcd, 0xbb, 0x01, 0x00, 0x9c]);
    const lines = screenText(screen.state);
    expect(lines).toHaveLength(25);
    expect([lines[0], lines[1], lines[24]]).toEqual(['', '   Hello', '╔═╗☺ £']);
  });
  it('follows the start address and the split', () => {
    screen.print(0, 0, 'top');
    screen.print(0, 1, 'first');
    screen.set(0x3d4, 0x0d, 80);
    expect(screenText(screen.state)[0]).toBe('first');
    // Line compare 10 rows down: from there on it is address 0 again.
    screen.set(0x3d4, 7, 0x0f);
    screen.set(0x3d4, 9, 0x0f);
    screen.set(0x3d4, 0x18, 159);
    expect([0, 10, 11].map((row) => screenText(screen.state)[row])).toEqual(['first', 'top', 'first']);
  });
  it('of 50 lines', () => {
    screen.set(0x3d4, 9, 0x47);
    screen.print(0, 49, 'last');
    expect(screenText(screen.state)).toHaveLength(50);
    expect(screenText(screen.state)[49]).toBe('last');
  });
  it('has a cursor', () => {
    screen.set(0x3d4, 0x0a, 13);
    screen.set(0x3d4, 0x0f, 82);
    expect(textScreen(screen.state)!.cursor).toEqual({ column: 2, row: 1 });
    screen.set(0x3d4, 0x0a, 0x20);
    expect(textScreen(screen.state)!.cursor).toBeUndefined();
  });
  it('is absent when the screen is off or shows graphics', () => {
    screen.set(0x3c4, 1, 0x20);
    expect(screenText(screen.state)).toEqual([]);
    screen.set(0x3c4, 1, 0);
    expect(screenText(screen.state)).toHaveLength(25);
    screen.set(0x3ce, 6, 5);
    expect(screenText(screen.state)).toEqual([]);
  });
  it('code page 437 is 256 characters and goes both ways', () => {
    expect(CODE_PAGE_437).toHaveLength(256);
    expect(CODE_PAGE_437.every((c) => [...c].length === 1)).toBe(true);
    expect(['A', ' ', '█', 'ß', '─'].map(codeOf)).toEqual([0x41, 0x20, 0xdb, 0xe1, 0xc4]);
  });
});

describe('text as pixels', () => {
  it('shows glyphs in their colours', () => {
    screen.print(2, 1, 'A', 0x1e);
    const frame = render();
    expect([frame.width, frame.height]).toEqual([720, 400]);
    const glyph = characterFont(16).subarray(0x41 * 16, 0x42 * 16);
    for (let row = 0; row < 16; row++) {
      const bits = glyph[row]!.toString(2).padStart(8, '0').replaceAll('0', '.').replaceAll('1', '#');
      expect(dots(frame, 18, 16 + row, 9, BLUE)).toBe(`${bits}.`);
    }
    expect([at(frame, 18, 16), at(frame, 22, 18)]).toEqual([BLUE, YELLOW]);
  });
  it('line graphics reach into the ninth column, other characters do not', () => {
    screen.print(0, 0, [0xc4, 0xdb, 0xb1]);
    const frame = render();
    expect(dots(frame, 0, 7, 9, BLACK)).toBe('#########');
    expect(dots(frame, 9, 0, 9, BLACK)).toBe('#########');
    expect(dots(frame, 18, 0, 9, BLACK)).toMatch(/\.$/);
    screen.attribute(0x10, 8);
    expect(dots(render(), 0, 7, 9, BLACK)).toBe('########.');
  });
  it('cells of eight dots', () => {
    screen.set(0x3c4, 1, 1);
    expect(render().width).toBe(640);
  });
  it('cursor and blinking text come and go', () => {
    screen.set(0x3d4, 0x0a, 14);
    screen.set(0x3d4, 0x0b, 15);
    screen.print(1, 0, [0xdb], 0x87);
    const [on, off] = [render(), render({ cursor: false, text: false })];
    expect([at(on, 0, 13), at(on, 0, 14), at(on, 0, 15), at(on, 9, 0)]).toEqual([BLACK, GREY, GREY, GREY]);
    expect([at(off, 0, 14), at(off, 9, 0)]).toEqual([BLACK, BLACK]);
    screen.attribute(0x10, 4);
    expect(at(render({ cursor: false, text: false }), 9, 0)).toBe(GREY);
  });
  it('blinks with the frames', () => {
    const frames = (count: number) => blinkPhase(count * 16_666_667);
    expect([frames(0), frames(8), frames(16)]).toEqual([
      { cursor: true, text: true },
      { cursor: false, text: true },
      { cursor: true, text: false },
    ]);
  });
  it('attribute bit 3 chooses the second font', () => {
    screen.set(0x3c4, 3, 0x04);
    screen.print(0, 0, [0xdb], 0x0f);
    screen.print(1, 0, [0xdb], 0x07);
    expect([at(render(), 0, 0), at(render(), 9, 0)]).toEqual([BLACK, GREY]);
  });
  it('panning and preset row scan move the picture', () => {
    screen.print(0, 0, [0xdd]);
    screen.print(0, 1, [0xdb]);
    const edge = (frame: Frame) => dots(frame, 0, 0, 6, BLACK);
    expect(edge(render())).toBe('####..');
    screen.attribute(0x13, 1);
    expect(edge(render())).toBe('##....');
    screen.attribute(0x13, 8);
    screen.set(0x3d4, 8, 15);
    expect([dots(render(), 0, 0, 6, BLACK), dots(render(), 0, 1, 6, BLACK)]).toEqual(['####..', '######']);
  });
});

/** Registers of a graphics mode that differ from mode 3. */
function mode(sequencer4: number, graphics5: number, crtc: Readonly<Record<number, number>>): void {
  screen.set(0x3d4, 0x11, 0);
  for (const [index, value] of Object.entries(crtc)) screen.set(0x3d4, Number(index), value);
  screen.set(0x3c4, 1, 1);
  screen.set(0x3c4, 2, 0x0f);
  screen.set(0x3c4, 4, sequencer4);
  screen.set(0x3ce, 5, graphics5);
  screen.set(0x3ce, 6, 5);
  screen.state.memory.fill(0);
  screen.attribute(0x13, 0);
}
const MODE_13: Readonly<Record<number, number>> = { 9: 0x41, 0x12: 0x8f, 0x13: 0x28, 0x14: 0x40, 0x17: 0xa3 };
const MODE_X: Readonly<Record<number, number>> = { ...MODE_13, 0x14: 0, 0x17: 0xe3 };
const MODE_12: Readonly<Record<number, number>> = {
  7: 0x3e,
  9: 0x40,
  0x12: 0xdf,
  0x13: 0x28,
  0x14: 0,
  0x17: 0xe3,
};
const write = (offset: number, value: number) => screen.access.writeMemory(0xa0000 + offset, value);

describe('graphics', () => {
  beforeEach(() => {
    for (let i = 0; i < 256; i++) screen.colour(i, i & 63, 63 - (i & 63), i >> 2);
  });
  const colour = (i: number) => {
    const wide = (v: number) => (v << 2) | (v >> 4);
    return pixelOf(wide(i & 63), wide(63 - (i & 63)), wide(i >> 2));
  };

  it('mode 13h doubles pixels and lines', () => {
    mode(0x0e, 0x40, MODE_13);
    write(0, 1);
    write(1, 2);
    write(320, 3);
    write(319 + 199 * 320, 4);
    const frame = render();
    expect([frame.width, frame.height]).toEqual([640, 400]);
    expect([0, 1, 2, 3, 4].map((x) => at(frame, x, 1))).toEqual([1, 1, 2, 2, 0].map(colour));
    expect([at(frame, 0, 2), at(frame, 639, 399), at(frame, 637, 399)]).toEqual([3, 4, 0].map(colour));
  });
  it('mode X has four pixels at each address', () => {
    mode(6, 0x40, MODE_X);
    screen.set(0x3c4, 2, 0b0100);
    write(1, 9);
    expect([11, 12, 13, 14].map((x) => at(render(), x, 0))).toEqual([0, 9, 9, 0].map(colour));
    screen.set(0x3d4, 0x0d, 1);
    expect(at(render(), 4, 0)).toBe(colour(9));
    screen.attribute(0x13, 2);
    expect(at(render(), 2, 0)).toBe(colour(9));
  });
  it('mode 12h has sixteen colours through the palette', () => {
    mode(6, 0, MODE_12);
    for (let i = 0; i < 16; i++) screen.attribute(i, 15 - i);
    screen.access.readPort(0x3da);
    for (let i = 0; i < 16; i++) for (const byte of [i, 15 - i]) screen.access.writePort(0x3c0, byte);
    screen.access.writePort(0x3c0, 0x20);
    screen.set(0x3c4, 2, 0b1010);
    write(80, 0x80);
    const frame = render();
    expect([frame.width, frame.height]).toEqual([640, 480]);
    expect([at(frame, 0, 1), at(frame, 1, 1)]).toEqual([colour(5), colour(15)]);
  });
  it('splits at line compare, without panning below if so chosen', () => {
    mode(6, 0x40, { ...MODE_X, 0x18: 99, 7: 0x0f, 9: 0x01 });
    screen.state.memory[0] = 7;
    screen.set(0x3d4, 0x0c, 0x40);
    screen.attribute(0x13, 2);
    expect([at(render(), 0, 99), at(render(), 0, 100)]).toEqual([colour(0), colour(0)]);
    screen.attribute(0x10, 0x61);
    expect([at(render(), 0, 99), at(render(), 0, 100)]).toEqual([colour(0), colour(7)]);
  });
  it('a blank screen is black and keeps its size', () => {
    mode(0x0e, 0x40, MODE_13);
    screen.access.readPort(0x3da);
    screen.access.writePort(0x3c0, 0);
    const frame = render();
    expect([frame.width, frame.height, at(frame, 0, 0)]).toEqual([640, 400, BLACK]);
  });
});

describe('framebuffers', () => {
  function linear(bpp: number, bytes: readonly number[]): Frame {
    [64, 48, bpp].forEach((value, i) => screen.dispi(1 + i, value));
    screen.dispi(4, 0x41);
    screen.state.memory.set(bytes, 0);
    return render();
  }
  it.each([
    [15, [0x00, 0x7c, 0xe0, 0x03]],
    [16, [0x00, 0xf8, 0xe0, 0x07]],
    [24, [0, 0, 0xff, 0, 0xff, 0]],
    [32, [0, 0, 0xff, 0, 0, 0xff, 0, 0]],
  ])('%i bits per pixel', (bpp, bytes) => {
    const frame = linear(bpp, bytes);
    expect([frame.width, frame.height]).toEqual([64, 48]);
    expect([0, 1, 2].map((x) => at(frame, x, 0))).toEqual([pixelOf(255, 0, 0), pixelOf(0, 255, 0), BLACK]);
  });
  it('8 bits through the palette, of 8 bits if so chosen', () => {
    screen.colour(3, 0x3f, 0, 0x20);
    expect(at(linear(8, [3]), 0, 0)).toBe(pixelOf(255, 0, 0x82));
    screen.dispi(4, 0x61);
    screen.colour(3, 0x81, 1, 2);
    expect(at(render(), 0, 0)).toBe(pixelOf(0x81, 1, 2));
  });
  it('4 bits in planes', () => {
    const frame = linear(4, [0x80, 0, 0, 0x40]);
    expect([0, 1, 2].map((x) => at(frame, x, 0))).toEqual([BLUE, pixelOf(0x55, 0x55, 0x55), BLACK]);
  });
  it('are a window on a larger screen', () => {
    linear(32, []);
    screen.dispi(6, 128);
    screen.dispi(8, 8);
    screen.dispi(9, 1);
    screen.state.memory.set([1, 2, 3], (128 + 8) * 4);
    expect(at(render(), 0, 0)).toBe(pixelOf(3, 2, 1));
  });
});

describe('PNG', () => {
  it('is what its chunks say', () => {
    const frame: Frame = {
      width: 2,
      height: 2,
      pixels: Uint32Array.of(0xff030201, 0xff060504, 0xff030201, 0xff070809),
    };
    const png = encodePng(frame, deflateSync);
    const view = new DataView(png.buffer);
    expect([...png.subarray(0, 8)]).toEqual([137, 80, 78, 71, 13, 10, 26, 10]);
    const chunks: Record<string, Uint8Array> = {};
    for (let p = 8; p < png.length;) {
      const length = view.getUint32(p);
      expect(view.getUint32(p + 8 + length)).toBe(crc32(png.subarray(p + 4, p + 8 + length)));
      chunks[new TextDecoder().decode(png.subarray(p + 4, p + 8))] = png.slice(p + 8, p + 8 + length);
      p += 12 + length;
    }
    expect([...chunks.IHDR!]).toEqual([0, 0, 0, 2, 0, 0, 0, 2, 8, 2, 0, 0, 0]);
    expect([...inflateSync(chunks.IDAT!)]).toEqual([2, 1, 2, 3, 4, 5, 6, 2, 0, 0, 0, 5, 3, 1]);
    expect(chunks.IEND).toHaveLength(0);
  });
  it('has the check value of its CRC', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
  });
});

describe('the font', () => {
  it('has a glyph for every character but the blanks', () => {
    for (const height of [8, 14, 16] as const) {
      const font = characterFont(height);
      expect(font).toHaveLength(256 * height);
      const empty = Array.from({ length: 256 }, (_, i) => i).filter((code) =>
        font.subarray(code * height, (code + 1) * height).every((row) => row === 0),
      );
      expect(empty).toEqual([0, 32, 255]);
    }
  });
  it('no two glyphs are alike', () => {
    const font = characterFont(16);
    const glyphs = Array.from({ length: 256 }, (_, i) => font.subarray(i * 16, (i + 1) * 16).join());
    const same = glyphs.flatMap((g, i) =>
      glyphs.indexOf(g) < i ? [`${CODE_PAGE_437[glyphs.indexOf(g)]}${CODE_PAGE_437[i]}`] : [],
    );
    // The three blanks.
    expect(same).toEqual(['  ', '  ']);
  });
});
