/** `hvm run`: boots a guest, joins its serial line to the terminal, and ends with the status the guest or the options ask for. */
import { fileURLToPath } from 'node:url';
import { describeCode, describeCpu } from '../regress/cpu-report.js';
import { Drives } from './drives.js';
import { closeFile, openOutputFile, writeFully } from './host/files.js';
import { MonitorServer } from './host/monitor-server.js';
import { STANDARD_OUTPUT, openSink } from './host/output.js';
import type { ByteSink } from './host/output.js';
import { onTermination } from './host/signals.js';
import { HostInput } from './host/terminal.js';
import { execute } from './monitor/commands.js';
import { MachineTarget } from './monitor/machine-target.js';
import { MonitorSession } from './monitor/session.js';
import { GuestNetwork } from './guest-network.js';
import { VIRTUAL_EPOCH, createMachine, loadImages, peekByte, readImages } from './guest.js';
import type { EndReason, GuestImages, Machine } from './guest.js';
import { parseArguments } from './options.js';
import type { Command } from './options.js';
import { restoreMachine } from './restore.js';
import { RunLoop } from './run-loop.js';
import type { LoopEnd } from './run-loop.js';
import { RUN_OPTIONS, runConfiguration } from './run-options.js';
import type { ClockName, RunConfiguration } from './run-options.js';
import { Screen } from './screen.js';
import { SerialPort } from './serial-port.js';
import { SerialWatcher } from './serial-watcher.js';
import { RunMeter, statisticsOf, summaryLine } from './statistics.js';
import type { RunSummary } from './statistics.js';
import { typingTogether } from './key-typist.js';
import { Typist } from './typist.js';
import { quote } from './usage-error.js';

export const command: Command = {
  name: 'run',
  usage: 'run --kernel FILE|--bios FILE|--disk FILE|--cdrom FILE|--floppy FILE [options]',
  options: RUN_OPTIONS,
};

const DEMO_KERNEL = fileURLToPath(new URL('../../guests/hello/hello.elf', import.meta.url));
/** The last line of the demo's self-benchmark. */
const DEMO_BENCH_LINE = /^time:\s+total/g;

const NEWLINE = 10;
const STATUS = { OK: 0, STOPPED: 2, FAIL: 3, TIMEOUT: 124 } as const;

const isTerminal = (): boolean => process.stdin.isTTY === true && process.stdout.isTTY === true;

interface Plan {
  readonly images: GuestImages;
  readonly clock: ClockName;
}

/** The demo talks to whoever sits there; with nobody there it runs a script, reproducibly. */
function planOf(config: RunConfiguration): Plan {
  if (!config.demo)
    return { images: readImages(config, config.kernel, config.append), clock: config.clock ?? 'host' };
  const script = isTerminal() ? 'script=bench' : 'script=bench,fault,smc,halt';
  const append = config.append === '' ? script : config.append;
  return {
    images: readImages(config, DEMO_KERNEL, append),
    clock: config.clock ?? (isTerminal() ? 'host' : 'virtual'),
  };
}

/** Where statistics go; opened before the guest runs so that a wrong path costs nothing. */
function openStatistics(target: string | undefined): ((text: string) => void) | undefined {
  if (target === undefined) return undefined;
  if (target === '-') {
    return (text) => {
      const { lastByte } = STANDARD_OUTPUT;
      process.stdout.write(lastByte === -1 || lastByte === NEWLINE ? text : `\n${text}`);
    };
  }
  const descriptor = openOutputFile('--stats', target);
  return (text) => {
    writeFully('--stats', descriptor, new TextEncoder().encode(text));
    closeFile(descriptor);
  };
}

/** The serial line's listeners: sink, watcher, and in the demo the line about speed. */
class SerialOutput {
  machine: Machine | undefined;
  readonly #sink: ByteSink;
  readonly #watcher: SerialWatcher;
  readonly #bench: SerialWatcher | undefined;
  readonly #meter: RunMeter;
  readonly #screen: Screen;

  constructor(sink: ByteSink, watcher: SerialWatcher, screen: Screen, demo: boolean, meter: RunMeter) {
    this.#sink = sink;
    this.#watcher = watcher;
    this.#screen = screen;
    this.#bench = demo ? new SerialWatcher(DEMO_BENCH_LINE, undefined, [], () => {}) : undefined;
    this.#meter = meter;
  }

