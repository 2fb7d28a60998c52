/**
 * The runs of repeated string instructions (runtime/helpers/string-runs.ts) once more, as functions that the host compiles ahead of time and that regions of that
 * kind call without leaving such code. Short runs are done in place by words, which the subset has only where they are aligned: an unaligned side is put together
 * from the words that it lies in. Long copies and fills are calls of the host's own functions, over as many pages as follow each other in RAM.
 */
import type { Expression, Statement } from 'estree';
import { js, statements } from '../emit/quote.js';
import { R_FLAG_A, R_FLAG_B, R_FLAG_KIND, R_FLAG_RESULT } from '../../runtime/state.js';
import { FlagOperation } from '../../runtime/flags.js';
import { STRING_LONG, type StringRuns } from '../../runtime/helpers/string-runs.js';
import type { AsmLayout } from './asm-printer.js';
import { compileAhead, type AsmFunction } from './compile.js';

/** `count` = the smaller of `wanted`, unsigned, and `limit`; nothing runs if that is not positive. */
const count = (): Statement[] => statements`
  let done = 0, count = limit;
  if (limit <= 0) { return 0; }
  if (wanted >>> 0 < limit >>> 0) { count = wanted; }`;

/** `run` = whole elements before the end of the page of `address`, if those are fewer. */
const inPage = (address: string): Statement[] => statements`{
  const room = 4096 - (${address} & 4095) >> shift;
  if (room < run) { run = room; }
}`;

/** Whether the page after `n` bytes from `address` on lies in RAM behind those at `place`; if not, `run` = 0. */
const follows = (table: string, address: string, place: string): Statement[] => statements`{
  const next = ${address} + n | 0, entry = ${table}[next >>> 12];
  if ((entry & 1) !== 0) { run = 0; }
  if ((entry ^ next) !== (${place} + n | 0)) { run = 0; }
}`;
/** As many elements of what is left as are in the page after `n` bytes from `address` on. */
const moreInPage = (address: string): Statement[] => statements`{
  const next = ${address} + n | 0;
  ${inPage('next')};
}`;
/** Adds pages to the run of `n` bytes from `to` on, at `d`, as long as they follow in RAM; `gap`: bytes that it may have at most. */
const extend = (gap: Expression, source: boolean): Statement[] => statements`
  const all = count - done | 0;
  let sum = run;
  MORE: for (;;) {
    run = all - sum | 0;
    if (run <= 0) { break MORE; }
    ${follows('WT', 'to', 'd')};
    ${source ? follows('RT', 'from', 's') : []};
    ${moreInPage('to')};
    ${source ? moreInPage('from') : []};
    if (run <= 0) { break MORE; }
    if (sum + run << shift >>> 0 > ${gap}) { break MORE; }
    sum = sum + run | 0;
    n = sum << shift;
  }
  run = sum;`;

/** Copies `n` bytes from `s` to `d` upwards, by words wherever the destination is aligned. */
const copyShort = (): Statement[] => statements`{
  const end = d + n | 0;
  HEAD: for (;;) {
    if ((d & 3) === 0) { break HEAD; }
    if (d >= end) { break HEAD; }
    u8[d] = u8[s];
    d = d + 1 | 0;
    s = s + 1 | 0;
  }
  const words = end - 3 | 0;
  if ((s & 3) === 0) {
    WORDS: for (;;) {
      if (d >= words) { break WORDS; }
      dv.setInt32(d, dv.getInt32(s, true), true);
      d = d + 4 | 0;
      s = s + 4 | 0;
    }
  } else if (d < words) {
    const low = (s & 3) << 3, high = 32 - low | 0;
    let w = dv.getInt32(s & -4, true);
    PIECES: for (;;) {
      const v = dv.getInt32((s & -4) + 4 | 0, true);
      dv.setInt32(d, w >>> low | v << high, true);
      w = v;
      d = d + 4 | 0;
      s = s + 4 | 0;
      if (d >= words) { break PIECES; }
    }
  }
  REST: for (;;) {
    if (d >= end) { break REST; }
    u8[d] = u8[s];
    d = d + 1 | 0;
    s = s + 1 | 0;
  }
}`;

