// Runs a guest under npm's v86 with the serial line on stdout, until a line with a given text appeared (without one: for ever); a multiboot guest needs no BIOS there.
// usage: v86-guest.mjs V86_DIRECTORY '{"multiboot"|"kernel": FILE, "initrd": FILE, "append": TEXT, "megabytes": N, "until": TEXT}'
import { readFileSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const SEABIOS = '/usr/share/seabios/';
const [directory, description] = process.argv.slice(2);
const guest = JSON.parse(description);
const { V86 } = await import(pathToFileURL(`${directory}/build/libv86.mjs`).href);

function image(path) {
  const bytes = readFileSync(path);
  return { buffer: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) };
}

const start = guest.multiboot
  ? { multiboot: image(guest.multiboot) }
  : {
      bios: image(`${SEABIOS}bios.bin`),
      vga_bios: image(`${SEABIOS}vgabios-stdvga.bin`),
      bzimage: image(guest.kernel),
      initrd: image(guest.initrd),
    };

const emulator = new V86({
  ...start,
  wasm_path: `${directory}/build/v86.wasm`,
  cmdline: guest.append,
  memory_size: guest.megabytes * 1024 * 1024,
  vga_memory_size: 2 * 1024 * 1024,
  autostart: true,
  disable_speaker: true,
});

let line = '';
emulator.add_listener('serial0-output-byte', (byte) => {
  line += String.fromCharCode(byte);
  if (byte !== 10) return;
  writeSync(1, line);
  if (guest.until && line.includes(guest.until)) process.exit(0);
  line = '';
});
