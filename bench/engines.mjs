// How each contender runs a guest: hvm (JIT or interpreter), npm's v86, QEMU's TCG, and the kernels alone as a Linux program.
// A guest is {multiboot | kernel + initrd, append, megabytes, until}; `until` is the text at whose line v86, which has no debug exit, ends.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const BUILD = `${ROOT}guests/build/`;

const image = (guest) =>
  guest.multiboot ? ['--kernel', guest.multiboot] : ['--kernel', guest.kernel, '--initrd', guest.initrd];

const hvm = (engine, title) => ({
  title,
  missing: () => !existsSync(`${ROOT}dist/cli/main.js`) && 'dist/ is missing; npm run build makes it',
  command: (guest) => [
    ...[process.execPath, `${ROOT}bin/hvm.js`, 'run', ...image(guest), '--append', guest.append],
    ...['--memory', `${guest.megabytes}M`, '--engine', engine, '--no-reboot', '--debug-exit'],
    ...['--serial', 'stdio', '--display', 'none'],
  ],
});

const qemu = (cpu) => ({
  title: 'QEMU',
  missing: () =>
    spawnSync('qemu-system-i386', ['--version']).status !== 0 &&
    'qemu-system-i386 is not installed (Debian package qemu-system-x86)',
  command: (guest) => [
    ...['qemu-system-i386', '-accel', 'tcg', '-cpu', cpu, '-m', String(guest.megabytes), '-no-reboot'],
    ...['-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-nic', 'none'],
    ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
    ...image(guest).map((word) => word.replace(/^--/, '-')),
    ...['-append', guest.append],
  ],
});

const v86 = (directory) => ({
  title: 'v86',
  missing: () =>
    !existsSync(`${directory}/build/libv86.mjs`) &&
    'v86 is not installed; npm install --no-save --prefix guests/build/v86 v86',
  command: (guest) => [process.execPath, `${ROOT}bench/v86-guest.mjs`, directory, JSON.stringify(guest)],
});

// Only kernels that compute: `append` is the guest's, so the program does exactly the same.
const native = {
  title: 'native',
  missing: () => process.arch !== 'x64' && `the kernels are x86 programs, this is ${process.arch}`,
  command: (guest, repeats = 1) => [
    `${BUILD}bench/native`,
    `${guest.append.replace(',paging', '')},${repeats}`,
  ],
};

/** QEMU's default processor model is the one that calls itself what hvm's does (family 6, model 28), so that kernels leave out the same mitigations. */
export function createEngines({ v86Directory, qemuCpu }) {
  return {
    native,
    hvm: hvm('jit', 'hvm'),
    interpreter: hvm('interpreter', 'hvm, interpreter'),
    v86: v86(v86Directory),
    qemu: qemu(qemuCpu),
  };
}
