/** `hvm regress lockstep`: one guest in two engines, compared step by step; `hvm regress fuzz` is in regress-fuzz.ts. */
import { runLockstep, SerialLog } from '../regress/lockstep.js';
import type { LockstepGuest, LockstepSetup } from '../regress/lockstep.js';
import { ENGINE_NAMES } from './engine-names.js';
import type { EngineName } from './engine-names.js';
import { createMachine, loadImages, peekByte, readImages } from './guest.js';
import type { GuestImages } from './guest.js';
import { copyOnWrite, onlyRead } from './host/disk-images.js';
import { chooseValue, lastValue, parseArguments } from './options.js';
import type { Command } from './options.js';
import { GUEST_OPTIONS, guestOptions } from './run-options.js';
import type { GuestOptions } from './run-options.js';
import { SerialPort } from './serial-port.js';
import { SerialWatcher } from './serial-watcher.js';
import { Typist } from './typist.js';
import type { SerialReceiver } from './typist.js';
import { UsageError, quote } from './usage-error.js';

export const command: Command = {
  name: 'regress',
  usage:
    'regress lockstep --kernel FILE [options]\n       hvm regress fuzz [--seconds N] [--cases N] [--seed N] [--engines A,B,...]',
  options: [
    ...GUEST_OPTIONS,
    { name: 'engines', value: 'A,B', help: `two of ${ENGINE_NAMES.join(', ')} (default interpreter,jit)` },
    { name: 'every', value: 'block|N', help: 'instructions between comparisons (default 100000)' },
    { name: 'quiet', help: "do not show the guest's output" },
    { name: 'help', help: 'this text' },
  ],
};
const STATUS_DIVERGED = 1,
  STATUS_FAIL = 3,
  STATUS_TIMEOUT = 124;

function parseEngines(value: string): [EngineName, EngineName] {
  const names = value.split(',').map((name) => chooseValue('engines', name, ENGINE_NAMES));
  if (names.length !== 2)
    throw new UsageError(`--engines ${quote(value)}: expected two engines, such as interpreter,jit`);
  return [names[0]!, names[1]!];
}

function parseEvery(value: string): number | 'block' {
  if (value === 'block') return value;
  const count = Number(value);
  if (!/^\d+$/.test(value) || count < 1 || count > 1e9) {
    throw new UsageError(
      `--every ${quote(value)}: expected block or a number of instructions from 1 to 1000000000`,
    );
  }
  return count;
}

/** Reads along with the first engine's output and decides what is typed and when the comparison is over. */
class Conductor {
  readonly watcher: SerialWatcher;
  readonly #typist: Typist;
  readonly #options: GuestOptions;
  readonly #show: boolean;
  readonly #started = performance.now();
  #port: SerialPort | undefined;
  #toType: Uint8Array | undefined;
  status = 0;

  constructor(options: GuestOptions, show: boolean) {
    this.#options = options;
    this.#show = show;
    const receiver: SerialReceiver = {
      room: (hurry) => this.#port?.room(hurry) ?? 0,
      send: (bytes) => (this.#toType = bytes),
    };
    this.#typist = new Typist(receiver);
    this.watcher = new SerialWatcher(options.until, options.fail, options.sends, (bytes) =>
      this.#typist.enqueue(bytes),
    );
    this.watcher.start();
  }

  /** The serial port whose room paces the typing: the first engine's. */
  follow(port: SerialPort): void {
    this.#port = port;
  }

  output(byte: number): void {
    this.watcher.byte(byte);
    if (this.#show) process.stdout.write(Uint8Array.of(byte));
  }

  afterStep(waiting: boolean): { type?: Uint8Array | undefined; stop?: string | undefined } {
    this.watcher.settle(waiting);
    this.#toType = undefined;
    if (waiting) this.#typist.typeNow();
    else this.#typist.type();
    return { type: this.#toType, stop: this.#stop() };
  }

  #stop(): string | undefined {
    const { verdict, verdictLine } = this.watcher;
    if (verdict === 'fail') this.status = STATUS_FAIL;
    if (verdict) return `--${verdict} matched ${quote(verdictLine)}`;
    const limit = this.#options.timeoutSeconds;
    if (limit === undefined || performance.now() - this.#started < limit * 1000) return undefined;
    this.status = STATUS_TIMEOUT;
    return `--timeout: ${limit} seconds passed`;
  }
}

function createGuest(
  engine: EngineName,
  options: GuestOptions,
  images: GuestImages,
  conductor: Conductor | undefined,
): LockstepGuest {
  const serial = new SerialLog();
  const port = new SerialPort((byte) => {
    serial.add(byte);
    conductor?.output(byte);
  });
  const debugConsole = (byte: number): void => serial.add(byte ^ 0x100);
  const drives = images.drives.map(copyOnWrite);
  const machine = createMachine({
    options,
    engine,
    clock: 'virtual',
    serial: port,
    debugConsole,
    images,
    drives,
  });
  loadImages(machine, images);
  conductor?.follow(port);
  return {
    name: engine,
    cpu: machine.cpu,
    peek: peekByte(machine),
    serial,
    instructions: () => machine.instructionsRetired,
    runSlice: (count) => machine.runSlice(count),
    type: (bytes) => port.send(bytes),
    counters: () => [['guest nanoseconds', machine.now()]],
    ram: () => machine.memory.i32,
  };
}

export async function main(args: readonly string[]): Promise<number> {
  const [kind, ...rest] = args;
  if (kind === 'fuzz') return (await import('./regress-fuzz.js')).main(rest);
  if (kind !== 'lockstep') {
    throw new UsageError(
      kind === undefined
        ? 'regress: expected lockstep or fuzz'
        : `regress ${quote(kind)}: expected lockstep or fuzz`,
    );
  }
  const parsed = parseArguments(rest, command);
  const options = guestOptions(parsed);
  if (options.kernel === undefined) throw new UsageError('regress lockstep: expected --kernel FILE');
  const engines = parseEngines(lastValue(parsed, 'engines') ?? 'interpreter,jit');
  const every = parseEvery(lastValue(parsed, 'every') ?? '100000');
  const drives = options.drives.map(onlyRead);
  const images = readImages({ ...options, drives }, options.kernel, options.append);
  const conductor = new Conductor(options, !parsed.values.has('quiet'));
  const setup: LockstepSetup = {
    engines,
    every,
    create: (engine, first, replay) =>
      createGuest(engine as EngineName, options, images, first && !replay ? conductor : undefined),
    afterStep: (waiting) => conductor.afterStep(waiting),
  };
  const result = runLockstep(setup);
  if (conductor.watcher.lastByte !== 10 && conductor.watcher.lastByte !== -1) process.stdout.write('\n');
  if (result.kind === 'diverged') {
    process.stdout.write(`${result.report}\n`);
    return STATUS_DIVERGED;
  }
  process.stdout.write(
    `${result.instructions} instructions compared in ${result.steps} steps: no difference (${result.reason})\n`,
  );
  return conductor.status;
}
