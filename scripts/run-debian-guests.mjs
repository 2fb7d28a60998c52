// Boots the Debian guests of guests/build/ in child processes and checks each: status 0, the workload's output equal to
// the native one, and per kernel and memory size the same instruction count in every engine (on the virtual clock).
// The machine has APICs, and the kernels use them; in the last engine each kernel also runs with 'noapic nolapic', on PIC and PIT.
// No kernel may switch on page-table isolation or another mitigation: src/runtime/cpu-models.ts says why.
// usage: run-debian-guests.mjs [--kernels 686,686-pae] [--engines interpreter,jit] [--memory 256M,1G] [--jobs 2] [--no-legacy]
//                              [--lockstep KERNEL[,KERNEL]] [--every 1000000] [--timeout SECONDS]
//   --no-legacy leaves the runs with 'noapic nolapic' out
//   --lockstep  interpreter and JIT side by side to BOOT-OK, compared every --every instructions
// Last line: "N passed, N failed"; status 1 if any failed.
// The serial output of each run is kept in guests/build/log/.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { clearTimeout, setTimeout } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUILD = `${ROOT}guests/build/`;
const LOG = `${BUILD}log/`;
const LEGACY = 'noapic nolapic';
const MITIGATION = /^.*(page tables isolation|Spectre|Meltdown|Retpoline|Mitigation:).*$/im;
const FAILURE = 'Kernel panic|BUG:|Oops:|Unable to mount root';

function readOptions() {
  const { values } = parseArgs({
    options: {
      kernels: { type: 'string', default: '686,686-pae' },
      engines: { type: 'string', default: 'interpreter,jit' },
      memory: { type: 'string', default: '256M,1G' },
      jobs: { type: 'string', default: '2' },
      lockstep: { type: 'string', default: '' },
      every: { type: 'string', default: '1000000' },
      timeout: { type: 'string', default: '900' },
      legacy: { type: 'boolean', default: true },
    },
    allowNegative: true,
  });
  for (const name of ['jobs', 'timeout', 'every']) {
    if (!/^[1-9]\d*$/.test(values[name]))
      throw new Error(`--${name} '${values[name]}' is not a positive number`);
  }
  const list = (text) => text.split(',').filter((item) => item !== '');
  return {
    kernels: list(values.kernels),
    engines: list(values.engines),
    memory: list(values.memory),
    jobs: Number(values.jobs),
    lockstep: list(values.lockstep),
    every: values.every,
    legacy: values.legacy,
    timeoutSeconds: Number(values.timeout),
  };
}

function requireFiles(options) {
  const files = [
    ...[...options.kernels, ...options.lockstep].map((kernel) => `vmlinuz-${kernel}`),
    'initramfs.cpio.gz',
    'expected.txt',
  ];
  const missing = files.filter((file) => !existsSync(BUILD + file));
  if (missing.length > 0)
    throw new Error(`guests/build/${missing[0]} is missing; scripts/guests.sh makes it`);
}

// Engines vary slowest: the long runs start first, and one kernel's runs do not wait for each other.
function listRuns({ kernels, engines, memory, legacy }) {
  const run = (engine, kernel, size, append) => ({
    ...{ engine, kernel, size, append },
    name: [kernel, size, engine, append].filter(Boolean).join(' '),
  });
  const runs = engines.flatMap((engine) =>
    kernels.flatMap((kernel) => memory.map((size) => run(engine, kernel, size, ''))),
  );
  if (!legacy) return runs;
  return [...runs, ...kernels.map((kernel) => run(engines.at(-1), kernel, memory[0], LEGACY))];
}

const guestArguments = (kernel, memory, append = '') => [
  ...['--kernel', `${BUILD}vmlinuz-${kernel}`, '--initrd', `${BUILD}initramfs.cpio.gz`],
  ...['--append', `console=ttyS0 ${append}`.trimEnd(), '--memory', memory, '--no-reboot', '--fail', FAILURE],
];

function hvmArguments(run, statsFile, timeoutSeconds) {
  return [
    ...[`${ROOT}bin/hvm.js`, 'run', ...guestArguments(run.kernel, run.size, run.append)],
    ...['--engine', run.engine, '--clock', 'virtual', '--serial', 'stdio', '--display', 'none'],
    ...['--timeout', String(timeoutSeconds), '--stats', statsFile],
  ];
}

function lockstepArguments(kernel, every, timeoutSeconds) {
  return [
    ...[`${ROOT}bin/hvm.js`, 'regress', 'lockstep', ...guestArguments(kernel, '256M')],
    ...['--engines', 'interpreter,jit', '--every', every, '--until', 'BOOT-OK'],
    ...['--timeout', String(timeoutSeconds)],
  ];
}

