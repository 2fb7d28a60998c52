// A Debian guest with an RTL8139 under --net user: DHCP, echo in all sizes, a fetch over HTTP from a server of ours on loopback, a refused connection, and a fetch
// from the guest's own server through hostfwd. Everything that passes is captured, and the capture is read back. iPXE fetches the kernel over HTTP from the same
// server, or the kernel is loaded without a BIOS.
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { BUILD } from './host.mjs';
import { screenIn } from './loaders.mjs';

const GUEST_PORT = 80;
const BYTES = 1_000_000;
const KERNEL = `${BUILD}vmlinuz-686`,
  INITRD = `${BUILD}network-686.cpio.gz`;
const MEMORY = ['--memory', '256M'];

const data = Buffer.from(Uint8Array.from({ length: BYTES }, (_, i) => (i * 31 + (i >> 7) * 17) & 255));
const md5 = (bytes) => createHash('md5').update(bytes).digest('hex');
const append = (webPort) => `console=ttyS0 quiet web=${webPort} serve=${GUEST_PORT}`;

function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

async function freePort() {
  const server = createTcpServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What guest and iPXE ask for, by path. */
function webServer() {
  const files = { '/kernel': KERNEL, '/initrd': INITRD };
  const server = createServer((request, response) => {
    const { port } = server.address();
    const script = `#!ipxe\nkernel kernel ${append(port)}\ninitrd initrd\nboot\n`;
    if (request.url === '/data') response.end(data);
    else if (request.url === '/script') response.end(script);
    else if (request.url in files) createReadStream(files[request.url]).pipe(response);
    else response.writeHead(404).end();
  });
  return server;
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

/** Frames of a capture; throws an Error when its lengths do not fit. */
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
  const frames = framesOf(readFileSync(capture));
  const isEcho = (frame, type) => frame.readUInt16BE(12) === 0x0800 && frame[23] === 1 && frame[34] === type;
  return [8, 0].every((type) => frames.filter((frame) => isEcho(frame, type)).length >= 9);
}

const ways = {
  ipxe: (webPort) => ({
    start: ['--boot', 'n'],
    net: `,romfile=${BUILD}boot/pxe-rtl8139.rom,bootfile=http://10.0.2.2:${webPort}/script`,
  }),
  kernel: (webPort) => ({
    start: ['--kernel', KERNEL, '--initrd', INITRD, '--append', append(webPort)],
    net: '',
  }),
};

/** What has to be true in the end: name → whether it is. */
function checks({ status, text, fetched, capture }) {
  return {
    driver: /^DRIVER 8139/m.test(text),
    'carrier and address': text.includes('MAC 52:54:00:12:34:56 carrier 1'),
    lease: text.includes('LEASE 10.0.2.15/24 router 10.0.2.2 dns 10.0.2.3 server 10.0.2.2'),
    ...Object.fromEntries(
      [56, 1400, 8000].map((size) => [
        `echo of ${size} bytes`,
        text.includes(`PING ${size} 3 packets transmitted, 3 packets received, 0%`),
      ]),
    ),
    'fetch from the host': text.includes(`FETCHED ${BYTES} ${md5(data)}`),
    'refused connection': /^REFUSED .*refused/m.test(text),
    'fetch from the guest': fetched === md5(data),
    'power-off': status === 0 && text.includes('NETWORK-DONE'),
    capture: status === 0 && capturedEcho(capture),
  };
}

async function runNetwork(way, { guest, directory }) {
  const server = webServer();
  const [webPort, hostPort] = [await listen(server), await freePort()];
  const { start, net } = ways[way](webPort);
  const capture = join(directory, 'capture.pcap');
  const screen = join(directory, 'screen.txt');
  let fetched;
  const { status, text } = await guest(
    [
      ...['--clock', 'host', '--no-reboot', '--debugcon', 'null', '--serial', 'stdio', ...start, ...MEMORY],
      ...['--net', `user,hostfwd=tcp::${hostPort}-:${GUEST_PORT}${net}`],
      ...['--pcap', capture, '--screenshot', screen],
    ],
    {
      onOutput: (said, child) => {
        if (fetched !== undefined || !said.includes('SERVING')) return;
        fetched = fetchFromGuest(hostPort);
        fetched.then(() => child.stdin.write('thanks\n'));
      },
    },
  );
  server.close();
  const results = checks({ status, text, fetched: await fetched, capture });
  const wrong = Object.keys(results).filter((name) => !results[name]);
  if (wrong.length === 0) return {};
  return {
    error: `status ${status}, wrong: ${wrong.join(', ')}`,
    text: text.slice(-1500) + screenIn(screen),
  };
}

export const NETWORKS = [
  {
    name: "iPXE starts Debian over HTTP; ping and HTTP both ways through the kernel's RTL8139 driver",
    media: [],
    firmwares: ['SeaBIOS', 'built-in'],
    engines: ['jit'],
    longEngines: ['interpreter'],
    run: (context) => runNetwork('ipxe', context),
  },
  {
    name: "ping and HTTP both ways through the kernel's RTL8139 driver",
    media: [],
    firmwares: ['none'],
    engines: ['interpreter'],
    longEngines: ['jit'],
    run: (context) => runNetwork('kernel', context),
  },
];
