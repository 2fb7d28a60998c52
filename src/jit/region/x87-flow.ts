/** What is known of the x87 unit at the start of each block of a region: what holds on all ways that lead there. */
import { X87State } from '../emit/x87-state.js';
import type { RegionGraph } from './graph.js';
import type { Placed } from './placed.js';

/** How an instruction is emitted: in place, by code that wants the state in memory, or without regard to it. */
export type X87Way = 'inline' | 'outside' | 'none';

/** Moves `state` behind an instruction. */
export function advance(state: X87State, way: X87Way, { instruction }: Placed): void {
  if (way === 'inline' && state.fits(instruction)) state.pass(instruction);
  else if (way !== 'none') state.leave(instruction.mnemonic);
}

/** By block; undefined for regions without x87 code. */
export function findX87States(
  graph: RegionGraph,
  wayOf: (node: number, i: number) => X87Way,
): readonly (X87State | undefined)[] {
  const states: (X87State | undefined)[] = new Array<undefined>(graph.size).fill(undefined);
  const work: number[] = [];
  const reach = (node: number, state: X87State): void => {
    const met = X87State.meet(states[node], state);
    if (states[node]?.same(met)) return;
    states[node] = met;
    if (!work.includes(node)) work.push(node);
  };
  const unloaded = (top: number): X87State => {
    const state = new X87State();
    state.top = top;
    return state;
  };
  const follow = (node: number): void => {
    const state = new X87State(states[node]);
    state.forced = false;
    graph.blocks[node]!.body.forEach((placed, i) => advance(state, wayOf(node, i), placed));
    for (const next of graph.successors(node)) reach(next, state);
    for (const next of graph.continuations(node)) reach(next, unloaded(state.top));
  };
  reach(0, unloaded(0));
  for (let node = work.shift(); node !== undefined; node = work.shift()) follow(node);
  // From the dispatcher, with the tops that the region's own ways have there.
  for (const entry of graph.entries) reach(entry, unloaded(states[entry]?.top ?? 0));
  for (let node = work.shift(); node !== undefined; node = work.shift()) follow(node);
  return states;
}
