import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  ACK,
  FIN,
  GATEWAY,
  GUEST,
  NAME_SERVER,
  PSH,
  PlayedTcp,
  RST,
  SYN,
  TcpPeer,
  TestGuest,
  be16,
  be32,
  decodeSegment,
  ipPacket,
  read16,
  sealed,
} from './guest.js';

let guest: TestGuest;
let peer: TcpPeer;
beforeEach(() => {
  guest = new TestGuest();
  guest.announce();
  peer = new TcpPeer(guest, GATEWAY, 80);
});

const pattern = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255);

describe('opening a connection', () => {
  it('waits for the host and then offers its segment size', () => {
    peer.send(SYN, [], [2, 4, ...be16(1460), 1, 3, 3, 7]);
    expect(guest.takeIp()).toEqual([]);
    const [socket] = guest.host.tcp;
    expect([socket!.address, socket!.port]).toEqual(['127.0.0.1', 80]);
    socket!.events.connected();
    const [answer] = guest.takeSegments();
    expect([answer!.flags, answer!.acknowledgement]).toEqual([SYN | ACK, 1001]);
    expect(answer!.options).toEqual([2, 4, ...be16(1460), 1, 3, 3, 0]);
    peer.sendAt(1000, SYN);
    expect(guest.takeSegments().map((segment) => [segment.flags, segment.sequence])).toEqual([
      [SYN | ACK, answer!.sequence],
    ]);
    expect(guest.host.tcp).toHaveLength(1);
  });
  it("goes to the address the guest named, and for names to the host's server", () => {
    new TcpPeer(guest, [192, 0, 2, 7], 443).send(SYN);
    new TcpPeer(guest, NAME_SERVER, 53).send(SYN);
    expect(guest.host.tcp.map((socket) => `${socket.address}:${socket.port}`)).toEqual([
      '192.0.2.7:443',
      '192.0.2.53:53',
    ]);
  });
  it('refuses what nobody answers, at once', () => {
    peer.send(SYN);
    guest.host.tcp[0]!.events.failed('refused');
    expect(guest.takeSegments().map((segment) => segment.flags)).toEqual([RST | ACK]);
    peer = new TcpPeer(guest, [192, 0, 2, 7], 80);
    peer.send(SYN);
    guest.host.tcp[1]!.events.failed('unreachable');
    const [error] = guest.takeIp();
    expect([error!.protocol, error!.payload.slice(0, 2)]).toEqual([1, [3, 1]]);
    expect(error!.payload.slice(28, 32)).toEqual([...be16(40000), ...be16(80)]);
    expect(guest.network.conversations).toBe(0);
  });
  it('refuses forbidden places, and everything when restricted', () => {
    for (const destination of [[127, 0, 0, 1], [224, 0, 0, 1], [10, 0, 2, 77], NAME_SERVER])
      new TcpPeer(guest, destination, 80).send(SYN);
    expect(guest.takeSegments().map((segment) => segment.flags)).toEqual(new Array(4).fill(RST | ACK));
    guest = new TestGuest({ restrict: true });
    guest.announce();
    new TcpPeer(guest, GATEWAY, 80).send(SYN);
    expect(guest.takeSegments().map((segment) => segment.flags)).toEqual([RST | ACK]);
    expect(guest.host.tcp).toEqual([]);
  });
  it('answers segments of no connection with a reset, and resets with nothing', () => {
    peer.expected = 77;
    peer.send(ACK, [1, 2]);
    expect(guest.takeSegments()).toMatchObject([{ flags: RST, sequence: 77 }]);
    peer.send(FIN);
    expect(guest.takeSegments()).toMatchObject([{ flags: RST | ACK, acknowledgement: 1003 }]);
    peer.send(RST);
    expect(guest.takeSegments()).toEqual([]);
  });
  it('has at most 256 connections', () => {
    for (let port = 1; port <= 300; port++) new TcpPeer(guest, GATEWAY, 80, port).send(SYN);
    expect([guest.network.conversations, guest.host.tcp.length]).toEqual([256, 256]);
    expect(guest.takeSegments()).toHaveLength(44);
  });
});

