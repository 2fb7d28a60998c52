/** One comparator of the HPET, in ticks of its oscillator: when it matches next is kept as a tick, so nothing has to count. */

export const TIMER_LEVEL = 0x02,
  TIMER_ENABLE = 0x04,
  TIMER_PERIODIC = 0x08,
  TIMER_SET_VALUE = 0x40,
  TIMER_32BIT = 0x100;
const TWO64 = 2 ** 64,
  TWO32 = 2 ** 32;

export interface HpetTimerState {
  /** Writable bits of Tn_CFG; the route is in bits 9-13. */
  config: number;
  /** Uint32 halves. */
  comparatorLow: number;
  comparatorHigh: number;
  periodLow: number;
  periodHigh: number;
  /** Tick of the next match; Infinity while the counter stands, and for one beyond 2^53 ticks (4.5 years), where numbers no longer tell ticks apart. */
  due: number;
  /** Level of the output: stays up after an edge until the next one. */
  output: boolean;
}

export function createHpetTimer(): HpetTimerState {
  return {
    config: 0,
    comparatorLow: 0xffffffff,
    comparatorHigh: 0xffffffff,
    periodLow: 0,
    periodHigh: 0,
    due: Infinity,
    output: false,
  };
}

export const toBig = (low: number, high: number): bigint => (BigInt(high) << 32n) | BigInt(low);
export const lowOf = (value: bigint): number => Number(BigInt.asUintN(32, value));
export const highOf = (value: bigint): number => Number(BigInt.asUintN(32, value >> 32n));

const is32Bit = (t: HpetTimerState): boolean => (t.config & TIMER_32BIT) !== 0;

/** Ticks until the counter comes round again. */
const cycle = (t: HpetTimerState): number => (is32Bit(t) ? TWO32 : TWO64);

const countable = (tick: number): number => (Number.isSafeInteger(tick) ? tick : Infinity);

/** Finds the next match, given the counter's value at `tick`. */
export function arm(t: HpetTimerState, counter: bigint, tick: number): void {
  const distance = toBig(t.comparatorLow, t.comparatorHigh) - counter;
  t.due = countable(tick + Number(BigInt.asUintN(is32Bit(t) ? 32 : 64, distance)));
}

/** Ticks between matches: a comparator that does not move matches once per cycle of the counter. */
function interval(t: HpetTimerState): number {
  if ((t.config & TIMER_PERIODIC) === 0) return cycle(t);
  const period = is32Bit(t) ? t.periodLow : t.periodHigh * TWO32 + t.periodLow;
  return period === 0 ? cycle(t) : period;
}

/** Passes all matches up to `tick`; false if there was none. */
export function pass(t: HpetTimerState, tick: number): boolean {
  if (t.due > tick) return false;
  const step = interval(t);
  const advance = step * (Math.floor((tick - t.due) / step) + 1);
  t.due = countable(t.due + advance);
  if (t.config & TIMER_PERIODIC) setComparator(t, comparator(t) + BigInt(advance));
  return true;
}

const comparator = (t: HpetTimerState): bigint => toBig(t.comparatorLow, t.comparatorHigh);

function setComparator(t: HpetTimerState, value: bigint): void {
  t.comparatorLow = lowOf(value);
  if (!is32Bit(t)) t.comparatorHigh = highOf(value);
}

/**
 * A write to half of the comparator. For a periodic timer it is the period, and the next match as well if Tn_VAL_SET_CNF is set, which
 * one write clears (IA-PC HPET 1.0a, 2.3.9.2.2).
 */
export function writeComparator(t: HpetTimerState, high: boolean, value: number): void {
  const periodic = (t.config & TIMER_PERIODIC) !== 0;
  if (periodic) {
    if (high) t.periodHigh = value;
    else t.periodLow = value;
  }
  if (!periodic || t.config & TIMER_SET_VALUE) {
    if (high) t.comparatorHigh = value;
    else t.comparatorLow = value;
  }
  t.config &= ~TIMER_SET_VALUE;
}
