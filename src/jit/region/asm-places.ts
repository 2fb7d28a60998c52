/** Where what regions refer to lies in the buffer that asm.js gives them, and the calls that are loads, stores and functions of Math there. */
import type { CallExpression } from 'estree';

/** Byte offsets of what code refers to by name. */
export interface AsmLayout {
  readonly buffer: ArrayBuffer;
  readonly r: number;
  readonly RT: number;
  readonly WT: number;
  /** `Cpu.system`, attributes of segments within it, and selectors. */
  readonly system: number;
  readonly attributes: number;
  readonly selectors: number;
  /** Writes that wait. */
  readonly ring: number;
  /** XMM registers (as words, singles and doubles), MXCSR, and state and numbers of the x87 unit. */
  readonly xmm: number;
  readonly mxcsr: number;
  readonly xi: number;
  readonly xd: number;
}

/** Arrays that share the buffer: whose elements they have, and where they begin. */
export const ARRAYS: Readonly<Record<string, readonly [view: View, place: keyof Omit<AsmLayout, 'buffer'>]>> =
  {
    r: ['I32', 'r'],
    RT: ['I32', 'RT'],
    WT: ['I32', 'WT'],
    sys: ['I32', 'system'],
    sa: ['U16', 'attributes'],
    sg: ['U16', 'selectors'],
    bw: ['I32', 'ring'],
    xw: ['I32', 'xmm'],
    xs: ['F32', 'xmm'],
    xf: ['F64', 'xmm'],
    xc: ['I32', 'mxcsr'],
    xi: ['I32', 'xi'],
    xd: ['F64', 'xd'],
  };
export const VIEWS = { I32: 'Int32', U16: 'Uint16', U8: 'Uint8', F32: 'Float32', F64: 'Float64' } as const;
export type View = keyof typeof VIEWS;
export const SHIFTS = { I32: 2, U16: 1, U8: 0, F32: 2, F64: 3 } as const;
/** Methods of DataView that a view serves. */
export const LOADS: Readonly<Record<string, View>> = {
  getInt32: 'I32',
  getInt16: 'U16',
  getUint16: 'U16',
  getFloat32: 'F32',
  getFloat64: 'F64',
};
export const STORES: Readonly<Record<string, View>> = {
  setInt32: 'I32',
  setUint16: 'U16',
  setFloat32: 'F32',
  setFloat64: 'F64',
};

/** Functions of Math of int32s, and of doubles; and operators that have singles as results where Math.fround rounds them. */
export const INTEGER_MATH = new Set(['imul', 'clz32']);
export const DOUBLE_MATH = new Set(['floor', 'ceil', 'sqrt', 'abs', 'min', 'max']);
export const ROUNDED = new Set(['+', '-', '*', '/']);

/** The function of Math that is called. */
export function mathCall({ callee }: CallExpression): string | undefined {
  if (callee.type !== 'MemberExpression' || callee.object.type !== 'Identifier') return undefined;
  if (callee.object.name !== 'Math' || callee.property.type !== 'Identifier') return undefined;
  return callee.property.name;
}

/** A call of a method of a view of RAM: `dv` where the place is aligned, `du` where it need not be. */
export function viewCall({ callee }: CallExpression): { view: string; method: string } | undefined {
  if (callee.type !== 'MemberExpression' || callee.object.type !== 'Identifier') return undefined;
  const view = callee.object.name;
  if (view !== 'dv' && view !== 'du') return undefined;
  return { view, method: callee.property.type === 'Identifier' ? callee.property.name : '' };
}
