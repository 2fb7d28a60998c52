/**
 * Realtek RTL8139C, a 10/100 Mbit/s PCI Ethernet card (10ec:8139 revision 10): four transmit descriptors, one receive ring, EEPROM, timer, PHY.
 * Wires: one PCI interrupt, the machine's memory as bus master, and the cable.
 * Not implemented: transmit time and collisions (a frame is out when its descriptor is written), early transmit and receive (thresholds keep
 * what is written), power management and wake-up, the C+ descriptor mode. The ring that is full holds frames back on the cable instead of losing them.
 */
import type { Clock, Device, Nanoseconds, PciBar, Wire } from './device.js';
import type { GuestMemory } from './guest-memory.js';
import type { NetworkBackend, NetworkCard } from './network-backend.js';
import { PciFunction } from './pci-function.js';
import {
  REVISION,
  autoload,
  configurationOpen,
  programEeprom,
  readConfiguration,
  writeConfiguration,
} from './rtl8139-configuration.js';
import {
  CAPR_BIAS,
  LONGEST_FRAME,
  acceptance,
  hasRoom,
  ringEmpty,
  ringSize,
  writeToRing,
} from './rtl8139-receive.js';
import {
  COMMAND,
  INT,
  INT_BITS,
  RCR,
  TCR_LOOPBACK,
  TCR_VERSION,
  TCR_WRITABLE,
  TSD,
  createState,
  phyReset,
  softReset,
} from './rtl8139-state.js';
import type { Rtl8139State } from './rtl8139-state.js';

/** Base address registers 2 to 5. */
const NO_BARS = [undefined, undefined, undefined, undefined];
const PCI_COMMAND = 4,
  PCI_BUS_MASTER = 4;
/** The cable's delay for an answer that comes while the guest sends. */
const ANSWER_DELAY: Nanoseconds = 10_000;
/** Frames on the way to the guest. */
const CABLE_CAPACITY = 512;
const TIMER_MEGAHERTZ = 33,
  TIMER_PERIOD: Nanoseconds = (2 ** 32 * 1000) / TIMER_MEGAHERTZ;

export interface Rtl8139Parts {
  readonly clock: Clock;
  /** INTA#. */
  readonly irq: Wire;
  readonly memory: GuestMemory;
  readonly backend: NetworkBackend;
  /** Six bytes. */
  readonly station: Uint8Array;
  /** Contents of the boot ROM socket, at most 16 MiB; empty when absent. */
  readonly rom?: Uint8Array | undefined;
}

/** The boot ROM in the smallest power of two that holds it; what is beyond reads as an erased chip does. */
function romBar(rom: Uint8Array): PciBar {
  const size = Math.max(2048, 2 ** Math.ceil(Math.log2(rom.length)));
  const byte = (offset: number): number => rom[offset] ?? 0xff;
  return {
    kind: 'memory',
    size,
    read: (offset, width) => {
      let value = 0;
      for (let i = width - 1; i >= 0; i--) value = value * 256 + byte(offset + i);
      return value;
    },
    write: () => undefined,
  };
}

function pciFunction(bar: Pick<PciBar, 'size' | 'read' | 'write'>, rom: Uint8Array | undefined): PciFunction {
  return new PciFunction({
    vendor: 0x10ec,
    device: 0x8139,
    revision: REVISION,
    classCode: [2, 0, 0],
    bars: [
      { kind: 'io', ...bar },
      { kind: 'memory', ...bar },
      ...(rom === undefined ? [] : [...NO_BARS, romBar(rom)]),
    ],
    interruptPin: 1,
    // Status: medium DEVSEL, fast back-to-back. Subsystem, minimum grant and maximum latency as the EEPROM gives them.
    registers: { 0x06: [0x80, 0x02], 0x2c: [0xec, 0x10, 0x39, 0x81], 0x3e: [0x20, 0x40] },
    writable: [[0x0d, 0x0d]],
  });
}

export class Rtl8139 implements Device<Rtl8139State> {
  readonly name = 'rtl8139';
  readonly version = 1;
  readonly state = createState();
  readonly pci: PciFunction;
  private readonly parts: Rtl8139Parts;
  /** An answer to the frame that is being sent now travels the cable. */
  private sending = false;

