/**
 * The local APIC of one processor at FEE00000 (SDM vol. 3, chapter 10), version 14 with six LVT entries, in xAPIC mode.
 * Wires carry "asserted", so the polarity bits of LINT0 and LINT1 are stored and mean nothing.
 * Not implemented: x2APIC, other base addresses, SMI, sources for the thermal and performance entries, EOI broadcast suppression,
 * arbitration priority and remote read (P6 only; both read 0).
 */
import type { Clock, Device, Nanoseconds, Wire } from '../devices/device.js';
import {
  BASE_BSP,
  BASE_ENABLE,
  DELIVERY,
  FIRST_VECTOR,
  LAPIC_ADDRESS,
  LVT_MASK,
  NONE,
  REGISTER,
  assign,
  highest,
  isSet,
  powerOn,
} from './lapic-registers.js';
import type { LapicState } from './lapic-registers.js';
import * as timer from './lapic-timer.js';
import type { TimeOfTsc } from './lapic-timer.js';
import { partOf } from './mmio-bus.js';
import { smiRefusal } from './smi.js';

export const MSR_APIC_BASE = 0x1b,
  MSR_TSC_DEADLINE = 0x6e0;
const VERSION = 0x00050014;
const SVR_ENABLE = 0x100,
  SVR_WRITABLE = 0x3ff;
const ERROR_SEND_VECTOR = 0x20,
  ERROR_RECEIVE_VECTOR = 0x40,
  ERROR_REGISTER = 0x80;
const LVT_TIMER = 0,
  LVT_LINT0 = 3,
  LVT_ERROR = 5;
const LVT_REMOTE_IRR = 0x4000,
  LVT_LEVEL = 0x8000,
  LVT_TSC_DEADLINE = 0x40000;
/** Writable bits of timer, thermal, performance, LINT0, LINT1, error. */
const LVT_WRITABLE = [0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff] as const;
const ICR_LOGICAL = 0x800,
  ICR_ASSERT = 0x4000,
  ICR_WRITABLE = 0xccfff;
const TO_DESTINATION = 0,
  TO_OTHERS = 3;

export interface LapicParts {
  readonly clock: Clock;
  /** Interrupt request to the processor's core. */
  readonly interrupt: Wire;
  readonly nmi: () => void;
  readonly init: () => void;
  /** The INTA cycle of the PIC. */
  readonly acknowledgePic: () => number;
  /** The EOI message to I/O APICs, for level-triggered vectors. */
  readonly broadcastEoi: (vector: number) => void;
  /** What I/O APICs offered in vain may be taken now. */
  readonly offerAgain: () => void;
  readonly timeOfTsc: TimeOfTsc;
  /** The timer has TSC-deadline mode. */
  readonly tscDeadline: boolean;
}

/** Where the processor finds the value of a model-specific register. */
export interface MsrValue {
  msrLow: number;
  msrHigh: number;
}

export class Lapic implements Device<LapicState> {
  readonly name = 'lapic';
  readonly version = 1;
  readonly state = powerOn();
  readonly mmio = [
    {
      first: LAPIC_ADDRESS,
      last: LAPIC_ADDRESS + 0xfff,
      read: (address: number, size: number) => this.read(address & 0xfff, size),
      write: (address: number, size: number, value: number) => this.write(address & 0xfff, size, value),
    },
  ];
  private readonly parts: LapicParts;
  private readonly refuseSmi = smiRefusal('a message of an APIC');

  constructor(parts: LapicParts) {
    this.parts = parts;
  }

  /** IA32_APIC_BASE.EN: off, the processor is one without an APIC. */
  get enabled(): boolean {
    return (this.state.base & BASE_ENABLE) !== 0;
  }

  reset(): void {
    this.state.base = powerOn().base;
    this.resetRegisters();
  }

  /** Levels of input pins belong to the wires and stay. */
  private resetRegisters(): void {
    const s = this.state;
    const { base, lint, external } = s;
    Object.assign(s, powerOn(), { base, lint, external });
    this.update();
  }

  /** What a BIOS leaves behind for systems that know the PIC only: LINT0 passes its request on, LINT1 is NMI. */
  enterVirtualWire(): void {
    this.writeRegister(REGISTER.SVR, SVR_ENABLE | 0xff);
    this.writeRegister(REGISTER.LVT + LVT_LINT0, DELIVERY.EXTINT << 8);
    this.writeRegister(REGISTER.LVT + LVT_LINT0 + 1, DELIVERY.NMI << 8);
  }

  deadline(): Nanoseconds {
    const s = this.state;
    return s.lvt[LVT_TIMER]! & LVT_MASK ? Infinity : timer.nextExpiry(s.timer, this.parts.timeOfTsc);
  }

