/** What regions in the ahead-of-time subset import: functions of numbers, with the processor they work on bound. */
import { segmentAllows } from '../../runtime/helpers/segments.js';
import type { Cpu } from '../../runtime/state.js';
import { HELPER_TABLE } from '../helper-table.js';

type Bound = (a: number, b: number, c: number, d: number, e: number) => number | void;

export function boundEnvironment(cpu: Cpu): Record<string, unknown> {
  const bound: Record<string, unknown> = {
    segmentAllows: (segment: number, offset: number, size: number, write: number) =>
      segmentAllows(cpu, segment, offset, size, write),
  };
  for (const [name, helper] of Object.entries(HELPER_TABLE)) {
    const call: Bound = (a, b, c, d, e) => helper(cpu, a, b, c, d, e);
    bound[`H_${name}`] = call;
  }
  return bound;
}
