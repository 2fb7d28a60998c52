/**
 * x87 registers as pairs of doubles, which translated code computes with. A pair stands for high + low exactly, with high the sum rounded to a double:
 * 53 + 11 bits hold any 64-bit significand. Only zeros and numbers from 2^-900 to 2^970 are ever held so. `settleRegisters` writes what is held back
 * into the architectural registers; everybody else reads those (`Fpu.significand`, `Fpu.exponent`), which settles first.
 */

/** Words of `state`: small state of the unit, where translated code finds it. */
export const X87_TOP = 0,
  X87_VALID = 1,
  X87_STATUS = 2,
  X87_CONTROL = 3,
  /** Bit i: the contents of physical register i are in its pair. */
  X87_HELD = 4,
  X87_INSTRUCTION_OFFSET = 5,
  X87_INSTRUCTION_SELECTOR = 6,
  X87_OPERAND_OFFSET = 7,
  X87_OPERAND_SELECTOR = 8,
  /** Selectors of segment registers, two in each of four words. */
  X87_SELECTORS = 12,
  /** `numbers` as words, two for each, from here on. */
  X87_NUMBER_WORDS = 40;

/** Places of `numbers`: high parts of registers 0-7 and of an operand on its way from or to memory, then the low parts. */
export const IN_MEMORY = 8,
  LOW = 9,
  /** What the last rounding took away, and the number that it left; C1 follows from their signs. 0: C1 is in the status word. */
  RESIDUE = 18,
  RESIDUE_SIGN = 19,
  /** An integer on its way to memory: INTEGER_HIGH × 2^32 + INTEGER_LOW. */
  INTEGER_HIGH = 20,
  INTEGER_LOW = 21,
  /** A result that goes to a register of translated code; its low part LOW behind. */
  RESULT = 23,
  /** A number on its way from or to words; a power of two of which only the high word is ever written. */
  SCRATCH = 24,
  POWER = 25,
  X87_NUMBERS = LOW + RESULT + 1,
  X87_WORDS = X87_NUMBER_WORDS + 2 * X87_NUMBERS;

export const LEAST = 2 ** -900,
  MOST = 2 ** 900;
const C1 = 1 << 9;
const BIAS = 16383;

/** 2^i at i + 1023. */
const POWERS = Float64Array.from({ length: 2047 }, (_, i) => 2 ** (i - 1023));

const number = new Float64Array(1);
const bits = new Int32Array(number.buffer);

export class X87Pairs {
  readonly state: Int32Array;
  readonly numbers: Float64Array;
  readonly significands: Int32Array;
  readonly exponents: Uint16Array;

  /** `places`: X87_WORDS and X87_NUMBERS elements, zeros; the numbers lie X87_NUMBER_WORDS behind the start of the state. */
  constructor(
    significands: Int32Array,
    exponents: Uint16Array,
    places: { readonly state: Int32Array; readonly numbers: Float64Array },
  ) {
    this.state = places.state;
    this.numbers = places.numbers;
    this.significands = significands;
    this.exponents = exponents;
  }

  settleRounding(): void {
    const { numbers, state } = this;
    if (numbers[RESIDUE] === 0) return;
    const up = numbers[RESIDUE]! < 0 !== numbers[RESIDUE_SIGN]! < 0;
    state[X87_STATUS] = (state[X87_STATUS]! & ~C1) | (up ? C1 : 0);
    numbers[RESIDUE] = 0;
  }

  settleRegisters(): void {
    const { state } = this;
    if (state[X87_HELD] === 0) return;
    for (let i = 0; i < 8; i++) if ((state[X87_HELD]! >>> i) & 1) this.settleRegister(i);
    state[X87_HELD] = 0;
  }

  /** Writes the register that pair i holds; it stays held. */
  settleRegister(i: number): void {
    const h = this.numbers[i]!;
    number[0] = h;
    const top = bits[1]!;
    const sign = (top >>> 16) & 0x8000;
    if (h === 0) return this.put(i, sign, 0, 0);
    const exponent = ((top >>> 20) & 0x7ff) - 1023;
    const low = this.numbers[LOW + i]!;
    const rest = (sign ? -low : low) * POWERS[1086 - exponent]!;
    const upper = -0x80000000 | ((top & 0xfffff) << 11) | (bits[0]! >>> 21);
    const lower = bits[0]! << 11;
    // Below a power of two the unit is half as large.
    if (rest < 0 && upper === -0x80000000 && lower === 0)
      return this.put(i, sign | (exponent - 1 + BIAS), -1, (2 * rest) | 0);
    const sum = (lower >>> 0) + rest;
    const carry = sum < 0 ? -1 : sum > 0xffffffff ? 1 : 0;
    this.put(i, sign | (exponent + BIAS), (upper + carry) | 0, sum | 0);
  }
  private put(i: number, signExponent: number, high: number, low: number): void {
    this.exponents[i] = signExponent;
    this.significands[2 * i + 1] = high;
    this.significands[2 * i] = low;
  }

  /** Takes register i into its pair; false if it is no number of the range. */
  adopt(i: number): boolean {
    const signExponent = this.exponents[i]!;
    const high = this.significands[2 * i + 1]!;
    const low = this.significands[2 * i]!;
    const exponent = (signExponent & 0x7fff) - BIAS;
    if ((signExponent & 0x7fff) === 0 && (high | low) === 0) {
      this.numbers[i] = signExponent === 0 ? 0 : -0;
      this.numbers[LOW + i] = 0;
    } else {
      if (high >= 0 || exponent > 899 || exponent < -899) return false;
      const scale = (signExponent >>> 15 ? -1 : 1) * POWERS[exponent + 960]!;
      const a = (high >>> 0) * 4294967296;
      const b = low >>> 0;
      const sum = a + b;
      this.numbers[i] = sum * scale;
      this.numbers[LOW + i] = (b - (sum - a)) * scale;
    }
    this.state[X87_HELD]! |= 1 << i;
    return true;
  }
}
