/** How often a region was left because a check failed, by site, and when that is worth making the region again. */
import { SITE_QUICK, type Site } from './sites.js';

/** Leaving a region so often, for each of its instructions, costs about a tenth of making it again. */
const MISSES_PER_INSTRUCTION = 10;
/** Instructions between misses of a short way, from which on leaving costs less than a call's code. */
const RARE = 10_000;
/** The same for helpers of x87 instructions, which cost more than leaving: all of the unit's state goes to memory and back. */
const RARE_HELPER = 300;

export class Misses {
  private readonly sites: readonly Site[];
  private readonly limit: number;
  private readonly counts: Int32Array;
  /** Instructions retired at the first of them. */
  private readonly first: Float64Array;

  constructor(sites: readonly Site[], instructions: number) {
    this.sites = sites;
    this.limit = MISSES_PER_INSTRUCTION * instructions;
    this.counts = new Int32Array(sites.length);
    this.first = new Float64Array(sites.length);
  }

  /** Counts one when so many instructions have retired; true if it is one too many. `helper`: the instruction would become a helper's. */
  note(site: number, retired: number, helper: boolean): boolean {
    if (this.counts[site] === 0) this.first[site] = retired;
    if (++this.counts[site]! < this.limit) return false;
    const rare = (helper ? RARE_HELPER : RARE) * this.limit;
    if (this.sites[site]!.kind !== SITE_QUICK || retired - this.first[site]! <= rare) return true;
    this.counts[site] = 0;
    return false;
  }
}
