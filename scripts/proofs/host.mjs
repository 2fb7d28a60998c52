// What the proofs need of the host: its programs, guests in child processes, and the media that scripts/make-boot-media.sh makes.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const BUILD = `${ROOT}guests/build/`;
export const SEABIOS = `${BUILD}seabios/`;

/** Name of a firmware → options of `hvm run`; `none` loads the kernel by itself. */
export const FIRMWARES = {
  SeaBIOS: ['--bios', `${SEABIOS}bios-256k.bin`, '--vga-bios', `${SEABIOS}vgabios-stdvga.bin`],
  'built-in': [],
  none: [],
};

/** Runs a program of the host; throws an Error with what it said when it fails. */
export function host(program, ...more) {
  const result = spawnSync(program, more, { encoding: 'latin1', maxBuffer: 1 << 28 });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0)
    throw new Error(`${program}: status ${result.status}: ${result.stdout}${result.stderr}`);
  return result.stdout;
}

const EXTENSION = { floppy: 'img', syslinux: 'img', root: 'img' };
/** Path of a medium that `makeMedia` made. */
export const mediumPath = (directory, name) => join(directory, `${name}.${EXTENSION[name] ?? 'iso'}`);

/** Makes the media of these names that are missing. */
export function makeMedia(directory, names) {
  const missing = names.filter((name) => !existsSync(mediumPath(directory, name)));
  if (missing.length > 0) host(`${ROOT}scripts/make-boot-media.sh`, directory, ...missing);
}

function statisticsIn(statistics) {
  try {
    return JSON.parse(readFileSync(statistics, 'utf8'));
  } catch {
    return {};
  }
}

/**
 * Runs `hvm run` in a child process: {status, text, statistics}. `onOutput(text, child)` hears everything said so far whenever the guest says more.
 * A run that ignores its own --timeout is killed a minute later.
 */
export function runGuest({ engine, timeout, directory, more, onOutput }) {
  const statistics = join(directory, 'statistics.json');
  const common = ['run', '--engine', engine, '--timeout', String(timeout), '--stats', statistics];
  const child = spawn(process.execPath, [`${ROOT}bin/hvm.js`, ...common, ...more], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const watchdog = setTimeout(() => child.kill('SIGKILL'), (timeout + 60) * 1000);
  let text = '';
  const hear = (chunk) => {
    text += chunk.toString('latin1');
    onOutput?.(text, child);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  child.stdin.on('error', () => {});
  if (onOutput === undefined) child.stdin.end();
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(watchdog);
      const plain = text.replaceAll('\r', '');
      resolve({ status: status ?? signal, text: plain, statistics: statisticsIn(statistics) });
    });
  });
}
