/** Packed BCD: FBLD and FBSTP (SDM vol. 1, 4.7). BigInt is fast enough for what nobody uses in a loop. */
import { checkWaiting, type Helper, isEmpty, notePointers, pop, readWords, words } from './access.js';
import { clearC1, roundingMode, setIndefinite, unpackRegister } from './float80.js';
import { fromInt64, roundToInteger } from './formats.js';
import { toBigInt } from './kernels.js';
import { IE, INFINITY, Num, QNAN, rounding } from './number.js';
import { canPush, completeStore, push } from './x87-load-store.js';

const value = new Num();
const LIMIT = 10n ** 18n;

/** Sum of digit × 10^i over the eight digits of a word; digits above 9 count as they are. */
function digitsOf(word: number): number {
  let sum = 0;
  for (let shift = 28; shift >= 0; shift -= 4) sum = sum * 10 + ((word >>> shift) & 15);
  return sum;
}

const fbld: Helper = (cpu, address, info) => {
  checkWaiting(cpu);
  readWords(cpu, address, 2);
  const top = cpu.mmu.read16((address + 8) | 0);
  const magnitude =
    BigInt(digitsOf(top & 0xff)) * 10n ** 16n +
    BigInt(digitsOf(words[1]!)) * 10n ** 8n +
    BigInt(digitsOf(words[0]!));
  fromInt64(value, Number((magnitude >> 32n) & 0xffffffffn) | 0, Number(magnitude & 0xffffffffn) | 0);
  value.sign = (top >>> 15) & 1;
  notePointers(cpu, address, info);
  if (!canPush(cpu.fpu)) return;
  clearC1(cpu.fpu);
  push(cpu.fpu, value);
};

/** Puts the 80 bits into `words`; returns the exception flags. */
function pack(mode: number): number {
  const flags = roundToInteger(value, mode);
  const magnitude = toBigInt(value.high, value.low);
  if (flags < 0 || magnitude >= LIMIT) {
    rounding.up = false;
    words[0] = 0;
    words[1] = 0xc0000000;
    words[2] = 0xffff;
    return IE;
  }
  const digits = magnitude.toString().padStart(18, '0');
  words[0] = parseInt(digits.slice(10), 16);
  words[1] = parseInt(digits.slice(2, 10), 16);
  words[2] = parseInt(digits.slice(0, 2), 16) | (value.sign << 15);
  return flags;
}

const fbstp: Helper = (cpu, address, info) => {
  checkWaiting(cpu);
  const fpu = cpu.fpu;
  const empty = isEmpty(fpu, fpu.top);
  if (empty) setIndefinite(value);
  else unpackRegister(fpu, fpu.top, value);
  if (value.kind >= INFINITY) value.kind = QNAN;
  const stored = completeStore(cpu, address, 10, pack(roundingMode(fpu)), empty);
  notePointers(cpu, address, info);
  if (stored) pop(fpu);
};

export const X87_BCD: Record<string, Helper> = { FBLD: fbld, FBSTP: fbstp };
