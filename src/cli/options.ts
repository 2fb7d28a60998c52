/** Table-driven option parser: one dash or two, `--name value` and `--name=value`, synonyms; help text from the same table. */
import { UsageError, quote } from './usage-error.js';

export interface OptionSpec {
  readonly name: string;
  readonly synonyms?: readonly string[];
  /** Placeholder of the value in the help; a switch has none. */
  readonly value?: string;
  readonly help: string;
}
export interface ParsedArguments {
  /** Every value given for an option in order; a switch has ''. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
}
export interface Command {
  readonly name: string;
  readonly usage: string;
  readonly options: readonly OptionSpec[];
}

function findOption(argument: string, options: readonly OptionSpec[]): OptionSpec | undefined {
  const name = /^--?([^=]+)/.exec(argument)?.[1];
  if (name === undefined) return undefined;
  return options.find((option) => option.name === name || option.synonyms?.includes(name));
}

function takeValue(option: OptionSpec, args: readonly string[], at: number): string {
  const value = args[at];
  if (value === undefined) throw new UsageError(`--${option.name} needs a value: ${option.value}`);
  return value;
}

/** Throws UsageError for an unknown option, a missing value, or a value given to a switch. */
export function parseArguments(args: readonly string[], command: Command): ParsedArguments {
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const argument = args[i]!;
    if (argument === '--') {
      positionals.push(...args.slice(i + 1));
      break;
    }
    if (!/^-./.test(argument)) {
      positionals.push(argument);
      continue;
    }
    const option = findOption(argument, command.options);
    if (!option) throw unknownOption(argument, command);
    const equals = argument.indexOf('=');
    let value = '';
    if (option.value === undefined) {
      if (equals >= 0) throw new UsageError(`--${option.name} takes no value`);
    } else if (equals >= 0) {
      value = argument.slice(equals + 1);
    } else {
      value = takeValue(option, args, ++i);
      if (findOption(value, command.options)) {
        throw new UsageError(
          `--${option.name} needs a value (${option.value}) but is followed by ${quote(value)}`,
        );
      }
    }
    const earlier = values.get(option.name);
    if (earlier) earlier.push(value);
    else values.set(option.name, [value]);
  }
  return { values, positionals };
}

function unknownOption(argument: string, command: Command): UsageError {
  return new UsageError(`unknown option ${quote(argument)}; 'hvm ${command.name} --help' lists the options`);
}

/** The last value given, as later options override earlier ones. */
export function lastValue(parsed: ParsedArguments, name: string): string | undefined {
  return parsed.values.get(name)?.at(-1);
}

export function chooseValue<T extends string>(name: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) {
    throw new UsageError(`--${name} ${quote(value)}: expected one of ${choices.join(', ')}`);
  }
  return choice;
}

export function parsePattern(name: string, value: string): RegExp {
  try {
    return new RegExp(value, 'g');
  } catch {
    throw new UsageError(`${name} ${quote(value)}: not a valid regular expression`);
  }
}

export function commandHelp(command: Command): string {
  const rows = command.options.map((option) => {
    const names = [option.name, ...(option.synonyms ?? [])].map((n) => (n.length > 1 ? `--${n}` : `-${n}`));
    return [
      `${names.join(', ')}${option.value === undefined ? '' : ` ${option.value}`}`,
      option.help,
    ] as const;
  });
  const lines = rows.map(([left, help]) =>
    left.length > 30 ? `  ${left}\n${' '.repeat(34)}${help}` : `  ${left.padEnd(32)}${help}`,
  );
  return `usage: hvm ${command.usage}\n\n${lines.join('\n')}\n`;
}
