/** The printer of the ahead-of-time subset adds no coercion that changes a value, and the host takes what it prints. */
import { describe, expect, it } from 'vitest';
import { statements } from '../../src/jit/emit/quote.js';
import { AsmPrinter, NotInSubset } from '../../src/jit/region/asm-printer.js';

const BUFFER = new ArrayBuffer(1 << 16);
const LAYOUT = { buffer: BUFFER, r: 0, RT: 4096, WT: 8192 };
type Body = ReturnType<typeof statements>;

const print = (body: Body): string => new AsmPrinter(LAYOUT).module('f', ['x', 'y'], body, 'z');
/** The value that the printed function computes, run as ordinary JavaScript if the host refuses it. */
function run(body: Body, x: number, y: number, env: object = {}): number {
  const factory = new Function('stdlib', 'env', 'heap', print(body)) as (
    ...parts: readonly object[]
  ) => (x: number, y: number) => number;
  return factory(globalThis, env, BUFFER)(x, y);
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
    ['count zeros', statements`let z = Math.clz32(x);`, 1, 0, 31],
    [
      'share variables between scopes',
      statements`let z = 0; { const a = x + 1 | 0; z = a; } { const b = y + z | 0; z = b; }`,
      3,
      4,
      8,
    ],
  ] as const)('%s', (_what, body, x, y, expected) => {
    expect(run(body as Body, x, y)).toBe(expected);
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

describe('refusals', () => {
  it.each([
    ['a sum that may exceed 32 bits', statements`let z = x + y;`],
    ['a sum of sums', statements`let z = x + (y + 1) | 0;`],
    ['a comparison of signed with unsigned', statements`let z = 0; if (x < y >>> 0) z = 1;`],
    ['a negative fraction', statements`let z = -0.5 | x;`],
    ['a comparison of sums', statements`let z = 0; if (x + y > 5) z = 1;`],
    ['an unsigned argument', statements`let z = carry(x >>> 0) | 0;`],
    ['a floating-point variable', statements`let z = x * y;`],
    ['an array of its own', statements`let z = xw[0];`],
    ['an object', statements`let z = { a: 1 };`],
  ])('%s', (_what, body) => {
    expect(() => print(body as Body)).toThrow(NotInSubset);
  });
});
