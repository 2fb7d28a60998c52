/** `hvm vectors PATH...`: runs instruction vectors recorded on silicon and reports every difference. */
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { VectorRunner } from '../jit/vector-runner.js';
import type { VectorOutcome } from '../jit/vector-runner.js';
import { applyV8Flags } from './host/v8-flags.js';
import { listDirectory, pathKind, readInputFile } from './host/files.js';
import { standardOutputDrained } from './host/output.js';
import { chooseValue, lastValue, parseArguments, parsePattern } from './options.js';
import type { Command } from './options.js';
import { ENGINE_NAMES } from './engine-names.js';
import type { EngineName } from './engine-names.js';
import { UsageError, quote } from './usage-error.js';

export const command: Command = {
  name: 'vectors',
  usage: 'vectors PATH... [options]',
  options: [
    { name: 'engine', value: ENGINE_NAMES.join('|'), help: 'what executes the vectors (default jit)' },
    { name: 'filter', value: 'REGEX', help: 'only forms whose key matches' },
    {
      name: 'bits',
      value: '16|32|64',
      help: 'code size, where neither index.json nor the directory name tells',
    },
    { name: 'json', help: 'one JSON object instead of text' },
    { name: 'help', help: 'this text' },
  ],
};

/** A failure beyond this many is counted but not described. */
const DESCRIBED_FAILURES = 100;
const LARGEST_FILE = 2 ** 28;
type Bits = 16 | 32;

interface Failure {
  readonly file: string;
  readonly line: number;
  readonly form: string;
  readonly bytes: string;
  readonly problems: readonly string[];
}
interface Totals {
  passed: number;
  failed: number;
  translated: number;
  readonly failures: Failure[];
  /** Failed cases per form key. */
  readonly failedForms: Map<string, number>;
}

/** Vector files named directly or found in the directories. */
function findFiles(paths: readonly string[]): string[] {
  if (paths.length === 0) throw new UsageError('vectors: expected files or directories of *.jsonl.gz');
  return paths.flatMap((path) => {
    if (pathKind(path) !== 'directory') return [path];
    const files = listDirectory('vectors', path).filter((name) => name.endsWith('.jsonl.gz'));
    if (files.length === 0) throw new UsageError(`vectors ${quote(path)}: no *.jsonl.gz in this directory`);
    return files.map((name) => join(path, name));
  });
}

const BITS_BY_DIRECTORY: Readonly<Record<string, Bits | 64>> = { 'x86-16': 16, i386: 32, 'x86-64': 64 };

/** Code size by the index beside the file, else by its directory's name. */
function statedBits(file: string): Bits | 64 | undefined {
  const index = join(dirname(file), 'index.json');
  if (pathKind(index) === 'file') {
    const bits = parseJson(
      index,
      new TextDecoder().decode(readInputFile('vectors', index, LARGEST_FILE, 'into memory')),
    );
    const value = (bits as { bits?: unknown } | null)?.bits;
    if (value === 16 || value === 32 || value === 64) return value;
  }
  return BITS_BY_DIRECTORY[basename(dirname(file))];
}

function bitsOf(file: string, forced: Bits | undefined): Bits {
  const named = forced ?? statedBits(file);
  if (named === 64)
    throw new UsageError(
      `vectors ${quote(file)}: 64-bit vectors, expected 16- or 32-bit ones (there is no long mode yet)`,
    );
  if (!named)
    throw new UsageError(`vectors ${quote(file)}: cannot tell the code size; expected --bits 16 or 32`);
  return named;
}

function parseJson(where: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`vectors ${quote(where)}: not valid JSON`);
  }
}

/** Lines of a vector file, gzip-compressed or plain. */
function readLines(file: string): string[] {
  const raw = readInputFile('vectors', file, LARGEST_FILE, 'into memory');
  if (raw[0] !== 0x1f || raw[1] !== 0x8b) return new TextDecoder().decode(raw).split('\n');
  try {
    return new TextDecoder().decode(gunzipSync(raw, { maxOutputLength: 2 ** 29 })).split('\n');
  } catch {
    throw new UsageError(`vectors ${quote(file)}: damaged or truncated gzip data, expected *.jsonl.gz`);
  }
}

