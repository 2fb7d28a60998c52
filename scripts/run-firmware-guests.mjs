// Runs Debian's SeaBIOS (scripts/guests.sh fetches it) in child processes, unmodified and with nothing to boot: it must name itself, find the
// chipset, say that there is no bootable device, and reset the machine a minute of guest time later; in every engine after the same number of
// instructions. Its boot menu must come up on the serial line. Then boot loaders from floppies and CDs (scripts/boot-media.sh makes them) must come to their
// prompt or menu on the text screen, under the built-in firmware and under SeaBIOS.
// usage: run-firmware-guests.mjs [--engines interpreter,jit] [--filter REGEX] [--timeout 300] [--hvm PATH]
// Last line: "N passed, N failed"; status 1 if any failed.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SEABIOS = `${ROOT}guests/build/seabios/`;
const { values: options } = parseArgs({
  options: {
    engines: { type: 'string', default: 'interpreter,jit' },
    filter: { type: 'string', default: '' },
    timeout: { type: 'string', default: '300' },
    hvm: { type: 'string', default: `${ROOT}bin/hvm.js` },
  },
});

const wanted = new RegExp(options.filter);

const CASES = [
  { name: 'bios-256k.bin', file: 'bios-256k.bin', more: [] },
  { name: 'bios.bin', file: 'bios.bin', more: [] },
  { name: 'bios-256k.bin without APICs', file: 'bios-256k.bin', more: ['--apic', 'off'] },
  { name: 'bios-256k.bin in 16 MiB', file: 'bios-256k.bin', more: ['--memory', '16M'] },
];
const MEDIA = `${ROOT}guests/build/media/`;
/** What the screen shows in the end; memtest86+ counts a pass of its tests. */
const LOADERS = [
  { file: 'grub.img', option: '--floppy', screen: '^grub>' },
  { file: 'grub.iso', option: '--cdrom', screen: '^grub>' },
  { file: 'syslinux.img', option: '--floppy', screen: '^boot:' },
  { file: 'emulated.iso', option: '--cdrom', screen: '^boot:' },
  { file: 'isolinux.iso', option: '--cdrom', screen: 'First entry' },
  { file: 'memtest.iso', option: '--cdrom', screen: 'Memtest86. v' },
];
const FIRMWARES = {
  'built-in firmware': [],
  SeaBIOS: ['--bios', `${SEABIOS}bios-256k.bin`, '--vga-bios', `${SEABIOS}vgabios-stdvga.bin`],
};

/** In this order. */
const EXPECTED = [
  /^SeaBIOS \(version .*\)$/m,
  /^Found QEMU fw_cfg$/m,
  /^QEMU fw_cfg DMA interface supported$/m,
  /^PCI: init bdf=00:00\.0 id=8086:1237$/m,
  /^Using pmtimer, ioport 0xb008$/m,
  /^Copying PIR from /m,
  /^Found 1 serial ports$/m,
  /^PS2 keyboard initialized$/m,
  /^Press ESC for boot menu\.$/m,
  /^Booting from Hard Disk\.\.\.$/m,
  /^No bootable device\. +Retrying in 60 seconds\.$/m,
  /^Attempting a hard reboot$/m,
  /^hvm: the guest reset the machine$/m,
];

/** The first line of EXPECTED that is missing or out of order, undefined when all is there. */
function missing(text) {
  let from = 0;
  for (const pattern of EXPECTED) {
    const match = pattern.exec(text.slice(from));
    if (match === null) return pattern;
    from += match.index + match[0].length;
  }
  return undefined;
}

