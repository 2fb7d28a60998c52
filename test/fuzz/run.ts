/** Runs `hvm regress fuzz` in a child process, with a planted bug if asked for. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { HVM } from './native.mjs';

/** Replaces `from`, which must be there exactly once, in the built module whose path ends in `file`. */
export interface Plant {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}
export interface FuzzRun {
  readonly status: number | null;
  readonly output: string;
}

export function fuzz(args: readonly string[], plant?: Plant): Promise<FuzzRun> {
  const preload = plant ? ['--import', fileURLToPath(new URL('plant.mjs', import.meta.url))] : [];
  const env = plant ? { ...process.env, HVM_PLANT: JSON.stringify(plant) } : process.env;
  return new Promise((resolve) => {
    const settings = { env, timeout: 280_000, maxBuffer: 2 ** 26 };
    const command = [...preload, HVM, 'regress', 'fuzz', ...args];
    const child = execFile(process.execPath, command, settings, (_error, stdout, stderr) => {
      resolve({ status: child.exitCode, output: stdout + stderr });
    });
  });
}
