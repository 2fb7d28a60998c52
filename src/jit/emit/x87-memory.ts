/** Memory operands of x87 instructions in translated code: numbers of 16 to 80 bits to and from pairs of doubles. */
import type { Expression } from 'estree';
import { LEAST, MOST, POWER, SCRATCH, X87_NUMBER_WORDS } from '../../runtime/fpu/x87-pairs.js';
import { R_SEGMENT_BASE } from '../../runtime/state.js';
import { block, breakTo, js, labelled, statements } from './quote.js';
import type { VectorCode } from './vector-lanes.js';
import type { Task } from './vector-moves.js';
import { normal, ZERO, type Pair } from './x87-known.js';

/** Flat segments below FS have base 0. */
const FS = 4;
const BIAS = 16383;
const EXPONENT_LIMIT = 899;
const SCRATCH_LOW = X87_NUMBER_WORDS + 2 * SCRATCH;
const SCRATCH_HIGH = SCRATCH_LOW + 1;
const POWER_HIGH = X87_NUMBER_WORDS + 2 * POWER + 1;

/** Where an operand is, checked: machine address, segment and offset. */
export interface Located {
  readonly at: string;
  readonly segment: number;
  readonly offset: Expression;
}
export const memoryOf = (task: Task) => {
  const memory = task.instruction.operands.find((o) => o.kind === 'memory');
  return memory?.kind === 'memory' ? memory : undefined;
};

/** Reals of 64 and 80 bits may be misaligned in their page: compilers for 32 bits put them on multiples of four. */
export function locate(task: Task, write: boolean): Located {
  const { code } = task;
  const { width, segment } = memoryOf(task)!;
  const a = code.name(task.address!);
  const x = code.name(js`${write ? 'WT' : 'RT'}[${a} >>> 12]`);
  const bytes = width / 8;
  if (bytes < 8) code.missIf(js`((${x} | ${a}) & ${bytes - 1}) !== 0`);
  else code.missIf(js`((${x} | ${a}) & 4095) > ${4096 - bytes}`);
  const offset = segment < FS ? js`${a}` : js`${a} - r[${R_SEGMENT_BASE + segment}] | 0`;
  return { at: code.name(js`${x} ^ ${a}`), segment, offset };
}

// ---- loads ------------------------------------------------------------------------------------------------------------------

