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
    guest: kernelGuest(name, rounds, paging),
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
];

export const ENGINES = ['native', 'hvm', 'interpreter', 'v86', 'qemu'];
