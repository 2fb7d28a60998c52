/** SSE, SSE2 and SSE3 floating-point arithmetic: scalar, packed, horizontal; square roots, MIN, MAX and the approximations. */
import { checkSse, firstRegister, hasMemory, type Helper, secondRegister } from './access.js';
import { setIndefinite } from './float80.js';
import { squareRoot } from './kernels.js';
import { DE, FINITE, IE, Num, QNAN, ZERO } from './number.js';
import {
  add,
  divide,
  EQUAL,
  GREATER,
  LESS,
  multiply,
  type Operation,
  order,
  subtract,
} from './operations.js';
import {
  begin,
  calculate,
  complete,
  control,
  DOUBLES,
  type Element,
  noteBefore,
  quiet,
  round,
  SINGLES,
} from './sse-core.js';
import { A, B, checkAlignment, loadMemory, loadRegister, R, storeResult } from './vector-access.js';

const a = new Num();
const b = new Num();
const out = new Num();

/** Largest and smallest results the quick paths accept; both far from rounding into infinity or a denormal. */
const SINGLE_LOW = 2 ** -120, SINGLE_HIGH = 2 ** 120; // prettier-ignore
const DOUBLE_LOW = 2 ** -1000, DOUBLE_HIGH = 2 ** 1000; // prettier-ignore

/** The same operation on JavaScript numbers, for the quick path. */
type Quick = (x: number, y: number) => number;

/** R[i] = A[j] op B[k]. */
type Step = (i: number) => void;

/** Neither a denormal nor a NaN. */
function quickInput(x: number, low: number): boolean {
  return x === 0 || x >= low || x <= -low;
}

/** A result of that size from those operands is rounded as JavaScript rounds it, and raises at most PE. */
function isQuick(size: number, x: number, y: number, low: number, high: number): boolean {
  if (size > low && size < high) return quickInput(x, low) && quickInput(y, low);
  return size === 0 && (x === 0 || y === 0) && quickInput(x, low) && quickInput(y, low);
}

/** Rounding a double result again to single is exact for + - × ÷ √ (53 ≥ 2·24 + 2). */
function singleStep(operation: Operation, quick: Quick): Step {
  return (i) => {
    if (control.quick) {
      const x = A.f32[i]!, y = B.f32[i]!; // prettier-ignore
      const value = Math.abs(quick(x, y));
      if (
        value > SINGLE_LOW &&
        value < SINGLE_HIGH &&
        quickInput(x, SINGLE_LOW) &&
        quickInput(y, SINGLE_LOW)
      ) {
        R.f32[i] = quick(x, y);
        return;
      }
    }
    slowStep(operation, SINGLES, i);
  };
}

function doubleStep(operation: Operation, quick: Quick): Step {
  return (i) => {
    if (control.quick) {
      const x = A.f64[i]!, y = B.f64[i]!; // prettier-ignore
      const value = quick(x, y);
      if (isQuick(Math.abs(value), x, y, DOUBLE_LOW, DOUBLE_HIGH)) {
        R.f64[i] = value;
        return;
      }
    }
    slowStep(operation, DOUBLES, i);
  };
}

function slowStep(operation: Operation, element: Element, i: number): void {
  element.load(a, A, i);
  element.load(b, B, i);
  calculate(out, operation, a, b, element.format);
  element.store(out, R, i);
}

/** Loads both operands: A the first, also as the starting value of R, B the second. */
export function loadOperands(cpu: Parameters<Helper>[0], address: number, info: number): void {
  checkSse(cpu);
  loadRegister(cpu, A, 4 * firstRegister(info), 4);
  loadRegister(cpu, R, 4 * firstRegister(info), 4);
  if (hasMemory(info)) {
    checkAlignment(address, info);
    loadMemory(cpu, B, address, info);
  } else loadRegister(cpu, B, 4 * secondRegister(info), 4);
  begin(cpu);
}

/** The first `count` elements; the rest of the destination stays. */
export function elements(count: number, step: Step): Helper {
  return (cpu, address, info) => {
    loadOperands(cpu, address, info);
    for (let i = 0; i < count; i++) step(i);
    complete(cpu);
    storeResult(cpu, R, info);
  };
}

function squareRootStep(element: Element): Step {
  const low = element === SINGLES ? SINGLE_LOW : DOUBLE_LOW;
  return (i) => {
    if (control.quick) {
      const x = element === SINGLES ? B.f32[i]! : B.f64[i]!;
      if (x >= low && x < Infinity) {
        if (element === SINGLES) R.f32[i] = Math.sqrt(x);
        else R.f64[i] = Math.sqrt(x);
        return;
      }
    }
    element.load(b, B, i);
    squareRootOf(element);
    element.store(out, R, i);
  };
}

function squareRootOf(element: Element): void {
  out.copy(b);
  if (b.kind >= QNAN) quiet(out);
  else if (b.sign && b.kind !== ZERO) {
    setIndefinite(out);
    noteBefore(IE);
  } else if (b.kind === FINITE) {
    if (b.denormal) noteBefore(DE);
    squareRoot(out, b);
    round(out, element.format);
  }
}