  write(byte: number): void {
    this.#sink.write(byte);
    this.#watcher.byte(byte);
    this.#screen.serialByte(byte);
    if (this.#bench && !this.#bench.verdict) this.#benchmark(this.#bench, byte);
  }

  #benchmark(bench: SerialWatcher, byte: number): void {
    bench.byte(byte);
    if (!bench.verdict || !this.machine) return;
    for (const b of new TextEncoder().encode(`${summaryLine(this.machine, this.#meter)}\r\n`))
      this.#sink.write(b);
  }
}

/** Captured frames carry the time the guest's clock shows. */
function openNetwork(config: RunConfiguration, clock: ClockName): GuestNetwork | undefined {
  if (config.network === undefined) return undefined;
  const epoch = clock === 'host' ? Math.floor(Date.now() / 1000) : VIRTUAL_EPOCH;
  return new GuestNetwork(config.network, config.pcap, epoch);
}

const say = (text: string): void => void process.stderr.write(`hvm: ${text}\n`);

/** A guest that ended by itself. */
function guestSummary(end: EndReason, machine: Machine): RunSummary {
  switch (end.kind) {
    case 'power-off':
      return { ended: end.kind, status: STATUS.OK };
    case 'debug-exit':
      return { ended: end.kind, status: (end.status ?? 0) & 0xff };
    case 'halted-forever':
      say('the processor halted with interrupts off; nothing can wake it');
      break;
    case 'triple-fault':
      say('triple fault: the processor shut down');
      break;
    case 'reset':
      say('the guest reset the machine');
  }
  const { cpu } = machine;
  process.stderr.write(`${describeCpu(cpu)}\n${describeCode(cpu, peekByte(machine), 4)}\n`);
  return { ended: end.kind, status: STATUS.STOPPED };
}

function summarise(end: LoopEnd<EndReason>, config: RunConfiguration, machine: Machine): RunSummary {
  switch (end.kind) {
    case 'guest':
      if (config.until) say('the guest ended before a line of serial output matched --until');
      if (config.untilScreen) say('the guest ended before a line of the screen matched --until-screen');
      return guestSummary(end.end, machine);
    case 'until':
      return { ended: 'until', status: STATUS.OK };
    case 'fail':
      say(`--fail matched the line ${quote(end.line)}`);
      return { ended: 'fail', status: STATUS.FAIL };
    case 'timeout':
      say(`--timeout: ${config.timeoutSeconds} seconds passed`);
      return { ended: 'timeout', status: STATUS.TIMEOUT };
    case 'leave':
      return { ended: 'leave', status: STATUS.OK };
    case 'signal':
      return { ended: end.signal, status: end.status };
  }
}

/** Everything of one run, so that it can be taken down in the reverse order. */
class Run {
  readonly #config: RunConfiguration;
  readonly #plan: Plan;
  readonly #machine: Machine;
  readonly #meter = new RunMeter();
  readonly #watcher: SerialWatcher;
  readonly #typist: Typist;
  readonly #screen: Screen;
  readonly #sinks: readonly ByteSink[];
  readonly #network: GuestNetwork | undefined;
  readonly #drives: Drives;
  #toldOfTripleFault = false;

