import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  BROADCAST_MAC,
  GATEWAY,
  GATEWAY_MAC,
  GUEST,
  GUEST_MAC,
  NAME_SERVER,
  TestGuest,
  be16,
  be32,
  decodeIp,
  internetChecksum,
  ipPacket,
  read16,
  read32,
  udpPacket,
} from './guest.js';

let guest: TestGuest;
beforeEach(() => {
  guest = new TestGuest();
});

const arp = (operation: number, sender: readonly number[], target: readonly number[]): number[] => [
  ...[0, 1, 8, 0, 6, 4, 0, operation, ...GUEST_MAC, ...sender],
  ...[0, 0, 0, 0, 0, 0, ...target],
];

describe('ARP', () => {
  it('answers for gateway and name server, not for others', () => {
    guest.sendFrame(0x0806, arp(1, GUEST, GATEWAY), BROADCAST_MAC);
    guest.sendFrame(0x0806, arp(1, GUEST, NAME_SERVER), BROADCAST_MAC);
    guest.sendFrame(0x0806, arp(1, GUEST, [10, 0, 2, 4]), BROADCAST_MAC);
    guest.sendFrame(0x0806, arp(1, GUEST, GUEST), BROADCAST_MAC);
    const replies = guest.take();
    expect(replies.map((frame) => [frame.type, frame.destination])).toEqual([
      [0x0806, GUEST_MAC],
      [0x0806, GUEST_MAC],
    ]);
    expect(replies[0]!.payload).toEqual([
      ...[0, 1, 8, 0, 6, 4, 0, 2, ...GATEWAY_MAC, ...GATEWAY],
      ...[...GUEST_MAC, ...GUEST],
    ]);
  });
  it('asks for a guest it does not know, and then sends what waited', () => {
    const peer = { buffered: 0, write() {}, end() {}, reset() {}, pause() {}, resume() {} };
    guest.network.acceptTcp(peer, { address: 0x0a00020f, port: 80 });
    const [question, ...others] = guest.take();
    expect([question!.type, question!.destination, others.length]).toEqual([0x0806, BROADCAST_MAC, 0]);
    expect(question!.payload.slice(24)).toEqual(GUEST);
    guest.sendFrame(0x0806, arp(2, GUEST, GATEWAY));
    const [syn] = guest.takeIp();
    expect([syn!.source, syn!.protocol, syn!.payload[13]]).toEqual([GATEWAY, 6, 2]);
  });
});

describe('ICMP', () => {
  const echo = (length: number): number[] => {
    const message = [8, 0, 0, 0, 0x11, 0x22, 0, 7, ...Array.from({ length }, (_, i) => i & 255)];
    message.splice(2, 2, ...be16(internetChecksum(message)));
    return message;
  };
  it('echoes for the gateway and the name server', () => {
    for (const destination of [GATEWAY, NAME_SERVER]) {
      guest.sendIp(ipPacket(1, GUEST, destination, echo(57)));
      const [reply] = guest.takeIp();
      expect([reply!.source, reply!.destination]).toEqual([destination, GUEST]);
      expect(reply!.payload.slice(0, 2)).toEqual([0, 0]);
      expect(reply!.payload.slice(4)).toEqual(echo(57).slice(4));
    }
  });
  it('says that the rest of the world cannot be reached by ICMP, quoting the packet', () => {
    const packet = ipPacket(1, GUEST, [192, 0, 2, 1], echo(8));
    guest.sendIp(packet);
    const [reply] = guest.takeIp();
    expect(reply!.payload.slice(0, 2)).toEqual([3, 13]);
    expect(reply!.payload.slice(8)).toEqual(packet.slice(0, 28));
  });
  it('puts fragments together in any order, and sends large answers in fragments', () => {
    const message = echo(3000);
    const pieces = [
      ipPacket(1, GUEST, GATEWAY, message.slice(0, 1480), 0x2000),
      ipPacket(1, GUEST, GATEWAY, message.slice(1480, 2960), 0x2000 | 185),
      ipPacket(1, GUEST, GATEWAY, message.slice(2960), 370),
    ];
    for (const index of [2, 0, 1]) guest.sendIp(pieces[index]!);
    const packets = guest.take().map((frame) => frame.payload);
    expect(packets.map((packet) => read16(packet, 6))).toEqual([0x2000, 0x2000 | 185, 370]);
    const whole = packets.flatMap((packet) => decodeIp(packet).payload);
    expect(whole.slice(4)).toEqual(message.slice(4));
  });
  it('forgets fragments that never become whole, and those that contradict each other', () => {
    const message = echo(1472);
    const last = (fragment: number): number[] => ipPacket(1, GUEST, GATEWAY, message.slice(1480), fragment);
    guest.sendIp(ipPacket(1, GUEST, GATEWAY, message.slice(0, 1480), 0x2000));
    guest.clock.time += 16e9;
    guest.sendIp(last(185));
    expect(guest.takeIp()).toEqual([]);
    guest.sendIp(last(100));
    guest.sendIp(ipPacket(1, GUEST, GATEWAY, message.slice(0, 1480), 0x2000));
    expect(guest.takeIp()).toEqual([]);
  });
});