const pair = new Float64Array(2);
/** Takes element i of A and B as numbers; true if neither is a NaN or denormal, so that comparing raises nothing. */
export function quickPair(element: Element, i: number): boolean {
  const single = element === SINGLES;
  const x = single ? A.f32[i]! : A.f64[i]!;
  const y = single ? B.f32[i]! : B.f64[i]!;
  pair[0] = x;
  pair[1] = y;
  const low = single ? SINGLE_LOW : DOUBLE_LOW;
  return quickInput(x, low) && quickInput(y, low);
}
/** How the pair compares. */
export function quickOrder(): number {
  return pair[0]! < pair[1]! ? LESS : pair[0]! > pair[1]! ? GREATER : EQUAL;
}

/** MIN and MAX return the second operand as it is when either is a NaN or both are zero. */
function selectStep(element: Element, wanted: number): Step {
  return (i) => {
    if (quickPair(element, i)) {
      copyElement(quickOrder() === wanted, element.words, i);
      return;
    }
    element.load(a, A, i);
    element.load(b, B, i);
    let first = false;
    if (a.kind >= QNAN || b.kind >= QNAN) noteBefore(IE);
    else {
      if (a.denormal || b.denormal) noteBefore(DE);
      first = order(a, b) === wanted;
    }
    const chosen = first ? a : b;
    if (chosen.kind === ZERO) element.store(chosen, R, i);
    else copyElement(first, element.words, i);
  };
}

function copyElement(first: boolean, words: number, i: number): void {
  const from = first ? A : B;
  for (let w = words * i; w < words * (i + 1); w++) R.i32[w] = from.i32[w]!;
}

/** R[i] = A[left] op A[right] for the low half, of B for the high half. */
function horizontal(element: Element, operation: Operation): Helper {
  const half = 2 / element.words;
  return elements(2 * half, (i) => {
    const from = i < half ? A : B;
    const pair = 2 * (i % half);
    element.load(a, from, pair);
    element.load(b, from, pair + 1);
    calculate(out, operation, a, b, element.format);
    element.store(out, R, i);
  });
}

/** Even elements subtract, odd elements add. */
function addSubtract(element: Element): Helper {
  return elements(4 / element.words, (i) => slowStep(i & 1 ? add : subtract, element, i));
}

/** RCP and RSQRT: better than the 1.5 × 2^-12 they promise, no exceptions, denormals count as zero (SDM vol. 2, RCPPS). */
function approximate(function_: (x: number) => number): Step {
  return (i) => {
    const bits = B.i32[i]!;
    const exponent = bits & 0x7f800000;
    if (exponent === 0x7f800000 && bits & 0x7fffff) R.i32[i] = bits | 0x400000;
    else R.i32[i] = approximateBits(function_, exponent === 0 ? bits & -0x80000000 : bits);
  };
}

function approximateBits(function_: (x: number) => number, bits: number): number {
  floatView[0] = 0;
  bitView[0] = bits;
  const value = function_(floatView[0]);
  if (value !== value) return -0x400000;
  floatView[0] = value;
  return bitView[0] & 0x7f800000 ? bitView[0] : bits & -0x80000000;
}
const floatView = new Float32Array(1);
const bitView = new Int32Array(floatView.buffer);

const reciprocal = approximate((x) => 1 / x);
const reciprocalRoot = approximate((x) => (x === 0 ? 1 / x : 1 / Math.sqrt(x)));

/** The four forms of an instruction: PS, SS, PD, SD. */
function forms(name: string, single: Step, double: Step): Record<string, Helper> {
  return {
    [`${name}PS`]: elements(4, single),
    [`${name}SS`]: elements(1, single),
    [`${name}PD`]: elements(2, double),
    [`${name}SD`]: elements(1, double),
  };
}
function arithmetic(name: string, operation: Operation, quick: Quick): Record<string, Helper> {
  return forms(name, singleStep(operation, quick), doubleStep(operation, quick));
}

export const SSE_ARITHMETIC: Record<string, Helper> = {
  ...arithmetic('ADD', add, (x, y) => x + y),
  ...arithmetic('SUB', subtract, (x, y) => x - y),
  ...arithmetic('MUL', multiply, (x, y) => x * y),
  ...arithmetic('DIV', divide, (x, y) => x / y),
  ...forms('SQRT', squareRootStep(SINGLES), squareRootStep(DOUBLES)),
  ...forms('MIN', selectStep(SINGLES, LESS), selectStep(DOUBLES, LESS)),
  ...forms('MAX', selectStep(SINGLES, GREATER), selectStep(DOUBLES, GREATER)),
  HADDPS: horizontal(SINGLES, add),
  HADDPD: horizontal(DOUBLES, add),
  HSUBPS: horizontal(SINGLES, subtract),
  HSUBPD: horizontal(DOUBLES, subtract),
  ADDSUBPS: addSubtract(SINGLES),
  ADDSUBPD: addSubtract(DOUBLES),
  RCPPS: elements(4, reciprocal),
  RCPSS: elements(1, reciprocal),
  RSQRTPS: elements(4, reciprocalRoot),
  RSQRTSS: elements(1, reciprocalRoot),
};
