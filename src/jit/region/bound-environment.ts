/** What regions in the ahead-of-time subset import: functions of numbers, with the processor they work on bound. */
import { segmentAllows } from '../../runtime/helpers/segments.js';
import type { Cpu } from '../../runtime/state.js';
import { HELPER_TABLE } from '../helper-table.js';
import { bindHelper } from './compile.js';

export function boundEnvironment(cpu: Cpu): Record<string, unknown> {
  const bound: Record<string, unknown> = {
    segmentAllows: (segment: number, offset: number, size: number, write: number) =>
      segmentAllows(cpu, segment, offset, size, write),
  };
  for (const [name, helper] of Object.entries(HELPER_TABLE)) {
    let made: unknown;
    // Few of them are ever called from regions.
    Object.defineProperty(bound, `H_${name}`, {
      get: () => (made ??= bindHelper(helper, cpu)),
      enumerable: true,
    });
  }
  return bound;
}
