/** `--restore FILE`: puts a saved machine into one that the same options built. */
import { SavedMachine, SavedStateError } from '../machine.js';
import type { Drives } from './drives.js';
import type { Machine } from './guest.js';
import { openSavedFile } from './host/saved-files.js';
import { STATE_CODEC } from './host/state-codec.js';
import { UsageError, printable, quote } from './usage-error.js';

/** Throws UsageError, naming the file, when it cannot be read or is not of this machine. */
export function restoreMachine(path: string, machine: Machine, drives: Drives): void {
  const file = openSavedFile('--restore', path);
  try {
    const saved = new SavedMachine(file, STATE_CODEC);
    const { host } = saved;
    drives.restore((host as { drives?: unknown } | null)?.drives);
    machine.restore(saved);
  } catch (error) {
    if (!(error instanceof SavedStateError)) throw error;
    throw new UsageError(`--restore ${quote(path)}: ${printable(error.message)}`, { cause: error });
  } finally {
    file.close();
  }
}