function loadDouble(code: VectorCode, at: string): string {
  const h = code.fresh();
  code.push(statements`
    let ${h} = +0;
    if ((${at} & 7) === 0) { ${h} = dv.getFloat64(${at}, true); }
    else {
      if ((${at} & 3) !== 0) { ${code.host.miss()} }
      xi[${SCRATCH_LOW}] = dv.getInt32(${at}, true);
      xi[${SCRATCH_HIGH}] = dv.getInt32(${at} + 4, true);
      ${h} = xd[${SCRATCH}];
    }`);
  return h;
}
/** Leaves for what is neither from `least` to `most` nor zero. */
function expectRange(code: VectorCode, h: string, least: number, most: number): void {
  const label = code.label();
  const done = breakTo(label);
  const size = code.name(js`Math.abs(${h})`);
  const body = statements`
    if (${size} >= ${least}) { if (${size} <= ${most}) { ${done} } }
    if (${h} === 0) { ${done} }
    ${code.host.miss()}`;
  code.push([labelled(label, block(body))]);
}
/** A real of 32 or 64 bits; leaves where it is no number of the range. */
export function loadReal(task: Task, { at }: Located): Pair {
  const { code } = task;
  const { width } = memoryOf(task)!;
  const h = width === 64 ? loadDouble(code, at) : code.name(js`+dv.getFloat32(${at}, true)`);
  expectRange(code, h, width === 64 ? LEAST : 2 ** -126, MOST);
  return { h, l: ZERO, bound: 60 };
}
export function loadInteger(task: Task, { at }: Located): Pair {
  const { code } = task;
  const { width } = memoryOf(task)!;
  if (width < 64) {
    const value = width === 16 ? js`dv.getInt16(${at}, true)` : js`dv.getInt32(${at}, true)`;
    return { h: code.name(js`+${value}`), l: ZERO, bound: 60 };
  }
  code.missIf(js`(${at} & 3) !== 0`);
  const a = code.name(js`dv.getInt32(${at} + 4, true) * 4294967296`);
  const b = code.name(js`+(dv.getInt32(${at}, true) >>> 0)`);
  const h = code.name(js`${a} + ${b}`);
  return { h, l: code.name(js`${b} - (${h} - ${a})`), bound: 52 };
}
/** A real of 80 bits, normal and of the range, or a zero. */
export function loadExtended({ code }: Task, { at }: Located): Pair {
  code.missIf(js`(${at} & 3) !== 0`);
  const low = code.name(js`dv.getInt32(${at}, true)`);
  const high = code.name(js`dv.getInt32(${at} + 4, true)`);
  const top = code.name(js`dv.getUint16(${at} + 8, true)`);
  const exponent = code.name(js`${top} & 32767`);
  const zero = code.name(js`(${exponent} | ${high} | ${low}) === 0 ? 1 : 0`);
  const inside = js`${high} < 0 && ${exponent} >= ${BIAS - EXPONENT_LIMIT} && ${exponent} <= ${BIAS + EXPONENT_LIMIT}`;
  code.missIf(js`${zero} === 0 && !(${inside})`);
  // For a zero the power is one of a small number, and its sign that of the zero.
  code.push(
    statements`xi[${POWER_HIGH}] = (${exponent} - ${BIAS + 63 - 1023} & 2047) << 20 | (${top} & 32768) << 16;`,
  );
  const scale = code.name(js`xd[${POWER}]`);
  const a = code.name(js`(${high} >>> 0) * 4294967296`);
  const b = code.name(js`+(${low} >>> 0)`);
  const sum = code.name(js`${a} + ${b}`);
  const h = code.name(js`${sum} * ${scale}`);
  return { h, l: code.name(js`${zero} ? -(+0) : (${b} - (${sum} - ${a})) * ${scale}`), bound: 52 };
}

// ---- stores -----------------------------------------------------------------------------------------------------------------

