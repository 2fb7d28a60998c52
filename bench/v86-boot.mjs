// Boots a kernel under npm's v86 with the serial line on stdout, for bench/first-light.mjs.
// usage: v86-boot.mjs V86_DIRECTORY BIOS VGA_BIOS KERNEL INITRD COMMAND_LINE MEGABYTES
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [directory, bios, vgaBios, kernel, initrd, commandLine, megabytes] = process.argv.slice(2);
const { V86 } = await import(pathToFileURL(`${directory}/build/libv86.mjs`).href);

const image = (path) => {
  const bytes = readFileSync(path);
  return { buffer: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) };
};

const emulator = new V86({
  wasm_path: `${directory}/build/v86.wasm`,
  bios: image(bios),
  vga_bios: image(vgaBios),
  bzimage: image(kernel),
  initrd: image(initrd),
  cmdline: commandLine,
  memory_size: Number(megabytes) * 1024 * 1024,
  vga_memory_size: 2 * 1024 * 1024,
  autostart: true,
  disable_speaker: true,
});
emulator.add_listener('serial0-output-byte', (byte) => process.stdout.write(Buffer.of(byte)));
