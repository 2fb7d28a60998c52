/** Silicon vectors of the x87, MMX and SSE categories against the FPU helpers: bit for bit, but for the two approximate categories. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type Compare80, differences, type Vector } from './fpu-machine.js';

const ROOT = new URL('../vectors/', import.meta.url);

function read(set: string, category: string): Vector[] {
  const file = new URL(`${set}/${category}.jsonl.gz`, ROOT);
  const lines = gunzipSync(readFileSync(file)).toString().trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Vector);
}

/**
 * The transcendental instructions are specified to 1 ulp, and ours are within 0.51 ulp of the exact result for the 66-bit π,
 * so two correct implementations differ by at most 1.51: neighbouring significands.
 */
const oneUlp: Compare80 = (actual, expected) => {
  const difference = BigInt(`0x${actual}`) - BigInt(`0x${expected}`);
  if (difference >= -1n && difference <= 1n) return true;
  // 1.0 and the number below it: the exponent changes.
  return (
    actual.slice(4) === '8000000000000000' &&
    expected.slice(4) === 'ffffffffffffffff' &&
    difference < 0x8000_0000_0000_0002n
  );
};

const view = new DataView(new ArrayBuffer(4));
function single(text: string): number {
  view.setUint32(0, parseInt(text, 16));
  return view.getFloat32(0);
}

/** RCP and RSQRT promise 1.5 × 2^-12 relative. */
const approximate: Compare80 = (actual, expected) =>
  [0, 8, 16, 24].every((at) => {
    const [a, e] = [actual.slice(at, at + 8), expected.slice(at, at + 8)];
    const [x, y] = [single(a), single(e)];
    return a === e || Math.abs(x - y) <= 1.5 * 2 ** -12 * Math.abs(y);
  });

/** C1 (rounded up) and PE of an approximation follow from bits nobody specifies. */
function loosened(vector: Vector): Vector {
  return { ...vector, cm: (parseInt(vector.cm ?? '0', 16) | 0x220).toString(16) };
}

interface Category {
  name: string;
  st?: Compare80;
  xmm?: Compare80;
  loosen?: boolean;
}
const CATEGORIES: Category[] = [
  { name: 'fpu' },
  { name: 'fpu-trans', st: oneUlp, loosen: true },
  { name: 'fxsr' },
  { name: 'mmx' },
  { name: 'sse' },
  { name: 'sse-rcp', xmm: approximate },
  { name: 'sse2' },
  { name: 'sse3' },
];

function failures(set: string, category: Category): string[] {
  const mode = set === 'i386' ? 32 : 16;
  const found: string[] = [];
  for (const vector of read(set, category.name)) {
    const wanted = category.loosen ? loosened(vector) : vector;
    const wrong = differences(wanted, mode, category.st, category.xmm);
    if (wrong.length > 0) found.push(`${set} ${vector.b} ${vector.f}: ${wrong.join('; ')}`);
  }
  return found;
}

describe.each(['i386', 'x86-16'])('%s vectors', (set) => {
  it.each(CATEGORIES)('$name', (category) => {
    expect(failures(set, category)).toEqual([]);
  });
});

it('the vectors are there', () => {
  expect(existsSync(ROOT)).toBe(true);
});
