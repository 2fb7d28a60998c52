// CPU time (user + system) from start to BOOT-OK of the stock Debian 686 kernel: qemu-system-i386 (TCG), hvm in the JIT and in
// the interpreter, and npm's v86, in turns; prints a Markdown table with ratios to QEMU. Linux only: a process's time is read
// from /proc/PID/stat (all its threads, steps of 10 ms) when the line appears, then the process is ended.
// usage: first-light.mjs [--rounds 3] [--contenders qemu,jit,interpreter,v86] [--line BOOT-OK] [--kernel 686] [--memory 256]
//                        [--timeout SECONDS] [--v86 DIRECTORY]
// A contender that is not installed is skipped with a note. QEMU: apt-get install qemu-system-x86 (it brings the seabios that
// v86 boots with, too). v86, which is no dependency of ours: npm install --no-save --prefix guests/build/v86 v86
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { clearTimeout, setTimeout } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUILD = `${ROOT}guests/build/`;
const BIOS = '/usr/share/seabios/bios.bin';
const VGA_BIOS = '/usr/share/seabios/vgabios-stdvga.bin';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    contenders: { type: 'string', default: 'qemu,jit,interpreter,v86' },
    line: { type: 'string', default: 'BOOT-OK' },
    kernel: { type: 'string', default: '686' },
    memory: { type: 'string', default: '256' },
    timeout: { type: 'string', default: '600' },
    v86: { type: 'string', default: `${BUILD}v86/node_modules/v86` },
  },
});

const kernel = `${BUILD}vmlinuz-${options.kernel}`;
const initrd = `${BUILD}initramfs.cpio.gz`;
const COMMAND_LINE = 'console=ttyS0';

const hvm = (engine) => ({
  title: `hvm, ${engine}`,
  missing: () => !existsSync(`${ROOT}dist/cli/main.js`) && 'dist/ is missing; npm run build makes it',
  command: () => [
    process.execPath,
    ...[`${ROOT}bin/hvm.js`, 'run', '--kernel', kernel, '--initrd', initrd, '--append', COMMAND_LINE],
    ...['--memory', `${options.memory}M`, '--engine', engine, '--clock', 'virtual'],
    ...['--serial', 'stdio', '--display', 'none', '--no-reboot'],
  ],
});

const CONTENDERS = {
  qemu: {
    title: 'qemu-system-i386, TCG',
    missing: () =>
      spawnSync('qemu-system-i386', ['--version']).status !== 0 && 'qemu-system-i386 is not installed',
    command: () => [
      'qemu-system-i386',
      ...['-accel', 'tcg', '-m', options.memory, '-nographic', '-no-reboot'],
      ...['-kernel', kernel, '-initrd', initrd, '-append', COMMAND_LINE],
    ],
  },
  jit: hvm('jit'),
  interpreter: hvm('interpreter'),
  v86: {
    title: 'v86',
    missing: () => {
      if (!existsSync(`${options.v86}/build/libv86.mjs`)) return `v86 is not installed in ${options.v86}`;
      return !existsSync(BIOS) && `${BIOS} is missing (Debian package seabios)`;
    },
    command: () => [
      process.execPath,
      ...[
        `${ROOT}bench/v86-boot.mjs`,
        options.v86,
        BIOS,
        VGA_BIOS,
        kernel,
        initrd,
        COMMAND_LINE,
        options.memory,
      ],
    ],
  },
};

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

// Fields 14 and 15 of proc(5)'s stat, counted behind the parenthesised name.
function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

// Resolves to the seconds of CPU used when the line appeared; rejects if it never did.
function measure(contender) {
  const [program, ...programArguments] = contender.command();
  return new Promise((resolve, reject) => {
    const child = spawn(program, programArguments, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let seconds;
    const timer = setTimeout(() => child.kill('SIGKILL'), Number(options.timeout) * 1000);
    child.stderr.on('data', (chunk) => (output += chunk));
    child.stdout.on('data', (chunk) => {
      output += chunk.toString('latin1');
      if (seconds !== undefined || !output.includes(options.line)) return;
      seconds = cpuSeconds(child.pid);
      child.kill('SIGKILL');
    });
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      const last = output.trimEnd().split('\n').at(-1);
      if (seconds === undefined) reject(new Error(`no ${options.line}; last line: ${last}`));
      else resolve(seconds);
    });
  });
}

function chooseContenders() {
  const names = options.contenders.split(',');
  const unknown = names.find((name) => !Object.hasOwn(CONTENDERS, name));
  if (unknown !== undefined)
    throw new Error(`contender '${unknown}' is none of ${Object.keys(CONTENDERS).join(', ')}`);
  return names.filter((name) => {
    const reason = CONTENDERS[name].missing();
    if (reason) console.error(`${name} skipped: ${reason}`);
    return !reason;
  });
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

function printTable(results) {
  const reference = results.get('qemu')?.length ? median(results.get('qemu')) : undefined;
  console.log(
    `| to ${options.line}, kernel ${options.kernel}, ${options.memory} MiB | CPU seconds (median) | range | × QEMU |`,
  );
  console.log('|---|---:|---:|---:|');
  for (const [name, seconds] of results) {
    if (seconds.length === 0) continue;
    const ratio = reference === undefined ? '' : (median(seconds) / reference).toFixed(2);
    const range = `${Math.min(...seconds).toFixed(2)}–${Math.max(...seconds).toFixed(2)}`;
    console.log(`| ${CONTENDERS[name].title} | ${median(seconds).toFixed(2)} | ${range} | ${ratio} |`);
  }
}

async function main() {
  for (const file of [kernel, initrd]) {
    if (!existsSync(file)) throw new Error(`${file} is missing; scripts/guests.sh makes it`);
  }
  const results = new Map(chooseContenders().map((name) => [name, []]));
  for (let round = 1; round <= Number(options.rounds); round++) {
    for (const [name, seconds] of results) {
      try {
        seconds.push(await measure(CONTENDERS[name]));
        console.error(`round ${round}, ${name}: ${seconds.at(-1).toFixed(2)} s`);
      } catch (error) {
        console.error(`round ${round}, ${name}: ${error.message}`);
        process.exitCode = 1;
      }
    }
  }
  printTable(results);
}

main().catch((error) => {
  console.error(`first-light.mjs: ${error.message}`);
  process.exitCode = 1;
});
