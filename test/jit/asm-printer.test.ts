/** The printer of the ahead-of-time subset adds no coercion that changes a value, and the host takes what it prints. */
import { setFlagsFromString } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { statements } from '../../src/jit/emit/quote.js';
import { AsmPrinter, NotInSubset } from '../../src/jit/region/asm-printer.js';

const BUFFER = new ArrayBuffer(1 << 16);
const LAYOUT = {
  buffer: BUFFER,
  r: 0,
  RT: 4096,
  WT: 8192,
  system: 0,
  attributes: 0,
  selectors: 0,
  ring: 0,
  xmm: 512,
  mxcsr: 848,
  xi: 864,
  xd: 1024,
};
type Body = ReturnType<typeof statements>;

setFlagsFromString('--allow-natives-syntax');
const isCompiledAhead = new Function('f', 'return %IsAsmWasmCode(f)') as (f: unknown) => boolean;

const DOUBLES = new Set(['half']);
const print = (body: Body): string => new AsmPrinter(LAYOUT, DOUBLES).module('f', ['x', 'y'], body, 'z');
/** The value that the printed function computes; the host has to have compiled it ahead of time. */
function run(body: Body, x: number, y: number, env: object = {}): number {
  const factory = new Function('stdlib', 'env', 'heap', print(body)) as (
    ...parts: readonly object[]
  ) => (x: number, y: number) => number;
  const made = factory(globalThis, env, BUFFER);
  expect(isCompiledAhead(factory), print(body)).toBe(true);
  return made(x, y);
}

describe('values', () => {
  it.each([
    ['wrap where the code says so', statements`let z = x + y | 0;`, 0x7fffffff, 1, -0x80000000],
    ['compare unsigned', statements`let z = 0; if (x >>> 0 < y >>> 0) z = 1;`, 1, -1, 1],
    ['compare signed', statements`let z = 0; if (x < y) z = 1;`, 1, -1, 0],
    ['join conditions', statements`let z = 0; if (x > 0 && y > 0 || x === y) z = 1;`, -5, -5, 1],
    [
      'multiply high',
      statements`let z = ((x >>> 0) * (y >>> 0) - (Math.imul(x, y) >>> 0)) * 2.3283064365386963e-10 + 0.5 | 0;`,
      -1,
      -1,
      -2,
    ],
    ['divide signed', statements`let z = x / y | 0;`, -7, 2, -3],
    ['divide unsigned', statements`let z = (x >>> 0) / (y >>> 0) | 0;`, -1, 16, 0x0fffffff],
    ['divide long', statements`let z = ((x >>> 0) * 4294967296 + 5) / (y >>> 0) | 0;`, 1, 3, 1431655767],
    ['choose 1 or 0', statements`let z = x < y ? 1 : 0;`, 1, 2, 1],
    ['choose by a number', statements`let z = x & 6 ? 1 : 0;`, 4, 0, 1],
    ['choose a constant or nothing', statements`let z = x === y ? 2049 : 0;`, 5, 5, 2049],
    ['choose one of two', statements`let z = x > y ? x : y;`, -3, -7, -3],
    ['choose the other', statements`let z = x > y ? x : y;`, -7, -3, -3],
    ['choose of numbers that are both odd and even', statements`let z = (x & 2 && y & 1) ? 1 : 0;`, 2, 1, 1],
    ['count zeros', statements`let z = Math.clz32(x);`, 1, 0, 31],
    [
      'share variables between scopes',
      statements`let z = 0; { const a = x + 1 | 0; z = a; } { const b = y + z | 0; z = b; }`,
      3,
      4,
      8,
    ],
    [
      'keep what a loop needs again',
      statements`let z = 0, i = 3; { const a = x + 1 | 0; L: for (;;) { const b = a + z | 0; { const c = b + y | 0; z = c; } i = i - 1 | 0; if (i === 0) break L; } }`,
      3,
      100,
      312,
    ],
    [
      'are those of another name only if it is constant',
      statements`let z = 0; { let a = x; const b = a; a = y; const c = b, d = c; z = (a << 8) + d | 0; }`,
      3,
      4,
      0x403,
    ],
  ] as const)('%s', (_what, body, x, y, expected) => {
    expect(run(body as Body, x, y)).toBe(expected);
  });

  it('need few variables', () => {
    const body = statements`let z = 0; { const a = x + 1 | 0, b = a + y | 0, c = b << 1, d = c ^ y; z = d; }`;
    expect(print(body)).not.toContain('T4');
  });

  it('need no branch where both ways are at hand', () => {
    expect(print(statements`let z = x < y ? 1 : 0; z = (z === 0 || x > 7) ? 3 : z;`)).not.toContain('?');
    expect(print(statements`let z = 0; if (x > 0 && y > 0) z = 1;`)).not.toContain('?');
    // Calls are made only where their value counts.
    expect(print(statements`let z = 0; if (x > 0 && (parityOf(y) | 0) !== 0) z = 1;`)).toContain('?');
  });

  it('are stored and loaded at any alignment', () => {
    const body = statements`const at = x; du.setInt32(at, y, true); let z = du.getInt32(at, true);`;
    for (const at of [32768, 32769, 32770, 32771]) expect(run(body, at, 0x12345678)).toBe(0x12345678);
    expect(run(statements`dv.setUint16(x, y, true); let z = u8[x];`, 32768, 0xabcd)).toBe(0xcd);
  });

  it('pass through imports without the processor', () => {
    const body = statements`let z = H_sum(cpu, x, y + 1 | 0) | 0; H_note(cpu, z);`;
    const noted: number[] = [];
    const env = { H_sum: (a: number, b: number) => a + b, H_note: (a: number) => noted.push(a) };
    expect(run(body, 2, 3, env)).toBe(6);
    expect(noted).toEqual([6]);
  });
});

