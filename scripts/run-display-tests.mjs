// Compares screens with QEMU: guests/display draws each mode in both, and every pixel must be the same (of colours that come through the
// DAC the six bits it has, which emulators widen to eight in different ways). With --vnc it also checks that Debian's viewers work: the
// picture that vncsnapshot takes, and keys typed into tigervnc-viewer under Xvfb. With --browser noVNC in Chromium shows the guest and types,
// with --terminal a terminal does.
// usage: run-display-tests.mjs [--modes text,mode13,...] [--engine jit] [--vnc] [--browser] [--terminal] [--keep DIRECTORY] [--hvm PATH]
// Needs qemu-system-x86; --vnc: vncsnapshot tigervnc-viewer xvfb xdotool x11-apps; --browser: chromium.
// Last line: "N passed, N failed".
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { inflateSync } from 'node:zlib';
import { checkNoVnc } from './display/novnc.mjs';
import { checkTerminal, checkTermination } from './display/terminal.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const KERNEL = `${ROOT}guests/display/display.elf`;
const MODES = ['text', 'text50', 'mode13', 'mode12', 'modex', 'split', 'vbe8', 'vbe16', 'vbe24', 'vbe32'];
const SECONDS = 120;

const { values: options } = parseArgs({
  options: {
    modes: { type: 'string', default: MODES.join() },
    engine: { type: 'string', default: 'jit' },
    vnc: { type: 'boolean', default: false },
    browser: { type: 'boolean', default: false },
    terminal: { type: 'boolean', default: false },
    keep: { type: 'string' },
    hvm: { type: 'string', default: `${ROOT}bin/hvm.js` },
  },
});
const directory = options.keep ?? mkdtempSync(`${tmpdir()}/display-tests-`);

async function until(what, condition) {
  for (const end = Date.now() + SECONDS * 1000; Date.now() < end; await sleep(100)) {
    const value = await condition();
    if (value) return value;
  }
  throw new Error(`${what} did not come in ${SECONDS} s`);
}

/** Binary PPM with 255 as the largest value: { width, height, data } with three bytes a pixel. */
function readPpm(path) {
  const bytes = readFileSync(path);
  const match = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(bytes.subarray(0, 64).toString('latin1'));
  return { width: Number(match[1]), height: Number(match[2]), data: bytes.subarray(match[0].length) };
}

/** A PNG as --screenshot writes it: true colour, eight bits. */
function readPng(path) {
  const bytes = readFileSync(path);
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  const parts = [];
  for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at))
    if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT')
      parts.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at)));
  const lines = inflateSync(Buffer.concat(parts));
  const stride = width * 3;
  const data = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = lines[y * (stride + 1)];
    if (filter !== 0 && filter !== 2) throw new Error(`${path}: filter ${filter}`);
    for (let i = 0; i < stride; i++) {
      const above = filter === 2 && y > 0 ? data[(y - 1) * stride + i] : 0;
      data[y * stride + i] = lines[y * (stride + 1) + 1 + i] + above;
    }
  }
  return { width, height, data };
}

async function qemuPicture(mode) {
  const [serial, picture] = [`${directory}/${mode}-qemu.txt`, `${directory}/${mode}-qemu.ppm`];
  const machine = [
    '-accel',
    'tcg',
    '-m',
    '64',
    '-vga',
    'std',
    '-display',
    'none',
    '-serial',
    `file:${serial}`,
  ];
  const child = spawn(
    'qemu-system-i386',
    [...machine, '-monitor', 'stdio', '-kernel', KERNEL, '-append', mode],
    {
      stdio: ['pipe', 'ignore', 'inherit'],
    },
  );
  const gone = new Promise((resolve) => child.on('exit', resolve));
  try {
    await until('DRAWN', () => existsSync(serial) && readFileSync(serial, 'latin1').includes('DRAWN'));
    child.stdin.write(`screendump ${picture}\nquit\n`);
    await gone;
  } finally {
    child.kill('SIGKILL');
  }
  return readPpm(picture);
}

