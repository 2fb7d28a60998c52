/** The 256 bytes of configuration space of one PCI function: what reads back and which bits a guest may change. */
import type { PciBar, PciConfiguration } from './device.js';

export interface PciFunctionOptions {
  readonly vendor: number;
  readonly device: number;
  readonly revision?: number;
  /** Base class, subclass, programming interface. */
  readonly classCode: readonly [number, number, number];
  /** Header type byte; 0x80 marks a device with several functions. */
  readonly headerType?: number;
  /** By number of the register, 0 to 5. */
  readonly bars?: readonly (PciBar | undefined)[];
  /** 1 for INTA# … 4 for INTD#; none when absent. */
  readonly interruptPin?: number;
  /** Values beyond the standard ones: offset → bytes. */
  readonly registers?: Readonly<Record<number, readonly number[]>>;
  /** Ranges [first, last] that are writable in full, beyond command bits and interrupt line. */
  readonly writable?: readonly (readonly [number, number])[];
}

export interface PciFunctionState {
  config: Uint8Array;
}

const COMMAND = 0x04,
  STATUS_HIGH = 0x07,
  INTERRUPT_LINE = 0x3c,
  INTERRUPT_PIN = 0x3d;
/** I/O, memory, bus master; SERR# enable is in the high byte. */
const COMMAND_WRITABLE = 0x07;

export class PciFunction implements PciConfiguration {
  readonly bars: readonly (PciBar | undefined)[];
  readonly state: PciFunctionState = { config: new Uint8Array(256) };
  private readonly initial = new Uint8Array(256);
  private readonly mask = new Uint8Array(256);

  constructor(options: PciFunctionOptions) {
    this.bars = options.bars ?? [];
    const view = new DataView(this.initial.buffer);
    view.setUint16(0, options.vendor, true);
    view.setUint16(2, options.device, true);
    this.initial.set(
      [options.revision ?? 0, options.classCode[2], options.classCode[1], options.classCode[0]],
      8,
    );
    this.initial[0x0e] = options.headerType ?? 0;
    this.initial[INTERRUPT_PIN] = options.interruptPin ?? 0;
    for (const [at, bytes] of Object.entries(options.registers ?? {})) this.initial.set(bytes, Number(at));
    this.mask[COMMAND] = COMMAND_WRITABLE;
    this.mask[COMMAND + 1] = 0x01;
    this.mask[INTERRUPT_LINE] = 0xff;
    for (const [first, last] of options.writable ?? []) this.mask.fill(0xff, first, last + 1);
    this.reset();
  }

  reset(): void {
    this.state.config.set(this.initial);
  }

  read(offset: number): number {
    return this.state.config[offset]!;
  }

  write(offset: number, value: number): void {
    const { config } = this.state;
    // Error bits in the status register are cleared by writing ones.
    if (offset === STATUS_HIGH) config[offset]! &= ~(value & 0xf9);
    else config[offset] = (config[offset]! & ~this.mask[offset]!) | (value & this.mask[offset]!);
  }
}
