/** Quasi-quotation: holes, splicing, fresh copies, precedence. */
import { generate } from 'astring';
import type { Expression, Statement } from 'estree';
import { describe, expect, it } from 'vitest';
import {
  block,
  breakTo,
  continueTo,
  identifier,
  js,
  labelled,
  numeral,
  statements,
} from '../../src/jit/emit/quote.js';

const text = (e: Expression): string => generate(e);
const lines = (body: readonly Statement[]): string =>
  body
    .map((s) => generate(s, { indent: '', lineEnd: ' ' }))
    .join(' ')
    .replace(/\s+/g, ' ')
    .trim();

describe('js', () => {
  it('fills holes with nodes, numbers and identifiers', () => {
    expect(text(js`${'a'} + ${3} * ${js`b - ${'c'}`}`)).toBe('a + 3 * (b - c)');
  });
  it('keeps the structure of what fills a hole: no text is pasted', () => {
    const sum = js`a + b`;
    expect(text(js`${sum} & 255`)).toBe('a + b & 255');
    expect(text(js`${sum} * 2`)).toBe('(a + b) * 2');
    expect(text(js`-${js`-${'x'}`}`)).toBe('- -x');
  });
  it('writes negative numbers as negated literals', () => {
    expect(text(js`x - ${-1}`)).toBe('x - -1');
    expect(numeral(-0x80000000)).toMatchObject({ type: 'UnaryExpression', argument: { value: 0x80000000 } });
  });
  it('builds a fresh copy each time', () => {
    const make = (hole: number): Expression => js`f(${hole})`;
    const [first, second] = [make(1), make(2)];
    expect(text(first)).toBe('f(1)');
    expect(text(second)).toBe('f(2)');
  });
  it('fills names of members, calls and arguments', () => {
    expect(text(js`${'dv'}.getInt32(${js`x ^ a`}, true)`)).toBe('dv.getInt32(x ^ a, true)');
    expect(text(js`r[${7}]`)).toBe('r[7]');
  });
});

describe('statements', () => {
  it('splices lists and turns expressions into statements', () => {
    const inner = statements`a = 1; b = 2;`;
    expect(lines(statements`if (x) { ${inner} } ${js`f()`};`)).toBe('if (x) { a = 1; b = 2; } f();');
    expect(lines(statements`if (x) { ${[]} }`)).toBe('if (x) {}');
  });
  it('takes declared names from holes', () => {
    expect(lines(statements`const ${'t1'} = ${'t0'} | 0;`)).toBe('const t1 = t0 | 0;');
  });
  it('may leave labels that only the whole has', () => {
    expect(lines(statements`if (a) { break OUT; } continue REGION;`)).toBe(
      'if (a) { break OUT; } continue REGION;',
    );
    expect(lines([labelled('L0', block([breakTo('L0')])), continueTo('L1')])).toBe(
      'L0: { break L0; } continue L1;',
    );
  });
  it('parses an if whose branches are holes as a chain', () => {
    expect(lines(statements`if (${identifier('x')}) { ${js`f()`} } else { ${statements`g(); h();`} }`)).toBe(
      'if (x) { f(); } else { g(); h(); }',
    );
  });
});
