// Compares our qcow2 images with those of qemu-img (Debian package qemu-utils): images that it makes are read and written here at random, then
// `qemu-img check` has to find them clean and `qemu-img compare` has to find the content that was written. Needs the build in dist/.
// The last line is "N passed, N failed"; a seed given as argument repeats a run.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDrive } from '../dist/cli/host/disk-images.js';

const directory = mkdtempSync(join(tmpdir(), 'hvm-qcow2-'));
const seed = Number(process.argv[2] ?? 1);
let state = seed;
let passed = 0;
let failed = 0;

/** A generator whose sequence the seed decides (xorshift32). */
function random(limit) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
}

const file = (name) => join(directory, name);
const qemuImg = (...args) =>
  execFileSync('qemu-img', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const check = (path) => qemuImg('check', '-q', path);
const compare = (a, b) => qemuImg('compare', '-q', a, b);

function open(path, more = {}) {
  const spec = {
    label: '--disk',
    medium: 'disk',
    slot: 0,
    path,
    format: 'qcow2',
    snapshot: false,
    readOnly: false,
  };
  return openDrive({ ...spec, ...more });
}

function contentOf(image) {
  const bytes = new Uint8Array(image.size);
  for (let at = 0; at < bytes.length; at += 1 << 20) image.read(at, bytes.subarray(at, at + (1 << 20)));
  return bytes;
}

/** Compressible and incompressible stretches, and holes. */
function makeContent(size) {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const length = Math.min(size - at, 512 * (1 + random(400)));
    const kind = random(3);
    if (kind === 1) bytes.fill(1 + random(255), at, at + length);
    if (kind === 2) for (let i = 0; i < length; i++) bytes[at + i] = random(256);
    at += length;
  }
  return bytes;
}

function writeRandomly(image, mirror, count) {
  for (let i = 0; i < count; i++) {
    const at = 512 * random(mirror.length / 512);
    const length = Math.min(mirror.length - at, 512 * (1 + random(random(4) === 0 ? 300 : 8)));
    const piece = Uint8Array.from({ length }, () => random(256));
    image.write(at, piece);
    mirror.set(piece, at);
    if (i % 16 === 0) {
      const back = new Uint8Array(length);
      image.read(at, back);
      if (Buffer.compare(back, piece) !== 0) throw new Error(`reading back ${length} bytes at ${at} differs`);
    }
  }
  image.flush();
}

/** Reads the image, writes to it, and has qemu-img judge the result. */
function exercise(path, expected, writes) {
  const drive = open(path);
  try {
    if (Buffer.compare(contentOf(drive.image), expected) !== 0) throw new Error('the content read differs');
    writeRandomly(drive.image, expected, writes);
  } finally {
    drive.close();
  }
  check(path);
  writeFileSync(file('mirror.raw'), expected);
  compare(path, file('mirror.raw'));
  const again = open(path, { readOnly: true });
  const same = Buffer.compare(contentOf(again.image), expected) === 0;
  again.close();
  if (!same) throw new Error('the content read after reopening differs');
}

function test(name, body) {
  try {
    body();
    passed++;
    console.log(`PASS ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}: ${error.stderr?.toString() || error.message}`);
  }
}

function converted(name, size, options, ...flags) {
  const content = makeContent(size);
  writeFileSync(file('source.raw'), content);
  qemuImg(
    'convert',
    '-q',
    '-f',
    'raw',
    '-O',
    'qcow2',
    ...flags,
    '-o',
    options,
    file('source.raw'),
    file(name),
  );
  return content;
}

