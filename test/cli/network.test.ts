/** The guest's network on real sockets of the host (loopback only), and the options that describe it. */
import { once } from 'node:events';
import * as dgram from 'node:dgram';
import * as net from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeSockets } from '../../src/cli/host/sockets.js';
import { parseNetwork } from '../../src/cli/network-options.js';
import { parseArguments } from '../../src/cli/options.js';
import { RUN_OPTIONS, runConfiguration } from '../../src/cli/run-options.js';
import {
  ACK,
  FIN,
  GATEWAY,
  GUEST,
  PSH,
  RST,
  SYN,
  TcpPeer,
  TestGuest,
  be16,
  read16,
  udpPacket,
} from '../network/guest.js';
import { Scratch, code, elf32, hvm } from './hvm.js';

describe('--net', () => {
  it('describes a card and its network, with the words of QEMU too', () => {
    expect(parseNetwork('none')).toBeUndefined();
    const network = parseNetwork(
      'user,id=n0,model=rtl8139,hostfwd=tcp::2222-:22,hostfwd=tcp:0.0.0.0:80-10.0.2.16:8080,restrict=on,mac=52:54:00:aa:bb:cc,bootfile=http://10.0.2.2/x',
    )!;
    expect(network.forwards).toEqual([
      {
        text: 'tcp::2222-:22',
        protocol: 'tcp',
        address: '127.0.0.1',
        port: 2222,
        guest: { address: 0x0a00020f, port: 22 },
      },
      {
        text: 'tcp:0.0.0.0:80-10.0.2.16:8080',
        protocol: 'tcp',
        address: '0.0.0.0',
        port: 80,
        guest: { address: 0x0a000210, port: 8080 },
      },
    ]);
    expect([network.restrict, network.bootFile]).toEqual([true, 'http://10.0.2.2/x']);
    expect([...network.station]).toEqual([0x52, 0x54, 0, 0xaa, 0xbb, 0xcc]);
    const command = { name: 'run', usage: 'run', options: RUN_OPTIONS };
    const config = runConfiguration(parseArguments(['-kernel', 'k', '-nic', 'user,restrict'], command));
    expect(config.network!.restrict).toBe(true);
    expect(runConfiguration(parseArguments(['-kernel', 'k'], command)).network).toBeUndefined();
  });
  it.each([
    ['tap', /'tap': expected none, or user/],
    ['none,restrict', /expected none, or user/],
    ['user,frob', /'frob': expected hostfwd/],
    ['user,model=e1000', /'model=e1000': expected one of rtl8139/],
    ['user,restrict=maybe', /expected restrict=on or restrict=off/],
    ['user,mac=52:54', /expected six bytes/],
    ['user,mac=53:54:00:12:34:56', /expected six bytes/],
    ['user,bootfile=', /expected 1 to 127/],
    ['user,hostfwd=', /expected hostfwd=tcp/],
    ['user,hostfwd=sctp::1-:1', /expected hostfwd=tcp/],
    ['user,hostfwd=tcp::0-:22', /expected hostfwd=tcp/],
    ['user,hostfwd=tcp::70000-:22', /expected hostfwd=tcp/],
    ['user,hostfwd=tcp:localhost:22-:22', /expected hostfwd=tcp/],
    ['user,hostfwd=tcp::22-10.0.2.300:22', /expected hostfwd=tcp/],
  ])('refuses %s', (value, message) => {
    expect(() => parseNetwork(value)).toThrow(message);
  });
});

describe('hvm run --net', () => {
  const scratch = new Scratch();
  const kernel = scratch.write('print.elf', elf32(code.print('up\n'), code.idle));
  const common = ['run', '--kernel', kernel, '--memory', '16M', '--until', 'up', '--timeout', '40'];
  afterEach(() => scratch.remove());

  it('names a port that is taken, a file that cannot be written, and an option that is missing', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const taken = await hvm([...common, '--net', `user,hostfwd=tcp::${port}-:22`]);
    server.close();
    expect([taken.status, taken.stderr]).toEqual([
      1,
      `hvm: --net hostfwd=tcp::${port}-:22: the port is in use\n`,
    ]);
    const unwritable = await hvm([...common, '--net', 'user', '--pcap', '/nonexistent/x']);
    expect([unwritable.status, unwritable.stderr]).toEqual([
      1,
      "hvm: --pcap '/nonexistent/x': no such file\n",
    ]);
    const rom = await hvm([...common, '--net', 'user,romfile=/nonexistent/rom']);
    expect([rom.status, rom.stderr]).toEqual([1, "hvm: --net romfile= '/nonexistent/rom': no such file\n"]);
    const alone = await hvm([...common, '--pcap', 'x']);
    expect([alone.status, alone.stderr]).toEqual([1, 'hvm: --pcap: needs --net user as well\n']);
  }, 120_000);
});

/** Lets sockets work until `done`. */
async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 2));
  if (!done()) throw new Error('nothing happened for four seconds');
}

