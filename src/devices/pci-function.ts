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
  /** By number of the register, 0 to 5; 6 is the expansion ROM. */
  readonly bars?: readonly (PciBar | undefined)[];
  /** 1 for INTA# … 4 for INTD#; none when absent. */
  readonly interruptPin?: number;
  /** Values beyond the standard ones: offset → bytes. */
  readonly registers?: Readonly<Record<number, readonly number[]>>;
  /** Ranges [first, last] that are writable in full, beyond command bits and interrupt line. */
  readonly writable?: readonly (readonly [number, number])[];
  /** Bytes of which only some bits are writable: offset → mask. */
  readonly writableBits?: Readonly<Record<number, number>>;
  /** Called after a guest's access that wrote the bytes from `first` to `last`. */
  readonly written?: (first: number, last: number) => void;
}

export interface PciFunctionState {
  config: Uint8Array;
}

const COMMAND = 0x04,
  STATUS_HIGH = 0x07,
  BAR0 = 0x10,
  ROM_BAR = 0x30,
  INTERRUPT_LINE = 0x3c,
  INTERRUPT_PIN = 0x3d;
/** I/O, memory, bus master; SERR# enable is in the high byte. */
const COMMAND_IO = 1,
  COMMAND_MEMORY = 2,
  COMMAND_WRITABLE = 0x07;
const IS_IO = 1,
  IS_PREFETCHABLE = 8,
  ROM_ENABLE = 1;
/** Number of the expansion ROM among the base address registers. */
const ROM = 6;

/** Offset of base address register `index` in configuration space. */
function barOffset(index: number): number {
  return index === ROM ? ROM_BAR : BAR0 + 4 * index;
}

/** Where a register makes the function answer, as its configuration stands; -1 for nowhere. Address 0 and what does not fit below the end count as nowhere. */
export function barAddress(pci: PciConfiguration, index: number): number {
  const bar = pci.bars[index]!;
  const at = barOffset(index);
  let value = 0;
  for (let i = 3; i >= 0; i--) value = value * 256 + pci.read(at + i);
  const enabled = pci.read(COMMAND) & (bar.kind === 'io' ? COMMAND_IO : COMMAND_MEMORY);
  if (enabled === 0 || (index === ROM && (value & ROM_ENABLE) === 0)) return -1;
  const address = value - (value % bar.size);
  const end = address + bar.size;
  return address === 0 || end > (bar.kind === 'io' ? 0x10000 : 0x100000000) ? -1 : address;
}

/** Whether an access that wrote these bytes may have moved a range. */
export function movesRanges(first: number, last: number): boolean {
  return first <= ROM_BAR + 3 && last >= COMMAND;
}

export class PciFunction implements PciConfiguration {
  readonly bars: readonly (PciBar | undefined)[];
  readonly state: PciFunctionState = { config: new Uint8Array(256) };
  private readonly initial = new Uint8Array(256);
  private readonly mask = new Uint8Array(256);
  readonly written?: (first: number, last: number) => void;

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
    for (const [at, mask] of Object.entries(options.writableBits ?? {})) this.mask[Number(at)] = mask;
    this.bars.forEach((bar, index) => bar && this.addBar(bar, index));
    if (options.written !== undefined) this.written = options.written;
    this.reset();
  }

  /** Address bits below the size read 0, so that writing ones tells the size (PCI 2.2, 6.2.5.1). */
  private addBar(bar: PciBar, index: number): void {
    const smallest = index === ROM ? 2048 : bar.kind === 'io' ? 4 : 16;
    if (bar.size < smallest || bar.size & (bar.size - 1) || index > ROM)
      throw new RangeError(`base address register ${index} cannot have ${bar.size} bytes`);
    const at = barOffset(index);
    const mask = -bar.size | (index === ROM ? ROM_ENABLE : 0);
    for (let i = 0; i < 4; i++) this.mask[at + i] = mask >>> (8 * i);
    if (index !== ROM) this.initial[at] = bar.kind === 'io' ? IS_IO : bar.prefetchable ? IS_PREFETCHABLE : 0;
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
