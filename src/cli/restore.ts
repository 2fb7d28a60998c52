/** `--restore FILE`: puts a saved machine into one that the same options built. */
import { SavedMachine, SavedStateError } from '../machine.js';
import type { SavedFile } from '../machine.js';
import type { Drives } from './drives.js';
import type { Machine } from './guest.js';
import { openSavedFile } from './host/saved-files.js';
import { STATE_CODEC } from './host/state-codec.js';
import { UsageError, printable, quote } from './usage-error.js';

function restoreFrom(file: SavedFile, machine: Machine, drives: Drives): void {
  const saved = new SavedMachine(file, STATE_CODEC);
  const { host } = saved;
  drives.restore((host as { drives?: unknown } | null)?.drives);
  machine.restore(saved);
}

/** Throws UsageError, naming the file, when it cannot be read or is not of this machine, which then is of no use. */
export function restoreMachine(path: string, machine: Machine, drives: Drives, label = '--restore'): void {
  const file = openSavedFile(label, path);
  try {
    restoreFrom(file, machine, drives);
  } catch (error) {
    if (!(error instanceof SavedStateError)) throw error;
    throw new UsageError(`${label} ${quote(path)}: ${printable(error.message)}`, { cause: error });
  } finally {
    file.close();
  }
}

/** The same for a running machine, which is as it was when UsageError is thrown. It has to be at a point where it can be saved. */
export function reloadMachine(path: string, machine: Machine, drives: Drives): void {
  const before = Buffer.concat(machine.save({ drives: drives.save() }, STATE_CODEC));
  try {
    restoreMachine(path, machine, drives, 'loadvm');
  } catch (error) {
    const read = (at: number, length: number): Uint8Array => before.subarray(at, at + length);
    restoreFrom({ size: before.length, read }, machine, drives);
    throw error;
  }
}