describe('from guest to host', () => {
  it('passes data on in order, once, and acknowledges it', () => {
    const socket = peer.open();
    peer.send(ACK | PSH, [1, 2, 3]);
    peer.sendAt(1001, ACK, [1, 2, 3]);
    peer.sendAt(1002, ACK, [2, 3, 4, 5]);
    peer.sendAt(1010, ACK, [9]);
    expect(socket.written).toEqual([1, 2, 3, 4, 5]);
    expect(guest.takeSegments().map((segment) => segment.acknowledgement)).toEqual([1004, 1004, 1006, 1006]);
  });
  it('closes the window while the host does not take the data, and opens it again', () => {
    const socket = peer.open();
    socket.buffered = 65535;
    peer.send(ACK, [1]);
    // What was promised stays promised.
    expect(guest.takeSegments()[0]!.window).toBe(65534);
    for (let left = 65534; left > 0; left -= Math.min(left, 1000))
      peer.send(ACK, new Array<number>(Math.min(left, 1000)).fill(1));
    expect(guest.takeSegments().at(-1)!.window).toBe(0);
    peer.send(ACK, [2]);
    expect(socket.written).toHaveLength(65535);
    expect(guest.takeSegments()[0]!.acknowledgement).toBe(1001 + 65535);
    socket.buffered = 0;
    socket.events.drained();
    expect(guest.takeSegments().map((segment) => segment.window)).toEqual([65535]);
  });
  it('ends one direction and keeps the other', () => {
    const socket = peer.open();
    peer.send(ACK | FIN, [1]);
    expect([socket.written, socket.told]).toEqual([[1], ['end']]);
    expect(guest.takeSegments()[0]!.acknowledgement).toBe(1003);
    socket.events.data(Uint8Array.of(5, 6));
    socket.events.ended();
    peer.settle();
    expect([peer.received, peer.finished, guest.network.conversations]).toEqual([[5, 6], true, 0]);
    expect(socket.told).toEqual(['end']);
  });
  it("cuts the host's connection when the guest resets, but not for a reset from elsewhere", () => {
    const socket = peer.open();
    peer.sendAt(peer.sequence + 100_000, RST | ACK);
    expect(socket.told).toEqual([]);
    peer.send(RST | ACK);
    expect([socket.told, guest.network.conversations]).toEqual([['reset'], 0]);
    socket.events.data(Uint8Array.of(1));
    socket.events.failed('broken');
    expect(guest.takeSegments()).toEqual([]);
  });
});

