/**
 * Short ways of FADD, FSUB, FMUL, FDIV and FSQRT on pairs of doubles.
 *
 * Why they are exact. The control word asks for rounding to nearest with PE masked and for 64 bits (or 53, where both operands have no low part). Sums
 * come from TwoSum and are known exactly: high + low + rest. Products, quotients and roots come with an error below 2^-40 of the last place; where what
 * is rounded away is that near to nothing or to a half, the helper decides. Adding 1.5 × 2^52 units rounds to a multiple of the unit, ties to even, as the
 * high part is an even multiple. The unit follows from the largest power of two in the high part (S. M. Rump's `ufp`); below an exact power of two it
 * is half as large. No operand or result is a NaN, infinite, denormal or near the limits of the format.
 */
import {
  IN_MEMORY,
  LEAST,
  LOW,
  MOST,
  RESIDUE,
  RESIDUE_SIGN,
  X87_CONTROL,
  X87_HELD,
  X87_STATUS,
  X87_TOP,
  X87_VALID,
} from './x87-pairs.js';
import { type Core, C1, PE, ES, CLASS, EXTENDED_NEAREST, DOUBLE_NEAREST, SPLIT } from './x87-short-core.js';

function productError(a: number, b: number, product: number): number {
  const ca = SPLIT * a, cb = SPLIT * b; // prettier-ignore
  const ah = ca - (ca - a), bh = cb - (cb - b); // prettier-ignore
  const al = a - ah, bl = b - bh; // prettier-ignore
  return al * bl - (product - ah * bh - al * bh - ah * bl);
}

