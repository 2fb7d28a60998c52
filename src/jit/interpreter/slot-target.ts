/** Emission targets of the interpreter: operands are slot fields; the handler table is complete, the hot switch breaks to it on any miss. */
import type { Expression, Statement as JsStatement } from 'estree';
import type { JumpKind, Register, Value, Width } from '../ir.js';
import {
  R_BUDGET,
  R_EIP,
  R_FAULT,
  R_FLAG_A,
  R_FLAG_B,
  R_FLAG_KIND,
  R_FLAG_RESULT,
  R_MAP_BASE,
  R_PAGE_EIP,
} from '../../runtime/state.js';
import { call as callOf } from '../emit/nodes.js';
import { breakTo, js, identifier, numeral, statements } from '../emit/quote.js';
import { fastLoad, fastStore } from '../emit/access.js';
import type { Target } from '../emit/target.js';

const field = (name: 'a' | 'b'): Expression => (name === 'a' ? js`w >> 12 & 15` : js`w >> 16 & 15`);

function readSlotRegister(register: Register, width: Width): Expression {
  if (register.kind === 'slot') {
    const index = field(register.field);
    if (width === 8) return js`r8[${index}]`;
    return width === 16 ? js`r[${index}] & 65535` : js`r[${index}]`;
  }
  if (width === 8) return js`r8[${register.index * 4 + (register.high ? 1 : 0)}]`;
  return width === 16 ? js`r[${register.index}] & 65535` : js`r[${register.index}]`;
}
function writeSlotRegister(register: Register, width: Width, value: Expression): JsStatement[] {
  const slot = register.kind === 'slot';
  if (width === 8) {
    const index = slot ? field(register.field) : numeral(register.index * 4 + (register.high ? 1 : 0));
    return statements`r8[${index}] = ${value};`;
  }
  const index = slot ? field(register.field) : numeral(register.index);
  return width === 16
    ? statements`r[${index}] = r[${index}] & -65536 | ${value};`
    : statements`r[${index}] = ${value};`;
}
function slotAddress(addressSize: 16 | 32, segmented: boolean): Expression {
  const sum = js`(r[w >> 20 & 15] + (r[w >> 24 & 15] << (w >> 28 & 3)) | 0) + P[p + 2] | 0`;
  const offset = addressSize === 16 ? js`${sum} & 65535` : sum;
  return segmented ? js`${offset} + r[P[p + 3] >> 16 & 15] | 0` : offset;
}

/** What both slot targets share. */
const SHARED = {
  readRegister: readSlotRegister,
  writeRegister: writeSlotRegister,
  immediate(width: Width): Expression {
    return width === 32 ? js`P[p + 1]` : js`P[p + 1] & ${width === 8 ? 255 : 65535}`;
  },
  slotAddress,
  slotSegment: (): Expression => js`(P[p + 3] >> 16 & 15) - 9`,
  readState: (index: number): Expression => js`r[${index}]`,
  writeState: (index: number, value: Expression): JsStatement[] => statements`r[${index}] = ${value};`,
  eip(next: boolean): Expression {
    return next
      ? js`(vb + (P[p + 3] & 4095) | 0) + (P[p + 3] >> 12 & 15) | 0`
      : js`vb + (P[p + 3] & 4095) | 0`;
  },
  branchTarget: (): Expression => js`vb + P[p + 2] | 0`,
} as const;

export const MEMORY_FLAGS: Target['flags'] = {
  kind: js`r[${R_FLAG_KIND}]`,
  a: js`r[${R_FLAG_A}]`,
  b: js`r[${R_FLAG_B}]`,
  result: js`r[${R_FLAG_RESULT}]`,
};

const faulted = (): JsStatement[] => statements`if (r[${R_FAULT}] !== 0) return 3;`;

