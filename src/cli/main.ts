/** The command `hvm`: finds the subcommand and turns errors of the user into one line and status 1. */
import { readFileSync } from 'node:fs';
import { endQuietlyOnClosedPipe } from './host/output.js';
import { commandHelp } from './options.js';
import type { Command } from './options.js';
import * as run from './run.js';
import { isUsageError, UsageError, printable, quote } from './usage-error.js';

interface CommandModule {
  readonly command: Command;
  /** The exit status. */
  main(args: readonly string[]): Promise<number>;
}
/** All but `run` are loaded on demand; the bundle leaves them to the modules. */
const COMMANDS: Readonly<Record<string, { summary: string; load(): Promise<CommandModule> }>> = {
  run: { summary: 'boot a guest', load: () => Promise.resolve(run) },
  vectors: { summary: 'run instruction vectors recorded on silicon', load: () => import('./vectors.js') },
  disasm: { summary: 'list machine code', load: () => import('./disasm.js') },
  regress: {
    summary: 'compare engines: regress lockstep (a whole guest), regress fuzz (random blocks)',
    load: () => import('./regress.js'),
  },
};
const INTERNAL_ERROR = 70;

function version(): string {
  const path = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

function overview(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`);
  return `usage: hvm COMMAND [options]\n\n${rows.join('\n')}\n\n'hvm COMMAND --help' lists a command's options.\n`;
}

/** Exit status of a complete command line. */
async function dispatch(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  const expected = `expected one of ${Object.keys(COMMANDS).join(', ')}; 'hvm --help' explains`;
  if (name === undefined) throw new UsageError(`no command given: ${expected}`);
  if (/^(--?help|-h|help)$/.test(name)) {
    process.stdout.write(overview());
    return 0;
  }
  if (/^--?version$/.test(name)) {
    process.stdout.write(`hvm ${version()}\n`);
    return 0;
  }
  if (!Object.hasOwn(COMMANDS, name)) throw new UsageError(`unknown command ${quote(name)}: ${expected}`);
  const module = await COMMANDS[name]!.load();
  if (rest.some((arg) => /^(--?help|-h)$/.test(arg))) {
    process.stdout.write(commandHelp(module.command));
    return 0;
  }
  return module.main(rest);
}

function report(error: unknown): number {
  if (isUsageError(error)) {
    process.stderr.write(`hvm: ${printable(error.message)}\n`);
    return 1;
  }
  process.stderr.write(
    `hvm: internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return INTERNAL_ERROR;
}

endQuietlyOnClosedPipe();
// Commands have flushed their output and closed the terminal; open handles such as standard input must not keep the process.
void dispatch(process.argv.slice(2))
  .catch(report)
  .then((status) => process.stdout.write('', () => process.exit(status)));
