/** What `hvm run` and `hvm regress lockstep` understand, and the checked configuration made of it. */
import type { SinkTarget } from './host/output.js';
import { DRIVE_OPTIONS, driveSpecs } from './drive-options.js';
import type { DriveSpec } from './drive-options.js';
import { isBootOrder } from '../firmware/boot-order.js';
import { ENGINE_NAMES } from './engine-names.js';
import type { EngineName } from './engine-names.js';
import { unescapeBytes } from './escapes.js';
import { chooseValue, lastValue, parsePattern } from './options.js';
import type { OptionSpec, ParsedArguments } from './options.js';
import { parseMonitor } from './monitor-options.js';
import type { MonitorAddress } from './monitor-options.js';
import { parseNetwork } from './network-options.js';
import type { NetworkConfiguration } from './network-options.js';
import type { Send } from './serial-watcher.js';
import { keysOfText } from './key-text.js';
import type { KeySend } from './screen-watcher.js';
import { parseScreenshot } from './screenshots.js';
import type { ScreenshotRequest } from './screenshots.js';
import { parseVnc } from './vnc-options.js';
import type { VncRequest } from './vnc-options.js';
import { parseMemorySize } from './sizes.js';
import { UsageError, quote } from './usage-error.js';

/** Options that describe the guest; lockstep takes them too. */
export const GUEST_OPTIONS: readonly OptionSpec[] = [
  { name: 'kernel', value: 'FILE', help: 'Linux bzImage, multiboot-1 ELF or plain ELF32' },
  { name: 'bios', value: 'FILE', help: 'BIOS image that starts the machine instead of a kernel' },
  { name: 'vga-bios', value: 'FILE', help: 'expansion ROM of the display adapter, for --bios' },
  {
    name: 'boot',
    value: 'ORDER',
    help: 'what a BIOS tries: letters a floppy, c disk, d CD, n network (default cad)',
  },
  { name: 'initrd', value: 'FILE', help: 'initial RAM disk for the kernel' },
  { name: 'append', value: 'TEXT', help: 'kernel command line' },
  {
    name: 'memory',
    synonyms: ['m'],
    value: 'SIZE',
    help: 'RAM, 1M to 2047M; a plain number is MiB (default 256M)',
  },
  ...DRIVE_OPTIONS,
  { name: 'cpu', value: 'MODEL', help: 'processor model' },
  {
    name: 'apic',
    value: 'on|off',
    help: 'local APIC, I/O APIC and HPET besides the PIC and PIT (default on for pentium3 and default)',
  },
  { name: 'no-reboot', help: 'a reset or triple fault ends the run with status 2' },
  { name: 'debug-exit', help: 'a write of V to port 0xf4 ends the run with status (V << 1) | 1' },
  {
    name: 'send',
    value: 'TEXT[,after=REGEX]',
    help: 'type TEXT (C escapes) once serial output matches; repeatable, in order',
  },
  { name: 'until', value: 'REGEX', help: 'a matching line of serial output ends the run with status 0' },
  { name: 'fail', value: 'REGEX', help: 'a matching line of serial output ends the run with status 3' },
  { name: 'timeout', value: 'SECONDS', help: 'host time after which the run ends with status 124' },
];
export const RUN_OPTIONS: readonly OptionSpec[] = [
  ...GUEST_OPTIONS,
  {
    name: 'serial',
    value: 'stdio|null|file:PATH',
    help: 'where the first serial port goes (default stdio, null with a terminal display; Ctrl-A x leaves, Ctrl-A c is the monitor)',
  },
  {
    name: 'debugcon',
    value: 'stdio|null|file:PATH',
    help: 'where bytes written to port 0xe9 go (default stdio)',
  },
  {
    name: 'display',
    value: 'none|terminal|curses',
    help: 'terminal, curses: show the text screen and type on the keyboard (default none; Ctrl-A x leaves)',
  },
  {
    name: 'vnc',
    value: '[HOST]:N[,websocket[=[HOST:]PORT]][,password-file=FILE]',
    help: 'screen, keyboard and mouse over VNC on port 5900 + N (on loopback unless HOST says otherwise); websocket: for browsers too, port 5700 + N',
  },
  {
    name: 'screenshot',
    value: 'FILE[,after=SECONDS|REGEX]',
    help: 'write the screen to FILE, .txt or .png, at the end or when its moment comes; repeatable',
  },
  {
    name: 'send-keys',
    value: 'TEXT[,after=REGEX]',
    help: 'type TEXT (C escapes, <f2>, <ctrl-c>) on the keyboard once a line of the text screen matches; repeatable, in order',
  },
  {
    name: 'until-screen',
    value: 'REGEX',
    help: 'a matching line of the text screen ends the run with status 0',
  },
  {
    name: 'nographic',
    help: 'the same as --display none --serial stdio; a BIOS uses the serial line as its console',
  },
  { name: 'engine', value: ENGINE_NAMES.join('|'), help: 'what executes guest code (default jit)' },
  {
    name: 'clock',
    value: 'host|virtual',
    help: "guest time: the host's, or 1 ns per instruction (default host)",
  },
  {
    name: 'net',
    synonyms: ['nic'],
    value: 'user[,OPTION...]|none',
    help: 'an RTL8139 with a private network: hostfwd=tcp|udp:[ADDRESS]:PORT-[GUEST]:PORT, restrict, mac=, bootfile=, romfile= (default none)',
  },
  { name: 'pcap', value: 'FILE', help: 'capture what the network card sends and receives' },
  {
    name: 'monitor',
    value: 'stdio|none|unix:PATH|tcp:[HOST]:PORT',
    help: 'where the monitor listens (on loopback unless HOST says otherwise; default: Ctrl-A c on the serial console)',
  },
  {
    name: 'restore',
    value: 'FILE',
    help: "go on from a machine that the monitor's savevm wrote; the other options as then",
  },
  { name: 'stats', value: '-|FILE', help: 'write statistics as JSON at the end' },
  { name: 'demo', help: 'boot the guest that comes with this package' },
  { name: 'help', help: 'this text' },
];

