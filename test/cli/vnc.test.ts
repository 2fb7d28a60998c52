/** VNC over real sockets, TCP and WebSocket: several clients, whose keys are let go; who may come; what the option says. */
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { VncServer } from '../../src/cli/host/vnc-server.js';
import { tcpListener } from '../../src/cli/host/vnc-transport.js';
import type { VncListener } from '../../src/cli/host/vnc-transport.js';
import { mayConnect, webSocketListener } from '../../src/cli/host/vnc-websocket.js';
import { parseVnc } from '../../src/cli/vnc-options.js';
import { frameOf } from '../../src/display/frame.js';
import type { KeyEvent } from '../../src/display/us-keyboard.js';

const LOOPBACK = '127.0.0.1';
const ANY = { host: LOOPBACK, port: 0 };

describe('--vnc', () => {
  const tcp = (host: string, port: number) => ({
    address: { host, port },
    webSocket: undefined,
    passwordFile: undefined,
  });
  it('is on loopback unless a host is named', () => {
    expect(parseVnc(':3')).toEqual(tcp(LOOPBACK, 5903));
    expect(parseVnc('0.0.0.0:0')).toEqual(tcp('0.0.0.0', 5900));
    expect(parseVnc('[::1]:1')).toEqual(tcp('::1', 5901));
    expect(parseVnc(':1,password-file=a b')?.passwordFile).toBe('a b');
    expect(parseVnc('none')).toBeUndefined();
  });
  it.each([
    [':2,websocket', LOOPBACK, 5702],
    [':2,websocket=on', LOOPBACK, 5702],
    [':2,websocket=8080', LOOPBACK, 8080],
    ['[::1]:2,password-file=x,websocket', '::1', 5702],
    [':2,websocket=10.1.2.3:80', '10.1.2.3', 80],
    [':2,websocket=[::]:80', '::', 80],
  ])('%s has browsers come to %s port %i', (value, host, port) =>
    expect(parseVnc(value)?.webSocket).toEqual({ host, port }),
  );
  it('websocket=off', () => expect(parseVnc(':2,websocket,websocket=off')).toEqual(tcp(LOOPBACK, 5902)));
  const wrong = ['1', ':', ':x', ':60000', ':1,foo', ':1,password-file=', ':1,password-file', ':1,'];
  it.each([...wrong, ...['x', '0', '65536', ''].map((port) => `:1,websocket=${port}`)])(
    'refuses %s',
    (value) => expect(() => parseVnc(value)).toThrow(/--vnc '.*': expected \[HOST\]:N/),
  );
});

interface Client {
  send(bytes: Uint8Array | string): void;
  /** What came so far, once it is so long. */
  received(count: number): Promise<Uint8Array>;
  leave(): void;
  readonly closed: Promise<unknown>;
}

function collector() {
  const chunks: Uint8Array[] = [];
  const received = async (count: number): Promise<Uint8Array> => {
    while (Buffer.concat(chunks).length < count) await new Promise((resolve) => setTimeout(resolve, 2));
    return Buffer.concat(chunks);
  };
  return { chunks, received };
}

function tcpClient(port: number): Promise<Client> {
  const { chunks, received } = collector();
  const socket = connect(port, LOOPBACK);
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise((resolve) => socket.on('close', resolve));
  return Promise.resolve({
    send: (bytes) => void socket.write(bytes),
    received,
    leave: () => socket.destroy(),
    closed,
  });
}

function webClient(port: number, origin?: string): Promise<Client> {
  const { chunks, received } = collector();
  const socket = new WebSocket(`ws://${LOOPBACK}:${port}`, 'binary', origin === undefined ? {} : { origin });
  socket.on('message', (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise((resolve) => socket.on('close', resolve));
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () =>
      resolve({
        send: (bytes) => socket.send(typeof bytes === 'string' ? Buffer.from(bytes) : bytes),
        received,
        leave: () => socket.terminate(),
        closed,
      }),
    );
  });
}

const frame = frameOf(8, 8);
let keys: KeyEvent[];
let server: VncServer;
function serve(password?: Uint8Array): VncServer {
  return new VncServer(
    {
      changes: 0,
      frame: () => frame,
      keys: (events) => keys.push(...events),
      mouse: () => {},
      leds: () => 0,
    },
    password,
  );
}
beforeEach(() => {
  keys = [];
  server = serve();
});
afterEach(() => server.close());