  tick(now: Nanoseconds): void {
    this.catchUp(now);
  }

  /** A masked timer expires too: nobody is told. */
  private catchUp(now: Nanoseconds): void {
    const s = this.state;
    if (timer.expire(s.timer, now, this.parts.timeOfTsc)) this.signal(LVT_TIMER);
  }

  /** An event of a local source without a level. */
  private signal(entry: number): void {
    const lvt = this.state.lvt[entry]!;
    if (lvt & LVT_MASK) return;
    this.accept(lvt & 0xff, false);
    this.update();
  }

  /** LINT0 or LINT1. */
  setLint(pin: 0 | 1, level: boolean): void {
    const rose = level && !this.state.lint[pin];
    this.state.lint[pin] = level;
    if (this.enabled) this.signalLint(pin, rose);
    else if (pin === 1 && rose) this.parts.nmi();
    this.update();
  }

  /** The PIC's request as an I/O APIC passes it on. */
  setExternal(level: boolean): void {
    this.state.external = level;
    this.update();
  }

  private signalLint(pin: 0 | 1, rose: boolean): void {
    const { lvt, lint } = this.state;
    const at = LVT_LINT0 + pin;
    const entry = lvt[at]!;
    if (entry & LVT_MASK || !lint[pin]) return;
    const mode = (entry >> 8) & 7;
    // LINT1 and the modes other than fixed are edge-triggered whatever bit 15 says (SDM vol. 3, 10.5.1).
    if (mode === DELIVERY.FIXED && pin === 0 && entry & LVT_LEVEL) this.signalLevel(at);
    else if (rose) this.dispatch(mode, entry & 0xff, false);
  }

  private signalLevel(at: number): void {
    const { lvt } = this.state;
    if ((lvt[at]! & LVT_REMOTE_IRR) === 0 && this.accept(lvt[at]! & 0xff, true)) lvt[at]! |= LVT_REMOTE_IRR;
  }

  /** A message of an I/O APIC; false if this processor does not take it. */
  deliver(destination: number, logical: boolean, mode: number, vector: number, level: boolean): boolean {
    return this.isAddressed(destination, logical) && this.dispatch(mode, vector, level);
  }

  isAddressed(destination: number, logical: boolean): boolean {
    const { id, logicalId, logicalModel } = this.state;
    if (!this.enabled) return false;
    if (destination === 0xff) return true;
    if (!logical) return destination === id;
    if (logicalModel === 15) return (destination & logicalId) !== 0;
    const cluster = destination >> 4;
    return (cluster === 15 || cluster === logicalId >> 4) && (destination & logicalId & 15) !== 0;
  }

  /** False for what nobody takes: SMI, a start-up to a processor that runs, ExtINT (a wire here: `setExternal`). */
  private dispatch(mode: number, vector: number, level: boolean): boolean {
    switch (mode) {
      case DELIVERY.FIXED:
      case DELIVERY.LOWEST:
        return this.accept(vector, level);
      case DELIVERY.NMI:
        this.parts.nmi();
        return true;
      case DELIVERY.INIT:
        this.parts.init();
        return true;
      case DELIVERY.SMI:
        this.refuseSmi();
        return false;
      default:
        return false;
    }
  }

  /** Puts a vector into IRR. A software-disabled APIC takes none. */
  private accept(vector: number, level: boolean): boolean {
    const s = this.state;
    if ((s.svr & SVR_ENABLE) === 0) return false;
    if (vector < FIRST_VECTOR) {
      this.logError(ERROR_RECEIVE_VECTOR);
      return false;
    }
    assign(s.irr, vector, true);
    assign(s.tmr, vector, level);
    this.update();
    return true;
  }

  /** Interrupts for the first of each error only, so an error entry with an illegal vector cannot recur. */
  private logError(error: number): void {
    const s = this.state;
    if (s.errors & error) return;
    s.errors |= error;
    this.signal(LVT_ERROR);
  }

  /** The PIC requests an interrupt and the request gets through. */
  private externalPending(): boolean {
    const s = this.state;
    if (!this.enabled) return s.lint[0];
    if (s.external && s.svr & SVR_ENABLE) return true;
    const entry = s.lvt[LVT_LINT0]!;
    return s.lint[0] && (entry & LVT_MASK) === 0 && ((entry >> 8) & 7) === DELIVERY.EXTINT;
  }

  private ppr(): number {
    const { tpr, isr } = this.state;
    const inService = Math.max(0, highest(isr));
    return tpr >> 4 >= inService >> 4 ? tpr : inService & 0xf0;
  }

  /** The vector that would interrupt now, or NONE. */
  private requested(): number {
    const vector = highest(this.state.irr);
    return vector !== NONE && vector >> 4 > this.ppr() >> 4 ? vector : NONE;
  }