/** What a format takes away from a number, and the number that it keeps, if they can be told. */
export interface Stored {
  readonly h: string;
  readonly rest: string;
}
export function storeDouble(code: VectorCode, { at }: Located, pair: Pair): Stored | undefined {
  const { h } = pair.l === ZERO ? pair : { h: code.name(js`${pair.h} + ${pair.l}`) };
  code.push(statements`
    if ((${at} & 7) === 0) { dv.setFloat64(${at}, ${h}, true); }
    else {
      if ((${at} & 3) !== 0) { ${code.host.miss()} }
      xd[${SCRATCH}] = ${h};
      dv.setInt32(${at}, xi[${SCRATCH_LOW}], true);
      dv.setInt32(${at} + 4, xi[${SCRATCH_HIGH}], true);
    }`);
  if (pair.l === ZERO) return undefined;
  return { h, rest: code.name(js`${pair.l} - (${h} - ${pair.h})`) };
}
/** Leaves for numbers out of the format's range, and half way between two where the low part decides. */
export function storeSingle(code: VectorCode, { at }: Located, pair: Pair): Stored {
  const { h, l } = normal(code, pair);
  const single = code.name(js`Math.fround(${h})`);
  const value = code.name(js`+${single}`);
  code.missIf(js`${value} === 0 && ${h} !== 0`);
  expectRange(code, value, 2 ** -126 * (1 + 2 ** -23), (2 - 2 ** -23) * 2 ** 127);
  const rest = code.name(js`${h} - ${value}`);
  if (l !== ZERO) {
    const next = code.name(js`${value} + 2 * ${rest}`);
    code.missIf(js`${l} !== 0 && ${rest} !== 0 && +Math.fround(${next}) === ${next}`);
  }
  code.push(statements`dv.setFloat32(${at}, ${single}, true);`);
  return { h, rest: l === ZERO ? rest : code.name(js`${rest} + ${l}`) };
}
/** Rounded to nearest or, by `truncates` (an int), towards zero. Leaves where the format does not have the integer. */
export function storeInteger(task: Task, { at }: Located, pair: Pair, truncates: Expression): Stored {
  const { code } = task;
  const { width } = memoryOf(task)!;
  const { h, l } = normal(code, pair);
  code.missIf(js`!(Math.abs(${h}) < ${2 ** 51})`);
  const r = code.fresh();
  code.push(statements`let ${r} = ${h} + ${1.5 * 2 ** 52} - ${1.5 * 2 ** 52};
    if (${truncates}) { ${r} = ${h} < 0 ? Math.ceil(${h}) : Math.floor(${h}); }`);
  const rest = code.name(js`${h} - ${r}`);
  if (l !== ZERO) code.missIf(js`${l} !== 0 && (${rest} === 0 || Math.abs(${rest}) === 0.5)`);
  if (width < 64) {
    const limit = 2 ** (width - 1);
    code.missIf(js`!(${r} >= ${-limit} && ${r} < ${limit})`);
    const value = code.name(js`~~${r}`);
    code.push(
      width === 16
        ? statements`dv.setUint16(${at}, ${value} & 65535, true);`
        : statements`dv.setInt32(${at}, ${value}, true);`,
    );
  } else {
    const upper = code.name(js`Math.floor(${r} * ${2 ** -32})`);
    const lower = code.name(js`${r} - ${upper} * 4294967296`);
    code.missIf(js`(${at} & 3) !== 0`);
    const [low, high] = [code.name(js`~~${lower}`), code.name(js`~~${upper}`)];
    code.push(statements`dv.setInt32(${at}, ${low}, true); dv.setInt32(${at} + 4, ${high}, true);`);
  }
  return { h, rest: l === ZERO ? rest : code.name(js`${rest} + ${l}`) };
}
/** Exact. */
export function storeExtended(code: VectorCode, { at }: Located, pair: Pair): void {
  code.missIf(js`(${at} & 3) !== 0`);
  const { h, l } = normal(code, pair);
  code.push(statements`xd[${SCRATCH}] = ${h};`);
  const low = code.name(js`xi[${SCRATCH_LOW}]`), high = code.name(js`xi[${SCRATCH_HIGH}]`); // prettier-ignore
  const sign = code.name(js`${high} >>> 16 & 32768`);
  const [exponent, upper, lower] = [code.fresh(), code.fresh(), code.fresh()] as const;
  code.push(statements`
    let ${exponent} = ${high} >>> 20 & 2047, ${upper} = ${high} << 11 | -2147483648 | ${low} >>> 21, ${lower} = ${low} << 11;`);
  if (l !== ZERO) {
    // The low part in units of 2^-63 of the high one's power of two.
    code.push(statements`xi[${POWER_HIGH}] = ${2046 + 63} - ${exponent} << 20;`);
    const rest = code.name(js`(${high} < 0 ? -${l} : ${l}) * xd[${POWER}]`);
    const total = code.name(js`(${lower} >>> 0) + ${rest}`);
    // Below a power of two the unit is half as large.
    code.push(statements`
      if (${rest} < 0 && (${upper} ^ -2147483648 | ${lower}) === 0) {
        ${exponent} = ${exponent} - 1 | 0; ${upper} = -1; ${lower} = ~~(2 * ${rest});
      } else {
        ${upper} = ${upper} + (${total} < 0 ? -1 : ${total} > 4294967295 ? 1 : 0) | 0; ${lower} = ~~${total};
      }`);
  }
  code.push(statements`
    if (${h} === 0) { ${exponent} = 0; ${upper} = 0; ${lower} = 0; } else { ${exponent} = ${exponent} + ${BIAS - 1023} | 0; }
    dv.setInt32(${at}, ${lower}, true);
    dv.setInt32(${at} + 4, ${upper}, true);
    dv.setUint16(${at} + 8, ${exponent} | ${sign}, true);`);
}
