// SeaBIOS with nothing to boot: it must name itself, find the chipset, say that there is no bootable device, and reset the machine a minute of guest time later,
// in every engine after the same number of instructions; and its boot menu must come up on the serial line.
import { SEABIOS } from './host.mjs';

const VARIANTS = [
  { name: 'bios-256k.bin', file: 'bios-256k.bin', more: [] },
  { name: 'bios.bin', file: 'bios.bin', more: [] },
  { name: 'bios-256k.bin without APICs', file: 'bios-256k.bin', more: ['--apic', 'off'] },
  { name: 'bios-256k.bin in 16 MiB', file: 'bios-256k.bin', more: ['--memory', '16M'] },
];

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

/** Instructions by variant, of the engine that came first. */
const counts = new Map();

async function bootless({ name, file, more }, { guest }) {
  const options = ['--clock', 'virtual', '--serial', 'null', '--debugcon', 'stdio', '--no-reboot'];
  const { status, text, statistics } = await guest(['--bios', SEABIOS + file, ...options, ...more], {
    bare: true,
  });
  const lacking = missing(text);
  if (lacking !== undefined) return { error: `no ${lacking} in its place`, text: text.slice(-2000) };
  if (status !== 2) return { error: `status ${status}, expected 2`, text: text.slice(-2000) };
  const { instructions } = statistics;
  const first = counts.get(name) ?? instructions;
  counts.set(name, first);
  return instructions === first ? {} : { error: `${instructions} instructions, another engine ${first}` };
}

/** In the host's time, so that a key can be typed while the BIOS waits for one. */
async function menu({ guest }) {
  const { status, text } = await guest([
    ...['--nographic', '--debugcon', 'null', '--send', String.raw`\e,after=Press ESC for boot menu`],
    ...['--until', '^Select boot device:', '--fail', '^Booting from'],
  ]);
  return status === 0 ? {} : { error: `status ${status}`, text: text.slice(-2000) };
}

const common = { media: [], firmwares: ['SeaBIOS'], engines: ['jit', 'interpreter'] };
export const BIOS = [
  ...VARIANTS.map((variant) => ({
    ...common,
    name: `SeaBIOS: ${variant.name}, nothing to boot`,
    run: (context) => bootless(variant, context),
  })),
  { ...common, name: 'SeaBIOS: boot menu on the serial line', run: menu },
];
