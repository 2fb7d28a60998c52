/**
 * What blocks may expect of XMM registers: numbers and words in variables that all ways inside the region bring along, so that loops neither read nor check
 * them again. Whoever comes without them reads and checks them on its way. Found from a first emission in which no block expected anything.
 */
import { CONTROL_KEY, kindOf, wordsOf, type Expected, type LaneCache } from '../emit/lane-cache.js';
import { ZEROS } from '../emit/lane-values.js';

/** A way between blocks that is no inheritance; `from`: the block without inheritance before it. */
export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly backward: boolean;
  readonly cache: LaneCache;
}
/** Of a key at a block: known to be zero, known, or known if the block's own ways back are the only ones to ask. */
type Level = 'zero' | 'known' | 'open';
type Wants = ReadonlyMap<number, ReadonlySet<number>>;

function isTouched(cache: LaneCache, key: number): boolean {
  return key === CONTROL_KEY ? cache.controlTouched : wordsOf(key).some((word) => cache.touched.has(word));
}
/** The clean number or word in a cache. */
function nameOf(cache: LaneCache, key: number): string | undefined {
  if (key === CONTROL_KEY) return cache.control === undefined ? undefined : '';
  const [word] = wordsOf(key) as [number];
  const kind = kindOf(key);
  if (kind === 'W') return cache.words.get(word);
  const lane = kind === 'D' ? cache.doubles.get(word >> 1) : cache.singles.get(word);
  return lane?.clean ? lane.name : undefined;
}

class Flow {
  private readonly into = new Map<number, Edge[]>();
  private readonly outOf = new Map<number, Edge[]>();
  private readonly level = new Map<number, Map<number, Level>>();
  private readonly wants: Wants;
  private readonly plain: (node: number) => boolean;

  constructor(edges: readonly Edge[], wants: Wants, plain: (node: number) => boolean) {
    this.wants = wants;
    this.plain = plain;
    for (const edge of edges) {
      this.into.set(edge.to, [...(this.into.get(edge.to) ?? []), edge]);
      this.outOf.set(edge.from, [...(this.outOf.get(edge.from) ?? []), edge]);
    }
  }

  solve(): Map<number, Expected> {
    const live = this.live();
    const all = new Set([...live.values()].flatMap((keys) => [...keys]));
    for (const node of live.keys()) {
      const open =
        this.plain(node) || !this.into.has(node) ? [] : [...all].map((key) => [key, 'open'] as const);
      this.level.set(node, new Map(open));
    }
    for (let changed = true; changed;) {
      changed = false;
      for (const [node, known] of this.level)
        for (const [key, before] of [...known]) {
          const now = this.meet(node, key);
          if (now === before) continue;
          changed = true;
          if (now === undefined) known.delete(key);
          else known.set(key, now);
        }
    }
    const waiting = this.waiting();
    const out = new Map<number, Expected>();
    for (const [node, known] of this.level) {
      const useful = [...known].filter(([key]) => live.get(node)!.has(key));
      out.set(node, {
        known: new Map(useful.filter(([key]) => key !== CONTROL_KEY).map(([key, l]) => [key, l === 'zero'])),
        waiting: waiting.get(node)!,
        control: useful.some(([key]) => key === CONTROL_KEY),
      });
    }
    return out;
  }

  /** What is read from memory at a block or behind it. */
  private live(): Map<number, Set<number>> {
    const live = new Map([...this.wants].map(([node, keys]) => [node, new Set(keys)]));
    for (let changed = true; changed;) {
      changed = false;
      for (const [node, keys] of live)
        for (const { to, cache } of this.outOf.get(node) ?? [])
          for (const key of live.get(to) ?? [])
            if (!keys.has(key) && !isTouched(cache, key)) {
              keys.add(key);
              changed = true;
            }
    }
    return live;
  }

  private levelOf(edge: Edge, key: number): Level | undefined {
    const name = nameOf(edge.cache, key);
    if (isTouched(edge.cache, key))
      return name === undefined ? undefined : ZEROS.has(name) ? 'zero' : 'known';
    return this.level.get(edge.from)?.get(key) ?? (name === undefined ? undefined : 'known');
  }
  /** The head of a loop is free to expect what its ways back bring: others bring it about once. */
  private meet(node: number, key: number): Level | undefined {
    const edges = this.into.get(node) ?? [];
    const back = edges.filter((edge) => edge.backward);
    const asked = (back.length > 0 ? back : edges).map((edge) => this.levelOf(edge, key));
    if (asked.length === 0 || asked.includes(undefined)) return undefined;
    if (asked.includes('known')) return 'known';
    const ahead = edges.filter((edge) => !edge.backward).map((edge) => this.levelOf(edge, key));
    if (back.length > 0)
      return ahead.length > 0 && ahead.every((l) => l === 'zero' || l === 'open') ? lowest(ahead) : 'known';
    return lowest(asked);
  }

  /** Variables that memory may wait for at each block; where two ways disagree about the form, memory has it. */
  private waiting(): Map<number, Set<number>> {
    const waiting = new Map([...this.wants.keys()].map((node) => [node, new Set<number>()]));
    for (let changed = true; changed;) {
      changed = false;
      for (const [node, keys] of waiting)
        for (const { from, cache } of this.into.get(node) ?? [])
          for (const key of [...cache.waiting.keys(), ...(waiting.get(from) ?? [])]) {
            if (keys.has(key) || (!cache.waiting.has(key) && isTouched(cache, key))) continue;
            keys.add(key);
            changed = true;
          }
    }
    for (const keys of waiting.values()) dropConflicts(keys);
    return waiting;
  }
}

const lowest = (levels: readonly (Level | undefined)[]): Level =>
  levels.every((l) => l === 'open') ? 'open' : 'zero';

function dropConflicts(keys: Set<number>): void {
  const uses = new Map<number, number>();
  for (const word of [...keys].flatMap(wordsOf)) uses.set(word, (uses.get(word) ?? 0) + 1);
  for (const key of [...keys]) if (wordsOf(key).some((word) => uses.get(word)! > 1)) keys.delete(key);
}

/** By block without inheritance. `plain`: may expect nothing of values. */
export const findExpected = (
  edges: readonly Edge[],
  wants: Wants,
  plain: (node: number) => boolean,
): Map<number, Expected> => new Flow(edges, wants, plain).solve();
