/** Semantics: shifts, rotates, double shifts, bit tests and scans, byte swap (SDM vol. 1, 7.3.5-7.3.7). */
import type { Builder } from '../builder.js';
import type { Value, Width } from '../ir.js';
import { EFLAGS } from '../../runtime/state.js';

const OVERFLOW_BIT = 11;

/** Shift count of operand n: modulo 32 whatever the operand size. */
const countOf = (b: Builder, n: number): Value =>
  b.let(b.and(b.zeroExtend(32, b.read(n, 8)), b.constant(32, 31)));

/** Bit `at` (0-31, a value) of a value, as 0 or 1 at width 32. */
const bit = (b: Builder, value: Value, at: Value | number): Value =>
  b.and(
    b.shift('shrU', b.zeroExtend(32, value), typeof at === 'number' ? at : b.and(at, b.constant(32, 31))),
    b.constant(32, 1),
  );
const top = (b: Builder, value: Value): Value => bit(b, value, value.width - 1);
const carryAndOverflow = (b: Builder, carry: Value, overflow: Value): Value =>
  b.or(carry, b.shift('shl', overflow, OVERFLOW_BIT));
const ifCounted = (b: Builder, count: Value, body: () => void): void =>
  b.when(b.binary('ne', count, b.constant(32, 0)), body);

function shift(
  compute: (b: Builder, value: Value, count: Value) => Value,
  carryOf: (b: Builder, value: Value, count: Value) => Value,
  overflowOf: (b: Builder, value: Value, result: Value, carry: Value) => Value,
) {
  return (b: Builder): void => {
    const value = b.let(b.readForWrite(0));
    const count = countOf(b, 1);
    const result = b.let(compute(b, value, count));
    b.write(0, result);
    ifCounted(b, count, () => {
      const carry = b.let(carryOf(b, value, count));
      b.setResultFlags(result, b.let(carryAndOverflow(b, carry, overflowOf(b, value, result, carry))));
    });
  };
}
const below = (b: Builder, count: Value): Value => b.sub(count, b.constant(32, 1));
const fromTop = (b: Builder, width: Width, count: Value): Value => b.sub(b.constant(32, width), count);

/** Rotates change CF and OF alone. */
function rotate(left: boolean) {
  return (b: Builder): void => {
    const value = b.let(b.readForWrite(0));
    const width = value.width;
    const count = countOf(b, 1);
    const by = b.and(count, b.constant(32, width - 1));
    const back = b.and(fromTop(b, width, by), b.constant(32, width - 1));
    const result = b.let(
      b.or(b.shift('shl', value, left ? by : back), b.shift('shrU', value, left ? back : by)),
    );
    b.write(0, result);
    ifCounted(b, count, () => {
      const carry = b.let(left ? bit(b, result, 0) : top(b, result));
      const overflow = b.xor(top(b, result), left ? carry : bit(b, result, width - 2));
      b.patchFlags(EFLAGS.CF | EFLAGS.OF, b.let(carryAndOverflow(b, carry, overflow)));
    });
  };
}

/** Count modulo width + 1 for the 9- and 17-bit rotations through carry. */
function throughCarryCount(b: Builder, width: Width, count: Value): Value {
  if (width === 32) return count;
  const period = width + 1;
  const reduce = (value: Value): Value =>
    b.let(
      b.select(b.binary('ltU', value, b.constant(32, period)), value, b.sub(value, b.constant(32, period))),
    );
  return width === 16 ? reduce(count) : reduce(reduce(reduce(count)));
}
function rotateThroughCarry(left: boolean) {
  return (b: Builder): void => {
    const value = b.let(b.readForWrite(0));
    const width = value.width;
    const masked = countOf(b, 1);
    const count = throughCarryCount(b, width, masked);
    const carryIn = b.let(b.carry());
    const { result, carry } =
      width === 32 ? rotate33(b, value, count, carryIn, left) : rotateNarrow(b, value, count, carryIn, left);
    ifCounted(b, count, () => {
      const overflow = b.xor(top(b, result), left ? carry : bit(b, result, width - 2));
      b.patchFlags(EFLAGS.CF | EFLAGS.OF, b.let(carryAndOverflow(b, carry, overflow)));
    });
    b.write(0, result);
  };
}
/** 33-bit rotation; a count of 0 is the identity. */
function rotate33(
  b: Builder,
  value: Value,
  count: Value,
  carryIn: Value,
  left: boolean,
): { result: Value; carry: Value } {
  const less = b.let(b.and(below(b, count), b.constant(32, 31)));
  const rest = b.let(b.and(fromTop(b, 32, count), b.constant(32, 31)));
  const [there, back] = left ? (['shl', 'shrU'] as const) : (['shrU', 'shl'] as const);
  const wrapped = b.shift(back, b.shift(back, value, rest), 1);
  const inserted = left ? b.shift('shl', carryIn, less) : b.shift('shl', carryIn, rest);
  const rotated = b.or(b.or(b.shift(there, value, count), wrapped), inserted);
  const isIdentity = b.let(b.isZero(count));
  const result = b.let(b.select(isIdentity, value, rotated));
  const carry = b.let(b.select(isIdentity, carryIn, left ? bit(b, value, rest) : bit(b, value, less)));
  return { result, carry };
}
function rotateNarrow(
  b: Builder,
  value: Value,
  count: Value,
  carryIn: Value,
  left: boolean,
): { result: Value; carry: Value } {
  const width = value.width;
  const whole = b.let(b.or(b.zeroExtend(32, value), b.shift('shl', carryIn, width)));
  const rest = b.sub(b.constant(32, width + 1), count);
  const [first, second] = left ? [count, rest] : [rest, count];
  const rotated = b.let(b.or(b.shift('shl', whole, first), b.shift('shrU', whole, second)));
  return { result: b.let(b.truncate(width, rotated)), carry: b.let(bit(b, rotated, width)) };
}

