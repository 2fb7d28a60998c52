// Boot loaders from CD and floppy, memtest86+, Debian's installer and iPXE, judged by text screen and serial line.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD } from './host.mjs';

const BOTH = ['SeaBIOS', 'built-in'];
const LINUX = ['--until', 'Linux version 6'];
const SECOND = 'Press .Tab. to edit options';

/** In the host's time: what polls for keys and packets would spend instructions on waiting. `media` are make-boot-media.sh's; `until` has to come. */
const BOOTS = [
  {
    name: "Debian's installer: the first dialogs",
    media: ['installer'],
    arguments: ({ installer }) => ['--cdrom', installer, '--memory', '512M'],
    // The keys choose French, in which the next dialog asks for the country.
    keys: [`<down><enter>,after=${SECOND}`, '<down><down><enter>,after=Choose the language'],
    until: ['--until-screen', 'Choix de votre situation'],
    engines: ['jit'],
    longEngines: ['interpreter'],
  },
  {
    name: 'memtest86+: one pass without errors in 8 MiB',
    media: [],
    arguments: () => ['--cdrom', `${BUILD}boot/memtest.iso`, '--memory', '8M'],
    keys: [],
    until: ['--until-screen', 'Pass: +1 +Errors: 0 *$'],
    engines: ['jit'],
    longEngines: ['interpreter'],
  },
  {
    name: 'ISOLINUX: menu, and the kernel from the CD',
    media: ['isolinux'],
    arguments: ({ isolinux }) => ['--cdrom', isolinux, '--memory', '128M'],
    keys: [`<down><enter>,after=${SECOND}`],
    until: LINUX,
    engines: ['jit', 'interpreter'],
  },
  {
    name: 'GRUB: menu, and the kernel from the CD',
    media: ['grub'],
    arguments: ({ grub }) => ['--cdrom', grub, '--memory', '128M'],
    keys: ['<down>,after=^ *.\\*?Nothing', '<enter>,after=\\*Second'],
    until: LINUX,
    engines: ['jit', 'interpreter'],
  },
  ...['syslinux', 'emulated'].map((medium) => ({
    name: `SYSLINUX: prompt from a floppy${medium === 'emulated' ? ' image on a CD' : ''}`,
    media: [medium],
    arguments: ({ emulated, syslinux }) => [
      ...(emulated ? ['--cdrom', emulated] : ['--boot', 'a', '--floppy', `${syslinux},snapshot`]),
      ...['--memory', '32M'],
    ],
    keys: ['nothing\\n,after=^boot: *$'],
    until: ['--until-screen', '^Loading nothing.* failed: No such file'],
    engines: ['jit', 'interpreter'],
  })),
  {
    name: 'iPXE: an address by DHCP',
    media: [],
    arguments: () => ['--boot', 'n', '--net', `user,romfile=${BUILD}boot/pxe-rtl8139.rom`, '--memory', '64M'],
    keys: [],
    until: ['--until-screen', '^net0: 10\\.0\\.2\\.15/255\\.255\\.255\\.0 gw 10\\.0\\.2\\.2'],
    engines: ['jit', 'interpreter'],
  },
];

/** What the screen showed, without blank lines. */
export function screenIn(file) {
  return existsSync(file) ? readFileSync(file, 'utf8').replace(/\n[ \n]*\n/g, '\n') : '';
}

async function boot(test, { guest, media, directory }) {
  const screen = join(directory, 'screen.txt');
  const keys = test.keys.flatMap((key) => ['--send-keys', key]);
  const { status, text } = await guest([
    ...['--clock', 'host', '--no-reboot', '--debugcon', 'null', ...test.arguments(media)],
    ...[...keys, ...test.until, '--screenshot', screen],
  ]);
  if (status === 0) return {};
  return { error: `status ${status}`, text: `${text.slice(-1500)}\n${screenIn(screen)}` };
}

export const LOADERS = BOOTS.map((test) => ({
  name: test.name,
  media: test.media,
  firmwares: BOTH,
  engines: test.engines,
  longEngines: test.longEngines,
  run: (context) => boot(test, context),
}));