  constructor(parts: Rtl8139Parts) {
    this.parts = parts;
    this.pci = pciFunction(
      {
        size: 256,
        read: (offset, size) => this.read(offset, size),
        write: (offset, size, value) => this.write(offset, size, value),
      },
      parts.rom,
    );
    programEeprom(this.state, parts.station);
    const card: NetworkCard = { clock: parts.clock, deliver: (frame) => this.deliver(frame) };
    parts.backend.attach(card);
    this.reset();
  }

  reset(): void {
    const s = this.state;
    Object.assign(s, phyReset(), { multipleInterrupt: 0, nwayTest: 0, eepromCommand: 0, inFlight: [] });
    s.multicast.fill(0);
    autoload(this.state);
    this.softReset();
    this.parts.backend.reset();
  }

  private softReset(): void {
    Object.assign(this.state, softReset(), { timerStart: this.parts.clock.now() });
    this.state.transmitStatus.fill(TSD.OWN);
    this.state.transmitStart.fill(0);
    this.updateInterrupt();
  }

  private get busMaster(): boolean {
    return (this.pci.read(PCI_COMMAND) & PCI_BUS_MASTER) !== 0;
  }

  private raise(bits: number): void {
    this.state.interruptStatus |= bits;
    this.updateInterrupt();
  }

  private updateInterrupt(): void {
    this.parts.irq((this.state.interruptStatus & this.state.interruptMask) !== 0);
  }

  // Time

  deadline(): Nanoseconds {
    const { inFlight, timerDue } = this.state;
    const head = inFlight[0];
    const told = (this.state.interruptStatus & INT.RECEIVE_OVERFLOW) !== 0;
    const arrival = head === undefined || (told && this.heldBack(head.frame)) ? Infinity : head.due;
    return Math.min(arrival, timerDue, this.parts.backend.deadline());
  }

  tick(now: Nanoseconds): void {
    const { backend } = this.parts;
    const s = this.state;
    if (backend.deadline() <= now) backend.tick(now);
    while (s.timerDue <= now) {
      s.timerDue += TIMER_PERIOD;
      this.raise(INT.TIMEOUT);
    }
    this.takeArrived(now);
  }

  private scheduleTimer(): void {
    const s = this.state;
    const now = this.parts.clock.now();
    if (s.timerCompare === 0) s.timerDue = Infinity;
    else {
      const first = s.timerStart + Math.ceil((s.timerCompare * 1000) / TIMER_MEGAHERTZ);
      const rounds = Math.max(0, Math.ceil((now + 1 - first) / TIMER_PERIOD));
      s.timerDue = first + rounds * TIMER_PERIOD;
    }
  }

  private timerCount(): number {
    const elapsed = this.parts.clock.now() - this.state.timerStart;
    return Math.floor((elapsed * TIMER_MEGAHERTZ) / 1000) % 2 ** 32;
  }

  // Receiving

  private deliver(frame: Uint8Array): boolean {
    const { inFlight } = this.state;
    if (inFlight.length >= CABLE_CAPACITY) return false;
    const now = this.parts.clock.now();
    const due = Math.max(now + (this.sending ? ANSWER_DELAY : 0), inFlight.at(-1)?.due ?? 0);
    inFlight.push({ due, frame });
    return true;
  }

  private get receives(): boolean {
    return (this.state.command & COMMAND.RECEIVE) !== 0 && this.busMaster;
  }

  /**
   * The receiver is on and its ring has no room: the frame waits on the cable until the driver has read. The overflow is reported all the same, because
   * Linux's 8139too may leave packets in the ring after it has acknowledged them.
   */
  private heldBack(frame: Uint8Array): boolean {
    return this.receives && !hasRoom(this.state, frame.length);
  }

  private takeArrived(now: Nanoseconds): void {
    const { inFlight } = this.state;
    let taken = 0;
    for (; taken < inFlight.length; taken++) {
      const { due, frame } = inFlight[taken]!;
      if (due > now) break;
      if (this.heldBack(frame)) {
        this.raise(INT.RECEIVE_OVERFLOW);
        break;
      }
      this.receive(frame);
    }
    inFlight.splice(0, taken);
  }

