// Boots real software through SeaBIOS in child processes and judges it by screen, serial line and what is on the disk afterwards: boot loaders from
// CD and floppy, memtest86+, Debian's installer, iPXE, and a Debian root file system on an IDE disk that e2fsck and sums of files check.
// scripts/guests.sh fetches what is needed; the host has xorriso, grub-common, mtools, e2fsprogs and qemu-utils.
// usage: run-proofs.mjs [--engine jit] [--firmware seabios|built-in] [--filter REGEX] [--timeout SECONDS] [--keep DIRECTORY]
// Last line: "N passed, N failed"; status 1 if any failed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUILD = `${ROOT}guests/build/`;
const { values: options } = parseArgs({
  options: {
    engine: { type: 'string', default: 'jit' },
    firmware: { type: 'string', default: 'seabios' },
    filter: { type: 'string', default: '' },
    timeout: { type: 'string', default: '900' },
    keep: { type: 'string' },
  },
});

/** Each boots by the firmware, in the host's time: what polls for keys and packets would spend instructions on waiting. `media` are made by make-boot-media.sh; `screen` has to be there in the end. */
const BOOTS = [
  {
    name: 'ISOLINUX: menu, and the kernel from the CD',
    media: ['isolinux'],
    arguments: ({ isolinux }) => ['--cdrom', isolinux, '--memory', '128M'],
    keys: ['<down><enter>,after=Press .Tab. to edit options'],
    until: ['--until', 'Linux version 6'],
  },
  {
    name: 'GRUB: menu, and the kernel from the CD',
    media: ['grub'],
    arguments: ({ grub }) => ['--cdrom', grub, '--memory', '128M'],
    keys: ['<down>,after=^ *.\\*?Nothing', '<enter>,after=\\*Second'],
    until: ['--until', 'Linux version 6'],
  },
  {
    name: 'GRUB: prompt from a floppy, and the kernel from a file system on disk',
    media: ['floppy', 'root'],
    arguments: ({ floppy, root }) => [
      ...['--floppy', floppy, '--disk', `${root},format=raw,snapshot`, '--boot', 'a', '--memory', '128M'],
    ],
    keys: ['linux (hd0)/boot/vmlinuz console=ttyS0\\n,after=^ *grub>', 'boot\\n,after=^ *grub> *$'],
    until: ['--until', 'Linux version 6'],
  },
  {
    name: 'iPXE: an address by DHCP',
    media: [],
    arguments: () => ['--boot', 'n', '--net', `user,romfile=${BUILD}boot/pxe-rtl8139.rom`, '--memory', '64M'],
    keys: [],
    until: ['--until-screen', '^net0: 10\\.0\\.2\\.15/255\\.255\\.255\\.0 gw 10\\.0\\.2\\.2'],
  },
  {
    name: 'memtest86+: one pass without errors in 16 MiB',
    media: [],
    arguments: () => ['--cdrom', `${BUILD}boot/memtest.iso`, '--memory', '16M'],
    keys: [],
    until: ['--until-screen', 'Pass: +1 +Errors: 0 *$'],
  },
  {
    name: "Debian's installer: the first dialogs",
    media: ['installer'],
    arguments: ({ installer }) => ['--cdrom', installer, '--memory', '512M'],
    keys: [
      '<down><enter>,after=Press .Tab. to edit options',
      '<down><down><enter>,after=Choose the language',
    ],
    until: ['--until-screen', 'Select your location'],
  },
];

function firmware() {
  if (options.firmware === 'built-in') return [];
  const directory = `${BUILD}seabios/`;
  return ['--bios', `${directory}bios-256k.bin`, '--vga-bios', `${directory}vgabios-stdvga.bin`];
}

function hvm(more) {
  const result = spawnSync(
    process.execPath,
    [
      ...[`${ROOT}bin/hvm.js`, 'run', '--engine', options.engine, '--no-reboot'],
      ...['--timeout', options.timeout, '--debugcon', 'null', ...more],
    ],
    { encoding: 'latin1', input: '', maxBuffer: 1 << 28 },
  );
  const text = `${result.stdout}${result.stderr}`.replaceAll('\r', '');
  return { status: result.status, text };
}

/** Runs a program of the host; throws with what it said when it fails. */
function host(program, ...more) {
  const result = spawnSync(program, more, { encoding: 'latin1', maxBuffer: 1 << 28 });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0)
    throw new Error(`${program}: status ${result.status}: ${result.stdout}${result.stderr}`);
  return result.stdout;
}

/** Name → path of the images, made when they are missing. */
function makeMedia(directory, names) {
  const media = Object.fromEntries(
    names.map((name) => [
      name,
      join(directory, `${name}.${name === 'root' || name === 'floppy' ? 'img' : 'iso'}`),
    ]),
  );
  const missing = names.filter((name) => !existsSync(media[name]));
  if (missing.length > 0) host(`${ROOT}scripts/make-boot-media.sh`, directory, ...missing);
  return media;
}

