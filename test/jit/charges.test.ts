/** Where the budget is charged: every way through a region charges for what it ran. */
import { describe, expect, it } from 'vitest';
import { unchargedAt } from '../../src/jit/region/charges.js';

/** Blocks of so many instructions, with their ways on; all forward ways go to higher numbers. */
function graphOf(lengths: readonly number[], ways: readonly (readonly number[])[]) {
  return {
    size: lengths.length,
    blocks: lengths.map((length) => ({ body: { length } })),
    successors: (node: number) => ways[node]!,
  };
}
const begin = (lengths: readonly number[], ways: readonly (readonly number[])[]): number[] => [
  ...unchargedAt(
    graphOf(lengths, ways),
    lengths.map((_, i) => i),
    (from, to) => to <= from,
  ),
];

describe('instructions that the budget has not been charged for', () => {
  it('add up along a way', () => {
    expect(begin([3, 4, 5], [[1], [2], []])).toEqual([0, 3, 7]);
  });
  it('are what most ways have where several meet', () => {
    expect(begin([2, 1, 5, 1, 1], [[1, 2, 3], [4], [4], [4], []])).toEqual([0, 2, 2, 2, 3]);
  });
  it('do not grow on the way back to a loop', () => {
    expect(begin([2, 3, 1], [[1], [1, 2], []])).toEqual([0, 2, 5]);
  });
  it('are none where only the outside leads to', () => {
    expect(begin([2, 3], [[], []])).toEqual([0, 0]);
  });
});