const move = (): AsmFunction => ({
  parameters: ['from', 'to', 'wanted', 'limit', 'shift'],
  body: statements`
    ${count()};
    RUNS: for (;;) {
      if (done >= count) { break RUNS; }
      const x = RT[from >>> 12], y = WT[to >>> 12];
      if (((x | y) & 1) !== 0) { break RUNS; }
      let run = count - done | 0;
      ${inPage('from')};
      ${inPage('to')};
      if (run <= 0) { break RUNS; }
      let s = x ^ from, d = y ^ to, n = run << shift;
      if (n < ${STRING_LONG} && d - s >>> 0 >= n >>> 0) { ${copyShort()} }
      else {
        ${extend(js`d - s >>> 0`, true)};
        copyLong(s, d, n, shift);
      }
      done = done + run | 0;
      from = from + n | 0;
      to = to + n | 0;
    }`,
  result: 'done',
});

const store = (): AsmFunction => ({
  parameters: ['to', 'wanted', 'limit', 'shift', 'value'],
  body: statements`
    ${count()};
    let word = value;
    if (shift < 2) { word = value & 65535; }
    if (shift < 1) { const byte = value & 255; word = byte | byte << 8; }
    if (shift < 2) { word = word << 16 | word; }
    RUNS: for (;;) {
      if (done >= count) { break RUNS; }
      const y = WT[to >>> 12];
      if ((y & 1) !== 0) { break RUNS; }
      let run = count - done | 0;
      ${inPage('to')};
      if (run <= 0) { break RUNS; }
      let d = y ^ to, n = run << shift;
      if (n < ${STRING_LONG}) {
        const end = d + n | 0;
        let w = word;
        HEAD: for (;;) {
          if ((d & 3) === 0) { break HEAD; }
          if (d >= end) { break HEAD; }
          u8[d] = w;
          w = w >>> 8 | w << 24;
          d = d + 1 | 0;
        }
        const words = end - 3 | 0;
        WORDS: for (;;) {
          if (d >= words) { break WORDS; }
          dv.setInt32(d, w, true);
          d = d + 4 | 0;
        }
        REST: for (;;) {
          if (d >= end) { break REST; }
          u8[d] = w;
          w = w >>> 8;
          d = d + 1 | 0;
        }
      } else {
        ${extend(js`${0xffffffff}`, false)};
        fillLong(d, n, word);
      }
      done = done + run | 0;
      to = to + n | 0;
    }`,
  result: 'done',
});

/** `variable` = the element at `place`. */
const readElement = (variable: string, place: string): Statement[] => statements`
  if (shift === 0) { ${variable} = u8[${place}]; }
  else if (shift === 1) { ${variable} = u8[${place}] | u8[${place} + 1 | 0] << 8; }
  else { ${variable} = du.getInt32(${place}, true); }`;
/** The lazy flags of the comparison of the last elements, `a` and `b`. */
const setFlags = (a: string, b: string): Statement[] => statements`
  if (done > 0) {
    const width = 8 << shift, up = 32 - width | 0, a = ${a} << up, b = ${b} << up;
    r[${R_FLAG_KIND}] = ${FlagOperation.SUB} | width << 4;
    r[${R_FLAG_A}] = a;
    r[${R_FLAG_B}] = b;
    r[${R_FLAG_RESULT}] = a - b | 0;
  }`;

/** Moves `p` over leading bytes that are not `value`; up to three behind them may be left. */
const skipOthers = (): Statement[] => statements`BYTES: {
  const end = p + run | 0, words = end - 3 | 0, pattern = Math.imul(value, ${0x01010101});
  HEAD: for (;;) {
    if ((p & 3) === 0) { break HEAD; }
    if (p >= end) { break BYTES; }
    if (u8[p] === value) { break BYTES; }
    p = p + 1 | 0;
  }
  WORDS: for (;;) {
    if (p >= words) { break WORDS; }
    const w = dv.getInt32(p, true) ^ pattern;
    if (((w - ${0x01010101} | 0) & ~w & ${0x80808080 | 0}) !== 0) { break WORDS; }
    p = p + 4 | 0;
  }
}`;
const scan = (): AsmFunction => ({
  parameters: ['at', 'wanted', 'limit', 'shift', 'value', 'whileEqual'],
  body: statements`
    ${count()};
    let last = 0;
    RUNS: for (;;) {
      if (done >= count) { break RUNS; }
      const x = RT[at >>> 12];
      if ((x & 1) !== 0) { break RUNS; }
      let run = count - done | 0;
      ${inPage('at')};
      if (run <= 0) { break RUNS; }
      const start = x ^ at;
      let p = start;
      if ((shift | whileEqual) === 0) { ${skipOthers()} }
      let i = p - start >> shift;
      // Where all were skipped the last one is only known not to be wanted.
      if (i >= run) { i = run - 1 | 0; }
      ELEMENTS: for (;;) {
        p = start + (i << shift) | 0;
        ${readElement('last', 'p')};
        i = i + 1 | 0;
        if (i >= run) { break ELEMENTS; }
        if ((last === value) !== whileEqual) { break ELEMENTS; }
      }
      done = done + i | 0;
      at = at + (i << shift) | 0;
      if ((last === value) !== whileEqual) { break RUNS; }
    }
    ${setFlags('value', 'last')};`,
  result: 'done',
});

