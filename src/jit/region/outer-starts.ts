/** Where a loop around hot code, or the function that it is in, may begin. */
import type { CodeCache } from '../../runtime/code-cache.js';
import { SpecialForm } from '../interpreter/forms.js';

/** Bytes before the hot code, how many times less often the outer code may have run, and the most places that are tried. */
const BYTES = 1024,
  SHARE = 12,
  TRIES = 4;
const FORM_MASK = 4095;

/** Offsets before `offset` on its page where control has come by backward jumps, calls or from regions nearly as often, and no region begins; the first ones first. */
export function outerStarts(cache: CodeCache, mapBase: number, offset: number): number[] {
  const found: number[] = [];
  for (let at = Math.max(0, offset - BYTES); at < offset && found.length < TRIES; at++) {
    const slot = cache.map[mapBase + at]!;
    if (slot === 0 || (cache.slots[slot]! & FORM_MASK) === SpecialForm.REGION) continue;
    const arrivals = cache.arrivals(slot);
    if (arrivals > 0 && arrivals * SHARE >= cache.thresholdOf(slot)) found.push(at);
  }
  return found;
}