function hvmPicture(mode) {
  const picture = `${directory}/${mode}-hvm.png`;
  const run = ['run', '--kernel', KERNEL, '--append', mode, '-m', '64M', '--engine', options.engine];
  const result = spawnSync(
    process.execPath,
    [options.hvm, ...run, '--clock', 'virtual', '--until', 'DRAWN', '--screenshot', picture],
    { encoding: 'latin1', timeout: SECONDS * 1000 },
  );
  if (result.status !== 0) throw new Error(`hvm ended with status ${result.status}: ${result.stderr.trim()}`);
  return readPng(picture);
}

function comparePictures(mode, ours, theirs) {
  if (ours.width !== theirs.width || ours.height !== theirs.height)
    throw new Error(`${ours.width} by ${ours.height}, QEMU ${theirs.width} by ${theirs.height}`);
  const drop = /^vbe(16|24|32)$/.test(mode) ? 0 : 2;
  const differing = [];
  for (let i = 0; i < ours.data.length; i += 3)
    if ([0, 1, 2].some((c) => ours.data[i + c] >> drop !== theirs.data[i + c] >> drop)) differing.push(i / 3);
  if (differing.length === 0) return;
  const [first] = differing;
  const at = (picture) => [...picture.data.subarray(first * 3, first * 3 + 3)].join();
  const place = `${first % ours.width},${Math.floor(first / ours.width)}`;
  throw new Error(
    `${differing.length} pixels differ, the first at ${place}: ${at(ours)}, QEMU ${at(theirs)}`,
  );
}

async function compareMode(mode) {
  const ours = hvmPicture(mode);
  comparePictures(mode, ours, await qemuPicture(mode));
  return `${ours.width} by ${ours.height}, ${new Set(pixels(ours)).size} colours`;
}
const pixels = ({ data }) => Array.from({ length: data.length / 3 }, (_, i) => data.readUIntBE(i * 3, 3));

/** A guest that echoes scan codes, and viewers of it. */
async function checkViewers() {
  const [serial, password] = [`${directory}/keys.txt`, `${directory}/password`];
  const children = [];
  rmSync(serial, { force: true });
  const start = (program, ...args) => {
    const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, DISPLAY: ':87' } });
    children.push(child);
    return child;
  };
  const run = (program, ...args) =>
    spawnSync(program, args, {
      encoding: 'latin1',
      timeout: 60_000,
      env: { ...process.env, DISPLAY: ':87' },
    });
  try {
    run('sh', '-c', `printf 'secret\\n' >${password}; printf secret | vncpasswd -f >${password}.vnc`);
    const hvm = ['run', '--kernel', KERNEL, '--append', 'keys', '-m', '64M', '--serial', `file:${serial}`];
    start(process.execPath, options.hvm, ...hvm, '--vnc', `:87,password-file=${password}`);
    const typed = () => (existsSync(serial) ? readFileSync(serial, 'latin1') : '');
    await until('DRAWN', () => typed().includes('DRAWN'));
    const snapshot = `${directory}/snapshot.jpg`;
    const taken = run(
      'vncsnapshot',
      '-passwd',
      `${password}.vnc`,
      '-quality',
      '95',
      '127.0.0.1:87',
      snapshot,
    );
    if (!/720x400 screen/.test(taken.stderr + taken.stdout) || !existsSync(snapshot))
      throw new Error(`vncsnapshot: ${taken.stderr}`);
    console.log('PASS vncsnapshot takes the picture of 720 by 400');
    start('Xvfb', ':87', '-screen', '0', '1024x768x24');
    await until('Xvfb', () => run('xdotool', 'getdisplaygeometry').status === 0);
    start('xtigervncviewer', '-passwd', `${password}.vnc`, '127.0.0.1:87');
    const window = await until('the viewer', () =>
      run('xdotool', 'search', '--onlyvisible', '--name', 'hvm').stdout.trim(),
    );
    await until('the picture', () => new Set(run('xwd', '-root', '-silent').stdout.slice(4096)).size > 20);
    run('xdotool', 'windowfocus', '--sync', window.split('\n')[0]);
    run('xdotool', 'mousemove', '--window', window.split('\n')[0], '100', '100');
    run('xdotool', 'type', '--delay', '200', 'aB');
    run('xdotool', 'key', 'Up');
    await until('the keys', () => /k1e \nk9e \n(.*\n)*k30 \n(.*\n)*ke0 \nk48 \n/.test(typed()));
    console.log('PASS tigervnc-viewer shows the screen and types into it');
    for (const x of ['150', '200', '250'])
      run('xdotool', 'mousemove', '--window', window.split('\n')[0], x, '120', 'click', '1');
    // A report of three bytes with the left button, and one without.
    const report = (first) => `m${first} \\nm[0-9a-f]{2} \\nm[0-9a-f]{2} \\n`;
    const click = new RegExp(`${report('[0-3]9')}(.*\\n)*${report('[0-3]8')}`);
    await until('the mouse', () => click.test(typed()));
    console.log('PASS tigervnc-viewer uses the mouse');
    return 3;
  } finally {
    for (const child of children) child.kill('SIGTERM');
  }
}

