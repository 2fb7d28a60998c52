/**
 * Runs one guest in two engines side by side on the virtual clock and compares everything architectural after each step. When they
 * differ, fresh machines replay the same steps and inputs up to the last agreement and take smaller steps from there, until
 * the difference shows after one instruction (or no longer shows in smaller steps, which is reported too).
 * Not implemented: snapshots; a replay starts at power-on.
 */
import { cpuFields, currentLength, describeCode, describeCpu } from './cpu-report.js';
import type { PeekByte } from './cpu-report.js';
import { R_EIP } from '../runtime/state.js';
import type { Cpu } from '../runtime/state.js';

/** One machine with its engine, as lockstep needs it. */
export interface LockstepGuest {
  readonly name: string;
  readonly cpu: Cpu;
  readonly peek: PeekByte;
  /** Instructions retired since power-on. */
  instructions(): number;
  runSlice(instructions: number): { ended?: unknown; idleUntil?: number | undefined };
  type(bytes: Uint8Array): void;
  /** Other counts that must agree: faults, interrupts, guest time. */
  counters(): readonly (readonly [string, number])[];
  /** All RAM, in the order of guest-physical addresses. */
  ram(): Int32Array;
  readonly serial: SerialLog;
}

/** Running length and hash (FNV-1a) of the bytes a guest sent. */
export class SerialLog {
  length = 0;
  hash = 0x811c9dc5 | 0;
  add(byte: number): void {
    this.length++;
    this.hash = Math.imul(this.hash ^ byte, 0x01000193);
  }
}

export interface LockstepSetup {
  /** A machine at power-on; `first` is the one whose output the user sees (not during replays). */
  create(engine: string, first: boolean, replay: boolean): LockstepGuest;
  readonly engines: readonly [string, string];
  /** Instructions per step, or 'block': up to the next transfer of control. */
  readonly every: number | 'block';
  /** Called after each step; what to type before the next one, or why to stop. `waiting`: only input lets the guest go on. */
  afterStep(waiting: boolean): { readonly type?: Uint8Array | undefined; readonly stop?: string | undefined };
}
export type LockstepResult =
  | {
      readonly kind: 'agreed';
      readonly reason: string;
      readonly instructions: number;
      readonly steps: number;
    }
  | { readonly kind: 'diverged'; readonly report: string };

interface Pair {
  readonly a: LockstepGuest;
  readonly b: LockstepGuest;
}
interface Step {
  readonly instructions: number;
  readonly type: Uint8Array | undefined;
}

/** RAM is compared after this many instructions: a whole comparison costs tens of milliseconds. */
const RAM_EVERY = 50_000_000;
const RAM_EVERY_BLOCKS = 1_000_000;
const TRACED_INSTRUCTIONS = 40;
/** Parts a diverging window is divided into; coarser ones when the difference does not show in the finer. */
const REFINE = [32, 8, 2] as const;
const LONGEST_BLOCK = 64;
/** Slices without progress after which a machine counts as stuck (halted for good). */
const STUCK_SLICES = 1000;
/** How a step ended that only input can continue. */
const WAITING = 'waits for input';

/** Runs exactly `count` instructions; returns why it did not, undefined when it did. */
function advance(guest: LockstepGuest, count: number): string | undefined {
  const target = guest.instructions() + count;
  for (let stuck = 0; guest.instructions() < target;) {
    const before = guest.instructions();
    const slice = guest.runSlice(target - before);
    if (slice.ended !== undefined) return `ended: ${JSON.stringify(slice.ended)}`;
    if (slice.idleUntil === Infinity) return WAITING;
    stuck = guest.instructions() === before ? stuck + 1 : 0;
    if (stuck > STUCK_SLICES) return 'stuck: no instruction retires';
  }
  return undefined;
}

/** Steps the first machine through one basic block; returns the instructions it took. */
function advanceBlock(guest: LockstepGuest): { ended: string | undefined; count: number } {
  const start = guest.instructions();
  for (let i = 0; i < LONGEST_BLOCK; i++) {
    const next = (guest.cpu.r[R_EIP]! + currentLength(guest.cpu, guest.peek)) | 0;
    const ended = advance(guest, 1);
    if (ended !== undefined || guest.cpu.r[R_EIP] !== next)
      return { ended, count: guest.instructions() - start };
  }
  return { ended: undefined, count: guest.instructions() - start };
}

