// A Debian root file system on an IDE disk, ext4, under the stock kernel with ata_piix: its own init writes files and powers off, and e2fsck and the sums of all
// files say what the disk holds. The kernel comes from that file system by GRUB's prompt on a floppy, or is loaded without a BIOS.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD, host } from './host.mjs';
import { screenIn } from './loaders.mjs';

const APPEND = 'console=ttyS0 quiet root=/dev/sda';
/** /etc, /sbin and what the guest writes are about 190 files; a comparison of next to nothing proves nothing. */
const FEWEST = 150;

/** What the guest says is in its files, as path → sum. */
function sumsSaid(text) {
  const lines = [...text.matchAll(/^SUM ([0-9a-f]{32}) {2}(.+)$/gm)];
  return new Map(lines.map(([, sum, path]) => [path, sum]));
}

/** Reads files of an unmounted image with debugfs and sums them up. */
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

function difference(said, found) {
  for (const [path, sum] of said)
    if (found.get(path) !== sum) return `${path} is ${found.get(path) ?? 'missing'} on the disk, not ${sum}`;
  for (const path of found.keys())
    if (!said.has(path)) return `${path} is on the disk, but the guest does not have it`;
  return said.size < FEWEST ? `only ${said.size} files` : undefined;
}

/** What is wrong with what the guest said and wrote, undefined when nothing is. */
function check(format, text, image, directory) {
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

const byKernel = () => [
  ...['--clock', 'virtual', '--kernel', `${BUILD}vmlinuz-686`, '--initrd', `${BUILD}disk-initramfs.cpio.gz`],
  ...['--append', APPEND],
];

/** In the host's time, as GRUB waits for keys. */
const byGrub = ({ floppy }) => [
  ...['--clock', 'host', '--boot', 'a', '--floppy', `${floppy},snapshot`],
  ...['--send-keys', `linux (hd0)/boot/vmlinuz ${APPEND}\\n,after=^ *grub>`],
  ...['--send-keys', 'initrd (hd0)/boot/initrd.gz\\n,after=^ *grub> *$'],
  ...['--send-keys', 'boot\\n,after=^ *grub> *$'],
];

async function runRoot(format, way, { guest, media, directory }) {
  const image = join(directory, `guest.${format}`);
  const screen = join(directory, 'screen.txt');
  host('qemu-img', 'convert', '-O', format, media.root, image);
  const disk = ['--disk', `${image},format=${format}`, '--memory', '128M'];
  const end = ['--no-reboot', '--debugcon', 'null', '--screenshot', screen];
  const { status, text } = await guest([...way(media), ...disk, ...end]);
  const error = status === 0 ? check(format, text, image, directory) : `status ${status}`;
  if (error === undefined) return {};
  return { error, text: `${text.replace(/^SUM.*\n/gm, '').slice(-3000)}\n${screenIn(screen)}` };
}

export const DISKS = [
  {
    name: "GRUB from a rescue floppy starts Debian's root file system on an IDE disk",
    media: ['floppy', 'root'],
    firmwares: ['SeaBIOS', 'built-in'],
    engines: ['jit'],
    longEngines: ['interpreter'],
    run: (context) => runRoot('raw', byGrub, context),
  },
  {
    name: "Debian's root file system on an IDE disk, qcow2",
    media: ['root'],
    firmwares: ['none'],
    engines: ['jit', 'interpreter'],
    run: (context) => runRoot('qcow2', byKernel, context),
  },
];
