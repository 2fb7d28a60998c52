/** Puts machine code for real mode together: bytes, labels, and the points where it leaves for a service. */

/** A byte written here from the ROM calls a service; which one follows from where the OUT stands. */
export const SERVICE_PORT = 0xe0;
const OUT_IMMEDIATE = 0xe6,
  OUT_BYTES = 2;

export class Code<Service extends string> {
  readonly bytes: Uint8Array;
  /** Offset behind the OUT → service. */
  readonly exits = new Map<number, Service>();
  private at = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  /** Continues at an offset; throws an Error when something stands there already. */
  place(offset: number): this {
    this.at = offset;
    return this;
  }
  get here(): number {
    return this.at;
  }

  emit(...bytes: number[]): this {
    for (const byte of bytes) {
      if (this.bytes[this.at] !== 0) throw new Error(`BIOS code overlaps at ${this.at.toString(16)}`);
      this.bytes[this.at++] = byte;
    }
    return this;
  }

  exit(service: Service): this {
    this.emit(OUT_IMMEDIATE, SERVICE_PORT);
    this.exits.set(this.at, service);
    return this;
  }

  /** A two-byte jump (EB, 72 to 7F) to an offset nearby. */
  jump(opcode: number, target: number): this {
    const distance = target - (this.at + OUT_BYTES);
    if (distance < -128 || distance > 127) throw new Error(`BIOS jump of ${distance} bytes`);
    return this.emit(opcode, distance & 0xff);
  }
}
