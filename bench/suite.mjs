// What is measured: the groups with the targets of the project, and their cases.
// A kernel's case costs what its guest costs above the empty guest. Rounds are sized for about a second in a good emulator.
import { BUILD } from './engines.mjs';

const BENCH = `${BUILD}bench/bench.elf`;
const MEGABYTES = 64;

/** [name, rounds] */
const INTEGER = [
  ['arithmetic', 300000],
  ['branches', 12000],
  ['bytes', 6000],
  ['table', 4500],
  ['hash', 15000],
  ['sort', 1500],
  ['matrix', 2200],
  ['copy-loop', 30000],
  ['copy-rep', 50000],
  ['copy-rep-short', 25000],
  ['scan', 18000],
  ['scan-rep', 30000],
  ['bytecode', 10000],
  ['recursion', 30000],
  ['leaf-calls', 500000],
  ['indirect-calls', 150000],
  ['chase', 200],
  ['bignum', 50000],
  ['wide', 50000],
  ['lz', 1500],
  ['range-coder', 1000],
  ['division', 330000],
  ['bits', 600000],
];

const X87 = [
  ['x87-nbody', 3500],
  ['x87-mandelbrot', 4300],
  ['x87-matrix', 400],
  ['x87-solve', 2600],
  ['x87-fourier', 6500],
  ['x87-polynomial', 26000],
  ['x87-convert', 20000],
  ['x87-filter', 4000],
  ['x87-extended', 20000],
];
const SSE = [
  ['sse-nbody', 8200],
  ['sse-mandelbrot', 12000],
  ['sse-matrix', 1100],
  ['sse-solve', 3600],
  ['sse-fourier', 10000],
  ['sse-polynomial', 48000],
  ['sse-convert', 40000],
  ['sse-filter', 8600],
];
const PACKED = [
  ['packed-doubles', 50000],
  ['packed-mandelbrot', 16000],
  ['packed-floats', 34000],
  ['packed-pixels', 52000],
  ['packed-sums', 26000],
  ['packed-cipher', 58000],
];
const SYSTEM = [
  ['int-call', 3000],
  ['sysenter', 5000],
  ['page-fault', 10000],
  ['port-in', 4000],
  ['port-out', 8000],
  ['text-write', 4000],
  ['cpuid', 4000],
  ['rdtsc', 8000],
  ['pushf-popf', 20000],
  ['cli-sti', 10000],
  ['segments', 10000],
  ['cr3', 4000],
  ['invlpg', 3000],
  ['timer', 2000],
  ['code-rewrite', 2000],
  ['code-generate', 5000],
  ['code-beside-data', 2000],
];

function kernelGuest(kernel, rounds, paging) {
  return {
    multiboot: BENCH,
    append: `bench=${kernel},${rounds}${paging ? ',paging' : ''}`,
    megabytes: MEGABYTES,
    until: 'RESULT',
  };
}

export const emptyGuest = (paging) => kernelGuest('empty', 1, paging);

const kernels = (list, paging) =>
  list.map(([name, rounds]) => ({
    name,
    kind: 'kernel',
    paging,
    rounds,
    guest: (scale) => kernelGuest(name, Math.max(1, Math.round(rounds * scale)), paging),
  }));

/**
 * `reference`: the engine that figures are divided by; `only`: engines that can take part, if not all.
 * `required` and `aim` are for hvm's geometric mean.
 */
export const GROUPS = [
  {
    id: 'integer',
    title: 'integer kernels, paging on',
    reference: 'native',
    required: 5,
    aim: 3.5,
    cases: kernels(INTEGER, true),
  },
  {
    id: 'integer-flat',
    title: 'integer kernels, paging off',
    reference: 'native',
    cases: kernels(INTEGER, false),
  },
  {
    id: 'sse',
    title: 'scalar and packed SSE/SSE2 kernels',
    reference: 'native',
    required: 8,
    aim: 5,
    cases: kernels([...SSE, ...PACKED], true),
  },
  {
    id: 'x87',
    title: 'x87 kernels',
    reference: 'native',
    required: 25,
    aim: 12,
    cases: kernels(X87, true),
  },
  {
    id: 'system',
    title: 'system micro-benchmarks',
    reference: 'qemu',
    engines: ['hvm', 'interpreter', 'v86', 'qemu'],
    required: 1.5,
    aim: 0.8,
    cases: kernels(SYSTEM, true),
  },
];

export const ENGINES = ['native', 'hvm', 'interpreter', 'v86', 'qemu'];
