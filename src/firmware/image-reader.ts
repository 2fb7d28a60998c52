/** Little-endian reads from an image that turn a read past its end into an ImageError. */
import { hex } from './boot-image.js';
import { ImageError } from './image-error.js';

export class ImageReader {
  readonly bytes: Uint8Array;
  private readonly what: string;
  private readonly view: DataView;

  /** `what` names the image in messages. */
  constructor(bytes: Uint8Array, what: string) {
    this.bytes = bytes;
    this.what = what;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(at: number): number {
    return this.view.getUint8(this.check(at, 1));
  }
  u16(at: number): number {
    return this.view.getUint16(this.check(at, 2), true);
  }
  u32(at: number): number {
    return this.view.getUint32(this.check(at, 4), true);
  }
  slice(at: number, length: number): Uint8Array {
    return this.bytes.subarray(this.check(at, length), at + length);
  }

  private check(at: number, size: number): number {
    if (at + size > this.length)
      throw new ImageError(
        `${this.what} is truncated: it has ${this.length} bytes, expected some at ${hex(at)}-${hex(at + size)}`,
      );
    return at;
  }
}
