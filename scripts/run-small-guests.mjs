// Runs the committed guests in child processes: every direct test of guests/tests/ must end with status 1 (--debug-exit 0) and
// no FAIL line; the hello guest's script must give guests/hello/expected.txt (recorded under QEMU) and power off.
// usage: run-small-guests.mjs [--engines interpreter,jit] [--filter REGEX] [--qemu] [--timeout 120] [--hvm PATH]
//   --qemu   runs them under qemu-system-i386 instead: that the tests are right
//   --record writes guests/hello/expected.txt from that QEMU run
// Last line: "N passed, N failed"; status 1 if any failed.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TESTS = `${ROOT}guests/tests/`;
const HELLO = `${ROOT}guests/hello/hello.elf`;
const EXPECTED = `${ROOT}guests/hello/expected.txt`;
const SCRIPT = 'script=help,mem,bench:1,fault,smc,halt';

const { values: options } = parseArgs({
  options: {
    engines: { type: 'string', default: 'interpreter,jit' },
    filter: { type: 'string', default: '' },
    qemu: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    timeout: { type: 'string', default: '120' },
    hvm: { type: 'string', default: `${ROOT}bin/hvm.js` },
  },
});

function qemuCommand(kernel, append) {
  const debugExit = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'];
  const common = ['-accel', 'tcg', '-m', '64', '-no-reboot', '-display', 'none', '-serial', 'stdio'];
  return [
    'qemu-system-i386',
    [...common, ...(append ? [] : debugExit), '-kernel', kernel, '-append', append],
  ];
}

function hvmCommand(kernel, append, engine) {
  const common = [
    ...['--memory', '64M', '--no-reboot', '--display', 'none', '--clock', 'virtual'],
    ...['--serial', 'stdio', '--debugcon', 'null'],
  ];
  const end = append ? ['--append', append] : ['--debug-exit'];
  return [process.execPath, [options.hvm, 'run', ...common, '--engine', engine, '--kernel', kernel, ...end]];
}

function run(kernel, append, engine) {
  const [program, programArguments] = options.qemu
    ? qemuCommand(kernel, append)
    : hvmCommand(kernel, append, engine);
  const result = spawnSync(program, programArguments, {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'latin1',
    timeout: Number(options.timeout) * 1000,
    killSignal: 'SIGKILL',
  });
  const status = result.error ? result.error.message : result.status;
  return { status, output: result.stdout?.replaceAll('\r', '') ?? '', errors: result.stderr ?? '' };
}

const withoutTimes = (output) => output.replace(/^time:.*\n/gm, '');

function judgeTest({ status, output, errors }) {
  const failure = /^FAIL .*$/m.exec(output);
  if (failure) return failure[0];
  if (!/^[1-9]\d* passed, 0 failed$/m.test(output))
    return `no summary (status ${status}) ${errors.trim().split('\n')[0]}`;
  return status === 1 ? undefined : `status ${status}, expected 1`;
}

// The memory map is the machine's own, so only its last line must be there; the rest is compared with QEMU's.
function withoutMap(output) {
  return withoutTimes(output)
    .replace(/^[0-9a-f]{16}-.*\n/gm, '')
    .replace(/^frames: .*\n/m, 'frames\n');
}

function judgeHello({ status, output, errors }) {
  if (status !== 0) return `status ${status}, expected 0 ${errors.trim().split('\n')[0]}`;
  const got = withoutMap(output).split('\n');
  const expected = readFileSync(EXPECTED, 'latin1').split('\n');
  const line = Array.from({ length: Math.max(got.length, expected.length) }).findIndex(
    (_, i) => got[i] !== expected[i],
  );
  return line < 0
    ? undefined
    : `line ${line + 1} is '${got[line] ?? ''}', expected '${expected[line] ?? ''}'`;
}

function listRuns() {
  const engines = options.qemu ? ['qemu'] : options.engines.split(',');
  const tests = readdirSync(TESTS).filter((file) => file.endsWith('.elf'));
  const runs = engines.flatMap((engine) => [
    ...tests.map((file) => ({
      name: `${file} ${engine}`,
      kernel: TESTS + file,
      append: '',
      engine,
      judge: judgeTest,
    })),
    { name: `hello.elf ${engine}`, kernel: HELLO, append: SCRIPT, engine, judge: judgeHello },
  ]);
  return runs.filter(({ name }) => new RegExp(options.filter).test(name));
}

function main() {
  if (options.record) {
    options.qemu = true;
    writeFileSync(EXPECTED, withoutMap(run(HELLO, SCRIPT).output));
  }
  let failed = 0;
  const runs = listRuns();
  for (const { name, kernel, append, engine, judge } of runs) {
    const reason = judge(run(kernel, append, engine));
    if (reason !== undefined) failed++;
    console.log(reason === undefined ? `PASS ${name}` : `FAIL ${name}: ${reason}`);
  }
  console.log(`${runs.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && runs.length > 0 ? 0 : 1;
}

main();