const isHex = (value: unknown): boolean => typeof value === 'string' && /^[0-9a-f]+$/i.test(value);
/** Stretches of memory: `[address, bytes]`, both hexadecimal. */
function isMemory(value: unknown): boolean {
  if (value === undefined) return true;
  return (
    Array.isArray(value) &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isHex))
  );
}
/** What changed: registers by index, memory. */
function isResult(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { ip, r, fl, m } = value as Partial<Record<string, unknown>>;
  const registers = r === undefined ? [] : typeof r === 'object' && r !== null ? Object.values(r) : [r];
  return [ip, fl].every((v) => v === undefined || isHex(v)) && registers.every(isHex) && isMemory(m);
}
function isVector(value: unknown): value is VectorShape {
  if (typeof value !== 'object' || value === null) return false;
  const { f, b, ip, r, fl, m, o } = value as Partial<Record<string, unknown>>;
  if (typeof f !== 'string' || ![b, ip, fl].every(isHex) || !isMemory(m)) return false;
  return Array.isArray(r) && r.length === 8 && r.every(isHex) && isResult(o);
}
interface VectorShape {
  readonly f: string;
  readonly b: string;
}

/** One line of a vector file; the runner relies on the fields checked here. */
function parseVector(file: string, number: number, line: string): VectorShape {
  const where = `${file}:${number}`;
  const vector = parseJson(where, line);
  if (!isVector(vector)) {
    throw new UsageError(`vectors ${quote(where)}: not a vector (expected the fields f, b, ip, r, fl, o)`);
  }
  return vector;
}

function record(totals: Totals, outcome: VectorOutcome, file: string, line: number): void {
  if (outcome.translated) totals.translated++;
  if (outcome.passed) {
    totals.passed++;
    return;
  }
  totals.failed++;
  totals.failedForms.set(outcome.form, (totals.failedForms.get(outcome.form) ?? 0) + 1);
  if (totals.failures.length < DESCRIBED_FAILURES) {
    totals.failures.push({
      file,
      line,
      form: outcome.form,
      bytes: outcome.bytes,
      problems: outcome.problems,
    });
  }
}

function runFile(file: string, runner: VectorRunner, filter: RegExp | undefined, totals: Totals): void {
  readLines(file).forEach((text, index) => {
    if (text.trim() === '') return;
    const vector = parseVector(file, index + 1, text);
    if (filter) filter.lastIndex = 0;
    if (filter && !filter.test(vector.f)) return;
    record(totals, runner.run(vector), file, index + 1);
  });
}

function describeFailure(failure: Failure): string {
  const problems = failure.problems.map((problem) => `    ${problem}\n`).join('');
  return `FAIL ${failure.form}  ${failure.bytes}  (${failure.file}:${failure.line})\n${problems}`;
}

function describe(totals: Totals, engine: EngineName): string {
  let text = totals.failures.map(describeFailure).join('');
  if (totals.failed > totals.failures.length) {
    text += `... ${totals.failed - totals.failures.length} more failures are not described\n`;
  }
  if (totals.failed > 0) {
    const forms = [...totals.failedForms].sort((a, b) => b[1] - a[1]);
    const worst = forms.slice(0, 20).map(([form, count]) => `${form} ${count}`);
    text += `failed forms: ${forms.length} (${worst.join(', ')}${forms.length > worst.length ? ', ...' : ''})\n`;
  }
  if (engine === 'jit') text += `${totals.translated} ran translated\n`;
  return `${text}${totals.passed} passed, ${totals.failed} failed\n`;
}

export async function main(args: readonly string[]): Promise<number> {
  applyV8Flags();
  const parsed = parseArguments(args, command);
  const engine = chooseValue('engine', lastValue(parsed, 'engine') ?? 'jit', ENGINE_NAMES);
  const bitsText = lastValue(parsed, 'bits');
  const bits =
    bitsText === undefined ? undefined : (Number(chooseValue('bits', bitsText, ['16', '32'])) as Bits);
  const filterText = lastValue(parsed, 'filter');
  const filter = filterText === undefined ? undefined : parsePattern('--filter', filterText);
  const totals: Totals = { passed: 0, failed: 0, translated: 0, failures: [], failedForms: new Map() };
  const runners = new Map<Bits, VectorRunner>();
  for (const file of findFiles(parsed.positionals)) {
    const size = bitsOf(file, bits);
    const runner = runners.get(size) ?? new VectorRunner(engine, size);
    runners.set(size, runner);
    runFile(file, runner, filter, totals);
  }
  if (filter && totals.passed + totals.failed === 0) {
    throw new UsageError(`--filter ${quote(filterText!)}: no form key matches`);
  }
  const { failedForms, ...rest } = totals;
  const json = { engine, ...rest, failedForms: Object.fromEntries(failedForms) };
  process.stdout.write(parsed.values.has('json') ? `${JSON.stringify(json)}\n` : describe(totals, engine));
  await standardOutputDrained();
  return totals.failed > 0 ? 1 : 0;
}
