/** Region → function: the one place where the host's compilers are called. */
import { generate } from 'astring';
import type { Program, Statement } from 'estree';
import { AsmPrinter, type AsmLayout } from './asm-printer.js';

export interface CompiledSource {
  readonly source: string;
  /** Runs the factory with its environment. */
  readonly instantiate: (environment: object) => unknown;
}

/** Statements that end in the return of a function; `name` shows in profiles and stack traces. */
export function compile(body: readonly Statement[], name: string): CompiledSource {
  const program: Program = { type: 'Program', sourceType: 'script', body: [...body] };
  const source = generate(program, { indent: ' ' });
  const factory = new Function('env', `'use strict';${source}\n//# sourceURL=${name}.js`) as (
    environment: object,
  ) => unknown;
  return { source, instantiate: factory };
}

/** What a function of the subset of asm-printer.ts consists of. */
export interface AsmFunction {
  readonly parameters: readonly string[];
  readonly body: readonly Statement[];
  readonly result: string;
}

/** Imports whose results are doubles. */
const DOUBLE_RESULTS: ReadonlySet<string> = new Set();

/** The same for code in the subset; throws NotInSubset. */
export function compileAhead(parts: AsmFunction, layout: AsmLayout, name: string): CompiledSource {
  const printer = new AsmPrinter(layout, DOUBLE_RESULTS);
  const source = printer.module('region', parts.parameters, parts.body, parts.result);
  const factory = aheadFactory(source, name);
  // The host wants data properties, and an environment may make its functions when they are asked for.
  const instantiate = (environment: object): unknown => {
    const all = environment as Readonly<Record<string, unknown>>;
    const given = Object.fromEntries([...printer.imports].map((each) => [each, all[each]]));
    return factory(globalThis, given, layout.buffer);
  };
  return { source, instantiate };
}

/** A module of the subset. */
export function aheadFactory(source: string, name: string) {
  return new Function('stdlib', 'env', 'heap', `${source}\n//# sourceURL=${name}.js`) as (
    library: object,
    environment: object,
    heap: ArrayBuffer,
  ) => unknown;
}

/**
 * `helper` with its processor bound, as a function of its own: one source for all would share what the host learns about calls. It takes as many values as the
 * helper does, which none declares with a default: code compiled ahead of time calls what takes exactly its arguments faster.
 */
export function bindHelper<T>(
  helper: (cpu: never, ...values: never[]) => unknown,
  cpu: T,
): (...values: number[]) => number {
  const names = Array.from({ length: Math.max(0, helper.length - 1) }, (_, i) => `v${i}`);
  const source = `'use strict';return (${names.join(', ')}) => helper(${['cpu', ...names].join(', ')}) | 0;`;
  const bind = new Function('helper', 'cpu', source);
  return bind(helper, cpu) as (...values: number[]) => number;
}
