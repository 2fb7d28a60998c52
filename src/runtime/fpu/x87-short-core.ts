/** What the short ways of x87 share: the state they look at, pushes and pops, what rounding leaves. */
import {
  IN_MEMORY,
  LEAST,
  LOW,
  MOST,
  RESIDUE,
  RESIDUE_SIGN,
  X87_HELD,
  X87_STATUS,
  X87_TOP,
  X87_VALID,
  type X87Pairs,
} from './x87-pairs.js';

export const C1 = 1 << 9,
  PE = 1 << 5,
  ES = 1 << 7,
  CONDITIONS = 0x4500;
/** Precision and rounding control and the mask of PE; without precision. */
export const CLASS = 0xf20,
  ROUNDING = 0xc20,
  EXTENDED_NEAREST = 0x320,
  DOUBLE_NEAREST = 0x220,
  NEAREST = 0x20;
export const SPLIT = 134217729;
export const INTEGERS = 6755399441055744;

/** What a pair may hold. */
export const inRange = (x: number): boolean => {
  const size = Math.abs(x);
  return (size >= LEAST && size <= MOST) || x === 0;
};
export function createCore(pairs: X87Pairs) {
  const { state, numbers } = pairs;

  function clearC1(): void {
    numbers[RESIDUE] = 0;
    state[X87_STATUS]! &= ~C1;
  }
  function free(): boolean {
    return (state[X87_STATUS]! & ES) === 0;
  }
  /** The register is in use and in its pair. */
  function held(i: number): boolean {
    const bit = 1 << i;
    if ((state[X87_VALID]! & state[X87_HELD]! & bit) !== 0) return true;
    return (state[X87_VALID]! & bit) !== 0 && pairs.adopt(i);
  }
  /** As `held`, or the operand in memory is of the range. */
  function usable(i: number): boolean {
    return i === IN_MEMORY ? inRange(numbers[IN_MEMORY]!) : held(i);
  }
  const place = (top: number, i: number): number => (i === IN_MEMORY ? i : (top + i) & 7);
  /** Where a push goes; -1 if it must not. */
  function room(): number {
    const top = (state[X87_TOP]! - 1) & 7;
    return ((state[X87_STATUS]! & ES) | (state[X87_VALID]! & (1 << top))) === 0 ? top : -1;
  }
  function push(top: number, h: number, l: number): void {
    const bit = 1 << top;
    numbers[top] = h;
    numbers[LOW + top] = l;
    state[X87_TOP] = top;
    state[X87_VALID]! |= bit;
    state[X87_HELD]! |= bit;
    clearC1();
  }
  function pop(): void {
    const top = state[X87_TOP]!;
    state[X87_VALID]! &= ~(1 << top);
    state[X87_TOP] = (top + 1) & 7;
  }
  function settle(rest: number, kept: number): void {
    numbers[RESIDUE] = rest;
    numbers[RESIDUE_SIGN] = kept;
    state[X87_STATUS] = rest !== 0 ? state[X87_STATUS]! | PE : state[X87_STATUS]! & ~C1;
  }
  function setPair(to: number, h: number, l: number): boolean {
    numbers[to] = h;
    numbers[LOW + to] = l;
    return true;
  }

  return {
    state,
    numbers,
    adopt: (i: number) => pairs.adopt(i),
    clearC1,
    free,
    held,
    usable,
    place,
    room,
    push,
    pop,
    settle,
    setPair,
  };
}
export type Core = ReturnType<typeof createCore>;