const MIB = 1 << 20;
for (const options of [
  'compat=0.10',
  'compat=1.1',
  'compat=1.1,cluster_size=512',
  'compat=0.10,cluster_size=4096',
  'compat=1.1,cluster_size=2M',
  'compat=1.1,refcount_bits=1',
  'compat=1.1,refcount_bits=2,cluster_size=1024',
  'compat=1.1,refcount_bits=8',
  'compat=1.1,refcount_bits=32',
  'compat=1.1,refcount_bits=64,cluster_size=512',
  'compat=1.1,lazy_refcounts=on',
]) {
  test(`empty image, ${options}`, () => {
    qemuImg('create', '-q', '-f', 'qcow2', '-o', options, file('a.qcow2'), '8M');
    exercise(file('a.qcow2'), new Uint8Array(8 * MIB), 300);
  });
  test(`converted image, ${options}`, () =>
    exercise(file('a.qcow2'), converted('a.qcow2', 4 * MIB, options), 200));
  // Compressed clusters share host clusters, which takes counts beyond 1.
  if (!/refcount_bits=[12]\b/.test(options))
    test(`compressed image, ${options}`, () =>
      exercise(file('a.qcow2'), converted('a.qcow2', 4 * MIB, options, '-c'), 200));
}
for (const preallocation of ['metadata', 'falloc', 'full']) {
  test(`preallocation=${preallocation}`, () => {
    qemuImg('create', '-q', '-f', 'qcow2', '-o', `preallocation=${preallocation}`, file('a.qcow2'), '8M');
    exercise(file('a.qcow2'), new Uint8Array(8 * MIB), 100);
  });
}
test('a refcount table that has to grow', () => {
  qemuImg(
    'create',
    '-q',
    '-f',
    'qcow2',
    '-o',
    'compat=1.1,cluster_size=512,refcount_bits=64',
    file('a.qcow2'),
    '16M',
  );
  const drive = open(file('a.qcow2'));
  const content = new Uint8Array(16 * MIB).map((_, i) => (i * 31) >> 7);
  drive.image.write(0, content);
  drive.close();
  exercise(file('a.qcow2'), content, 50);
});
test('a size that is no multiple of the cluster', () => {
  qemuImg('create', '-q', '-f', 'qcow2', file('a.qcow2'), String(3 * MIB + 1536));
  exercise(file('a.qcow2'), new Uint8Array(3 * MIB + 1536), 200);
});
test('a chain of backing files with relative names, the lowest one raw and short', () => {
  const base = makeContent(2 * MIB);
  writeFileSync(file('base.raw'), base);
  qemuImg('create', '-q', '-f', 'qcow2', '-b', 'base.raw', '-F', 'raw', file('middle.qcow2'), '4M');
  qemuImg(
    'create',
    '-q',
    '-f',
    'qcow2',
    '-b',
    'middle.qcow2',
    '-F',
    'qcow2',
    '-o',
    'cluster_size=4096',
    file('top.qcow2'),
    '6M',
  );
  const expected = new Uint8Array(6 * MIB);
  expected.set(base);
  const middle = open(file('middle.qcow2'));
  writeRandomly(middle.image, expected.subarray(0, 4 * MIB), 20);
  middle.close();
  exercise(file('top.qcow2'), expected, 300);
  if (Buffer.compare(readFileSync(file('base.raw')), base) !== 0) throw new Error('the backing file changed');
  check(file('middle.qcow2'));
});
test('internal snapshots keep their content', () => {
  const before = converted('a.qcow2', 4 * MIB, 'compat=1.1');
  writeFileSync(file('before.raw'), before);
  qemuImg('snapshot', '-c', 'kept', file('a.qcow2'));
  exercise(file('a.qcow2'), before.slice(), 200);
  qemuImg('convert', '-q', '-l', 'snapshot.name=kept', '-O', 'raw', file('a.qcow2'), file('kept.raw'));
  compare(file('kept.raw'), file('before.raw'));
  qemuImg('snapshot', '-a', 'kept', file('a.qcow2'));
  exercise(file('a.qcow2'), before, 100);
});
test('zero clusters, with and without space of their own', () => {
  const content = converted('a.qcow2', 4 * MIB, 'compat=1.1');
  execFileSync('qemu-io', ['-c', 'write -z 256k 512k', '-c', 'write -z -u 2M 192k', file('a.qcow2')], {
    stdio: 'ignore',
  });
  content.fill(0, 256 << 10, 768 << 10).fill(0, 2 * MIB, 2 * MIB + (192 << 10));
  exercise(file('a.qcow2'), content, 200);
});
test('a copy-on-write snapshot changes no file', () => {
  const content = converted('a.qcow2', 4 * MIB, 'compat=1.1', '-c');
  const before = readFileSync(file('a.qcow2'));
  const drive = open(file('a.qcow2'), { snapshot: true });
  writeRandomly(drive.image, content, 100);
  if (Buffer.compare(contentOf(drive.image), content) !== 0) throw new Error('the content read differs');
  drive.close();
  if (Buffer.compare(readFileSync(file('a.qcow2')), before) !== 0) throw new Error('the file changed');
});
for (const [options, complaint] of [
  ['compression_type=zstd', /zstd/],
  ['extended_l2=on', /extended L2/],
  ['data_file=a.data,data_file_raw=on', /external data file/],
]) {
  test(`refuses ${options} by name`, () => {
    qemuImg(
      'create',
      '-q',
      '-f',
      'qcow2',
      '-o',
      options.replace('a.data', file('a.data')),
      file('a.qcow2'),
      '1M',
    );
    try {
      open(file('a.qcow2')).close();
    } catch (error) {
      if (complaint.test(error.message)) return;
      throw error;
    }
    throw new Error('was opened');
  });
}

rmSync(directory, { recursive: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
