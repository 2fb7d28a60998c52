// Boots a Debian guest with an RTL8139 under --net user and talks to it: DHCP, echo in all sizes, a fetch over HTTP from a server of ours on loopback, a refused
// connection, and a fetch from the guest's own server through hostfwd. Everything that passes is captured, and the capture is read back.
// usage: run-network-guest.mjs [--kernel 686] [--engine jit] [--clock host] [--timeout SECONDS]
// Last line: "N passed, N failed"; status 1 if any failed. The serial output is kept in guests/build/log/.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUILD = `${ROOT}guests/build/`;
const GUEST_PORT = 80;
const BYTES = 1_000_000;

const { values: options } = parseArgs({
  options: {
    kernel: { type: 'string', default: '686' },
    engine: { type: 'string', default: 'jit' },
    clock: { type: 'string', default: 'host' },
    timeout: { type: 'string', default: '1200' },
  },
});

const data = Buffer.from(Uint8Array.from({ length: BYTES }, (_, i) => (i * 31 + (i >> 7) * 17) & 255));
const md5 = (bytes) => createHash('md5').update(bytes).digest('hex');

function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

async function freePort() {
  const server = createTcpServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function guestArguments(webPort, hostPort, capture) {
  const append = `console=ttyS0 quiet web=${webPort} serve=${GUEST_PORT}`;
  return [
    ...[`${ROOT}bin/hvm.js`, 'run', '--kernel', `${BUILD}vmlinuz-${options.kernel}`],
    ...['--initrd', `${BUILD}network-${options.kernel}.cpio.gz`, '--append', append, '--memory', '256M'],
    ...['--engine', options.engine, '--clock', options.clock, '--no-reboot', '--timeout', options.timeout],
    ...['--net', `user,hostfwd=tcp::${hostPort}-:${GUEST_PORT}`, '--pcap', capture, '--serial', 'stdio'],
  ];
}

function fetchFromGuest(port) {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/data' }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve(md5(Buffer.concat(chunks))));
    });
    request.on('error', (error) => resolve(error.message));
  });
}

// Resolves to {status, output, fetched} when the guest has ended.
function runGuest(webPort, hostPort, capture) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, guestArguments(webPort, hostPort, capture), {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const watchdog = setTimeout(() => child.kill('SIGKILL'), (Number(options.timeout) + 60) * 1000);
    let output = '';
    let fetched;
    child.stdin.on('error', () => {});
    child.stdout.on('data', (chunk) => {
      output += chunk.toString('latin1');
      if (fetched !== undefined || !output.includes('SERVING')) return;
      fetched = fetchFromGuest(hostPort);
      fetched.then(() => child.stdin.write('thanks\n'));
    });
    child.on('close', async (status) => {
      clearTimeout(watchdog);
      resolve({ status, output: output.replaceAll('\r', ''), fetched: await fetched });
    });
  });
}

// Frames of a capture; throws when its lengths do not fit.
function framesOf(bytes) {
  if (bytes.readUInt32LE(0) !== 0xa1b2c3d4 || bytes.readUInt32LE(20) !== 1) throw new Error('not a capture');
  const frames = [];
  for (let at = 24; at < bytes.length;) {
    const length = bytes.readUInt32LE(at + 8);
    if (at + 16 + length > bytes.length) throw new Error('the capture is cut off');
    frames.push(bytes.subarray(at + 16, at + 16 + length));
    at += 16 + length;
  }
  return frames;
}

function capturedEcho(capture) {
  try {
    const frames = framesOf(readFileSync(capture));
    const isEcho = (frame, type) =>
      frame.readUInt16BE(12) === 0x0800 && frame[23] === 1 && frame[34] === type;
    return [8, 0].every((type) => frames.filter((frame) => isEcho(frame, type)).length >= 9);
  } catch {
    return false;
  }
}

async function main() {
  for (const file of [`vmlinuz-${options.kernel}`, `network-${options.kernel}.cpio.gz`])
    if (!existsSync(BUILD + file))
      throw new Error(`guests/build/${file} is missing; scripts/guests.sh makes it`);
  mkdirSync(`${BUILD}log`, { recursive: true });
  const name = `${BUILD}log/network-${options.kernel}-${options.engine}-${options.clock}`;
  const server = createServer((_request, response) => response.end(data));
  const webPort = await listen(server);
  const hostPort = await freePort();
  const { status, output, fetched } = await runGuest(webPort, hostPort, `${name}.pcap`);
  server.close();
  writeFileSync(`${name}.log`, output);
  const checks = [
    ['driver', /^DRIVER 8139/m.test(output)],
    ['carrier and address', output.includes('MAC 52:54:00:12:34:56 carrier 1')],
    ['lease', output.includes('LEASE 10.0.2.15/24 router 10.0.2.2 dns 10.0.2.3 server 10.0.2.2')],
    ...[56, 1400, 8000].map((size) => [
      `echo of ${size} bytes`,
      output.includes(`PING ${size} 3 packets transmitted, 3 packets received, 0%`),
    ]),
    ['fetch from the host', output.includes(`FETCHED ${BYTES} ${md5(data)}`)],
    ['refused connection', /^REFUSED .*refused/m.test(output)],
    ['fetch from the guest', fetched === md5(data)],
    ['capture', capturedEcho(`${name}.pcap`)],
    ['power-off', status === 0 && output.includes('NETWORK-DONE')],
  ];
  for (const [check, good] of checks) console.log(`${good ? 'PASS' : 'FAIL'} network: ${check}`);
  const failed = checks.filter(([, good]) => !good).length;
  if (failed > 0) console.log(output.slice(-1500));
  console.log(`${checks.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

main().catch((error) => {
  console.error(`run-network-guest.mjs: ${error.message}`);
  process.exitCode = 1;
});