describe('from host to guest', () => {
  it('delivers a stream whole, through any window and segment size', () => {
    const bytes = pattern(300_000);
    for (const [window, size, options] of [
      [65535, 1460, [2, 4, ...be16(1460)]],
      [1000, 1460, [2, 4, ...be16(1460)]],
      [65535, 536, []],
      [4000, 100, [2, 4, ...be16(100), 1, 3, 3, 4]],
    ] as const) {
      guest = new TestGuest();
      guest.announce();
      peer = new TcpPeer(guest, GATEWAY, 80);
      peer.window = window;
      const socket = peer.open(options);
      for (let at = 0; at < bytes.length; at += 50_000) {
        socket.events.data(bytes.slice(at, at + 50_000));
        for (const frame of guest.frames) expect(frame.length - 54).toBeLessThanOrEqual(size);
        peer.settle();
      }
      socket.events.ended();
      peer.settle();
      expect(peer.received.length).toBe(bytes.length);
      expect(peer.received.every((byte, i) => byte === bytes[i])).toBe(true);
      expect(peer.finished).toBe(true);
    }
  });
  it('sends no more than the window, also when it is scaled', () => {
    peer.window = 100;
    const socket = peer.open([1, 3, 3, 2, 2, 4, ...be16(1460)]);
    socket.events.data(pattern(10_000));
    const sent = guest.takeSegments().reduce((sum, segment) => sum + segment.payload.length, 0);
    expect(sent).toBe(400);
  });
  it('sends again what is not acknowledged, ever more slowly, and gives up in the end', () => {
    const socket = peer.open();
    socket.events.data(pattern(100));
    const [first] = guest.takeSegments();
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      guest.pass(guest.network.deadline() - guest.clock.time);
      times.push(guest.clock.time);
      expect(guest.takeSegments().map((segment) => segment.sequence)).toEqual([first!.sequence]);
    }
    expect(times.map((time, i) => (time - (times[i - 1] ?? 0)) / 1e6)).toEqual([500, 1000, 2000]);
    guest.pass(300e9);
    expect(guest.takeSegments().at(-1)!.flags).toBe(RST | ACK);
    expect([socket.told, guest.network.conversations]).toEqual([['reset'], 0]);
  });
  it('sends a lost segment again after three duplicates, without waiting', () => {
    const socket = peer.open();
    socket.events.data(pattern(14_600));
    const [lost] = guest.takeSegments();
    for (let i = 0; i < 3; i++) peer.send(ACK);
    const [again] = guest.takeSegments();
    expect(again).toEqual(lost);
    expect(guest.clock.time).toBe(0);
  });
  it('asks whether a closed window has opened, as long as the guest answers', () => {
    const socket = peer.open();
    peer.window = 0;
    peer.send(ACK);
    socket.events.data(pattern(3000));
    expect(guest.takeSegments()).toEqual([]);
    for (let i = 0; i < 20; i++) {
      guest.pass(guest.network.deadline() - guest.clock.time);
      expect(guest.takeSegments().map((segment) => segment.payload.length)).toEqual([1]);
      peer.send(ACK);
    }
    expect(socket.told).toEqual([]);
    peer.window = 65535;
    peer.send(ACK);
    peer.settle();
    expect(peer.received).toEqual([...pattern(3000)]);
  });
  it('stops a host that is faster than the guest', () => {
    const socket = peer.open();
    for (let i = 0; i < 6; i++) socket.events.data(pattern(50_000));
    expect(socket.told).toEqual(['pause']);
    peer.settle();
    expect([socket.told, peer.received.length]).toEqual([['pause', 'resume'], 300_000]);
  });
  it("tells the guest when the host's connection breaks", () => {
    const socket = peer.open();
    socket.events.failed('broken');
    peer.settle();
    expect([peer.reset, guest.network.conversations]).toEqual([true, 0]);
  });
  it('survives a cable that loses frames', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 20, maxLength: 60 }), (luck) => {
        guest = new TestGuest();
        guest.announce();
        peer = new TcpPeer(guest, GATEWAY, 80);
        const socket = peer.open();
        const bytes = pattern(40_000);
        socket.events.data(bytes);
        socket.events.ended();
        for (const works of luck) {
          if (!works) guest.frames = [];
          peer.settle();
          guest.pass(Math.max(0, Math.min(guest.network.deadline() - guest.clock.time, 60e9)));
        }
        for (let i = 0; i < 40 && !peer.finished; i++) {
          peer.settle();
          guest.pass(2e9);
        }
        if (!peer.reset) expect(peer.received.length).toBe(bytes.length);
        expect(peer.received.every((byte, i) => byte === bytes[i])).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a connection forwarded to the guest', () => {
  const accepted = (): PlayedTcp => {
    const socket = new PlayedTcp('', 0, undefined as never);
    socket.events = guest.network.acceptTcp(socket, { address: 0x0a00020f, port: 22 })!;
    return socket;
  };
  const answer = (flags: number, sequence: number, acknowledgement: number, port: number): void => {
    const message = [
      ...[...be16(22), ...be16(port), ...be32(sequence), ...be32(acknowledgement)],
      ...[0x50, flags, ...be16(5000), 0, 0, 0, 0],
    ];
    guest.sendIp(ipPacket(6, GUEST, GATEWAY, sealed(6, GUEST, GATEWAY, message)));
  };

  it('comes from the gateway and carries data both ways', () => {
    const socket = accepted();
    socket.events.data(Uint8Array.of(1, 2));
    const [syn] = guest.takeSegments();
    expect([syn!.flags, syn!.port, syn!.sourcePort >= 49152]).toEqual([SYN, 22, true]);
    answer(SYN | ACK, 500, syn!.sequence + 1, syn!.sourcePort);
    const segments = guest.takeSegments();
    expect(segments.at(-1)).toMatchObject({ acknowledgement: 501 });
    expect(segments.flatMap((segment) => segment.payload)).toEqual([1, 2]);
  });
  it('is called again while the guest is silent, and dropped if it never answers', () => {
    const socket = accepted();
    guest.pass(1.6e9);
    expect(guest.takeSegments().map((segment) => segment.flags)).toEqual([SYN, SYN, SYN]);
    guest.pass(300e9);
    expect([socket.told, guest.network.conversations]).toEqual([['reset'], 0]);
  });
  it('is cut when the guest refuses', () => {
    const socket = accepted();
    const [syn] = guest.takeSegments();
    answer(RST | ACK, 0, syn!.sequence + 1, syn!.sourcePort);
    expect([socket.told, guest.network.conversations]).toEqual([['reset'], 0]);
  });
  it('is reset when the guest acknowledges something else', () => {
    accepted();
    const [syn] = guest.takeSegments();
    answer(SYN | ACK, 500, syn!.sequence + 9, syn!.sourcePort);
    expect(guest.takeSegments()).toMatchObject([{ flags: RST, sequence: syn!.sequence + 9 }]);
  });
  it('ends with the machine', () => {
    const socket = accepted();
    guest.frames = [];
    const other = new TcpPeer(guest, GATEWAY, 80).open();
    guest.network.reset();
    expect([socket.told, other.told, guest.network.deadline()]).toEqual([['reset'], ['reset'], Infinity]);
  });
});

