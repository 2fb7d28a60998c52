/** What differs between the three places that emitted code runs in: a region, the interpreter's hot switch, a handler of its table. */
import type { Expression, Statement as JsStatement } from 'estree';
import type { JumpKind, Register, Statement, Value, Width } from '../ir.js';
import type { KnownFlags } from './flags.js';

export interface QuickCode {
  readonly code: JsStatement[];
  /** What is known of the flags behind it. */
  readonly flags: KnownFlags | undefined | 'kept';
}

export interface Target {
  /** Canonical value (zero-extended for 8 and 16 bits). */
  readRegister(register: Register, width: Width): Expression;
  writeRegister(register: Register, width: Width, value: Expression): JsStatement[];
  immediate(width: Width): Expression;
  /** Linear address or offset computed from the slot's fields. */
  slotAddress(addressSize: 16 | 32, segmented: boolean): Expression;
  slotSegment(): Expression;
  readState(index: number): Expression;
  writeState(index: number, value: Expression): JsStatement[];
  /** The int32 at a machine address. */
  code?(at: number): Expression;
  eip(next: boolean): Expression;
  /** Untruncated target of a direct branch. */
  branchTarget(): Expression;
  /** Assigns the temp `name`; leaves the fast path (or faults) when the access needs more. */
  load(
    name: string,
    width: Width,
    address: Expression,
    forWrite: boolean,
    statement?: Statement,
  ): JsStatement[];
  /** `of` names the temp of the load that already checked this place, or is undefined. */
  store(
    width: Width,
    address: Expression,
    value: Expression,
    of: string | undefined,
    statement?: Statement,
  ): JsStatement[];
  segment(name: string, segment: Expression, offset: Expression, size: number, write: boolean): JsStatement[];
  /** Names of the four lazy-flag variables or expressions. */
  readonly flags: {
    readonly kind: Expression;
    readonly a: Expression;
    readonly b: Expression;
    readonly result: Expression;
  };
  /** Flags of unknown kind are looked at in place, not by calls. */
  readonly inlinesFlags?: boolean;
  /** Calls a helper, keeping its result in `name` if given; all state is in memory around the call. */
  helper(
    helper: string,
    args: readonly Expression[],
    name: string | undefined,
    control: boolean,
  ): JsStatement[];
  /** The shorter way of a quick instruction, if the target has one; `slow` emits the long one. */
  quick?(
    statement: Extract<Statement, { op: 'quick' }>,
    address: Expression | undefined,
    slow: () => JsStatement[],
  ): QuickCode | undefined;
  /** Leaves before an instruction that goes its rare way, if the target may. */
  leaveRarely?(): JsStatement[] | undefined;
  fault(vector: number, errorCode: number): JsStatement[];
  jump(to: Expression, condition: Expression | undefined, kind: JumpKind, value: Value): JsStatement[];
  repeat(condition: Expression): JsStatement[];
}