describe('numbers', () => {
  const doubles = new Float64Array(BUFFER, LAYOUT.xmm, 16);
  const singles = new Float32Array(BUFFER, LAYOUT.xmm, 32);
  it.each([
    ['are variables of their own', statements`const d = x * 0.5, e = d + y; let z = ~~(e * 4);`, 3, 1, 10],
    ['share variables by kind', statements`let z = 0; { const d = x * 0.5; z = ~~d; } { const i = z + 1 | 0; z = i; } { const e = y * 0.5; z = z + ~~e | 0; }`, 8, 6, 8],
    ['are assigned integers', statements`let d = +x; d = y; d = 7; let z = ~~(d + d);`, 1, 2, 14],
    ['are chosen', statements`const d = +x, e = x < y ? d : 2.5; let z = ~~(e * 2);`, 9, 3, 5],
    ['are compared', statements`const d = +x; let z = 0; if (d < y && !(d !== 3) && d > -5) z = 1;`, 3, 4, 1],
    ['are NaN', statements`const d = (x * 1 - y) / (y * 0 - 0 * y); let z = 0; if (d !== d) z = 1;`, 3, 3, 1],
    ['have signs', statements`const d = -(x * 1.5), e = Math.abs(d); let z = ~~(d - e);`, 2, 0, -6],
    ['are infinite', statements`const d = x * 1e300 * 1e300; let z = 0; if (d < Infinity) z = 1; else if (Math.abs(d) === Infinity) z = 2;`, 2, 0, 2],
    ['have roots and floors', statements`let z = ~~(Math.sqrt(x) * 100 + Math.floor(y * 0.5));`, 2, 3, 142],
    ['are cut as JavaScript cuts them', statements`let z = x * 4294967298 | 0;`, 3, 0, 6],
    ['are unsigned integers', statements`const d = +(x >>> 0); let z = d > 4294967294 ? 1 : 0;`, -1, 0, 1],
    ['are rounded to singles', statements`const s = Math.fround(x); let z = 0; if (s !== x) z = 1;`, 16777217, 0, 1],
    ['are sums of singles', statements`const s = Math.fround(x), t = Math.fround(y), u = Math.fround(s + t); let z = ~~u;`, 16777216, 1, 16777216],
    ['are exact sums of singles', statements`const s = Math.fround(x), t = Math.fround(y); let z = ~~(s + t);`, 16777216, 1, 16777217],
    ['are exact products of singles', statements`const s = Math.fround(x), r = Math.fround(s * s); let z = 0; if (s * s !== r) z = 1;`, 4097, 1, 1],
    ['are quotients of singles', statements`const s = Math.fround(x), t = Math.fround(y), u = Math.fround(s / t); let z = 0; if (u > 0.3333333432674408 || s / t === u) z = 1;`, 1, 3, 0],
    ['are roots of singles', statements`const s = Math.fround(x), u = Math.fround(Math.sqrt(s)); let z = ~~(u * 16777216);`, 2, 0, 23726566],
    ['are signs of singles', statements`let s = Math.fround(-(x * 1)); s = s < 0 ? Math.fround(-s) : s; s = Math.fround(Math.abs(s)); let z = s === 5 ? 1 : 0;`, 5, 0, 1],
    ['are bits', statements`xf[2] = x * 0.5; let z = xw[5];`, 3, 0, 0x3ff80000],
    ['go through memory', statements`dv.setFloat64(x, y * 0.5, true); dv.setFloat32(x + 8, dv.getFloat64(x, true), true); let z = dv.getInt32(x + 8, true);`, 32768, 3, 0x3fc00000],
    ['are elements', statements`xd[x + 1] = y * 0.25; xd[1] = xd[x + 1] + 1; xs[3] = xd[1]; let z = ~~(xs[3] * 8);`, 5, 2, 12],
    ['are words of state', statements`xc[0] = x; xi[y] = xc[0] | 32; let z = xi[9];`, 5, 9, 37],
    ['are narrow integers', statements`dv.setUint16(x, y, true); let z = dv.getInt16(x, true) + (dv.getUint32(x, true) > 65535 ? 1 : 0) | 0;`, 32800, 0xfffe, -2],
  ] as const)('%s', (_what, body, x, y, expected) => {
    expect(run(body as Body, x, y)).toBe(expected);
  }); // prettier-ignore

  it('keep what a NaN says', () => {
    const words = new Int32Array(BUFFER, LAYOUT.xmm, 32);
    words.set([0x12345678, 0x7ff40001], 0);
    run(statements`const d = xf[0]; dv.setFloat64(x, d, true); xf[1] = d; let z = 0;`, 32768, 0);
    expect([...words.subarray(2, 4)]).toEqual([0x12345678, 0x7ff40001]);
    expect(doubles[1]).toBeNaN();
    singles.fill(0);
  });
  it('pass through imports', () => {
    const noted: number[] = [];
    const env = { half: (a: number) => a / 2, isOdd: (a: number, b: number) => (noted.push(a), b % 2 === 1) };
    const body = statements`const d = half(x); const s = Math.fround(d); let z = 0; if (isOdd(s + 0.25, y)) z = ~~(d * 8);`;
    expect(run(body, 3, 5, env)).toBe(12);
    expect(noted).toEqual([1.75]);
  });
});

describe('refusals', () => {
  it.each([
    ['a sum that may exceed 32 bits', statements`let z = x + y;`],
    ['a sum of sums', statements`let z = x + (y + 1) | 0;`],
    ['a comparison of signed with unsigned', statements`let z = 0; if (x < y >>> 0) z = 1;`],
    ['a comparison of sums', statements`let z = 0; if (x + y > 5) z = 1;`],
    ['an unsigned argument', statements`let z = carry(x >>> 0) | 0;`],
    ['a floating-point result', statements`let z = x * y;`],
    ['a double in an int32', statements`let z = 0; z = x * y;`],
    ['a double in a single', statements`let z = 0; let s = Math.fround(x); s = x * 0.5;`],
    ['a condition that is a number', statements`let z = 0; const d = +x; if (d) z = 1;`],
    ['a misaligned double', statements`let z = 0; du.setFloat64(x, 1.5, true);`],
    ['an unknown array', statements`let z = yw[0];`],
    ['an object', statements`let z = { a: 1 };`],
  ])('%s', (_what, body) => {
    expect(() => print(body as Body)).toThrow(NotInSubset);
  });
});
