/** The decoded form of one instruction: what the decoder returns and semantics, interpreter and disassembler read. */
import type { Mnemonic } from './opcodes.js';

export type Width = 8 | 16 | 32 | 64;
/** Bytes-in-bits a memory operand touches; 0 where no fixed amount is accessed (LEA, INVLPG, prefetch). */
export type MemoryWidth = 0 | 8 | 16 | 32 | 48 | 64 | 80 | 112 | 128 | 224 | 256 | 752 | 864 | 4096;

/** Segment register numbers as encoded in the manual's Sreg field. */
export const ES = 0,
  CS = 1,
  SS = 2,
  DS = 3,
  FS = 4,
  GS = 5;
export type SegmentIndex = 0 | 1 | 2 | 3 | 4 | 5;

/** Register and file operands are shared objects: the same register is the same object in every instruction. */
export interface RegisterOperand {
  readonly kind: 'register';
  readonly width: Width;
  /** 0-15. Width 8 without REX: 0-3 AL..BL, 4-7 AH CH DH BH (`high` true, then the GPR is index - 4). */
  readonly index: number;
  readonly high: boolean;
}
export interface MemoryOperand {
  readonly kind: 'memory';
  readonly width: MemoryWidth;
  /** The segment in effect: override prefix, else SS for BP/SP-based addresses, else DS (ES for string destinations). */
  readonly segment: SegmentIndex;
  /** GPR number or -1 for none. With address size 16 both may be present with scale 0. */
  readonly base: number;
  readonly index: number;
  /** log2 of the index factor, 0-3. */
  readonly scale: 0 | 1 | 2 | 3;
  /** Sign-extended displacement as int32 (address size 16: taken modulo 2^16 by the address computation). */
  readonly displacement: number;
  readonly addressSize: 16 | 32 | 64;
  /** RIP-relative (64-bit code only): displacement counts from the next instruction. */
  readonly ripRelative: boolean;
}
export interface ImmediateOperand {
  readonly kind: 'immediate';
  readonly width: Width;
  /**
   * Sign-extended to int32; unsigned in `Ibu` rows (shift counts, IN/OUT ports, INT vectors, AAM, SSE selectors: 0-255) and
   * `Iw` rows (RET, RETF, ENTER: 0-65535). An immediate that is extended to the operand (`Ibs`, `Iz`) has the operand's width.
   */
  readonly value: number;
  /** High half for MOV r64,imm64; 0 or -1 by sign otherwise. */
  readonly high: number;
}
/** Branch displacement relative to the next instruction, sign-extended int32. */
export interface RelativeOperand {
  readonly kind: 'relative';
  readonly value: number;
}
export interface FarOperand {
  readonly kind: 'far';
  readonly selector: number;
  readonly offset: number;
}
/** Register files other than the GPRs. */
export interface FileOperand {
  readonly kind: 'segment' | 'control' | 'debug' | 'st' | 'mm' | 'xmm';
  readonly index: number;
}
export type Operand =
  RegisterOperand | MemoryOperand | ImmediateOperand | RelativeOperand | FarOperand | FileOperand;

export interface Instruction {
  readonly mnemonic: Mnemonic;
  /** Index into OPCODES: the row that matched. */
  readonly row: number;
  /** Bytes, 1-15. */
  readonly length: number;
  /** Effective operand size in bits after prefixes (a mandatory 66 is none), also where no operand has that size. */
  readonly operandSize: 16 | 32 | 64;
  readonly addressSize: 16 | 32 | 64;
  /** Explicit and implicit operands in the manual's order (`SHL Eb,1` has an immediate 1, `SHL Eb,CL` a register). */
  readonly operands: readonly Operand[];
  /** Condition code 0-15 of JCC, SETCC, CMOVCC; for FCMOVcc as encoded; -1 otherwise. */
  readonly condition: number;
  readonly lock: boolean;
  /** F3 / F2 prefix that was not consumed as a mandatory prefix. */
  readonly rep: 0 | 0xf3 | 0xf2;
  /** Segment for implicit string source / XLAT / MOVS source, after override. */
  readonly segment: SegmentIndex;
}

/** Why bytes did not decode. */
export const DecodeFailure = {
  /** #UD: no such instruction in this mode. */
  INVALID: 1,
  /** #GP(0): more than 15 bytes. */
  TOO_LONG: 2,
  /** `end` was reached before the instruction was complete. */
  TRUNCATED: 3,
} as const;
export type DecodeFailure = (typeof DecodeFailure)[keyof typeof DecodeFailure];
