/** Stores to XMM registers that nothing can see are left out of emitted code; all others stay, in order. */
import { generate } from 'astring';
import type { Program } from 'estree';
import { describe, expect, it } from 'vitest';
import { statements } from '../../src/jit/emit/quote.js';
import { removeDeadLanes } from '../../src/jit/passes/dead-lanes.js';

const after = (code: ReturnType<typeof statements>): string =>
  generate({ type: 'Program', sourceType: 'script', body: removeDeadLanes(code) } as Program, {
    indent: '',
  }).trim();
const same = (code: ReturnType<typeof statements>): void =>
  expect(after(code)).toBe(
    generate({ type: 'Program', sourceType: 'script', body: code } as Program, { indent: '' }).trim(),
  );

describe('stores to XMM registers', () => {
  it('go where the same words are stored again', () => {
    expect(after(statements`xw[4] = a; const b = c + 1; xw[4] = b;`)).toBe('const b = c + 1;\nxw[4] = b;');
    expect(after(statements`xw[2] = a; xs[3] = b; xf[1] = d;`)).toBe('xf[1] = d;');
  });
  it('stay where only some of their words are', () => same(statements`xf[1] = a; xw[2] = b;`));
  it('stay where they are read in between', () => {
    same(statements`xw[2] = a; const b = xf[1]; xw[2] = b;`);
    same(statements`xw[2] = a; const b = xw[i]; xw[2] = b;`);
  });
  it('stay where the code may be left or calls in between', () => {
    same(statements`xw[2] = a; if (c) { break OUT; } xw[2] = b;`);
    same(statements`xw[2] = a; helper(cpu); xw[2] = b;`);
    same(statements`xw[2] = a; const d = helper(cpu); xw[2] = b;`);
  });
  it('go over loads and stores of memory', () =>
    expect(
      after(statements`xw[2] = a; dv.setInt32(p, a, true); const b = dv.getInt32(q, true); xw[2] = b;`),
    ).toBe('dv.setInt32(p, a, true);\nconst b = dv.getInt32(q, true);\nxw[2] = b;'));
});
