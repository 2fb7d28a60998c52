/** Everything a guest can observe of the display adapter, as plain data, and the names of the registers' bits (IBM VGA, Bochs dispi). */

/** Bytes of video memory; a power of two. The standard VGA sees the first 256 KiB as four planes. */
export const VGA_MEMORY_BYTES = 16 << 20;
export const PLANE_BYTES = 0x10000;

/** Sequencer, CRTC, graphics controller and attribute controller: how many registers each has. */
export const SEQUENCER_COUNT = 5,
  CRTC_COUNT = 0x19,
  GRAPHICS_COUNT = 9,
  ATTRIBUTE_COUNT = 0x15;

/** Numbers of the dispi registers. */
export const DISPI = {
  ID: 0,
  XRES: 1,
  YRES: 2,
  BPP: 3,
  ENABLE: 4,
  BANK: 5,
  VIRT_WIDTH: 6,
  VIRT_HEIGHT: 7,
  X_OFFSET: 8,
  Y_OFFSET: 9,
  MEMORY_64K: 10,
} as const;
export const DISPI_COUNT = 11;
export const DISPI_ENABLED = 0x01,
  DISPI_GETCAPS = 0x02,
  DISPI_8BIT_DAC = 0x20,
  DISPI_LFB = 0x40,
  DISPI_NOCLEARMEM = 0x80;

export interface VgaState {
  misc: number;
  featureControl: number;
  /** Port 3C3, bit 0. */
  subsystemEnable: number;
  sequencerIndex: number;
  crtcIndex: number;
  graphicsIndex: number;
  /** With the palette address source in bit 5: 0 blanks the screen. */
  attributeIndex: number;
  /** The next write to 3C0 is data. */
  attributeData: boolean;
  sequencer: Uint8Array;
  crtc: Uint8Array;
  graphics: Uint8Array;
  attribute: Uint8Array;
  pelMask: number;
  dacReadIndex: number;
  dacWriteIndex: number;
  /** Which of red, green and blue comes next. */
  dacComponent: number;
  dacReading: boolean;
  /** Red and green of the entry being written. */
  dacPending: Uint8Array;
  /** 256 × red, green, blue as written, of 6 bits (8 with DISPI_8BIT_DAC). */
  palette: Uint8Array;
  /** The four latches, plane 0 in the lowest byte; int32. */
  latch: number;
  dispiIndex: number;
  dispi: Uint16Array;
  /** Plane p of address a is byte 4 a + p; the linear framebuffer is the bytes in order. */
  memory: Uint8Array;
}

/** `memory` has VGA_MEMORY_BYTES, aligned to 4. */
export function createVgaState(memory: Uint8Array = new Uint8Array(VGA_MEMORY_BYTES)): VgaState {
  const state: VgaState = {
    misc: 0,
    featureControl: 0,
    subsystemEnable: 1,
    sequencerIndex: 0,
    crtcIndex: 0,
    graphicsIndex: 0,
    attributeIndex: 0,
    attributeData: false,
    sequencer: new Uint8Array(SEQUENCER_COUNT),
    crtc: new Uint8Array(CRTC_COUNT),
    graphics: new Uint8Array(GRAPHICS_COUNT),
    attribute: new Uint8Array(ATTRIBUTE_COUNT),
    pelMask: 0xff,
    dacReadIndex: 0,
    dacWriteIndex: 0,
    dacComponent: 0,
    dacReading: false,
    dacPending: new Uint8Array(2),
    palette: new Uint8Array(768),
    latch: 0,
    dispiIndex: 0,
    dispi: new Uint16Array(DISPI_COUNT),
    memory,
  };
  resetVgaState(state);
  return state;
}

/** Power-on values of the registers; memory keeps what it holds. */
export function resetVgaState(state: VgaState): void {
  state.misc = 0;
  state.featureControl = 0;
  state.subsystemEnable = 1;
  state.sequencerIndex = state.crtcIndex = state.graphicsIndex = state.attributeIndex = 0;
  state.attributeData = false;
  for (const registers of [state.sequencer, state.crtc, state.graphics, state.attribute]) registers.fill(0);
  state.pelMask = 0xff;
  state.dacReadIndex = state.dacWriteIndex = state.dacComponent = 0;
  state.dacReading = false;
  state.dacPending.fill(0);
  state.palette.fill(0);
  state.latch = 0;
  state.dispiIndex = 0;
  state.dispi.fill(0);
  state.dispi[DISPI.ID] = 0xb0c5;
  state.dispi[DISPI.MEMORY_64K] = state.memory.length >>> 16;
}

/** A framebuffer of the dispi interface is shown, not a mode of the standard VGA. */
export function isLinearMode(state: VgaState): boolean {
  return (state.dispi[DISPI.ENABLE]! & DISPI_ENABLED) !== 0;
}