// Resolves to {status, output, seconds}; status is null when the watchdog had to end the process.
function execute(commandArguments, timeoutSeconds) {
  return new Promise((resolve) => {
    const start = performance.now();
    const child = spawn(process.execPath, commandArguments, { stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    const watchdog = setTimeout(() => child.kill('SIGKILL'), (timeoutSeconds + 30) * 1000);
    child.on('close', (status) => {
      clearTimeout(watchdog);
      const output = Buffer.concat(chunks).toString('latin1').replaceAll('\r', '');
      resolve({ status, output, seconds: (performance.now() - start) / 1000 });
    });
  });
}

function workloadOf(output) {
  const begin = output.indexOf('\nWORKLOAD-BEGIN\n');
  const end = output.indexOf('\nWORKLOAD-END\n', begin);
  return begin < 0 || end < 0 ? undefined : output.slice(begin + '\nWORKLOAD-BEGIN\n'.length, end + 1);
}

function firstDifference(got, expected) {
  const gotLines = got.split('\n');
  const expectedLines = expected.split('\n');
  const index = expectedLines.findIndex((line, i) => line !== gotLines[i]);
  if (index < 0) return `extra output: ${gotLines[expectedLines.length]}`;
  return `line ${index + 1} is '${gotLines[index] ?? ''}', natively '${expectedLines[index]}'`;
}

function lastLine(output) {
  return output.trimEnd().split('\n').at(-1) || 'no output';
}

// The reason for which a run failed, or undefined.
function judge({ status, output }, run, expected) {
  const mitigation = MITIGATION.exec(output);
  if (mitigation) return `a mitigation: ${mitigation[0]}`;
  const usesApic = output.includes('Enabling APIC mode');
  if (usesApic !== (run.append !== LEGACY))
    return `the kernel ${usesApic ? 'uses' : 'does not use'} the APICs`;
  const workload = workloadOf(output);
  if (!output.includes('BOOT-OK')) return `no BOOT-OK (status ${status}); last line: ${lastLine(output)}`;
  if (workload === undefined)
    return `workload not finished (status ${status}); last line: ${lastLine(output)}`;
  if (workload !== expected) return firstDifference(workload, expected);
  if (!output.includes('ALL-DONE')) return 'no ALL-DONE';
  return status === 0 ? undefined : `status ${status}, expected 0 (powered off)`;
}

function readInstructions(statsFile) {
  try {
    return JSON.parse(readFileSync(statsFile, 'utf8')).instructions;
  } catch {
    return undefined;
  }
}

async function perform(run, options, expected, report) {
  const file = LOG + run.name.replaceAll(' ', '-');
  const statsFile = `${file}.json`;
  rmSync(statsFile, { force: true });
  const result = await execute(hvmArguments(run, statsFile, options.timeoutSeconds), options.timeoutSeconds);
  writeFileSync(`${file}.log`, result.output);
  run.instructions = readInstructions(statsFile);
  const reason = judge(result, run, expected);
  run.failed = reason !== undefined;
  const count = run.instructions === undefined ? '' : `, ${run.instructions} instructions`;
  report(!run.failed, run.name, reason ?? `${result.seconds.toFixed(1)} s${count}`);
}

async function performLockstep(kernel, options, report) {
  const { every, timeoutSeconds } = options;
  const result = await execute(lockstepArguments(kernel, every, timeoutSeconds), timeoutSeconds);
  writeFileSync(`${LOG}${kernel}-lockstep.log`, result.output);
  const last = lastLine(result.output);
  const good = result.status === 0 && /no difference \(--until matched 'BOOT-OK'\)$/.test(last);
  const difference = /^.*differ.*$/im.exec(result.output)?.[0] ?? last;
  const detail = good ? `${result.seconds.toFixed(1)} s, ${last}` : `status ${result.status}; ${difference}`;
  report(good, `${kernel} 256M lockstep interpreter, jit`, detail);
}

// With one engine there is nothing to compare; a failed run is already reported.
function compareCounts(runs, report) {
  const groups = groupByMachine(runs);
  for (const [name, group] of groups) {
    if (group.length < 2 || group.some((run) => run.failed)) continue;
    const counts = group.map((run) => `${run.engine} ${run.instructions}`);
    const equal = group.every((run) => run.instructions > 0 && run.instructions === group[0].instructions);
    report(equal, `${name} instruction counts`, equal ? 'equal' : counts.join(', '));
  }
}

function groupByMachine(runs) {
  const groups = new Map();
  for (const run of runs) {
    const name = [run.kernel, run.size, run.append].filter(Boolean).join(' ');
    groups.set(name, [...(groups.get(name) ?? []), run]);
  }
  return groups;
}

async function main() {
  const options = readOptions();
  requireFiles(options);
  mkdirSync(LOG, { recursive: true });
  const expected = readFileSync(`${BUILD}expected.txt`, 'latin1');
  const runs = listRuns(options);
  let passed = 0;
  let failed = 0;
  const report = (good, name, detail) => {
    if (good) passed++;
    else failed++;
    console.log(`${good ? 'PASS' : 'FAIL'} ${name}: ${detail}`);
  };
  const waiting = [
    ...options.lockstep.map((kernel) => () => performLockstep(kernel, options, report)),
    ...runs.map((run) => () => perform(run, options, expected, report)),
  ];
  const worker = async () => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) await task();
  };
  await Promise.all(Array.from({ length: options.jobs }, worker));
  compareCounts(runs, report);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

main().catch((error) => {
  console.error(`run-debian-guests.mjs: ${error.message}`);
  process.exitCode = 1;
});