describe('DHCP', () => {
  const COOKIE = [0x63, 0x82, 0x53, 0x63];
  const request = (
    options: readonly number[],
    {
      flags = 0,
      client = [0, 0, 0, 0],
      station = GUEST_MAC,
    }: { flags?: number; client?: number[]; station?: number[] } = {},
  ): number[] => [
    ...[1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef, 0, 3, ...be16(flags), ...client],
    ...new Array<number>(12).fill(0),
    ...station,
    ...new Array<number>(10 + 64 + 128).fill(0),
    ...[...COOKIE, ...options, 255],
  ];
  const ask = (message: number[], source = [0, 0, 0, 0], destination = [255, 255, 255, 255]): void =>
    guest.sendFrame(0x0800, udpPacket(source, 68, destination, 67, message), BROADCAST_MAC);
  const optionsOf = (payload: readonly number[]): Map<number, readonly number[]> => {
    const found = new Map<number, readonly number[]>();
    for (let at = 240; payload[at] !== 255; at += 2 + payload[at + 1]!)
      found.set(payload[at]!, payload.slice(at + 2, at + 2 + payload[at + 1]!));
    return found;
  };

  it('offers 10.0.2.15 and confirms it', () => {
    ask(request([53, 1, 1]));
    const [frame] = guest.take();
    const offer = decodeIp(frame!.payload);
    expect([frame!.destination, offer.source, offer.destination]).toEqual([GUEST_MAC, GATEWAY, GUEST]);
    const bootp = offer.payload.slice(8);
    expect(bootp.slice(0, 8)).toEqual([2, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef]);
    expect([bootp.slice(16, 20), bootp.slice(28, 34)]).toEqual([GUEST, GUEST_MAC]);
    const options = optionsOf(bootp);
    expect([53, 54, 1, 3, 6, 51].map((code) => options.get(code))).toEqual([
      ...[[2], GATEWAY, [255, 255, 255, 0], GATEWAY, NAME_SERVER, be32(86400)],
    ]);
    ask(request([53, 1, 3, 54, 4, ...GATEWAY, 50, 4, ...GUEST]));
    expect(optionsOf(guest.takeIp()[0]!.payload.slice(8)).get(53)).toEqual([5]);
  });
  it('broadcasts to those who ask for it, and refuses other addresses', () => {
    ask(request([53, 1, 1], { flags: 0x8000 }));
    const [frame] = guest.take();
    expect([frame!.destination, decodeIp(frame!.payload).destination]).toEqual([
      BROADCAST_MAC,
      [255, 255, 255, 255],
    ]);
    ask(request([53, 1, 3, 50, 4, 10, 0, 2, 99]));
    const [refusal] = guest.takeIp();
    expect(optionsOf(refusal!.payload.slice(8)).get(53)).toEqual([6]);
    ask(request([53, 1, 3, 54, 4, 10, 0, 2, 9, 50, 4, ...GUEST]));
    expect(guest.take()).toEqual([]);
  });
  it('renews, informs, answers BOOTP, gives the next station the next address', () => {
    ask(request([53, 1, 3], { client: GUEST }), GUEST, GATEWAY);
    expect(optionsOf(guest.takeIp()[0]!.payload.slice(8)).get(53)).toEqual([5]);
    ask(request([53, 1, 8], { client: GUEST }), GUEST);
    const inform = guest.takeIp()[0]!.payload.slice(8);
    expect([inform.slice(16, 20), optionsOf(inform).has(51)]).toEqual([[0, 0, 0, 0], false]);
    ask(request([]));
    const bootp = guest.takeIp()[0]!.payload.slice(8);
    expect([bootp.slice(16, 20), optionsOf(bootp).has(53)]).toEqual([GUEST, false]);
    ask(request([53, 1, 1], { station: [2, 0, 0, 0, 0, 1] }));
    expect(guest.takeIp()[0]!.payload.slice(24, 28)).toEqual([10, 0, 2, 16]);
  });
  it('names a boot file', () => {
    guest = new TestGuest({ bootFile: 'http://10.0.2.2/boot' });
    ask(request([53, 1, 1]));
    const bootp = guest.takeIp()[0]!.payload.slice(8);
    const name = [...new TextEncoder().encode('http://10.0.2.2/boot')];
    expect([bootp.slice(108, 129), optionsOf(bootp).get(67)]).toEqual([[...name, 0], name]);
  });
});