/** Handler `(p, vb)` of the complete table: returns 0 (next), 1 (r[R_EIP] is set), 2 (repeat) or 3 (r[R_FAULT] is set); other faults are thrown. */
export function handlerTarget(): Target {
  const access = (kind: string, width: Width): string => `${kind}${width}`;
  return {
    ...SHARED,
    flags: MEMORY_FLAGS,
    load(name, width, address, forWrite) {
      const at = `a_${name}`;
      const out = statements`const ${at} = ${address};`;
      if (forWrite) out.push(...statements`probeWrite(${at}, ${width / 8}); ${faulted()}`);
      out.push(...statements`const ${name} = ${access('read', width)}(${at}); ${faulted()}`);
      return out;
    },
    store: (width, address, value, of) => [
      ...statements`${access('write', width)}(${address}, ${value});`,
      ...(of === undefined ? faulted() : []),
    ],
    segment: (name, segment, offset, size, write) =>
      statements`const ${name} = segmentAddress(cpu, ${segment}, ${offset}, ${size}, ${write ? 1 : 0});`,
    helper(helper, args, name, control) {
      const call = callOf(identifier(`H_${helper}`), [identifier('cpu'), ...args]);
      const out =
        control || name === undefined ? statements`${call};` : statements`const ${name} = ${call} | 0;`;
      return [...statements`r[${R_EIP}] = ${SHARED.eip(false)};`, ...out];
    },
    fault: (vector, errorCode) => statements`fault(${vector}, ${errorCode});`,
    jump(to, condition, kind, value) {
      const leave = kind === 'helper' ? statements`return 1;` : jumpAndReturn(to, value);
      return condition ? statements`if (${condition}) { ${leave} }` : leave;
    },
    repeat: (condition) => statements`if (${condition}) { r[${R_EIP}] = ${SHARED.eip(false)}; return 2; }`,
  };
}
/** Direct targets on the page are resolved to their slot for the hot switch. */
function jumpAndReturn(to: Expression, value: Value): JsStatement[] {
  return value.op === 'target'
    ? statements`r[${R_EIP}] = ${to}; resolve(p, r[${R_MAP_BASE}]); return 1;`
    : statements`r[${R_EIP}] = ${to}; return 1;`;
}

/** What an instruction compares, until what comes behind it is known. */
export const COMPARED_FLAGS: Target['flags'] = {
  kind: identifier('ck'),
  a: identifier('ca'),
  b: identifier('cb'),
  result: identifier('cr'),
};

/** A case of the hot switch: `break TAIL` on any miss. */
export function hotTarget(flags: Target['flags'] = MEMORY_FLAGS): Target {
  const miss = (): JsStatement[] => statements`break TAIL;`;
  const views = { dv: 'dv', u8: 'u8', read: 'RT', write: 'WT' };
  return {
    ...SHARED,
    flags,
    eip(next: boolean): Expression {
      const own = js`r[${R_PAGE_EIP}] + (P[p + 3] & 4095) | 0`;
      return next ? js`(${own}) + (P[p + 3] >> 12 & 15) | 0` : own;
    },
    load: (name, width, address, forWrite) => fastLoad(views, name, width, address, forWrite, miss),
    store: (width, address, value, of) => fastStore(views, width, address, value, of, miss),
    segment: () => {
      throw new NotHot('segmented access');
    },
    readState: (index) => (index === R_BUDGET ? numeral(LEAST_BUDGET) : js`r[${index}]`),
    /** The way of a form that nothing has happened on yet. */
    helper: (name, _args, result) => {
      if (result !== undefined) throw new NotHot(name);
      return miss();
    },
    fault: () => miss(),
    jump: hotJump,
    repeat: () => {
      throw new NotHot('repeat');
    },
  };
}
/** What is left of the budget inside a chain, at least: it is looked at where a chain begins. */
const LEAST_BUDGET = 16;

/** The form cannot be a case of the hot switch. */
export class NotHot extends Error {}

/** Ways out only set variables and leave the switch: what they share is written once behind it (hot-switch.ts). */
function hotJump(
  to: Expression,
  condition: Expression | undefined,
  kind: JumpKind,
  value: Value,
): JsStatement[] {
  const taken =
    value.op === 'target'
      ? [breakTo('DIRECT')]
      : statements`e = ${to}; counts = ${kind === 'return' ? 0 : 1}; ${[breakTo('INDIRECT')]}`;
  return condition ? statements`if (${condition}) { ${taken} }` : taken;
}