  /** A frame reaches the chip: filtered, then written to the ring or counted as missed. */
  private receive(frame: Uint8Array): void {
    const s = this.state;
    if (!this.receives || frame.length < 14 || frame.length > LONGEST_FRAME) return;
    const status = acceptance(s, frame);
    if (status < 0) return;
    if (!hasRoom(s, frame.length)) {
      s.missed = (s.missed + 1) & 0xffffff;
      this.raise(INT.RECEIVE_OVERFLOW);
      return;
    }
    writeToRing(s, this.parts.memory, frame, status);
    this.raise(INT.RECEIVE_OK);
  }

  // Sending

  private writeTransmitStatus(index: number, value: number, mask: number): void {
    const { transmitStatus } = this.state;
    const writable = mask & TSD.WRITABLE;
    const kept = transmitStatus[index]! & ~writable;
    // Writing the descriptor takes back what its last frame reported.
    transmitStatus[index] = ((kept & TSD.WRITABLE) | (value & writable)) >>> 0;
    this.transmit();
  }

  /** Sends what the driver has handed over, in the order of the descriptors. */
  private transmit(): void {
    const s = this.state;
    if ((s.command & COMMAND.TRANSMIT) === 0 || !this.busMaster) return;
    while ((s.transmitStatus[s.transmitNext]! & TSD.OWN) === 0) {
      this.sendDescriptor(s.transmitNext);
      s.transmitNext = (s.transmitNext + 1) & 3;
    }
  }

  private sendDescriptor(index: number): void {
    const s = this.state;
    const frame = new Uint8Array(s.transmitStatus[index]! & TSD.SIZE);
    if (frame.length > LONGEST_FRAME) {
      s.transmitStatus[index] = (s.transmitStatus[index]! | TSD.OWN | TSD.ABORT) >>> 0;
      this.raise(INT.TRANSMIT_ERROR);
      return;
    }
    this.parts.memory.read(s.transmitStart[index]!, frame);
    s.transmitStatus[index] = (s.transmitStatus[index]! | TSD.OWN | TSD.OK) >>> 0;
    if ((s.transmitConfig & TCR_LOOPBACK) === TCR_LOOPBACK) this.receive(frame);
    else this.put(frame);
    this.raise(INT.TRANSMIT_OK);
  }

  private put(frame: Uint8Array): void {
    this.sending = true;
    this.parts.backend.transmit(frame);
    this.sending = false;
  }

  /** TSAD, 60: OWN, abort, underrun and OK of all descriptors, a nibble each. */
  private transmitSummary(): number {
    let summary = 0;
    this.state.transmitStatus.forEach((status, i) => {
      if (status & TSD.OWN) summary |= 1 << i;
      if (status & TSD.ABORT) summary |= 0x10 << i;
      if (status & TSD.UNDERRUN) summary |= 0x100 << i;
      if (status & TSD.OK) summary |= 0x1000 << i;
    });
    return summary;
  }

  // Registers

  /** Accesses of any size and alignment are made of the 32-bit lanes they touch; reads change nothing. */
  private read(offset: number, size: number): number {
    const shift = 8 * (offset & 3);
    if (shift + 8 * size > 32)
      return (this.read(offset, 1) | (this.read((offset + 1) & 0xff, size - 1) << 8)) >>> 0;
    const value = this.readLane(offset & 0xfc) >>> shift;
    return size === 4 ? value >>> 0 : value & (size === 2 ? 0xffff : 0xff);
  }

  private write(offset: number, size: number, value: number): void {
    const shift = 8 * (offset & 3);
    if (shift + 8 * size > 32) {
      for (let i = 0; i < size; i++) this.write((offset + i) & 0xff, 1, (value >>> (8 * i)) & 0xff);
      return;
    }
    const mask = size === 4 ? -1 : (size === 2 ? 0xffff : 0xff) << shift;
    this.writeLane(offset & 0xfc, (value << shift) & mask, mask);
  }