describe('UDP', () => {
  it('reaches the host by way of the gateway, and answers come from there', () => {
    guest.announce();
    guest.sendIp(udpPacket(GUEST, 5000, GATEWAY, 7000, [1, 2, 3]));
    const [socket] = guest.host.udp;
    expect(socket!.loopback).toBe(true);
    expect(socket!.sent).toEqual([{ bytes: [1, 2, 3], address: '127.0.0.1', port: 7000 }]);
    socket!.received(Uint8Array.of(9, 8), '127.0.0.1', 7001);
    const [answer] = guest.takeIp();
    expect([answer!.source, answer!.destination, answer!.protocol]).toEqual([GATEWAY, GUEST, 17]);
    expect(answer!.payload.slice(0, 4)).toEqual([...be16(7001), ...be16(5000)]);
    expect(answer!.payload.slice(8)).toEqual([9, 8]);
  });
  it('takes answers of the world only from those the guest spoke to', () => {
    guest.announce();
    guest.sendIp(udpPacket(GUEST, 5000, [192, 0, 2, 1], 123, [1]));
    guest.sendIp(udpPacket(GUEST, 5000, [192, 0, 2, 2], 123, [1]));
    expect(guest.host.udp.map((socket) => socket.loopback)).toEqual([false]);
    const [socket] = guest.host.udp;
    socket!.received(Uint8Array.of(5), '192.0.2.2', 123);
    expect(guest.takeIp().map((packet) => packet.source)).toEqual([[192, 0, 2, 2]]);
    socket!.received(Uint8Array.of(5), '192.0.2.3', 123);
    socket!.received(Uint8Array.of(5), '127.0.0.1', 123);
    expect(guest.takeIp()).toEqual([]);
  });
  it('sends nothing to loopback, multicast, "this network" or neighbours that do not exist', () => {
    const forbidden = [
      [127, 0, 0, 1],
      [0, 0, 0, 0],
      [224, 0, 0, 1],
      [255, 255, 255, 255],
      [10, 0, 2, 200],
    ];
    for (const destination of forbidden) guest.sendIp(udpPacket(GUEST, 5000, destination, 9, [1]));
    guest.sendIp(udpPacket([192, 0, 2, 9], 5000, GATEWAY, 9, [1]));
    guest.sendIp(udpPacket(GATEWAY, 5000, GATEWAY, 9, [1]));
    expect(guest.host.udp).toEqual([]);
  });
  it('forgets silent conversations and the oldest of too many', () => {
    guest.sendIp(udpPacket(GUEST, 1, GATEWAY, 9, [1]));
    guest.pass(59e9);
    expect(guest.host.udp[0]!.closed).toBe(false);
    guest.pass(2e9);
    expect([guest.host.udp[0]!.closed, guest.network.conversations]).toEqual([true, 0]);
    for (let port = 1; port <= 200; port++) guest.sendIp(udpPacket(GUEST, port, GATEWAY, 9, [1]));
    expect(guest.network.conversations).toBe(128);
    expect(guest.host.udp.filter((socket) => !socket.closed)).toHaveLength(128);
    guest.network.reset();
    expect(guest.host.udp.every((socket) => socket.closed)).toBe(true);
  });
  it('delivers datagrams that need fragments', () => {
    guest.announce();
    guest.sendIp(udpPacket(GUEST, 5000, GATEWAY, 9, [1]));
    guest.host.udp[0]!.received(new Uint8Array(4000).fill(7), '127.0.0.1', 9);
    const packets = guest.take().map((frame) => frame.payload);
    expect(packets.map((packet) => packet.length)).toEqual([1500, 1500, 1068]);
    guest.host.udp[0]!.received(new Uint8Array(65535), '127.0.0.1', 9);
    expect(guest.take()).toEqual([]);
  });
});

