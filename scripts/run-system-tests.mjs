// Runs guests/system-tests/system-tests.elf in our engines and, where installed, in QEMU and Bochs, and compares every case with
// guests/system-tests/expected.txt, which Bochs recorded. A line "~ NAME: reason" of the guest's own output says that emulator NAME
// (qemu, bochs or hvm) gets the next case ("~~": the rest of the group) wrong; every other difference is an error.
// guests/system-tests/not-implemented.txt lists what our engines are known to get wrong; a listed case that comes right is an error too.
// usage: run-system-tests.mjs [--engines interpreter,jit] [--bochs] [--qemu] [--record] [--all] [--keep DIRECTORY] [--timeout 120]
//   --bochs, --qemu  run these too (default: where they are installed; --no-bochs, --no-qemu leave them out)
//   --record         writes expected.txt from the Bochs run
//   --list           writes not-implemented.txt from the run of our first engine
//   --hvm PATH       another bin/hvm.js than this tree's
// Prints a table of the differing cases; status 1 if one is unexplained.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = `${ROOT}guests/system-tests/`;
const KERNEL = `${FOLDER}system-tests.elf`;
const EXPECTED = `${FOLDER}expected.txt`;
const MISSING = `${FOLDER}not-implemented.txt`;
const BOCHS_CPU = 'p4_prescott_celeron_336';
const QEMU_CPU = 'Conroe,-lm,-vme,+nx,-monitor';

const { values: options } = parseArgs({
  allowNegative: true,
  options: {
    engines: { type: 'string', default: 'interpreter,jit' },
    bochs: { type: 'boolean' },
    qemu: { type: 'boolean' },
    list: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    hvm: { type: 'string', default: `${ROOT}bin/hvm.js` },
    keep: { type: 'string' },
    timeout: { type: 'string', default: '120' },
  },
});

function spawn(program, programArguments) {
  const result = spawnSync(program, programArguments, {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'latin1',
    timeout: Number(options.timeout) * 1000,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 26,
  });
  return {
    output: (result.stdout ?? '').replaceAll('\r', ''),
    errors: result.error?.message ?? result.stderr,
  };
}

const isInstalled = (program) => spawnSync('which', [program]).status === 0;

/** The loadable bytes of a 32-bit ELF whose segments lie in one piece, and how many zero bytes follow them. */
function flatten(elf) {
  const headers = elf.readUInt32LE(28);
  const count = elf.readUInt16LE(44);
  const base = elf.readUInt32LE(headers + 12);
  const segments = Array.from({ length: count }, (_, i) => headers + 32 * i)
    .filter((at) => elf.readUInt32LE(at) === 1)
    .map((at) => [4, 12, 16, 20].map((field) => elf.readUInt32LE(at + field)));
  const end = Math.max(...segments.map(([, address, , memory]) => address + memory));
  const fileEnd = Math.max(...segments.map(([, address, bytes]) => address + bytes));
  const image = Buffer.alloc(fileEnd - base);
  for (const [offset, address, bytes] of segments) elf.copy(image, address - base, offset, offset + bytes);
  return { image, clear: end - fileEnd, entry: elf.readUInt32LE(24) };
}

/** A disk of 2 MiB that boots the kernel; boot-sector.asm says what the four numbers are. */
function makeDisk(kernel) {
  const { image, clear, entry } = flatten(readFileSync(kernel));
  const disk = Buffer.alloc(2 * 16 * 63 * 512);
  readFileSync(`${FOLDER}boot-sector.bin`).copy(disk);
  [Math.ceil(image.length / 512), image.length, clear, entry].forEach((value, i) =>
    disk.writeUInt32LE(value, 0x1b8 - 16 + 4 * i),
  );
  image.copy(disk, 512);
  return disk;
}

const BOCHS_SETTINGS = (directory) => `
display_library: rfb, options="timeout=0"
megs: 64
cpu: model=${BOCHS_CPU}, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=0
clock: sync=none, time0=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path=${directory}/disk.img, mode=flat, cylinders=2, heads=16, spt=63
boot: disk
com1: enabled=1, mode=file, dev=${directory}/serial.txt
log: ${directory}/bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
speaker: enabled=0
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
`;

function runBochs() {
  const directory = mkdtempSync(`${tmpdir()}/system-tests-`);
  writeFileSync(`${directory}/disk.img`, makeDisk(KERNEL));
  writeFileSync(`${directory}/bochsrc`, BOCHS_SETTINGS(directory));
  writeFileSync(`${directory}/commands`, 'c\nq\n');
  const { errors } = spawn('bochs', ['-q', '-f', `${directory}/bochsrc`, '-rc', `${directory}/commands`]);
  const serial = `${directory}/serial.txt`;
  const output = existsSync(serial) ? readFileSync(serial, 'latin1').replaceAll('\r', '') : '';
  if (!options.keep) rmSync(directory, { recursive: true });
  return { output, errors };
}

