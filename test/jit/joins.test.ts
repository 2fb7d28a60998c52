/** Regions that cannot become one are not made again for it a second time. */
import { expect, it } from 'vitest';
import { VectorMachine } from '../../src/jit/vector-machine.js';
import { Joins } from '../../src/jit/region/joins.js';

it('a way that was refused stays refused until everything is thrown away', () => {
  const joins = new Joins(new VectorMachine(32).cpu);
  joins.refuse(4, 8);
  expect(joins.isRefused(4, 8)).toBe(true);
  expect(joins.isRefused(8, 4)).toBe(false);
  joins.clear();
  expect(joins.isRefused(4, 8)).toBe(false);
});
