/** State of the x87 FPU, MMX and SSE units of one processor as plain data (SDM vol. 1, 8.1, 9.2, 10.2). */
import type { ProcessorArea } from '../processor-area.js';
import {
  RESIDUE,
  X87_CONTROL,
  X87_INSTRUCTION_OFFSET,
  X87_INSTRUCTION_SELECTOR,
  X87_NUMBERS,
  X87_OPERAND_OFFSET,
  X87_OPERAND_SELECTOR,
  X87_STATUS,
  X87_TOP,
  X87_VALID,
  X87_WORDS,
  X87Pairs,
} from './x87-pairs.js';

/** Control word bits (SDM vol. 1, 8.1.5): exception masks are bits 0-5 in the order of the status word. */
export const CONTROL = {
  MASKS: 0x3f,
  /** Reads as 1 whatever is loaded. */
  RESERVED_ONE: 0x40,
  /** Bits software can change. */
  WRITABLE: 0x1f3f,
  INITIAL: 0x37f,
} as const;

/** Status word bits (SDM vol. 1, 8.1.3). */
export const STATUS = {
  IE: 1 << 0,
  DE: 1 << 1,
  ZE: 1 << 2,
  OE: 1 << 3,
  UE: 1 << 4,
  PE: 1 << 5,
  SF: 1 << 6,
  ES: 1 << 7,
  C0: 1 << 8,
  C1: 1 << 9,
  C2: 1 << 10,
  TOP: 7 << 11,
  C3: 1 << 14,
  B: 1 << 15,
  CONDITIONS: 0x4700,
  EXCEPTIONS: 0x3f,
} as const;

export const MXCSR_INITIAL = 0x1f80;
/** Every bit below 16 is implemented, DAZ included; FXSAVE reports it as MXCSR_MASK. */
export const MXCSR_MASK = 0xffff;

/** Index of MM0 in `words`. */
export const MM_WORDS = 64;

const unknownOpcode = (): number => 0;

/** Byte offsets of what translated code finds, from the start of the unit's state. */
export const FPU_MXCSR = 336,
  FPU_X87_STATE = 352,
  /** 16 bytes for translated code to take numbers apart in; no state. */
  FPU_SCRATCH = 480,
  FPU_X87_NUMBERS = 512;
/** Bytes of the registers alone, as they are saved. */
const REGISTER_BYTES = 336;
const FPU_BYTES = FPU_X87_NUMBERS + 8 * X87_NUMBERS;

/**
 * Layout (bytes): 0-255 XMM0-15, 256-319 significands of physical R0-R7, 320-335 their sign and exponent, 336 MXCSR, 352 and 512 state and numbers of
 * x87-pairs.ts. MMi is the significand of physical register i.
 */
export class Fpu {
  /** All registers as words: XMMi at 4i, MMi at MM_WORDS + 2i. */
  readonly words: Int32Array;
  /** XMMi is words 4i (bits 0-31) to 4i + 3. */
  readonly xmm: Int32Array;
  readonly xmmU8: Uint8Array;
  readonly xmmF32: Float32Array;
  readonly xmmF64: Float64Array;
  /** The registers, x87's included, as they are saved; see `settle`. */
  readonly bytes: Uint8Array;
  private readonly significands: Int32Array;
  private readonly exponents: Uint16Array;
  /** Registers that translated code holds as pairs of doubles, with the small state of the unit (x87-pairs.ts). */
  readonly x87: X87Pairs;
  /** Word 0 is MXCSR. */
  readonly sseControl: Int32Array;
  /** All from the XMM registers to the scratch place, for translated code. */
  readonly places: {
    readonly words: Int32Array;
    readonly singles: Float32Array;
    readonly doubles: Float64Array;
  };

  /** Without an area of a machine's memory the state lies in a buffer of its own. */
  constructor(area?: ProcessorArea) {
    const buffer = area?.buffer ?? new ArrayBuffer(FPU_BYTES);
    const at = area?.fpu ?? 0;
    this.words = new Int32Array(buffer, at, 80);
    this.xmm = new Int32Array(buffer, at, 64);
    this.xmmU8 = new Uint8Array(buffer, at, 256);
    this.xmmF32 = new Float32Array(buffer, at, 64);
    this.xmmF64 = new Float64Array(buffer, at, 32);
    this.bytes = new Uint8Array(buffer, at, REGISTER_BYTES);
    this.significands = new Int32Array(buffer, at + 256, 16);
    this.exponents = new Uint16Array(buffer, at + 320, 8);
    this.x87 = new X87Pairs(this.significands, this.exponents, {
      state: new Int32Array(buffer, at + FPU_X87_STATE, X87_WORDS),
      numbers: new Float64Array(buffer, at + FPU_X87_NUMBERS, X87_NUMBERS),
    });
    this.places = {
      words: new Int32Array(buffer, at, FPU_X87_NUMBERS / 4),
      singles: new Float32Array(buffer, at, FPU_X87_NUMBERS / 4),
      doubles: new Float64Array(buffer, at, FPU_X87_NUMBERS / 8),
    };
    this.sseControl = new Int32Array(buffer, at + FPU_MXCSR, 1);
    this.sseControl[0] = MXCSR_INITIAL;
  }