function doubleShift(left: boolean) {
  return (b: Builder): void => {
    const value = b.let(b.readForWrite(0));
    const filler = b.let(b.read(1));
    const count = countOf(b, 2);
    const result = b.let(
      value.width === 32 ? double32(b, value, filler, count, left) : double16(b, value, filler, count, left),
    );
    b.write(0, result);
    ifCounted(b, count, () => {
      const carry = bit(b, value, left ? fromTop(b, value.width, count) : below(b, count));
      b.setResultFlags(
        result,
        b.let(carryAndOverflow(b, b.let(carry), b.xor(top(b, result), top(b, value)))),
      );
    });
  };
}
function double32(b: Builder, value: Value, filler: Value, count: Value, left: boolean): Value {
  const rest = b.and(fromTop(b, 32, count), b.constant(32, 31));
  const moved = left
    ? b.or(b.shift('shl', value, count), b.shift('shrU', filler, rest))
    : b.or(b.shift('shrU', value, count), b.shift('shl', filler, rest));
  return b.select(b.isZero(count), value, moved);
}
/** Counts above 16 are undefined for 16-bit operands; the source then comes round again as on the P6. */
function double16(b: Builder, value: Value, filler: Value, count: Value, left: boolean): Value {
  const [high, low] = left ? [value, filler] : [filler, value];
  const joined = b.let(b.or(b.shift('shl', b.zeroExtend(32, high), 16), b.zeroExtend(32, low)));
  return b.truncate(
    16,
    left ? b.shift('shrU', b.shift('shl', joined, count), 16) : b.shift('shrU', joined, count),
  );
}

type BitChange = (b: Builder, value: Value, single: Value) => Value;
/** BT, BTS, BTR, BTC: CF is the selected bit, the other flags stay. */
function bitTest(change: BitChange | undefined) {
  return (b: Builder): void => {
    const width = b.width(0);
    const offset = b.let(b.isRegister(1) ? b.signExtend(32, b.read(1)) : b.zeroExtend(32, b.read(1, 8)));
    const at = b.let(b.and(offset, b.constant(32, width - 1)));
    const single = (): Value => b.let(b.shift('shl', b.constant(width, 1), at));
    if (b.isMemory(0) && b.isRegister(1)) {
      const address = b.bitStringLinear(0, offset, change !== undefined);
      const value = change ? b.loadForWrite(width, address) : b.load(width, address);
      const carry = b.let(bit(b, value, at));
      if (change) b.storeBack(width, address, change(b, value, single()), value);
      b.patchFlags(EFLAGS.CF, carry);
    } else {
      const value = b.let(change ? b.readForWrite(0) : b.read(0));
      const carry = b.let(bit(b, value, at));
      if (change) b.write(0, change(b, value, single()));
      b.patchFlags(EFLAGS.CF, carry);
    }
  };
}

function bitScan(index: (b: Builder, source: Value) => Value) {
  return (b: Builder): void => {
    const source = b.let(b.read(1));
    const found = b.binary('ne', source, b.constant(source.width, 0));
    b.when(found, () => b.write(0, b.truncate(b.width(0), index(b, b.zeroExtend(32, source)))));
    b.setResultFlags(source);
  };
}
const highestBit = (b: Builder, value: Value): Value => b.sub(b.constant(32, 31), b.clz(value));

export const BITS = {
  SHL: shift(
    (b, v, c) => b.shift('shl', v, c),
    (b, v, c) => bit(b, v, fromTop(b, v.width, c)),
    (b, _v, r, carry) => b.xor(top(b, r), carry),
  ),
  SHR: shift(
    (b, v, c) => b.shift('shrU', v, c),
    (b, v, c) => bit(b, v, below(b, c)),
    (b, v) => top(b, v),
  ),
  SAR: shift(
    (b, v, c) => b.shift('shrS', v, c),
    (b, v, c) => bit(b, b.signExtend(32, v), below(b, c)),
    (b) => b.constant(32, 0),
  ),
  ROL: rotate(true),
  ROR: rotate(false),
  RCL: rotateThroughCarry(true),
  RCR: rotateThroughCarry(false),
  SHLD: doubleShift(true),
  SHRD: doubleShift(false),
  BT: bitTest(undefined),
  BTS: bitTest((b, v, s) => b.or(v, s)),
  BTR: bitTest((b, v, s) => b.and(v, b.not(s))),
  BTC: bitTest((b, v, s) => b.xor(v, s)),
  BSF: bitScan((b, v) => highestBit(b, b.and(v, b.neg(v)))),
  BSR: bitScan(highestBit),
  BSWAP: (b: Builder): void => {
    if (b.width(0) === 16) return b.write(0, b.constant(16, 0));
    const v = b.let(b.read(0));
    const middle = (x: Value): Value => b.and(x, b.constant(32, 0xff00));
    b.write(
      0,
      b.or(
        b.or(b.shift('shl', v, 24), b.shift('shl', middle(v), 8)),
        b.or(middle(b.shift('shrU', v, 8)), b.shift('shrU', v, 24)),
      ),
    );
  },
} as const;
