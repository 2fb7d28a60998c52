/**
 * The VGA's registers behind ports 3B4-3DA: sequencer, CRTC, graphics and attribute controller, DAC, miscellaneous output, status.
 * Not implemented: the vertical interrupt (CRTC 11h keeps its bits), light pen, the sense of the monitor in input status 0 (reads 0).
 */
import type { Clock } from './device.js';
import { scanStatus } from './vga-timing.js';
import {
  ATTRIBUTE_COUNT,
  CRTC_COUNT,
  DISPI,
  DISPI_8BIT_DAC,
  GRAPHICS_COUNT,
  SEQUENCER_COUNT,
} from './vga-state.js';
import type { VgaState } from './vga-state.js';

/** Bits that exist; the others read 0 (attribute controller, graphics controller, sequencer: IBM VGA technical reference). */
const SEQUENCER_MASK = [0x03, 0x3d, 0x0f, 0x3f, 0x0e];
const GRAPHICS_MASK = [0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff];
const ATTRIBUTE_MODE = 0x10,
  OVERSCAN = 0x11;
const COLOUR_ADDRESSES = 1;
const PALETTE_SOURCE = 0x20;
const CRTC_PROTECT = 0x80,
  CRTC_OVERFLOW = 7,
  LINE_COMPARE_8 = 0x10;

export class VgaRegisters {
  private readonly state: VgaState;
  private readonly clock: Clock;

  constructor(state: VgaState, clock: Clock) {
    this.state = state;
    this.clock = clock;
  }

  /** One byte from a port of 3B4-3DA; what does not answer reads all ones. */
  read(port: number): number {
    const s = this.state;
    switch (port) {
      case 0x3c0:
        return s.attributeIndex;
      case 0x3c1:
        return s.attribute[s.attributeIndex & 31] ?? 0;
      case 0x3c2:
        return 0;
      case 0x3c3:
        return s.subsystemEnable;
      case 0x3c4:
        return s.sequencerIndex;
      case 0x3c5:
        return s.sequencer[s.sequencerIndex] ?? 0;
      case 0x3ca:
        return s.featureControl;
      case 0x3cc:
        return s.misc;
      case 0x3ce:
        return s.graphicsIndex;
      case 0x3cf:
        return s.graphics[s.graphicsIndex] ?? 0;
    }
    return port >= 0x3c6 && port <= 0x3c9 ? this.readDac(port) : this.readMoved(port);
  }

  /** CRTC and status, at 3Bx or 3Dx. */
  private readMoved(port: number): number {
    const s = this.state;
    if (!this.answers(port)) return 0xff;
    switch (port & 0xf) {
      case 4:
        return s.crtcIndex;
      case 5:
        return s.crtc[s.crtcIndex] ?? 0;
      case 0xa:
        s.attributeData = false;
        return scanStatus(s, this.clock.now());
      default:
        return 0xff;
    }
  }

  private answers(port: number): boolean {
    return (port & 0xff0) === (this.state.misc & COLOUR_ADDRESSES ? 0x3d0 : 0x3b0);
  }

  write(port: number, value: number): void {
    const s = this.state;
    switch (port) {
      case 0x3c0:
        return this.writeAttribute(value);
      case 0x3c2:
        s.misc = value;
        return;
      case 0x3c3:
        s.subsystemEnable = value & 1;
        return;
      case 0x3c4:
        s.sequencerIndex = value & 7;
        return;
      case 0x3c5:
        if (s.sequencerIndex < SEQUENCER_COUNT)
          s.sequencer[s.sequencerIndex] = value & SEQUENCER_MASK[s.sequencerIndex]!;
        return;
      case 0x3ce:
        s.graphicsIndex = value & 15;
        return;
      case 0x3cf:
        if (s.graphicsIndex < GRAPHICS_COUNT)
          s.graphics[s.graphicsIndex] = value & GRAPHICS_MASK[s.graphicsIndex]!;
        return;
    }
    if (port >= 0x3c6 && port <= 0x3c9) this.writeDac(port, value);
    else this.writeMoved(port, value);
  }

  private writeMoved(port: number, value: number): void {
    const s = this.state;
    if (!this.answers(port)) return;
    if ((port & 0xf) === 4) s.crtcIndex = value & 0x3f;
    else if ((port & 0xf) === 5) this.writeCrtc(s.crtcIndex, value);
    else if ((port & 0xf) === 0xa) s.featureControl = value & 8;
  }

  /** Bit 7 of register 11h protects 0 to 7, except the line compare bit in 7. */
  private writeCrtc(index: number, value: number): void {
    const { crtc } = this.state;
    if (index >= CRTC_COUNT) return;
    if (index > CRTC_OVERFLOW || !(crtc[0x11]! & CRTC_PROTECT)) crtc[index] = value;
    else if (index === CRTC_OVERFLOW)
      crtc[index] = (crtc[index]! & ~LINE_COMPARE_8) | (value & LINE_COMPARE_8);
  }

  /** Index and data take turns. The palette cannot be written while the screen has it. */
  private writeAttribute(value: number): void {
    const s = this.state;
    if (!s.attributeData) s.attributeIndex = value & 0x3f;
    else this.writeAttributeData(s.attributeIndex & 31, value);
    s.attributeData = !s.attributeData;
  }

  private writeAttributeData(index: number, value: number): void {
    const { attribute, attributeIndex } = this.state;
    if (index >= ATTRIBUTE_COUNT) return;
    if (index < ATTRIBUTE_MODE && attributeIndex & PALETTE_SOURCE) return;
    const mask =
      index < ATTRIBUTE_MODE ? 0x3f : index === OVERSCAN ? 0xff : index === ATTRIBUTE_MODE ? 0xef : 0x0f;
    attribute[index] = value & mask;
  }

  private readDac(port: number): number {
    const s = this.state;
    if (port === 0x3c6) return s.pelMask;
    if (port === 0x3c7) return s.dacReading ? 3 : 0;
    if (port === 0x3c8) return s.dacWriteIndex;
    const value = s.palette[s.dacReadIndex * 3 + s.dacComponent]!;
    s.dacComponent = (s.dacComponent + 1) % 3;
    if (s.dacComponent === 0) s.dacReadIndex = (s.dacReadIndex + 1) & 0xff;
    return value;
  }

  private writeDac(port: number, value: number): void {
    const s = this.state;
    if (port === 0x3c6) s.pelMask = value;
    else if (port === 0x3c9) this.writeDacData(value);
    else {
      if (port === 0x3c7) s.dacReadIndex = value;
      else s.dacWriteIndex = value;
      s.dacReading = port === 0x3c7;
      s.dacComponent = 0;
    }
  }

  /** An entry changes when its blue arrives. */
  private writeDacData(raw: number): void {
    const s = this.state;
    const value = s.dispi[DISPI.ENABLE]! & DISPI_8BIT_DAC ? raw : raw & 0x3f;
    if (s.dacComponent < 2) {
      s.dacPending[s.dacComponent++] = value;
      return;
    }
    s.palette.set(s.dacPending, s.dacWriteIndex * 3);
    s.palette[s.dacWriteIndex * 3 + 2] = value;
    s.dacComponent = 0;
    s.dacWriteIndex = (s.dacWriteIndex + 1) & 0xff;
  }
}