export interface GuestOptions {
  readonly kernel: string | undefined;
  readonly bios: string | undefined;
  readonly bootOrder: string | undefined;
  readonly vgaBios: string | undefined;
  readonly initrd: string | undefined;
  readonly append: string;
  readonly drives: readonly DriveSpec[];
  readonly memoryBytes: number;
  readonly cpu: string | undefined;
  /** Undefined: as the processor model has it. */
  readonly apic: boolean | undefined;
  readonly noReboot: boolean;
  readonly debugExit: boolean;
  readonly sends: readonly Send[];
  readonly until: RegExp | undefined;
  readonly fail: RegExp | undefined;
  readonly timeoutSeconds: number | undefined;
}
export type ClockName = 'host' | 'virtual';
export type DisplayName = 'none' | 'terminal';
export interface RunConfiguration extends GuestOptions {
  readonly display: DisplayName;
  readonly vnc: VncRequest | undefined;
  readonly screenshots: readonly ScreenshotRequest[];
  readonly keySends: readonly KeySend[];
  readonly untilScreen: RegExp | undefined;
  readonly serial: SinkTarget;
  readonly debugConsole: SinkTarget;
  readonly engine: EngineName;
  /** Undefined: not chosen. */
  readonly clock: ClockName | undefined;
  /** Undefined: no network card. */
  readonly network: NetworkConfiguration | undefined;
  readonly pcap: string | undefined;
  /** Undefined: only behind Ctrl-A c. */
  readonly monitor: MonitorAddress | undefined;
  readonly restore: string | undefined;
  readonly stats: string | undefined;
  readonly demo: boolean;
  /** Firmware's console is the serial line. */
  readonly nographic: boolean;
}

function parseSink(name: string, value: string): SinkTarget {
  if (value === 'stdio' || value === 'mon:stdio') return { kind: 'stdio' };
  if (value === 'null' || value === 'none') return { kind: 'null' };
  if (value.startsWith('file:') && value.length > 5) return { kind: 'file', path: value.slice(5) };
  throw new UsageError(`--${name} ${quote(value)}: expected stdio, null or file:PATH`);
}

/** `TEXT,after=REGEX`; the last `,after=` counts, so TEXT may contain one. */
export function parseSend(value: string): Send {
  const at = value.lastIndexOf(',after=');
  if (at < 0) return { bytes: unescapeBytes(value) };
  const after = parsePattern('--send after=', value.slice(at + ',after='.length));
  return { bytes: unescapeBytes(value.slice(0, at)), after };
}

/** The last `,after=` counts, as in `--send`. */
export function parseKeySend(value: string): KeySend {
  const at = value.lastIndexOf(',after=');
  if (at < 0) return { keys: keysOfText(value) };
  const after = parsePattern('--send-keys after=', value.slice(at + ',after='.length));
  return { keys: keysOfText(value.slice(0, at)), after };
}

/** Two cannot share the terminal. */
/** QEMU's name for the terminal is curses. */
function parseDisplayName(value: string | undefined): DisplayName {
  const name = chooseValue('display', value ?? 'none', ['none', 'terminal', 'curses'] as const);
  return name === 'curses' ? 'terminal' : name;
}

function parseDisplay(parsed: ParsedArguments): Pick<RunConfiguration, 'display' | 'serial' | 'monitor'> {
  const monitor = parseMonitor(lastValue(parsed, 'monitor') ?? 'none');
  const onTerminal = monitor?.kind === 'stdio';
  const display = parseDisplayName(lastValue(parsed, 'display'));
  const given = lastValue(parsed, 'serial');
  const serial = parseSink('serial', given ?? (display === 'terminal' || onTerminal ? 'null' : 'stdio'));
  if (display === 'terminal' && serial.kind === 'stdio')
    throw new UsageError(
      '--display terminal: needs the terminal for itself; expected --serial null or file:PATH',
    );
  if (onTerminal && (serial.kind === 'stdio' || display === 'terminal'))
    throw new UsageError(
      '--monitor stdio: needs the terminal for itself; expected --serial null or file:PATH, or Ctrl-A c instead',
    );
  return { display, serial, monitor };
}

