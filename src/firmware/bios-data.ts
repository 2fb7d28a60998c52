/** The BIOS data area at 40:0 and the head of the extended one, as far as kernels read them. Not implemented: everything only BIOS services use. */
import { LOW_RAM_END } from './boot-image.js';
import type { BootLoad } from './boot-image.js';

const BDA = 0x400,
  COM1 = 0x00,
  EBDA_SEGMENT = 0x0e,
  EQUIPMENT = 0x10,
  BASE_KILOBYTES = 0x13,
  VIDEO_MODE = 0x49,
  VIDEO_COLUMNS = 0x4a,
  VIDEO_PAGE_BYTES = 0x4c,
  CRTC_PORT = 0x63,
  LAST_ROW = 0x84,
  CHARACTER_HEIGHT = 0x85;
/** Coprocessor (bit 1), 80 columns in colour (bits 4-5) and one serial port (bits 9-11). */
const EQUIPMENT_WORD = 0x0222;

/** `com1` is the serial port's first I/O port. */
export function biosData(com1: number): BootLoad[] {
  const view = new DataView(new ArrayBuffer(256));
  view.setUint16(COM1, com1, true);
  view.setUint16(EBDA_SEGMENT, LOW_RAM_END >> 4, true);
  view.setUint16(EQUIPMENT, EQUIPMENT_WORD, true);
  view.setUint16(BASE_KILOBYTES, LOW_RAM_END >> 10, true);
  view.setUint8(VIDEO_MODE, 3);
  view.setUint16(VIDEO_COLUMNS, 80, true);
  view.setUint16(VIDEO_PAGE_BYTES, 0x1000, true);
  view.setUint16(CRTC_PORT, 0x3d4, true);
  view.setUint8(LAST_ROW, 24);
  view.setUint16(CHARACTER_HEIGHT, 16, true);
  // The extended area begins with its size in KiB.
  const ebda = Uint8Array.of((0xa0000 - LOW_RAM_END) >> 10);
  return [
    { address: BDA, bytes: new Uint8Array(view.buffer) },
    { address: LOW_RAM_END, bytes: ebda },
  ];
}
