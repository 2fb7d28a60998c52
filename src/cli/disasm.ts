/** `hvm disasm FILE|HEX`: lists a flat binary or bytes given on the command line. */
import { pathKind, readInputFile } from './host/files.js';
import { standardOutputDrained } from './host/output.js';
import { parseHexBytes } from './hex.js';
import { listAll } from './listing.js';
import { chooseValue, lastValue, parseArguments } from './options.js';
import type { Command } from './options.js';
import { UsageError, quote } from './usage-error.js';

export const command: Command = {
  name: 'disasm',
  usage: 'disasm FILE|HEX... [options]',
  options: [
    { name: 'bits', value: '16|32|64', help: 'size of the code segment (default 32)' },
    { name: 'address', value: 'HEX', help: 'address of the first byte (default 0)' },
    { name: 'help', help: 'this text' },
  ],
};
const LARGEST_FILE = 2 ** 30;

/** A file if there is one of that name, else the words are hexadecimal digits. */
function inputBytes(words: readonly string[]): Uint8Array {
  if (words.length === 0) throw new UsageError('disasm: expected a file or hexadecimal bytes');
  const first = words[0]!;
  if (words.length === 1 && pathKind(first) !== 'missing') {
    return readInputFile('disasm', first, LARGEST_FILE, 'into memory');
  }
  const bytes = parseHexBytes(words.join(' '));
  if (!bytes)
    throw new UsageError(`disasm ${quote(words.join(' '))}: neither a file nor pairs of hexadecimal digits`);
  return bytes;
}

function parseAddress(text: string): number {
  if (!/^(0x)?[0-9a-f]{1,8}$/i.test(text)) {
    throw new UsageError(`--address ${quote(text)}: expected up to eight hexadecimal digits`);
  }
  return parseInt(text, 16);
}

export async function main(args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args, command);
  const bitsText = chooseValue('bits', lastValue(parsed, 'bits') ?? '32', ['16', '32', '64']);
  const address = parseAddress(lastValue(parsed, 'address') ?? '0');
  let block = '';
  for (const line of listAll(inputBytes(parsed.positionals), address, Number(bitsText) as 16 | 32 | 64)) {
    block += `${line}\n`;
    if (block.length < 60_000) continue;
    process.stdout.write(block);
    block = '';
    await standardOutputDrained();
  }
  process.stdout.write(block);
  return 0;
}