function runBoot(test, directory) {
  const screen = join(directory, 'screen.txt');
  const keys = test.keys.flatMap((key) => ['--send-keys', key]);
  const media = test.arguments(makeMedia(directory, test.media));
  const { status, text } = hvm([
    ...firmware(),
    '--clock',
    'host',
    ...media,
    ...keys,
    ...test.until,
    '--screenshot',
    screen,
  ]);
  if (status === 0) return {};
  const shown = existsSync(screen) ? readFileSync(screen, 'utf8').replace(/\n{2,}/g, '\n') : '';
  return { error: `status ${status}`, text: `${text.slice(-1500)}\n${shown}` };
}

/** What the guest says is in its files, as path → sum. */
function sumsSaid(text) {
  const lines = [...text.matchAll(/^SUM ([0-9a-f]{32}) {2}(.+)$/gm)];
  return new Map(lines.map(([, sum, path]) => [path, sum]));
}

/** Reads a file of an unmounted image with debugfs and sums it up. */
function sumsOnDisk(image, directory, tops) {
  const target = join(directory, 'dump');
  mkdirSync(target);
  for (const top of tops) host('debugfs', '-R', `rdump /${top} ${target}`, image);
  const sums = new Map();
  for (const entry of readdirSync(target, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.includes(' ')) continue;
    const path = join(entry.parentPath, entry.name);
    const sum = createHash('md5').update(readFileSync(path)).digest('hex');
    sums.set(path.slice(target.length + 1), sum);
  }
  rmSync(target, { recursive: true });
  return sums;
}

/** /etc, /sbin and what the guest writes are about 190 files; a comparison of next to nothing proves nothing. */
const FEWEST = 150;

function difference(said, found) {
  for (const [path, sum] of said)
    if (found.get(path) !== sum) return `${path} is ${found.get(path) ?? 'missing'} on the disk, not ${sum}`;
  for (const path of found.keys())
    if (!said.has(path)) return `${path} is on the disk, but the guest does not have it`;
  return said.size < FEWEST ? `only ${said.size} files` : undefined;
}

function checkRoot(format, text, image, directory) {
  for (const line of [/^ROOT-START 6\.\S*686 .* ext4$/m, /^READ-BACK$/m, /^ROOT-DONE$/m])
    if (!line.test(text)) return `no ${line}`;
  if (/WORK-FAILED|I\/O error/.test(text)) return 'a command of the guest failed';
  const raw = format === 'raw' ? image : join(directory, 'back.img');
  if (format !== 'raw') {
    host('qemu-img', 'check', '-q', image);
    host('qemu-img', 'convert', '-O', 'raw', image, raw);
  }
  host('e2fsck', '-fn', raw);
  return difference(sumsSaid(text), sumsOnDisk(raw, directory, ['etc', 'sbin', 'written']));
}

/** The disk's own init under the stock kernel; its driver is a module of the initramfs. */
function runRoot(format, directory) {
  const { root } = makeMedia(directory, ['root']);
  const image = join(directory, `guest.${format}`);
  host('qemu-img', 'convert', '-O', format, root, image);
  const { status, text } = hvm([
    ...[
      '--clock',
      'virtual',
      '--kernel',
      `${BUILD}vmlinuz-686`,
      '--initrd',
      `${BUILD}disk-initramfs.cpio.gz`,
    ],
    ...[
      '--append',
      'console=ttyS0 quiet root=/dev/sda',
      '--disk',
      `${image},format=${format}`,
      '--memory',
      '128M',
    ],
  ]);
  const error = status === 0 ? checkRoot(format, text, image, directory) : `status ${status}`;
  return { error, text: error === undefined ? '' : text.replace(/^SUM.*\n/gm, '').slice(-3000) };
}

const CASES = [
  ...['raw', 'qcow2'].map((format) => ({
    name: `Debian's root file system on an IDE disk, ${format}`,
    run: (directory) => runRoot(format, directory),
  })),
  ...BOOTS.map((test) => ({ name: test.name, run: (directory) => runBoot(test, directory) })),
];

function attempt(test, directory) {
  try {
    return test.run(directory);
  } catch (error) {
    return { error: error.message };
  }
}

function runAll(directory) {
  const wanted = new RegExp(options.filter);
  let passed = 0;
  let failed = 0;
  for (const test of CASES.filter(({ name }) => wanted.test(name))) {
    const started = Date.now();
    const { error, text } = attempt(test, directory);
    if (error === undefined) passed++;
    else failed++;
    const seconds = Math.round((Date.now() - started) / 1000);
    console.log(
      error === undefined ? `PASS ${test.name} (${seconds} s)` : `FAIL ${test.name}: ${error} (${seconds} s)`,
    );
    if (text) console.log(text);
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

if (!existsSync(`${BUILD}boot/done`) || !existsSync(`${BUILD}root/etc/debian_root`)) {
  console.error(
    'run-proofs.mjs: guests/build/boot or guests/build/root is missing; scripts/guests.sh makes them',
  );
  process.exit(1);
}
const directory = options.keep ?? mkdtempSync(join(tmpdir(), 'hvm-proofs-'));
try {
  mkdirSync(directory, { recursive: true });
  process.exitCode = runAll(directory);
} finally {
  if (options.keep === undefined) rmSync(directory, { recursive: true });
}
