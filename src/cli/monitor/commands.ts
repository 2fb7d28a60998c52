/** The monitor's commands, with QEMU's names: a table, and one line in, text out. */
import { chordNamed } from '../../display/us-keyboard.js';
import { quote } from '../usage-error.js';
import { CommandError } from './command-error.js';
import { examine, parseAddress, parseFormat } from './examine.js';
import * as information from './information.js';
import type { MonitorTarget } from './target.js';

interface MonitorCommand {
  readonly name: string;
  readonly synonyms?: readonly string[];
  readonly usage: string;
  readonly help: string;
  /** `words` are what follows the name, `rest` the same as typed. The answer has no newline at its end. */
  run(target: MonitorTarget, words: readonly string[], rest: string): string;
}

const INFO: readonly (readonly [string, string, (target: MonitorTarget) => string])[] = [
  ['registers', 'processor, FPU and SSE registers', (target) => target.registers()],
  ['mem', 'ranges of linear addresses that page tables map', information.infoMem],
  ['tlb', 'pages that page tables map', information.infoTlb],
  ['jit', 'what the engine has counted', information.infoJit],
  ['pci', 'PCI functions', information.infoPci],
  ['mtree', 'what answers to which addresses and ports', information.infoMtree],
  ['block', 'drives and what is in them', information.infoBlock],
  ['status', 'whether the guest runs', information.infoStatus],
];

function info(target: MonitorTarget, [what, ...more]: readonly string[]): string {
  const names = INFO.map(([name]) => name).join(', ');
  const found = INFO.find(([name]) => name === what);
  if (found === undefined || more.length > 0)
    throw new CommandError(
      what === undefined
        ? `expected one of ${names}`
        : `${quote([what, ...more].join(' '))}: expected one of ${names}`,
    );
  return found[2](target);
}

function examined(target: MonitorTarget, rest: string, physical: boolean): string {
  const [, format = '', address = ''] = /^(?:\/(\S*)\s*)?(.*)$/.exec(rest)!;
  const read = physical
    ? (at: number) => target.readMemory(at)
    : (at: number) => {
        const there = target.translate(at);
        return there < 0 ? -1 : target.readMemory(there);
      };
  const from = parseAddress(address, (name) => target.register(name));
  return examine(parseFormat(format), {
    ...{ address: from, read, codeBits: target.codeBits },
    digits: physical ? 16 : 8,
  });
}

/** A command without arguments. */
function plain(
  name: string,
  help: string,
  run: (target: MonitorTarget) => void,
  synonyms: string[] = [],
): MonitorCommand {
  return {
    ...{ name, synonyms, usage: name, help },
    run: (target, words) => {
      if (words.length > 0) throw new CommandError('takes no argument');
      run(target);
      return '';
    },
  };
}

/** A command whose argument is a file. */
function onFile(
  name: string,
  help: string,
  run: (target: MonitorTarget, file: string) => void,
): MonitorCommand {
  return {
    ...{ name, usage: `${name} FILE`, help },
    run: (target, _words, rest) => {
      run(target, fileName(rest));
      return '';
    },
  };
}

/** The lines down to the last that is not empty; a picture is told from a text screen. */
function screenOf(target: MonitorTarget): string {
  const { kind, width, height, lines } = target.screen();
  if (kind === 'blank') throw new CommandError('the screen is blank');
  if (kind === 'graphics')
    throw new CommandError(
      `the screen shows graphics, ${width} by ${height}: screendump FILE.png writes the picture`,
    );
  return lines.join('\n').trimEnd();
}

/** The one argument, which may contain spaces, in quotes or not. */
function fileName(rest: string): string {
  const name = /^"([^"]*)"$/.exec(rest)?.[1] ?? rest;
  if (name === '') throw new CommandError('expected a file name');
  return name;
}

/** Words between spaces; double quotes hold one together. */
function wordsOf(rest: string): string[] {
  return Array.from(rest.matchAll(/"([^"]*)"|\S+/g), ([word, quoted]) => quoted ?? word);
}

