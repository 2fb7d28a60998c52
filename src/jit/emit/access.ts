/** The shape of a fast memory access: the one place that knows the TLB entry format and the views of RAM. */
import type { Expression, Statement as JsStatement } from 'estree';
import type { Width } from '../ir.js';
import type { AccessGroup, Member } from '../passes/group-accesses.js';
import { js, statements } from './quote.js';

/** Names in scope of the emitted code. */
export interface Views {
  readonly dv: string;
  readonly u8: string;
  readonly read: string;
  readonly write: string;
}

/** True when the TLB entry `x` cannot serve `width` bits at `a`: invalid, MMIO, tracked, or misaligned (which includes page crossing). */
export function missTest(width: Width, x: string, a: string): Expression {
  if (width === 8) return js`(${x} & 1) !== 0`;
  return js`((${x} | ${a}) & ${width / 8 - 1}) !== 0`;
}
/** True when it cannot serve even a misaligned access within the page. */
export function missTestMisaligned(width: Width, x: string, a: string): Expression {
  if (width === 8) return js`(${x} & 1) !== 0`;
  return js`(${x} & 1) !== 0 || (${a} & 4095) > ${4096 - width / 8}`;
}

export function readAt(views: Views, width: Width, at: Expression): Expression {
  if (width === 8) return js`${views.u8}[${at}]`;
  return width === 16 ? js`${views.dv}.getUint16(${at}, true)` : js`${views.dv}.getInt32(${at}, true)`;
}
export function writeAt(views: Views, width: Width, at: Expression, value: Expression): JsStatement[] {
  if (width === 8) return statements`${views.u8}[${at}] = ${value};`;
  return width === 16
    ? statements`${views.dv}.setUint16(${at}, ${value}, true);`
    : statements`${views.dv}.setInt32(${at}, ${value}, true);`;
}

/** Declares `name` = memory at the linear address; with `forWrite` also `p_name`, the machine address for the store that follows. */
export function fastLoad(
  views: Views,
  name: string,
  width: Width,
  address: Expression,
  forWrite: boolean,
  miss: () => JsStatement[],
  test = missTest,
): JsStatement[] {
  const a = `a_${name}`;
  const x = `x_${name}`;
  const at = `p_${name}`;
  return [
    ...statements`const ${a} = ${address}, ${x} = ${forWrite ? views.write : views.read}[${a} >>> 12];
      if (${test(width, x, a)}) { ${miss()} }`,
    ...(forWrite
      ? statements`const ${at} = ${x} ^ ${a}, ${name} = ${readAt(views, width, js`${at}`)};`
      : statements`const ${name} = ${readAt(views, width, js`${x} ^ ${a}`)};`),
  ];
}

/** Stores; `of` names the load that has checked the place. */
export function fastStore(
  views: Views,
  width: Width,
  address: Expression,
  value: Expression,
  of: string | undefined,
  miss: () => JsStatement[],
  test = missTest,
): JsStatement[] {
  if (of !== undefined) return writeAt(views, width, js`${`p_${of}`}`, value);
  return statements`{
    const to = ${address}, entry = ${views.write}[to >>> 12];
    if (${test(width, 'entry', 'to')}) { ${miss()} }
    ${writeAt(views, width, js`entry ^ to`, value)}
  }`;
}

/** One check for a group of accesses, made by its leader at `address`; declares `g<id>`, the machine address of the group's lowest byte. */
export function groupCheck(
  views: Views,
  group: AccessGroup,
  address: Expression,
  miss: () => JsStatement[],
): JsStatement[] {
  const { id, width } = group;
  const low = lowOf(group);
  if (group.entry !== undefined)
    return statements`const ${`g${id}`} = ${group.entry} ^ (${low === group.at ? address : js`${address} + ${low - group.at} | 0`});`;
  const span = group.high - low - 1;
  const a = `b${id}`;
  const x = `y${id}`;
  const invalid = width === 1 ? js`${x} & 1` : js`(${x} | ${a}) & ${width - 1}`;
  const bad = span < width ? invalid : js`${invalid} | (${a} ^ ${a} + ${span}) & -4096`;
  const start = low === group.at ? address : js`${address} + ${low - group.at} | 0`;
  return statements`const ${a} = ${start}, ${x} = ${group.write ? views.write : views.read}[${a} >>> 12];
    if ((${bad}) !== 0) { ${miss()} }
    const ${`g${id}`} = ${x} ^ ${a};`;
}
/**
 * The check of a group before its loop's iterations, with `address` that of its leader in the first of them and `stride` bytes from one to the next: declares the
 * group's entry, and makes `more`, the further iterations for which it holds, smaller.
 */
export function loopCheck(
  views: Views,
  group: AccessGroup,
  entry: string,
  address: Expression,
  stride: number,
  more: string,
  miss: () => JsStatement[],
): JsStatement[] {
  const { width } = group;
  const low = lowOf(group);
  const span = group.high - low;
  const [a, rest] = [`a_${entry}`, `m_${entry}`];
  const shift = 32 - Math.clz32(Math.abs(stride) - 1);
  const room = stride > 0 ? js`${4096 - span} - (${a} & 4095) >> ${shift}` : js`(${a} & 4095) >> ${shift}`;
  const invalid = width === 1 ? js`${entry} & 1` : js`(${entry} | ${a}) & ${width - 1}`;
  const bad = span > width ? js`${invalid} | (${a} ^ ${a} + ${span - 1}) & -4096` : invalid;
  return statements`
    const ${a} = ${address} + ${low - group.at} | 0, ${entry} = ${group.write ? views.write : views.read}[${a} >>> 12];
    if ((${bad}) !== 0) { ${miss()} }
    ${stride === 0 ? [] : statements`const ${rest} = ${room}; if (${rest} < ${more}) { ${more} = ${rest}; }`};`;
}
/** The group's lowest byte, moved down to where the widest access is aligned. */
function lowOf(group: AccessGroup): number {
  return group.low - ((group.low - group.aligned) & (group.width - 1));
}
/** Machine address of a member of a group that has been checked. */
export function memberAddress({ group, displacement }: Member): Expression {
  const offset = displacement - lowOf(group);
  return offset === 0 ? js`${`g${group.id}`}` : js`${`g${group.id}`} + ${offset} | 0`;
}
