/**
 * The I/O APIC at FEC00000: an 82093AA (version 11) with 48 pins, as Xen's.
 * Wires carry "asserted", so polarity bits are stored and mean nothing; a message is taken at once or not at all, so the delivery
 * status reads idle.
 * Not implemented: the EOI register of later versions.
 */
import type { Device } from '../devices/device.js';
import { DELIVERY } from './lapic-registers.js';
import { partOf } from './mmio-bus.js';

export const IOAPIC_ADDRESS = 0xfec00000;
export const IOAPIC_PINS = 48;

const VERSION = 0x11;
const SELECT = 0x00,
  WINDOW = 0x10;
const INDEX_ID = 0,
  INDEX_VERSION = 1,
  INDEX_ARBITRATION = 2,
  INDEX_ENTRIES = 0x10;
const ENTRY_LOGICAL = 0x800,
  ENTRY_REMOTE_IRR = 0x4000,
  ENTRY_LEVEL = 0x8000,
  ENTRY_MASK = 0x10000,
  ENTRY_WRITABLE = 0x1afff;

export interface IoApicState {
  select: number;
  id: number;
  /** Redirection entries: low half, and bits 56-63. */
  readonly entries: Int32Array;
  readonly destinations: Uint8Array;
  /** Levels of the pins. */
  readonly lines: Uint8Array;
}

/** What the I/O APIC sends to: the local APIC. */
export interface ApicBus {
  /** False if no processor takes the message. */
  deliver(destination: number, logical: boolean, mode: number, vector: number, level: boolean): boolean;
  isAddressed(destination: number, logical: boolean): boolean;
  /** The request of the PIC, passed on while it lasts. */
  setExternal(level: boolean): void;
}

export class IoApic implements Device<IoApicState> {
  readonly name = 'ioapic';
  readonly version = 1;
  readonly state: IoApicState = {
    select: 0,
    id: 0,
    entries: new Int32Array(IOAPIC_PINS).fill(ENTRY_MASK),
    destinations: new Uint8Array(IOAPIC_PINS),
    lines: new Uint8Array(IOAPIC_PINS),
  };
  readonly mmio = [
    {
      first: IOAPIC_ADDRESS,
      last: IOAPIC_ADDRESS + 0xff,
      read: (address: number, size: number) => this.read(address & 0xff, size),
      write: (address: number, size: number, value: number) => this.write(address & 0xff, size, value),
    },
  ];
  private readonly bus: ApicBus;

  constructor(bus: ApicBus) {
    this.bus = bus;
  }

  /** Levels of the pins belong to the wires and stay. */
  reset(): void {
    const s = this.state;
    s.select = s.id = 0;
    s.entries.fill(ENTRY_MASK);
    s.destinations.fill(0);
    this.bus.setExternal(false);
  }

  /** Pins 0-47. */
  setLine(pin: number, level: boolean): void {
    const { entries, lines } = this.state;
    const rose = level && lines[pin] === 0;
    lines[pin] = level ? 1 : 0;
    const entry = entries[pin]!;
    if (((entry >> 8) & 7) === DELIVERY.EXTINT) this.updateExternal();
    else if ((entry & ENTRY_MASK) === 0 && (entry & ENTRY_LEVEL ? level : rose)) this.send(pin);
  }

  /** An edge on a masked pin is lost, a level waits (82093AA, 3.2.4). */
  private send(pin: number): void {
    const { entries, destinations } = this.state;
    const entry = entries[pin]!;
    const level = (entry & ENTRY_LEVEL) !== 0;
    if (level && entry & ENTRY_REMOTE_IRR) return;
    const mode = (entry >> 8) & 7;
    const logical = (entry & ENTRY_LOGICAL) !== 0;
    const taken = this.bus.deliver(destinations[pin]!, logical, mode, entry & 0xff, level);
    if (taken && level && mode <= DELIVERY.LOWEST) entries[pin]! |= ENTRY_REMOTE_IRR;
  }

  private updateExternal(): void {
    this.bus.setExternal(this.state.entries.some((_, pin) => this.passesExternal(pin)));
  }

  private passesExternal(pin: number): boolean {
    const { entries, destinations, lines } = this.state;
    const entry = entries[pin]!;
    if (lines[pin] === 0 || entry & ENTRY_MASK || ((entry >> 8) & 7) !== DELIVERY.EXTINT) return false;
    return this.bus.isAddressed(destinations[pin]!, (entry & ENTRY_LOGICAL) !== 0);
  }

  /** The message by which a local APIC ends a level-triggered interrupt. */
  endOfInterrupt(vector: number): void {
    const { entries } = this.state;
    for (let pin = 0; pin < IOAPIC_PINS; pin++) {
      const entry = entries[pin]!;
      if ((entry & ENTRY_REMOTE_IRR) === 0 || (entry & 0xff) !== vector) continue;
      entries[pin] = entry & ~ENTRY_REMOTE_IRR;
      this.offer(pin);
    }
  }

  /** A local APIC may take what it did not take before. */
  readonly offerAll = (): void => {
    this.updateExternal();
    for (let pin = 0; pin < IOAPIC_PINS; pin++) this.offer(pin);
  };

  /** Sends a level that waits. */
  private offer(pin: number): void {
    const { entries, lines } = this.state;
    if (lines[pin] !== 0 && (entries[pin]! & (ENTRY_MASK | ENTRY_LEVEL)) === ENTRY_LEVEL) this.send(pin);
  }

  private read(offset: number, size: number): number {
    const register = offset & ~15;
    const value = register === SELECT ? this.state.select : register === WINDOW ? this.readWindow() : 0;
    return partOf(value, offset & 15, size);
  }

  private write(offset: number, size: number, value: number): void {
    if (offset === SELECT) this.state.select = value & 0xff;
    else if (offset === WINDOW && size === 4) this.writeWindow(value);
  }

  private readWindow(): number {
    const { select, id, entries, destinations } = this.state;
    if (select === INDEX_ID || select === INDEX_ARBITRATION) return id << 24;
    if (select === INDEX_VERSION) return VERSION | ((IOAPIC_PINS - 1) << 16);
    const pin = (select - INDEX_ENTRIES) >> 1;
    if (pin < 0 || pin >= IOAPIC_PINS) return 0;
    return select & 1 ? destinations[pin]! << 24 : entries[pin]!;
  }

  private writeWindow(value: number): void {
    const s = this.state;
    if (s.select === INDEX_ID) s.id = (value >>> 24) & 15;
    const pin = (s.select - INDEX_ENTRIES) >> 1;
    if (pin < 0 || pin >= IOAPIC_PINS) return;
    if (s.select & 1) s.destinations[pin] = value >>> 24;
    else this.writeEntry(pin, value);
    this.updateExternal();
    this.offer(pin);
  }

  /** Remote IRR has no meaning for edges: making an entry edge-triggered clears it. */
  private writeEntry(pin: number, value: number): void {
    const { entries } = this.state;
    const kept = value & ENTRY_LEVEL ? entries[pin]! & ENTRY_REMOTE_IRR : 0;
    entries[pin] = (value & ENTRY_WRITABLE) | kept;
  }
}