/** Greetings, security, result, and the head of ServerInit with the name. */
const HEAD = 12 + 2 + 4 + 24 + 3;
const UPDATE = 4 + 12 + 8 * 8 * 4;

const TRANSPORTS: [string, () => VncListener, (port: number) => Promise<Client>][] = [
  ['TCP', () => tcpListener(ANY), tcpClient],
  ['WebSocket', () => webSocketListener(ANY, false), webClient],
];

describe.each(TRANSPORTS)('over %s', (_name, listener, client) => {
  it('several clients see the screen and type; keys of one that goes are let go', async () => {
    const port = await server.listen(listener());
    const clients = [await client(port), await client(port)];
    for (const { send, received } of clients) {
      send('RFB 003.008\n\x01\x01');
      await received(HEAD);
      send(Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 8, 0, 8, 4, 1, 0, 0, 0, 0, 0, 0x61));
      expect(await received(HEAD + UPDATE)).toHaveLength(HEAD + UPDATE);
    }
    clients[0]!.leave();
    while (keys.length < 3) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(keys).toEqual([true, true, false].map((down) => ({ key: 0x1e, down })));
  });
  it('whatever clients say, the next one is served', async () => {
    const port = await server.listen(listener());
    const hello = fc.constantFrom('', 'RFB 003.008\n', 'RFB 003.008\n\x01\x01');
    await fc.assert(
      fc.asyncProperty(
        hello,
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }),
        async (text, pieces) => {
          const hostile = await client(port);
          hostile.send(text);
          for (const piece of pieces) hostile.send(piece);
          hostile.leave();
          const next = await client(port);
          expect(String(await next.received(12))).toBe('RFB 003.008\n');
          next.leave();
        },
      ),
      { numRuns: 25 },
    );
  });
  it('a client that talks nonsense is closed, one too many sent away', async () => {
    const port = await server.listen(listener());
    const nonsense = await client(port);
    nonsense.send('GET / HTTP/1.1\r\n');
    await nonsense.closed;
    const clients = await Promise.all(Array.from({ length: 33 }, () => client(port)));
    await Promise.race(clients.map(({ closed }) => closed));
    for (const one of clients) one.leave();
  });
});

it('TCP and WebSocket at once', async () => {
  const clients = [
    await tcpClient(await server.listen(tcpListener(ANY))),
    await webClient(await server.listen(webSocketListener(ANY, false))),
  ];
  for (const { received } of clients) expect(String(await received(12))).toBe('RFB 003.008\n');
  server.close();
  await Promise.all(clients.map(({ closed }) => closed));
});

it('text is no RFB', async () => {
  const port = await server.listen(webSocketListener(ANY, false));
  const socket = new WebSocket(`ws://${LOOPBACK}:${port}`);
  socket.on('open', () => socket.send('RFB 003.008\n'));
  expect(await new Promise((resolve) => socket.on('close', resolve))).toBe(1003);
});

it('pages of other sites may come only where a password is asked for', async () => {
  expect(mayConnect(undefined, false)).toBe(true);
  for (const origin of ['http://localhost:8000', 'https://127.0.0.1', 'http://[::1]:1'])
    expect(mayConnect(origin, false)).toBe(true);
  for (const origin of ['https://example.org', 'http://localhost.example.org', 'null', '', 'x']) {
    expect(mayConnect(origin, false)).toBe(false);
    expect(mayConnect(origin, true)).toBe(true);
  }
  const port = await server.listen(webSocketListener(ANY, false));
  await expect(webClient(port, 'https://example.org')).rejects.toThrow('401');
  const own = await webClient(port, 'http://localhost:8000');
  own.leave();
});

it('says where it cannot listen', async () => {
  await expect(serve().listen(tcpListener({ host: '256.0.0.1', port: 1 }))).rejects.toThrow(
    /^--vnc 256\.0\.0\.1:1: cannot listen there \(\w+\)$/,
  );
  const port = await server.listen(tcpListener(ANY));
  await expect(serve().listen(webSocketListener({ host: LOOPBACK, port }, false))).rejects.toThrow(
    `--vnc websocket=127.0.0.1:${port}: cannot listen there (somebody listens there already)`,
  );
});
