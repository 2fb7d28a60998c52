/** Source text → function: the one place where the host's compiler is called. */
import { generate } from 'astring';
import type { Program, Statement } from 'estree';

export interface CompiledSource {
  readonly source: string;
  /** Runs the factory with its environment. */
  readonly instantiate: (environment: object) => unknown;
}

/** `name` shows in profiles and stack traces. */
export function compile(body: readonly Statement[], name: string): CompiledSource {
  const program: Program = { type: 'Program', sourceType: 'script', body: [...body] };
  const source = generate(program, { indent: ' ' });
  const factory = new Function('env', `'use strict';${source}\n//# sourceURL=${name}.js`) as (
    environment: object,
  ) => unknown;
  return { source, instantiate: factory };
}