describe('names', () => {
  const query = (id: number): number[] => [...be16(id), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 0, 0, 1, 0, 1];
  it("relays queries to the host's server; only that server's answers come back", () => {
    guest.announce();
    guest.sendIp(udpPacket(GUEST, 4000, NAME_SERVER, 53, query(7)));
    const [socket] = guest.host.udp;
    expect(socket!.sent).toEqual([{ bytes: query(7), address: '192.0.2.53', port: 53 }]);
    socket!.received(Uint8Array.of(1), '192.0.2.53', 54);
    expect(guest.takeIp()).toEqual([]);
    socket!.received(Uint8Array.of(1), '192.0.2.53', 53);
    const [answer] = guest.takeIp();
    expect([answer!.source, read16(answer!.payload, 0)]).toEqual([NAME_SERVER, 53]);
  });
  it('asks the next server when a query is repeated', () => {
    guest.host.resolvers = [
      { address: '192.0.2.53', port: 53 },
      { address: '127.0.0.53', port: 5353 },
    ];
    for (const id of [7, 7, 8]) guest.sendIp(udpPacket(GUEST, 4000, NAME_SERVER, 53, query(id)));
    const asked = guest.host.udp.flatMap((socket) =>
      socket.sent.map((sent) => `${sent.address}:${sent.port}`),
    );
    expect(asked).toEqual(['192.0.2.53:53', '127.0.0.53:5353', '127.0.0.53:5353']);
  });
  it('says that it failed when the host has no server', () => {
    guest.announce();
    guest.host.resolvers = [];
    guest.sendIp(udpPacket(GUEST, 4000, NAME_SERVER, 53, query(7)));
    const [answer] = guest.takeIp();
    expect(answer!.payload.slice(8, 12)).toEqual([0, 7, 0x81, 0x82]);
  });
});

describe('a restricted network', () => {
  it('gives addresses and echoes, and opens no socket', () => {
    guest = new TestGuest({ restrict: true });
    guest.announce();
    guest.sendIp(udpPacket(GUEST, 5000, GATEWAY, 9, [1]));
    guest.sendIp(udpPacket(GUEST, 5000, [192, 0, 2, 1], 9, [1]));
    guest.sendIp(udpPacket(GUEST, 5000, NAME_SERVER, 53, new Array<number>(20).fill(0)));
    expect(guest.takeIp().map((packet) => packet.payload.slice(0, 2))).toEqual([
      [3, 3],
      [3, 13],
      [3, 3],
    ]);
    expect(guest.host.udp).toEqual([]);
  });
});

describe('malformed frames', () => {
  it('never throw and never open more than they may', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    const noise = fc.array(byte, { maxLength: 120 });
    const ipLike = fc
      .record({
        protocol: fc.constantFrom(1, 6, 17, 50),
        destination: fc.constantFrom(GATEWAY, NAME_SERVER, [192, 0, 2, 1], [255, 255, 255, 255]),
        payload: noise,
        fragment: fc.integer({ min: 0, max: 0xffff }),
      })
      .map(({ protocol, destination, payload, fragment }) =>
        ipPacket(protocol, GUEST, destination, payload, fragment),
      );
    const message = fc
      .record({
        port: fc.constantFrom(53, 67, 9),
        payload: fc.array(byte, { maxLength: 400 }),
        cookie: fc.boolean(),
      })
      .map(({ port, payload, cookie }) => {
        const body = [...payload];
        if (cookie && body.length > 244) {
          body.splice(0, 3, 1, 1, 6);
          body.splice(236, 4, 0x63, 0x82, 0x53, 0x63);
        }
        return udpPacket(GUEST, 68, port === 53 ? NAME_SERVER : GATEWAY, port, body);
      });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(0x0800, 0x0806, 0x86dd), fc.oneof(noise, ipLike, message)), {
          maxLength: 40,
        }),
        (frames) => {
          guest = new TestGuest();
          for (const [type, payload] of frames) {
            guest.sendFrame(type, payload);
            guest.network.transmit(Uint8Array.from(payload));
          }
          guest.pass(1e9);
          expect(guest.network.conversations).toBeLessThanOrEqual(256 + 128);
          expect(guest.frames.every((frame) => frame.length <= 1514)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
  it('with wrong lengths or checksums are not answered', () => {
    const good = ipPacket(1, GUEST, GATEWAY, [8, 0, 0xf7, 0xff, 0, 0, 0, 0]);
    guest.announce();
    guest.sendIp(good);
    expect(guest.takeIp()).toHaveLength(1);
    for (let at = 0; at < good.length; at++) {
      const bad = [...good];
      bad[at]! ^= 0x10;
      guest.sendIp(bad);
    }
    guest.sendIp(good.slice(0, 27));
    expect(guest.takeIp()).toEqual([]);
    expect(read32([0, 0, 1, 0], 0)).toBe(256);
  });
});