let sockets: NodeSockets;
let guest: TestGuest;
let toClose: { close(): void }[];
beforeEach(() => {
  sockets = new NodeSockets();
  guest = new TestGuest({ sockets });
  guest.announce();
  toClose = [];
});
afterEach(() => {
  guest.network.reset();
  sockets.close();
  for (const server of toClose) server.close();
});
async function serve(accept: (socket: net.Socket) => void): Promise<number> {
  const server = net.createServer({ allowHalfOpen: true }, accept).listen(0, '127.0.0.1');
  toClose.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
/** The guest has called; waits for the answer to its SYN and completes the connection. */
async function established(peer: TcpPeer): Promise<void> {
  peer.send(SYN, [], [2, 4, ...be16(1460)]);
  await until(() => guest.frames.length > 0);
  const [answer] = guest.takeSegments();
  expect(answer!.flags).toBe(SYN | ACK);
  peer.expected = answer!.sequence + 1;
  peer.send(ACK);
}

describe('sockets of the host', () => {
  it('carry a connection of the guest both ways, with both ends', async () => {
    const reply = Uint8Array.from({ length: 500_000 }, (_, i) => (i >> 5) & 255);
    const port = await serve((socket) => {
      const got: Buffer[] = [];
      socket.on('data', (bytes) => got.push(bytes));
      socket.on('end', () => {
        socket.write(Buffer.concat(got));
        socket.end(reply);
      });
    });
    const peer = new TcpPeer(guest, GATEWAY, port);
    let activity = 0;
    sockets.activity = () => activity++;
    await established(peer);
    peer.send(ACK | PSH, [1, 2, 3]);
    peer.send(ACK | FIN);
    await until(() => {
      peer.settle();
      return peer.finished;
    });
    expect(peer.received.slice(0, 3)).toEqual([1, 2, 3]);
    expect(peer.received.length).toBe(3 + reply.length);
    expect(peer.received.every((byte, i) => i < 3 || byte === reply[i - 3])).toBe(true);
    expect(guest.network.conversations).toBe(0);
    expect(activity).toBeGreaterThan(0);
  });
  it('refuse, and break, as the host does', async () => {
    const port = await serve((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const peer = new TcpPeer(guest, GATEWAY, port);
    await established(peer);
    peer.send(ACK | PSH, [1]);
    await until(() => {
      peer.settle();
      return peer.reset;
    });
    toClose.pop()!.close();
    const refused = new TcpPeer(guest, GATEWAY, port, 40001);
    refused.send(SYN);
    await until(() => guest.frames.length > 0);
    expect(guest.takeSegments().map((segment) => segment.flags)).toEqual([RST | ACK]);
  });
  it('break when the guest resets', async () => {
    let broken = '';
    const port = await serve((socket) => {
      socket.on('error', (error: NodeJS.ErrnoException) => (broken = error.code!));
      socket.resume();
    });
    const peer = new TcpPeer(guest, GATEWAY, port);
    await established(peer);
    peer.send(RST);
    await until(() => broken !== '');
    expect(broken).toBe('ECONNRESET');
  });
  it('carry datagrams', async () => {
    const server = dgram.createSocket('udp4');
    toClose.push(server);
    server.on('message', (bytes, from) =>
      server.send(Uint8Array.from([...bytes, 9]), from.port, from.address),
    );
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    guest.sendIp(udpPacket(GUEST, 5000, GATEWAY, port, [1, 2]));
    await until(() => guest.frames.length > 0);
    const [answer] = guest.takeIp();
    expect([read16(answer!.payload, 0), answer!.payload.slice(8)]).toEqual([port, [1, 2, 9]]);
  });
  it('listen on loopback for the guest and pass connections on', async () => {
    const port = await serve(() => {});
    toClose.pop()!.close();
    await sockets.listen({
      label: '--net hostfwd',
      address: '127.0.0.1',
      port,
      accept: (socket) => guest.network.acceptTcp(socket, { address: 0x0a00020f, port: 22 }),
    });
    const client = net.connect(port, '127.0.0.1');
    client.end('hello');
    await until(() => guest.frames.length > 0);
    const [syn] = guest.takeSegments();
    const peer = new TcpPeer(guest, GATEWAY, syn!.sourcePort, 22);
    peer.expected = syn!.sequence + 1;
    peer.send(SYN | ACK);
    await until(() => {
      peer.settle();
      return peer.finished;
    });
    expect(String.fromCharCode(...peer.received)).toBe('hello');
    const answer = once(client, 'data');
    peer.send(ACK | FIN, [0x6f, 0x6b]);
    expect(String((await answer)[0])).toBe('ok');
    await expect(
      sockets.listen({ label: '--net x', address: '127.0.0.1', port, accept: () => undefined }),
    ).rejects.toThrow('--net x: the port is in use');
  });
  it('take datagrams for the guest, each sender as a port of the gateway, and carry the answers back', async () => {
    const port = await serve(() => {});
    const place = { label: '--net x', address: '127.0.0.1', port };
    const forward = { address: 0x0a00020f, port: 69 };
    await sockets.listenUdp({
      ...place,
      received: (socket, from, bytes) => guest.network.acceptUdp(socket, forward, from, bytes),
    });
    const clients = [dgram.createSocket('udp4'), dgram.createSocket('udp4')];
    toClose.push(...clients);
    const answers: string[] = [];
    clients.forEach((client, i) => {
      client.on('message', (bytes, from) => answers.push(`${i} ${String(bytes)} ${from.port === port}`));
      client.send(`q${i}`, port, '127.0.0.1');
    });
    await until(() => guest.frames.length === 2);
    for (const { payload } of guest.takeIp()) {
      expect(read16(payload, 2)).toBe(69);
      guest.sendIp(udpPacket(GUEST, 69, GATEWAY, read16(payload, 0), [0x61, ...payload.slice(9)]));
    }
    await until(() => answers.length === 2);
    expect(answers.sort()).toEqual(['0 a0 true', '1 a1 true']);
    expect(guest.network.conversations).toBe(2);
    guest.clock.time += 61e9;
    guest.network.tick(guest.clock.time);
    expect(guest.network.conversations).toBe(0);
    await expect(sockets.listenUdp({ ...place, received: () => undefined })).rejects.toThrow(
      '--net x: the port is in use',
    );
  });
});
