// What is measured: the groups with the targets of the project, and their cases.
// A kernel's case costs what its guest costs above one that only counts to a million, which is long enough for what is done once. Rounds are sized for about a second in a good emulator.
import { BUILD } from './engines.mjs';

const EMULATORS = ['hvm', 'interpreter', 'v86', 'qemu'];
const DEBIAN_MEGABYTES = 256;
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
  ['x87-nbody', 21000],
  ['x87-mandelbrot', 25800],
  ['x87-matrix', 2400],
  ['x87-solve', 15600],
  ['x87-fourier', 39000],
  ['x87-polynomial', 156000],
  ['x87-convert', 120000],
  ['x87-filter', 24000],
  ['x87-extended', 120000],
];
const SSE = [
  ['sse-nbody', 49200],
  ['sse-mandelbrot', 72000],
  ['sse-matrix', 6600],
  ['sse-solve', 21600],
  ['sse-fourier', 60000],
  ['sse-polynomial', 288000],
  ['sse-convert', 240000],
  ['sse-filter', 51600],
];
const PACKED = [
  ['packed-doubles', 300000],
  ['packed-mandelbrot', 96000],
  ['packed-floats', 204000],
  ['packed-pixels', 312000],
  ['packed-sums', 156000],
  ['packed-cipher', 348000],
];
const SYSTEM = [
  ['int-call', 3000],
  ['sysenter', 5000],
  ['page-fault', 10000],
  ['port-in', 12000],
  ['port-out', 8000],
  ['text-write', 8000],
  ['cpuid', 40000],
  ['rdtsc', 24000],
  ['pushf-popf', 20000],
  ['cli-sti', 30000],
  ['segments', 10000],
  ['cr3', 16000],
  ['invlpg', 3000],
  ['timer', 2000],
  ['code-rewrite', 60000],
  ['code-generate', 30000],
  ['code-beside-data', 30000],
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
export const countingGuest = (paging) => kernelGuest('count', 1000000, paging);

const kernels = (list, paging) =>
  list.map(([name, rounds]) => ({
    name,
    kind: 'kernel',
    paging,
    rounds,
    guest: (scale) => kernelGuest(name, Math.max(1, Math.round(rounds * scale)), paging),
  }));

const debianGuest = (kernel, initrd, append) => ({
  kernel: `${BUILD}vmlinuz-${kernel}`,
  initrd,
  append,
  megabytes: DEBIAN_MEGABYTES,
});
/** One run of the tests' guest serves all cases that name the same kernel. */
const testGuest = (name, kernel, figure) => ({
  name,
  kind: 'debian',
  kernel,
  figure,
  guest: () => debianGuest(kernel, `${BUILD}initramfs.cpio.gz`, 'console=ttyS0'),
});
const span = (name, kernel, what, figure) => ({
  name,
  kind: 'span',
  figure,
  guest: () => debianGuest(kernel, `${BUILD}bench/debian.cpio.gz`, `console=ttyS0 bench=${what}`),
});
/** Parts of the shell workload, in the order in which guests/bench/debian/pieces.sh runs them. */
export const PIECES = [
  ...[
    'arithmetic',
    'fork-exec',
    'awk-integer',
    'awk-float',
    'md5',
    'sha1',
    'sha512',
    'gzip',
    'gunzip',
    'sort',
  ],
  ...['grep', 'sed', 'bc', 'dd', 'pipes', 'system-calls', 'find'],
];
/** One run serves the workload as a whole and all of its pieces. */
const shell = (name, kernel, rest) => ({
  name: `${name}-${kernel}`,
  kernel: `shell-${kernel}`,
  guest: () => debianGuest(kernel, `${BUILD}bench/debian.cpio.gz`, 'console=ttyS0 bench=pieces'),
  ...rest,
});
const pieces = (kernel) => PIECES.map((piece) => shell(piece, kernel, { kind: 'piece', piece }));
const workload = (name, kernel, figure) => shell(name, kernel, { kind: 'workload', figure });

/**
 * `reference`: the engine that figures are divided by; without one they stand for themselves, in `unit`. `engines`: those that can take part, if
 * not all. `required` and `aim` are for hvm's geometric mean. Groups without them are for information.
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
    engines: EMULATORS,
    required: 1.5,
    aim: 0.8,
    cases: kernels(SYSTEM, true),
  },
  {
    id: 'debian-boot',
    title: 'Debian 686 to BOOT-OK',
    reference: 'qemu',
    engines: EMULATORS,
    required: 1.6,
    aim: 1,
    cases: [testGuest('boot-686', '686', 'boot')],
  },
  {
    id: 'debian-workload',
    title: 'Debian 686, boot and shell workload, whole run',
    reference: 'qemu',
    engines: EMULATORS,
    required: 1.5,
    aim: 0.95,
    cases: [workload('workload', '686', 'cpu')],
  },
  {
    id: 'debian-short',
    title: 'Debian 686, boot and the short workload of the tests, whole run',
    reference: 'qemu',
    engines: EMULATORS,
    cases: [testGuest('short-686', '686', 'whole')],
  },
  {
    id: 'debian-forks',
    title: 'fork and exec, 300 times',
    reference: 'qemu',
    engines: EMULATORS,
    required: 2,
    aim: 1,
    cases: [span('forks-686', '686', 'forks', 'cpu')],
  },
  {
    id: 'debian-pae',
    title: 'Debian 686-pae, the same boot and workload',
    reference: 'qemu',
    engines: EMULATORS,
    required: 1.6,
    aim: 1,
    cases: [testGuest('boot-686-pae', '686-pae', 'boot'), workload('workload', '686-pae', 'cpu')],
  },
  {
    id: 'pieces',
    title: 'Debian 686, the shell workload piece by piece',
    reference: 'qemu',
    engines: EMULATORS,
    cases: pieces('686'),
  },
  {
    id: 'pieces-pae',
    title: 'Debian 686-pae, the shell workload piece by piece',
    reference: 'qemu',
    engines: EMULATORS,
    cases: pieces('686-pae'),
  },
  {
    id: 'memory',
    title: 'peak RSS beyond guest memory after the workload',
    unit: 'MB',
    engines: EMULATORS,
    required: 200,
    aim: 120,
    cases: [workload('memory', '686', 'peak')],
  },
  {
    id: 'start',
    title: 'process start to end of an empty guest',
    unit: 's',
    engines: EMULATORS,
    required: 0.3,
    aim: 0.15,
    cases: [{ name: 'start-to-end', kind: 'start', guest: () => emptyGuest(false) }],
  },
  {
    id: 'first',
    title: 'process start to the first line of output',
    unit: 's',
    engines: EMULATORS,
    cases: [{ name: 'start-to-output', kind: 'first', guest: () => emptyGuest(false) }],
  },
  {
    id: 'idle',
    title: 'idle, share of one core',
    unit: 'share',
    engines: EMULATORS,
    required: 0.05,
    aim: 0.02,
    cases: [
      {
        name: 'idle-100-hz',
        kind: 'idle',
        guest: () => kernelGuest('idle', 1000, true),
      },
      span('idle-686', '686', 'idle', 'share'),
    ],
  },
];

export const ENGINES = ['native', 'hvm', 'interpreter', 'v86', 'qemu'];
