/** Division and BCD adjustment on the registers and flags of the processor (SDM vol. 2). */
import { fault, Vector } from '../fault.js';
import { getStatusFlags, parityOf, setStatusFlags } from '../flags.js';
import { EAX, EDX, EFLAGS, type Cpu } from '../state.js';

const { CF, AF } = EFLAGS;
const TWO_32 = 0x100000000;

/** DIV r/m8: AX / divisor → AL, remainder AH. Division leaves the flags alone. */
export function div8(cpu: Cpu, divisor: number): void {
  const d = divisor & 0xff;
  const value = cpu.r16[0]!;
  if (d === 0) fault(Vector.DE);
  const quotient = (value / d) | 0;
  if (quotient > 0xff) fault(Vector.DE);
  cpu.r16[0] = quotient | ((value - quotient * d) << 8);
}

/** IDIV r/m8. */
export function idiv8(cpu: Cpu, divisor: number): void {
  const d = (divisor << 24) >> 24;
  const value = (cpu.r16[0]! << 16) >> 16;
  if (d === 0) fault(Vector.DE);
  const quotient = (value / d) | 0;
  if (quotient > 0x7f || quotient < -0x80) fault(Vector.DE);
  cpu.r16[0] = (quotient & 0xff) | ((value - quotient * d) << 8);
}

function setAxDx(cpu: Cpu, quotient: number, remainder: number): void {
  cpu.r16[EAX * 2] = quotient;
  cpu.r16[EDX * 2] = remainder;
}

/** DIV r/m16: DX:AX / divisor. */
export function div16(cpu: Cpu, divisor: number): void {
  const d = divisor & 0xffff;
  const value = ((cpu.r16[EDX * 2]! << 16) | cpu.r16[EAX * 2]!) >>> 0;
  if (d === 0) fault(Vector.DE);
  const quotient = Math.floor(value / d);
  if (quotient > 0xffff) fault(Vector.DE);
  setAxDx(cpu, quotient, value - quotient * d);
}

/** IDIV r/m16. */
export function idiv16(cpu: Cpu, divisor: number): void {
  const d = (divisor << 16) >> 16;
  const value = (cpu.r16[EDX * 2]! << 16) | cpu.r16[EAX * 2]!;
  if (d === 0) fault(Vector.DE);
  const quotient = Math.trunc(value / d);
  if (quotient > 0x7fff || quotient < -0x8000) fault(Vector.DE);
  setAxDx(cpu, quotient, value - quotient * d);
}

let longQuotient = 0;
let longRemainder = 0;

/**
 * high:low / d for uint32 values with high < d, in two digits of 16 bits: each partial dividend is below 2^48 and each partial quotient
 * below 2^16, so the rounded float64 quotient never reaches the next integer.
 */
function divideLong(high: number, low: number, d: number): void {
  if (high === 0) {
    longQuotient = Math.floor(low / d);
    longRemainder = low - longQuotient * d;
    return;
  }
  const upper = high * 0x10000 + (low >>> 16);
  const q1 = Math.floor(upper / d);
  const lower = (upper - q1 * d) * 0x10000 + (low & 0xffff);
  const q0 = Math.floor(lower / d);
  longQuotient = q1 * 0x10000 + q0;
  longRemainder = lower - q0 * d;
}

/** DIV r/m32: EDX:EAX / divisor. */
export function div32(cpu: Cpu, divisor: number): void {
  const { r } = cpu;
  const d = divisor >>> 0;
  const high = r[EDX]! >>> 0;
  if (high >= d) fault(Vector.DE);
  divideLong(high, r[EAX]! >>> 0, d);
  r[EAX] = longQuotient;
  r[EDX] = longRemainder;
}

/** IDIV r/m32. */
export function idiv32(cpu: Cpu, divisor: number): void {
  const { r } = cpu;
  const negative = r[EDX]! < 0;
  let low = r[EAX]! >>> 0;
  let high = r[EDX]! >>> 0;
  if (negative) {
    high = (~high + (low === 0 ? 1 : 0)) >>> 0;
    low = -low >>> 0;
  }
  const d = divisor < 0 ? TWO_32 - (divisor >>> 0) : divisor;
  if (high >= d) fault(Vector.DE);
  divideLong(high, low, d);
  const negativeQuotient = negative !== divisor < 0;
  if (longQuotient > (negativeQuotient ? 0x80000000 : 0x7fffffff)) fault(Vector.DE);
  r[EAX] = negativeQuotient ? -longQuotient : longQuotient;
  r[EDX] = negative ? -longRemainder : longRemainder;
}

/** SF, ZF and PF of a byte at their EFLAGS positions. */
function byteFlags(byte: number): number {
  return (byte & 0x80) | (byte === 0 ? EFLAGS.ZF : 0) | (parityOf(byte) << 2);
}

function setAl(cpu: Cpu, al: number, carries: number): void {
  cpu.r8[0] = al;
  setStatusFlags(cpu, byteFlags(al & 0xff) | carries);
}

/** DAA. OF is undefined and left clear. */
export function daa(cpu: Cpu): void {
  const al = cpu.r8[0]!;
  const flags = getStatusFlags(cpu);
  const low = (al & 15) > 9 || (flags & AF) !== 0;
  const high = al > 0x99 || (flags & CF) !== 0;
  const sum = al + (low ? 6 : 0) + (high ? 0x60 : 0);
  setAl(cpu, sum & 0xff, (low ? AF : 0) | (high ? CF : 0));
}

/** DAS: a borrow of the low digit's correction also sets CF. */
export function das(cpu: Cpu): void {
  const al = cpu.r8[0]!;
  const flags = getStatusFlags(cpu);
  const low = (al & 15) > 9 || (flags & AF) !== 0;
  const high = al > 0x99 || (flags & CF) !== 0;
  const difference = al - (low ? 6 : 0) - (high ? 0x60 : 0);
  const borrow = high || (low && al < 6);
  setAl(cpu, difference & 0xff, (low ? AF : 0) | (borrow ? CF : 0));
}

function asciiAdjust(cpu: Cpu, correction: number): void {
  const flags = getStatusFlags(cpu);
  const adjust = (cpu.r8[0]! & 15) > 9 || (flags & AF) !== 0;
  const ax = cpu.r16[0]! + (adjust ? correction : 0);
  cpu.r16[0] = ax & 0xff0f;
  setStatusFlags(cpu, byteFlags(ax & 15) | (adjust ? AF | CF : 0));
}

/** AAA: AX changes as one 16-bit number, as processors since the 386 do it. */
export function aaa(cpu: Cpu): void {
  asciiAdjust(cpu, 0x106);
}

/** AAS. */
export function aas(cpu: Cpu): void {
  asciiAdjust(cpu, -0x106);
}

/** AAM imm8: #DE for base 0. */
export function aam(cpu: Cpu, base: number): void {
  const divisor = base & 0xff;
  if (divisor === 0) fault(Vector.DE);
  const al = cpu.r8[0]!;
  cpu.r8[1] = (al / divisor) | 0;
  setAl(cpu, al % divisor, 0);
}

/** AAD imm8. */
export function aad(cpu: Cpu, base: number): void {
  const al = (cpu.r8[0]! + cpu.r8[1]! * (base & 0xff)) & 0xff;
  cpu.r8[1] = 0;
  setAl(cpu, al, 0);
}