  /** Significand of physical register i: low word at 2i, high word at 2i + 1. */
  get significand(): Int32Array {
    this.x87.settleRegisters();
    return this.significands;
  }
  /** Sign (bit 15) and biased exponent of physical register i. */
  get exponent(): Uint16Array {
    this.x87.settleRegisters();
    return this.exponents;
  }
  get control(): number {
    return this.x87.state[X87_CONTROL]!;
  }
  set control(value: number) {
    this.x87.state[X87_CONTROL] = value;
  }
  /** The status word with the TOP field 0; see `statusWord`. */
  get status(): number {
    this.x87.settleRounding();
    return this.x87.state[X87_STATUS]!;
  }
  set status(value: number) {
    this.x87.numbers[RESIDUE] = 0;
    this.x87.state[X87_STATUS] = value;
  }
  /** Physical number of ST(0). */
  get top(): number {
    return this.x87.state[X87_TOP]!;
  }
  set top(value: number) {
    this.x87.state[X87_TOP] = value;
  }
  /** Bit i: physical register i is not empty. The full tag word is derived from the contents when it is stored. */
  get valid(): number {
    return this.x87.state[X87_VALID]!;
  }
  set valid(value: number) {
    this.x87.state[X87_VALID] = value;
  }
  /** Everything in its architectural place; for whoever reads the registers as words. */
  settle(): this {
    this.x87.settleRegisters();
    this.x87.settleRounding();
    return this;
  }
  /** Last instruction pointer and operand pointer (SDM vol. 1, 8.1.8). */
  get instructionOffset(): number {
    return this.x87.state[X87_INSTRUCTION_OFFSET]!;
  }
  set instructionOffset(value: number) {
    this.x87.state[X87_INSTRUCTION_OFFSET] = value;
  }
  get instructionSelector(): number {
    return this.x87.state[X87_INSTRUCTION_SELECTOR]!;
  }
  set instructionSelector(value: number) {
    this.x87.state[X87_INSTRUCTION_SELECTOR] = value;
  }
  get operandOffset(): number {
    return this.x87.state[X87_OPERAND_OFFSET]!;
  }
  set operandOffset(value: number) {
    this.x87.state[X87_OPERAND_OFFSET] = value;
  }
  get operandSelector(): number {
    return this.x87.state[X87_OPERAND_SELECTOR]!;
  }
  set operandSelector(value: number) {
    this.x87.state[X87_OPERAND_SELECTOR] = value;
  }
  /** Last opcode (SDM vol. 1, 8.1.9). */
  opcode = 0;
  /** How many times ES has been set: numbers the errors, so that who was told of one knows the next from it. */
  errors = 0;
  /** The opcode of the instruction at hand, asked for when it raises an unmasked exception; whoever has the processor sets it. */
  readOpcode: () => number = unknownOpcode;
  get mxcsr(): number {
    return this.sseControl[0]!;
  }
  set mxcsr(value: number) {
    this.sseControl[0] = value;
  }

  /** Power-up state: FNINIT plus cleared registers (SDM vol. 3, table 11-1). */
  reset(): void {
    this.settle();
    this.bytes.fill(0);
    this.initialize();
    this.mxcsr = MXCSR_INITIAL;
  }

  /** What FNINIT does: registers keep their contents but become empty. */
  initialize(): void {
    this.control = CONTROL.INITIAL;
    this.status = 0;
    this.top = 0;
    this.valid = 0;
    this.instructionOffset = 0;
    this.instructionSelector = 0;
    this.operandOffset = 0;
    this.operandSelector = 0;
    this.opcode = 0;
  }

  statusWord(): number {
    return this.status | (this.top << 11);
  }

  /** Takes exceptions, conditions and TOP from `word`; ES and B follow from the masks. */
  setStatusWord(word: number): void {
    this.status = word & (STATUS.CONDITIONS | STATUS.EXCEPTIONS | STATUS.SF);
    this.top = (word >>> 11) & 7;
    this.summarize();
  }

  setControlWord(word: number): void {
    this.control = (word & CONTROL.WRITABLE) | CONTROL.RESERVED_ONE;
    this.summarize();
  }

  /** Recomputes ES and B after masks or flags changed. */
  summarize(): void {
    const unmasked = this.status & ~this.control & STATUS.EXCEPTIONS;
    if (unmasked && !(this.status & STATUS.ES)) this.errors++;
    this.status = unmasked ? this.status | 0x8080 : this.status & 0x7f7f;
  }

  /** The 16-bit tag word: 0 valid, 1 zero, 2 special, 3 empty for each physical register (SDM vol. 1, 8.1.7). */
  tagWord(): number {
    let word = 0;
    for (let i = 7; i >= 0; i--) word = (word << 2) | this.tag(i);
    return word;
  }

  private tag(i: number): number {
    if (!((this.valid >>> i) & 1)) return 3;
    const exponent = this.exponent[i]! & 0x7fff;
    const high = this.significand[2 * i + 1]!;
    if (exponent === 0) return (high | this.significand[2 * i]!) === 0 ? 1 : 2;
    return exponent === 0x7fff || high >= 0 ? 2 : 0;
  }

  setTagWord(word: number): void {
    this.valid = 0;
    for (let i = 0; i < 8; i++) if (((word >>> (2 * i)) & 3) !== 3) this.valid |= 1 << i;
  }

  copyFrom(other: Fpu): void {
    this.settle();
    other.settle();
    this.bytes.set(other.bytes);
    this.control = other.control;
    this.status = other.status;
    this.top = other.top;
    this.valid = other.valid;
    this.instructionOffset = other.instructionOffset;
    this.instructionSelector = other.instructionSelector;
    this.operandOffset = other.operandOffset;
    this.operandSelector = other.operandSelector;
    this.opcode = other.opcode;
    this.errors = other.errors;
    this.mxcsr = other.mxcsr;
  }
}
