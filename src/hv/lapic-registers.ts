/** Names and numbers of the local APIC (SDM vol. 3, tables 10-1 and 10-2), its state and its 256-bit registers. */
import { createTimer } from './lapic-timer.js';
import type { LapicTimerState } from './lapic-timer.js';

export const LAPIC_ADDRESS = 0xfee00000;
export const DELIVERY = { FIXED: 0, LOWEST: 1, SMI: 2, NMI: 4, INIT: 5, STARTUP: 6, EXTINT: 7 } as const;
export const FIRST_VECTOR = 16;
/** No vector. */
export const NONE = -1;

/** IA32_APIC_BASE. */
export const BASE_BSP = 0x100,
  BASE_ENABLE = 0x800;
const BASE_POWER_ON = (LAPIC_ADDRESS | BASE_ENABLE | BASE_BSP) >>> 0;
export const LVT_MASK = 0x10000;

/** Register offsets, divided by 16. */
export const REGISTER = {
  ID: 0x02,
  VERSION: 0x03,
  TPR: 0x08,
  APR: 0x09,
  PPR: 0x0a,
  EOI: 0x0b,
  RRD: 0x0c,
  LDR: 0x0d,
  DFR: 0x0e,
  SVR: 0x0f,
  ISR: 0x10,
  TMR: 0x18,
  IRR: 0x20,
  ESR: 0x28,
  ICR_LOW: 0x30,
  ICR_HIGH: 0x31,
  LVT: 0x32,
  INITIAL_COUNT: 0x38,
  CURRENT_COUNT: 0x39,
  DIVIDE: 0x3e,
} as const;

/** Highest vector of a 256-bit register, or NONE. */
export function highest(bits: Int32Array): number {
  for (let i = 7; i >= 0; i--) if (bits[i] !== 0) return 32 * i + 31 - Math.clz32(bits[i]!);
  return NONE;
}
export const isSet = (bits: Int32Array, vector: number): boolean =>
  (bits[vector >> 5]! & (1 << (vector & 31))) !== 0;
export function assign(bits: Int32Array, vector: number, value: boolean): void {
  const bit = 1 << (vector & 31);
  bits[vector >> 5] = value ? bits[vector >> 5]! | bit : bits[vector >> 5]! & ~bit;
}

export interface LapicState {
  /** Low half of IA32_APIC_BASE. */
  base: number;
  id: number;
  tpr: number;
  /** Logical ID: bits 24-31 of LDR. */
  logicalId: number;
  /** Model: bits 28-31 of DFR. */
  logicalModel: number;
  svr: number;
  /** 256 bits each. */
  readonly isr: Int32Array;
  readonly tmr: Int32Array;
  readonly irr: Int32Array;
  /** Errors since ESR was written last, and what that write made visible. */
  errors: number;
  esr: number;
  icrLow: number;
  icrHigh: number;
  readonly lvt: Int32Array;
  timer: LapicTimerState;
  /** Levels of LINT0 and LINT1. */
  readonly lint: [boolean, boolean];
  /** An I/O APIC passes on the PIC's request. */
  external: boolean;
}

/** Disabled by software, everything masked. */
export function powerOn(): LapicState {
  return {
    base: BASE_POWER_ON,
    id: 0,
    tpr: 0,
    logicalId: 0,
    logicalModel: 15,
    svr: 0xff,
    isr: new Int32Array(8),
    tmr: new Int32Array(8),
    irr: new Int32Array(8),
    errors: 0,
    esr: 0,
    icrLow: 0,
    icrHigh: 0,
    lvt: new Int32Array(6).fill(LVT_MASK),
    timer: createTimer(),
    lint: [false, false],
    external: false,
  };
}