function runQemu() {
  const machine = ['-accel', 'tcg', '-cpu', QEMU_CPU, '-m', '64', '-no-reboot', '-display', 'none'];
  const exit = ['-serial', 'stdio', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'];
  return spawn('qemu-system-i386', [...machine, ...exit, '-kernel', KERNEL]);
}

function runHvm(engine) {
  const display = [
    '--debugcon',
    'null',
    '--serial',
    'stdio',
    '--display',
    'none',
    '--debug-exit',
    '--no-reboot',
  ];
  const machine = ['run', '--kernel', KERNEL, '--engine', engine, '--clock', 'virtual'];
  return spawn(process.execPath, [options.hvm, ...machine, ...display]);
}

/** Case name → {result, reasons by emulator}, in order. */
function parse(output) {
  const cases = new Map();
  let reasons = {};
  let group = '';
  let groupReasons = {};
  for (const line of output.split('\n')) {
    if (line.startsWith('# ')) [group, groupReasons] = [line.slice(2), {}];
    else if (line.startsWith('~~ ')) groupReasons[/^~~ (\w+)/.exec(line)[1]] = line.replace(/^~~ \w+: /, '');
    else if (line.startsWith('~ ')) reasons[/^~ (\w+)/.exec(line)[1]] = line.replace(/^~ \w+: /, '');
    else if (line.includes(':')) {
      const at = line.indexOf(':');
      let title = `${group} | ${line.slice(0, at)}`;
      while (cases.has(title)) title += ' again';
      cases.set(title, { result: line.slice(at + 1).trim(), reasons: { ...groupReasons, ...reasons } });
      reasons = {};
    }
  }
  return cases;
}

function differences(output, expected) {
  const got = parse(output);
  const differing = [...expected].filter(([title, { result }]) => got.get(title)?.result !== result);
  const extra = [...got.keys()].filter((title) => !expected.has(title));
  return { got, differing, extra };
}

function compare(name, output, expected, missing = new Set()) {
  const { got, differing, extra } = differences(output, expected);
  const emulator = name.startsWith('hvm') ? 'hvm' : name;
  const counts = { explained: 0, missing: 0, unexplained: extra.length };
  for (const title of extra) console.log(`${title}\n    not in expected.txt`);
  for (const [title, { result, reasons }] of differing) {
    const reason = reasons[emulator] ?? (missing.has(title) ? 'not implemented yet' : undefined);
    counts[reasons[emulator] ? 'explained' : reason ? 'missing' : 'unexplained']++;
    const own = got.get(title)?.result ?? '(no line)';
    console.log(`${title}\n    expected ${result}\n    ${name} ${own}${reason ? `\n    ${reason}` : ''}`);
  }
  const titles = new Set(differing.map(([title]) => title));
  const right = [...missing].filter((title) => !titles.has(title));
  for (const title of right) console.log(`${title}\n    is right now: take it off not-implemented.txt`);
  console.log(
    `${name}: ${expected.size} cases, ${counts.explained} explained differences, ${counts.missing} not implemented, ${counts.unexplained + right.length} unexplained`,
  );
  return counts.unexplained + right.length;
}

const readMissing = () =>
  new Set(existsSync(MISSING) ? readFileSync(MISSING, 'latin1').split('\n').filter(Boolean) : []);

function writeMissing(output, expected) {
  const { differing } = differences(output, expected);
  const titles = differing.filter(([, { reasons }]) => !reasons.hvm).map(([title]) => `${title}\n`);
  writeFileSync(MISSING, titles.join(''), 'latin1');
}

/** The output; what did not end by itself within the time loses its last line. */
function keep(name, { output, errors }) {
  if (options.keep) writeFileSync(`${options.keep}/${name}.txt`, output);
  if (!/ETIMEDOUT/.test(errors) && /^\d+ cases$/m.test(output)) return output;
  console.log(`${name}: did not end by itself; ${errors.trim().split('\n').at(-1)}`);
  return output.replace(/.*\n$/, '');
}

function main() {
  let failures = 0;
  if (options.bochs ?? isInstalled('bochs')) {
    const output = keep('bochs', runBochs());
    if (options.record) writeFileSync(EXPECTED, output);
    else failures += compare('bochs', output, parse(readFileSync(EXPECTED, 'latin1')));
  }
  const expected = parse(readFileSync(EXPECTED, 'latin1'));
  if (options.qemu ?? isInstalled('qemu-system-i386'))
    failures += compare('qemu', keep('qemu', runQemu()), expected);
  for (const [i, engine] of options.engines.split(',').filter(Boolean).entries()) {
    const output = keep(`hvm-${engine}`, runHvm(engine));
    if (options.list && i === 0) writeMissing(output, expected);
    failures += compare(`hvm-${engine}`, output, expected, readMissing());
  }
  process.exitCode = failures === 0 && expected.size > 0 ? 0 : 1;
}

main();
