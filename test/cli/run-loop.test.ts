/** The run loop against a scripted machine: what ends a run, when the host sleeps, how typing reaches an idle guest. */
import { describe, expect, it } from 'vitest';
import { RunLoop } from '../../src/cli/run-loop.js';
import type { DrivenMachine, LoopSetup } from '../../src/cli/run-loop.js';
import { SerialPort } from '../../src/cli/serial-port.js';
import { SerialWatcher } from '../../src/cli/serial-watcher.js';
import { Typist } from '../../src/cli/typist.js';

type Slice = { ended?: string; idleUntil?: number };

/** Plays one function per slice, the last one again and again. */
class ScriptedMachine implements DrivenMachine<string> {
  slices = 0;
  instructionsRetired = 0;
  skipped = 0;
  readonly #script: readonly ((machine: ScriptedMachine) => Slice)[];
  constructor(script: readonly ((machine: ScriptedMachine) => Slice)[]) {
    this.#script = script;
  }
  now(): number {
    return this.instructionsRetired + this.skipped;
  }
  runSlice(instructions: number): Slice {
    this.instructionsRetired += instructions;
    return this.#script[Math.min(this.slices++, this.#script.length - 1)]!(this);
  }
}

function scene(
  script: readonly ((machine: ScriptedMachine) => Slice)[],
  options: Partial<LoopSetup<string>> & { until?: RegExp; fail?: RegExp } = {},
) {
  const machine = new ScriptedMachine(script);
  const watcher = new SerialWatcher(options.until, options.fail, [], () => {});
  const port = new SerialPort((byte) => watcher.byte(byte));
  port.now = () => machine.now();
  const typist = new Typist(port);
  const print = (text: string): void => new TextEncoder().encode(text).forEach((byte) => port.write(byte));
  const defaults = { sinks: [], paceIdle: false, timeoutSeconds: undefined, restart: () => false };
  const loop = new RunLoop<string>({ ...defaults, ...options, machine, watcher, typist });
  return { machine, loop, port, typist, print };
}

describe('the run loop', () => {
  it('ends with the guest', async () => {
    const { loop, machine } = scene([() => ({}), () => ({}), () => ({ ended: 'power-off' })]);
    expect(await loop.run()).toEqual({ kind: 'guest', end: 'power-off' });
    expect(machine.slices).toBe(3);
  });
  it('prefers the verdict over an end in the same slice', async () => {
    const s = scene([() => (s.print('panic\n'), { ended: 'power-off' })], { fail: /panic/g });
    expect(await s.loop.run()).toEqual({ kind: 'fail', line: 'panic' });
  });
  it('boots again when it may', async () => {
    let restarts = 0;
    const { loop } = scene([() => ({ ended: 'reset' })], { restart: () => ++restarts < 3 });
    await loop.run();
    expect(restarts).toBe(3);
  });
  it('sleeps until the deadline of an idle guest', async () => {
    const start = performance.now();
    const { loop, machine } = scene([(m) => ({ idleUntil: m.now() + 60e6 }), () => ({ ended: 'x' })]);
    await loop.run();
    expect(performance.now() - start).toBeGreaterThanOrEqual(55);
    expect(machine.slices).toBe(2);
  });
  it('does not spin while only input can wake the guest, and wakes at input', async () => {
    const s = scene([() => ({ idleUntil: Infinity }), () => ({ ended: 'x' })]);
    setTimeout(() => {
      s.typist.enqueue(Uint8Array.of(65));
      s.loop.wake();
    }, 30);
    await s.loop.run();
    expect(s.machine.slices).toBe(2);
    expect(s.port.read()).toBe(65);
  });
  it('types to a guest for which no time passes', async () => {
    let received = '';
    const take = (): Slice => {
      for (let byte = s.port.read(); byte >= 0; byte = s.port.read()) received += String.fromCharCode(byte);
      s.machine.instructionsRetired = 0;
      return received.length === 40 ? { ended: 'done' } : { idleUntil: Infinity };
    };
    const s = scene([take], { timeoutSeconds: 5 });
    s.typist.enqueue(new Uint8Array(40).fill(66));
    expect(await s.loop.run()).toEqual({ kind: 'guest', end: 'done' });
  });
  it('lets the watched virtual clock take its time', async () => {
    const start = performance.now();
    const skip = (m: ScriptedMachine): Slice => ((m.skipped += 50e6), {});
    await scene([skip, () => ({ ended: 'x' })], { paceIdle: true }).loop.run();
    expect(performance.now() - start).toBeGreaterThanOrEqual(45);
  });
  it('lets held idle time pass as it does for the host', async () => {
    const passed: number[] = [];
    const held: boolean[] = [];
    const idle = (m: ScriptedMachine): Slice => ({ idleUntil: m.now() + 30e6 });
    let isHeld = (): boolean => false;
    const step = (slice: (m: ScriptedMachine) => Slice) => (m: ScriptedMachine) => (
      held.push(isHeld()),
      slice(m)
    );
    const { loop, machine } = scene([step(idle), step(() => ({ ended: 'x' }))], {
      hostBusy: () => machine.slices === 1,
    });
    Object.assign(machine, {
      holdIdle: (value: () => boolean) => (isHeld = value),
      passIdle: (until: number) => passed.push(until - machine.now()),
    });
    await loop.run();
    expect(held).toEqual([true, false]);
    expect(passed).toHaveLength(1);
    expect(passed[0]! > 25e6 && passed[0]! <= 30e6).toBe(true);
  });
  it('gives the host few turns while a guest only ticks and nothing comes from outside', async () => {
    const { loop, machine } = scene([(m) => ({ idleUntil: m.now() + 4e6 })]);
    let withTurn = new Set<number>();
    const watch = setInterval(() => withTurn.add(machine.slices), 1);
    const ended = loop.run();
    /** The share of slices behind which the host had a turn. */
    const shareIn = async (milliseconds: number): Promise<number> => {
      const from = machine.slices;
      withTurn = new Set();
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      return withTurn.size / (machine.slices - from);
    };
    expect(await shareIn(400)).toBeGreaterThan(0.8);
    await shareIn(800);
    const calm = await shareIn(400);
    expect(calm).toBeGreaterThan(0.02);
    expect(calm).toBeLessThan(0.5);
    loop.wake();
    expect(await shareIn(400)).toBeGreaterThan(0.8);
    loop.stop({ kind: 'leave' });
    clearInterval(watch);
    await ended;
  });
  it('times out a busy guest and a sleeping one', async () => {
    expect(await scene([() => ({})], { timeoutSeconds: 0.05 }).loop.run()).toEqual({ kind: 'timeout' });
    expect(await scene([() => ({ idleUntil: Infinity })], { timeoutSeconds: 0.05 }).loop.run()).toEqual({
      kind: 'timeout',
    });
  });
  it('stops from outside', async () => {
    const { loop } = scene([() => ({ idleUntil: Infinity })]);
    setTimeout(() => loop.stop({ kind: 'leave' }), 10);
    expect(await loop.run()).toEqual({ kind: 'leave' });
  });
});
