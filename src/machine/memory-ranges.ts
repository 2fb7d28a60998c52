/** Where RAM and ROM lie for the guest. */
import type { NamedRange } from '../hv/ioreq.js';
import { PAGE_ROM } from '../runtime/memory.js';
import type { PhysicalMemory } from '../runtime/memory.js';

/** Devices list their memory themselves. */
export function memoryRanges({ p2m, pageFlags, deviceFirst }: PhysicalMemory): NamedRange[] {
  const kindOf = (gfn: number): string => {
    const mfn = p2m[gfn]!;
    return mfn < 0 || mfn >= deviceFirst ? '' : (pageFlags[mfn]! & PAGE_ROM) !== 0 ? 'ROM' : 'RAM';
  };
  const ranges: NamedRange[] = [];
  for (let gfn = 0; gfn < p2m.length; gfn++) {
    const name = kindOf(gfn);
    const first = gfn;
    while (gfn + 1 < p2m.length && kindOf(gfn + 1) === name) gfn++;
    if (name !== '') ranges.push({ first: first * 4096, last: gfn * 4096 + 4095, name });
  }
  return ranges;
}