const COMMANDS: readonly MonitorCommand[] = [
  {
    name: 'change',
    usage: 'change DRIVE FILE [raw|qcow2]',
    help: 'put another medium into a drive',
    run: (target, words) => {
      const [drive, path, format, ...more] = words;
      if (drive === undefined || path === undefined || more.length > 0)
        throw new CommandError('expected a drive and a file, as in change ide1-cd0 FILE');
      target.change(drive, path, format);
      return '';
    },
  },
  plain('cont', 'let the guest go on', (target) => target.resume(), ['c']),
  {
    name: 'eject',
    usage: 'eject [-f] DRIVE',
    help: 'take the medium out of a drive; -f: even if the guest has locked it in',
    run: (target, words) => {
      const force = words[0] === '-f';
      const [drive, ...more] = force ? words.slice(1) : words;
      if (drive === undefined || more.length > 0)
        throw new CommandError('expected a drive, as in eject ide1-cd0');
      target.eject(drive, force);
      return '';
    },
  },
  {
    name: 'help',
    synonyms: ['?'],
    usage: 'help [COMMAND]',
    help: 'this text',
    run: (_target, [name]) => helpText(name),
  },
  { name: 'info', usage: 'info WHAT', help: INFO.map(([name]) => name).join(', '), run: info },
  onFile('loadvm', 'go on from a machine that savevm wrote', (target, file) => target.load(file)),
  plain('quit', 'end the run', (target) => target.quit(), ['q']),
  onFile('savevm', 'save the machine, for --restore FILE', (target, file) => target.save(file)),
  {
    name: 'screen',
    usage: 'screen',
    help: 'the text on the screen',
    run: (target, words) => {
      if (words.length > 0) throw new CommandError('takes no argument');
      return screenOf(target);
    },
  },
  onFile('screendump', 'write the screen to FILE, .png or .txt', (target, file) => target.screendump(file)),
  {
    name: 'sendkey',
    usage: 'sendkey KEYS',
    help: 'press keys together, such as ctrl-alt-delete',
    run: (target, [names, ...more]) => {
      const keys = names === undefined ? undefined : chordNamed(names);
      if (keys === undefined || more.length > 0)
        throw new CommandError('expected keys joined by -, such as ctrl-alt-f1 or ret');
      target.sendKeys(keys);
      return '';
    },
  },
  plain('stop', 'hold the guest and its time', (target) => target.stop(), ['s']),
  plain('system_powerdown', 'press the power button', (target) => target.powerDown()),
  plain('system_reset', 'reset the machine', (target) => target.reset()),
  {
    name: 'x',
    usage: 'x [/FMT] ADDRESS',
    help: 'memory at a linear address; /FMT: count, x d u o c i, b h w g',
    run: (target, _words, rest) => examined(target, rest, false),
  },
  {
    name: 'xp',
    usage: 'xp [/FMT] ADDRESS',
    help: 'memory at a guest-physical address',
    run: (target, _words, rest) => examined(target, rest, true),
  },
];

function helpText(name: string | undefined): string {
  const shown = name === undefined ? COMMANDS : [commandNamed(name)];
  return shown.map(({ usage, help }) => `${usage} -- ${help}`).join('\n');
}

function commandNamed(name: string): MonitorCommand {
  const command = COMMANDS.find((c) => c.name === name || c.synonyms?.includes(name));
  if (command === undefined)
    throw new CommandError(`unknown command: ${quote(name)}; help lists the commands`);
  return command;
}

/** What one line answers, without a newline at the end; a bad one answers with one line and changes nothing. */
export function execute(target: MonitorTarget, line: string): string {
  const [, name = '', rest = ''] = /^\s*([^\s/]*)\s*(.*?)\s*$/.exec(line) ?? [];
  if (name === '' && rest === '') return '';
  try {
    return commandNamed(name).run(target, wordsOf(rest), rest);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return error.message.startsWith('unknown command') ? error.message : `${name}: ${error.message}`;
  }
}
