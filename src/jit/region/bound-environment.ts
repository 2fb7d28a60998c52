/** What regions in the ahead-of-time subset import: functions of numbers, with the processor they work on bound. */
import { segmentAllows } from '../../runtime/helpers/segments.js';
import type { LongRuns } from '../../runtime/helpers/string-runs.js';
import type { Cpu } from '../../runtime/state.js';
import { HELPER_TABLE } from '../helper-table.js';
import type { AsmLayout } from './asm-printer.js';
import { bindHelper } from './compile.js';
import { eventFunction } from './event-functions.js';
import type { Events } from './events.js';
import { STRING_FUNCTIONS, stringFunction } from './string-functions.js';

/** `shared`, and what such regions have instead of parts of it; `layout` is the one of their privilege. */
export function boundEnvironment(
  cpu: Cpu,
  shared: LongRuns,
  layout: () => AsmLayout,
  events: Events,
): Record<string, unknown> {
  const bound: Record<string, unknown> = {
    ...shared,
    segmentAllows: (segment: number, offset: number, size: number, write: number) =>
      segmentAllows(cpu, segment, offset, size, write),
  };
  for (const [name, helper] of Object.entries(HELPER_TABLE))
    define(bound, `H_${name}`, () => bindHelper(helper, cpu));
  events.defineIn(bound);
  events.defineFlagsIn(bound);
  define(bound, 'storeDevice', () => eventFunction('storeDevice', layout(), {}));
  for (const name of STRING_FUNCTIONS) define(bound, name, () => stringFunction(name, layout(), shared));
  return bound;
}

/** Made when it is asked for: few of them are ever called from regions. */
function define(bound: Record<string, unknown>, name: string, make: () => unknown): void {
  let made: unknown;
  Object.defineProperty(bound, name, { get: () => (made ??= make()), enumerable: true });
}
