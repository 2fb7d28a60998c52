/**
 * Saves a booting Debian kernel in the middle, restores it into another machine with scattered frames, lets both run on, and compares everything that
 * both would save, and what both said on the serial line. Usage: node scripts/run-saved-guests.mjs [--filter REGEX] [--save-after BYTES] [--run-on INSTRUCTIONS]
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createEngine } from '../dist/jit/engines.js';
import { Machine, SavedMachine, SerialLine } from '../dist/machine.js';
import { STATE_CODEC } from '../dist/cli/host/state-codec.js';

const { values } = parseArgs({
  options: {
    filter: { type: 'string', default: '' },
    'save-after': { type: 'string', default: '9000' },
    'run-on': { type: 'string', default: '200000000' },
  },
});
const BUILD = fileURLToPath(new URL('../guests/build', import.meta.url));
const SLICE = 250_000;
const ENGINES = [
  ['interpreter', 'interpreter'],
  ['jit', 'jit'],
  ['jit', 'interpreter'],
];

function build(kernel, engine, scatter) {
  const serial = [];
  const machine = new Machine({
    memoryBytes: 128 << 20,
    apic: true,
    clock: 'virtual',
    serial: new SerialLine((byte) => serial.push(byte)),
    debugExit: false,
    noReboot: true,
    scatter,
    createEngine: createEngine(engine),
  });
  machine.loadKernel(readFileSync(`${BUILD}/vmlinuz-${kernel}`), {
    initrd: readFileSync(`${BUILD}/initramfs.cpio.gz`),
    append: 'console=ttyS0',
  });
  return { machine, serial };
}

function run({ machine }, instructions) {
  const end = machine.instructionsRetired + instructions;
  while (machine.instructionsRetired < end) {
    const { ended } = machine.runSlice(Math.min(SLICE, end - machine.instructionsRetired));
    if (ended !== undefined)
      throw new Error(`the guest ended (${ended.kind}) after ${machine.instructionsRetired} instructions`);
  }
}

function save({ machine }) {
  const bytes = Buffer.concat(machine.save({}, STATE_CODEC));
  return {
    bytes,
    file: { size: bytes.length, read: (at, length) => new Uint8Array(bytes.subarray(at, at + length)) },
  };
}

function check(kernel, [engine, other]) {
  const original = build(kernel, engine);
  while (original.serial.length < Number(values['save-after'])) run(original, SLICE);
  const { bytes, file } = save(original);
  const said = original.serial.length;
  const restored = build(kernel, other, 7);
  restored.machine.restore(new SavedMachine(file, STATE_CODEC));
  if (!save(restored).bytes.equals(bytes)) throw new Error('what was restored is not what was saved');
  run(original, Number(values['run-on']));
  run(restored, Number(values['run-on']));
  if (!save(restored).bytes.equals(save(original).bytes)) throw new Error('the two machines differ');
  const more = original.serial.slice(said);
  if (!Buffer.from(more).equals(Buffer.from(restored.serial)))
    throw new Error('the two say different things');
  return `${bytes.length} bytes, ${more.length} bytes of serial output since`;
}

let passed = 0;
let failed = 0;
for (const kernel of ['686', '686-pae'])
  for (const engines of ENGINES) {
    const name = `${kernel} ${engines.join(', restored in the ')}`;
    if (!new RegExp(values.filter).test(name)) continue;
    try {
      console.log(`PASS ${name}: ${check(kernel, engines)}`);
      passed++;
    } catch (error) {
      console.log(`FAIL ${name}: ${error.message}`);
      failed++;
    }
  }
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
