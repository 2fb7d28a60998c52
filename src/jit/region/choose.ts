/** Code that goes to one of several offsets of a region by the value of a variable. */
import type { Statement as JsStatement } from 'estree';
import { statements } from '../emit/quote.js';
import type { Case } from './position.js';

/** Goes where the variable says, by halving; falls through if it is none of the cases. */
export function choose(name: string, cases: readonly Case[]): JsStatement[] {
  if (cases.length <= 2)
    return cases.flatMap(({ offset, go }) => statements`if (${name} === ${offset}) { ${go()} }`);
  const half = cases.length >> 1;
  return statements`if (${name} < ${cases[half]!.offset}) { ${choose(name, cases.slice(0, half))} } else { ${choose(name, cases.slice(half))} }`;
}
