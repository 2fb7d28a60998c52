/** An adapter in text mode 3, as the firmware leaves it, and ways to write to it. */
import { VGA_MEMORY_BYTES } from '../../src/devices/vga-state.js';
import { Vga } from '../../src/devices/vga.js';
import { VideoAdapter } from '../../src/firmware/bios/video-adapter.js';
import { videoMode } from '../../src/firmware/bios/video-modes.js';
import { PortBus } from '../../src/hv/port-bus.js';

export class TestScreen {
  /** Its memory lies somewhere in a buffer, as in a machine. */
  readonly vga = new Vga({ now: () => 0 }, undefined, {
    bytes: new Uint8Array(new ArrayBuffer(VGA_MEMORY_BYTES + 8192), 4096, VGA_MEMORY_BYTES),
    show: () => {},
    written: () => {},
    takeWritten: () => false,
  });
  readonly access;
  readonly #ports = new PortBus();

  constructor() {
    this.#ports.add(this.vga);
    this.access = {
      readPort: (port: number) => this.#ports.read(port, 1),
      writePort: (port: number, value: number) => this.#ports.write(port, 1, value),
      writeMemory: (address: number, value: number) => this.vga.mmio[0]!.write(address, 1, value),
    };
    this.#setTextMode();
  }

  #setTextMode(): void {
    const ports = {
      read: (port: number, size = 1) => this.#ports.read(port, size),
      write: (port: number, value: number, size = 1) => this.#ports.write(port, size, value),
    };
    const write = (at: number, bytes: Uint8Array): void =>
      bytes.forEach((byte, i) => this.access.writeMemory(at + i, byte));
    new VideoAdapter(ports, { write }).setMode(videoMode(3)!, true);
    for (let at = 0; at < 80 * 25; at++) this.print(at % 80, Math.floor(at / 80), ' ');
  }

  get state(): Vga['state'] {
    return this.vga.state;
  }

  /** Index and data of one of the register files. */
  set(port: number, index: number, value: number): void {
    this.#ports.write(port, 2, index | (value << 8));
  }
  attribute(index: number, value: number): void {
    this.access.readPort(0x3da);
    for (const byte of [index, value, 0x20]) this.access.writePort(0x3c0, byte);
  }
  dispi(index: number, value: number): void {
    this.#ports.write(0x1ce, 2, index);
    this.#ports.write(0x1cf, 2, value);
  }
  colour(index: number, red: number, green: number, blue: number): void {
    for (const [port, value] of [
      [0x3c8, index],
      [0x3c9, red],
      [0x3c9, green],
      [0x3c9, blue],
    ] as const)
      this.access.writePort(port, value);
  }
  /** Codes or ASCII text in one attribute. */
  print(column: number, row: number, text: string | readonly number[], attributes = 7): void {
    const codes = typeof text === 'string' ? [...text].map((c) => c.charCodeAt(0)) : text;
    codes.forEach((code, i) => {
      const at = 0xb8000 + (row * 80 + column + i) * 2;
      this.access.writeMemory(at, code);
      this.access.writeMemory(at + 1, attributes);
    });
  }
}
