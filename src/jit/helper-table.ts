/** The runtime helpers by the names that semantics use. */
import { FPU_HELPERS } from '../runtime/fpu/index.js';
import { HELPERS } from '../runtime/helpers/index.js';
import { requireProtected } from '../runtime/helpers/segments.js';
import type { Cpu } from '../runtime/state.js';

export type Helper = (cpu: Cpu, ...args: number[]) => number | void;

export const HELPER_TABLE: Readonly<Record<string, Helper>> = {
  ...HELPERS,
  ...FPU_HELPERS,
  requireProtected,
  selector: (cpu: Cpu, segment: number) => cpu.segments.selector[segment]!,
} as unknown as Record<string, Helper>;

export function callHelper(cpu: Cpu, name: string, args: readonly number[]): number {
  const helper = HELPER_TABLE[name];
  if (helper === undefined) throw new Error(`no helper named ${name}`);
  return (helper(cpu, ...args) as number) ?? 0;
}
