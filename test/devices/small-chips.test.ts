import { expect, it } from 'vitest';
import { DebugExit } from '../../src/devices/debug-exit.js';
import { DebugPort } from '../../src/devices/debug-port.js';
import { ParallelPort } from '../../src/devices/parallel-port.js';
import { Port92 } from '../../src/devices/port92.js';
import { portsOf, RecordedWire } from '../hv/fakes.js';

it('port 92 gates A20 and resets on the rising edge of bit 0', () => {
  const a20 = new RecordedWire();
  let resets = 0;
  const ports = portsOf(new Port92(a20.set, () => resets++));
  ports.out(0x92, 2);
  expect([a20.level, ports.in(0x92), resets]).toEqual([true, 2, 0]);
  ports.out(0x92, 1);
  expect([a20.level, ports.in(0x92), resets]).toEqual([false, 0, 1]);
});

it('ports E9 and 402 read as E9 and pass bytes on', () => {
  const bytes: number[] = [];
  const ports = portsOf(new DebugPort((byte) => bytes.push(byte)));
  ports.out(0xe9, 0x41);
  ports.out(0x402, 0x42);
  expect([ports.in(0xe9), ports.in(0x402), bytes]).toEqual([0xe9, 0xe9, [0x41, 0x42]]);
});

it('debug exit makes an odd status', () => {
  const statuses: number[] = [];
  const ports = portsOf(new DebugExit((status) => statuses.push(status)));
  ports.out(0xf4, 0);
  ports.out(0xf4, 0x10);
  expect(statuses).toEqual([1, 0x21]);
});

it('a parallel port without a printer is there and keeps what is written', () => {
  const ports = portsOf(new ParallelPort());
  ports.out(0x378, 0xaa);
  ports.out(0x37a, 0xff);
  ports.out(0x379, 0);
  expect([ports.in(0x378), ports.in(0x379), ports.in(0x37a)]).toEqual([0xaa, 0xdf, 0xff]);
});
