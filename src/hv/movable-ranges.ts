/** The ranges that a guest moves about on a bus, in the order of their keys: which one is seen where several meet is a function of where they are. */
import debug from 'debug';

const log = debug('hvm:io');

export interface Range {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}
export interface Moved<Claim extends Range> {
  readonly key: number;
  readonly name: string;
  readonly claim: Claim;
}

export class MovableRanges<Claim extends Range> {
  /** By key. */
  list: readonly Moved<Claim>[] = [];
  private readonly reported = new Set<number>();

  /** Puts, moves or takes away the range with this key; the range that was there before. */
  set(key: number, name: string, claim: Claim | undefined): Claim | undefined {
    const old = this.list.find((m) => m.key === key)?.claim;
    if (old === undefined && claim === undefined) return undefined;
    const others = this.list.filter((m) => m.key !== key);
    this.list =
      claim === undefined ? others : [...others, { key, name, claim }].sort((a, b) => a.key - b.key);
    return old;
  }

  /** Says once of each range that another covers it. */
  reportCovered({ key, name, claim }: Moved<Claim>): void {
    if (this.reported.has(key)) return;
    this.reported.add(key);
    log('%s at 0x%s is not reachable in full: others answer there', name, claim.first.toString(16));
  }
}