  private update(): void {
    this.parts.interrupt(this.externalPending() || this.requested() !== NONE);
  }

  /** The processor takes an interrupt: the PIC's first, as Xen has it; the spurious vector when nothing is requested any more. */
  acknowledge(): number {
    if (this.externalPending()) return this.parts.acknowledgePic();
    const { irr, isr, svr } = this.state;
    const vector = this.requested();
    if (vector === NONE) return svr & 0xff;
    assign(irr, vector, false);
    assign(isr, vector, true);
    this.update();
    return vector;
  }

  private endOfInterrupt(): void {
    const { isr, tmr, lvt } = this.state;
    const vector = highest(isr);
    if (vector === NONE) return;
    assign(isr, vector, false);
    if (isSet(tmr, vector)) {
      if ((lvt[LVT_LINT0]! & 0xff) === vector) lvt[LVT_LINT0]! &= ~LVT_REMOTE_IRR;
      this.parts.broadcastEoi(vector);
      this.signalLint(0, false);
    }
    this.update();
  }

  /** Registers are 32 bits wide and 16 bytes apart; what lies between reads 0. */
  private read(offset: number, size: number): number {
    if (!this.enabled) return partOf(-1, 0, size);
    return partOf(this.readRegister(offset >> 4), offset & 15, size);
  }

  /** Only aligned 32-bit writes are defined. */
  private write(offset: number, size: number, value: number): void {
    if (this.enabled && size === 4 && (offset & 15) === 0) this.writeRegister(offset >> 4, value);
  }

  private readRegister(register: number): number {
    const s = this.state;
    if (register >= REGISTER.ISR && register < REGISTER.ESR) return this.readBits(register - REGISTER.ISR);
    if (register >= REGISTER.LVT && register <= REGISTER.LVT + LVT_ERROR)
      return s.lvt[register - REGISTER.LVT]!;
    switch (register) {
      case REGISTER.ID:
        return s.id << 24;
      case REGISTER.VERSION:
        return VERSION;
      case REGISTER.TPR:
        return s.tpr;
      case REGISTER.PPR:
        return this.ppr();
      case REGISTER.LDR:
        return s.logicalId << 24;
      case REGISTER.DFR:
        return (s.logicalModel << 28) | 0x0fffffff;
      case REGISTER.SVR:
        return s.svr;
      case REGISTER.ESR:
        return s.esr;
      case REGISTER.ICR_LOW:
        return s.icrLow;
      case REGISTER.ICR_HIGH:
        return s.icrHigh;
      case REGISTER.DIVIDE:
        return s.timer.divide;
      case REGISTER.INITIAL_COUNT:
        return s.timer.initial;
      case REGISTER.CURRENT_COUNT:
        return this.readCurrentCount();
      case REGISTER.APR:
      case REGISTER.RRD:
      case REGISTER.EOI:
        return 0;
      default:
        this.logError(ERROR_REGISTER);
        return 0;
    }
  }

  private readBits(index: number): number {
    const { isr, tmr, irr } = this.state;
    return [isr, tmr, irr][index >> 3]![index & 7]!;
  }

  private readCurrentCount(): number {
    const now = this.parts.clock.now();
    this.catchUp(now);
    return timer.currentCount(this.state.timer, now);
  }

  private writeRegister(register: number, value: number): void {
    if (register >= REGISTER.LVT && register <= REGISTER.LVT + LVT_ERROR)
      this.writeLvt(register - REGISTER.LVT, value);
    else if (register === REGISTER.EOI) this.endOfInterrupt();
    else if (register === REGISTER.INITIAL_COUNT || register === REGISTER.DIVIDE)
      this.writeTimer(register, value);
    else this.writeControl(register, value);
    this.update();
  }

  private writeControl(register: number, value: number): void {
    const s = this.state;
    switch (register) {
      case REGISTER.ID:
      case REGISTER.LDR:
      case REGISTER.DFR:
      case REGISTER.SVR:
        this.writeReach(register, value);
        break;
      case REGISTER.TPR:
        s.tpr = value & 0xff;
        break;
      case REGISTER.ESR:
        s.esr = s.errors;
        s.errors = 0;
        break;
      case REGISTER.ICR_LOW:
        s.icrLow = value & ICR_WRITABLE;
        this.sendIpi();
        break;
      case REGISTER.ICR_HIGH:
        s.icrHigh = value & 0xff000000;
        break;
      default:
        if (!this.isReadOnly(register)) this.logError(ERROR_REGISTER);
    }
  }