  private readLane(offset: number): number {
    const s = this.state;
    if (offset < 0x10) return this.readAddresses(offset);
    if (offset < 0x20) return s.transmitStatus[(offset - 0x10) >> 2]!;
    if (offset < 0x30) return s.transmitStart[(offset - 0x20) >> 2]!;
    switch (offset) {
      case 0x30:
        return s.receiveStart;
      case 0x34:
        return (s.command | (ringEmpty(s) ? COMMAND.BUFFER_EMPTY : 0)) << 24;
      case 0x38:
        return ((s.readOffset - CAPR_BIAS) & 0xffff) | (s.writeOffset << 16);
      case 0x3c:
        return s.interruptMask | (s.interruptStatus << 16);
      case 0x40:
        return s.transmitConfig | TCR_VERSION;
      case 0x44:
        return s.receiveConfig;
      case 0x48:
        return this.timerCount();
      case 0x4c:
        return s.missed;
      default:
        return offset === 0x60 ? this.transmitSummary() | (s.basicMode << 16) : readConfiguration(s, offset);
    }
  }

  private readAddresses(offset: number): number {
    const { station, multicast } = this.state;
    const byte = (at: number): number => (at < 6 ? station[at]! : at < 8 ? 0 : multicast[at - 8]!);
    return byte(offset) | (byte(offset + 1) << 8) | (byte(offset + 2) << 16) | (byte(offset + 3) << 24);
  }

  /** `value` has zeros outside `mask`. */
  private writeLane(offset: number, value: number, mask: number): void {
    const s = this.state;
    const merge = (old: number, writable = -1): number =>
      ((old & ~(mask & writable)) | (value & writable)) >>> 0;
    if (offset < 0x10) return this.writeAddresses(offset, value, mask);
    if (offset < 0x20) return this.writeTransmitStatus((offset - 0x10) >> 2, value, mask);
    if (offset < 0x30) {
      const index = (offset - 0x20) >> 2;
      s.transmitStart[index] = merge(s.transmitStart[index]!);
      return;
    }
    switch (offset) {
      case 0x30:
        s.receiveStart = merge(s.receiveStart);
        break;
      case 0x34:
        if (mask & 0xff000000) this.writeCommand(value >>> 24);
        break;
      case 0x38:
        this.writeReadPointer(merge((s.readOffset - CAPR_BIAS) & 0xffff) & 0xffff, mask);
        break;
      case 0x3c:
        s.interruptMask = merge(s.interruptMask, INT_BITS) & 0xffff;
        s.interruptStatus &= ~(value >>> 16);
        this.updateInterrupt();
        break;
      case 0x40:
        s.transmitConfig = merge(s.transmitConfig, TCR_WRITABLE);
        break;
      case 0x44:
        this.writeReceiveConfig(merge(s.receiveConfig, RCR.WRITABLE));
        break;
      case 0x48:
        s.timerStart = this.parts.clock.now();
        this.scheduleTimer();
        break;
      case 0x4c:
        s.missed = 0;
        break;
      case 0x54:
        s.timerCompare = merge(s.timerCompare);
        this.scheduleTimer();
        break;
      default:
        writeConfiguration(s, offset, value, mask);
    }
  }

  private writeAddresses(offset: number, value: number, mask: number): void {
    const { station, multicast } = this.state;
    for (let i = 0; i < 4; i++) {
      if (((mask >>> (8 * i)) & 0xff) === 0) continue;
      const at = offset + i;
      const byte = value >>> (8 * i);
      if (at >= 8) multicast[at - 8] = byte;
      else if (at < 6 && configurationOpen(this.state)) station[at] = byte;
    }
  }

  private writeCommand(value: number): void {
    const s = this.state;
    if (value & COMMAND.RESET) this.softReset();
    const rises = value & ~s.command;
    s.command = value & (COMMAND.TRANSMIT | COMMAND.RECEIVE);
    if (rises & COMMAND.TRANSMIT) s.transmitNext = 0;
    if (rises & COMMAND.RECEIVE) s.writeOffset = s.readOffset = 0;
    this.transmit();
  }

  /** Only whole words move the pointer; a byte alone would point into the middle of a packet. */
  private writeReadPointer(value: number, mask: number): void {
    if ((mask & 0xffff) === 0) return;
    this.state.readOffset = (value + CAPR_BIAS) & 0xffff & (ringSize(this.state) - 1) & ~3;
  }

  /** A ring of another size starts empty. */
  private writeReceiveConfig(value: number): void {
    const s = this.state;
    const before = ringSize(s);
    s.receiveConfig = value;
    if (ringSize(s) !== before) s.writeOffset = s.readOffset = 0;
  }
}