/** The boot menu on the serial line; guest time is the host's, so that a key can be typed while the BIOS waits for one. */
function runMenu(engine) {
  const result = spawnSync(
    process.execPath,
    [
      ...[options.hvm, 'run', '--bios', `${SEABIOS}bios-256k.bin`, '--engine', engine, '--nographic'],
      ...['--debugcon', 'null', '--send', String.raw`\e,after=Press ESC for boot menu`],
      ...['--until', '^Select boot device:', '--fail', '^Booting from', '--timeout', options.timeout],
    ],
    { encoding: 'latin1' },
  );
  return result.status === 0 ? {} : { error: `status ${result.status}`, text: result.stdout + result.stderr };
}

function runLoader({ file, option, screen }, firmware, engine, directory) {
  const picture = join(directory, 'screen.txt');
  const result = spawnSync(
    process.execPath,
    [
      ...[options.hvm, 'run', ...firmware, option, MEDIA + file, '--memory', '32M', '--snapshot'],
      ...[
        '--boot',
        option === '--floppy' ? 'a' : 'd',
        '--engine',
        engine,
        '--serial',
        'null',
        '--debugcon',
        'null',
      ],
      ...['--until-screen', screen, '--timeout', options.timeout, '--screenshot', picture],
    ],
    { encoding: 'latin1' },
  );
  if (result.status === 0) return {};
  const shown = existsSync(picture) ? readFileSync(picture, 'utf8') : '';
  return { error: `status ${result.status}`, text: `${result.stderr}${shown}` };
}

function run(test, engine, statistics) {
  const result = spawnSync(
    process.execPath,
    [
      ...[options.hvm, 'run', '--bios', SEABIOS + test.file, '--engine', engine, '--clock', 'virtual'],
      ...['--serial', 'null', '--debugcon', 'stdio', '--no-reboot', '--stats', statistics, ...test.more],
    ],
    { encoding: 'latin1', timeout: Number(options.timeout) * 1000, killSignal: 'SIGKILL' },
  );
  const text = `${result.stdout}${result.stderr}`.replaceAll('\r', '');
  const lacking = missing(text);
  if (lacking !== undefined) return { error: `no ${lacking} in its place`, text };
  if (result.status !== 2) return { error: `status ${result.status}, expected 2`, text };
  return { instructions: JSON.parse(readFileSync(statistics, 'utf8')).instructions };
}

function* results(directory) {
  for (const test of CASES) {
    const counts = new Set();
    for (const engine of options.engines.split(',')) {
      const name = `${test.name}, ${engine}`;
      if (!wanted.test(name)) continue;
      const result = run(test, engine, join(directory, 'statistics.json'));
      if (result.instructions !== undefined) counts.add(result.instructions);
      const differs = counts.size > 1 ? `${[...counts].join(' and ')} instructions` : undefined;
      yield { name, text: result.text, error: result.error ?? differs };
    }
  }
  for (const engine of options.engines.split(',')) {
    const name = `boot menu, ${engine}`;
    if (wanted.test(name)) yield { name, ...runMenu(engine) };
  }
  for (const loader of LOADERS.filter(({ file }) => existsSync(MEDIA + file)))
    for (const [firmware, args] of Object.entries(FIRMWARES))
      for (const engine of options.engines.split(',')) {
        const name = `${loader.file} under ${firmware}, ${engine}`;
        if (wanted.test(name)) yield { name, ...runLoader(loader, args, engine, directory) };
      }
}

function runAll(directory) {
  let passed = 0;
  let failed = 0;
  for (const { name, error, text } of results(directory)) {
    if (error === undefined) passed++;
    else failed++;
    console.log(error === undefined ? `PASS ${name}` : `FAIL ${name}: ${error}`);
    if (text) console.log(text.slice(-2000));
  }
  return { passed, failed };
}

if (!existsSync(`${SEABIOS}bios-256k.bin`)) {
  console.error('run-firmware-guests.mjs: guests/build/seabios/ is missing; scripts/guests.sh makes it');
  process.exit(1);
}
const directory = mkdtempSync(join(tmpdir(), 'hvm-firmware-'));
try {
  const { passed, failed } = runAll(directory);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  rmSync(directory, { recursive: true });
}