  /** Registers that decide which messages are taken. */
  private writeReach(register: number, value: number): void {
    const s = this.state;
    if (register === REGISTER.ID) s.id = value >>> 24;
    else if (register === REGISTER.LDR) s.logicalId = value >>> 24;
    else if (register === REGISTER.DFR) s.logicalModel = value >>> 28;
    else this.writeSvr(value);
    this.parts.offerAgain();
  }

  /** Writes to existing registers that cannot be written have no effect. */
  private isReadOnly(register: number): boolean {
    if (register >= REGISTER.ISR && register < REGISTER.ESR) return true;
    return (
      register === REGISTER.VERSION ||
      register === REGISTER.CURRENT_COUNT ||
      (register >= REGISTER.APR && register <= REGISTER.RRD)
    );
  }

  private writeSvr(value: number): void {
    const { lvt } = this.state;
    this.catchUp(this.parts.clock.now());
    this.state.svr = value & SVR_WRITABLE;
    if ((value & SVR_ENABLE) === 0) for (let i = 0; i < lvt.length; i++) lvt[i]! |= LVT_MASK;
  }

  /** Mask bits cannot be cleared while the APIC is disabled by software (SDM vol. 3, 10.4.7.2). */
  private writeLvt(at: number, value: number): void {
    const { lvt, svr } = this.state;
    if (at === LVT_TIMER) this.catchUp(this.parts.clock.now());
    const kept = value & LVT_LEVEL ? lvt[at]! & LVT_REMOTE_IRR : 0;
    lvt[at] = (value & this.writable(at)) | kept | (svr & SVR_ENABLE ? 0 : LVT_MASK);
    if (at === LVT_TIMER) timer.setMode(this.state.timer, (lvt[at] >> 17) & 3);
    else if (at === LVT_LINT0) this.signalLint(0, false);
  }

  private writable(at: number): number {
    const mask = LVT_WRITABLE[at]!;
    return at === LVT_TIMER && !this.parts.tscDeadline ? mask & ~LVT_TSC_DEADLINE : mask;
  }

  private writeTimer(register: number, value: number): void {
    const now = this.parts.clock.now();
    this.catchUp(now);
    if (register === REGISTER.DIVIDE) timer.setDivide(this.state.timer, value, now);
    else timer.setInitialCount(this.state.timer, value >>> 0, now);
  }

  /** Sends what ICR holds. With one processor it comes back or reaches nobody; IPIs are edge-triggered always. */
  private sendIpi(): void {
    const { icrLow, icrHigh } = this.state;
    const mode = (icrLow >> 8) & 7;
    const vector = icrLow & 0xff;
    const shorthand = (icrLow >> 18) & 3;
    if (mode <= DELIVERY.LOWEST && vector < FIRST_VECTOR) return this.logError(ERROR_SEND_VECTOR);
    if (mode === DELIVERY.INIT && (icrLow & ICR_ASSERT) === 0) return;
    if (shorthand === TO_OTHERS) return;
    if (shorthand === TO_DESTINATION && !this.isAddressed(icrHigh >>> 24, (icrLow & ICR_LOGICAL) !== 0))
      return;
    this.dispatch(mode, vector, false);
  }

  /** False for registers that are not the APIC's. */
  readMsr(index: number, value: MsrValue): boolean {
    const { base, timer: t } = this.state;
    if (index === MSR_APIC_BASE) {
      value.msrLow = base | 0;
      value.msrHigh = 0;
      return true;
    }
    if (index !== MSR_TSC_DEADLINE || !this.parts.tscDeadline) return false;
    this.catchUp(this.parts.clock.now());
    value.msrLow = t.deadlineLow | 0;
    value.msrHigh = t.deadlineHigh | 0;
    return true;
  }

  /** False for registers that are not the APIC's and for values they cannot hold. */
  writeMsr(index: number, { msrLow, msrHigh }: MsrValue): boolean {
    if (index === MSR_APIC_BASE) return msrHigh === 0 && this.writeBase(msrLow >>> 0);
    if (index !== MSR_TSC_DEADLINE || !this.parts.tscDeadline) return false;
    this.catchUp(this.parts.clock.now());
    timer.setDeadline(this.state.timer, msrLow, msrHigh);
    return true;
  }

  /** Disabling forgets everything: an APIC enabled again is as after power-on (SDM vol. 3, 10.4.7.2). The BSP bit is wired. */
  private writeBase(value: number): boolean {
    const s = this.state;
    if ((value & ~(BASE_ENABLE | BASE_BSP)) >>> 0 !== LAPIC_ADDRESS) return false;
    const base = (LAPIC_ADDRESS | BASE_BSP | (value & BASE_ENABLE)) >>> 0;
    if (base === s.base) return true;
    s.base = base;
    this.resetRegisters();
    this.parts.offerAgain();
    return true;
  }
}
