/**
 * The intermediate representation: what one instruction does, as a short list of statements over pure value trees. The evaluator runs it, the
 * interpreter is generated from it, the JIT emits it. Order is the fault-precision rule: reads first, computation, memory writes, then registers, then flags.
 *
 * Not implemented: values of width 64 (the width is in every node, but no semantics make one before there is 64-bit code).
 */
import type { Instruction, SegmentIndex, Width } from '../decoder/instruction.js';
import { FlagOperation } from '../runtime/flags.js';

/** A GPR known now (`fixed`) or named by a field of the interpreter's slot. `high` = AH..BH: bits 8-15 of `index`. */
export type Register =
  | { readonly kind: 'fixed'; readonly index: number; readonly high: boolean }
  | { readonly kind: 'slot'; readonly field: 'a' | 'b' };

export const BINARY = [
  'add',
  'sub',
  'mul',
  'and',
  'or',
  'xor',
  'shl',
  'shrU',
  'shrS',
  'eq',
  'ne',
  'ltU',
  'ltS',
  'leU',
  'leS',
  'mulHighU',
  'mulHighS',
  'mulOverflows',
  'divS',
] as const;
export type BinaryOp = (typeof BINARY)[number];
export const UNARY = ['not', 'neg', 'clz', 'isZero'] as const;
export type UnaryOp = (typeof UNARY)[number];

/**
 * Pure values. Widths 8 and 16 are zero-extended in an int32, width 32 is an int32; a value of width 64 will be a pair of int32. Comparisons give 0 or 1 at width 32. Shift counts are taken as given and must be 0-31.
 */
export type Value =
  | { readonly op: 'const'; readonly width: Width; readonly value: number; readonly high?: number }
  | { readonly op: 'immediate'; readonly width: Width }
  /** The int32 at a machine address, which is in the instruction itself. */
  | { readonly op: 'code'; readonly width: 32; readonly at: number }
  | { readonly op: 'gpr'; readonly width: Width; readonly register: Register }
  | { readonly op: 'temp'; readonly width: Width; readonly id: number }
  /** Raw int32 of Cpu.r. */
  | { readonly op: 'state'; readonly width: 32; readonly index: number }
  /** Offset in CS of this instruction (`next` false) or of the next one. */
  | { readonly op: 'eip'; readonly width: 32; readonly next: boolean }
  /** Branch target of a direct branch, before truncation to the operand size. */
  | { readonly op: 'target'; readonly width: 32 }
  /** Effective address held in the slot (interpreter forms only); concrete addresses are ordinary trees. */
  | {
      readonly op: 'slotAddress';
      readonly width: 32;
      readonly addressSize: 16 | 32;
      readonly segmented: boolean;
    }
  /** The number of the slot's segment (interpreter forms only). */
  | { readonly op: 'slotSegment'; readonly width: 32 }
  | { readonly op: BinaryOp; readonly width: Width; readonly left: Value; readonly right: Value }
  | { readonly op: UnaryOp; readonly width: Width; readonly value: Value }
  | { readonly op: 'zeroExtend' | 'signExtend' | 'truncate'; readonly width: Width; readonly value: Value }
  | {
      readonly op: 'select';
      readonly width: Width;
      readonly condition: Value;
      readonly then: Value;
      readonly else: Value;
    }
  /** Low 32 bits of the unsigned quotient (high:low) / divisor, for a divisor that is not 0. */
  | {
      readonly op: 'divideLong';
      readonly width: 32;
      readonly high: Value;
      readonly low: Value;
      readonly divisor: Value;
    }
  /** 0 or 1 from the lazy flags. */
  | { readonly op: 'condition'; readonly width: 32; readonly cc: number }
  /** CF as 0 or 1. */
  | { readonly op: 'carry'; readonly width: 32 }
  /** The six status flags as EFLAGS bits. */
  | { readonly op: 'statusFlags'; readonly width: 32 };

/** How the status flags follow from their inputs; see runtime/flags.ts. */
export const FlagKind = FlagOperation;
export type FlagKind = FlagOperation;

export type Statement =
  | { readonly op: 'let'; readonly id: number; readonly width: Width; readonly value: Value }
  /** Temp `id` = memory; `forWrite`: checked as a write, a `store` with `of: id` follows to the same place. */
  | {
      readonly op: 'load';
      readonly id: number;
      readonly width: Width;
      readonly address: Value;
      readonly forWrite: boolean;
    }
  | {
      readonly op: 'store';
      readonly width: Width;
      readonly address: Value;
      readonly value: Value;
      readonly of: number;
    }
  | { readonly op: 'setGpr'; readonly width: Width; readonly register: Register; readonly value: Value }
  | { readonly op: 'setState'; readonly index: number; readonly value: Value }
  /** a, b and result are left-justified by whoever runs this; EXPLICIT takes EFLAGS bits in `a`, RESULT CF|AF|OF bits in `a`, INC/DEC the old CF in `a`. */
  | {
      readonly op: 'setFlags';
      readonly kind: FlagKind;
      readonly width: Width;
      readonly a: Value;
      readonly b: Value;
      readonly result: Value;
      /** ADD and SUB: result is exactly a ± b, no carry went in. */
      readonly exact: boolean;
    }
  /** Replaces the status flags in `mask` (a subset of CF, OF, AF) by `bits`; the others stay. */
  | { readonly op: 'patchFlags'; readonly mask: number; readonly bits: Value }
  | {
      readonly op: 'when';
      readonly condition: Value;
      readonly then: readonly Statement[];
      readonly else: readonly Statement[];
      /** Hardly ever true: a region may leave there, before the instruction. Everything the instruction does is in its branches. */
      readonly rare: boolean;
    }
  /** Raises a fault with state as before the instruction. */
  | { readonly op: 'fault'; readonly vector: number; readonly errorCode: number }
  /** Calls a runtime helper with all state in `cpu`; `id` >= 0 names its int32 result; `control`: it may set r[R_EIP]. */
  | {
      readonly op: 'helper';
      readonly name: string;
      readonly args: readonly Value[];
      readonly id: number;
      readonly control: boolean;
    }
  /**
   * A frequent x87, MMX or SSE instruction. `slow` is its meaning; translated code may do the same by a shorter way. `address` is the linear address
   * of its memory operand, which needs no segment check.
   */
  | {
      readonly op: 'quick';
      readonly instruction: Instruction;
      readonly address: Value | undefined;
      readonly slow: readonly Statement[];
    }
  /** Linear address of a segmented access that is not flat: checks limit and type, may fault. */
  | {
      readonly op: 'segment';
      readonly id: number;
      readonly segment: Value;
      readonly offset: Value;
      readonly size: number;
      readonly write: boolean;
    }
  /** Ends the instruction: control continues at offset `to`, if `condition` (when given) is not 0. */
  | {
      readonly op: 'jump';
      readonly to: Value;
      readonly condition: Value | undefined;
      readonly kind: JumpKind;
    }
  /** A REP instruction that has not finished: eip stays. */
  | { readonly op: 'repeat'; readonly condition: Value };

/** `helper`: r[R_EIP] was set by a helper. */
export type JumpKind = 'direct' | 'indirect' | 'call' | 'callIndirect' | 'return' | 'helper';

export interface Semantic {
  readonly statements: readonly Statement[];
  /** How many temps are used. */
  readonly temps: number;
  /** Contains a helper, so that all state must be in memory around it. */
  readonly hasHelper: boolean;
  readonly endsBlock: boolean;
}

export type { SegmentIndex, Width };