function allFields(guest: LockstepGuest): (readonly [string, number])[] {
  const serial = [
    ['serial bytes', guest.serial.length] as const,
    ['serial hash', guest.serial.hash] as const,
  ];
  return [...cpuFields(guest.cpu), ['instructions', guest.instructions()], ...guest.counters(), ...serial];
}

function show(value: number): string {
  return Number.isInteger(value) && value >= 0 && value < 2 ** 32 ? `0x${value.toString(16)}` : String(value);
}

/** One line per register that differs. */
function differences({ a, b }: Pair): string[] {
  const inA = allFields(a),
    inB = allFields(b);
  const lines: string[] = [];
  for (let i = 0; i < inA.length; i++) {
    const [name, left] = inA[i]!;
    const right = inB[i]![1];
    if (!Object.is(left, right)) lines.push(`${name}: ${a.name} ${show(left)}, ${b.name} ${show(right)}`);
  }
  return lines;
}

/** The first word of RAM that differs. */
function ramDifference({ a, b }: Pair): string[] {
  const inA = a.ram(),
    inB = b.ram();
  const length = inA.length;
  for (let i = 0; i < length; i++) {
    if (inA[i] === inB[i]) continue;
    return [
      `memory at 0x${(i * 4).toString(16)}: ${a.name} ${show(inA[i]! >>> 0)}, ${b.name} ${show(inB[i]! >>> 0)}`,
    ];
  }
  return [];
}

function createPair(setup: LockstepSetup, replay: boolean): Pair {
  const [a, b] = setup.engines;
  return { a: setup.create(a, true, replay), b: setup.create(b, false, replay) };
}

function typeBoth(pair: Pair, type: Uint8Array | undefined): void {
  if (!type) return;
  pair.a.type(type);
  pair.b.type(type);
}

interface Outcome {
  readonly step: Step;
  readonly endedA: string | undefined;
  readonly endedB: string | undefined;
}

function takeStep(pair: Pair, step: Step): Outcome {
  typeBoth(pair, step.type);
  return { step, endedA: advance(pair.a, step.instructions), endedB: advance(pair.b, step.instructions) };
}

/** The first machine finds the end of the block, the second follows. */
function takeBlock(pair: Pair, type: Uint8Array | undefined): Outcome {
  typeBoth(pair, type);
  const { ended, count } = advanceBlock(pair.a);
  return { step: { instructions: count, type }, endedA: ended, endedB: advance(pair.b, count) };
}

function compare(pair: Pair, { endedA, endedB }: Outcome, withRam: boolean): string[] {
  const lines = differences(pair);
  if (endedA !== endedB)
    lines.push(`end: ${pair.a.name} ${endedA ?? 'goes on'}, ${pair.b.name} ${endedB ?? 'goes on'}`);
  if (withRam && lines.length === 0) lines.push(...ramDifference(pair));
  return lines;
}

/** A difference and where it is: after the steps of `agreed`, within the steps of `window`. */
interface Finding {
  readonly window: readonly Step[];
  readonly lines: readonly string[];
  readonly pair: Pair;
}

function replay(setup: LockstepSetup, agreed: readonly Step[]): Pair {
  const pair = createPair(setup, true);
  for (const step of agreed) takeStep(pair, step);
  return pair;
}

const total = (steps: readonly Step[]): number => steps.reduce((sum, step) => sum + step.instructions, 0);

/** At most `parts` groups of steps; a single step is cut into smaller ones. */
function divide(window: readonly Step[], parts: number): (readonly Step[])[] {
  const groups: (readonly Step[])[] = [];
  if (window.length > 1) {
    const size = Math.ceil(window.length / parts);
    for (let i = 0; i < window.length; i += size) groups.push(window.slice(i, i + size));
    return groups;
  }
  const { instructions, type } = window[0]!;
  const size = Math.ceil(instructions / parts);
  for (let done = 0; done < instructions; done += size) {
    groups.push([{ instructions: Math.min(size, instructions - done), type: done === 0 ? type : undefined }]);
  }
  return groups;
}