/** Moves `p` and `q` over leading bytes that are equal; up to three behind them may be left. */
const skipEqual = (): Statement[] => statements`BYTES: {
  const end = p + (run << shift) | 0, words = end - 3 | 0;
  HEAD: for (;;) {
    if ((p & 3) === 0) { break HEAD; }
    if (p >= end) { break BYTES; }
    if (u8[p] !== u8[q]) { break BYTES; }
    p = p + 1 | 0;
    q = q + 1 | 0;
  }
  if ((q & 3) === 0) {
    WORDS: for (;;) {
      if (p >= words) { break BYTES; }
      if (dv.getInt32(p, true) !== dv.getInt32(q, true)) { break BYTES; }
      p = p + 4 | 0;
      q = q + 4 | 0;
    }
  }
  const low = (q & 3) << 3, high = 32 - low | 0;
  if (p >= words) { break BYTES; }
  let w = dv.getInt32(q & -4, true);
  PIECES: for (;;) {
    const v = dv.getInt32((q & -4) + 4 | 0, true);
    if (dv.getInt32(p, true) !== (w >>> low | v << high)) { break BYTES; }
    w = v;
    p = p + 4 | 0;
    q = q + 4 | 0;
    if (p >= words) { break BYTES; }
  }
}`;
const compare = (): AsmFunction => ({
  parameters: ['left', 'right', 'wanted', 'limit', 'shift', 'whileEqual'],
  body: statements`
    ${count()};
    let a = 0, b = 0;
    RUNS: for (;;) {
      if (done >= count) { break RUNS; }
      const x = RT[left >>> 12], y = RT[right >>> 12];
      if (((x | y) & 1) !== 0) { break RUNS; }
      let run = count - done | 0;
      ${inPage('left')};
      ${inPage('right')};
      if (run <= 0) { break RUNS; }
      const first = x ^ left, second = y ^ right;
      let p = first, q = second;
      if (whileEqual !== 0) { ${skipEqual()} }
      let i = p - first >> shift;
      if (i >= run) { i = run - 1 | 0; }
      ELEMENTS: for (;;) {
        p = first + (i << shift) | 0;
        q = second + (i << shift) | 0;
        ${readElement('a', 'p')};
        ${readElement('b', 'q')};
        i = i + 1 | 0;
        if (i >= run) { break ELEMENTS; }
        if ((a === b) !== whileEqual) { break ELEMENTS; }
      }
      done = done + i | 0;
      left = left + (i << shift) | 0;
      right = right + (i << shift) | 0;
      if ((a === b) !== whileEqual) { break RUNS; }
    }
    ${setFlags('a', 'b')};`,
  result: 'done',
});

const FUNCTIONS: Readonly<Record<keyof StringRuns, () => AsmFunction>> = {
  moveRun: move,
  storeRun: store,
  scanRun: scan,
  compareRun: compare,
};
export const STRING_FUNCTIONS = Object.keys(FUNCTIONS) as readonly (keyof StringRuns)[];

/** One of them, for one layout (one privilege); `calls` has what it calls: `copyLong` and `fillLong`. */
export function stringFunction(name: keyof StringRuns, layout: AsmLayout, calls: object): unknown {
  return compileAhead(FUNCTIONS[name](), layout, name).instantiate(calls);
}