  constructor(config: RunConfiguration) {
    this.#config = config;
    this.#plan = planOf(config);
    const serialSink = openSink('--serial', config.serial);
    const debugSink = openSink('--debugcon', config.debugConsole);
    this.#sinks = [serialSink, debugSink];
    this.#watcher = new SerialWatcher(config.until, config.fail, config.sends, (bytes) =>
      this.#typist.enqueue(bytes),
    );
    this.#screen = new Screen(config, () => this.#machine);
    const output = new SerialOutput(serialSink, this.#watcher, this.#screen, config.demo, this.#meter);
    const port = new SerialPort((byte) => output.write(byte));
    this.#typist = new Typist(port);
    const { clock, images } = this.#plan;
    this.#network = openNetwork(config, clock);
    const debugConsole = (byte: number): void => debugSink.write(byte);
    this.#machine = createMachine({
      options: config,
      engine: config.engine,
      clock,
      serial: port,
      debugConsole,
      images,
      drives: images.drives,
      network: this.#network,
      serialConsole: config.nographic,
    });
    output.machine = this.#machine;
    loadImages(this.#machine, images);
    this.#drives = new Drives(this.#machine, images.drives);
    if (config.restore !== undefined) restoreMachine(config.restore, this.#machine, this.#drives);
  }

  async toEnd(): Promise<number> {
    const writeStatistics = openStatistics(this.#config.stats);
    const loop = this.#createLoop();
    const monitor = this.#monitor(loop);
    const server = new MonitorServer(monitor);
    const stopListening = onTermination((signal, status) => loop.stop({ kind: 'signal', signal, status }));
    let input: HostInput | undefined;
    let end: LoopEnd<EndReason>;
    try {
      await this.#network?.open(() => loop.wake());
      await this.#screen.open(() => loop.wake());
      if (this.#config.monitor !== undefined) await server.open(this.#config.monitor);
      input = this.#openInput(loop, monitor);
      end = await loop.run();
    } finally {
      input?.close();
      server.close();
      this.#screen.close();
      stopListening();
      for (const sink of this.#sinks) sink.close();
      this.#drives.close();
      this.#network?.close();
    }
    this.#screen.finish();
    const summary = summarise(end, this.#config, this.#machine);
    const statistics = statisticsOf(this.#machine, this.#meter, summary, this.#config.memoryBytes);
    writeStatistics?.(`${JSON.stringify(statistics)}\n`);
    return summary.status;
  }

  /** What the monitor's commands act on; they come between two slices. */
  #monitor(loop: RunLoop<EndReason>): (line: string) => string {
    const { typist } = this.#screen;
    const target = new MachineTarget(this.#machine, {
      get paused() {
        return loop.paused;
      },
      set paused(paused) {
        loop.paused = paused;
      },
      drives: this.#drives,
      typeKeys: (events) => typist.enqueue(events),
      wake: () => loop.wake(),
      quit: () => loop.stop({ kind: 'leave' }),
    });
    return (line) => execute(target, line);
  }

  #createLoop(): RunLoop<EndReason> {
    const { clock } = this.#plan;
    return new RunLoop<EndReason>({
      machine: this.#machine,
      watcher: this.#watcher,
      typist: typingTogether([this.#typist, this.#screen.typist]),
      observers: this.#screen.observers,
      sinks: this.#network === undefined ? this.#sinks : [...this.#sinks, this.#network],
      hostBusy: () => this.#network?.busy ?? false,
      paceIdle: clock === 'virtual' && this.#isWatched(),
      timeoutSeconds: this.#config.timeoutSeconds,
      restart: (end) => this.#restart(end),
    });
  }

  /** Somebody sees how time passes. */
  #isWatched(): boolean {
    const { serial, display, vnc } = this.#config;
    return vnc !== undefined || display === 'terminal' || (serial.kind === 'stdio' && isTerminal());
  }

  /** A reset or triple fault boots again unless `--no-reboot`. */
  #restart(end: EndReason): boolean {
    if (this.#config.noReboot || (end.kind !== 'reset' && end.kind !== 'triple-fault')) return false;
    if (end.kind === 'triple-fault' && !this.#toldOfTripleFault) {
      say('triple fault: the machine resets (--no-reboot stops here)');
      this.#toldOfTripleFault = true;
    }
    this.#machine.reset();
    return true;
  }

  #openInput(loop: RunLoop<EndReason>, monitor: (line: string) => string): HostInput | undefined {
    const onScreen = this.#config.display === 'terminal';
    if (this.#config.serial.kind !== 'stdio' && !onScreen) return undefined;
    const send = (text: string): void => {
      for (const byte of new TextEncoder().encode(text)) STANDARD_OUTPUT.write(byte);
      STANDARD_OUTPUT.flush();
    };
    const session = new MonitorSession({ echo: process.stdin.isTTY === true, execute: monitor, send });
    const input = new HostInput({
      input: (bytes) => {
        if (onScreen) this.#screen.terminalInput(bytes);
        else this.#typist.enqueue(bytes);
        loop.wake();
      },
      leave: () => loop.stop({ kind: 'leave' }),
      help: (text) => {
        if (!this.#screen.note(text)) process.stderr.write(`\r\n${text}\r\n`);
      },
      monitor: (on) => {
        this.#screen.giveTerminal(on);
        if (on) session.open();
        else send('\r\n');
      },
      monitorInput: (bytes) => session.receive(bytes),
    });
    this.#typist.flow = input;
    input.open();
    return input;
  }
}

export async function main(args: readonly string[]): Promise<number> {
  return new Run(runConfiguration(parseArguments(args, command))).toEnd();
}
