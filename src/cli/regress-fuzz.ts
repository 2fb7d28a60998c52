/** `hvm regress fuzz`: random blocks in several engines, compared step by step. */
import { describeResult } from '../regress/fuzz-report.js';
import { runFuzz } from '../regress/fuzz.js';
import { ENGINE_NAMES } from './engine-names.js';
import { applyV8Flags } from './host/v8-flags.js';
import { standardOutputDrained } from './host/output.js';
import { chooseValue, lastValue, parseArguments } from './options.js';
import type { Command } from './options.js';
import { UsageError, quote } from './usage-error.js';

export const command: Command = {
  name: 'regress',
  usage: 'regress fuzz [options]',
  options: [
    { name: 'seconds', value: 'N', help: 'how long to look for a difference (default 10)' },
    { name: 'cases', value: 'N', help: 'end after so many cases' },
    { name: 'seed', value: 'N', help: "the first case's number (default: by the clock)" },
    {
      name: 'engines',
      value: 'A,B,...',
      help: `the first is what the others are compared with (default evaluator,interpreter,jit)`,
    },
    { name: 'help', help: 'this text' },
  ],
};

function numberOption(name: string, text: string | undefined, greatest: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value > greatest) {
    throw new UsageError(`--${name} ${quote(text)}: expected a number up to ${greatest}`);
  }
  return value;
}

/** 0 when the engines agree, 1 when they do not. */
export async function main(args: readonly string[]): Promise<number> {
  applyV8Flags();
  const parsed = parseArguments(args, command);
  if (parsed.positionals.length > 0) {
    throw new UsageError(`regress fuzz ${quote(parsed.positionals[0]!)}: expected options only`);
  }
  const option = (name: string, greatest: number): number | undefined =>
    numberOption(name, lastValue(parsed, name), greatest);
  const cases = option('cases', 1e9);
  const seconds = option('seconds', 1e6) ?? (cases === undefined ? 10 : 1e6);
  const engines = (lastValue(parsed, 'engines') ?? 'evaluator,interpreter,jit').split(',');
  if (engines.length < 2)
    throw new UsageError(`--engines ${quote(engines.join(','))}: expected at least two engines`);
  const start = performance.now();
  const result = runFuzz({
    seed: (option('seed', 0xffffffff) ?? Date.now()) | 0,
    engines: engines.map((name) => chooseValue('engines', name, ENGINE_NAMES)),
    goOn: (done) => done < (cases ?? Infinity) && performance.now() - start < seconds * 1000,
  });
  process.stdout.write(describeResult(result));
  await standardOutputDrained();
  return result.failure ? 1 : 0;
}