/** Replays to the last agreement and looks at the window part by part; on a difference `agreed` is extended to just before it. */
function findPart(
  setup: LockstepSetup,
  agreed: Step[],
  withRam: boolean,
  window: readonly Step[],
  parts: number,
): Finding | undefined {
  const known = agreed.length;
  const pair = replay(setup, agreed);
  for (const group of divide(window, parts)) {
    let outcome: Outcome | undefined;
    for (const step of group) outcome = takeStep(pair, step);
    const lines = compare(pair, outcome!, withRam);
    if (lines.length > 0) return { window: group, lines, pair };
    for (const step of group) agreed.push(step);
  }
  agreed.length = known;
  return undefined;
}

/** Narrows the window as far as the difference still shows; extends `agreed` to the last agreement. */
function narrow(setup: LockstepSetup, agreed: Step[], withRam: boolean, found: Finding): Finding {
  if (total(found.window) <= 1) return found;
  for (const parts of REFINE) {
    const part = findPart(setup, agreed, withRam, found.window, parts);
    if (part) return narrow(setup, agreed, withRam, part);
  }
  return found;
}

/** What the first engine executes one by one from the last agreement on. */
function traceWindow(setup: LockstepSetup, agreed: readonly Step[], window: readonly Step[]): string {
  const { a } = replay(setup, agreed);
  const count = total(window);
  const lines: string[] = [];
  if (window[0]?.type) a.type(window[0].type);
  for (let i = 0; i < Math.min(count, TRACED_INSTRUCTIONS); i++) {
    lines.push(describeCode(a.cpu, a.peek, 1));
    if (advance(a, 1) !== undefined) break;
  }
  if (count > TRACED_INSTRUCTIONS) lines.push(`   ... ${count - TRACED_INSTRUCTIONS} more`);
  return lines.join('\n');
}

function describeGuest(guest: LockstepGuest): string {
  return `${guest.name}:\n${describeCpu(guest.cpu)}\n${describeCode(guest.cpu, guest.peek, 3)}`;
}

function explain(setup: LockstepSetup, agreed: Step[], withRam: boolean, first: Finding): string {
  const { window, lines, pair } = narrow(setup, agreed, withRam, first);
  const where = `after ${total(agreed)} instructions that agree`;
  const size = total(window);
  const title =
    size <= 1
      ? `first diverging instruction, ${where}:`
      : `the engines diverge within ${size} instructions ${where} (taken in smaller steps they do not); the first engine runs:`;
  const trace = traceWindow(setup, agreed, window);
  const changed = lines.map((line) => `  ${line}`);
  return [title, trace, 'differences:', ...changed, describeGuest(pair.a), describeGuest(pair.b)].join('\n');
}

/** Why the run is over, undefined while it goes on. */
function finished(outcome: Outcome, typed: boolean): string | undefined {
  if (outcome.endedA === undefined || (outcome.endedA === WAITING && typed)) return undefined;
  return `the guest ${outcome.endedA}`;
}

export function runLockstep(setup: LockstepSetup): LockstepResult {
  const pair = createPair(setup, false);
  const ramEvery = setup.every === 'block' ? RAM_EVERY_BLOCKS : RAM_EVERY;
  /** Steps up to the last comparison of RAM, and those since. */
  const agreed: Step[] = [];
  let recent: Step[] = [];
  let type: Uint8Array | undefined;
  for (let steps = 1, nextRam = ramEvery; ; steps++) {
    const outcome =
      setup.every === 'block' ? takeBlock(pair, type) : takeStep(pair, { instructions: setup.every, type });
    const after = setup.afterStep(outcome.endedA === WAITING);
    type = after.type;
    const reason = after.stop ?? finished(outcome, type !== undefined);
    const withRam = pair.a.instructions() >= nextRam || reason !== undefined;
    const lines = compare(pair, outcome, withRam);
    if (lines.length > 0) {
      const onlyRam = lines[0]!.startsWith('memory ');
      const window = onlyRam ? [...recent, outcome.step] : [outcome.step];
      const before = onlyRam ? agreed : agreed.concat(recent);
      return { kind: 'diverged', report: explain(setup, before, onlyRam, { window, lines, pair }) };
    }
    recent.push(outcome.step);
    if (reason !== undefined) return { kind: 'agreed', reason, instructions: pair.a.instructions(), steps };
    if (!withRam) continue;
    nextRam = pair.a.instructions() + ramEvery;
    for (const step of recent) agreed.push(step);
    recent = [];
  }
}
