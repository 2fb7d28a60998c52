/** What INT 10h functions 1C and 4F04 save and restore: registers, the data area's values, colours, and the dispi registers (IBM VGA; VBE 3.0, 4.7). */
import { BDA } from './data-area.js';
import type { BiosMemory } from './host.js';
import { DISPI, GRAPHICS, SEQUENCER } from './video-adapter.js';
import type { VideoAdapter } from './video-adapter.js';

/** Bits of CX. */
const HARDWARE = 1,
  DATA_AREA = 2,
  COLOURS = 4,
  DISPLAY = 8;
export const VGA_PARTS = HARDWARE | DATA_AREA | COLOURS,
  VBE_PARTS = VGA_PARTS | DISPLAY;
const BLOCK = 64;
const SEQUENCER_COUNT = 5,
  CRTC_COUNT = 25,
  GRAPHICS_COUNT = 9,
  ATTRIBUTE_COUNT = 21;
/** Two bytes of each dispi register, in the order in which they are set. */
const DISPI_REGISTERS = [
  DISPI.WIDTH,
  DISPI.HEIGHT,
  DISPI.BITS,
  DISPI.ENABLE,
  DISPI.BANK,
  DISPI.VIRTUAL_WIDTH,
  DISPI.X,
  DISPI.Y,
];
/** Ranges of the data area, and the vectors of the fonts. */
const DATA_RANGES: readonly (readonly [number, number])[] = [
  [BDA.VIDEO_MODE, 30],
  [BDA.LAST_ROW, 7],
  [4 * 0x1f, 4],
  [4 * 0x43, 4],
];
const KEEP_MEMORY = 0x80;

interface Part {
  readonly bit: number;
  readonly bytes: number;
  save(): number[];
  restore(bytes: Uint8Array): void;
}

const counted = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

export class VideoState {
  private readonly parts: readonly Part[];
  private readonly memory: BiosMemory;

  constructor(adapter: VideoAdapter, memory: BiosMemory) {
    this.memory = memory;
    // The registers that choose what ports mean come first, colours need the mode that they belong to.
    this.parts = [displayPart(adapter), hardwarePart(adapter), dataPart(memory), coloursPart(adapter)];
  }

  private chosen(parts: number): readonly Part[] {
    return this.parts.filter(({ bit }) => (parts & bit) !== 0);
  }

  /** In blocks of 64 bytes. */
  size(parts: number): number {
    return Math.ceil(this.chosen(parts).reduce((sum, { bytes }) => sum + bytes, 0) / BLOCK);
  }
  save(parts: number, at: number): void {
    this.memory.write(at, Uint8Array.from(this.chosen(parts).flatMap((part) => part.save())));
  }
  restore(parts: number, at: number): void {
    let from = at;
    for (const part of this.chosen(parts)) {
      part.restore(this.memory.read(from, part.bytes));
      from += part.bytes;
    }
  }
}

function hardwarePart(adapter: VideoAdapter): Part {
  const bytes = 1 + SEQUENCER_COUNT + CRTC_COUNT + GRAPHICS_COUNT + ATTRIBUTE_COUNT;
  const files: readonly (readonly [() => number, number])[] = [
    [() => SEQUENCER, SEQUENCER_COUNT],
    [() => adapter.crtc, CRTC_COUNT],
    [() => GRAPHICS, GRAPHICS_COUNT],
  ];
  return {
    bit: HARDWARE,
    bytes,
    save: () => [
      adapter.misc,
      ...files.flatMap(([port, count]) => counted(count).map((i) => adapter.get(port(), i))),
      ...counted(ATTRIBUTE_COUNT).map((i) => adapter.getAttribute(i)),
    ],
    restore: (saved) => {
      adapter.misc = saved[0]!;
      let at = 1;
      for (const [port, count] of files) {
        // The end of vertical retrace protects the first registers.
        if (count === CRTC_COUNT) adapter.set(port(), 0x11, 0);
        for (const i of counted(count)) adapter.set(port(), i, saved[at++]!);
      }
      for (const i of counted(ATTRIBUTE_COUNT)) adapter.setAttribute(i, saved[at++]!);
    },
  };
}

function dataPart(memory: BiosMemory): Part {
  return {
    bit: DATA_AREA,
    bytes: DATA_RANGES.reduce((sum, [, length]) => sum + length, 0),
    save: () => DATA_RANGES.flatMap(([at, length]) => [...memory.read(at, length)]),
    restore: (saved) => {
      let from = 0;
      for (const [at, length] of DATA_RANGES) memory.write(at, saved.subarray(from, (from += length)));
    },
  };
}

function coloursPart(adapter: VideoAdapter): Part {
  return {
    bit: COLOURS,
    bytes: 1 + 3 * 256,
    save: () => [adapter.getPelMask(), ...counted(256).flatMap((i) => adapter.getColour(i))],
    restore: (saved) => {
      adapter.setPelMask(saved[0]!);
      for (const i of counted(256))
        adapter.setColour(i, saved[1 + 3 * i]!, saved[2 + 3 * i]!, saved[3 + 3 * i]!);
    },
  };
}

function displayPart(adapter: VideoAdapter): Part {
  return {
    bit: DISPLAY,
    bytes: 2 * DISPI_REGISTERS.length,
    save: () =>
      DISPI_REGISTERS.flatMap((index) => {
        const value = adapter.readDispi(index);
        return [value & 0xff, value >> 8];
      }),
    restore: (saved) => {
      adapter.writeDispi(DISPI.ENABLE, 0);
      DISPI_REGISTERS.forEach((index, i) => {
        const value = saved[2 * i]! | (saved[2 * i + 1]! << 8);
        adapter.writeDispi(index, index === DISPI.ENABLE && value !== 0 ? value | KEEP_MEMORY : value);
      });
    },
  };
}
