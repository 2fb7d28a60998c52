// What single parts of the emulator cost, in one process, with tinybench: decoding, disassembling, the interpreter's and the evaluator's dispatch,
// translation, page walks, drawing text. Figures are medians; the kernels and guests of bench/run.mjs say what they are worth.
// usage: node bench/in-process.mjs [--milliseconds 500] [--json FILE]      needs the build in dist/
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Bench } from 'tinybench';
import { ROOT } from './engines.mjs';

const load = (path) => import(`${ROOT}dist/${path}`);
const { decode } = await load('decoder/decode.js');
const { disassemble } = await load('decoder/disassemble.js');
const { createEngine } = await load('jit/engines.js');
const { Machine, SerialLine } = await load('machine.js');

const { values: options } = parseArgs({
  options: { milliseconds: { type: 'string', default: '500' }, json: { type: 'string' } },
});
if (!(Number(options.milliseconds) > 0)) {
  console.error(`in-process: --milliseconds '${options.milliseconds}': expected a positive number`);
  process.exit(2);
}

const KERNEL = readFileSync(`${ROOT}guests/hello/hello.elf`);
/** The first pages of the included guest's code. */
const CODE = KERNEL.subarray(0x1000, 0x3000);
const SLICE = 50_000;
const FLUSHED_PAGES = 64;

function eachInstruction(visit) {
  let count = 0;
  for (let at = 0; at < CODE.length - 16; count++) {
    const instruction = decode(CODE, at, at + 15, 32);
    visit(instruction, at);
    at += typeof instruction === 'number' ? 1 : instruction.length;
  }
  return count;
}

const createMachine = (engine) =>
  new Machine({
    memoryBytes: 16 << 20,
    clock: 'virtual',
    hostNow: () => 0,
    serial: new SerialLine(() => {}),
    debugConsole: () => {},
    noReboot: true,
    createEngine: createEngine(engine),
  });

/** Runs a slice of the included guest's self-benchmark. */
function runningGuest(engine) {
  const machine = createMachine(engine);
  const start = () => machine.loadKernel(KERNEL, { append: 'script=bench,bench,bench,bench' });
  start();
  return () => {
    if (machine.runSlice(SLICE).ended !== undefined) start();
  };
}

const instructions = [];
const count = eachInstruction((instruction, at) => {
  if (typeof instruction !== 'number') instructions.push([instruction, at]);
});
const { mmu } = createMachine('interpreter').cpu;

/** [name, what one operation is, operations per call, call] */
const PARTS = [
  ['decoding', 'instruction', count, () => eachInstruction(() => {})],
  [
    'disassembling',
    'instruction',
    instructions.length,
    () => instructions.map(([i, at]) => disassemble(i, at)),
  ],
  ['interpreter', 'instruction', SLICE, runningGuest('interpreter')],
  ['translated code and dispatcher', 'instruction', SLICE, runningGuest('jit')],
  ['evaluator', 'instruction', SLICE, runningGuest('evaluator')],
  [
    'TLB miss without paging',
    'page',
    FLUSHED_PAGES,
    () => {
      mmu.flush(true);
      for (let page = 0; page < FLUSHED_PAGES; page++) mmu.readSystem32(0x100000 + (page << 12));
    },
  ],
];

const bench = new Bench({ time: Number(options.milliseconds), warmupTime: Number(options.milliseconds) });
for (const [name, , , call] of PARTS) bench.add(name, () => void call());
await bench.run();
const rows = PARTS.map(([name, unit, operations], i) => {
  const { latency } = bench.tasks[i].result;
  return { name, unit, nanoseconds: (latency.p50 * 1e6) / operations, samples: latency.samplesCount };
});
console.log('| part | ns | per |\n|---|---:|---|');
for (const { name, unit, nanoseconds } of rows)
  console.log(`| ${name} | ${nanoseconds.toFixed(1)} | ${unit} |`);
if (options.json) writeFileSync(options.json, `${JSON.stringify(rows, null, 2)}\n`);