export function createArithmetic(core: Core) {
  const { state, numbers, clearC1, free, held, usable, place, pop, settle, setPair } = core;

  /**
   * Register `to` = s + w + rest rounded; `rest` is far below the unit and wrong by `doubt` at most. `margin`: how near to nothing or a half, in units,
   * the residue of an approximation may be. False: undecided, nothing has changed.
   */
  function round(to: number, s: number, w: number, rest: number, margin: number, doubt = 0): boolean {
    const h = s + w;
    const back = h - s;
    const r = s - (h - back) + (w - back);
    const size = Math.abs(h);
    if (!(size >= LEAST && size <= MOST)) {
      if (h !== 0 || rest !== 0 || doubt !== 0) return false;
      return setExact(to, s === 0 ? s : 0);
    }
    if ((state[X87_CONTROL]! & CLASS) === DOUBLE_NEAREST)
      return rest === 0 && margin === 0 && doubt === 0 && setDouble(to, h, r);
    const q = h * 4503599627370497;
    const power = Math.abs(q - q * (1 - 2 ** -53));
    // Just below a power of two the unit is half as large.
    const first = power === size && r !== 0 && r < 0 === h > 0 ? power / 2 : power;
    const shifter = first * (1.5 * 2 ** -11);
    let l = r + shifter - shifter;
    let d = r - l;
    if (rest !== 0 || margin !== 0 || doubt !== 0) {
      const unit = first * 2 ** -63;
      const away = Math.abs(d);
      const beyond = 2 * (Math.abs(rest) + doubt);
      if (away < unit * margin || Math.abs(d + rest) < 2 * doubt) return false;
      if (Math.abs(rest) < doubt && away === unit / 2) return false;
      if (margin === 0 && away === unit / 2) {
        // The rest decides between the neighbours.
        if (rest < 0 === d < 0) {
          l += 2 * d;
          d = -d;
        }
      } else if (!(away + beyond < unit * (0.5 - margin))) return false;
    }
    const sum = h + l;
    numbers[to] = sum;
    numbers[LOW + to] = l - (sum - h);
    settle(d + rest, h);
    return true;
  }
  function setExact(to: number, value: number): boolean {
    clearC1();
    return setPair(to, value, 0);
  }
  /** A result of 53 bits and what was rounded away, or a number of its sign. */
  function setDouble(to: number, value: number, rest: number): boolean {
    settle(rest, value);
    return setPair(to, value, 0);
  }
  /** The control word is one of those that are served, for these operands. */
  function served(a: number, b: number): boolean {
    const kind = state[X87_CONTROL]! & CLASS;
    return (
      kind === EXTENDED_NEAREST ||
      (kind === DOUBLE_NEAREST && numbers[LOW + a] === 0 && numbers[LOW + b] === 0)
    );
  }

  /**
   * ST(to) = ± ST(to) ± ST(from); the signs are 1 or -1. The usual case in one piece: 64 bits, both operands held, a result near the sum of the high
   * parts, the unit taken from that sum. Everything else goes the general way.
   */
  function add(to: number, from: number, sign: number, otherSign: number, pops: number): number {
    const top = state[X87_TOP]!;
    const a = (top + to) & 7;
    const b = from === IN_MEMORY ? from : (top + from) & 7;
    const need = from === IN_MEMORY ? 1 << a : (1 << a) | (1 << b);
    const status = state[X87_STATUS]!;
    const ah = numbers[a]! * sign, bh = numbers[b]! * otherSign; // prettier-ignore
    const al = numbers[LOW + a]! * sign, bl = numbers[LOW + b]! * otherSign; // prettier-ignore
    const s = ah + bh;
    const back = s - ah;
    const e = ah - (s - back) + (bh - back);
    const v = al + bl;
    const backV = v - al;
    const w = e + v;
    const backW = w - e;
    const rest = e - (w - backW) + (v - backW) + (al - (v - backV) + (bl - backV));
    const h = s + w;
    const r = w - (h - s);
    const q = s * 4503599627370497;
    const first = Math.abs(q - q * (1 - 2 ** -53));
    const size = Math.abs(h);
    if (
      (state[X87_VALID]! & state[X87_HELD]! & need) !== need ||
      (status & ES) !== 0 ||
      (state[X87_CONTROL]! & CLASS) !== EXTENDED_NEAREST ||
      !(size > first && size < 2 * first && size >= LEAST && size <= MOST) ||
      !(Math.abs(bh) >= LEAST && Math.abs(w) < first)
    )
      return addAnyway(to, from, sign, otherSign, pops);
    const shifter = first * (1.5 * 2 ** -11);
    const l = r + shifter - shifter;
    const d = r - l;
    const sum = h + l;
    if (rest !== 0 && !(Math.abs(d) < first * (2 ** -64 * (1 - 2 ** -19))))
      return addAnyway(to, from, sign, otherSign, pops);
    numbers[a] = sum;
    numbers[LOW + a] = l - (sum - h);
    const residue = d !== 0 ? d : rest;
    numbers[RESIDUE] = residue;
    numbers[RESIDUE_SIGN] = h;
    if (residue === 0) state[X87_STATUS] = status & ~C1;
    else if ((status & PE) === 0) state[X87_STATUS] = status | PE;
    if (pops !== 0) {
      state[X87_VALID]! &= ~(1 << top);
      state[X87_TOP] = (top + 1) & 7;
    }
    return 1;
  }
  function addAnyway(to: number, from: number, sign: number, otherSign: number, pops: number): number {
    const top = state[X87_TOP]!;
    const a = (top + to) & 7;
    const b = place(top, from);
    if (!free() || !held(a) || !usable(b) || !served(a, b)) return 0;
    const ah = numbers[a]! * sign, bh = numbers[b]! * otherSign; // prettier-ignore
    if (!addPairs(a, ah, numbers[LOW + a]! * sign, bh, numbers[LOW + b]! * otherSign)) return 0;
    if (pops !== 0) pop();
    return 1;
  }
  function addPairs(to: number, ah: number, al: number, bh: number, bl: number): boolean {
    const s = ah + bh;
    const back = s - ah;
    const e = ah - (s - back) + (bh - back);
    const v = al + bl;
    const backV = v - al;
    const ve = al - (v - backV) + (bl - backV);
    const w = e + v;
    const backW = w - e;
    return round(to, s, w, e - (w - backW) + (v - backW) + ve, 0);
  }
  /** ST(to) = ST(to) × ST(from); the usual case as in `add`. */
  function multiply(to: number, from: number, pops: number): number {
    const top = state[X87_TOP]!;
    const a = (top + to) & 7;
    const b = from === IN_MEMORY ? from : (top + from) & 7;
    const need = from === IN_MEMORY ? 1 << a : (1 << a) | (1 << b);
    const status = state[X87_STATUS]!;
    const ah = numbers[a]!, bh = numbers[b]!, al = numbers[LOW + a]!, bl = numbers[LOW + b]!; // prettier-ignore
    const p = ah * bh;
    const cA = SPLIT * ah, cB = SPLIT * bh; // prettier-ignore
    const a1 = cA - (cA - ah), b1 = cB - (cB - bh); // prettier-ignore
    const a2 = ah - a1, b2 = bh - b1; // prettier-ignore
    const cross = ah * bl + al * bh;
    const w = a2 * b2 - (p - a1 * b1 - a2 * b1 - a1 * b2) + cross;
    const h = p + w;
    const r = w - (h - p);
    const q = p * 4503599627370497;
    const first = Math.abs(q - q * (1 - 2 ** -53));
    const size = Math.abs(h);
    if (
      (state[X87_VALID]! & state[X87_HELD]! & need) !== need ||
      (status & ES) !== 0 ||
      (state[X87_CONTROL]! & CLASS) !== EXTENDED_NEAREST ||
      !(size > first && size < 2 * first && size >= LEAST && size <= MOST) ||
      !(Math.abs(bh) >= LEAST && Math.abs(bh) <= MOST && first >= LEAST)
    )
      return multiplyAnyway(to, from, pops);
    const shifter = first * (1.5 * 2 ** -11);
    const l = r + shifter - shifter;
    const d = r - l;
    const sum = h + l;
    const away = Math.abs(d);
    if (cross !== 0 && !(away < first * (2 ** -64 * (1 - 2 ** -19)) && away > first * 2 ** -93))
      return multiplyAnyway(to, from, pops);
    numbers[a] = sum;
    numbers[LOW + a] = l - (sum - h);
    numbers[RESIDUE] = d;
    numbers[RESIDUE_SIGN] = h;
    if (d === 0) state[X87_STATUS] = status & ~C1;
    else if ((status & PE) === 0) state[X87_STATUS] = status | PE;
    if (pops !== 0) {
      state[X87_VALID]! &= ~(1 << top);
      state[X87_TOP] = (top + 1) & 7;
    }
    return 1;
  }
  function multiplyAnyway(to: number, from: number, pops: number): number {
    const top = state[X87_TOP]!;
    const a = (top + to) & 7;
    const b = place(top, from);
    if (!free() || !held(a) || !usable(b) || !served(a, b)) return 0;
    if (!multiplyPairs(a, numbers[a]!, numbers[LOW + a]!, numbers[b]!, numbers[LOW + b]!)) return 0;
    if (pops !== 0) pop();
    return 1;
  }
  function multiplyPairs(to: number, ah: number, al: number, bh: number, bl: number): boolean {
    const p = ah * bh;
    const size = Math.abs(p);
    if (!(size >= LEAST && size <= MOST)) return (ah === 0 || bh === 0) && setExact(to, p);
    const e = productError(ah, bh, p);
    const cross = ah * bl + al * bh;
    if (round(to, p, e + cross, 0, cross === 0 ? 0 : 2 ** -30)) return true;
    return multiplyExactly(to, p, e, ah, al, bh, bl);
  }
  /** Undecided, as by a factor that is a power of two: with the errors of all products and sums. */
  function multiplyExactly(
    to: number,
    p: number,
    e: number,
    ah: number,
    al: number,
    bh: number,
    bl: number,
  ): boolean {
    if (!(Math.abs(p) > 2 ** -800)) return false;
    const x = ah * bl, y = al * bh, z = al * bl; // prettier-ignore
    const ex = productError(ah, bl, x), ey = productError(al, bh, y); // prettier-ignore
    const c = x + y;
    const backC = c - x;
    const ec = x - (c - backC) + (y - backC);
    const w = e + c;
    const backW = w - e;
    const ew = e - (w - backW) + (c - backW);
    const rest = ew + (ec + (ex + ey + z));
    const parts = Math.abs(ew) + Math.abs(ec) + Math.abs(ex) + Math.abs(ey) + Math.abs(z);
    return round(to, p, w, rest, 0, parts * 2 ** -50);
  }
  /** ST(to) = ST(to) / ST(from), or the other way round. */
  function divide(to: number, from: number, reversed: number, pops: number): number {
    const top = state[X87_TOP]!;
    const a = (top + to) & 7;
    const b = place(top, from);
    if (!free() || !held(a) || !usable(b) || !served(a, b)) return 0;
    const ah = numbers[a]!, bh = numbers[b]!, al = numbers[LOW + a]!, bl = numbers[LOW + b]!; // prettier-ignore
    if (!(reversed === 0 ? quotient(a, ah, al, bh, bl) : quotient(a, bh, bl, ah, al))) return 0;
    if (pops !== 0) pop();
    return 1;
  }
  function quotient(to: number, ah: number, al: number, bh: number, bl: number): boolean {
    if (bh === 0) return false;
    const q = ah / bh;
    if (ah === 0) return setExact(to, q);
    const size = Math.abs(q);
    if (!(size >= LEAST && size <= MOST)) return false;
    const p = q * bh;
    const rest = ah - p - productError(q, bh, p) + (al - q * bl);
    if (rest === 0 && al === 0 && bl === 0) return setExact(to, q);
    if ((state[X87_CONTROL]! & CLASS) === DOUBLE_NEAREST) return setDouble(to, q, rest / bh);
    return round(to, q, rest / bh, 0, 2 ** -30);
  }
  function squareRoot(): number {
    const top = state[X87_TOP]!;
    if (!free() || !held(top) || !served(top, top)) return 0;
    return root(top, numbers[top]!, numbers[LOW + top]!) ? 1 : 0;
  }
  function root(to: number, h: number, l: number): boolean {
    const s = Math.sqrt(h);
    if (h === 0) return setExact(to, s);
    if (!(s > 0)) return false;
    const p = s * s;
    const rest = h - p - productError(s, s, p) + l;
    if (rest === 0 && l === 0) return setExact(to, s);
    if ((state[X87_CONTROL]! & CLASS) === DOUBLE_NEAREST) return setDouble(to, s, rest);
    return round(to, s, rest / (2 * s), 0, 2 ** -30);
  }

  return {
    x87Add: add,
    x87Multiply: multiply,
    x87Divide: divide,
    x87SquareRoot: squareRoot,
    addPairs,
    multiplyPairs,
    quotient,
    root,
  };
}