/** What the monitor answers to a command; it is closed after the next prompt. */
function monitor(path, command) {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let said = '';
    socket.setEncoding('utf8');
    socket.on('error', reject);
    socket.on('data', (data) => {
      said += data;
      const prompts = said.split('(hvm) ').length - 1;
      if (prompts === 1) socket.write(`${command}\n`);
      if (prompts === 2) socket.destroy();
    });
    socket.on('close', () => resolve(said));
  });
}

/** The guest that echoes keys, and noVNC as its client. */
async function checkBrowser() {
  const [serial, password] = [`${directory}/browser-keys.txt`, `${directory}/browser-password`];
  const [socket, picture] = [`${directory}/monitor`, `${directory}/browser.png`];
  rmSync(serial, { force: true });
  writeFileSync(password, 'secret\n');
  const run = ['run', '--kernel', KERNEL, '--append', 'keys', '-m', '64M', '--serial', `file:${serial}`];
  const vnc = `:89,websocket,password-file=${password}`;
  const child = spawn(process.execPath, [options.hvm, ...run, '--vnc', vnc, '--monitor', `unix:${socket}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const typed = () => (existsSync(serial) ? readFileSync(serial, 'latin1') : '');
  try {
    await until('DRAWN', () => typed().includes('DRAWN'));
    const guest = {
      webSocketPort: 5700 + 89,
      typed,
      picture: async () => {
        const said = await monitor(socket, `screendump ${picture}`);
        if (said.includes('screendump:')) throw new Error(said);
        return readPng(picture);
      },
    };
    return await checkNoVnc(guest);
  } finally {
    child.kill('SIGTERM');
  }
}

/** The same guest on a terminal line, left by Ctrl-A x and ended by a signal. */
async function checkTerminals() {
  for (const [name, check] of [
    ['terminal', checkTerminal],
    ['termination', checkTermination],
  ]) {
    const files = `${directory}/${name}`;
    const [serial, socket] = [`${files}-keys.txt`, `${files}-monitor`];
    rmSync(serial, { force: true });
    const run = ['run', '--kernel', KERNEL, '--append', 'keys', '-m', '64M', '--serial', `file:${serial}`];
    const complaint = await check({
      command: [process.execPath, options.hvm, ...run, '--display', 'curses', '--monitor', `unix:${socket}`],
      typed: () => (existsSync(serial) ? readFileSync(serial, 'latin1') : ''),
      screen: async () => (await monitor(socket, 'screen')).split('(hvm) ')[1].split('\r\n'),
      until,
      files,
    });
    if (complaint !== '') throw new Error(`${name}: ${complaint}`);
    console.log(`PASS ${name}`);
    passed++;
  }
}

let passed = 0,
  failed = 0;
for (const mode of options.modes.split(',').filter(Boolean)) {
  try {
    console.log(`PASS ${mode}: ${await compareMode(mode)}`);
    passed++;
  } catch (error) {
    console.log(`FAIL ${mode}: ${error.message}`);
    failed++;
  }
}
if (options.vnc) {
  try {
    passed += await checkViewers();
  } catch (error) {
    console.log(`FAIL VNC: ${error.message}`);
    failed++;
  }
}
if (options.terminal) {
  try {
    await checkTerminals();
  } catch (error) {
    console.log(`FAIL ${error.message}`);
    failed++;
  }
}
if (options.browser) {
  try {
    console.log(`PASS noVNC: ${await checkBrowser()}`);
    passed++;
  } catch (error) {
    console.log(`FAIL ${error.message}`);
    failed++;
  }
}
if (options.keep === undefined) rmSync(directory, { recursive: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
