import { expect, it } from 'vitest';
import { DebugExit } from '../../src/devices/debug-exit.js';
import { DebugPort } from '../../src/devices/debug-port.js';
import { DmaPage } from '../../src/devices/dma-page.js';
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

it('port E9 reads as E9 and passes bytes on', () => {
  const bytes: number[] = [];
  const ports = portsOf(new DebugPort((byte) => bytes.push(byte)));
  ports.out(0xe9, 0x41);
  expect([ports.in(0xe9), bytes]).toEqual([0xe9, [0x41]]);
});

it('debug exit makes an odd status', () => {
  const statuses: number[] = [];
  const ports = portsOf(new DebugExit((status) => statuses.push(status)));
  ports.out(0xf4, 0);
  ports.out(0xf4, 0x10);
  expect(statuses).toEqual([1, 0x21]);
});

it('DMA page registers read back', () => {
  const ports = portsOf(new DmaPage());
  ports.out(0x80, 0x77);
  ports.out(0x8f, 0x12);
  expect([ports.in(0x80), ports.in(0x8f)]).toEqual([0x77, 0x12]);
});
