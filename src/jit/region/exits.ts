/** Why runs of regions ended: totals for statistics. */
import { SITE_ACCESS, type Site } from './sites.js';

export class Exits {
  access = 0;
  interpreter = 0;
  /** Instructions that a region left to the interpreter, by mnemonic. */
  readonly fallbacks: Record<string, number> = {};

  /** Adds how often a region was left by each of its sites, and forgets it there. */
  tally({ sites, left }: { readonly sites: readonly Site[]; readonly left: Float64Array }): void {
    sites.forEach(({ kind, mnemonic }, number) => {
      const count = left[number]!;
      left[number] = 0;
      if (count === 0) return;
      if (kind === SITE_ACCESS) this.access += count;
      else {
        this.interpreter += count;
        this.fallbacks[mnemonic] = (this.fallbacks[mnemonic] ?? 0) + count;
      }
    });
  }
}
