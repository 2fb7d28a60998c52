/** SSE and SSE2 comparisons: CMPccPS and relatives, COMISS, UCOMISS (SDM vol. 2, CMPPS, COMISS). */
import { setStatusFlags } from '../flags.js';
import { type Helper, immediate } from './access.js';
import { DE, IE, Num, QNAN, SNAN } from './number.js';
import { EQUAL, LESS, order, UNORDERED } from './operations.js';
import { loadOperands, quickOrder, quickPair } from './sse-arithmetic.js';
import { complete, DOUBLES, type Element, noteBefore, SINGLES } from './sse-core.js';
import { A, B, R, storeResult } from './vector-access.js';

const a = new Num();
const b = new Num();

/** Orders element i of A and B; a QNaN is invalid only if `signals`. */
function compareElements(element: Element, i: number, signals: boolean): number {
  if (quickPair(element, i)) return quickOrder();
  element.load(a, A, i);
  element.load(b, B, i);
  if (a.kind >= QNAN || b.kind >= QNAN) {
    if (signals || a.kind === SNAN || b.kind === SNAN) noteBefore(IE);
    return UNORDERED;
  }
  if (a.denormal || b.denormal) noteBefore(DE);
  return order(a, b);
}

/** EQ, LT, LE, UNORD; predicates 4-7 are their negations. */
function holds(outcome: number, predicate: number): boolean {
  switch (predicate & 3) {
    case 0:
      return outcome === EQUAL;
    case 1:
      return outcome === LESS;
    case 2:
      return outcome === LESS || outcome === EQUAL;
    default:
      return outcome === UNORDERED;
  }
}

function compare(element: Element, count: number): Helper {
  return (cpu, address, info) => {
    loadOperands(cpu, address, info);
    const predicate = immediate(info) & 7;
    const signals = (predicate & 3) === 1 || (predicate & 3) === 2;
    for (let i = 0; i < count; i++) {
      const outcome = compareElements(element, i, signals);
      const mask = holds(outcome, predicate) !== predicate > 3 ? -1 : 0;
      for (let w = element.words * i; w < element.words * (i + 1); w++) R.i32[w] = mask;
    }
    complete(cpu);
    storeResult(cpu, R, info);
  };
}

/** ZF, PF, CF are the outcome's bits; OF, SF and AF become 0. */
function compareToFlags(element: Element, signals: boolean): Helper {
  return (cpu, address, info) => {
    loadOperands(cpu, address, info);
    const outcome = compareElements(element, 0, signals);
    complete(cpu);
    setStatusFlags(cpu, outcome >>> 8);
  };
}

export const SSE_COMPARE: Record<string, Helper> = {
  CMPPS: compare(SINGLES, 4),
  CMPSS: compare(SINGLES, 1),
  CMPPD: compare(DOUBLES, 2),
  CMPSD: compare(DOUBLES, 1),
  COMISS: compareToFlags(SINGLES, true),
  COMISD: compareToFlags(DOUBLES, true),
  UCOMISS: compareToFlags(SINGLES, false),
  UCOMISD: compareToFlags(DOUBLES, false),
};