function parseTimeout(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const seconds = Number(value);
  if (!/^\d*\.?\d+$/.test(value) || !(seconds > 0 && seconds <= 1e9)) {
    throw new UsageError(`--timeout ${quote(value)}: expected a positive number of seconds`);
  }
  return seconds;
}

function parseSwitch(name: string, value: string | undefined): boolean | undefined {
  return value === undefined ? undefined : chooseValue(name, value, ['on', 'off']) === 'on';
}

/** `ORDER` or QEMU's `order=ORDER`; `menu=on` beside it says what holds anyway: SeaBIOS offers its menu. */
function parseBootOrder(value: string | undefined): string | undefined {
  const parts = (value ?? '').split(',').filter((part) => part !== 'menu=on');
  if (value === undefined || (value !== '' && parts.length === 0)) return undefined;
  const order = parts.join(',').replace(/^order=/, '');
  if (!isBootOrder(order))
    throw new UsageError(`--boot ${quote(value)}: expected up to three different letters of a, c, d, n`);
  return order;
}

function optionalPattern(parsed: ParsedArguments, name: string): RegExp | undefined {
  const value = lastValue(parsed, name);
  return value === undefined ? undefined : parsePattern(`--${name}`, value);
}

/** Throws UsageError for anything that cannot be meant. */
export function guestOptions(parsed: ParsedArguments): GuestOptions {
  const stray = parsed.positionals[0];
  if (stray !== undefined) throw new UsageError(`unexpected argument ${quote(stray)}: expected options only`);
  const kernel = lastValue(parsed, 'kernel');
  const initrd = lastValue(parsed, 'initrd');
  if (initrd !== undefined && kernel === undefined) throw new UsageError('--initrd: needs --kernel as well');
  const bios = lastValue(parsed, 'bios');
  if (bios !== undefined && kernel !== undefined)
    throw new UsageError('--bios: starts the machine instead of --kernel; drop one of them');
  return {
    kernel,
    bios,
    bootOrder: parseBootOrder(lastValue(parsed, 'boot')),
    vgaBios: lastValue(parsed, 'vga-bios'),
    initrd,
    append: lastValue(parsed, 'append') ?? '',
    drives: driveSpecs(parsed),
    memoryBytes: parseMemorySize(lastValue(parsed, 'memory') ?? '256M'),
    cpu: lastValue(parsed, 'cpu'),
    apic: parseSwitch('apic', lastValue(parsed, 'apic')),
    noReboot: parsed.values.has('no-reboot'),
    debugExit: parsed.values.has('debug-exit'),
    sends: (parsed.values.get('send') ?? []).map(parseSend),
    until: optionalPattern(parsed, 'until'),
    fail: optionalPattern(parsed, 'fail'),
    timeoutSeconds: parseTimeout(lastValue(parsed, 'timeout')),
  };
}

export function runConfiguration(parsed: ParsedArguments): RunConfiguration {
  const guest = guestOptions(parsed);
  const demo = parsed.values.has('demo');
  if (demo && guest.bios !== undefined)
    throw new UsageError('--demo: brings its own kernel; drop --bios or --demo');
  if (demo && guest.kernel !== undefined)
    throw new UsageError('--demo: brings its own kernel; drop --kernel or --demo');
  const boots = guest.bios !== undefined || guest.drives.length > 0 || guest.bootOrder !== undefined;
  if (!demo && guest.kernel === undefined && !boots && !parsed.values.has('restore'))
    throw new UsageError('run: expected --kernel FILE, --bios FILE or a drive to boot from (or --demo)');
  const clock = lastValue(parsed, 'clock');
  const stats = lastValue(parsed, 'stats');
  if (stats === '') throw new UsageError('--stats: expected - or a file name');
  const network = parseNetwork(lastValue(parsed, 'net') ?? 'none');
  const pcap = lastValue(parsed, 'pcap');
  if (pcap !== undefined && network === undefined) throw new UsageError('--pcap: needs --net user as well');
  const screen = parseDisplay(parsed);
  return {
    ...guest,
    ...screen,
    network,
    pcap,
    restore: lastValue(parsed, 'restore'),
    vnc: parseVnc(lastValue(parsed, 'vnc') ?? 'none'),
    screenshots: (parsed.values.get('screenshot') ?? []).map(parseScreenshot),
    keySends: (parsed.values.get('send-keys') ?? []).map(parseKeySend),
    untilScreen: optionalPattern(parsed, 'until-screen'),
    debugConsole: parseSink(
      'debugcon',
      lastValue(parsed, 'debugcon') ?? (screen.display === 'terminal' ? 'null' : 'stdio'),
    ),
    engine: chooseValue('engine', lastValue(parsed, 'engine') ?? 'jit', ENGINE_NAMES),
    clock: clock === undefined ? undefined : chooseValue('clock', clock, ['host', 'virtual'] as const),
    stats,
    demo,
    nographic: parsed.values.has('nographic'),
  };
}