describe('malformed segments', () => {
  it('never throw, and what is sent is well-formed', () => {
    const segment = fc.record({
      offset: fc.integer({ min: -70_000, max: 70_000 }),
      acknowledgement: fc.integer({ min: -3, max: 3 }),
      flags: fc.integer({ min: 0, max: 63 }),
      window: fc.constantFrom(0, 1, 100, 65535),
      options: fc
        .array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 })
        .map((o) => o.slice(0, o.length & ~3)),
      payload: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }),
      event: fc.constantFrom('none', 'data', 'ended', 'failed', 'drained', 'connected', 'time'),
    });
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 40 }), (segments) => {
        guest = new TestGuest();
        guest.announce();
        peer = new TcpPeer(guest, GATEWAY, 80);
        const socket = peer.open();
        for (const { offset, acknowledgement, flags, window, options, payload, event } of segments) {
          peer.window = window;
          peer.expected += acknowledgement;
          peer.sendAt((peer.sequence + (flags & 1 ? 0 : offset)) >>> 0, flags, payload, options);
          if (event === 'data') socket.events.data(pattern(3000));
          else if (event === 'failed') socket.events.failed('broken');
          else if (event === 'time') guest.pass(3e9);
          else if (event !== 'none') socket.events[event]();
          for (const frame of guest.frames)
            if (read16(frame, 12) === 0x0800) decodeSegment([...frame.slice(34)]);
          guest.takeIp();
        }
        guest.pass(400e9);
        expect(guest.network.deadline()).toBeGreaterThan(guest.clock.time);
      }),
      { numRuns: 300 },
    );
  });
});
