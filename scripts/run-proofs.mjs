// Boots real software under each firmware and in each engine that suits it, in child processes, and judges it by screen, serial line and what is on disk and
// wire afterwards: SeaBIOS itself, boot loaders from CD and floppy, memtest86+, Debian's installer, iPXE, a Debian root file system on an IDE disk, and a network.
// scripts/guests.sh fetches what is needed; the host has xorriso, grub-common, mtools, syslinux, e2fsprogs and qemu-utils.
// usage: run-proofs.mjs [--filter REGEX] [--firmwares SeaBIOS,built-in,none] [--engines jit,interpreter] [--jobs 1] [--timeout SECONDS] [--keep DIRECTORY] [--all] [--list]
// The filter sees what is printed: name, firmware, engine. `none` is a kernel that is loaded without a BIOS. --jobs says how many run side by side.
// --all runs what takes minutes in the interpreter too; --list only names what would run.
// Last line: "N passed, N failed"; status 1 if any failed or none ran.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DISKS } from './proofs/disk.mjs';
import { BUILD, FIRMWARES, makeMedia, mediumPath, runGuest } from './proofs/host.mjs';
import { LOADERS } from './proofs/loaders.mjs';
import { NETWORKS } from './proofs/network.mjs';
import { BIOS } from './proofs/seabios.mjs';

const { values: options } = parseArgs({
  options: {
    engines: { type: 'string', default: 'jit,interpreter' },
    firmwares: { type: 'string', default: Object.keys(FIRMWARES).join() },
    filter: { type: 'string', default: '' },
    jobs: { type: 'string', default: '1' },
    timeout: { type: 'string', default: '900' },
    keep: { type: 'string' },
    all: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

const enginesOf = ({ engines, longEngines = [] }) => (options.all ? [...engines, ...longEngines] : engines);

/** Each proof under each firmware in each engine that it names; the long ones come first, so that they do not run alone in the end. */
function selected() {
  const [engines, firmwares] = [options.engines.split(','), options.firmwares.split(',')];
  const wanted = new RegExp(options.filter);
  const all = [...LOADERS, ...DISKS, ...NETWORKS, ...BIOS].flatMap((proof) =>
    proof.firmwares.flatMap((firmware) =>
      enginesOf(proof).map((engine) => {
        const label = firmware === 'none' ? '' : `, ${firmware}`;
        return { proof, firmware, engine, title: `${proof.name}${label}, ${engine}` };
      }),
    ),
  );
  return all.filter(
    ({ title, engine, firmware }) =>
      engines.includes(engine) && firmwares.includes(firmware) && wanted.test(title),
  );
}

/** {error?, text?, cpuSeconds} of one run, in a directory of its own. */
async function attempt({ proof, firmware, engine }, directory, media) {
  let cpuSeconds = 0;
  const guest = async (more, { bare = false, onOutput } = {}) => {
    const args = bare ? more : [...FIRMWARES[firmware], ...more];
    const timeout = Number(options.timeout);
    const result = await runGuest({ engine, timeout, directory, more: args, onOutput });
    cpuSeconds += result.statistics.cpuSeconds ?? 0;
    return result;
  };
  mkdirSync(directory, { recursive: true });
  const own = Object.fromEntries(proof.media.map((name) => [name, mediumPath(media, name)]));
  try {
    return { ...(await proof.run({ guest, media: own, directory })), cpuSeconds };
  } catch (error) {
    return { error: error.message, cpuSeconds };
  }
}

function report(title, seconds, { error, text, cpuSeconds }) {
  const time = `(${Math.round(seconds)} s, ${Math.round(cpuSeconds)} s of CPU)`;
  console.log(error === undefined ? `PASS ${title} ${time}` : `FAIL ${title}: ${error} ${time}`);
  if (text) console.log(text);
}

async function runAll(directory) {
  const queue = selected();
  makeMedia(directory, [...new Set(queue.flatMap(({ proof }) => proof.media))]);
  let [passed, failed, number] = [0, 0, 0];
  const worker = async () => {
    for (let run = queue.shift(); run !== undefined; run = queue.shift()) {
      const own = join(directory, `run-${++number}`);
      const started = Date.now();
      const result = await attempt(run, own, directory);
      report(run.title, (Date.now() - started) / 1000, result);
      if (result.error === undefined) passed++;
      else failed++;
      if (options.keep === undefined) rmSync(own, { recursive: true });
    }
  };
  await Promise.all(Array.from({ length: Number(options.jobs) }, worker));
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

async function main() {
  if (options.list)
    return void console.log(
      selected()
        .map(({ title }) => title)
        .join('\n'),
    );
  if (!existsSync(`${BUILD}boot/done`) || !existsSync(`${BUILD}root/etc/debian_root`))
    throw new Error('guests/build/boot or guests/build/root is missing; scripts/guests.sh makes them');
  const directory = options.keep ?? mkdtempSync(join(tmpdir(), 'hvm-proofs-'));
  try {
    mkdirSync(directory, { recursive: true });
    process.exitCode = await runAll(directory);
  } finally {
    if (options.keep === undefined) rmSync(directory, { recursive: true });
  }
}

main().catch((error) => {
  console.error(`run-proofs.mjs: ${error.message}`);
  process.exitCode = 1;
});
