/** Where indirect jumps and calls of regions go: counted once they have left their regions often, so that frequent targets can become part of the region. */
import type { CallSite } from './links.js';

/** Targets counted. */
const SAMPLES = 1000;
/** Targets of one site that are remembered, and those that a region takes in: at least one in so many. */
const MOST = 64;
const SHARE = 50;
/** A region is made again because of one site at most so often. */
const ROUNDS = 3;
/** Targets of jumps farther away are other functions. */
const NEAR = 0x4000;

interface Known {
  deltas: number[];
  rounds: number;
}

export class Targets {
  /** By machine address of the jump or call. */
  private readonly known = new Map<number, Known>();
  private readonly counts = new Map<CallSite, Map<number, number>>();
  /** Sites whose regions are to be made again. */
  readonly ready: CallSite[] = [];
  private readonly samples: number;

  /** `leaves`: times that a region is left at a site before its targets are counted. */
  constructor(leaves: number) {
    this.samples = Math.min(SAMPLES, leaves);
  }

  /** Targets relative to the jump or call at a machine address. */
  of(machine: number): readonly number[] {
    return this.known.get(machine)?.deltas ?? [];
  }

  /** The site was left for `delta` beyond itself. */
  note(site: CallSite, delta: number): void {
    const counts = this.counts.get(site) ?? new Map<number, number>();
    this.counts.set(site, counts);
    const before = counts.get(delta);
    if (before !== undefined || counts.size < MOST) counts.set(delta, (before ?? 0) + 1);
    if (site.countdown > -this.samples) return;
    site.countdown = 0x7fffffff;
    this.counts.delete(site);
    if (this.learn(site, counts)) this.ready.push(site);
  }

  private learn(site: CallSite, counts: Map<number, number>): boolean {
    const old = this.known.get(site.machine) ?? { deltas: [], rounds: 0 };
    if (old.rounds === ROUNDS) return false;
    const { isJump } = site;
    const found = [...counts]
      .filter(([delta, count]) => count * SHARE >= this.samples && (!isJump || Math.abs(delta) < NEAR))
      .map(([delta]) => delta);
    if (found.every((delta) => old.deltas.includes(delta))) return false;
    this.known.set(site.machine, { deltas: [...new Set([...old.deltas, ...found])], rounds: old.rounds + 1 });
    return true;
  }

  clear(): void {
    this.known.clear();
    this.counts.clear();
    this.ready.length = 0;
  }
}
