/**
 * Arithmetic on pairs that translated code calls where it cannot tell a result in place: by pairs, or exactly by the helpers' arithmetic in a unit of its
 * own. The result goes to place RESULT, what was rounded away (or a number of its sign) to RESIDUE; 0 where the result is none of the range.
 */
import { computeRegisters } from './x87-arithmetic.js';
import { LOW, RESIDUE, RESIDUE_SIGN, RESULT, X87_HELD, X87_STATUS, X87_VALID } from './x87-pairs.js';
import { add, divide, multiply, type Operation } from './operations.js';
import type { createArithmetic } from './x87-short-arithmetic.js';
import { type Core, C1, PE } from './x87-short-core.js';
import { Fpu } from './state.js';

export function createValues(core: Core, pairs: ReturnType<typeof createArithmetic>) {
  const unit = new Fpu();
  const { state, numbers } = unit.x87;

  function exactly(operation: Operation | undefined, ah: number, al: number, bh: number, bl: number): number {
    unit.initialize();
    numbers[0] = ah;
    numbers[LOW] = al;
    numbers[1] = bh;
    numbers[LOW + 1] = bl;
    state[X87_HELD] = state[X87_VALID] = 3;
    if (!computeRegisters(unit, operation) || !unit.x87.adopt(0)) return 0;
    const h = numbers[0]!;
    core.numbers[RESULT] = h;
    core.numbers[LOW + RESULT] = numbers[LOW]!;
    core.numbers[RESIDUE_SIGN] = h;
    const status = state[X87_STATUS]!;
    const down = h < 0 ? -1 : 1;
    core.numbers[RESIDUE] = (status & PE) === 0 ? 0 : (status & C1) === 0 ? down : -down;
    return 1;
  }

  const binary =
    (operation: Operation, short: (to: number, ah: number, al: number, bh: number, bl: number) => boolean) =>
    (ah: number, al: number, bh: number, bl: number): number => {
      const a = ah + al, b = bh + bl; // prettier-ignore
      const aLow = al - (a - ah), bLow = bl - (b - bh); // prettier-ignore
      return short(RESULT, a, aLow, b, bLow) ? 1 : exactly(operation, a, aLow, b, bLow);
    };
  return {
    x87AddValues: binary(add, pairs.addPairs),
    x87MultiplyValues: binary(multiply, pairs.multiplyPairs),
    x87DivideValues: binary(divide, pairs.quotient),
    x87RootValue: (ah: number, al: number): number => {
      const h = ah + al;
      const l = al - (h - ah);
      return pairs.root(RESULT, h, l) ? 1 : exactly(undefined, h, l, 1, 0);
    },
    /** Takes all registers that are numbers of the range into their pairs, those not in use, too. */
    x87AdoptAll: (): number => {
      for (let i = 0; i < 8; i++) if (((core.state[X87_HELD]! >>> i) & 1) === 0) core.adopt(i);
      return 0;
    },
  };
}
