/** Machines to be saved, files in memory, and states to compare. */
import { SerialLine } from '../../src/devices/serial-backend.js';
import type { EngineName } from '../../src/jit/engines.js';
import type { MachineOptions, SavedFile } from '../../src/machine.js';
import { load } from '../fuzz/native.mjs';

const { createEngine } = await load<typeof import('../../src/jit/engines.js')>('jit/engines.js');
/** The built classes: saved states are checked by `instanceof`. */
export const { Machine, SavedMachine, SavedStateError } =
  await load<typeof import('../../src/machine.js')>('machine.js');
export const { STATE_CODEC } =
  await load<typeof import('../../src/cli/host/state-codec.js')>('cli/host/state-codec.js');
export type Machine = InstanceType<typeof Machine>;

export interface TestMachine {
  readonly machine: Machine;
  /** What the serial line has said. */
  readonly serial: number[];
}

export function build(engine: EngineName, options: Partial<MachineOptions> = {}): TestMachine {
  const serial: number[] = [];
  const machine = new Machine({
    memoryBytes: 8 << 20,
    clock: 'virtual',
    serial: new SerialLine((byte) => serial.push(byte)),
    debugExit: false,
    noReboot: true,
    createEngine: createEngine(engine, { train: false }),
    ...options,
  });
  return { machine, serial };
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}
export function fileOf(bytes: Uint8Array): SavedFile {
  return { size: bytes.length, read: (at, length) => bytes.subarray(at, at + length) };
}

export const save = (machine: Machine, host: object = {}): Uint8Array =>
  joined(machine.save(host, STATE_CODEC));
export const open = (bytes: Uint8Array) => new SavedMachine(fileOf(bytes), STATE_CODEC);
export const restore = (machine: Machine, bytes: Uint8Array): void => machine.restore(open(bytes));

/** Retires `instructions` more, or up to the end of the guest. */
export function run(machine: Machine, instructions: number): void {
  const end = machine.instructionsRetired + instructions;
  while (machine.instructionsRetired < end) {
    const { ended, idleUntil } = machine.runSlice(Math.min(250_000, end - machine.instructionsRetired));
    if (ended !== undefined || idleUntil === Infinity) return;
  }
}
