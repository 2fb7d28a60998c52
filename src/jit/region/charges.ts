/**
 * Where the budget is charged for the instructions that ran: not at each block, but where ways meet that differ in how many instructions they have since the last
 * charge, which is known when the code is made. What ways out have to charge is a number in their tables.
 */
import type { Statement } from 'estree';
import { statements } from '../emit/quote.js';

/** The budget where code is emitted: variable n, which has been charged for all but the latest instructions. */
export class Budget {
  /** Instructions to the next check at most. */
  readonly longest: number;
  /** Instructions up to the end of the block being emitted that n has not been charged for. */
  uncharged = 0;

  constructor(longest: number) {
    this.longest = longest;
  }
  /** What n must be for the budget to last for the longest way on. */
  get least(): number {
    return this.longest + this.uncharged;
  }
  /** Charges for all but `left` instructions. */
  charge(left: number): Statement[] {
    const count = this.uncharged - left;
    this.uncharged = left;
    return count === 0 ? [] : statements`n = n - ${count} | 0;`;
  }
  /** Charges for all on a way out. */
  settle(): Statement[] {
    return this.uncharged === 0 ? [] : statements`n = n - ${this.uncharged} | 0;`;
  }
}

export interface ChargedGraph {
  readonly size: number;
  successors(node: number): readonly number[];
  readonly blocks: readonly { readonly body: { readonly length: number } }[];
}

/**
 * By block: the instructions for which the budget has not been charged where the block begins. `order`: all nodes, those before it on forward ways first. Ways from
 * outside and back to a loop's head charge the difference, and so do all but the most frequent of forward ways.
 */
export function unchargedAt(
  graph: ChargedGraph,
  order: readonly number[],
  isBackward: (from: number, to: number) => boolean,
): Int32Array {
  const uncharged = new Int32Array(graph.size);
  const ways: number[][] = [];
  for (let node = 0; node < graph.size; node++) ways.push([]);
  for (const node of order) {
    const begin = mostFrequent(ways[node]!);
    uncharged[node] = begin;
    const end = begin + graph.blocks[node]!.body.length;
    for (const to of graph.successors(node)) if (!isBackward(node, to)) ways[to]!.push(end);
  }
  return uncharged;
}

/** 0 of none; of several the last one. */
function mostFrequent(values: readonly number[]): number {
  let best = 0;
  let most = 0;
  for (const value of values) {
    const count = values.filter((other) => other === value).length;
    if (count >= most) [best, most] = [value, count];
  }
  return best;
}
